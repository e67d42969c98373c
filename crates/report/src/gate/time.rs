//! Is time told rightly?

use wirecost_model::Phase;
use wirecost_model::record::NEGATIVE_LATENCY;

use super::{Blame, Finding, Gate};
use crate::format::{count, duration};

/// How much longer or shorter than the window the time between the readings at its ends may be, as a share of it.
const WINDOW_TOLERANCE: f64 = 0.02;

/// What it may be in any case, ns: a reading that waits for a core for that long is nothing special.
const WINDOW_FLOOR_NS: f64 = 100e6;

/// Bytes and CPU time are those of the window that messages are counted in.
pub const WINDOW: Gate = Gate {
    name: "window",
    blame: Blame::Machine,
    what: "the counters at both ends of the window were read as far apart as it is long, within 2 % or 100 ms, whichever is more",
    check: |cell, trial| {
        let (asked_ns, read_ns) = (cell.timing.measure.ns() as f64, trial.ledger.duration_ns(Phase::Steady) as f64);
        Finding::judge(
            (read_ns - asked_ns).abs() <= (WINDOW_TOLERANCE * asked_ns).max(WINDOW_FLOOR_NS),
            format!("{} between the readings, {} asked for", duration(read_ns), duration(asked_ns)),
            "leave the load generator a core of its own; fewer clients, or a higher limit on files, so that fewer processes are asked",
        )
    },
};

/// No message arrives before it is sent.
pub const NO_NEGATIVE_LATENCY: Gate = Gate {
    name: "negative_latency",
    blame: Blame::Measured,
    what: "no message was received before it was sent",
    check: |_, trial| {
        // Histograms begin at 1 ns and cannot show it; the recorder counts it as an error.
        let number: u64 = trial.errors.iter().filter(|(text, _)| text.contains(NEGATIVE_LATENCY)).map(|(_, n)| *n).sum();
        Finding::judge(
            number == 0,
            format!("{} received before they were sent, 0 are allowed", count(number)),
            "both ends must read the same clock: CLOCK_MONOTONIC of one host, without a time namespace",
        )
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::tests::outcome;
    use wirecost_model::record::GateOutcome::{Failed, Passed};

    #[test]
    fn counters_that_were_read_late_void_the_trial() {
        let with = |off_ns: i64| {
            outcome(&WINDOW, "sse", |cell, trial| {
                let steady = trial.ledger.phases.iter_mut().find(|phase| phase.phase == Phase::Steady).expect("a window");
                steady.duration_ns = cell.timing.measure.ns().saturating_add_signed(off_ns);
            })
        };
        assert_eq!([0, 99_000_000, -99_000_000].map(with), [Passed; 3]);
        assert_eq!([1_000_000_000, -1_000_000_000].map(with), [Failed; 2]);
    }

    #[test]
    fn a_message_from_the_future_voids_the_trial() {
        assert_eq!(outcome(&NO_NEGATIVE_LATENCY, "sse", |_, _| ()), Passed);
        assert_eq!(
            outcome(&NO_NEGATIVE_LATENCY, "sse", |_, t| *t.errors.entry(NEGATIVE_LATENCY.into()).or_default() += 1),
            Failed
        );
    }
}
