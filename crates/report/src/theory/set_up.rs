//! Set-up: round trips until a connection is of use.

use wirecost_model::TransportKind;
use wirecost_model::plan::ArmConfig;
use wirecost_model::scenario::TlsVersion;

/// Round trips of the TCP handshake.
pub const TCP: u32 = 1;

/// Round trips of a full TLS handshake: 1 for TLS 1.3, 2 for TLS 1.2.
pub fn tls(version: TlsVersion) -> u32 {
    match version {
        TlsVersion::V13 => 1,
        TlsVersion::V12 => 2,
    }
}

/// Round trips until the first pushed byte of a message that is already there: TCP, TLS, and one for the request or upgrade
/// and its answer. The same for all five transports.
pub fn first_byte(arm: &ArmConfig) -> u32 {
    let request = match arm.transport {
        TransportKind::ShortPoll
        | TransportKind::LongPoll
        | TransportKind::HttpStream
        | TransportKind::Sse
        | TransportKind::Websocket => 1,
    };
    TCP + arm.tls.map_or(0, |options| tls(options.version)) + request
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use wirecost_model::scenario::TlsOptions;

    #[test]
    fn every_transport_pushes_its_first_byte_after_two_round_trips_and_tls_adds_its_own() {
        for cell in &fixture::run().record.plan.cells {
            let mut arm = cell.config.clone();
            assert_eq!(first_byte(&arm), 2);
            arm.tls = Some(TlsOptions::default());
            assert_eq!(first_byte(&arm), 3);
            arm.tls = Some(TlsOptions { version: TlsVersion::V12, ..TlsOptions::default() });
            assert_eq!(first_byte(&arm), 4);
        }
    }
}
