//! A child process that is spoken to in lines of JSON over pipes, so that asking costs no byte on the network that is measured:
//! started, told, heard, and its death noticed with its last words. What is said is `server_process`'s and `clients::process`'s.

use std::ffi::OsString;
use std::io::Write;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use wirecost_probe::process;

use crate::child::{self, Lines, Words};

/// How long a process may take to answer.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Why a process is not there, or no longer, or of no use.
#[derive(Debug, thiserror::Error)]
pub enum ConversationError {
    /// It could not be started.
    #[error("{who} could not be started: {error}")]
    Start {
        /// What it is.
        who: &'static str,
        /// Why.
        error: std::io::Error,
    },
    /// It ended by itself.
    #[error("{who} died{status}{words}")]
    Died {
        /// What it was.
        who: &'static str,
        /// ` (exit status: 1)`, or empty.
        status: String,
        /// Its last lines on standard error, or empty.
        words: String,
    },
    /// It did not answer.
    #[error("{who} did not {what} within {seconds} s{words}")]
    Silent {
        /// What it is.
        who: &'static str,
        /// What it was to do.
        what: &'static str,
        /// How long was waited.
        seconds: u64,
        /// Its last lines on standard error, or empty.
        words: String,
    },
    /// It said something else than expected.
    #[error("{who} said something unexpected: {text}")]
    Confused {
        /// What it is.
        who: &'static str,
        /// What it said, or why that is nothing.
        text: String,
    },
}

/// A process that is spoken to. Dropping it ends the process.
pub(crate) struct Conversation {
    who: &'static str,
    child: Child,
    commands: Option<ChildStdin>,
    events: Lines,
    words: Words,
}

impl Conversation {
    /// Starts the command; `who` is what errors call it. It dies with this process.
    pub fn start(who: &'static str, command: &[OsString]) -> Result<Conversation, ConversationError> {
        let start = |error| ConversationError::Start { who, error };
        let mut command = process::command(command).map_err(start)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        process::die_with_parent(&mut command);
        let mut child = command.spawn().map_err(start)?;
        let events = child.stdout.take().ok_or_else(|| start(std::io::Error::other("no pipe to it")))?;
        let words = Words::of(child.stderr.take(), None);
        let commands = child.stdin.take();
        Ok(Conversation { who, child, commands, events: Lines::of(events), words })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// CPU time that listening to it has taken, ns.
    pub fn listening_cpu_ns(&self) -> u64 {
        self.events.cpu_ns()
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The error of one that is not there any more.
    pub fn died(&mut self) -> ConversationError {
        let status = child::end(&mut self.child).map(|status| format!(" ({status})")).unwrap_or_default();
        self.words.wait_for_the_last();
        ConversationError::Died { who: self.who, status, words: self.last_words() }
    }

    /// The error of one that said something that is no answer to what it was told.
    pub fn confused(&self, said: impl std::fmt::Debug, instead_of: &str) -> ConversationError {
        ConversationError::Confused { who: self.who, text: format!("{said:?} instead of {instead_of}") }
    }

    fn last_words(&self) -> String {
        child::quoted(&self.words.lines())
    }

    /// Says something.
    pub fn tell(&mut self, command: &impl Serialize) -> Result<(), ConversationError> {
        let confused = |error: serde_json::Error| ConversationError::Confused { who: self.who, text: error.to_string() };
        let mut line = serde_json::to_string(command).map_err(confused)?;
        line.push('\n');
        let written = self.commands.as_mut().map(|pipe| pipe.write_all(line.as_bytes()).and_then(|()| pipe.flush()));
        match written {
            Some(Ok(())) => Ok(()),
            _ => Err(self.died()),
        }
    }

    /// What it says next. `None` if it says nothing within `patience`, but is there.
    pub fn listen<T: DeserializeOwned>(&mut self, patience: Duration) -> Result<Option<T>, ConversationError> {
        match self.events.next(patience) {
            Ok(line) => serde_json::from_str(&line)
                .map(Some)
                .map_err(|error| ConversationError::Confused { who: self.who, text: format!("{error} in {line:.200}") }),
            Err(RecvTimeoutError::Disconnected) => Err(self.died()),
            Err(RecvTimeoutError::Timeout) => Ok(None),
        }
    }

    /// What it says next, where not to say anything is wrong; `what` it is to do.
    pub fn hear<T: DeserializeOwned>(&mut self, what: &'static str, patience: Duration) -> Result<T, ConversationError> {
        let (who, seconds) = (self.who, patience.as_secs());
        self.listen(patience)?.ok_or_else(|| ConversationError::Silent { who, what, seconds, words: self.last_words() })
    }

    /// Has no more to say, and waits for the end of it.
    pub fn end(mut self) {
        self.commands = None;
        child::end(&mut self.child);
    }
}

impl Drop for Conversation {
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

    /// What a process says that is to answer within a minute.
    fn heard(command: &[OsString]) -> Result<u32, ConversationError> {
        Conversation::start("the child", command)?.hear("answer", Duration::from_secs(60))
    }

    #[test]
    fn one_that_dies_is_told_with_its_last_words() {
        let text = heard(&shell("echo 'no such flag' >&2; exit 3")).expect_err("it died").to_string();
        assert!(text.contains("the child died (exit status: 3)") && text.contains("no such flag"), "{text}");
    }

    #[test]
    fn one_that_cannot_be_started_or_talks_nonsense_is_told() {
        let error = heard(&["/nonexistent/server".into()]).expect_err("no such program");
        assert!(matches!(error, ConversationError::Start { .. }), "{error}");
        let error = heard(&shell("echo hello; sleep 5")).expect_err("no JSON");
        assert!(matches!(error, ConversationError::Confused { .. }), "{error}");
        // What is no text, too; and one that says no more and goes on is not waited for in vain.
        let error = heard(&shell("printf '\\377\\n'; sleep 1000")).expect_err("no text");
        assert!(matches!(error, ConversationError::Confused { .. }), "{error}");
        let error = heard(&shell("exec >&-; sleep 1000")).expect_err("no output");
        assert!(matches!(error, ConversationError::Died { .. }), "{error}");
    }

    #[test]
    fn one_that_says_nothing_is_not_waited_for_longer_than_said() {
        let mut child =
            Conversation::start("the child", &shell("echo at work >&2; read -r word; echo 7; read -r word")).expect("sh");
        assert_eq!(child.listen::<u32>(Duration::from_millis(1)).expect("it is there"), None);
        let error = child.hear::<u32>("answer", Duration::ZERO).expect_err("nothing was said");
        assert!(error.to_string().contains("the child did not answer within 0 s"), "{error}");
        child.tell(&"hello").expect("a pipe");
        assert_eq!(child.hear::<u32>("answer", Duration::from_secs(60)).expect("it was told to"), 7);
        child.end();
    }
}
