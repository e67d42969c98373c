//! Calibration: a ladder of known quantities, from the clock up to whole trials, each held against what must be seen. One file
//! a rung, one registry.
//!
//! The lower rungs look at the machine (clock, timers, a bare TCP round trip), the middle ones at the load generator with
//! nothing behind it, the upper ones run real trials in which something is known beforehand: an injected delay, a server that
//! stands still, messages that are spoilt, two arms that are the same.
//!
//! What deliberately does not live here: statistics of verdicts (the caller brings them, see [`SameArms`]) and printing.

mod bench;
mod clock;
mod delay;
mod faults;
mod floor;
mod ledger;
mod null;
mod null_server;
mod same_arms;
mod stall;
mod timer;

use std::collections::BTreeMap;
use std::ffi::OsString;

use wirecost_model::record::{Calibration, CalibrationForm, GateOutcome, RungResult, Trial};
use wirecost_model::scenario::Wire;
use wirecost_model::{Plan, scenario};
use wirecost_probe::clock::now_ns;

use crate::preflight::{self, Ground};
use crate::run::Interrupts;
use crate::utc_now;
use bench::{Bench, Stop};

/// One step of the ladder.
pub struct Rung {
    /// Its name in records and reports.
    pub name: &'static str,
    /// What it looks at, in one line.
    pub what: &'static str,
    /// Whether it is about time; the others hold on any machine, however busy.
    pub timing: bool,
    check: fn(&mut Bench<'_>) -> Result<Finding, Stop>,
}

/// The registry, from the bottom up. The ledger comes last: it looks at all trials of the others.
pub const RUNGS: &[Rung] = &[
    clock::CLOCK_COST,
    timer::TIMER_LAG,
    floor::TCP_FLOOR,
    null::NULL_PROTOCOL,
    null::MAX_NULL_RATE,
    delay::INJECTED_DELAY,
    stall::STALL,
    faults::INJECTED_FAULTS,
    same_arms::SAME_ARMS,
    ledger::LEDGER_IDENTITY,
];

/// What a rung found.
struct Finding {
    expected: String,
    seen: String,
    outcome: GateOutcome,
    values: BTreeMap<String, f64>,
}

impl Finding {
    fn judge(holds: bool, expected: impl Into<String>, seen: impl Into<String>) -> Finding {
        let outcome = if holds { GateOutcome::Passed } else { GateOutcome::Failed };
        Finding { expected: expected.into(), seen: seen.into(), outcome, values: BTreeMap::new() }
    }

    fn not_measured(expected: impl Into<String>, why: impl Into<String>) -> Finding {
        Finding { outcome: GateOutcome::NotMeasured, ..Finding::judge(true, expected, why) }
    }

    /// With a number; the unit is in the name.
    fn with(mut self, name: impl Into<String>, value: f64) -> Finding {
        self.values.insert(name.into(), value);
        self
    }
}

/// Verdicts over the trials of two arms that are the same: how many comparisons say `different`, of how many.
pub type SameArms<'a> = &'a dyn Fn(&Plan, &[Trial]) -> (usize, usize);

/// What a calibration needs.
pub struct Calibrate<'a> {
    /// How much is looked at.
    pub form: CalibrationForm,
    /// Starts a trial process.
    pub command: &'a [OsString],
    /// Where the packets go.
    pub wire: Wire,
    /// How often the user has asked for the end: once is enough.
    pub interrupts: &'a Interrupts,
    /// The statistics.
    pub same_arms: SameArms<'a>,
}

/// Why there is no calibration.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// The user asked for the end.
    #[error("the calibration was stopped")]
    Interrupted,
    /// The machine does not allow it.
    #[error("{}", .0.join("\n  "))]
    Refused(Vec<String>),
}

impl Calibrate<'_> {
    /// Climbs the ladder; `tell` is told the name of what is being looked at. A rung that fails does not end it.
    ///
    /// # Errors
    /// [`CalibrateError`].
    pub fn run(&self, tell: &mut dyn FnMut(&str)) -> Result<Calibration, CalibrateError> {
        let (started_ns, measured_utc) = (now_ns(), utc_now());
        let mut bench = Bench::new(self, ground(self.wire)?, tell);
        let mut rungs = Vec::new();
        for Rung { name, what, timing, check } in RUNGS {
            bench.say(name);
            let finding = match check(&mut bench) {
                Ok(finding) => finding,
                Err(Stop::Interrupted) => return Err(CalibrateError::Interrupted),
                Err(Stop::Failed(text)) => Finding::judge(false, "the rung can be climbed", text),
            };
            let Finding { expected, seen, outcome, values } = finding;
            let (rung, what) = ((*name).to_string(), (*what).to_string());
            rungs.push(RungResult { rung, what, expected, seen, outcome, timing: *timing, values });
        }
        Ok(Calibration { form: self.form, measured_utc, duration_ns: now_ns() - started_ns, rungs })
    }
}

/// What the machine allows a trial of one client.
fn ground(wire: Wire) -> Result<Ground, CalibrateError> {
    let one = "name: one\nquestion: What is there?\nworkload: { idle: {} }\narms: [websocket]\n";
    let loaded =
        scenario::load(one).map_err(|problems| CalibrateError::Refused(problems.iter().map(ToString::to_string).collect()))?;
    preflight::check(&Plan { wire, ..Plan::new(&loaded, Some(1), None) }, std::path::Path::new("."))
        .map_err(CalibrateError::Refused)
}

/// A time as people read it.
fn time(ns: f64) -> String {
    let (divisor, unit) = match ns.abs() {
        n if n >= 1e9 => (1e9, "s"),
        n if n >= 1e6 => (1e6, "ms"),
        n if n >= 1e3 => (1e3, "µs"),
        _ => (1.0, "ns"),
    };
    let value = ns / divisor;
    let digits = if value.abs() >= 100.0 { 0 } else { 1 };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_times_are_readable() {
        let names: std::collections::BTreeSet<&str> = RUNGS.iter().map(|rung| rung.name).collect();
        assert_eq!(names.len(), RUNGS.len());
        assert_eq!(RUNGS.last().map(|rung| rung.name), Some("ledger_identity"));
        assert_eq!([time(17.4), time(12_340.0), time(-900_000_000.0), time(2e9)], ["17.4 ns", "12.3 µs", "-900 ms", "2.0 s"]);
    }
}
