//! One trial, from inside its process: a network of its own, a fresh server, connected clients, the phases
//! with a reading at every border, and the sum of it all.

use std::collections::BTreeMap;
use std::ffi::OsString;

use wirecost_loadgen::publisher::Publisher;
use wirecost_loadgen::workload::Script;
use wirecost_loadgen::{ClientReport, Fleet, FleetPlan, Protocol, Target};
use wirecost_model::Cell;
use wirecost_model::accounting::{Accounting, Recovery};
use wirecost_model::control::{
    Begin, Cut, Progress, Publish, Reading, SeriesPoint, ServerReport, TrialEvent, TrialOrder, TrialOutput,
};
use wirecost_model::histogram::Histogram;
use wirecost_model::hlog::Tagged;
use wirecost_model::ledger::{self, Carried, Counters, InterfaceAccount, Ledger, Phase};
use wirecost_model::record::{MachineCost, ProcessCost, Trial};
use wirecost_model::scenario::{Wire, Workload};
use wirecost_model::stationarity;
use wirecost_model::transport::{Initiative, TransportKind};
use wirecost_model::units::Span;
use wirecost_probe::clock::{now_ns, sleep_until};
use wirecost_probe::machine_state::MachineState;
use wirecost_probe::namespace::{PrivateNetwork, TcpRecovery, enter_private, set_tcp_recovery};
use wirecost_probe::netstat::StackCounters;
use wirecost_probe::{affinity, interface, limits, process};

use crate::capture::Capture;
pub use crate::server::ServerFault;
use crate::server::{Left, Server};
use crate::utc_now;

/// Between telling everyone when the clock starts and its start, ns: time for the word to arrive.
const LEAD_NS: u64 = 50_000_000;

/// How often progress is told, ns.
const PROGRESS_EVERY_NS: u64 = 250_000_000;

/// How often the series has a point, ns.
const SERIES_EVERY_NS: u64 = 1_000_000_000;

/// How long all push subscribers may take to be seen waiting by the server, ns.
const BARRIER_NS: u64 = 10_000_000_000;

/// How often a probe is published, ns: longer than clients take to tell that they have heard one.
const PROBE_EVERY_NS: u64 = 500_000_000;

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
        /// `; the first error: …`, or empty.
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
        enter_private(&PrivateNetwork { mtu: order.mtu, ..PrivateNetwork::default() })?;
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
            address: server.address(),
            protocol: Protocol::OfArm,
            arm: order.cell.config.clone(),
            certificate_der: server.certificate_der(),
            foreign: server.foreign(),
        },
        script: script.clone(),
        clients: order.cell.clients,
        shards: order.client_cores.len().max(1) as u32,
        seed: order.spec.seed,
    };
    let mut trial =
        Running { order, script, tell, started_ns: now_ns(), series: Vec::new(), client_cpu_base_ns: process::cpu_ns(None)? };
    let started_utc = utc_now();

    let mut carried = vec![carried(private)?];
    let before = server.read()?;
    let machine_before = MachineState::read()?;
    let client_rss_before_bytes = process::Memory::of(std::process::id())?.rss_bytes;
    server.connect_publisher(&plan.target, &plan.script, order.spec.seed)?;
    let fleet = trial.connect(&mut server, &plan)?;
    trial.barrier(&mut server, &fleet)?;
    let connected = server.read()?;
    carried.push(self::carried(private)?);
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
    let closing = Progress { phase: "close".into(), ..trial.state(&fleet.status(), &begin) };
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
    let readings = Readings { before, machine_before, client_rss_before_bytes, connected, window, drained, carried };
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

/// A trial under way.
struct Running<'a> {
    order: &'a TrialOrder,
    script: Script,
    tell: &'a mut dyn FnMut(TrialEvent),
    started_ns: u64,
    series: Vec<SeriesPoint>,
    client_cpu_base_ns: u64,
}

/// Both ends of the measured window.
struct Window {
    carried: [Option<interface::Counters>; 2],
    from: Reading,
    to: Reading,
    client_cpu_ns: u64,
    client_rss_from_bytes: u64,
    client: process::Memory,
    machine: MachineState,
}

