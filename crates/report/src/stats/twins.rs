//! Arms that were run twice (`aa`): what the statistics make of two equals. Their verdicts should never be "different"; where
//! they are, the machine makes a difference of that size, and so it may between any two arms.

use wirecost_model::record::{Comparison, Trial, Verdict};
use wirecost_model::{Cell, Plan, Record};

use super::Metric;
use crate::format;
use crate::view;

/// The cell that a cell is a second run of.
pub fn original<'a>(plan: &'a Plan, cell: &Cell) -> Option<&'a Cell> {
    let name = cell.config.twin_of.as_deref()?;
    plan.cells.iter().find(|other| other.config.name == name && other.point == cell.point)
}

/// Second runs against first ones, by the metrics that arms are compared by, as these are: Holm's procedure goes over the pairs
/// of one metric.
pub fn compare(plan: &Plan, trials: &[Trial]) -> Vec<Comparison> {
    let pairs: Vec<(&Cell, &Cell)> = plan.cells.iter().filter_map(|cell| Some((cell, original(plan, cell)?))).collect();
    super::compare_pairs(plan, trials, &pairs)
}

/// What was found, in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// One or two sentences.
    pub text: String,
    /// A pair was told apart.
    pub told_apart: bool,
}

/// What is to be said of the pairs of a record; `None` if it has none.
pub fn finding(record: &Record) -> Option<Finding> {
    if record.plan.cells.iter().all(|cell| cell.config.twin_of.is_none()) {
        return None;
    }
    let title = |index: usize| record.plan.cells.get(index).map(|cell| view::full_title(&record.plan, cell)).unwrap_or_default();
    let judged = record.twins.iter().filter(|comparison| comparison.interval.is_some()).count();
    let apart: Vec<&Comparison> = record.twins.iter().filter(|c| c.verdict == Verdict::Different).collect();
    let rest = record.twins.len() - judged;
    let unjudged = if rest > 0 { format!(" {} no interval.", format::capital(&of(rest, "has", "have"))) } else { String::new() };
    if judged == 0 {
        let text = "A/A: whether equals can be told apart is not known, because fewer than six pairs of trials count.";
        return Some(Finding { text: text.into(), told_apart: false });
    }
    if apart.is_empty() {
        let largest = record.twins.iter().filter(|c| c.interval.is_some()).max_by(|a, b| off(a).total_cmp(&off(b)));
        let largest = largest.map_or(String::new(), |c| {
            let metric = Metric::named(&c.metric).map_or(c.metric.as_str(), |metric| metric.label);
            let ratio = format::ratio_with_interval(c.ratio, c.interval);
            format!(" The furthest apart: {} in {metric}, {ratio}.", title(c.baseline))
        });
        let text = format!(
            "A/A: not distinguishable, as it should be, in {}.{largest}{unjudged}",
            of(judged, "comparison", "comparisons")
        );
        return Some(Finding { text, told_apart: false });
    }
    let pairs: Vec<String> = apart
        .iter()
        .map(|c| {
            let metric = Metric::named(&c.metric).map_or(c.metric.as_str(), |metric| metric.label);
            format!("{} in {metric} ({})", title(c.baseline), format::ratio_with_interval(c.ratio, c.interval))
        })
        .collect();
    let text = format!(
        "A/A: equals were told apart in {} of {}: {}. Between arms a difference of that size is noise here; chance alone does \
         this in about one of twenty.{unjudged}",
        apart.len(),
        of(judged, "comparison", "comparisons"),
        format::list(&pairs)
    );
    Some(Finding { text, told_apart: true })
}

/// How far from 1, whichever way.
fn off(comparison: &Comparison) -> f64 {
    comparison.ratio.ln().abs()
}

fn of(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::load::Run;

    const PAIRS: &str = "name: equals\nquestion: How far apart are equals?\nclients: 5\ntrials: 6\nwire: host\n\
        workload: { push: { rate: 20/s, arrivals: poisson } }\ntrial: { measure: 2s }\n\
        arms: [{ websocket: { aa: on } }, sse, { short_poll: { aa: on } }]\n";

    fn run() -> Run {
        fixture::of(PAIRS)
    }

    /// Every delivery of a cell takes so many times as long.
    fn slower(run: &mut Run, name: &str, times: f64) {
        let cell = run.record.plan.cells.iter().find(|cell| cell.config.name == name).unwrap().index;
        for trial in run.record.trials.iter_mut().filter(|trial| trial.cell == cell) {
            for quantile in &mut trial.latencies.get_mut("delivery").unwrap().quantiles {
                quantile.value_ns = (quantile.value_ns as f64 * times) as u64;
            }
        }
        run.record.twins = compare(&run.record.plan, &run.record.trials);
    }

    #[test]
    fn equals_are_not_distinguishable_and_a_difference_is_a_warning_everywhere() {
        let mut run = run();
        let found = finding(&run.record).unwrap();
        assert!(!found.told_apart && found.text.starts_with("A/A: not distinguishable, as it should be, in "), "{found:?}");
        assert!(run.record.twins.iter().all(|c| c.baseline != c.cell && c.verdict != Verdict::Different));
        slower(&mut run, "websocket (A/A)", 1.3);
        let found = finding(&run.record).unwrap();
        assert!(found.told_apart && found.text.contains("WebSocket in delivery p50 (1."), "{found:?}");
        let text = crate::terminal::table(&run, 400, false);
        assert!(text.contains(&found.text), "{text}");
        assert!(crate::export::markdown::markdown(&run).contains(&found.text));
        assert!(crate::html::render(&[run]).contains("A/A: equals were told apart in "));
    }

    #[test]
    fn a_second_run_competes_with_nobody() {
        let record = run().record;
        let twin = |index: usize| record.plan.cells[index].config.twin_of.is_some();
        assert!(record.comparisons.iter().all(|c| !twin(c.cell) && !twin(c.baseline)));
        assert!(crate::sentence::verdict(&record).iter().all(|sentence| !sentence.text.contains("(A/A)")));
        let titles: Vec<String> = record.plan.cells.iter().map(|cell| view::title(&record.plan, cell)).collect();
        let all = ["WebSocket", "WebSocket (A/A)", "Server-sent events", "Short polling 1 s", "Short polling 1 s (A/A)"];
        assert_eq!(titles, all);
    }

    #[test]
    fn without_pairs_there_is_nothing_to_say_and_few_trials_say_little() {
        assert_eq!(finding(&fixture::run().record), None);
        let mut record = run().record;
        record.trials.retain(|trial| trial.block < 5);
        record.twins = compare(&record.plan, &record.trials);
        assert!(finding(&record).unwrap().text.contains("fewer than six pairs"));
    }
}
