//! The clients of a trial that are in this process, all or a share, over one or more shards, as the runner sees them: connect, begin,
//! look, close. What they know, and how parts of it add up, is in the model.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use wirecost_model::control::Begin;
use wirecost_model::units::Rate;
use wirecost_model::{ClientReport, FleetLook, FleetStatus};

use crate::client::Stage;
use crate::shard::{self, Connected};
use crate::status::Status;
use crate::target::Target;
use crate::workload::Script;

/// The `n`-th of so many shares of clients, which differ by one at most.
pub fn share(clients: Range<u32>, n: u32, shares: u32) -> Range<u32> {
    let border = |n: u32| clients.start + (u64::from(clients.end - clients.start) * u64::from(n) / u64::from(shares)) as u32;
    border(n)..border(n + 1)
}

/// How long connecting may take without any client getting further, unless somebody says otherwise.
pub const CONNECT_PATIENCE: Duration = Duration::from_secs(20);

/// How often it is told how many are connected.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// How many clients may be connecting at a time on each thread, likewise.
pub const CONNECTING_AT_ONCE: u32 = 64;

/// What clients there are to be.
#[derive(Debug, Clone)]
pub struct FleetPlan {
    /// The server and the arm.
    pub target: Target,
    /// What they do.
    pub script: Script,
    /// How many.
    pub clients: u32,
    /// Which of them are in this process: all, `0..clients`, or a share.
    pub numbers: Range<u32>,
    /// How many may be connecting at a time on each thread, where they have no rate.
    pub connecting_at_once: u32,
    /// How long connecting may take without any client getting further.
    pub patience: Duration,
    /// How many of all of them begin to connect a second, each at its due time; as fast as they are let in if absent.
    pub connect: Option<Rate>,
    /// Threads to spread them over.
    pub shards: u32,
    /// Local addresses to connect from, in turn; the kernel's choice if there are none.
    pub sources: Vec<IpAddr>,
    /// Of their poll phases.
    pub seed: u64,
}

impl FleetPlan {
    /// How long after the first of all clients this one begins to connect, if that has a rate.
    pub fn connects_after(&self, number: u32) -> Option<Duration> {
        self.connect.map(|rate| Duration::from_secs_f64(f64::from(number) / rate.0))
    }

    /// All clients on one thread, from an address of the kernel's choice.
    pub fn on_one_thread(target: Target, script: Script, clients: u32, seed: u64) -> FleetPlan {
        FleetPlan {
            target,
            script,
            clients,
            numbers: 0..clients,
            connecting_at_once: CONNECTING_AT_ONCE,
            patience: CONNECT_PATIENCE,
            connect: None,
            shards: 1,
            sources: Vec::new(),
            seed,
        }
    }
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
    #[error("only {connected} of {clients} clients were connected, and none more within {} s", CONNECT_PATIENCE.as_secs())]
    Stuck {
        /// How many were connected.
        connected: u32,
        /// Of how many.
        clients: u32,
    },
}

struct Shard {
    thread: JoinHandle<std::io::Result<ClientReport>>,
    status: Arc<Status>,
}

/// Clients of a trial.
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
        let clients = plan.numbers.len() as u32;
        let shard_count = plan.shards.clamp(1, clients.max(1));
        let mut shards = Vec::new();
        for shard in 0..shard_count {
            let numbers = share(plan.numbers.clone(), shard, shard_count);
            let status = Arc::new(Status::default());
            let (plan, stages, results) = (plan.clone(), stages.clone(), results.clone());
            let shown = Arc::clone(&status);
            let thread = std::thread::Builder::new()
                .name(format!("clients-{shard}"))
                .spawn(move || shard::run(&plan, numbers, stages, shown, results))?;
            shards.push(Shard { thread, status });
        }
        drop(results);
        let fleet = Fleet { shards, stage, clients };
        match fleet.wait_until_connected(&connected, plan, &mut progress) {
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
        plan: &FleetPlan,
        progress: &mut dyn FnMut(u32) -> bool,
    ) -> Result<(), FleetError> {
        let clients = self.clients;
        let (mut connected, mut failed, mut first) = (0, 0, String::new());
        // At a rate, nobody of a later share is connected for a while, and then one after another.
        let [first_pause, pause] = [plan.numbers.start, 1].map(|number| plan.connects_after(number).unwrap_or_default());
        let mut last_step = Instant::now() + first_pause;
        let mut told = Instant::now();
        // At a rate the others would take their time to fail as well.
        while connected + failed < clients && (failed == 0 || pause.is_zero()) {
            match results.recv_timeout(TELL_EVERY) {
                Ok(result) => {
                    last_step = last_step.max(Instant::now());
                    match result {
                        Ok(()) => connected += 1,
                        Err(error) => {
                            failed += 1;
                            first = if first.is_empty() { error } else { first };
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                if !progress(connected) || last_step.elapsed() > plan.patience.saturating_add(pause) {
                    return Err(FleetError::Stuck { connected, clients });
                }
            }
        }
        if connected < clients {
            if first.is_empty() {
                first = "a thread of the load generator ended early".into();
            }
            let failed = if pause.is_zero() { clients - connected } else { failed.max(1) };
            return Err(FleetError::Connect { failed, clients, first });
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
        self.shards.iter().for_each(|shard| sum.add(&shard.status.read()));
        sum
    }

    /// The same with what is less often asked for.
    pub fn look(&self) -> FleetLook {
        let mut sum = FleetLook::default();
        self.shards.iter().for_each(|shard| sum.add(shard.status.look()));
        sum
    }

    /// Whether there is nothing left to wait for: every client has everything, or has ended.
    pub fn is_complete(&self) -> bool {
        self.status().is_complete(self.clients)
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
