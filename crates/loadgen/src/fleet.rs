//! All clients of a trial, over one or more shards, as the runner sees them: connect, begin, look, close.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use wirecost_model::control::Begin;
use wirecost_model::ledger::Flow;
use wirecost_model::{Accounting, Departures, Histogram, Recovery};
use wirecost_probe::meter::MeterSnapshot;

use crate::client::Stage;
use crate::glance::Counts;
use crate::shard::{self, Connected};
use crate::status::Status;
use crate::target::Target;
use crate::workload::Script;

/// How long connecting may take without any client getting further.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// What clients there are to be.
#[derive(Debug, Clone)]
pub struct FleetPlan {
    /// The server and the arm.
    pub target: Target,
    /// What they do.
    pub script: Script,
    /// How many.
    pub clients: u32,
    /// Threads to spread them over.
    pub shards: u32,
    /// Local addresses to connect from, in turn; the kernel's choice if there are none.
    pub sources: Vec<IpAddr>,
    /// Of their poll phases.
    pub seed: u64,
}

/// Why clients could not be connected.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A thread could not be started.
    #[error("no thread for the load generator: {0}")]
    Thread(#[from] std::io::Error),
    /// Some clients failed.
    #[error("{failed} of {clients} clients could not connect; the first: {first}")]
    Connect {
        /// How many failed.
        failed: u32,
        /// Of how many.
        clients: u32,
        /// Why the first did.
        first: String,
    },
    /// Nothing happened for too long.
    #[error("only {connected} of {clients} clients were connected, and none more within {} s", CONNECT_TIMEOUT.as_secs())]
    Stuck {
        /// How many were connected.
        connected: u32,
        /// Of how many.
        clients: u32,
    },
}

/// How a fleet is getting on.
#[derive(Debug, Clone, Copy, Default)]
pub struct FleetStatus {
    /// Clients connected.
    pub connected: u32,
    /// Clients that ended in an error.
    pub ended: u32,
    /// Clients that have seen a probe, where the server is not ours.
    pub probed: u32,
    /// Clients that have everything that the plan wanted.
    pub complete: u32,
    /// Deliveries, all phases.
    pub delivered: u64,
    /// Errors.
    pub errors: u64,
}

/// What the clients know at the end.
#[derive(Debug, Default)]
pub struct ClientReport {
    /// Clients that were connected.
    pub connected: u32,
    /// Clients that ended in an error.
    pub ended: u32,
    /// What became of every message.
    pub accounting: Accounting,
    /// Of clients that were cut off on purpose.
    pub recovery: Recovery,
    /// received − due, by interval of the window.
    pub delivery: Vec<Histogram>,
    /// received − sent, likewise.
    pub service: Vec<Histogram>,
    /// By stage of connecting.
    pub setup: BTreeMap<String, Histogram>,
    /// How late the pacer woke, ns.
    pub pacer_lag: Histogram,
    /// Poll starts due in the window.
    pub planned_polls: u64,
    /// Of these, skipped.
    pub missed_polls: u64,
    /// Messages that clients sent, all phases.
    pub sent: u64,
    /// Of these, due in the window.
    pub sent_in_window: u64,
    /// Messages of the clients' plan that were not sent by the end, all phases.
    pub unsent: u64,
    /// Age of those due in the window, ns.
    pub unsent_age: Histogram,
    /// Due times at which the message before was still being sent.
    pub missed_sends: u64,
    /// How messages left that clients send on a schedule, against the plan.
    pub departures: Departures,
    /// By text.
    pub errors: BTreeMap<String, u64>,
    /// Messages that seemed to arrive before they were sent.
    pub negative_latencies: u64,
    /// What the sockets carried, where the stack lets a connection be wrapped; else zeros.
    pub socket_bytes: SocketBytes,
}

/// Bytes of the clients' own meters, below TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SocketBytes(pub Flow);

impl From<MeterSnapshot> for SocketBytes {
    fn from(counts: MeterSnapshot) -> Self {
        SocketBytes(Flow { up: counts.written_bytes, down: counts.read_bytes })
    }
}

impl ClientReport {
    fn merge(&mut self, other: ClientReport) {
        fn add(into: &mut Vec<Histogram>, from: Vec<Histogram>) {
            if into.is_empty() {
                *into = from;
            } else {
                into.iter_mut().zip(&from).for_each(|(a, b)| a.merge(b));
            }
        }
        self.connected += other.connected;
        self.ended += other.ended;
        self.accounting.merge(&other.accounting);
        self.recovery.merge(&other.recovery);
        add(&mut self.delivery, other.delivery);
        add(&mut self.service, other.service);
        other.setup.into_iter().for_each(|(stage, histogram)| self.setup.entry(stage).or_default().merge(&histogram));
        self.pacer_lag.merge(&other.pacer_lag);
        self.planned_polls += other.planned_polls;
        self.missed_polls += other.missed_polls;
        self.sent += other.sent;
        self.sent_in_window += other.sent_in_window;
        self.unsent += other.unsent;
        self.unsent_age.merge(&other.unsent_age);
        self.missed_sends += other.missed_sends;
        self.departures.merge(other.departures);
        other.errors.into_iter().for_each(|(text, count)| *self.errors.entry(text).or_default() += count);
        self.negative_latencies += other.negative_latencies;
        self.socket_bytes.0 += other.socket_bytes.0;
    }
}

