//! The clients of a trial, as the trial speaks to them: in its own process, or, where one process may not have as many files as they
//! have connections, in several beside it, each with a share (`process` from outside, `inside` from inside). Parts add up, so the
//! trial does not know which it is.

pub mod inside;
mod process;

use std::ffi::OsString;
use std::time::{Duration, Instant};

use wirecost_loadgen::books::Books;
use wirecost_loadgen::fleet::{CONNECT_PATIENCE, FleetError, share};
use wirecost_loadgen::workload::Script;
use wirecost_loadgen::{Fleet, FleetPlan, Foreign, Target};
use wirecost_model::control::{Begin, FleetCommand, FleetOrder};
use wirecost_model::ledger::Counters;
use wirecost_model::{Cell, ClientReport, FleetCount, FleetLook};
use wirecost_probe::clock::thread_cpu_ns;
use wirecost_probe::process::Memory;
use wirecost_probe::{limits, sockets};

use self::process::FleetProcess;
use crate::conversation::ConversationError;

/// Descriptors that a process needs beside its connections and its threads of clients.
const SPARE_DESCRIPTORS: u64 = 64;

/// Descriptors of a thread of clients: of its runtime, its pacer and what wakes them.
const SHARD_DESCRIPTORS: u64 = 8;

/// Descriptors that a share costs the trial: a pipe each way, and one for last words.
const SHARE_DESCRIPTORS: u64 = 3;

/// Processes of clients that a trial may have.
const MOST_PROCESSES: u32 = 64;

/// How long connections may take to end when nobody holds them any more: the target's own end of them, first while it
/// runs and then when it is gone.
pub(crate) const CLOSE_WITHIN: Duration = Duration::from_millis(1500);

/// How long one process is listened to while all connect.
const LISTEN_FOR: Duration = Duration::from_millis(50);

