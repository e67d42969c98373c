//! What a search found: what each trial says to it, the answer of each arm, and both in words and tables. Where to look next is
//! the model's; here its question is put to a trial: was it valid, and did the condition hold?

use std::collections::BTreeSet;

use wirecost_model::record::{GateOutcome, Trial};
use wirecost_model::search::{self, Next, Outcome, ProbedLevel, SearchAnswer, SearchPlan, SearchResult, Stop, Tally};
use wirecost_model::{Cell, Plan, Record};

use crate::format;
use crate::gate::{self, Blame};
use crate::stats::estimate;
use crate::stats::metric::Metric;
use crate::stats::threshold::metric_name;
use crate::table::{Column, Table};
use crate::view;

/// How to read an answer.
pub const READING: &str = "An answer is good to one step of the levels, on this machine, for as long as a trial takes. It says nothing of a longer time, in which queues may fill, and of levels above the one that failed. Trials that a gate voided say neither that the condition holds nor that it fails.";

/// What each finished trial of the plan says, in the order of the plan.
pub fn outcomes(plan: &Plan, trials: &[Trial]) -> Vec<Outcome> {
    let Some(search) = &plan.search else { return Vec::new() };
    let finished = plan.trials.iter().map_while(|spec| trials.iter().find(|trial| trial.index == spec.index));
    finished.map(|trial| outcome(search, &plan.cells[trial.cell], trial)).collect()
}

fn outcome(search: &SearchPlan, cell: &Cell, trial: &Trial) -> Outcome {
    match seen(search, cell, trial) {
        Ok(value) if search.condition.comparison.holds(value, search.condition.value) => Outcome::Held,
        Ok(_) => Outcome::Failed,
        Err(_) => Outcome::Void,
    }
}

/// What the condition is about, or why the trial does not tell: the gates that voided it.
///
/// A gate of the condition's own name voids nothing here: whoever searches for the rate at which messages begin to be lost
/// wants to see them lost.
fn seen(search: &SearchPlan, cell: &Cell, trial: &Trial) -> Result<f64, Vec<String>> {
    let failed = trial.gates.iter().filter(|gate| gate.outcome == GateOutcome::Failed && gate.gate != search.condition.metric);
    let gates: Vec<String> = failed.map(|gate| gate.gate.clone()).collect();
    if !gates.is_empty() {
        return Err(gates);
    }
    let value = Metric::named(&metric_name(&search.condition.metric)).and_then(|metric| metric.of(cell, trial));
    value.ok_or_else(|| vec![format!("{}, which was not measured", search.condition.metric)])
}

/// What was found; `None` of a plan without a search.
pub fn result(plan: &Plan, trials: &[Trial]) -> Option<SearchResult> {
    let search = plan.search.as_ref()?;
    let tallies = search.tallies(plan, &outcomes(plan, trials));
    let answers = tallies.iter().enumerate().map(|(subject, tallies)| answer(plan, search, trials, subject, tallies)).collect();
    Some(SearchResult {
        what: search.what,
        condition: search.condition.clone(),
        confirm: search.confirm,
        bounds: [*search.levels.first()?, *search.levels.last()?],
        answers,
    })
}

fn answer(plan: &Plan, search: &SearchPlan, trials: &[Trial], subject: usize, tallies: &[Tally]) -> SearchAnswer {
    let mut levels = Vec::new();
    let mut by_level: Vec<Vec<&Trial>> = vec![Vec::new(); tallies.len()];
    let mut cells = vec![subject; tallies.len()];
    for cell in &plan.cells {
        if let Some((of, level)) = search.place(plan, cell)
            && of == subject
        {
            cells[level] = cell.index;
            by_level[level] = trials.iter().filter(|trial| trial.cell == cell.index).collect();
        }
    }
    for (level, tally) in tallies.iter().enumerate().filter(|(_, tally)| **tally != Tally::default()) {
        let values = by_level[level].iter().filter_map(|trial| seen(search, &plan.cells[cells[level]], trial).ok()).collect();
        levels.push(ProbedLevel {
            level: search.levels[level],
            cell: cells[level],
            held: tally.held,
            failed: tally.failed,
            void: tally.void,
            seen: estimate::of(values).map(|estimate| estimate.median),
        });
    }
    let (held, failed, stop) = match search::next(&search.levels, tallies, search.confirm) {
        Next::Done { held, failed, stop } => (held, failed, stop),
        Next::Probe(_) => {
            let [held, failed] = search::bracket(&search.levels, tallies);
            (held, failed, Stop::Unfinished)
        }
    };
    let mut voided_by = BTreeSet::new();
    if let (Some(level), Stop::Unjudged) = (failed, stop) {
        let void = by_level[level].iter().filter_map(|trial| seen(search, &plan.cells[cells[level]], trial).err());
        voided_by.extend(void.flatten());
    }
    let cell = &plan.cells[subject];
    let mut point = cell.point.clone();
    point.remove(search.what.name());
    let value = |level: Option<usize>| level.map(|level| search.levels[level]);
    SearchAnswer {
        arm: cell.config.name.clone(),
        point,
        held: value(held),
        failed: value(failed),
        stop,
        voided_by: voided_by.into_iter().collect(),
        levels,
    }
}

