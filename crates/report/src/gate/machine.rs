//! Did the machine leave the trial alone?

use super::{Blame, Finding, Gate};
use crate::format::{percent_beside, plural};

/// Share of CPU time that the hypervisor may take away.
const STEAL_LIMIT: f64 = 0.01;

/// The hypervisor takes next to nothing.
pub const STEAL: Gate = Gate {
    name: "steal",
    blame: Blame::Machine,
    what: "the hypervisor took no more than 1 % of CPU time",
    check: |_, trial| {
        let share = trial.machine.steal_fraction;
        Finding::judge(
            share.is_finite() && share <= STEAL_LIMIT,
            format!("{} stolen, 1 % is allowed", percent_beside(share, STEAL_LIMIT)),
            "run again when the host is quieter, or on a machine of your own",
        )
    },
};

/// Nothing is swapped.
pub const SWAP: Gate = Gate {
    name: "swap",
    blame: Blame::Machine,
    what: "no page was swapped in or out",
    check: |_, trial| {
        let pages = trial.machine.swapped_pages;
        Finding::judge(
            pages == 0,
            format!("{} swapped, 0 are allowed", plural(pages, "page")),
            "free memory or use fewer clients",
        )
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::tests::outcome;
    use wirecost_model::record::GateOutcome::{Failed, Passed};

    #[test]
    fn a_restless_machine_voids_the_trial() {
        assert_eq!(outcome(&STEAL, "sse", |_, t| t.machine.steal_fraction = 0.01), Passed);
        assert_eq!(outcome(&STEAL, "sse", |_, t| t.machine.steal_fraction = 0.02), Failed);
        assert_eq!(outcome(&STEAL, "sse", |_, t| t.machine.steal_fraction = f64::NAN), Failed);
        assert_eq!(outcome(&SWAP, "sse", |_, _| ()), Passed);
        assert_eq!(outcome(&SWAP, "sse", |_, t| t.machine.swapped_pages = 1), Failed);
    }
}
