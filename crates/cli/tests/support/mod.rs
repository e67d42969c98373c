//! What several suites of the command line need: the record that a run has left, what it said, its processes, and waiting without
//! hanging. No scenario lives here; each suite has its own.
#![allow(dead_code, reason = "each suite is a program of its own and uses a part")]

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use wirecost_model::ledger::{Counters, Phase};
use wirecost_model::{Record, Trial};
use wirecost_probe::process;

/// Longer than anything here can take; only a hang gets there.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Both streams, what was to be piped on first.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Waits for a condition, looking often; a hang fails the test instead of holding it.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The record of the only run in a folder of results.
pub fn record(results: &Path) -> Record {
    record_if_any(results).expect("one run")
}

/// The same, of a run that may have been refused.
pub fn record_if_any(results: &Path) -> Option<Record> {
    // Beside the record's folder there is an index.
    let mut files = std::fs::read_dir(results).ok()?.map(|entry| entry.expect("readable").path().join("record.json"));
    let text = std::fs::read_to_string(files.find(|file| file.exists())?).expect("a record");
    Some(serde_json::from_str(&text).expect("a record of this version"))
}

/// Counters of all phases of a trial.
pub fn whole(trial: &Trial) -> Counters {
    let mut sum = Counters::default();
    Phase::ALL.iter().for_each(|phase| sum += trial.ledger.phase(*phase));
    sum
}

/// The server of a run's trial: the trial is a child of the run, and the server of the trial.
pub fn server_of(run: u32) -> Option<u32> {
    let trial = *process::children(run).ok()?.first()?;
    process::children(trial).ok()?.first().copied()
}