/// The server's counters at every border.
struct Readings {
    before: Reading,
    machine_before: MachineState,
    client_rss_before_bytes: u64,
    connected: Reading,
    window: Window,
    drained: Reading,
    /// The interface at the same borders; the last, at the end, is read apart.
    carried: Vec<Option<interface::Counters>>,
}

impl Running<'_> {
    fn connect(&mut self, server: &mut Server, plan: &FleetPlan) -> Result<Fleet, TrialError> {
        let (tell, started_ns) = (&mut self.tell, self.started_ns);
        let connecting = Fleet::connect(plan, |connected| {
            tell(TrialEvent::Progress(Progress {
                phase: "connect".into(),
                elapsed_ns: now_ns() - started_ns,
                connected,
                ..Progress::default()
            }));
            server.is_alive()
        });
        connecting.map_err(|error| if server.is_alive() { error.into() } else { server.died().into() })
    }

    /// Waits until the server sees every client listening: from then on no push can be missed.
    fn barrier(&mut self, server: &mut Server, fleet: &Fleet) -> Result<(), TrialError> {
        if let Some(publisher) = server.publisher() {
            return self.probes(publisher, fleet);
        }
        if self.order.cell.config.target.is_some() {
            return Ok(());
        }
        let listens = self.script.subscribe && self.order.cell.config.transport.row().initiative == Initiative::Push;
        if !listens {
            return Ok(());
        }
        let clients = self.order.cell.clients;
        let listening = self.script.subscriptions(clients);
        let give_up_ns = now_ns() + BARRIER_NS;
        loop {
            let seen = server.read()?.subscribers;
            if seen >= listening {
                return Ok(());
            }
            if now_ns() > give_up_ns || fleet.status().ended > 0 {
                return Err(TrialError::Barrier { seen, listening, clients });
            }
            sleep_until(now_ns() + 2_000_000);
        }
    }

    /// The same with a server that cannot be asked: probes are published until every client has heard one. A client that
    /// polls at an interval will not for as long as that is, and misses nothing that it can ask for later.
    fn probes(&mut self, publisher: &Publisher, fleet: &Fleet) -> Result<(), TrialError> {
        if self.order.cell.config.transport == TransportKind::ShortPoll {
            return Ok(());
        }
        let clients = self.order.cell.clients;
        let give_up_ns = now_ns() + BARRIER_NS;
        loop {
            publisher.probe().map_err(ServerFault::from)?;
            let until_ns = now_ns() + PROBE_EVERY_NS;
            while now_ns() < until_ns {
                let status = fleet.status();
                if status.probed >= clients {
                    return Ok(());
                }
                if now_ns() > give_up_ns || status.ended > 0 {
                    let error = fleet.first_error().map_or(String::new(), |text| format!("; the first error: {text}"));
                    return Err(TrialError::Probes { heard: status.probed, clients, error });
                }
                sleep_until(now_ns() + 5_000_000);
            }
        }
    }

    /// Sleeps through warm-up and the measured window, and reads both its ends.
    fn window(&mut self, server: &mut Server, fleet: &Fleet, begin: &Begin) -> Result<Window, TrialError> {
        let (from_ns, to_ns) = (begin.start_ns + begin.window_from_ns, begin.start_ns + begin.window_to_ns);
        self.watch("warmup", from_ns, server, fleet, begin)?;
        let private = self.order.wire == Wire::Private;
        let client_rss_from_bytes = process::Memory::of(std::process::id())?.rss_bytes;
        let from = server.read()?;
        let carried_from = carried(private)?;
        let client_cpu_from_ns = process::cpu_ns(None)?;
        let machine_from = MachineState::read()?;
        self.watch("measure", to_ns, server, fleet, begin)?;
        // What costs the least CPU first, so that looking is not in what is seen.
        let client_cpu_ns = process::cpu_ns(None)? - client_cpu_from_ns;
        let to = server.read()?;
        let carried = [carried_from, carried(private)?];
        let machine = MachineState::read()?.since(&machine_from);
        let client = process::Memory::of(std::process::id())?;
        Ok(Window { carried, from, to, client_cpu_ns, client_rss_from_bytes, client, machine })
    }

    fn watch(&mut self, phase: &str, until_ns: u64, server: &mut Server, fleet: &Fleet, begin: &Begin) -> Result<(), TrialError> {
        let mut next_point_ns =
            begin.start_ns + SERIES_EVERY_NS * (now_ns().saturating_sub(begin.start_ns) / SERIES_EVERY_NS + 1);
        loop {
            let now = now_ns();
            if now >= until_ns {
                return Ok(());
            }
            sleep_until((now + PROGRESS_EVERY_NS).min(next_point_ns).min(until_ns));
            let point_ns = (now_ns() >= next_point_ns).then_some(next_point_ns - begin.start_ns);
            if point_ns.is_some() {
                next_point_ns += SERIES_EVERY_NS;
            }
            self.progress(phase, server, fleet, begin, point_ns)?;
        }
    }

    fn state(&self, status: &wirecost_loadgen::FleetStatus, begin: &Begin) -> Progress {
        let now = now_ns();
        let until = now.saturating_sub(begin.start_ns).min(begin.window_to_ns);
        Progress {
            phase: String::new(),
            elapsed_ns: now - self.started_ns,
            connected: status.connected,
            delivered: status.delivered,
            expected: self.script.deliveries(self.order.cell.clients, 0..until),
            p50_ns: status.p50_ns,
            p99_ns: status.p99_ns,
            errors: status.errors,
            server_cpu_ns: self.series.last().map_or(0, |point| point.server_cpu_ns),
            client_cpu_ns: self.series.last().map_or(0, |point| point.client_cpu_ns),
        }
    }

    fn progress(
        &mut self,
        phase: &str,
        server: &mut Server,
        fleet: &Fleet,
        begin: &Begin,
        point_ns: Option<u64>,
    ) -> Result<(), TrialError> {
        if !server.is_alive() {
            return Err(server.died().into());
        }
        let status = fleet.status();
        if let Some(at_ns) = point_ns {
            let reading = server.read()?;
            self.series.push(SeriesPoint {
                at_ns,
                delivered: status.delivered,
                errors: status.errors,
                server_cpu_ns: reading.cpu_ns,
                client_cpu_ns: process::cpu_ns(None)? - self.client_cpu_base_ns,
                server_rss_bytes: reading.rss_bytes,
            });
        }
        let state = self.state(&status, begin);
        (self.tell)(TrialEvent::Progress(Progress { phase: phase.into(), ..state }));
        Ok(())
    }
}