/// What a subject is called: its arm, and where on the other axes.
pub fn title(record: &Record, result: &SearchResult, number: usize) -> String {
    let mut cell = record.plan.cells[number].clone();
    cell.point.remove(result.what.name());
    let shared = view::shared_axes(&record.plan);
    let place = cell.point.iter().filter(|(axis, _)| shared.contains(axis));
    let place: Vec<String> =
        place.map(|(axis, value)| format!("{} {}", view::axis_label(axis), format::spaced(&value.to_string()))).collect();
    let title = view::title(&record.plan, &cell);
    if place.is_empty() { title } else { format!("{title}, {}", place.join(", ")) }
}

/// What was looked for, in one sentence.
pub fn question(result: &SearchResult) -> String {
    let what = match result.what {
        search::Searched::Rate => "The highest rate",
        search::Searched::Clients => "The most clients",
    };
    let [from, to] = result.bounds.map(|level| level_number(result, level));
    format!("{what} between {from} and {to} at which {} holds:", result.condition.text)
}

/// The answer of one subject, in a sentence or two.
pub fn sentence(record: &Record, result: &SearchResult, number: usize) -> String {
    let answer = &result.answers[number];
    let name = title(record, result, number);
    let level = |level: Option<f64>| level_text(result, level.unwrap_or(f64::NAN));
    let held = answer.at(answer.held).map(|at| {
        let seen = at.seen.map_or(String::new(), |value| format!(", {}", value_text(result, value)));
        format!("{} of {}{seen}", at.held, format::plural(u64::from(at.held + at.failed), "trial"))
    });
    let held = held.unwrap_or_default();
    let failed = answer.at(answer.failed).map(|at| {
        let seen = at.seen.map_or(String::new(), |value| format!(", {}", value_text(result, value)));
        format!("{} of {}{seen}", at.failed, format::plural(u64::from(at.held + at.failed), "trial"))
    });
    let failed = failed.unwrap_or_default();
    match (answer.stop, answer.held) {
        (Stop::Found, _) => format!(
            "{name} bears {}, where the condition holds in {held}; at {}, the next step, it fails in {failed}.",
            level(answer.held),
            level(answer.failed)
        ),
        (Stop::TopHeld, _) => {
            format!("{name} bears {} ({held}), where the search ends: its limit lies above.", level(answer.held))
        }
        (Stop::BottomFailed, _) => {
            format!("{name} does not even bear {}, where the search begins: it fails in {failed}.", level(answer.failed))
        }
        (Stop::Unjudged, held_level) => {
            let gates = format::list(&answer.voided_by);
            let blamed = |blame: Blame| answer.voided_by.iter().any(|name| gate::blame(name) == Some(blame));
            let limit = if blamed(Blame::LoadGenerator) || blamed(Blame::Pacer) {
                ": the load generator's limit was reached"
            } else if blamed(Blame::Sender) {
                ": messages no longer leave when they are due, for want of a core or of a quiet machine"
            } else {
                ""
            };
            // What was seen on the way down: there the answer ends at the latest.
            let ceiling = answer.levels.iter().find(|probed| probed.failed > probed.held).map(|probed| probed.level);
            let ceiling = ceiling.map_or(String::new(), |_| format!(" It fails at {}.", level(ceiling)));
            match held_level {
                Some(_) => format!(
                    "{name} bears {} ({held}) at least. At {}, the next step, every trial is void by {gates}{limit}, so that this is a \
                     floor and not the answer.{ceiling}",
                    level(held_level),
                    level(answer.failed)
                ),
                None => format!(
                    "{name} has no answer: at {}, where the search begins, every trial is void by {gates}{limit}.",
                    level(answer.failed)
                ),
            }
        }
        (Stop::TrialsSpent, Some(_)) => format!(
            "{name} bears about {} ({held}); its trials contradict one another so much that the bound on trials was reached.",
            level(answer.held)
        ),
        (Stop::Unfinished, Some(_)) => {
            format!("{name}: not finished; so far the condition holds at {} ({held}).", level(answer.held))
        }
        (Stop::TrialsSpent | Stop::Unfinished, None) => format!("{name}: not finished; no level is known to hold."),
    }
}

/// The levels of one subject that were looked at.
pub fn table(result: &SearchResult, number: usize) -> Table {
    let answer = &result.answers[number];
    let mut table = Table::new(vec![
        Column::numbers(result.what.name(), ""),
        Column::numbers("held", "trials"),
        Column::numbers("failed", "trials"),
        Column::numbers("void", "trials"),
        Column::numbers(&result.condition.metric, "median"),
        Column::words("note"),
    ]);
    for probed in &answer.levels {
        let is = |level: Option<f64>| level == Some(probed.level);
        let note = match answer.stop {
            Stop::Found if is(answer.held) => "the answer",
            Stop::TopHeld | Stop::Unjudged if is(answer.held) => "a floor",
            Stop::Unjudged if is(answer.failed) => "not to be judged",
            _ => "",
        };
        table.push(vec![
            level_number(result, probed.level),
            probed.held.to_string(),
            probed.failed.to_string(),
            probed.void.to_string(),
            probed.seen.map_or("–".into(), |value| value_text(result, value)),
            note.into(),
        ]);
    }
    table
}

