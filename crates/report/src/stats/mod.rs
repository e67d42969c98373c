//! What the numbers are and what may be said of them.
//!
//! The unit is the trial, not the message: each trial gives one value of each metric, a cell's estimate is the median over
//! its trials, and two cells are compared by the ratios of trials of the same block, which ran close together and under the
//! same arrivals. Void trials are counted and feed nothing.
//!
//! | file | what it decides |
//! |---|---|
//! | `metric` | what is computed from a trial, by name |
//! | `estimate` | a median over trials with its interval |
//! | `ratio` | a ratio of two cells with its interval, and the verdict |
//! | `kolmogorov` | how far a distribution is from a law |
//! | `slope` | what one more costs: a straight line through trials |
//! | `ranking` | which cells lead a group, and which cannot be told from the leader |
//! | `twins` | whether arms that were run twice can be told from themselves |
//! | `threshold` | whether a scenario's conditions hold |

pub mod estimate;
pub mod kolmogorov;
pub mod metric;
pub mod ranking;
pub mod ratio;
pub mod slope;
pub mod student;
pub mod threshold;
pub mod twins;

use wirecost_model::record::{CellSummary, Comparison, Trial};
use wirecost_model::{Accounting, Cell, Plan};

pub use metric::{METRICS, Metric};

/// The trials of a cell that count, in the order of blocks.
pub fn counting(cell: usize, trials: &[Trial]) -> Vec<&Trial> {
    let mut own: Vec<&Trial> = trials.iter().filter(|trial| trial.cell == cell && !trial.is_void()).collect();
    own.sort_by_key(|trial| (trial.block, trial.index));
    own
}

/// The estimates of every cell of the plan, in its order. A cell without trials that count has no metrics.
pub fn summarise(plan: &Plan, trials: &[Trial]) -> Vec<CellSummary> {
    plan.cells
        .iter()
        .map(|cell| {
            let good = counting(cell.index, trials);
            let metrics = METRICS
                .iter()
                .filter_map(|metric| {
                    let values: Vec<f64> = good.iter().filter_map(|trial| metric.of(cell, trial)).collect();
                    Some((metric.name.to_string(), estimate::of(values)?))
                })
                .collect();
            let mut accounting = Accounting::default();
            let all = trials.iter().filter(|trial| trial.cell == cell.index);
            all.clone().for_each(|trial| accounting.merge(&trial.both_ways()));
            CellSummary {
                cell: cell.index,
                label: cell.label(),
                trials: good.len() as u32,
                void_trials: (all.count() - good.len()) as u32,
                metrics,
                accounting,
            }
        })
        .collect()
}

/// The baseline's cell that a cell is compared to: at the same values of all axes that both have, and of several such the
/// first. `None` for cells of the baseline itself.
pub fn baseline_of<'a>(plan: &'a Plan, cell: &Cell) -> Option<&'a Cell> {
    if cell.config.name == plan.baseline {
        return None;
    }
    plan.cells
        .iter()
        .filter(|other| other.config.name == plan.baseline)
        .find(|other| other.point.iter().all(|(axis, value)| cell.point.get(axis).is_none_or(|own| own == value)))
}

/// Every main metric of every cell against the baseline's cell at the same point, with Holm's correction over the pairs of
/// one metric. Pairs in which a value is 0 or was not measured have no ratio and are left out.
pub fn compare(plan: &Plan, cells: &[CellSummary], trials: &[Trial]) -> Vec<Comparison> {
    let pairs: Vec<(&Cell, &Cell)> = cells
        .iter()
        .filter_map(|summary| plan.cells.get(summary.cell))
        .filter(|cell| cell.config.twin_of.is_none())
        .filter_map(|cell| Some((cell, baseline_of(plan, cell)?)))
        .collect();
    compare_pairs(plan, trials, &pairs)
}

/// Each cell of the pairs with its partner, by every main metric.
fn compare_pairs(plan: &Plan, trials: &[Trial], pairs: &[(&Cell, &Cell)]) -> Vec<Comparison> {
    let mut all = Vec::new();
    for metric in METRICS.iter().filter(|metric| metric.main) {
        let pairs: Vec<(usize, usize, ratio::Ratio)> = pairs
            .iter()
            .filter_map(|(cell, other)| Some((cell.index, other.index, ratio::between(plan, trials, metric, cell, other)?)))
            .collect();
        let ratios: Vec<&ratio::Ratio> = pairs.iter().map(|(_, _, ratio)| ratio).collect();
        let verdicts = ratio::verdicts(&ratios);
        all.extend(pairs.iter().zip(verdicts).map(|((cell, baseline, ratio), verdict)| Comparison {
            cell: *cell,
            baseline: *baseline,
            metric: metric.name.into(),
            ratio: ratio.ratio,
            interval: ratio.interval,
            verdict,
        }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use wirecost_model::record::{GateOutcome, GateResult, Verdict};

    #[test]
    fn every_cell_has_a_summary_and_void_trials_feed_nothing() {
        let mut record = fixture::run().record.clone();
        let position = record.trials.iter().position(|trial| trial.cell == 4).unwrap();
        let gate = GateResult { gate: "lost".into(), outcome: GateOutcome::Failed, seen: "3".into(), advice: String::new() };
        record.trials[position].gates.push(gate);
        let cells = summarise(&record.plan, &record.trials);
        assert_eq!(cells.len(), record.plan.cells.len());
        assert_eq!((cells[4].trials, cells[4].void_trials), (5, 1));
        let estimate = &cells[4].metrics["delivery_p50_ns"];
        assert_eq!((estimate.values.len(), estimate.interval), (5, None));
        assert_eq!(cells[0].metrics["delivery_p50_ns"].values.len(), 6);
        // The baseline has six trials, the voided arm five: five pairs bear no interval, so nothing is concluded.
        let comparisons = compare(&record.plan, &cells, &record.trials);
        let of_four: Vec<_> = comparisons.iter().filter(|c| c.cell == 4).collect();
        assert!(!of_four.is_empty() && of_four.iter().all(|c| c.interval.is_none() && c.verdict == Verdict::Inconclusive));
    }

    #[test]
    fn the_baseline_is_met_at_the_same_point() {
        let record = fixture::run_over_axes().record.clone();
        for cell in &record.plan.cells {
            match baseline_of(&record.plan, cell) {
                None => assert_eq!(cell.config.name, "websocket"),
                Some(baseline) => {
                    assert_eq!(baseline.clients, cell.clients);
                    assert_eq!(baseline.workload, cell.workload);
                    // The interval concerns short_poll alone.
                    assert!(!baseline.point.contains_key("interval"));
                }
            }
        }
    }

    #[test]
    fn what_is_plainly_different_is_called_so() {
        let record = fixture::run().record.clone();
        let comparison = |cell: usize, metric: &str| {
            record
                .comparisons
                .iter()
                .find(|c| c.cell == cell && c.metric == metric)
                .unwrap_or_else(|| panic!("{metric} of {cell}"))
        };
        let websocket = comparison(4, "delivery_p50_ns");
        assert_eq!(websocket.verdict, Verdict::Different);
        assert!(websocket.ratio < 0.01);
        // A WebSocket sends no requests once it is up: 0 has no ratio.
        assert!(record.comparisons.iter().all(|c| c.cell != 4 || c.metric != "requests_per_message"));
        assert!(comparison(1, "requests_per_message").ratio > 1.0);
    }
}
