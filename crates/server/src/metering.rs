//! Counting at the server's end of every connection: the live ones are asked, the closed ones are remembered.
//!
//! - [`connection`]: what one connection has carried, by layer
//! - [`exchange`]: one request and its answer, the adapters' only way to count
//! - [`parking`]: how long polls are held
//! - [`samples`]: the first request and answer of each kind, byte for byte
//!
//! The sum of layers is right at every moment: heads and payloads are what adapters say, bytes are what the meters on the
//! streams say, and framing is the rest ([`Counters::layer`]). What a connection has not written yet is never counted as
//! payload. The streams themselves are in [`crate::stream`].

pub mod connection;
pub mod exchange;
pub mod parking;
pub mod samples;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpStream;
use wirecost_model::control::HeadSample;
use wirecost_model::ledger::Counters;
use wirecost_model::rng::Rng;
use wirecost_probe::segments::Settled;

use crate::orders::Order;

pub use connection::ConnectionMeter;
pub use exchange::{Exchange, Outcome};
use parking::{Parked, Parking};
pub use samples::{SampleKind, Samples};

/// Of the draw that decides which connections are cut off.
const CUT_LANE: u64 = 3 << 32;

/// The books of a server.
#[derive(Debug, Default)]
pub struct Metering {
    books: Mutex<Books>,
    negotiated: Mutex<BTreeMap<String, u64>>,
    samples: Arc<Samples>,
    parking: Parking,
}

#[derive(Debug, Default)]
struct Books {
    opened: u64,
    live: HashMap<u64, Arc<ConnectionMeter>>,
    /// What every connection is told, also one that comes now.
    order: Order,
    closed: Counters,
}

impl Metering {
    /// Opens the account of a connection that was just accepted. Keeps its socket open, because the kernel's counters must be
    /// readable after the library that was given the stream has dropped it.
    pub fn open(&self, socket: Arc<TcpStream>, tls: bool) -> Arc<ConnectionMeter> {
        let mut books = self.books();
        let id = books.opened;
        let meter = Arc::new(ConnectionMeter::new(id, socket, tls, self.samples.clone()));
        meter.orders().give(books.order);
        books.opened += 1;
        books.live.insert(id, meter.clone());
        meter
    }

    /// Closes an account with the last reading of the kernel's counters, where there is one.
    pub fn close(&self, meter: &ConnectionMeter, last: Option<&Settled>) {
        let counters = meter.last_counters(last);
        let mut books = self.books();
        if books.live.remove(&meter.id()).is_some() {
            books.closed += counters;
        }
    }

    /// Everything counted so far. Asks the kernel once for each live connection, a microsecond or two each; callable from any
    /// thread.
    pub fn counters(&self) -> Counters {
        let (live, mut counters) = {
            let books = self.books();
            (books.live.values().cloned().collect::<Vec<_>>(), books.closed)
        };
        for meter in live {
            counters += meter.counters();
        }
        counters += self.parking.counters();
        counters
    }

    /// A poll is held until what is returned is dropped.
    pub fn park(&self) -> Parked<'_> {
        self.parking.park()
    }

    /// Connections that are open or being settled.
    pub fn open_connections(&self) -> u64 {
        self.books().live.len() as u64
    }

    /// Open connections on which Nagle's algorithm is on.
    pub fn nagle_connections(&self) -> u64 {
        let live: Vec<_> = self.books().live.values().cloned().collect();
        live.iter().filter(|meter| !meter.nodelay()).count() as u64
    }

    /// Has so many of every 10,000 open connections cut off, and tells how many that were. Which ones is a draw that comes out the
    /// same in every trial with the same connections: by age it would always hit the same of two that a client has.
    pub fn cut_off(&self, per_10_000: u32) -> u64 {
        let mut live: Vec<_> = self.books().live.values().cloned().collect();
        live.sort_by_key(|meter| Rng::new(meter.id(), CUT_LANE).next_u64());
        let share = (live.len() * per_10_000.min(10_000) as usize).div_ceil(10_000);
        live.iter().take(share).map(|meter| meter.orders().give(Order::CutOff)).count() as u64
    }

    /// Gives every connection an order, and those that are still to come.
    pub fn order_all(&self, order: Order) {
        let live: Vec<_> = {
            let mut books = self.books();
            books.order = books.order.max(order);
            books.live.values().cloned().collect()
        };
        live.iter().for_each(|meter| meter.orders().give(order));
    }

    /// Notes what was negotiated on one connection.
    pub fn negotiated(&self, protocol: String) {
        *self.negotiated.lock().unwrap_or_else(PoisonError::into_inner).entry(protocol).or_default() += 1;
    }

    /// What was negotiated, and on how many connections.
    pub fn all_negotiated(&self) -> BTreeMap<String, u64> {
        self.negotiated.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first request and answer of each kind.
    pub fn samples(&self) -> Vec<HeadSample> {
        self.samples.all()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
