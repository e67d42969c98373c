//! The reference server under test as a process: where it listens, what it is told and what it answers. How a process is
//! spoken to is `conversation`'s.

use std::ffi::OsString;
use std::time::Duration;

use wirecost_model::control::{Begin, Reading, Ready, ServerCommand, ServerEvent, ServerReport};
use wirecost_probe::process::Glance;

use crate::conversation::{ANSWER_WITHIN, Conversation, ConversationError};

/// How long a server may take until it listens.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// A running server.
pub struct ServerProcess {
    process: Conversation,
    ready: Ready,
}

impl ServerProcess {
    /// Starts the command and waits until it listens. It dies with this process.
    ///
    /// # Errors
    /// [`ConversationError`].
    pub fn start(command: &[OsString]) -> Result<ServerProcess, ConversationError> {
        let mut process = Conversation::start("the server", command)?;
        match process.hear("listen", READY_WITHIN)? {
            ServerEvent::Ready(ready) => Ok(ServerProcess { process, ready }),
            other => Err(process.confused(other, "where it listens")),
        }
    }

    /// Where it listens.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.process.is_alive()
    }

    /// The error of a server that is not there any more.
    pub fn died(&mut self) -> ConversationError {
        self.process.died()
    }

    /// Begins publishing. Returns when the server knows the plan: what a client sent before that would not be passed on.
    ///
    /// # Errors
    /// [`ConversationError`].
    pub fn begin(&mut self, begin: Begin) -> Result<(), ConversationError> {
        self.process.tell(&ServerCommand::Begin(begin))?;
        match self.process.hear("say that it has begun", ANSWER_WITHIN)? {
            ServerEvent::Begun => Ok(()),
            other => Err(self.process.confused(other, "a beginning")),
        }
    }

    /// The server's counters now.
    ///
    /// # Errors
    /// [`ConversationError`].
    pub fn read(&mut self) -> Result<Reading, ConversationError> {
        self.process.tell(&ServerCommand::Read)?;
        match self.process.hear("answer", ANSWER_WITHIN)? {
            ServerEvent::Reading(reading) => Ok(*reading),
            other => Err(self.process.confused(other, "a reading")),
        }
    }

    /// What it has used so far.
    ///
    /// # Errors
    /// [`ConversationError::Died`].
    pub fn glance(&mut self) -> Result<Glance, ConversationError> {
        Glance::at(self.process.id()).map_err(|_| self.died())
    }

    /// Ends it, and returns its last word.
    ///
    /// # Errors
    /// [`ConversationError`].
    pub fn stop(mut self) -> Result<ServerReport, ConversationError> {
        self.process.tell(&ServerCommand::Stop)?;
        let report = match self.process.hear("report", ANSWER_WITHIN)? {
            ServerEvent::Report(report) => *report,
            other => return Err(self.process.confused(other, "its report")),
        };
        self.process.end();
        Ok(report)
    }
}
