//! The clients of a trial, as the trial speaks to them: in its own process, or, where one process may not have as many files as they
//! have connections, in several beside it, each with a share (`process` from outside, `inside` from inside). Parts add up, so the
//! trial does not know which it is.

pub mod inside;
mod process;

use std::ffi::OsString;
use std::time::Duration;

use wirecost_loadgen::books::Books;
use wirecost_loadgen::fleet::{FleetError, share};
use wirecost_loadgen::workload::Script;
use wirecost_loadgen::{Fleet, FleetPlan, Foreign, Target};
use wirecost_model::control::{Begin, FleetOrder};
use wirecost_model::ledger::Counters;
use wirecost_model::{Cell, ClientReport, FleetLook};
use wirecost_probe::clock::thread_cpu_ns;
use wirecost_probe::process::Memory;
use wirecost_probe::{limits, sockets};

use self::process::FleetProcess;
use crate::conversation::ConversationError;

/// Descriptors that a process needs beside its connections.
pub(crate) const SPARE_DESCRIPTORS: u64 = 64;

/// How long connections may take to end when nobody holds them any more: the target's own end of them, first while it
/// runs and then when it is gone.
pub(crate) const CLOSE_WITHIN: Duration = Duration::from_millis(1500);

/// How long one process is listened to while all connect.
const LISTEN_FOR: Duration = Duration::from_millis(50);

/// Why there are no clients, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum ClientsFault {
    /// Those of this process could not be connected.
    #[error("{0}")]
    Here(#[from] FleetError),
    /// Those of a process that has a share could not.
    #[error(
        "in one of several processes of the load generator, each with a share of the clients: {0}; \
         a process of the target has a limit on its files too, and may have no room for more"
    )]
    Share(String),
    /// Such a process says that it cannot go on.
    #[error("a process of the load generator with a share of the clients: {0}")]
    Failed(String),
    /// Such a process is not there.
    #[error("{0}")]
    Process(#[from] ConversationError),
    /// An instrument failed.
    #[error("an instrument failed: {0}")]
    Probe(#[from] std::io::Error),
}

/// How many processes the clients of a cell need, each of which may have so many files; `None` if no number is enough.
pub(crate) fn processes(cell: &Cell, files: u64) -> Option<u32> {
    let clients_each = files.saturating_sub(SPARE_DESCRIPTORS) / cell.connections_each();
    let processes = u64::from(cell.clients).checked_div(clients_each)? + u64::from(u64::from(cell.clients) % clients_each > 0);
    u32::try_from(processes.max(1)).ok()
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
        connect: order.cell.timing.connect,
        shards: order.cores.len().max(1) as u32,
        sources: order.sources.clone(),
        seed: order.seed,
    }
}

/// The clients of a trial.
pub(crate) enum Clients {
    /// In this process.
    Here { plan: Box<FleetPlan>, books: Option<Books>, fleet: Option<Fleet> },
    /// In several beside it.
    Shares(Vec<FleetProcess>),
}

impl Clients {
    /// Makes room for all clients of an order, none of which is connected yet; `command` starts a process for a share.
    pub fn start(order: &FleetOrder, command: &[OsString]) -> Result<Clients, ClientsFault> {
        let (_, files) = limits::nofile()?;
        let count = processes(&order.cell, files).unwrap_or(1);
        if count == 1 {
            let books = books(&order.cell)?;
            return Ok(Clients::Here { plan: Box::new(plan(order, books.clone())), books, fleet: None });
        }
        let shares = (0..count).map(|n| FleetProcess::start(command, &share_of(order, n, count)));
        Ok(Clients::Shares(shares.collect::<Result<_, _>>()?))
    }

    /// Connects everyone. `progress` is told how many are, now and then; it returns `false` to give up.
    pub fn connect(&mut self, mut progress: impl FnMut(u32) -> bool) -> Result<(), ClientsFault> {
        match self {
            Clients::Here { plan, fleet, .. } => *fleet = Some(Fleet::connect(plan, progress)?),
            Clients::Shares(shares) => {
                shares.iter_mut().try_for_each(FleetProcess::connect)?;
                while shares.iter().any(|share| share.nagle_connections.is_none()) {
                    for share in shares.iter_mut().filter(|share| share.nagle_connections.is_none()) {
                        share.connecting(LISTEN_FOR)?;
                    }
                    let connected = shares.iter().map(|share| share.connected).sum();
                    if !progress(connected) {
                        return Err(ClientsFault::Share(format!("only {connected} clients were connected")));
                    }
                }
            }
        }
        Ok(())
    }

    /// Their connections on which Nagle's algorithm is on. Must be 0.
    pub fn nagle_connections(&self) -> Result<u64, ClientsFault> {
        Ok(match self {
            Clients::Here { .. } => sockets::nagle_connections()?,
            Clients::Shares(shares) => shares.iter().filter_map(|share| share.nagle_connections).sum(),
        })
    }

    /// Starts the clock of every client. Returns when each knows when.
    pub fn begin(&mut self, begin: &Begin) -> Result<(), ClientsFault> {
        match self {
            Clients::Here { fleet, .. } => fleet.iter().for_each(|fleet| fleet.begin(begin.clone())),
            Clients::Shares(shares) => {
                shares.iter_mut().try_for_each(|share| share.begin(begin.clone()))?;
                shares.iter_mut().try_for_each(FleetProcess::begun)?;
            }
        }
        Ok(())
    }

    /// How they are getting on.
    pub fn look(&mut self) -> Result<FleetLook, ClientsFault> {
        match self {
            Clients::Here { fleet, .. } => Ok(fleet.as_ref().map(Fleet::look).unwrap_or_default()),
            Clients::Shares(shares) => {
                let mut sum = FleetLook::default();
                for share in shares {
                    sum.add(share.look()?);
                }
                Ok(sum)
            }
        }
    }

