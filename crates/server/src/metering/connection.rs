//! What one connection has carried: meters on its streams, the kernel's counters, and what adapters say heads and payloads
//! are. Where a byte belongs is decided in [`super::exchange`]; here it is kept and added up.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpStream;
use wirecost_model::ledger::{Counters, Flow};
use wirecost_probe::meter::Meter;
use wirecost_probe::segments::{self, End, Ending, Settled};
use wirecost_probe::tcp_info::{self, TcpInfo};

use super::samples::{Sampler, Samples};
use crate::orders::Orders;

/// What the server is doing with a connection, as far as deadlines and books need to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// Not one request has come.
    Fresh,
    /// A request is being answered, or an answer that does not end is going on.
    Busy,
    /// The last request is answered; another may come.
    Idle,
    /// No longer HTTP.
    Upgraded,
}

/// The books of one connection. Written by its task, read by anyone.
#[derive(Debug)]
pub struct ConnectionMeter {
    id: u64,
    socket: Arc<TcpStream>,
    raw: Arc<Meter>,
    plain: Arc<Meter>,
    tls: bool,
    stage: AtomicU8,
    bad: AtomicBool,
    last: AtomicBool,
    requests: AtomicU64,
    /// Plain bytes read up to the end of the last request, or of its head while the body is still coming.
    boundary_bytes: AtomicU64,
    tally: Mutex<Tally>,
    sampler: Sampler,
    orders: Orders,
}

/// What only adapters know.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub counted: Counters,
    /// Plain bytes that the answers so far have, where that is known beforehand.
    pub answers_bytes: u64,
}

