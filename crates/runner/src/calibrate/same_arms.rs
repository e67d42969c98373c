//! Two arms that are the same must not come out as different. The statistics are the caller's, who has those of the report.

use super::bench::{Bench, Stop};
use super::{Finding, Rung};

/// Trials of each arm: the least for an interval.
const TRIALS: u32 = 6;

/// The rung.
pub(super) const SAME_ARMS: Rung =
    Rung { name: "same_arms", what: "verdicts over two arms that are the same (A/A)", timing: true, check };

fn check(bench: &mut Bench<'_>) -> Result<Finding, Stop> {
    const EXPECTED: &str = "no comparison says different";
    if !bench.is_full() {
        return Ok(Finding::not_measured(EXPECTED, format!("{TRIALS} trials of each arm take longer than the short form may")));
    }
    let yaml = format!(
        "name: same-arms\nquestion: Do they differ?\nworkload: {{ push: {{ rate: 200/s, arrivals: poisson }} }}\nclients: 5\n\
         trial: {{ warmup: 200ms, measure: 1s, drain: 1s }}\ntrials: {TRIALS}\n\
         arms: [{{ websocket: {{ name: one }} }}, {{ websocket: {{ name: the other }} }}]\n"
    );
    let (plan, trials) = bench.trials(&yaml)?;
    let (different, of) = bench.same_arms()(&plan, &trials);
    let seen = format!("{different} of {of} comparisons say different");
    Ok(Finding::judge(different == 0 && of > 0, EXPECTED, seen)
        .with("different", different as f64)
        .with("comparisons", of as f64))
}
