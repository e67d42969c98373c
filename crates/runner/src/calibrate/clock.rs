//! What a reading of the clock costs: every stamp has at least this in it.

use wirecost_probe::clock::now_ns;

use super::bench::{Bench, Stop};
use super::{Finding, Rung, time};

/// A clock that costs more is not answered in user space, and is the wrong one to measure microseconds with.
const MOST_NS: f64 = 1_000.0;

/// Readings in a row.
const READINGS: u32 = 100_000;

/// The rung.
pub(super) const CLOCK_COST: Rung = Rung { name: "clock_cost", what: "a reading of CLOCK_MONOTONIC", timing: true, check };

fn check(_: &mut Bench<'_>) -> Result<Finding, Stop> {
    let begun = now_ns();
    let (mut last, mut smallest_step_ns) = (begun, u64::MAX);
    for _ in 0..READINGS {
        let now = now_ns();
        if now > last {
            smallest_step_ns = smallest_step_ns.min(now - last);
        }
        last = now;
    }
    let cost_ns = (last - begun) as f64 / f64::from(READINGS);
    let seen = format!("{} a reading, smallest step {}", time(cost_ns), time(smallest_step_ns as f64));
    let finding = Finding::judge(cost_ns <= MOST_NS, format!("at most {}", time(MOST_NS)), seen);
    Ok(finding.with("cost_ns", cost_ns).with("smallest_step_ns", smallest_step_ns as f64))
}