/// A level in words: `1,020/s`, `50 clients`.
pub fn level_text(result: &SearchResult, level: f64) -> String {
    match result.what {
        search::Searched::Rate => level_number(result, level),
        search::Searched::Clients => format!("{} client{}", level_number(result, level), if level == 1.0 { "" } else { "s" }),
    }
}

/// The same where it is said what is counted: `1,020/s`, `50`.
pub fn level_number(result: &SearchResult, level: f64) -> String {
    match result.what {
        // The plan's levels have four digits at most.
        search::Searched::Rate if level >= 1e3 => format!("{}/s", format::fixed(level, usize::from(level.fract() > 0.0))),
        search::Searched::Rate => result.what.show(level),
        search::Searched::Clients => format::fixed(level, 0),
    }
}

/// A value of what the condition is about, with its unit.
pub fn value_text(result: &SearchResult, value: f64) -> String {
    Metric::named(&metric_name(&result.condition.metric)).map_or(format::number(value), |metric| metric.unit.show(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn each_arm_has_its_answer_and_why_it_ended() {
        let record = &fixture::run_of_a_search().record;
        let result = record.search.as_ref().unwrap();
        let stops: Vec<Stop> = result.answers.iter().map(|answer| answer.stop).collect();
        assert_eq!(stops, [Stop::BottomFailed, Stop::Found, Stop::Found, Stop::Unjudged, Stop::TopHeld]);
        for (answer, knee) in result.answers.iter().zip(fixture::KNEES).filter(|(answer, _)| answer.stop == Stop::Found) {
            assert!(answer.held.unwrap() <= knee && answer.failed.unwrap() > knee, "{answer:?}");
            assert_eq!(answer.at(answer.held).unwrap().held, 3);
        }
        assert_eq!(result.answers[3].voided_by, ["client_cpu"]);
        let words: Vec<String> = (0..result.answers.len()).map(|number| sentence(record, result, number)).collect();
        insta::assert_snapshot!(format!("{}\n{}\n{}", question(result), words.join("\n"), table(result, 1).markdown()));
    }

    #[test]
    fn a_condition_on_losses_sees_them_although_their_gate_voids() {
        let run = fixture::run_of_a_search();
        let mut search = run.record.plan.search.clone().unwrap();
        let (cell, mut trial) = (run.record.plan.cells[1].clone(), run.record.trials[1].clone());
        trial.accounting.lost = 2;
        trial.gates = gate::judge(&cell, &trial);
        assert_eq!(outcome(&search, &cell, &trial), Outcome::Void);
        search.condition.metric = "lost".into();
        (search.condition.comparison, search.condition.value) = (wirecost_model::threshold::Comparison::Equal, 0.0);
        trial.gates.retain(|gate| gate.outcome == GateOutcome::Passed || gate.gate == "lost");
        assert_eq!(outcome(&search, &cell, &trial), Outcome::Failed);
        search.condition.metric = "delivery.p999".into();
        trial.gates.clear();
        trial.latencies.clear();
        assert_eq!(seen(&search, &cell, &trial), Err(vec!["delivery.p999, which was not measured".into()]));
    }

    #[test]
    fn a_floor_says_where_the_condition_was_seen_to_fail() {
        let record = &fixture::run_of_a_search().record;
        let mut result = record.search.clone().unwrap();
        assert!(sentence(record, &result, 3).ends_with("and not the answer."));
        let last = result.answers[3].levels.last().unwrap().clone();
        result.answers[3].levels.push(ProbedLevel { level: 800.0, failed: 1, void: 0, ..last });
        assert!(sentence(record, &result, 3).ends_with("and not the answer. It fails at 800/s."));
    }

    #[test]
    fn whose_limit_ended_it_is_said_where_it_is_known() {
        let record = &fixture::run_of_a_search().record;
        let mut result = record.search.clone().unwrap();
        let mut by = |gates: &[&str]| {
            result.answers[3].voided_by = gates.iter().map(ToString::to_string).collect();
            sentence(record, &result, 3)
        };
        assert!(by(&["arrivals", "pacer_lag"]).contains("pacer_lag: the load generator's limit was reached"));
        assert!(by(&["arrivals"]).contains("arrivals: messages no longer leave when they are due"));
        assert!(by(&["steal"]).contains("every trial is void by steal, so that"));
    }

    #[test]
    fn a_record_without_a_search_has_no_answer() {
        let record = &fixture::run().record;
        assert_eq!(result(&record.plan, &record.trials), None);
    }
}
