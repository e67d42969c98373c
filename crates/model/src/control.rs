//! What processes of one run say to each other, one JSON object a line, over pipes and never over the
//! network that is being measured: run → trial (one order in, events out), trial → server (commands in,
//! events out), trial → fleet, where there is more than one process of clients (an order and commands in, events out). Shapes only; who reads and writes them is the runner's and the server's business.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accounting::Accounting;
use crate::departures::Published;
use crate::faults::{Faults, Injected};
use crate::fleet::{ClientReport, FleetCount, FleetLook};
use crate::histogram::Histogram;
use crate::ledger::Counters;
use crate::pace::Pace;
use crate::plan::{Cell, TrialSpec};
use crate::record::Trial;
use crate::scenario::Wire;
use crate::schedule::Arrivals;

/// The trial's word to the server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerCommand {
    /// Begin: publish, and know the measured window. Answered by nothing.
    Begin(Begin),
    /// Answered by [`ServerEvent::Reading`] at once.
    Read,
    /// Close what is open, wait until the kernel has sent the last segments, report, exit. Answered by
    /// [`ServerEvent::Report`].
    Stop,
}

/// What the server is to publish, and when the measured window is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Begin {
    /// Zero of all offsets, ns of CLOCK_MONOTONIC.
    pub start_ns: u64,
    /// The measured window begins, offset in ns.
    pub window_from_ns: u64,
    /// The measured window ends and so does publishing, offset in ns.
    pub window_to_ns: u64,
    /// Nothing is published where the workload does not push.
    pub publish: Option<Publish>,
    /// So many rooms `r0`, `r1` … in which what clients send is passed on: which one, the rest of a message's stream number by
    /// the number of rooms says.
    #[serde(default)]
    pub relay_rooms: Option<u32>,
    /// Connections that are cut off.
    #[serde(default)]
    pub cut: Option<Cut>,
}

impl Begin {
    /// Whether a due time lies in the measured window.
    pub fn in_window(&self, due_ns: u64) -> bool {
        due_ns >= self.start_ns + self.window_from_ns && due_ns < self.start_ns + self.window_to_ns
    }
}

/// Connections that the server cuts off, without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// When, offset in ns.
    pub at_ns: u64,
    /// How many of every 10,000 connections, drawn by lot.
    pub per_10_000: u32,
}

/// The publisher's schedule: a pure function of these values.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Publish {
    /// One stream in the room `all` (`None`), or one for each of n clients in rooms `c0`, `c1` ….
    pub each_of: Option<u32>,
    /// Messages per second of a stream.
    pub rate: Pace,
    /// Arrival process.
    pub arrivals: Arrivals,
    /// Payload size.
    pub payload_bytes: usize,
    /// Seed of the schedules.
    pub seed: u64,
    /// What is to go wrong on the way from the publisher to the hub.
    #[serde(default)]
    pub faults: Faults,
}

/// The server's word to whoever started it. The first is [`ServerEvent::Ready`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerEvent {
    /// Listening; from here on connections are accepted.
    Ready(Ready),
    /// The plan of the trial is known; what clients send from here on is judged and passed on by it.
    Begun,
    /// Counters as they stand.
    Reading(Box<Reading>),
    /// The last word.
    Report(Box<ServerReport>),
}

/// Where to reach the server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ready {
    /// `http://127.0.0.1:34567` or `https://…`.
    pub url: String,
    /// The address alone.
    pub address: SocketAddr,
    /// Process id.
    pub pid: u32,
    /// The certificate to trust, DER, where the server speaks TLS.
    pub certificate_der: Option<Vec<u8>>,
}

/// Counters of the server at one instant.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Reading {
    /// When, ns of CLOCK_MONOTONIC.
    pub at_ns: u64,
    /// Everything counted so far.
    pub counters: Counters,
    /// Resident memory, bytes.
    pub rss_bytes: u64,
    /// Memory that no file stands behind, bytes.
    pub anonymous_bytes: u64,
    /// Connections that are open.
    pub open_connections: u64,
    /// Subscribers that are waiting in the hub: the readiness barrier of push transports.
    pub subscribers: u64,
    /// Open connections on which Nagle's algorithm is on. Must be 0.
    pub nagle_connections: u64,
}

/// What the server knows at the end.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ServerReport {
    /// The last reading: every connection closed and counted.
    pub reading: Reading,
    /// Messages of the publisher.
    pub published: Published,
    /// Messages that were interfered with, by fault, over all streams and phases.
    #[serde(default)]
    pub injected: Injected,
    /// What clients sent: arrivals, ns after their due time, in the window.
    pub upload: Histogram,
    /// The same after their sending time.
    pub upload_service: Histogram,
    /// What became of clients' messages; `expected` and `lost` are the trial's to fill in.
    pub upload_accounting: Accounting,
    /// Connections that were cut off on purpose.
    #[serde(default)]
    pub cut_connections: u64,
    /// Messages that fell out of the ring before a subscriber had read them, or had no room in it.
    pub overrun: u64,
    /// The first request and answer of each kind, as they stood on the wire.
    pub samples: Vec<HeadSample>,
    /// Protocol as negotiated, and on how many connections: `TLS 1.3 X25519 full` → 50.
    pub negotiated: BTreeMap<String, u64>,
}

