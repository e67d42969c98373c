//! What a server is told when it starts, and why it may not start.

use std::net::SocketAddr;
use std::time::Duration;

use wirecost_model::scenario::TlsOptions;

use crate::publisher::PublisherError;
use crate::tls::TlsError;
use crate::transport::socket_io::EngineOptions;

/// How a server is to be.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where to listen; port 0 means any free port.
    pub bind: SocketAddr,
    /// Encryption; plain if absent.
    pub tls: Option<TlsOptions>,
    /// Messages that a room keeps for slow readers.
    pub ring_messages: usize,
    /// Payload bytes that a room keeps.
    pub ring_bytes: usize,
    /// Connections at one time; more are accepted and closed at once. Each takes one file descriptor.
    pub max_connections: usize,
    /// How long a write may make no progress before the connection is dropped.
    pub write_timeout: Duration,
    /// How long the head of a request may take from its first byte to its last, a TLS handshake, and the first byte of a
    /// connection.
    pub head_timeout: Duration,
    /// How long the body of a request may take.
    pub body_timeout: Duration,
    /// Cores to run on; empty means any.
    pub cores: Vec<usize>,
    /// Commands on stdin, events on stdout.
    pub control: bool,
    /// Listen on the loopback address of the other family too, at the same port, where there is one.
    pub both_families: bool,
    /// Engine.IO: how long the side that pings waits between two pings.
    pub ping_interval: Duration,
    /// Engine.IO: how long it waits for the answer.
    pub ping_timeout: Duration,
    /// Engine.IO: the longest polling body and WebSocket message from a client, bytes.
    pub max_payload: usize,
    /// Socket.IO: how long a client of version 5 may take to connect to a namespace.
    pub connect_timeout: Duration,
    /// What the conformance suites of the Socket.IO project expect: `/engine.io/` echoes, `/socket.io/` has the namespaces `/`
    /// and `/custom` and no other.
    pub conformance: bool,
    /// The demonstration page at `/`, its namespace `/test` and its stream.
    pub demo: bool,
}

impl Default for ServerOptions {
    fn default() -> Self {
        let hub = crate::hub::HubOptions::default();
        let engine = EngineOptions::default();
        ServerOptions {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            ring_messages: hub.ring_messages,
            ring_bytes: hub.ring_bytes,
            max_connections: 16_384,
            write_timeout: Duration::from_secs(30),
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            cores: Vec::new(),
            control: false,
            both_families: false,
            ping_interval: engine.ping_interval,
            ping_timeout: engine.ping_timeout,
            max_payload: engine.max_payload_bytes,
            connect_timeout: engine.connect_timeout,
            conformance: engine.conformance,
            demo: engine.demo,
        }
    }
}

impl ServerOptions {
    /// Those of Engine.IO sessions.
    pub fn engine(&self) -> EngineOptions {
        EngineOptions {
            ping_interval: self.ping_interval,
            ping_timeout: self.ping_timeout,
            max_payload_bytes: self.max_payload,
            connect_timeout: self.connect_timeout,
            conformance: self.conformance,
            demo: self.demo,
        }
    }
}

/// Why a server did not start, or ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Somebody else listens there.
    #[error("{0} is in use by another program; choose another port, or port 0 for any free one")]
    AddressInUse(SocketAddr),
    /// It cannot listen there.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// No TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The cores cannot be had.
    #[error("cannot run on the cores {cores:?}: {source}")]
    Cores {
        /// Which.
        cores: Vec<usize>,
        /// Why not.
        source: std::io::Error,
    },
    /// A command that is none, or does not fit here.
    #[error("bad command: {0}")]
    Command(String),
    /// Nothing can be published.
    #[error(transparent)]
    Publisher(#[from] PublisherError),
    /// Pipes, threads, event loop.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}