struct Shard {
    thread: JoinHandle<std::io::Result<ClientReport>>,
    status: Arc<Status>,
}

/// All clients of a trial.
pub struct Fleet {
    shards: Vec<Shard>,
    stage: watch::Sender<Stage>,
    clients: u32,
}

impl Fleet {
    /// Connects all clients and returns when they are ready. `progress` is told how many are, now and then;
    /// it returns `false` to give up (the server has died, the user has had enough).
    ///
    /// # Errors
    /// [`FleetError`] if any client could not be connected; those that were are closed.
    pub fn connect(plan: &FleetPlan, mut progress: impl FnMut(u32) -> bool) -> Result<Fleet, FleetError> {
        let (stage, stages) = watch::channel(Stage::Connecting);
        let (results, connected) = mpsc::channel::<Connected>();
        let shard_count = plan.shards.clamp(1, plan.clients.max(1));
        let mut shards = Vec::new();
        for shard in 0..shard_count {
            let share = |n: u32| (u64::from(plan.clients) * u64::from(n) / u64::from(shard_count)) as u32;
            let numbers = share(shard)..share(shard + 1);
            let status = Arc::new(Status::default());
            let (plan, stages, results) = (plan.clone(), stages.clone(), results.clone());
            let shown = Arc::clone(&status);
            let thread = std::thread::Builder::new()
                .name(format!("clients-{shard}"))
                .spawn(move || shard::run(&plan, numbers, stages, shown, results))?;
            shards.push(Shard { thread, status });
        }
        drop(results);
        let fleet = Fleet { shards, stage, clients: plan.clients };
        match fleet.wait_until_connected(&connected, &mut progress) {
            Ok(()) => Ok(fleet),
            Err(error) => {
                let _ = fleet.close();
                Err(error)
            }
        }
    }

    fn wait_until_connected(
        &self,
        results: &mpsc::Receiver<Connected>,
        progress: &mut dyn FnMut(u32) -> bool,
    ) -> Result<(), FleetError> {
        let clients = self.clients;
        let (mut connected, mut failed, mut first) = (0, 0, String::new());
        let mut last_step = Instant::now();
        while connected + failed < clients {
            match results.recv_timeout(Duration::from_millis(100)) {
                Ok(result) => {
                    last_step = Instant::now();
                    match result {
                        Ok(()) => connected += 1,
                        Err(error) => {
                            failed += 1;
                            first = if first.is_empty() { error } else { first };
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) if !progress(connected) || last_step.elapsed() > CONNECT_TIMEOUT => {
                    return Err(FleetError::Stuck { connected, clients });
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if connected < clients {
            if first.is_empty() {
                first = "a thread of the load generator ended early".into();
            }
            return Err(FleetError::Connect { failed: clients - connected, clients, first });
        }
        Ok(())
    }

    /// Starts the clock of every client.
    pub fn begin(&self, begin: Begin) {
        self.stage.send_replace(Stage::Running(begin));
    }

    /// How the clients are getting on.
    pub fn status(&self) -> FleetStatus {
        let mut sum = FleetStatus::default();
        for Shard { status, .. } in &self.shards {
            sum.connected += status.connected.load(Relaxed);
            sum.ended += status.ended.load(Relaxed);
            sum.probed += status.probed.load(Relaxed);
            sum.complete += status.complete.load(Relaxed);
            sum.delivered += status.delivered();
            sum.errors += status.errors.load(Relaxed);
        }
        sum
    }

    /// Delivery latencies of the window so far, roughly.
    pub fn latencies(&self) -> Counts {
        let mut sum = Counts::default();
        self.shards.iter().for_each(|shard| sum.add(&shard.status.latencies.counts()));
        sum
    }

    /// The first error that any client met, if one has.
    pub fn first_error(&self) -> Option<String> {
        self.shards.iter().find_map(|shard| shard.status.first_error.lock().ok()?.clone())
    }

    /// What came to some client before the start and was nothing that was published, if anything did: its beginning.
    pub fn strange(&self) -> Option<String> {
        self.shards.iter().find_map(|shard| shard.status.strange.lock().ok()?.clone())
    }

    /// Whether there is nothing left to wait for: every client has everything, or has ended.
    pub fn is_complete(&self) -> bool {
        let status = self.status();
        status.complete + status.ended >= self.clients
    }

    /// Closes every client and collects what they know.
    pub fn close(self) -> ClientReport {
        self.stage.send_replace(Stage::Closing);
        let mut all = ClientReport::default();
        for shard in self.shards {
            match shard.thread.join() {
                Ok(Ok(report)) => all.merge(report),
                Ok(Err(error)) => _ = all.errors.insert(format!("a shard could not run: {error}"), 1),
                Err(_) => _ = all.errors.insert("a shard panicked".into(), 1),
            }
        }
        all
    }
}
