//! A share of a trial's clients in a process of its own, from outside: what it is told and what it answers. What happens inside is
//! `inside`'s, how a process is spoken to `conversation`'s.

use std::ffi::OsString;
use std::time::Duration;

use wirecost_model::control::{Begin, FleetCommand, FleetEvent, FleetOrder};
use wirecost_model::ledger::Counters;
use wirecost_model::{ClientReport, FleetLook};
use wirecost_probe::process::{self, Memory};

use super::ClientsFault;
use crate::conversation::{ANSWER_WITHIN, Conversation, ConversationError};

/// A running share.
pub(crate) struct FleetProcess {
    process: Conversation,
    /// Clients connected, while they connect.
    pub connected: u32,
    /// All are; then, how many connections have Nagle's algorithm on.
    pub nagle_connections: Option<u64>,
    /// CPU time so far of the thread that answers, when it last did, ns.
    pub watching_cpu_ns: u64,
}

/// What connections have carried.
pub(crate) struct Counted {
    pub counters: Counters,
    /// Every connection has ended.
    pub is_quiet: bool,
}

impl FleetProcess {
    /// Starts it with its order, and waits until it is ready to connect. It dies with this process.
    pub fn start(command: &[OsString], order: &FleetOrder) -> Result<FleetProcess, ClientsFault> {
        let mut process = Conversation::start("a process of the load generator", command)?;
        process.tell(order)?;
        let mut fleet = FleetProcess { process, connected: 0, nagle_connections: None, watching_cpu_ns: 0 };
        match fleet.hear("start")? {
            FleetEvent::Started => Ok(fleet),
            other => Err(fleet.process.confused(other, "word that it has started").into()),
        }
    }

    fn hear(&mut self, what: &'static str) -> Result<FleetEvent, ClientsFault> {
        match self.process.hear(what, ANSWER_WITHIN)? {
            FleetEvent::Failed(text) => Err(ClientsFault::Failed(text)),
            event => Ok(event),
        }
    }

    /// Lets it connect its clients; [`FleetProcess::connecting`] tells how that goes.
    pub fn connect(&mut self) -> Result<(), ConversationError> {
        self.process.tell(&FleetCommand::Connect)
    }

    /// Hears how it gets on, for so long at most, and then knows how many clients are connected.
    pub fn connecting(&mut self, patience: Duration) -> Result<(), ClientsFault> {
        match self.process.listen(patience)? {
            Some(FleetEvent::Connecting(connected)) => self.connected = connected,
            Some(FleetEvent::Connected { nagle_connections }) => self.nagle_connections = Some(nagle_connections),
            Some(FleetEvent::Failed(text)) => return Err(ClientsFault::Share(text)),
            Some(other) => return Err(self.process.confused(other, "how it gets on").into()),
            None => {}
        }
        Ok(())
    }

    /// Starts the clock of its clients; [`FleetProcess::begun`] returns when it has.
    pub fn begin(&mut self, begin: Begin) -> Result<(), ConversationError> {
        self.process.tell(&FleetCommand::Begin(begin))
    }

    /// Returns when it knows when to begin.
    pub fn begun(&mut self) -> Result<(), ClientsFault> {
        match self.hear("say that it has begun")? {
            FleetEvent::Begun => Ok(()),
            other => Err(self.process.confused(other, "a beginning").into()),
        }
    }

    /// How its clients are getting on.
    pub fn look(&mut self) -> Result<FleetLook, ClientsFault> {
        self.process.tell(&FleetCommand::Look)?;
        match self.hear("answer")? {
            FleetEvent::Look { look, watching_cpu_ns } => {
                self.watching_cpu_ns = watching_cpu_ns;
                Ok(look)
            }
            other => Err(self.process.confused(other, "a look").into()),
        }
    }

    /// What its connections have carried so far.
    pub fn count(&mut self) -> Result<Counted, ClientsFault> {
        self.counted(&FleetCommand::Count)
    }

    fn counted(&mut self, command: &FleetCommand) -> Result<Counted, ClientsFault> {
        self.process.tell(command)?;
        match self.hear("count")? {
            FleetEvent::Counted { counters, is_quiet } => Ok(Counted { counters: *counters, is_quiet }),
            other => Err(self.process.confused(other, "counters").into()),
        }
    }

    /// CPU time so far, ns.
    pub fn cpu_ns(&mut self) -> Result<u64, ClientsFault> {
        process::cpu_ns(Some(self.process.id())).map_err(|_| self.process.died().into())
    }

    /// Memory now.
    pub fn memory(&mut self) -> Result<Memory, ClientsFault> {
        Memory::of(self.process.id()).map_err(|_| self.process.died().into())
    }

    /// Lets it close its clients; [`FleetProcess::closed`] says what they know.
    pub fn close(&mut self) -> Result<(), ConversationError> {
        self.process.tell(&FleetCommand::Close)
    }

    /// What its clients know at the end.
    pub fn closed(&mut self) -> Result<ClientReport, ClientsFault> {
        match self.hear("close its clients")? {
            FleetEvent::Closed(report) => Ok(*report),
            other => Err(self.process.confused(other, "a report").into()),
        }
    }

    /// Ends what is left of its connections, and it. The last word on what they have carried.
    pub fn finish(mut self) -> Result<Counters, ClientsFault> {
        let last = self.counted(&FleetCommand::Finish)?.counters;
        self.process.end();
        Ok(last)
    }
}
