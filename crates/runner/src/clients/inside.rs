//! A share of a trial's clients, from inside its process: an order and commands in, events out. Which share, and why there is more
//! than one, is the trial's business.

use std::io::BufRead;
use std::time::Duration;

use serde::de::DeserializeOwned;
use wirecost_loadgen::fleet::FleetError;
use wirecost_loadgen::{Fleet, FleetPlan};
use wirecost_model::FleetCount;
use wirecost_model::control::{FleetCommand, FleetEvent, FleetOrder};
use wirecost_probe::{affinity, limits, sockets};

use super::{CLOSE_WITHIN, books, count, plan};

/// Why a share has ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum FleetFault {
    /// No thread, no descriptors, no core.
    #[error("{0}")]
    Machine(#[from] std::io::Error),
    /// Clients could not be connected.
    #[error("{0}")]
    Clients(#[from] FleetError),
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
    // Whether anybody gets further, whoever sees all shares knows.
    let plan = FleetPlan { patience: Duration::MAX, ..plan(&order, books.clone()) };
    tell(FleetEvent::Started);
    let mut fleet: Option<Fleet> = None;
    let out_of_turn = |command: &FleetCommand| FleetFault::Command(format!("{command:?} is out of turn"));
    while let Some(command) = next(&mut lines)? {
        match (&command, &fleet) {
            (FleetCommand::Connect, None) => {
                let connecting = Fleet::connect(&plan, |connected| {
                    tell(FleetEvent::Connecting(connected));
                    true
                });
                match connecting {
                    Ok(connected) => {
                        fleet = Some(connected);
                        tell(FleetEvent::Connected { nagle_connections: sockets::nagle_connections()? });
                    }
                    Err(FleetError::Connect { failed, first, .. }) => tell(FleetEvent::NotConnected { failed, first }),
                    Err(other) => return Err(other.into()),
                }
            }
            (FleetCommand::Begin(begin), Some(fleet)) => {
                fleet.begin(begin.clone());
                tell(FleetEvent::Begun);
            }
            (FleetCommand::Look, fleet) => tell(FleetEvent::Look(fleet.as_ref().map(Fleet::look).unwrap_or_default())),
            (FleetCommand::Count, _) => tell(FleetEvent::Counted(Box::new(count(books.as_ref())?))),
            (FleetCommand::Close, Some(_)) => {
                let report = fleet.take().map(Fleet::close).unwrap_or_default();
                tell(FleetEvent::Closed(Box::new(report)));
            }
            (FleetCommand::Finish, None) => {
                let counters = books.as_ref().map(|books| books.finish(CLOSE_WITHIN)).unwrap_or_default();
                tell(FleetEvent::Counted(Box::new(FleetCount { counters, ..count(None)? })));
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
