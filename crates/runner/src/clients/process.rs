//! A share of a trial's clients in a process of its own, from outside: what it is told and what it answers. What happens inside is
//! `inside`'s, how a process is spoken to `conversation`'s.

use std::ffi::OsString;
use std::time::Duration;

use wirecost_loadgen::fleet::FleetError;
use wirecost_model::control::{FleetCommand, FleetEvent, FleetOrder};
use wirecost_model::{ClientReport, FleetCount, FleetLook};
use wirecost_probe::process;

use super::ClientsFault;
use crate::conversation::{ANSWER_WITHIN, Conversation};

/// A running share.
pub(crate) struct FleetProcess {
    process: Conversation,
    clients: u32,
    /// Clients connected, while they connect.
    pub connected: u32,
    /// All are; then, how many connections have Nagle's algorithm on.
    pub nagle_connections: Option<u64>,
}

impl FleetProcess {
    /// Starts it with its order; [`FleetProcess::started`] returns when it is ready to connect. It dies with this process.
    pub fn start(command: &[OsString], order: &FleetOrder) -> Result<FleetProcess, ClientsFault> {
        let mut process = Conversation::start("a process of the load generator", command)?;
        process.tell(order)?;
        Ok(FleetProcess { process, clients: order.numbers.len() as u32, connected: 0, nagle_connections: None })
    }

    /// Returns when it is ready to connect.
    pub fn started(&mut self) -> Result<(), ClientsFault> {
        match self.hear("start")? {
            FleetEvent::Started => Ok(()),
            other => Err(self.process.confused(other, "word that it has started").into()),
        }
    }

    /// Tells it to do something. Tell all before one is heard: then they do it at the same time.
    pub fn tell(&mut self, command: &FleetCommand) -> Result<(), ClientsFault> {
        Ok(self.process.tell(command)?)
    }

    fn hear(&mut self, what: &'static str) -> Result<FleetEvent, ClientsFault> {
        match self.process.hear(what, ANSWER_WITHIN)? {
            FleetEvent::Failed(text) => Err(ClientsFault::Failed(text)),
            event => Ok(event),
        }
    }

    /// Hears how it gets on with [`FleetCommand::Connect`], for so long at most, and then knows how many clients are connected. An
    /// error counts those that could not be of `clients` in all.
    pub fn connecting(&mut self, patience: Duration, clients: u32) -> Result<(), ClientsFault> {
        match self.process.listen(patience)? {
            Some(FleetEvent::Connecting(connected)) => self.connected = connected,
            Some(FleetEvent::Connected { nagle_connections }) => {
                (self.connected, self.nagle_connections) = (self.clients, Some(nagle_connections));
            }
            Some(FleetEvent::NotConnected { failed, first }) => return Err(FleetError::Connect { failed, clients, first }.into()),
            Some(FleetEvent::Failed(text)) => return Err(ClientsFault::Failed(text)),
            Some(other) => return Err(self.process.confused(other, "how it gets on").into()),
            None => {}
        }
        Ok(())
    }

    /// The answer to [`FleetCommand::Begin`].
    pub fn begun(&mut self) -> Result<(), ClientsFault> {
        match self.hear("say that it has begun")? {
            FleetEvent::Begun => Ok(()),
            other => Err(self.process.confused(other, "a beginning").into()),
        }
    }

    /// The answer to [`FleetCommand::Look`].
    pub fn look(&mut self) -> Result<FleetLook, ClientsFault> {
        match self.hear("answer")? {
            FleetEvent::Look(look) => Ok(look),
            other => Err(self.process.confused(other, "a look").into()),
        }
    }

    /// The answer to [`FleetCommand::Count`] or [`FleetCommand::Finish`].
    pub fn counted(&mut self) -> Result<FleetCount, ClientsFault> {
        match self.hear("count")? {
            FleetEvent::Counted(count) => Ok(*count),
            other => Err(self.process.confused(other, "counters").into()),
        }
    }

    /// The answer to [`FleetCommand::Close`].
    pub fn closed(&mut self) -> Result<ClientReport, ClientsFault> {
        match self.hear("close its clients")? {
            FleetEvent::Closed(report) => Ok(*report),
            other => Err(self.process.confused(other, "a report").into()),
        }
    }

    /// CPU time so far, ns.
    pub fn cpu_ns(&mut self) -> Result<u64, ClientsFault> {
        process::cpu_ns(Some(self.process.id())).map_err(|_| self.process.died().into())
    }

    /// CPU time that listening to it has taken in this process, ns.
    pub fn listening_cpu_ns(&self) -> u64 {
        self.process.listening_cpu_ns()
    }

    /// Waits for the end of it, when it has nothing left to do.
    pub fn end(self) {
        self.process.end();
    }
}