/// Everything that a finished trial is made of.
struct Sum<'a> {
    order: &'a TrialOrder,
    script: Script,
    series: Vec<SeriesPoint>,
    started_utc: String,
    begin: Begin,
    readings: Readings,
    nagle: u64,
    clients: ClientReport,
    report: ServerReport,
    wire: Option<(interface::Counters, StackCounters)>,
    wire_end: Option<interface::Counters>,
    capture_dropped: u64,
    words: Vec<String>,
    publisher: Option<Counters>,
}

impl Sum<'_> {
    fn output(mut self) -> TrialOutput {
        let ledger = self.ledger();
        let (accounting, upload_accounting) = self.accounting();
        let (histograms, interval_ns) = self.histograms();
        let latencies = histograms
            .iter()
            .map(|(tag, intervals)| (tag.clone(), merged(intervals)))
            .filter(|(_, all)| all.count() > 0)
            .map(|(tag, all)| (tag, all.summary()))
            .collect();
        let window = &self.readings.window;
        let in_window = self.begin.window_from_ns..self.begin.window_to_ns;
        let closed_loop = matches!(self.order.cell.workload, Workload::Echo(_));
        // A broadcast is sent once and planned once, however many receive it.
        let clients = u64::from(self.order.cell.clients.max(1));
        let receivers = |publish: &Publish| if publish.each_of.is_none() { clients } else { 1 };
        let (planned_messages, sent_messages) = match &self.script.publish {
            Some(publish) => {
                (self.script.deliveries(self.order.cell.clients, in_window) / receivers(publish), self.report.published_in_window)
            }
            None if closed_loop => (self.clients.sent_in_window, self.clients.sent_in_window),
            None => (self.script.sends(self.order.cell.clients, in_window), self.clients.sent_in_window),
        };
        // Of a stream of each client's own every message has one receiver, so there are as many as deliveries.
        let halves = histograms.get("delivery").and_then(|intervals| stationarity::halves(intervals, planned_messages));
        let senders = [("publisher", &self.report.departures), ("clients", &self.clients.departures)];
        let departures = senders.into_iter().filter_map(|(sender, seen)| Some((sender.to_string(), seen.summary()?))).collect();
        let injected = self.script.publish.as_ref().filter(|publish| !publish.faults.is_none());
        let injected = injected.map(|publish| self.report.injected.times(receivers(publish)));
        let recovery = self.begin.cut.map(|_| Recovery { cut_connections: self.report.cut_connections, ..self.clients.recovery });
        let mut errors: BTreeMap<String, u64> = std::mem::take(&mut self.clients.errors);
        if self.clients.negative_latencies > 0 {
            errors.insert("negative latency".into(), self.clients.negative_latencies);
        }
        if self.capture_dropped > 0 {
            errors.insert("packets missing in the capture".into(), self.capture_dropped);
        }
        let trial = Trial {
            index: self.order.spec.index,
            block: self.order.spec.block,
            cell: self.order.spec.cell,
            seed: self.order.spec.seed,
            started_utc: self.started_utc,
            wire: self.order.wire,
            clients_requested: self.order.cell.clients,
            clients_held: self.clients.connected - self.clients.ended,
            planned_messages,
            sent_messages,
            missed_ticks: self.report.missed_ticks + self.clients.missed_sends,
            missed_polls: self.clients.missed_polls,
            planned_polls: self.clients.planned_polls,
            accounting,
            upload_accounting,
            injected,
            recovery,
            latencies,
            departures,
            halves,
            closed_loop,
            ledger,
            server: ProcessCost {
                cpu_ns: window.to.cpu_ns - window.from.cpu_ns,
                rss_before_bytes: self.readings.before.rss_bytes,
                rss_window_bytes: Some(window.from.rss_bytes).filter(|bytes| *bytes > 0),
                rss_bytes: window.to.rss_bytes,
                pss_bytes: window.to.pss_bytes,
            },
            client: ProcessCost {
                cpu_ns: window.client_cpu_ns,
                rss_before_bytes: self.readings.client_rss_before_bytes,
                rss_window_bytes: Some(window.client_rss_from_bytes),
                rss_bytes: window.client.rss_bytes,
                pss_bytes: window.client.pss_bytes,
            },
            machine: MachineCost {
                steal_fraction: window.machine.steal_fraction(),
                softirq_fraction: window.machine.softirq_fraction(),
                busy_fraction: window.machine.busy_fraction(),
                swapped_pages: window.machine.swapped_in_pages + window.machine.swapped_out_pages,
                tcp_memory_bytes: window.machine.tcp_buffer_bytes,
                kernel_socket_bytes: kernel_bytes(&window.machine)
                    .zip(kernel_bytes(&self.readings.machine_before))
                    .map(|(now, before)| now.saturating_sub(before)),
            },
            negotiated: self.report.negotiated,
            nagle_connections: self.nagle,
            samples: self.report.samples,
            errors,
            target_words: self.words,
            publisher: self.publisher,
            gates: Vec::new(),
        };
        TrialOutput { trial, histograms, interval_ns, series: self.series }
    }

    fn ledger(&self) -> Ledger {
        let Readings { before, connected, window, drained, .. } = &self.readings;
        let borders = [before, connected, &window.from, &window.to, drained, &self.report.reading];
        let mut counters = borders.map(|reading| reading.counters);
        ledger::hold(&mut counters);
        let mut marks = self.readings.carried.clone();
        marks.push(self.wire_end);
        let mut ledger = Ledger::default();
        for (n, phase) in Phase::ALL.into_iter().enumerate() {
            let duration_ns = borders[n + 1].at_ns.saturating_sub(borders[n].at_ns);
            ledger.add_phase(phase, duration_ns, counters[n + 1] - counters[n]);
            ledger.phases[n].interface = marks[n].zip(marks[n + 1]).map(|(from, to)| {
                let carried = to - from;
                Carried { frames: carried.sent_packets, bytes: carried.sent_bytes }
            });
        }
        ledger.interface = self.wire.map(|(wire, stack)| {
            let mut all = self.report.reading.counters;
            // On the wire, and in no phase of anybody's message.
            all += self.publisher.unwrap_or_default();
            let frames = [all.data_segments, all.ack_segments, all.control_segments, all.retransmit_segments];
            InterfaceAccount {
                frames: wire.sent_packets,
                bytes: wire.sent_bytes,
                ledger_frames: frames.iter().map(|flow| flow.total()).sum(),
                ledger_bytes: all.all_layers_bytes() + if self.order.miscount { wire.sent_packets } else { 0 },
                out_of_order_segments: stack.out_of_order_segments,
                stray_resets: stack.resets_sent.saturating_sub(stack.resets_by_sockets),
                dsacks: stack.dsacks_sent,
                ledger_dsack_bytes: all.dsack_bytes.total(),
                retransmitted_segments: stack.retransmitted_segments,
            }
        });
        ledger
    }

    /// The account of the messages that the workload is about, and in `duplex` and `chat` that of the way up.
    fn accounting(&self) -> (Accounting, Option<Accounting>) {
        // The server counts what fell out of its ring before any reader had it, on transports that tell and on those that
        // have no words for it alike.
        let received = Accounting { lost_reported: self.report.overrun, ..self.clients.accounting };
        let uploaded = || {
            let mut uploaded = self.report.upload_accounting;
            uploaded.expected = self.clients.sent;
            uploaded.lost = uploaded.expected.saturating_sub(uploaded.delivered);
            uploaded
        };
        match &self.script.uplink {
            Some(_) if self.script.subscribe => (received, Some(uploaded())),
            Some(_) => (uploaded(), None),
            None => (received, None),
        }
    }

    /// By tag, in intervals; what is not a time series is one interval.
    fn histograms(&mut self) -> (Tagged, u64) {
        let window_ns = self.begin.window_to_ns - self.begin.window_from_ns;
        let mut tagged = Tagged::new();
        let (upload, upload_service) = (std::mem::take(&mut self.report.upload), std::mem::take(&mut self.report.upload_service));
        if self.script.uplink.is_some() && !self.script.subscribe {
            tagged.insert("delivery".into(), vec![upload]);
            tagged.insert("service".into(), vec![upload_service]);
        } else {
            tagged.insert("delivery".into(), std::mem::take(&mut self.clients.delivery));
            tagged.insert("service".into(), std::mem::take(&mut self.clients.service));
            tagged.insert("upload".into(), vec![upload]);
            tagged.insert("upload_service".into(), vec![upload_service]);
        }
        tagged.insert("publish_lag".into(), vec![std::mem::take(&mut self.report.publish_lag)]);
        tagged.insert("pacer_lag".into(), vec![std::mem::take(&mut self.clients.pacer_lag)]);
        for (stage, histogram) in std::mem::take(&mut self.clients.setup) {
            tagged.insert(stage, vec![histogram]);
        }
        tagged.retain(|_, intervals| intervals.iter().any(|histogram| histogram.count() > 0));
        (tagged, wirecost_loadgen::interval_ns(window_ns))
    }
}

/// Socket structures and buffers of the whole machine, bytes.
fn kernel_bytes(state: &MachineState) -> Option<u64> {
    Some(state.tcp_slab_bytes? + state.tcp_buffer_bytes)
}

fn merged(intervals: &[Histogram]) -> Histogram {
    let mut all = Histogram::default();
    intervals.iter().for_each(|histogram| all.merge(histogram));
    all
}
