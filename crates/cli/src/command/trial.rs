//! `trial` (hidden): one trial in this process. An order on stdin, events on stdout, one JSON object a line.

use std::ffi::OsString;
use std::io::{Read, Write};

use wirecost_model::control::{TrialEvent, TrialOrder};
use wirecost_probe::process;
use wirecost_runner::trial;

use super::Outcome;
use crate::exit;
use crate::failure::Failure;

/// Runs the order.
pub fn trial() -> Outcome {
    let mut order = String::new();
    std::io::stdin().read_to_string(&mut order)?;
    let order: TrialOrder = serde_json::from_str(&order)
        .map_err(|error| Failure::new(exit::USAGE, format!("`trial` is started by `run`: {error}")))?;
    let mut stdout = std::io::stdout().lock();
    let mut tell = |event: TrialEvent| {
        if let Ok(mut line) = serde_json::to_vec(&event) {
            line.push(b'\n');
            // If nobody listens any more, the run is over and this process with it.
            let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
        }
    };
    let last = match trial::run(&order, &server_command(&order)?, &mut tell) {
        Ok(output) => TrialEvent::Done(Box::new(output)),
        Err(error) => TrialEvent::Failed { server_died: error.server_died(), message: error.to_string() },
    };
    tell(last);
    Ok(exit::OK)
}

/// The reference server: this binary again, in a process of its own.
fn server_command(order: &TrialOrder) -> Result<Vec<OsString>, Failure> {
    let mut command: Vec<OsString> = vec![process::ITSELF.into(), "serve".into(), "--control".into()];
    if let Some(tls) = &order.cell.config.tls {
        let options = serde_json::to_string(tls).map_err(anyhow::Error::from)?;
        command.extend(["--tls".into(), "--tls-options".into(), options.into()]);
    }
    if !order.server_cores.is_empty() {
        let cores: Vec<String> = order.server_cores.iter().map(usize::to_string).collect();
        command.extend(["--cores".into(), cores.join(",").into()]);
    }
    Ok(command)
}
