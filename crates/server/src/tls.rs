//! TLS as a scenario pins it: one protocol version, one key exchange group, resumption or none, and a certificate made when
//! the server starts. Named because libraries' defaults differ by kilobytes a connection.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, Ticketer, kx_group};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{HandshakeKind, ProtocolVersion, ServerConfig, ServerConnection};
use tokio_rustls::TlsAcceptor;
use wirecost_model::scenario::{KeyExchange, TlsOptions, TlsVersion};

/// Names that the certificate is for.
const NAMES: [&str; 3] = ["127.0.0.1", "::1", "localhost"];

/// Tickets that a TLS 1.3 session gets, if it may be resumed: as many as libraries send.
const TICKETS: usize = 2;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No certificate.
    #[error("the certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// An impossible combination, or no random numbers.
    #[error("TLS cannot be set up: {0}")]
    Rustls(#[from] rustls::Error),
    /// TLS 1.2 has no such group.
    #[error("x25519mlkem768 needs TLS 1.3")]
    HybridNeedsV13,
}

/// What accepts connections, and what clients must trust.
#[derive(Clone)]
pub struct TlsSetup {
    /// Accepts.
    pub acceptor: TlsAcceptor,
    /// The certificate, DER.
    pub certificate_der: Vec<u8>,
}

impl std::fmt::Debug for TlsSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsSetup").field("certificate_bytes", &self.certificate_der.len()).finish_non_exhaustive()
    }
}

impl TlsSetup {
    /// Makes a key and a certificate for it, and pins everything that can be pinned.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(options: TlsOptions) -> Result<TlsSetup, TlsError> {
        let group = match (options.kx, options.version) {
            (KeyExchange::X25519, _) => kx_group::X25519,
            (KeyExchange::X25519mlkem768, TlsVersion::V13) => kx_group::X25519MLKEM768,
            (KeyExchange::X25519mlkem768, TlsVersion::V12) => return Err(TlsError::HybridNeedsV13),
        };
        let version = match options.version {
            TlsVersion::V13 => &rustls::version::TLS13,
            TlsVersion::V12 => &rustls::version::TLS12,
        };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = CertificateParams::new(NAMES.map(String::from))?.self_signed(&key)?;
        let certificate_der = certificate.der().to_vec();
        let provider = CryptoProvider { kx_groups: vec![group], ..aws_lc_rs::default_provider() };
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])?
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(certificate_der.clone())],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        if options.resume {
            config.ticketer = Ticketer::new()?;
            config.send_tls13_tickets = TICKETS;
        }
        Ok(TlsSetup { acceptor: TlsAcceptor::from(Arc::new(config)), certificate_der })
    }
}

/// What was agreed on: `TLS 1.3 X25519 full`.
pub fn negotiated(connection: &ServerConnection) -> String {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS ?",
    };
    // A resumed TLS 1.2 session exchanges no keys.
    let group = match connection.negotiated_key_exchange_group() {
        Some(group) => format!("{:?}", group.name()),
        None => "no group".to_string(),
    };
    let kind = match connection.handshake_kind() {
        Some(HandshakeKind::Full) => "full",
        Some(HandshakeKind::FullWithHelloRetryRequest) => "full after a retry",
        Some(HandshakeKind::Resumed) => "resumed",
        None => "incomplete",
    };
    format!("{version} {group} {kind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_combinations_are_refused() {
        let options = |version, kx| TlsOptions { version, kx, resume: true };
        assert!(TlsSetup::new(options(TlsVersion::V13, KeyExchange::X25519mlkem768)).is_ok());
        assert!(TlsSetup::new(options(TlsVersion::V12, KeyExchange::X25519)).is_ok());
        let refused = TlsSetup::new(options(TlsVersion::V12, KeyExchange::X25519mlkem768));
        assert!(matches!(refused, Err(TlsError::HybridNeedsV13)));
    }
}
