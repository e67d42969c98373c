//! Is time told rightly?

use wirecost_model::record::NEGATIVE_LATENCY;

use super::{Blame, Finding, Gate};
use crate::format::count;

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
    fn a_message_from_the_future_voids_the_trial() {
        assert_eq!(outcome(&NO_NEGATIVE_LATENCY, "sse", |_, _| ()), Passed);
        assert_eq!(
            outcome(&NO_NEGATIVE_LATENCY, "sse", |_, t| *t.errors.entry(NEGATIVE_LATENCY.into()).or_default() += 1),
            Failed
        );
    }
}
