//! Where the server is and how an arm is to be spoken: everything that connecting needs to know.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use wirecost_model::dialect::Recipe;
use wirecost_model::scenario::{Arm, ArmOptions, KeyExchange, TlsOptions, TlsVersion};
use wirecost_model::{ArmConfig, TransportKind};

use crate::books::Books;

/// What is spoken on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// The arm's transport.
    #[default]
    OfArm,
    /// Nothing but lengths and payloads, whatever the arm: what the load generator itself costs.
    Null,
}

/// A server and an arm.
#[derive(Debug, Clone)]
pub struct Target {
    /// The server.
    pub address: SocketAddr,
    /// The local address to connect from; the kernel's choice if absent.
    pub source: Option<IpAddr>,
    /// What is spoken there.
    pub protocol: Protocol,
    /// The arm.
    pub arm: ArmConfig,
    /// The certificate to trust, DER, where the arm uses TLS.
    pub certificate_der: Option<Vec<u8>>,
    /// How it is spoken to and where is counted, where the server is not ours.
    pub foreign: Option<Foreign>,
}

/// A server that is not ours.
#[derive(Debug, Clone)]
pub struct Foreign {
    /// What clients do.
    pub recipe: Arc<Recipe>,
    /// Their account.
    pub books: Books,
}

impl Target {
    /// The reference server without TLS, from whatever address the kernel chooses.
    pub fn new(address: SocketAddr, arm: ArmConfig) -> Target {
        Target { address, source: None, protocol: Protocol::OfArm, arm, certificate_der: None, foreign: None }
    }

    /// A server of the null protocol: four bytes of length, most significant first, and the payload, both ways.
    pub fn null(address: SocketAddr) -> Target {
        let arm = Arm { transport: TransportKind::Websocket, options: ArmOptions::default() };
        Target { protocol: Protocol::Null, ..Target::new(address, ArmConfig::resolve(&arm, &ArmOptions::default())) }
    }

    /// `http://127.0.0.1:1234`, or `https://…`.
    pub fn origin(&self) -> String {
        format!("{}://{}", if self.arm.tls.is_some() { "https" } else { "http" }, self.address)
    }

    /// The TLS settings of one client, `None` for a plain arm. Each call makes a session store of its own,
    /// so that clients cannot resume one another's sessions.
    ///
    /// # Errors
    /// A certificate that does not parse.
    pub fn tls(&self) -> Result<Option<Arc<ClientConfig>>, rustls::Error> {
        self.arm.tls.map(|options| self.tls_with(options)).transpose().map(|config| config.map(Arc::new))
    }

    /// Settings for a library that wants some even for plain connections: they trust nobody, and spare it
    /// reading the machine's certificates for each client.
    ///
    /// # Errors
    /// As [`Target::tls`].
    pub fn tls_or_none_to_trust(&self) -> Result<ClientConfig, rustls::Error> {
        self.tls_with(self.arm.tls.unwrap_or_default())
    }

    fn tls_with(&self, options: TlsOptions) -> Result<ClientConfig, rustls::Error> {
        let mut roots = RootCertStore::empty();
        if let Some(der) = &self.certificate_der {
            roots.add(CertificateDer::from(der.clone()))?;
        }
        let version = match options.version {
            TlsVersion::V13 => &rustls::version::TLS13,
            TlsVersion::V12 => &rustls::version::TLS12,
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider(options)))
            .with_protocol_versions(&[version])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        if !options.resume {
            config.resumption = rustls::client::Resumption::disabled();
        }
        Ok(config)
    }
}

/// The cryptography, with exactly the key exchange group that the arm names: libraries' defaults differ by kilobytes.
fn provider(options: TlsOptions) -> rustls::crypto::CryptoProvider {
    use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
    let group = match options.kx {
        KeyExchange::X25519 => kx_group::X25519,
        KeyExchange::X25519mlkem768 => kx_group::X25519MLKEM768,
    };
    rustls::crypto::CryptoProvider { kx_groups: vec![group], ..default_provider() }
}