    /// What their connections have carried so far, where the server cannot count that; else zeros.
    pub fn counters(&mut self) -> Result<Counters, ClientsFault> {
        match self {
            Clients::Here { books, .. } => Ok(books.as_ref().map(Books::reading).unwrap_or_default()),
            Clients::Shares(shares) => {
                let mut sum = Counters::default();
                for share in shares {
                    sum += share.count()?.counters;
                }
                Ok(sum)
            }
        }
    }

    /// Their CPU time so far, ns, and of it that of threads which do nothing but watch them: the calling one, and in each other
    /// process the one that answers it. This process is counted in any case.
    pub fn cpu_ns(&mut self) -> Result<[u64; 2], ClientsFault> {
        let mut sum = [0, 0];
        if let Clients::Shares(shares) = self {
            for share in shares {
                share.look()?;
                sum[0] += share.cpu_ns()?;
                sum[1] += share.watching_cpu_ns;
            }
        }
        // Looking costs, too.
        Ok([sum[0] + wirecost_probe::process::cpu_ns(None)?, sum[1] + thread_cpu_ns()])
    }

    /// Memory of their processes, this one counted in any case.
    pub fn memory(&mut self) -> Result<Memory, ClientsFault> {
        let mut sum = Memory::of(std::process::id())?;
        if let Clients::Shares(shares) = self {
            for share in shares {
                let one = share.memory()?;
                sum.rss_bytes += one.rss_bytes;
                sum.anonymous_bytes += one.anonymous_bytes;
            }
        }
        Ok(sum)
    }

    /// How many processes they are in.
    pub fn processes(&self) -> u32 {
        match self {
            Clients::Here { .. } => 1,
            Clients::Shares(shares) => shares.len() as u32,
        }
    }

    /// Closes them all. What they know, and what is left of their connections.
    pub fn close(self) -> Result<(ClientReport, Connections), ClientsFault> {
        match self {
            Clients::Here { fleet, books, .. } => Ok((fleet.map(Fleet::close).unwrap_or_default(), Connections::Here(books))),
            Clients::Shares(mut shares) => {
                shares.iter_mut().try_for_each(FleetProcess::close)?;
                let mut sum = ClientReport::default();
                for share in &mut shares {
                    sum.merge(share.closed()?);
                }
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
                for share in shares {
                    if !share.count()?.is_quiet {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    /// Ends what is left of them. What they have carried, where the server cannot count that; else zeros.
    pub fn finish(self) -> Result<Counters, ClientsFault> {
        match self {
            Connections::Here(books) => Ok(books.map(|books| books.finish(CLOSE_WITHIN)).unwrap_or_default()),
            Connections::Shares(shares) => {
                let mut sum = Counters::default();
                for share in shares {
                    sum += share.finish()?;
                }
                Ok(sum)
            }
        }
    }
}

/// The `n`-th of so many shares of an order. Cores are dealt in turn; there may be fewer than shares.
fn share_of(order: &FleetOrder, n: u32, shares: u32) -> FleetOrder {
    let at = |n: u32| n as usize % order.cores.len().max(1);
    let dealt = order.cores.iter().enumerate().filter(|(core, _)| core % shares as usize == at(n)).map(|(_, core)| *core);
    FleetOrder { numbers: share(order.numbers.clone(), n, shares), cores: dealt.collect(), ..order.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wirecost_model::Plan;

    fn cell(workload: &str, clients: u32) -> Cell {
        let yaml = format!("name: a\nquestion: b\nworkload: {{ {workload} }}\nclients: {clients}\narms: [sse]\n");
        Plan::new(&wirecost_model::scenario::load(&yaml).unwrap(), Some(1), None).cells[0].clone()
    }

    #[test]
    fn there_are_as_many_processes_as_files_need_and_no_more() {
        let idle = |clients| cell("idle: {}", clients);
        assert_eq!([1, 936, 937, 1872, 1873].map(|clients| processes(&idle(clients), 1000)), [1, 1, 2, 2, 3].map(Some));
        // Two connections each; and not one.
        assert_eq!(processes(&cell("duplex: { down: 1/s, up: 1/s }", 937), 1000), Some(3));
        assert_eq!(processes(&idle(1), SPARE_DESCRIPTORS), None);
        assert_eq!(processes(&idle(4_000_000), SPARE_DESCRIPTORS + 1), Some(4_000_000));
    }

    #[test]
    fn shares_are_all_clients_once_and_cores_are_dealt() {
        for (cores, shares) in [(vec![], 3), (vec![4], 3), (vec![1, 2, 5, 7], 3), (vec![1, 2, 5, 7], 5), (vec![3, 4, 5, 6], 2)] {
            let address = "127.0.0.1:1".parse().unwrap();
            let cell = cell("idle: {}", 1000);
            let all = FleetOrder { cell, seed: 1, numbers: 0..1000, cores, address, certificate_der: None, sources: Vec::new() };
            let each: Vec<FleetOrder> = (0..shares).map(|n| share_of(&all, n, shares)).collect();
            assert!(each.iter().flat_map(|share| share.numbers.clone()).eq(0..1000));
            assert!(each.iter().all(|share| share.cores.is_empty() == all.cores.is_empty()), "{each:?}");
            let mut dealt: Vec<usize> = each.iter().flat_map(|share| share.cores.clone()).collect();
            dealt.sort_unstable();
            dealt.dedup();
            assert_eq!(dealt, all.cores);
        }
    }
}
