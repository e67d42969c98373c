//! `cells.csv`: one observation a row, so that any tool can group and plot without knowing this one.

use wirecost_model::Record;

use super::{exact, field};
use crate::load::Run;
use crate::stats::METRICS;

/// The header.
pub const HEADER: &str = "cell,arm,point,trial,block,void,metric,value";

/// Every metric of every trial, void ones included and marked. What was not measured has no row.
///
/// | column | meaning |
/// |---|---|
/// | `cell` | number of the cell in the plan |
/// | `arm` | name of the arm |
/// | `point` | the cell's place on the axes, `axis=value` separated by `;` |
/// | `trial`, `block` | number of the trial in the plan, and the pass over all cells that it belongs to |
/// | `void` | `true` if a gate has voided the trial |
/// | `metric`, `value` | name with unit, and value |
pub fn csv(run: &Run) -> String {
    format!("{HEADER}\n{}", rows(&run.record, ""))
}

/// The same of several runs, with a first column more: `record`, the scenario's name and when the run began.
pub fn csv_of_several(runs: &[Run]) -> String {
    let rows = runs.iter().map(|Run { record, .. }| {
        let of = format!("{} {}", record.name, record.provenance.started_utc);
        rows(record, &format!("{},", field(&of)))
    });
    format!("record,{HEADER}\n{}", rows.collect::<String>())
}

/// Every row, after what they all begin with.
fn rows(record: &Record, begin: &str) -> String {
    let mut out = String::new();
    for trial in &record.trials {
        let Some(cell) = record.plan.cells.get(trial.cell) else { continue };
        let point: Vec<String> = cell.point.iter().map(|(axis, value)| format!("{axis}={value}")).collect();
        let head = format!(
            "{begin}{},{},{},{},{},{}",
            cell.index,
            field(&cell.config.name),
            field(&point.join(";")),
            trial.index,
            trial.block,
            trial.is_void()
        );
        for metric in METRICS {
            if let Some(value) = metric.of(cell, trial) {
                out += &format!("{head},{},{}\n", metric.name, exact(value));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn one_observation_a_row() {
        let text = csv(fixture::run_over_axes());
        let head: Vec<&str> = text.lines().take(30).collect();
        insta::assert_snapshot!(head.join("\n"));
        assert!(text.lines().all(|line| line.split(',').count() == HEADER.split(',').count()));
    }

    #[test]
    fn several_runs_have_one_header_and_say_whose_a_row_is() {
        let (one, other) = (fixture::run().clone(), fixture::run_with_a_void_trial().clone());
        let lines = csv(&one).lines().count() + csv(&other).lines().count() - 1;
        let text = csv_of_several(&[one, other]);
        assert_eq!((text.lines().count(), text.matches(HEADER).count()), (lines, 1));
        assert!(text.lines().all(|line| line.split(',').count() == HEADER.split(',').count() + 1));
    }

    #[test]
    fn void_trials_are_there_and_marked() {
        let text = csv(fixture::run_with_a_void_trial());
        assert!(text.contains(",true,lost,3\n"), "the loss that voided the trial can be found");
    }
}
