//! `trial` (hidden): one trial in this process. An order on stdin, events on stdout, one JSON object a line.

use std::ffi::OsString;
use std::io::{Read, Write};

use wirecost_model::control::{TrialEvent, TrialOrder};
use wirecost_probe::process;
use wirecost_runner::trial::{self, Programs};
use wirecost_server::ServerOptions;

use super::Outcome;
use crate::exit;
use crate::failure::Failure;

/// Runs the order.
pub fn trial() -> Outcome {
    let mut order = String::new();
    std::io::stdin().read_to_string(&mut order)?;
    let order: TrialOrder = serde_json::from_str(&order)
        .map_err(|error| Failure::new(exit::USAGE, format!("`trial` is started by `run`: {error}")))?;
    let mut tell = |event: TrialEvent| tell(serde_json::to_vec(&event));
    let programs = Programs { server: server_command(&order)?, fleet: [process::ITSELF, "fleet"].map(OsString::from).to_vec() };
    let last = match trial::run(&order, &programs, &mut tell) {
        Ok(output) => TrialEvent::Done(Box::new(output)),
        Err(error) => TrialEvent::Failed { server_died: error.server_died(), message: error.to_string() },
    };
    tell(last);
    Ok(exit::OK)
}

/// Says an event, as JSON, to whoever has started this process. If nobody listens any more, the run is over and this process with it.
pub fn tell(event: serde_json::Result<Vec<u8>>) {
    let mut stdout = std::io::stdout().lock();
    if let Ok(mut line) = event {
        line.push(b'\n');
        let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
    }
}

/// The reference server: this binary again, in a process of its own.
fn server_command(order: &TrialOrder) -> Result<Vec<OsString>, Failure> {
    // Twice, because a client that comes back may find its old connection not gone yet.
    let connections = (2 * order.cell.connections()).max(ServerOptions::default().max_connections as u64).to_string();
    let mut command: Vec<OsString> =
        [process::ITSELF, "serve", "--control", "--max-connections", &connections].map(OsString::from).to_vec();
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
