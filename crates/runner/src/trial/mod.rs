//! One trial, from inside its process, from its network to its sum: a network of its own, a fresh server, connected clients, the
//! phases with a reading at every border (`phases`), and what it all amounts to (`sum`).

mod phases;
mod sum;

use std::ffi::OsString;

use wirecost_loadgen::workload::Script;
use wirecost_loadgen::{FleetPlan, Target};
use wirecost_model::Cell;
use wirecost_model::control::{Begin, Cut, Progress, TrialEvent, TrialOrder, TrialOutput};
use wirecost_model::scenario::{Wire, Workload};
use wirecost_model::units::Span;
use wirecost_probe::clock::{now_ns, sleep_until};
use wirecost_probe::machine_state::MachineState;
use wirecost_probe::namespace::{PrivateNetwork, TcpRecovery, enter_private, set_tcp_recovery};
use wirecost_probe::netstat::StackCounters;
use wirecost_probe::sources::sources;
use wirecost_probe::{affinity, interface, limits, process};

use self::phases::Running;
use self::sum::{Readings, Sum};
use crate::capture::Capture;
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
    /// The clients could not be connected.
    #[error("{0}")]
    Clients(#[from] wirecost_loadgen::fleet::FleetError),
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
        matches!(self, TrialError::Server(_) | TrialError::Clients(_) | TrialError::Barrier { .. } | TrialError::Probes { .. })
    }
}

/// Runs one trial in this process, which must have one thread only if the order asks for a private network.
/// `server` is the command line that starts the server; `tell` is told how it goes.
///
/// # Errors
/// [`TrialError`]; there are no half trials.
pub fn run(order: &TrialOrder, server: &[OsString], tell: &mut dyn FnMut(TrialEvent)) -> Result<TrialOutput, TrialError> {
    let private = order.wire == Wire::Private;
    if private {
        enter_private(&PrivateNetwork { mtu: order.mtu })?;
        // On a loopback they fire without cause, and their answers are in no counter of the server's end.
        set_tcp_recovery(TcpRecovery::WITHOUT_PROBES)?;
    }
    if !order.client_cores.is_empty() {
        affinity::pin(&order.client_cores)?;
    }
    limits::raise_nofile()?;
    // Slack is inherited by the threads of the load generator.
    wirecost_probe::clock::set_timer_slack_ns(1)?;
    let wire_before = if private { Some((interface::Counters::read("lo")?, StackCounters::read()?)) } else { None };

    let capture = order.capture.as_deref().map(Capture::start).transpose()?;

    let mut server = Server::start(order, server)?;
    // Whoever waited for a target to get ready has left traces on the interface that are no connection of the trial's.
    let wire_before = match (wire_before, server.foreign()) {
        (Some((lo, _)), Some(_)) => {
            quiet_interface(lo)?;
            Some((interface::Counters::read("lo")?, StackCounters::read()?))
        }
        (before, _) => before,
    };
    let mut script = Script::new(&order.cell.workload, order.cell.clients, order.spec.seed);
    if let Some(publish) = &mut script.publish {
        publish.faults = order.cell.faults;
    }
    let plan = FleetPlan {
        target: Target {
            certificate_der: server.certificate_der(),
            foreign: server.foreign(),
            ..Target::new(server.address(), order.cell.config.clone())
        },
        script: script.clone(),
        clients: order.cell.clients,
        shards: order.client_cores.len().max(1) as u32,
        sources: sources(server.address().ip(), order.cell.connections()).map_err(TrialError::Sources)?,
        seed: order.spec.seed,
    };
    let mut trial = Running {
        order,
        script,
        tell,
        started_ns: now_ns(),
        series: Vec::new(),
        client_cpu_base_ns: process::cpu_ns(None)?,
        latencies: Default::default(),
    };
    let started_utc = utc_now();

    let mut carried = vec![carried(private)?];
    let before = server.read()?;
    let machine_before = MachineState::read()?;
    let client_before = process::Memory::of(std::process::id())?;
    server.connect_publisher(&plan.target, &plan.script, order.spec.seed)?;
    let fleet = trial.connect(&mut server, &plan)?;
    trial.barrier(&mut server, &fleet)?;
    let connected = server.read()?;
    carried.push(self::carried(private)?);
    trial.probes(&server, &fleet)?;
    let nagle = connected.nagle_connections + wirecost_probe::sockets::nagle_connections()?;

    let timing = &order.cell.timing;
    let begin = Begin {
        start_ns: now_ns() + LEAD_NS,
        window_from_ns: timing.warmup.ns(),
        window_to_ns: timing.warmup.ns() + timing.measure.ns(),
        publish: trial.script.publish.clone(),
        relay_rooms: trial.script.chat.as_ref().map(|chat| chat.rooms),
        cut: cut(&order.cell),
    };
    server.begin(begin.clone())?;
    fleet.begin(begin.clone());

    let window = trial.window(&mut server, &fleet, &begin)?;
    let until_ns = begin.start_ns + begin.window_to_ns + timing.drain.ns();
    while !fleet.is_complete() && now_ns() < until_ns {
        trial.progress("drain", &mut server, &fleet, &begin, None)?;
        sleep_until((now_ns() + 20_000_000).min(until_ns));
    }
    let drained = server.read()?;
    carried.extend([window.carried[0], window.carried[1], self::carried(private)?]);
    let closing = Progress { phase: "close".into(), ..trial.state(&fleet, &begin) };
    (trial.tell)(TrialEvent::Progress(closing));
    let mut clients = fleet.close();
    let Left { report, words, publisher, errors } = server.stop()?;
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
        report,
        wire,
        wire_end,
        capture_dropped,
        words,
        publisher,
    }
    .output())
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
