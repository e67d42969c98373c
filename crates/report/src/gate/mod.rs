//! Gates: whether a trial's numbers may be believed. One registry, one small pure check each, grouped by file.
//!
//! Gates fail closed: a trial with a failed gate is void, is shown greyed with its reason, and feeds no estimate and no
//! verdict. What could not be judged here is [`GateOutcome::NotMeasured`] with the reason, never a silent pass.

mod accounting;
mod arrivals;
mod ledger;
mod little;
mod load;
mod machine;
mod protocol;
mod stationary;
mod time;

use std::collections::BTreeSet;

use wirecost_model::record::{GateOutcome, GateResult, Trial};
use wirecost_model::{Cell, Plan};

use crate::view;

/// Whose doing it is that a gate fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// What is measured, or the account of it.
    Measured,
    /// The load generator, which has no room left and will not have it the next time.
    LoadGenerator,
    /// The load generator's pacer, which woke late: its thread has no room left, or the machine was disturbed.
    Pacer,
    /// Whoever sends as the plan has it: messages did not leave when they were due.
    Sender,
    /// The machine, which had other things to do.
    Machine,
}

impl Blame {
    /// The conditions of measuring: the senders that keep the plan, or the machine. The next time they may be better.
    fn is_of_conditions(self) -> bool {
        match self {
            Blame::Pacer | Blame::Sender | Blame::Machine => true,
            Blame::Measured | Blame::LoadGenerator => false,
        }
    }
}

/// A check of a trial's validity.
#[derive(Debug)]
pub struct Gate {
    /// Its name in records and reports.
    pub name: &'static str,
    /// Whose doing a failure is.
    pub blame: Blame,
    /// What it asks for, in one line.
    pub what: &'static str,
    /// The check.
    pub check: fn(&Cell, &Trial) -> Finding,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What came of it.
    pub outcome: GateOutcome,
    /// What was seen, against what is allowed; or why it could not be judged.
    pub seen: String,
    /// What helps, if it failed; else empty.
    pub advice: String,
}

impl Finding {
    /// As it should be.
    fn passed(seen: impl Into<String>) -> Finding {
        Finding { outcome: GateOutcome::Passed, seen: seen.into(), advice: String::new() }
    }

    /// The trial is void.
    fn failed(seen: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { outcome: GateOutcome::Failed, seen: seen.into(), advice: advice.into() }
    }

    /// Could not be judged, and why.
    fn not_measured(why: impl Into<String>) -> Finding {
        Finding { outcome: GateOutcome::NotMeasured, seen: why.into(), advice: String::new() }
    }

    /// Passed or failed.
    fn judge(holds: bool, seen: impl Into<String>, advice: impl Into<String>) -> Finding {
        if holds { Finding::passed(seen) } else { Finding::failed(seen, advice) }
    }
}

/// The registry, in the order of reports.
pub const GATES: &[Gate] = &[
    load::OFFERED_RATE,
    arrivals::ARRIVALS,
    load::PUBLISH_LAG,
    load::PACER_LAG,
    load::MISSED_TICKS,
    load::MISSED_POLLS,
    load::CLIENT_CPU,
    little::LITTLES_LAW,
    accounting::ACCOUNTED,
    accounting::LOST,
    accounting::DUPLICATED,
    accounting::REORDERED,
    accounting::CORRUPTED,
    accounting::CLIENTS_HELD,
    accounting::INTERRUPTED,
    accounting::ERRORS,
    protocol::NAGLE,
    protocol::NEGOTIATED,
    time::NO_NEGATIVE_LATENCY,
    time::WINDOW,
    stationary::LATENCY,
    stationary::MEMORY,
    machine::STEAL,
    machine::SWAP,
    ledger::RESIDUAL,
    ledger::LAYERS,
];

/// Every gate's word on a trial, in the order of the registry.
pub fn judge(cell: &Cell, trial: &Trial) -> Vec<GateResult> {
    GATES
        .iter()
        .map(|gate| {
            let Finding { outcome, seen, advice } = (gate.check)(cell, trial);
            GateResult { gate: gate.name.into(), outcome, seen, advice }
        })
        .collect()
}

/// Whether a trial is void, and by nothing but the conditions: no number of its own has a say in that, so that whoever runs it
/// again chooses no result.
pub fn is_void_by_conditions(gates: &[GateResult]) -> bool {
    let by_conditions = |name: &str| blame(name).is_some_and(Blame::is_of_conditions);
    let mut failed = gates.iter().filter(|result| result.outcome == GateOutcome::Failed).peekable();
    failed.peek().is_some() && failed.all(|result| by_conditions(&result.gate))
}

/// That trials were run again, for the record; `None` if none was.
pub fn repeated(trials: &[Trial]) -> Option<String> {
    let again: Vec<&Trial> = trials.iter().filter(|trial| !trial.repeated_for.is_empty()).collect();
    let first = again.first()?.repeated_for.first()?;
    let gates: BTreeSet<&str> = again.iter().flat_map(|trial| &trial.repeated_for).map(|result| result.gate.as_str()).collect();
    let (were, attempts) = if again.len() == 1 { ("was", "a first attempt") } else { ("were", "first attempts") };
    Some(format!(
        "{} of {} trials {were} run again: {attempts} had been voided by the conditions ({}; first seen: {}), and nothing of that is \
         in any number",
        again.len(),
        trials.len(),
        gates.into_iter().collect::<Vec<_>>().join(", "),
        first.seen
    ))
}

