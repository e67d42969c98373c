//! What adapters are given: the server's parts, and the connection that a request came on.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::fan_out::FanOut;
use crate::hub::Hub;
use crate::ingest::Ingest;
use crate::metering::{ConnectionMeter, Metering};
use crate::transport::socket_io::Engine;
use crate::transport::websocket::Upgrade;

/// The parts of a server that connections share.
#[derive(Debug)]
pub struct Shared {
    /// Rooms.
    pub hub: Arc<Hub>,
    /// What clients send.
    pub ingest: Ingest,
    /// The books.
    pub metering: Metering,
    /// Wakes large audiences.
    pub fan_out: Arc<FanOut>,
    /// Engine.IO sessions.
    pub engine: Engine,
    /// How long the body of a request may take.
    pub body_timeout: Duration,
    /// Connections that were cut off on purpose.
    pub cut_connections: AtomicU64,
}

/// One connection, as the adapters see it.
#[derive(Debug)]
pub struct Context {
    /// The server.
    pub shared: Arc<Shared>,
    /// The connection's books.
    pub meter: Arc<ConnectionMeter>,
    upgrade: Mutex<Option<Upgrade>>,
}

impl Context {
    /// Of a connection that was just accepted.
    pub fn new(shared: Arc<Shared>, meter: Arc<ConnectionMeter>) -> Arc<Context> {
        Arc::new(Context { shared, meter, upgrade: Mutex::default() })
    }

    /// The hub.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.shared.hub
    }

    /// Leaves word of what the connection is to become once the answer is written.
    pub fn will_become(&self, upgrade: Upgrade) {
        *self.upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
    }

    /// What the connection is to become, if anything else than HTTP.
    pub fn becomes(&self) -> Option<Upgrade> {
        self.upgrade.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