impl ConnectionMeter {
    pub(super) fn new(id: u64, socket: Arc<TcpStream>, tls: bool, samples: Arc<Samples>) -> ConnectionMeter {
        let raw = Meter::new();
        // Without TLS the two streams are one, and so are the meters.
        let plain = if tls { Meter::new() } else { raw.clone() };
        let tally = Tally { counted: Counters { connections: 1, ..Counters::default() }, answers_bytes: 0 };
        ConnectionMeter {
            id,
            socket,
            raw,
            plain,
            tls,
            stage: AtomicU8::new(Stage::Fresh as u8),
            bad: AtomicBool::new(false),
            last: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            boundary_bytes: AtomicU64::new(0),
            tally: Mutex::new(tally),
            sampler: Sampler::new(samples),
            orders: Orders::default(),
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// The meter below TLS.
    pub fn raw(&self) -> &Arc<Meter> {
        &self.raw
    }

    /// The meter above TLS; the same as [`ConnectionMeter::raw`] without TLS.
    pub fn plain(&self) -> &Arc<Meter> {
        &self.plain
    }

    /// The socket, for reading its counters and for settling it.
    pub fn socket(&self) -> &Arc<TcpStream> {
        &self.socket
    }

    /// Samples of heads.
    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// What the connection is at.
    pub fn stage(&self) -> Stage {
        match self.stage.load(Relaxed) {
            0 => Stage::Fresh,
            1 => Stage::Busy,
            2 => Stage::Idle,
            _ => Stage::Upgraded,
        }
    }

    pub(super) fn set_stage(&self, stage: Stage) {
        self.stage.store(stage as u8, Relaxed);
    }

    /// From here on the connection is a WebSocket's.
    pub fn upgraded(&self) {
        self.set_stage(Stage::Upgraded);
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    pub(super) fn count_request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    /// Whether part of a request has come.
    pub fn is_mid_request(&self) -> bool {
        matches!(self.stage(), Stage::Fresh | Stage::Idle) && self.unclaimed_bytes() > 0
    }

    /// Plain bytes that were read behind the last request.
    pub(super) fn unclaimed_bytes(&self) -> u64 {
        self.plain.snapshot().read_bytes.saturating_sub(self.boundary_bytes.load(Relaxed))
    }

    /// Counts `bytes` behind the last request as belonging to the one that is being read.
    pub(super) fn claim(&self, bytes: u64) {
        self.boundary_bytes.fetch_add(bytes, Relaxed);
    }

    /// The client broke the rules, whatever the protocol.
    pub fn blame_client(&self) {
        self.bad.store(true, Relaxed);
    }

    /// Whether it did.
    pub fn is_bad(&self) -> bool {
        self.bad.load(Relaxed)
    }

    /// The next answer is the last on this connection.
    pub fn set_last(&self) {
        self.last.store(true, Relaxed);
    }

    /// Whether the next answer is the last.
    pub fn is_last(&self) -> bool {
        self.last.load(Relaxed)
    }

    /// Counts socket bytes of the TLS handshake.
    pub fn handshake(&self, bytes: Flow) {
        self.tally().counted.tls_handshake_bytes = bytes;
    }

    /// Counts messages that the server has sent.
    pub fn sent(&self, messages: u64, payload_bytes: u64) {
        let counted = &mut self.tally().counted;
        counted.messages.down += messages;
        counted.payload_bytes.down += payload_bytes;
    }

    /// Counts a message that the client has sent.
    pub fn received(&self, payload_bytes: u64) {
        let counted = &mut self.tally().counted;
        counted.messages.up += 1;
        counted.payload_bytes.up += payload_bytes;
    }

    /// What the connection is told to do.
    pub fn orders(&self) -> &Orders {
        &self.orders
    }

    /// Whether Nagle's algorithm is off. A socket that cannot say is as bad as one on which it is on.
    pub fn nodelay(&self) -> bool {
        tcp_info::nodelay(self.socket.as_fd()).unwrap_or(false)
    }

    /// The counters as they stand.
    pub(super) fn counters(&self) -> Counters {
        let mut counters = self.own_counters();
        if let Ok(info) = TcpInfo::read(self.socket.as_fd()) {
            counters += segments::account(&info, Ending::Open, End::Server).counters();
        }
        fit(&mut counters);
        counters
    }

    /// The counters at the end.
    pub(super) fn last_counters(&self, settled: Option<&Settled>) -> Counters {
        let mut counters = self.own_counters();
        if matches!(self.stage(), Stage::Fresh | Stage::Idle) {
            // Half a request, and the refusal that the HTTP library wrote on its own.
            counters.head_bytes.up += self.unclaimed_bytes();
            let answers_bytes = self.tally().answers_bytes;
            counters.head_bytes.down += counters.plain_bytes.down.saturating_sub(answers_bytes);
        }
        if let Some(settled) = settled {
            let account = settled.account();
            counters += account.counters();
            // What came after the last read was on the wire all the same; what was never sent was not.
            counters.socket_bytes.up += settled.drained_bytes;
            counters.socket_bytes.down = counters.socket_bytes.down.min(account.to_client.payload_bytes);
            if !self.tls {
                counters.plain_bytes = counters.socket_bytes;
            }
        }
        fit(&mut counters);
        counters
    }

    /// Without the kernel's.
    fn own_counters(&self) -> Counters {
        // The tally first: what is counted there has mostly been read or written already.
        let mut counters = self.tally().counted;
        let (plain, raw) = (self.plain.snapshot(), self.raw.snapshot());
        counters.requests = self.requests();
        counters.plain_bytes = Flow { up: plain.read_bytes, down: plain.written_bytes };
        counters.socket_bytes = Flow { up: raw.read_bytes, down: raw.written_bytes };
        counters.reads = raw.reads;
        counters.writes = raw.writes;
        counters.bad_clients = u64::from(self.is_bad());
        counters
    }

    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the layers of one connection within what it carried. An answer is counted when it is handed to the HTTP library, and
/// plain bytes when they are handed to the TLS library; if the client does not read, or is gone, less has been written.
fn fit(counters: &mut Counters) {
    let Counters { socket_bytes, tls_handshake_bytes, plain_bytes, head_bytes, empty_head_bytes, payload_bytes, .. } = counters;
    for (socket, layers) in [
        (
            socket_bytes.up.saturating_sub(tls_handshake_bytes.up),
            [&mut plain_bytes.up, &mut empty_head_bytes.up, &mut head_bytes.up, &mut payload_bytes.up],
        ),
        (
            socket_bytes.down.saturating_sub(tls_handshake_bytes.down),
            [&mut plain_bytes.down, &mut empty_head_bytes.down, &mut head_bytes.down, &mut payload_bytes.down],
        ),
    ] {
        let [plain, empty_head, head, payload] = layers;
        *plain = (*plain).min(socket);
        *empty_head = (*empty_head).min(*plain);
        *head = (*head).min(*plain - *empty_head);
        *payload = (*payload).min(*plain - *empty_head - *head);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_never_exceed_what_was_carried() {
        let mut counters = Counters {
            socket_bytes: Flow { up: 100, down: 450 },
            tls_handshake_bytes: Flow { up: 0, down: 300 },
            plain_bytes: Flow { up: 100, down: 9999 },
            head_bytes: Flow { up: 60, down: 100 },
            payload_bytes: Flow { up: 40, down: 500 },
            empty_head_bytes: Flow { up: 0, down: 70 },
            ..Counters::default()
        };
        fit(&mut counters);
        assert_eq!(counters.plain_bytes.down, 150);
        assert_eq!(counters.payload_bytes, Flow { up: 40, down: 0 });
        assert_eq!(counters.head_bytes, Flow { up: 60, down: 80 });
        assert_eq!(counters.empty_head_bytes.down, 70);
    }
}
