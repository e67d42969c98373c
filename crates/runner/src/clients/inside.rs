//! A share of a trial's clients, from inside its process: an order and commands in, events out. Which share, and why there is more
//! than one, is the trial's business.

use std::io::BufRead;

use serde::de::DeserializeOwned;
use wirecost_loadgen::Fleet;
use wirecost_loadgen::books::Books;
use wirecost_model::control::{FleetCommand, FleetEvent, FleetOrder};
use wirecost_probe::clock::thread_cpu_ns;
use wirecost_probe::{affinity, limits, sockets};

use super::{CLOSE_WITHIN, books, plan};

/// Why a share has ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum FleetFault {
    /// No thread, no descriptors, no core.
    #[error("{0}")]
    Machine(#[from] std::io::Error),
    /// Clients could not be connected.
    #[error("{0}")]
    Clients(#[from] wirecost_loadgen::fleet::FleetError),
    /// What came is no order or no command, or not its turn.
    #[error("no command: {0}")]
    Command(String),
}

/// Runs the share that the first line orders, and obeys the commands on those that follow, until there are no more.
///
/// # Errors
/// [`FleetFault`], after which there are no clients.
pub fn run(mut lines: impl BufRead, tell: &mut dyn FnMut(FleetEvent)) -> Result<(), FleetFault> {
    let Some(order) = next::<FleetOrder>(&mut lines)? else { return Err(FleetFault::Command("nothing came".into())) };
    if !order.cores.is_empty() {
        affinity::pin(&order.cores)?;
    }
    limits::raise_nofile()?;
    let books = books(&order.cell)?;
    let plan = plan(&order, books.clone());
    tell(FleetEvent::Started);
    let mut fleet: Option<Fleet> = None;
    let out_of_turn = |command: &FleetCommand| FleetFault::Command(format!("{command:?} is out of turn"));
    while let Some(command) = next(&mut lines)? {
        match (&command, &fleet) {
            (FleetCommand::Connect, None) => {
                let connected = Fleet::connect(&plan, |connected| {
                    tell(FleetEvent::Connecting(connected));
                    true
                })?;
                fleet = Some(connected);
                tell(FleetEvent::Connected { nagle_connections: sockets::nagle_connections()? });
            }
            (FleetCommand::Begin(begin), Some(fleet)) => {
                fleet.begin(begin.clone());
                tell(FleetEvent::Begun);
            }
            (FleetCommand::Look, fleet) => {
                let look = fleet.as_ref().map(Fleet::look).unwrap_or_default();
                tell(FleetEvent::Look { look, watching_cpu_ns: thread_cpu_ns() });
            }
            (FleetCommand::Count, _) => {
                let counters = books.as_ref().map(Books::reading).unwrap_or_default();
                let is_quiet = books.as_ref().is_none_or(Books::is_quiet);
                tell(FleetEvent::Counted { counters: Box::new(counters), is_quiet });
            }
            (FleetCommand::Close, Some(_)) => {
                let report = fleet.take().map(Fleet::close).unwrap_or_default();
                tell(FleetEvent::Closed(Box::new(report)));
            }
            (FleetCommand::Finish, None) => {
                let counters = books.as_ref().map(|books| books.finish(CLOSE_WITHIN)).unwrap_or_default();
                tell(FleetEvent::Counted { counters: Box::new(counters), is_quiet: true });
            }
            _ => return Err(out_of_turn(&command)),
        }
    }
    Ok(())
}

/// What a line says; `None` at the end.
fn next<T: DeserializeOwned>(lines: &mut impl BufRead) -> Result<Option<T>, FleetFault> {
    let mut line = Vec::new();
    if lines.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    serde_json::from_slice(&line).map(Some).map_err(|error| FleetFault::Command(error.to_string()))
}
