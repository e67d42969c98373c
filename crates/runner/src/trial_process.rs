//! A trial process from outside: one order in, events out.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use wirecost_model::control::{TrialEvent, TrialOrder};
use wirecost_probe::process;

use crate::child::{self, Lines};

/// A trial under way. Dropping it ends the process; its server dies with it.
pub(crate) struct TrialProcess {
    child: Child,
    events: Lines,
}

impl TrialProcess {
    /// Starts a trial with the given command line, in a process group of its own, so that Ctrl-C at the
    /// terminal reaches the run and not the trial.
    pub fn start(command: &[OsString], order: &TrialOrder) -> std::io::Result<TrialProcess> {
        let mut command = process::command(command)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).process_group(0);
        process::die_with_parent(&mut command);
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            let order = serde_json::to_vec(order).map_err(std::io::Error::other)?;
            stdin.write_all(&order)?;
        }
        let stdout = child.stdout.take().ok_or_else(|| std::io::Error::other("no pipe to the trial"))?;
        let events = Lines::of(stdout);
        Ok(TrialProcess { child, events })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next event, `None` if there was none within `patience`.
    pub fn event(&mut self, patience: Duration) -> Option<TrialEvent> {
        match self.events.next(patience) {
            Ok(line) => Some(serde_json::from_str(&line).unwrap_or_else(|error| TrialEvent::Failed {
                server_died: false,
                message: format!("the trial process said something unexpected ({error}): {line:.200}"),
            })),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                let status = child::end(&mut self.child).map(|status| status.to_string()).unwrap_or_default();
                Some(TrialEvent::Failed {
                    server_died: false,
                    message: format!("the trial process ended without a result ({status})"),
                })
            }
        }
    }
}

impl Drop for TrialProcess {
    fn drop(&mut self) {
        // After a result it has nothing left to do; before, nobody waits for one.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
