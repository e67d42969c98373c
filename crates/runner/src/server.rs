//! The server of a trial, ours or not, as the trial speaks to it. Ours counts at its own end and publishes by itself; for
//! another the load generator does both, and what nobody can know is left out.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use wirecost_loadgen::Target;
use wirecost_loadgen::books::Books;
use wirecost_loadgen::publisher::{Publisher, PublisherError};
use wirecost_loadgen::workload::Script;
use wirecost_model::control::{Begin, Reading, ServerReport, TrialOrder};
use wirecost_model::ledger::Counters;
use wirecost_probe::process::Glance;

use crate::clients::{CLOSE_WITHIN, ClientsFault, Connections};
use crate::conversation::ConversationError;
use crate::server_process::ServerProcess;
use crate::target_process::{TargetError, TargetProcess};

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServerFault {
    /// Ours.
    #[error("{0}")]
    Reference(#[from] ConversationError),
    /// Another.
    #[error("{0}")]
    Target(#[from] TargetError),
    /// Another does not take messages.
    #[error("the target: {0}")]
    Publisher(#[from] PublisherError),
    /// Whoever counts for another.
    #[error("{0}")]
    Connections(#[from] ClientsFault),
}

/// The server of a trial.
pub(crate) enum Server {
    /// Ours.
    Reference(Box<ServerProcess>),
    /// Another.
    Target(Box<Other>),
}

/// A server that is not ours, with those who publish for it.
pub(crate) struct Other {
    process: TargetProcess,
    publishers_books: Books,
    publisher: Option<Publisher>,
}

/// What a server leaves behind.
#[derive(Default)]
pub(crate) struct Left {
    pub report: ServerReport,
    /// Of another: its last lines.
    pub words: Vec<String>,
    /// Of another: what its publisher's connections carried.
    pub publisher: Option<Counters>,
    /// Errors of the publisher.
    pub errors: std::collections::BTreeMap<String, u64>,
}

impl Server {
    /// Starts the server of an order and waits until it is ready.
    pub fn start(order: &TrialOrder, reference: &[OsString]) -> Result<Server, ServerFault> {
        let Some(target) = &order.cell.config.target else {
            return Ok(Server::Reference(Box::new(ServerProcess::start(reference)?)));
        };
        // A process stays where its parent was when it was started, so this one goes there for a moment.
        let pin = |cores: &[usize]| if cores.is_empty() { Ok(()) } else { wirecost_probe::affinity::pin(cores) };
        let started = pin(&order.server_cores)
            .map_err(|error| TargetError::Address(format!("the server's cores: {error}")))
            .and_then(|()| TargetProcess::start(target, Path::new(&order.scenario_dir)));
        pin(&order.client_cores).map_err(|error| TargetError::Address(format!("the clients' cores: {error}")))?;
        let mut process = started?;
        process.wait_until_ready(target.ready.as_ref())?;
        let publishers_books =
            Books::open().map_err(|error| TargetError::Address(format!("no thread for the publisher's books: {error}")))?;
        Ok(Server::Target(Box::new(Other { process, publishers_books, publisher: None })))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        match self {
            Server::Reference(server) => server.ready().address,
            Server::Target(other) => other.process.address(),
        }
    }

    /// The certificate to trust.
    pub fn certificate_der(&self) -> Option<Vec<u8>> {
        match self {
            Server::Reference(server) => server.ready().certificate_der.clone(),
            Server::Target(_) => None,
        }
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        match self {
            Server::Reference(server) => server.is_alive(),
            Server::Target(other) => other.process.is_alive(),
        }
    }

    /// The error of one that does not.
    pub fn died(&mut self) -> ServerFault {
        match self {
            Server::Reference(server) => server.died().into(),
            Server::Target(other) => other.process.died().into(),
        }
    }

    /// Lets the load generator publish, where the server does not by itself; `reach` says how it is reached by somebody with these
    /// books.
    pub fn connect_publisher(&mut self, reach: impl Fn(Books) -> Target, script: &Script, seed: u64) -> Result<(), ServerFault> {
        let Server::Target(other) = self else { return Ok(()) };
        if let Some(plan) = &script.publish {
            let target = reach(other.publishers_books.clone());
            other.publisher = Some(Publisher::connect(target, script.clone(), plan.clone(), seed)?);
        }
        Ok(())
    }

    /// The publisher of another, if the workload has one.
    pub fn publisher(&self) -> Option<&Publisher> {
        match self {
            Server::Reference(_) => None,
            Server::Target(other) => other.publisher.as_ref(),
        }
    }

    /// CPU time that the load generator has taken to publish for another, ns.
    pub fn publishing_cpu_ns(&self) -> u64 {
        self.publisher().map_or(0, Publisher::cpu_ns)
    }

    /// Begins publishing.
    pub fn begin(&mut self, begin: Begin) -> Result<(), ServerFault> {
        match self {
            Server::Reference(server) => Ok(server.begin(begin)?),
            Server::Target(other) => {
                other.publisher.iter().for_each(|publisher| publisher.begin(&begin));
                Ok(())
            }
        }
    }

    /// The counters now; zeros of another, which cannot count.
    pub fn read(&mut self) -> Result<Reading, ServerFault> {
        match self {
            Server::Reference(server) => Ok(server.read()?),
            Server::Target(other) => Ok(other.process.read()),
        }
    }

    /// What it has used so far. It does nothing for that.
    pub fn glance(&mut self) -> Result<Glance, ServerFault> {
        match self {
            Server::Reference(server) => Ok(server.glance()?),
            Server::Target(other) => Ok(other.process.glance()),
        }
    }

    /// Ends it, when no client is left, and so the last of these connections.
    pub fn stop(self, mut connections: Connections) -> Result<Left, ServerFault> {
        let mut left = match self {
            Server::Reference(server) => Left { report: server.stop()?, ..Left::default() },
            Server::Target(other) => other.stop(|| connections.is_quiet())?,
        };
        left.report.reading.counters += connections.finish()?;
        Ok(left)
    }
}

impl Other {
    fn stop(mut self, mut are_quiet: impl FnMut() -> Result<bool, ClientsFault>) -> Result<Left, ServerFault> {
        let (published, errors) = self.publisher.map(Publisher::finish).unwrap_or_default();
        self.process.read();
        // Most connections end while the server is there to end them; the rest does with it.
        let deadline = Instant::now() + CLOSE_WITHIN;
        while !(self.publishers_books.is_quiet() && are_quiet()?) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.process.stop();
        let publisher = self.publishers_books.finish(CLOSE_WITHIN);
        let report = ServerReport { reading: self.process.last(), published, ..ServerReport::default() };
        Ok(Left { report, words: self.process.lines(), publisher: Some(publisher), errors })
    }
}