/// Why there are no clients, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum ClientsFault {
    /// They could not be connected.
    #[error("{0}")]
    Connect(#[from] FleetError),
    /// Nothing happened for too long, and there are many.
    #[error(
        "{0}; the load generator has several processes for them, because one may not have as many files: a process of the target \
         has a limit, too"
    )]
    Room(FleetError),
    /// A process that has a share of them says that it cannot go on.
    #[error("a process of the load generator: {0}")]
    Failed(String),
    /// Such a process is not there.
    #[error("{0}")]
    Process(#[from] ConversationError),
    /// An instrument failed.
    #[error("an instrument failed: {0}")]
    Probe(#[from] std::io::Error),
}

impl ClientsFault {
    /// Whether it may be the server that is to blame.
    pub fn may_be_the_servers(&self) -> bool {
        matches!(self, ClientsFault::Connect(_) | ClientsFault::Room(_))
    }
}

/// The most clients of a cell that fit into so many processes of so many files each, where a trial has so many cores for them.
fn room(cell: &Cell, processes: u32, files: u64, cores: usize) -> u64 {
    let shards = (cores as u64).div_ceil(u64::from(processes)).max(1);
    let in_trial = if processes > 1 { u64::from(processes) * SHARE_DESCRIPTORS } else { 0 };
    if in_trial + SPARE_DESCRIPTORS > files {
        return 0;
    }
    let connections = files.saturating_sub(SPARE_DESCRIPTORS + shards * SHARD_DESCRIPTORS);
    connections / cell.connections_each() * u64::from(processes)
}

/// How many processes the clients of a cell are to be in. The reference server, which inherits the limit, is one process, and has as
/// many files open as they have: with it there is no use in more than one. What a target may have is its own business.
///
/// # Errors
/// The most clients that there may be.
pub(crate) fn processes(cell: &Cell, files: u64, cores: usize) -> Result<u32, u64> {
    let possible = 1..=if cell.config.target.is_some() { MOST_PROCESSES } else { 1 };
    let fits = |processes: &u32| room(cell, *processes, files, cores) >= u64::from(cell.clients);
    let most = possible.clone().map(|processes| room(cell, processes, files, cores)).max();
    possible.into_iter().find(fits).ok_or(most.unwrap_or_default())
}

/// What happens in a trial of this cell.
pub(crate) fn script(cell: &Cell, seed: u64) -> Script {
    let mut script = Script::new(&cell.workload, cell.clients, seed);
    script.publish.iter_mut().for_each(|publish| publish.faults = cell.faults);
    script
}

/// The server as clients reach it, with these books where it is not ours.
pub(crate) fn target(order: &FleetOrder, books: Option<Books>) -> Target {
    let config = &order.cell.config;
    let recipe = config.target.as_ref().map(|target| target.dialect.recipe(config.transport).unwrap_or_default());
    let foreign = recipe.zip(books).map(|(recipe, books)| Foreign { recipe: recipe.into(), books });
    Target { certificate_der: order.certificate_der.clone(), foreign, ..Target::new(order.address, config.clone()) }
}

/// Books for clients of this cell: there are some where the server is not ours, and cannot count.
pub(crate) fn books(cell: &Cell) -> std::io::Result<Option<Books>> {
    cell.config.target.is_some().then(Books::open).transpose()
}

/// Clients in this process that are not connected yet.
fn plan(order: &FleetOrder, books: Option<Books>) -> FleetPlan {
    FleetPlan {
        target: target(order, books),
        script: script(&order.cell, order.seed),
        clients: order.cell.clients,
        numbers: order.numbers.clone(),
        connecting_at_once: order.connecting_at_once,
        patience: CONNECT_PATIENCE,
        connect: order.cell.timing.connect,
        shards: order.cores.len().max(1) as u32,
        sources: order.sources.clone(),
        seed: order.seed,
    }
}

/// What clients of this process have used and carried so far, by these books; the calling thread does nothing but watch them.
fn count(books: Option<&Books>) -> std::io::Result<FleetCount> {
    let (cpu_ns, watching_cpu_ns) = (wirecost_probe::process::cpu_ns(None)?, thread_cpu_ns());
    let counters = books.map(Books::reading).unwrap_or_default();
    let is_quiet = books.is_none_or(Books::is_quiet);
    let Memory { rss_bytes, anonymous_bytes } = Memory::of(std::process::id())?;
    Ok(FleetCount { cpu_ns, watching_cpu_ns, rss_bytes, anonymous_bytes, counters, is_quiet })
}

/// Tells all shares the same, and then hears each: they do it at the same time.
fn ask<T>(
    shares: &mut [FleetProcess],
    command: &FleetCommand,
    hear: impl FnMut(&mut FleetProcess) -> Result<T, ClientsFault>,
) -> Result<Vec<T>, ClientsFault> {
    shares.iter_mut().try_for_each(|share| share.tell(command))?;
    shares.iter_mut().map(hear).collect()
}

/// The clients of a trial.
pub(crate) enum Clients {
    /// In this process.
    Here { plan: Box<FleetPlan>, books: Option<Books>, fleet: Option<Fleet> },
    /// In several beside it.
    Shares { order: Box<FleetOrder>, shares: Vec<FleetProcess> },
}

impl Clients {
    /// Makes room for all clients of an order, none of which is connected yet; `command` starts a process for a share.
    pub fn start(order: FleetOrder, command: &[OsString]) -> Result<Clients, ClientsFault> {
        let (_, files) = limits::nofile()?;
        let count = processes(&order.cell, files, order.cores.len()).unwrap_or(1);
        if count == 1 {
            let books = books(&order.cell)?;
            return Ok(Clients::Here { plan: Box::new(plan(&order, books.clone())), books, fleet: None });
        }
        let shares = (0..count).map(|n| FleetProcess::start(command, &share_of(&order, n, count)));
        let mut shares: Vec<FleetProcess> = shares.collect::<Result<_, _>>()?;
        shares.iter_mut().try_for_each(FleetProcess::started)?;
        Ok(Clients::Shares { order: Box::new(order), shares })
    }

    /// Connects everyone. `progress` is told how many are, now and then; it returns `false` to give up.
    pub fn connect(&mut self, mut progress: impl FnMut(u32) -> bool) -> Result<(), ClientsFault> {
        match self {
            Clients::Here { plan, fleet, .. } => *fleet = Some(Fleet::connect(plan, progress)?),
            Clients::Shares { order, shares } => {
                shares.iter_mut().try_for_each(|share| share.tell(&FleetCommand::Connect))?;
                let clients = order.cell.clients;
                // At a rate, one begins so long after another.
                let patience = CONNECT_PATIENCE + Duration::from_nanos(order.cell.timing.connecting(2).ns());
                let (mut connected, mut last_step) = (0, Instant::now());
                while shares.iter().any(|share| share.nagle_connections.is_none()) {
                    for share in shares.iter_mut().filter(|share| share.nagle_connections.is_none()) {
                        share.connecting(LISTEN_FOR, clients)?;
                    }
                    let now_connected = shares.iter().map(|share| share.connected).sum();
                    if now_connected > std::mem::replace(&mut connected, now_connected) {
                        last_step = Instant::now();
                    }
                    if !progress(connected) || last_step.elapsed() > patience {
                        return Err(ClientsFault::Room(FleetError::Stuck { connected, clients }));
                    }
                }
            }
        }
        Ok(())
    }

    /// Connections on which Nagle's algorithm is on, theirs and others of this process. Must be 0.
    pub fn nagle_connections(&self) -> Result<u64, ClientsFault> {
        let of_shares = match self {
            Clients::Here { .. } => 0,
            Clients::Shares { shares, .. } => shares.iter().filter_map(|share| share.nagle_connections).sum(),
        };
        Ok(sockets::nagle_connections()? + of_shares)
    }

    /// Starts the clock of every client. Returns when each knows when.
    pub fn begin(&mut self, begin: &Begin) -> Result<(), ClientsFault> {
        match self {
            Clients::Here { fleet, .. } => fleet.iter().for_each(|fleet| fleet.begin(begin.clone())),
            Clients::Shares { shares, .. } => {
                ask(shares, &FleetCommand::Begin(begin.clone()), FleetProcess::begun)?;
            }
        }
        Ok(())
    }

    /// How they are getting on.
    pub fn look(&mut self) -> Result<FleetLook, ClientsFault> {
        match self {
            Clients::Here { fleet, .. } => Ok(fleet.as_ref().map(Fleet::look).unwrap_or_default()),
            Clients::Shares { shares, .. } => {
                let mut sum = FleetLook::default();
                ask(shares, &FleetCommand::Look, FleetProcess::look)?.into_iter().for_each(|look| sum.add(look));
                Ok(sum)
            }
        }
    }

    /// What they have used and carried so far; what this process uses is theirs in any case, and the calling thread is one that
    /// watches.
    pub fn count(&mut self) -> Result<FleetCount, ClientsFault> {
        match self {
            Clients::Here { books, .. } => Ok(count(books.as_ref())?),
            Clients::Shares { shares, .. } => {
                let counted = ask(shares, &FleetCommand::Count, FleetProcess::counted)?;
                let mut sum = count(None)?;
                counted.iter().for_each(|share| sum.add(share));
                sum.watching_cpu_ns += shares.iter().map(FleetProcess::listening_cpu_ns).sum::<u64>();
                Ok(sum)
            }
        }
    }

    /// CPU time of their processes so far, ns. They do nothing for that.
    pub fn cpu_ns(&mut self) -> Result<u64, ClientsFault> {
        let mut sum = wirecost_probe::process::cpu_ns(None)?;
        if let Clients::Shares { shares, .. } = self {
            for share in shares {
                sum += share.cpu_ns()?;
            }
        }
        Ok(sum)
    }

    /// How many processes they are in.
    pub fn processes(&self) -> u32 {
        match self {
            Clients::Here { .. } => 1,
            Clients::Shares { shares, .. } => shares.len() as u32,
        }
    }

    /// Closes them all. What they know, and what is left of their connections.
    pub fn close(self) -> Result<(ClientReport, Connections), ClientsFault> {
        match self {
            Clients::Here { fleet, books, .. } => Ok((fleet.map(Fleet::close).unwrap_or_default(), Connections::Here(books))),
            Clients::Shares { mut shares, .. } => {
                let mut sum = ClientReport::default();
                ask(&mut shares, &FleetCommand::Close, FleetProcess::closed)?.into_iter().for_each(|share| sum.merge(share));
                Ok((sum, Connections::Shares(shares)))
            }
        }
    }
}

/// Connections whose clients are gone: some end only when the server does.
pub(crate) enum Connections {
    /// Of this process; none are counted here if the server counts.
    Here(Option<Books>),
    /// Of others.
    Shares(Vec<FleetProcess>),
}

impl Connections {
    /// Whether every one has ended.
    pub fn is_quiet(&mut self) -> Result<bool, ClientsFault> {
        match self {
            Connections::Here(books) => Ok(books.as_ref().is_none_or(Books::is_quiet)),
            Connections::Shares(shares) => {
                Ok(ask(shares, &FleetCommand::Count, FleetProcess::counted)?.iter().all(|share| share.is_quiet))
            }
        }
    }

    /// Ends what is left of them. What they have carried, where the server cannot count that; else zeros.
    pub fn finish(self) -> Result<Counters, ClientsFault> {
        match self {
            Connections::Here(books) => Ok(books.map(|books| books.finish(CLOSE_WITHIN)).unwrap_or_default()),
            Connections::Shares(mut shares) => {
                let mut sum = Counters::default();
                let last = ask(&mut shares, &FleetCommand::Finish, FleetProcess::counted)?;
                last.iter().for_each(|share| sum += share.counters);
                shares.into_iter().for_each(FleetProcess::end);
                Ok(sum)
            }
        }
    }
}

/// The `n`-th of so many shares of an order. Cores are dealt in turn; there may be fewer than shares, and all together are connecting no
/// more clients at a time than one process would.
fn share_of(order: &FleetOrder, n: u32, shares: u32) -> FleetOrder {
    let at = |n: u32| n as usize % order.cores.len().max(1);
    let dealt = order.cores.iter().enumerate().filter(|(core, _)| core % shares as usize == at(n)).map(|(_, core)| *core);
    let cores: Vec<usize> = dealt.collect();
    let threads = (order.cores.len() as u32).max(1);
    let connecting_at_once = (order.connecting_at_once * threads / threads.max(shares)).max(1);
    FleetOrder { numbers: share(order.numbers.clone(), n, shares), cores, connecting_at_once, ..order.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wirecost_model::Plan;

    fn cell(workload: &str, clients: u32) -> Cell {
        let yaml = format!("name: a\nquestion: b\nworkload: {{ {workload} }}\nclients: {clients}\narms: [sse]\n");
        Plan::new(&wirecost_model::scenario::load(&yaml).unwrap(), Some(1), None).cells[0].clone()
    }

    fn of_a_target(workload: &str, options: &str, clients: u32) -> Cell {
        let target = "target: { url: \"http://127.0.0.1:9\", dialect: nchan }";
        let yaml = format!(
            "name: a\nquestion: b\nworkload: {{ {workload} }}\nclients: {clients}\nwire: host\n\
             arms: [{{ long_poll: {{ {options} {target} }} }}]\n"
        );
        Plan::new(&wirecost_model::scenario::load(&yaml).unwrap(), Some(1), None).cells[0].clone()
    }

    #[test]
    fn there_are_as_many_processes_as_files_need_and_no_more() {
        let idle = |clients| of_a_target("idle: {}", "", clients);
        // 928 beside what else a process has.
        assert_eq!([1, 928, 929, 1856, 1857].map(|clients| processes(&idle(clients), 1000, 1)), [1, 1, 2, 2, 3].map(Ok));
        // Threads have files, and a process for each thread or two has fewer of them than one for all.
        assert_eq!([929, 930, 1841].map(|clients| processes(&idle(clients), 1000, 8)), [2, 2, 3].map(Ok));
        // Of one connection for each poll some are not gone yet.
        assert_eq!(processes(&of_a_target("idle: {}", "keep_alive: off,", 310), 1000, 1), Ok(2));
        // Who starts many has pipes to them.
        assert_eq!((processes(&idle(1), 71, 1), processes(&idle(1), 73, 1), processes(&idle(3), 73, 1)), (Err(0), Ok(1), Ok(3)));
        assert_eq!((processes(&idle(336), 100, 1), processes(&idle(337), 100, 1)), (Ok(12), Err(12 * 28)));
        assert_eq!(processes(&idle(60_000), 1000, 1), Err(64 * 928));
        // The reference server has the same limit.
        assert_eq!(processes(&cell("idle: {}", 929), 1000, 1), Err(928));
    }

    #[test]
    fn shares_are_all_clients_once_and_cores_are_dealt() {
        for (cores, shares) in [(vec![], 3), (vec![4], 3), (vec![1, 2, 5, 7], 3), (vec![1, 2, 5, 7], 5), (vec![3, 4, 5, 6], 2)] {
            let address = "127.0.0.1:1".parse().unwrap();
            let cell = cell("idle: {}", 1000);
            let all = FleetOrder {
                cell,
                seed: 1,
                numbers: 0..1000,
                cores,
                address,
                certificate_der: None,
                sources: Vec::new(),
                connecting_at_once: 64,
            };
            let each: Vec<FleetOrder> = (0..shares).map(|n| share_of(&all, n, shares)).collect();
            assert!(each.iter().flat_map(|share| share.numbers.clone()).eq(0..1000));
            assert!(each.iter().all(|share| share.cores.is_empty() == all.cores.is_empty()), "{each:?}");
            let mut dealt: Vec<usize> = each.iter().flat_map(|share| share.cores.clone()).collect();
            dealt.sort_unstable();
            dealt.dedup();
            assert_eq!(dealt, all.cores);
            // With no core said there is one thread in each.
            let at_once: u32 = each.iter().map(|share| share.connecting_at_once * (share.cores.len() as u32).max(1)).sum();
            assert!(at_once <= 64 * (all.cores.len() as u32).max(1), "{at_once} at once");
        }
    }
}