/// "The headers that were sent": one exchange of a kind, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeadSample {
    /// `poll`, `empty poll`, `stream`, `upgrade`, `post`.
    pub kind: String,
    /// Request line and headers, with the empty line.
    pub request: String,
    /// Status line and headers, with the empty line.
    pub response: String,
}

/// What the runner wants of one trial process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrialOrder {
    /// Which trial.
    pub spec: TrialSpec,
    /// Of which cell.
    pub cell: Cell,
    /// Where the packets go; never `auto` here.
    pub wire: Wire,
    /// Largest IP packet of a private network, bytes.
    pub mtu: u32,
    /// Cores for the server; empty = any.
    pub server_cores: Vec<usize>,
    /// Cores for the load generator; empty = any.
    pub client_cores: Vec<usize>,
    /// Keep a packet capture of the trial in this file.
    pub capture: Option<PathBuf>,
    /// Where the scenario is: what a target is started beside.
    #[serde(default)]
    pub scenario_dir: PathBuf,
    /// For the test of the ledger's gate: count a byte too many in each frame's header.
    #[serde(default)]
    pub miscount: bool,
}

/// What a trial wants of its clients, or of a share of them in a process of its own: then it is the first line that the process is
/// sent, and [`FleetCommand`]s follow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FleetOrder {
    /// The trial's cell.
    pub cell: Cell,
    /// Seed of the trial.
    pub seed: u64,
    /// Which of the cell's clients.
    pub numbers: Range<u32>,
    /// Cores for them; empty = any.
    pub cores: Vec<usize>,
    /// Where the server listens.
    pub address: SocketAddr,
    /// The certificate to trust, DER, where the arm uses TLS.
    pub certificate_der: Option<Vec<u8>>,
    /// Local addresses to connect from, in turn; the kernel's choice if there are none.
    pub sources: Vec<IpAddr>,
    /// How many may be connecting at a time on each thread, where they have no rate.
    pub connecting_at_once: u32,
}

/// The trial's word to a process that has a share of its clients.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FleetCommand {
    /// Connect every client. Answered by [`FleetEvent::Connecting`] now and then, and by [`FleetEvent::Connected`].
    Connect,
    /// Start the clock of every client. Answered by [`FleetEvent::Begun`].
    Begin(Begin),
    /// Answered by [`FleetEvent::Look`] at once.
    Look,
    /// Answered by [`FleetEvent::Counted`] at once.
    Count,
    /// Close every client. Answered by [`FleetEvent::Closed`].
    Close,
    /// End what is left of connections. Answered by a last [`FleetEvent::Counted`].
    Finish,
}

/// What such a process tells the trial. The first is [`FleetEvent::Started`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FleetEvent {
    /// It is where and what it will be, and has no client yet.
    Started,
    /// So many clients are connected.
    Connecting(u32),
    /// All are.
    Connected {
        /// Connections on which Nagle's algorithm is on. Must be 0.
        nagle_connections: u64,
    },
    /// The clock starts when it was said to.
    Begun,
    /// Clients could not be connected.
    NotConnected {
        /// How many, at least.
        failed: u32,
        /// Why the first could not.
        first: String,
    },
    /// How the clients are getting on.
    Look(FleetLook),
    /// What was used and carried so far.
    Counted(Box<FleetCount>),
    /// What the clients know at the end.
    Closed(Box<ClientReport>),
    /// The end, without clients.
    Failed(String),
}

/// What a trial process tells the runner.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialEvent {
    /// About four times a second.
    Progress(Progress),
    /// The end, with everything.
    Done(Box<TrialOutput>),
    /// The end, without numbers.
    Failed {
        /// The server could not be reached, or died, as opposed to any other reason.
        server_died: bool,
        /// What happened, with the server's last words.
        message: String,
    },
}

/// How a trial is getting on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Progress {
    /// `connect`, `warmup`, `measure`, `drain`, `close`.
    pub phase: String,
    /// Since the trial's first connection, ns.
    pub elapsed_ns: u64,
    /// Clients connected.
    pub connected: u32,
    /// Deliveries so far, in all phases.
    pub delivered: u64,
    /// Deliveries that should have been made by now.
    pub expected: u64,
    /// Median delivery latency so far, ns, once there are enough samples.
    pub p50_ns: Option<u64>,
    /// 99th percentile, likewise.
    pub p99_ns: Option<u64>,
    /// Errors so far.
    pub errors: u64,
    /// Server CPU time so far, ns.
    pub server_cpu_ns: u64,
    /// Load generator CPU time so far, ns.
    pub client_cpu_ns: u64,
}

/// A finished trial: its numbers and its histograms.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrialOutput {
    /// The numbers; gates are not judged yet.
    pub trial: Trial,
    /// By tag (`delivery`, `service`, `publish_lag` …), one histogram per interval.
    pub histograms: BTreeMap<String, Vec<Histogram>>,
    /// Length of an interval, ns.
    pub interval_ns: u64,
    /// Once a second: what had been counted by then.
    pub series: Vec<SeriesPoint>,
}

/// One row of `series.csv`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SeriesPoint {
    /// Since the start of the schedule, ns.
    pub at_ns: u64,
    /// Deliveries so far.
    pub delivered: u64,
    /// Errors so far.
    pub errors: u64,
    /// Server CPU so far, ns.
    pub server_cpu_ns: u64,
    /// Load generator CPU so far, ns.
    pub client_cpu_ns: u64,
    /// Server resident memory, bytes.
    pub server_rss_bytes: u64,
}
