//! Set-up: round trips until a connection is of use.

use wirecost_model::TransportKind;
use wirecost_model::plan::ArmConfig;
use wirecost_model::scenario::{Engine, TlsVersion};

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
/// and its answer. One more for Socket.IO, whose client asks for its namespace when the session is open; Engine.IO 3 grants the
/// main one with the session.
pub fn first_byte(arm: &ArmConfig) -> u32 {
    let request = match arm.transport {
        TransportKind::ShortPoll
        | TransportKind::LongPoll
        | TransportKind::HttpStream
        | TransportKind::Sse
        | TransportKind::Websocket => 1,
        TransportKind::SocketIo if arm.engine == Engine::V3 && arm.namespace.as_deref() == Some("/") => 1,
        TransportKind::SocketIo => 2,
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

    #[test]
    fn socket_io_asks_twice_unless_the_server_grants_the_namespace_unasked() {
        let arm = |options: &str| {
            let yaml = format!("name: a\nquestion: b\nworkload: {{ idle: {{}} }}\narms: [{{ socket_io: {{ {options} }} }}]\n");
            wirecost_model::scenario::load(&yaml).unwrap().variants[0].config.clone()
        };
        assert_eq!(first_byte(&arm("via: [websocket]")), 3);
        assert_eq!(first_byte(&arm("tls: on")), 4);
        assert_eq!(first_byte(&arm("engine: 3")), 2);
        assert_eq!(first_byte(&arm("engine: 3, namespace: /chat")), 3);
    }
}
