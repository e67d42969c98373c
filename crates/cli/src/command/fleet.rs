//! `fleet` (hidden): a share of a trial's clients in this process. An order and commands on stdin, events on stdout, one JSON object
//! a line.

use wirecost_model::control::FleetEvent;
use wirecost_runner::clients::inside;

use super::{Outcome, trial};
use crate::exit;

/// Obeys until there are no more commands.
pub fn fleet() -> Outcome {
    let mut tell = |event: FleetEvent| trial::tell(serde_json::to_vec(&event));
    if let Err(error) = inside::run(std::io::stdin().lock(), &mut tell) {
        tell(FleetEvent::Failed(error.to_string()));
    }
    Ok(exit::OK)
}
