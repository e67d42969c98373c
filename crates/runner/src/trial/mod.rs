//! One trial, from inside its process, from its network to its sum: a network of its own, a fresh server, connected clients, the
//! phases with a reading at every border (`phases`), and what it all amounts to (`sum`).

mod phases;
mod sum;

use std::ffi::OsString;

use wirecost_loadgen::fleet::CONNECTING_AT_ONCE;
use wirecost_loadgen::workload::Script;
use wirecost_model::Cell;
use wirecost_model::control::{Begin, Cut, FleetOrder, Progress, TrialEvent, TrialOrder, TrialOutput};
use wirecost_model::scenario::{Wire, Workload};
use wirecost_model::units::Span;
use wirecost_probe::clock::{now_ns, sleep_until};
use wirecost_probe::machine_state::MachineState;
use wirecost_probe::namespace::{PrivateNetwork, TcpRecovery, enter_private, set_tcp_recovery};
use wirecost_probe::netstat::StackCounters;
use wirecost_probe::sources::sources;
use wirecost_probe::{affinity, interface, limits};

use self::phases::Running;
use self::sum::{Readings, Sum};
use crate::capture::Capture;
use crate::clients::{self, Clients, ClientsFault};
pub use crate::server::ServerFault;
use crate::server::{Left, Server};
use crate::utc_now;

/// Between telling everyone when the clock starts and its start, ns: time for the word to arrive.
const LEAD_NS: u64 = 50_000_000;

/// How long the interface may take to fall silent, ns.
const QUIET_NS: u64 = 2_000_000_000;