/// Whose doing a failure of the gate of this name is; `None` of a gate of another version.
pub fn blame(name: &str) -> Option<Blame> {
    GATES.iter().find(|gate| gate.name == name).map(|gate| gate.blame)
}

/// What a gate of this name asks for; empty for a gate of another version.
pub fn what(name: &str) -> &'static str {
    GATES.iter().find(|gate| gate.name == name).map_or("", |gate| gate.what)
}

/// The failed gates of all trials, gathered: gate, what was seen first, its advice, and how many trials it voided.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The gate.
    pub gate: String,
    /// The cells whose trials it voided, by title.
    pub cells: Vec<String>,
    /// How many trials it voided.
    pub trials: u64,
    /// What was seen in the first of them.
    pub seen: String,
    /// What helps.
    pub advice: String,
}

/// All failed gates, the one that voided the most trials first, then in the order of the registry.
pub fn failures(plan: &Plan, trials: &[Trial]) -> Vec<Failure> {
    let mut all: Vec<Failure> = Vec::new();
    for trial in trials {
        let label = plan.cells.get(trial.cell).map(|cell| view::full_title(plan, cell)).unwrap_or_default();
        for result in trial.gates.iter().filter(|result| result.outcome == GateOutcome::Failed) {
            match all.iter_mut().find(|failure| failure.gate == result.gate) {
                Some(failure) => {
                    failure.trials += 1;
                    if !failure.cells.contains(&label) {
                        failure.cells.push(label.clone());
                    }
                }
                None => all.push(Failure {
                    gate: result.gate.clone(),
                    cells: vec![label.clone()],
                    trials: 1,
                    seen: result.seen.clone(),
                    advice: result.advice.clone(),
                }),
            }
        }
    }
    let rank = |failure: &Failure| GATES.iter().position(|gate| gate.name == failure.gate).unwrap_or(GATES.len());
    all.sort_by_key(|failure| (std::cmp::Reverse(failure.trials), rank(failure)));
    all
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::fixture;

    /// A gate's outcome on the fixture's first good trial of an arm after a change to it.
    pub(crate) fn outcome(gate: &Gate, arm: &str, change: impl FnOnce(&mut Cell, &mut Trial)) -> GateOutcome {
        finding(gate, arm, change).outcome
    }

    /// The same, in full.
    pub(crate) fn finding(gate: &Gate, arm: &str, change: impl FnOnce(&mut Cell, &mut Trial)) -> Finding {
        let record = fixture::run().record.clone();
        let mut cell = record.plan.cells.iter().find(|cell| cell.config.name == arm).expect("the fixture has the arm").clone();
        let mut trial = record.trials.iter().find(|trial| trial.cell == cell.index).expect("and a trial of it").clone();
        change(&mut cell, &mut trial);
        (gate.check)(&cell, &trial)
    }

    #[test]
    fn a_good_trial_passes_every_gate() {
        let record = fixture::run().record.clone();
        for trial in &record.trials {
            for result in judge(&record.plan.cells[trial.cell], trial) {
                assert_ne!(result.outcome, GateOutcome::Failed, "{result:?}");
                assert!(!result.seen.is_empty(), "{} says nothing", result.gate);
            }
        }
    }

    #[test]
    fn an_empty_trial_passes_nothing_that_needs_numbers() {
        let record = fixture::run().record.clone();
        let results = judge(&record.plan.cells[0], &Trial { clients_requested: 50, ..Trial::default() });
        assert!(results.iter().any(|result| result.outcome == GateOutcome::Failed));
        let rate = results.iter().find(|result| result.gate == "offered_rate").unwrap();
        assert_ne!(rate.outcome, GateOutcome::Passed);
    }

    #[test]
    fn only_conditions_are_worth_another_attempt() {
        let failed = |name: &str| GateResult {
            gate: name.into(),
            outcome: GateOutcome::Failed,
            seen: format!("{name} was seen"),
            advice: String::new(),
        };
        let passed = GateResult { outcome: GateOutcome::Passed, ..failed("lost") };
        assert!(!is_void_by_conditions(std::slice::from_ref(&passed)));
        assert!(is_void_by_conditions(&[passed.clone(), failed("publish_lag"), failed("steal")]));
        assert!(!is_void_by_conditions(&[failed("publish_lag"), failed("lost")]));
        // Another attempt finds the load generator as busy as the first did.
        assert!(is_void_by_conditions(&[failed("pacer_lag")]) && !is_void_by_conditions(&[failed("client_cpu")]));
        assert!(!is_void_by_conditions(&[failed("a gate of another version")]));
        let mut trials = fixture::run().record.trials.clone();
        assert_eq!(repeated(&trials), None);
        trials[2].repeated_for = vec![failed("publish_lag")];
        trials[7].repeated_for = vec![failed("steal"), failed("publish_lag")];
        insta::assert_snapshot!(repeated(&trials).unwrap());
    }

    #[test]
    fn names_are_unique() {
        for (position, gate) in GATES.iter().enumerate() {
            assert!(GATES[..position].iter().all(|other| other.name != gate.name), "{}", gate.name);
        }
    }

    #[test]
    fn failures_are_gathered_by_gate() {
        let mut record = fixture::run().record.clone();
        let trial = record.trials[3].index;
        record.trials[3].accounting.lost = 2;
        record.trials[3].gates = judge(&record.plan.cells[record.trials[3].cell], &record.trials[3]);
        let all = failures(&record.plan, &record.trials);
        assert!(all.iter().any(|failure| failure.gate == "lost" && failure.trials == 1), "trial {trial}: {all:?}");
    }
}
