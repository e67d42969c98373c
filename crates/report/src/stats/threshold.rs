//! A scenario's thresholds, judged. They fail closed: a condition on a number that was not measured does not hold.

use wirecost_model::record::{CellSummary, ThresholdResult, Trial};
use wirecost_model::threshold::{Comparison, Threshold};
use wirecost_model::{Cell, Plan};

use super::Metric;

/// The registry's name of a threshold's metric: `delivery.p99` is `delivery_p99_ns`, `lost` is `lost`.
pub fn metric_name(threshold_metric: &str) -> String {
    match threshold_metric.split_once('.') {
        Some((kind, quantile)) => format!("{kind}_{quantile}_ns"),
        None => threshold_metric.to_string(),
    }
}

/// Judges each threshold in every cell that it is about.
///
/// Measured quantities are judged by the cell's median over trials that count. Faults (`lost`, `duplicated`, `reordered`,
/// `corrupted`, `missed_polls`, `missed`) are judged by the worst trial, void ones included: a lost message voids its trial, and would
/// else never be seen.
pub fn judge(thresholds: &[Threshold], plan: &Plan, cells: &[CellSummary], trials: &[Trial]) -> Vec<ThresholdResult> {
    thresholds.iter().map(|threshold| one(threshold, plan, cells, trials)).collect()
}

fn one(threshold: &Threshold, plan: &Plan, cells: &[CellSummary], trials: &[Trial]) -> ThresholdResult {
    let result = |holds: bool, seen: String| ThresholdResult { text: threshold.text.clone(), holds, seen };
    let Some(metric) = Metric::named(&metric_name(&threshold.metric)) else {
        return result(false, format!("`{}` is not a metric of this version", threshold.metric));
    };
    let about = |cell: &&Cell| (metric.concerns)(cell) && threshold.arm.as_ref().is_none_or(|arm| *arm == cell.config.name);
    let mut worst: Option<(f64, String)> = None;
    for cell in plan.cells.iter().filter(about) {
        let value = if is_fault(metric.name) {
            fault(metric, cell, trials, threshold)
        } else {
            cells.iter().find(|summary| summary.cell == cell.index).and_then(|s| s.metrics.get(metric.name)).map(|e| e.median)
        };
        let Some(value) = value else {
            return result(false, format!("not measured in {}", cell.label()));
        };
        let excess = excess(threshold, value);
        if worst.as_ref().is_none_or(|(least, _)| excess > *least) {
            worst = Some((excess, format!("{} in {}", metric.unit.show(value), cell.label())));
        }
    }
    let Some((excess, seen)) = worst else {
        return result(false, "no cell has this metric".into());
    };
    // The worst cell decides: `holds` is monotone in the excess, and strict comparisons exclude 0.
    let holds = match threshold.comparison {
        Comparison::Less | Comparison::More | Comparison::NotEqual => excess < 0.0,
        Comparison::AtMost | Comparison::AtLeast | Comparison::Equal => excess <= 0.0,
    };
    result(holds, seen)
}

fn is_fault(name: &str) -> bool {
    matches!(name, "lost" | "duplicated" | "reordered" | "corrupted" | "missed_polls" | "missed")
}

/// How far a value is on the wrong side: the larger, the worse.
fn excess(threshold: &Threshold, value: f64) -> f64 {
    match threshold.comparison {
        Comparison::Less | Comparison::AtMost => value - threshold.value,
        Comparison::More | Comparison::AtLeast => threshold.value - value,
        Comparison::Equal => (value - threshold.value).abs(),
        Comparison::NotEqual => -(value - threshold.value).abs(),
    }
}

/// The value of the trial in which the threshold holds least.
fn fault(metric: &Metric, cell: &Cell, trials: &[Trial], threshold: &Threshold) -> Option<f64> {
    let values = trials.iter().filter(|trial| trial.cell == cell.index).filter_map(|trial| metric.of(cell, trial));
    values.max_by(|a, b| excess(threshold, *a).total_cmp(&excess(threshold, *b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use wirecost_model::scenario;

    fn judged(record: &wirecost_model::Record, texts: &[&str]) -> Vec<ThresholdResult> {
        let loaded = scenario::load(fixture::FIVE_ARMS).unwrap();
        let thresholds: Vec<Threshold> = texts.iter().map(|text| Threshold::parse(text, &loaded.scenario).unwrap()).collect();
        judge(&thresholds, &record.plan, &record.cells, &record.trials)
    }

    #[test]
    fn the_worst_cell_decides() {
        let record = fixture::run().record.clone();
        let results = judged(
            &record,
            &["websocket.delivery.p99 < 50ms", "delivery.p99 < 50ms", "lost == 0", "lost < 0", "lost <= 0", "delivery.p50 > 1ns"],
        );
        let holds: Vec<bool> = results.iter().map(|r| r.holds).collect();
        assert_eq!(holds, [true, false, true, false, true, true]);
        assert!(results[1].seen.ends_with("in short_poll"), "{}", results[1].seen);
        assert!(results[5].seen.ends_with("in websocket"), "{}", results[5].seen);
    }

    #[test]
    fn a_loss_in_a_void_trial_is_seen() {
        let record = fixture::run_with_a_void_trial().record.clone();
        let results = judged(&record, &["lost == 0", "missed_polls == 0"]);
        assert_eq!((results[0].holds, results[0].seen.as_str()), (false, "3 in websocket"));
        assert!(results[1].holds, "pollers missed nothing, and others do not poll");
    }

    #[test]
    fn what_was_not_measured_does_not_hold() {
        let record = fixture::run().record.clone();
        let results = judged(&record, &["delivery.p999 < 10s"]);
        assert_eq!((results[0].holds, results[0].seen.as_str()), (false, "not measured in short_poll"));
    }
}