/// Why there are no numbers.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// No private network.
    #[error("no private network: {0}")]
    Network(#[from] wirecost_probe::namespace::NamespaceError),
    /// The server could not be started, reached or kept.
    #[error("{0}")]
    Server(#[from] ServerFault),
    /// The clients could not be connected, or kept.
    #[error("{0}")]
    Clients(#[from] ClientsFault),
    /// One local address has too few ports, and there is no other.
    #[error("{0}; ask for fewer clients")]
    Sources(std::io::Error),
    /// An instrument failed.
    #[error("an instrument failed: {0}")]
    Probe(#[from] std::io::Error),
    /// Not every client has heard what a target publishes.
    #[error("{heard} of {clients} clients have heard what was published to the target before the start, and no more do{error}")]
    Probes {
        /// Clients that have.
        heard: u32,
        /// Clients there should be.
        clients: u32,
        /// `; ` and the first error, or what came to them instead.
        error: String,
    },
    /// The server does not see every client listening.
    #[error("the server sees {seen} of {listening} places in rooms taken by {clients} clients, and no more come")]
    Barrier {
        /// Readers that it sees.
        seen: u64,
        /// Readers there should be.
        listening: u64,
        /// Clients there should be.
        clients: u32,
    },
}

impl TrialError {
    /// Whether it was the server that failed, or could not be reached.
    pub fn server_died(&self) -> bool {
        match self {
            TrialError::Server(_) | TrialError::Barrier { .. } | TrialError::Probes { .. } => true,
            TrialError::Clients(fault) => fault.may_be_the_servers(),
            TrialError::Network(_) | TrialError::Sources(_) | TrialError::Probe(_) => false,
        }
    }
}

/// The command lines of processes that a trial starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// The reference server.
    pub server: Vec<OsString>,
    /// A share of the clients, where one process may not have as many files.
    pub fleet: Vec<OsString>,
}

/// Runs one trial in this process, which must have one thread only if the order asks for a private network.
/// `tell` is told how it goes.
///
/// # Errors
/// [`TrialError`]; there are no half trials.
pub fn run(order: &TrialOrder, programs: &Programs, tell: &mut dyn FnMut(TrialEvent)) -> Result<TrialOutput, TrialError> {
    let private = order.wire == Wire::Private;
    settle_in(order)?;
    let wire_before = if private { Some((interface::Counters::read("lo")?, StackCounters::read()?)) } else { None };

    let capture = order.capture.as_deref().map(Capture::start).transpose()?;

    let mut server = Server::start(order, &programs.server)?;
    // Whoever waited for a target to get ready has left traces on the interface that are no connection of the trial's.
    let wire_before = match (wire_before, &order.cell.config.target) {
        (Some((lo, _)), Some(_)) => {
            quiet_interface(lo)?;
            Some((interface::Counters::read("lo")?, StackCounters::read()?))
        }
        (before, _) => before,
    };
    let fleet = FleetOrder {
        cell: order.cell.clone(),
        seed: order.spec.seed,
        numbers: 0..order.cell.clients,
        cores: order.client_cores.clone(),
        address: server.address(),
        certificate_der: server.certificate_der(),
        sources: sources(server.address().ip(), order.cell.connections()).map_err(TrialError::Sources)?,
        connecting_at_once: CONNECTING_AT_ONCE,
    };
    let mut clients = Clients::start(fleet.clone(), &programs.fleet)?;
    let mut trial = Running {
        order,
        script: clients::script(&order.cell, order.spec.seed),
        tell,
        started_ns: now_ns(),
        series: Vec::new(),
        client_cpu_base_ns: clients.cpu_ns()?,
        latencies: Default::default(),
    };
    let started_utc = utc_now();

    let mut carried = vec![carried(private)?];
    let before = server.read()?;
    let machine_before = MachineState::read()?;
    let client_before = clients.count()?;
    server.connect_publisher(|books| clients::target(&fleet, Some(books)), &trial.script, order.spec.seed)?;
    trial.connect(&mut server, &mut clients)?;
    trial.barrier(&mut server, &mut clients)?;
    let (connected, _) = trial.read(&mut server, &mut clients)?;
    carried.push(self::carried(private)?);
    trial.probes(&server, &mut clients)?;
    let nagle = connected.nagle_connections + clients.nagle_connections()?;

    let begin = begin(&order.cell, &trial.script);
    server.begin(begin.clone())?;
    clients.begin(&begin)?;

    let window = trial.window(&mut server, &mut clients, &begin)?;
    let until_ns = begin.start_ns + begin.window_to_ns + order.cell.timing.drain.ns();
    while !clients.look()?.status.is_complete(order.cell.clients) && now_ns() < until_ns {
        trial.progress("drain", &mut server, &mut clients, &begin)?;
        sleep_until((now_ns() + 20_000_000).min(until_ns));
    }
    let (drained, _) = trial.read(&mut server, &mut clients)?;
    carried.extend([window.carried[0], window.carried[1], self::carried(private)?]);
    let closing = Progress { phase: "close".into(), ..trial.state(&mut clients, &begin)? };
    (trial.tell)(TrialEvent::Progress(closing));
    let client_processes = clients.processes();
    let (mut clients, connections) = clients.close()?;
    let Left { report, words, publisher, errors } = server.stop(connections)?;
    errors.into_iter().for_each(|(text, count)| *clients.errors.entry(text).or_default() += count);
    let wire = match wire_before {
        Some((lo, stack)) => Some((quiet_interface(lo)?, StackCounters::read()? - stack)),
        None => None,
    };
    let wire_end = self::carried(private)?;
    let capture_dropped = capture.map(Capture::stop).transpose()?.unwrap_or(0);
    let readings = Readings { before, machine_before, client_before, connected, window, drained, carried };
    Ok(Sum {
        order,
        script: trial.script,
        series: trial.series,
        started_utc,
        begin,
        readings,
        nagle,
        clients,
        client_processes,
        report,
        wire,
        wire_end,
        capture_dropped,
        words,
        publisher,
    }
    .output())
}

/// Goes into the network, to the cores and to the limits of the order. What is started from here on inherits all of it.
fn settle_in(order: &TrialOrder) -> Result<(), TrialError> {
    if order.wire == Wire::Private {
        enter_private(&PrivateNetwork { mtu: order.mtu })?;
        // On a loopback they fire without cause, and their answers are in no counter of the server's end.
        set_tcp_recovery(TcpRecovery::WITHOUT_PROBES)?;
    }
    if !order.client_cores.is_empty() {
        affinity::pin(&order.client_cores)?;
    }
    limits::raise_nofile()?;
    wirecost_probe::clock::set_timer_slack_ns(1)?;
    Ok(())
}

/// When the clock starts, soon, and what happens then.
fn begin(cell: &Cell, script: &Script) -> Begin {
    Begin {
        start_ns: now_ns() + LEAD_NS,
        window_from_ns: cell.timing.warmup.ns(),
        window_to_ns: cell.timing.flow().ns(),
        publish: script.publish.clone(),
        relay_rooms: script.chat.as_ref().map(|chat| chat.rooms),
        cut: cut(cell),
    }
}

/// When connections are to be cut off, and how many.
fn cut(cell: &Cell) -> Option<Cut> {
    let Workload::Reconnect(reconnect) = &cell.workload else { return None };
    let into_window_ns = reconnect.at.map_or(cell.timing.measure.ns() / 2, Span::ns);
    Some(Cut { at_ns: cell.timing.warmup.ns() + into_window_ns, per_10_000: (reconnect.share * 10_000.0).round() as u32 })
}

/// What the private network's interface has carried so far.
fn carried(private: bool) -> std::io::Result<Option<interface::Counters>> {
    private.then(|| interface::Counters::read("lo")).transpose()
}

/// Waits until nothing moves on the interface, then says what it has carried.
fn quiet_interface(before: interface::Counters) -> Result<interface::Counters, std::io::Error> {
    let give_up_ns = now_ns() + QUIET_NS;
    let mut last = interface::Counters::read("lo")?;
    loop {
        // Longer than the longest delayed ACK (40 ms here), so that silence means the end.
        sleep_until(now_ns() + 60_000_000);
        let now = interface::Counters::read("lo")?;
        if now == last || now_ns() > give_up_ns {
            return Ok(now - before);
        }
        last = now;
    }
}
