//! The server under test as a process: started, asked, stopped, and its death noticed with its last words.
//! Lines of JSON over pipes, so that asking costs no byte on the network that is measured.

use std::ffi::OsString;
use std::io::Write;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use wirecost_model::control::{Begin, Reading, Ready, ServerCommand, ServerEvent, ServerReport};
use wirecost_probe::process::{self, Glance};

use crate::child::{self, Words};

/// How long a server may take until it listens.
const READY_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a server may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there is no server, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// It could not be started.
    #[error("the server could not be started: {0}")]
    Start(std::io::Error),
    /// It ended by itself.
    #[error("the server died{status}{words}")]
    Died {
        /// ` (exit status: 1)`, or empty.
        status: String,
        /// Its last lines on standard error, or empty.
        words: String,
    },
    /// It did not answer.
    #[error("the server did not {what} within {} s{words}", seconds)]
    Silent {
        /// What it was to do.
        what: &'static str,
        /// How long was waited.
        seconds: u64,
        /// Its last lines on standard error, or empty.
        words: String,
    },
    /// It said something else than expected.
    #[error("the server said something unexpected: {0}")]
    Confused(String),
}

fn no_pipe() -> ServerError {
    ServerError::Start(std::io::Error::other("no pipe to it"))
}

/// A running server.
pub struct ServerProcess {
    child: Child,
    commands: Option<ChildStdin>,
    events: Receiver<String>,
    words: Words,
    ready: Option<Ready>,
}

impl ServerProcess {
    /// Starts the command and waits until it listens. It dies with this process.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn start(command: &[OsString]) -> Result<ServerProcess, ServerError> {
        let mut command = process::command(command).map_err(ServerError::Start)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        process::die_with_parent(&mut command);
        let mut child = command.spawn().map_err(ServerError::Start)?;
        let events = child::lines(child.stdout.take().ok_or_else(no_pipe)?);
        let words = Words::of(child.stderr.take(), None);
        let commands = child.stdin.take();
        let mut server = ServerProcess { child, commands, events, words, ready: None };
        match server.event("listen", READY_TIMEOUT)? {
            ServerEvent::Ready(ready) => server.ready = Some(ready),
            other => return Err(ServerError::Confused(format!("{other:?} instead of where it listens"))),
        }
        Ok(server)
    }

    /// Where it listens.
    pub fn ready(&self) -> &Ready {
        self.ready.as_ref().expect("a started server has said where it listens")
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The error of a server that is not there any more.
    pub fn died(&mut self) -> ServerError {
        let status = child::end(&mut self.child).map(|status| format!(" ({status})")).unwrap_or_default();
        self.words.wait_for_the_last();
        ServerError::Died { status, words: self.last_words() }
    }

    fn last_words(&self) -> String {
        child::quoted(&self.words.lines())
    }

    fn event(&mut self, what: &'static str, patience: Duration) -> Result<ServerEvent, ServerError> {
        match self.events.recv_timeout(patience) {
            Ok(line) => serde_json::from_str(&line).map_err(|error| ServerError::Confused(format!("{error} in {line:.200}"))),
            Err(RecvTimeoutError::Disconnected) => Err(self.died()),
            Err(RecvTimeoutError::Timeout) => {
                Err(ServerError::Silent { what, seconds: patience.as_secs(), words: self.last_words() })
            }
        }
    }

    fn command(&mut self, command: &ServerCommand) -> Result<(), ServerError> {
        let mut line = serde_json::to_string(command).map_err(|error| ServerError::Confused(error.to_string()))?;
        line.push('\n');
        let written = self.commands.as_mut().map(|pipe| pipe.write_all(line.as_bytes()).and_then(|()| pipe.flush()));
        match written {
            Some(Ok(())) => Ok(()),
            _ => Err(self.died()),
        }
    }

    /// Begins publishing. Returns when the server knows the plan: what a client sent before that would not be passed on.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn begin(&mut self, begin: Begin) -> Result<(), ServerError> {
        self.command(&ServerCommand::Begin(begin))?;
        match self.event("word that it has begun", ANSWER_TIMEOUT)? {
            ServerEvent::Begun => Ok(()),
            other => Err(ServerError::Confused(format!("{other:?} instead of a beginning"))),
        }
    }

    /// The server's counters now.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn read(&mut self) -> Result<Reading, ServerError> {
        self.command(&ServerCommand::Read)?;
        match self.event("answer", ANSWER_TIMEOUT)? {
            ServerEvent::Reading(reading) => Ok(*reading),
            other => Err(ServerError::Confused(format!("{other:?} instead of a reading"))),
        }
    }

    /// What it has used so far.
    ///
    /// # Errors
    /// [`ServerError::Died`].
    pub fn glance(&mut self) -> Result<Glance, ServerError> {
        Glance::at(self.child.id()).map_err(|_| self.died())
    }

    /// Ends it, and returns its last word.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn stop(mut self) -> Result<ServerReport, ServerError> {
        self.command(&ServerCommand::Stop)?;
        let report = match self.event("report", ANSWER_TIMEOUT)? {
            ServerEvent::Report(report) => *report,
            other => return Err(ServerError::Confused(format!("{other:?} instead of its report"))),
        };
        self.commands = None;
        child::end(&mut self.child);
        Ok(report)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if self.is_alive() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Vec<OsString> {
        ["sh", "-c", script].map(OsString::from).into()
    }

    #[test]
    fn a_server_that_dies_is_told_with_its_last_words() {
        let error = ServerProcess::start(&shell("echo 'no such flag' >&2; exit 3")).err().expect("it died");
        let text = error.to_string();
        assert!(text.contains("exit status: 3") && text.contains("no such flag"), "{text}");
    }

    #[test]
    fn one_that_cannot_be_started_or_talks_nonsense_is_told() {
        let error = ServerProcess::start(&["/nonexistent/server".into()]).err().expect("no such program");
        assert!(matches!(error, ServerError::Start(_)), "{error}");
        let error = ServerProcess::start(&shell("echo hello; sleep 5")).err().expect("no JSON");
        assert!(matches!(error, ServerError::Confused(_)), "{error}");
        // What is no text, too; and one that says no more and goes on is not waited for in vain.
        let error = ServerProcess::start(&shell("printf '\\377\\n'; sleep 1000")).err().expect("no text");
        assert!(matches!(error, ServerError::Confused(_)), "{error}");
        let error = ServerProcess::start(&shell("exec >&-; sleep 1000")).err().expect("no output");
        assert!(matches!(error, ServerError::Died { .. }), "{error}");
    }
}
