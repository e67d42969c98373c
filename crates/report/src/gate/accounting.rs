//! Is every message, every client and every error accounted for?

use super::{Blame, Finding, Gate};
use crate::format::{count, plural};
use wirecost_model::record::NEGATIVE_LATENCY;

/// None of these deliveries may be.
fn none(number: u64, what: &str, advice: &str) -> Finding {
    Finding::judge(number == 0, format!("{} {what}, 0 are allowed", count(number)), advice)
}

/// Every expected delivery came or is known to be lost.
pub const ACCOUNTED: Gate = Gate {
    name: "accounted",
    blame: Blame::Measured,
    what: "every expected delivery either arrived or is counted as lost",
    check: |_, trial| {
        let all = trial.both_ways();
        Finding::judge(
            all.delivered + all.lost == all.expected,
            format!("{} delivered + {} lost of {} expected", count(all.delivered), count(all.lost), count(all.expected)),
            "this is a fault of the measurement, not of the server: please report it with the record",
        )
    },
};

/// Nothing is lost.
pub const LOST: Gate = Gate {
    name: "lost",
    blame: Blame::Measured,
    what: "no expected delivery failed to arrive",
    check: |_, trial| {
        let all = trial.both_ways();
        // Of what its client was cut off from on purpose, losing it is what is looked at.
        let missed = trial.recovery.map_or(0, |recovery| recovery.missed);
        none(
            all.lost.saturating_sub(missed),
            "lost",
            "lengthen the drain, lower the rate, or see whether the server's ring was overrun",
        )
    },
};

/// Nothing comes twice.
pub const DUPLICATED: Gate = Gate {
    name: "duplicated",
    blame: Blame::Measured,
    what: "no delivery arrived twice",
    check: |_, trial| {
        none(trial.both_ways().duplicated, "duplicated", "the server answers from a cursor that it does not advance")
    },
};

/// Nothing comes out of order.
pub const REORDERED: Gate = Gate {
    name: "reordered",
    blame: Blame::Measured,
    what: "no delivery arrived after a later one of its stream",
    check: |_, trial| none(trial.both_ways().reordered, "reordered", "the server sends one stream from more than one place"),
};

/// Nothing is damaged.
pub const CORRUPTED: Gate = Gate {
    name: "corrupted",
    blame: Blame::Measured,
    what: "no delivery had a wrong checksum or no envelope",
    check: |_, trial| none(trial.both_ways().corrupted, "corrupted", "compare what the server was given with what it sent"),
};

/// All clients are there to the end.
pub const CLIENTS_HELD: Gate = Gate {
    name: "clients_held",
    blame: Blame::Measured,
    what: "all requested clients were connected when the clock started and still at the end",
    check: |_, trial| {
        Finding::judge(
            trial.clients_held == trial.clients_requested && trial.clients_requested > 0,
            format!("{} of {} held", count(u64::from(trial.clients_held)), plural(u64::from(trial.clients_requested), "client")),
            "look at the limits on file descriptors, the listen backlog and the server's own limits",
        )
    },
};

/// No session is lost but by a connection that was cut off.
pub const INTERRUPTED: Gate = Gate {
    name: "interrupted",
    blame: Blame::Measured,
    what: "where connections are cut off on purpose, no more sessions were interrupted than connections cut",
    check: |_, trial| {
        let Some(recovery) = trial.recovery else {
            return Finding::not_measured("no connection was to be cut off in this workload");
        };
        // Around the cut a lost session is no error of its client, so only the number tells that others were lost too.
        Finding::judge(
            recovery.interrupted <= recovery.cut_connections,
            format!(
                "{} interrupted, {} cut off",
                plural(recovery.interrupted, "session"),
                plural(recovery.cut_connections, "connection")
            ),
            "the server ended connections that it had no order to cut: look at its limits and at what it logs around the cut",
        )
    },
};

/// No client met an error.
pub const ERRORS: Gate = Gate {
    name: "errors",
    blame: Blame::Measured,
    what: "no client met an error",
    check: |_, trial| {
        // Negative latencies have a gate of their own; one fault should have one name.
        let mut errors: Vec<(&String, &u64)> = trial.errors.iter().filter(|(text, _)| !text.contains(NEGATIVE_LATENCY)).collect();
        errors.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
        let total: u64 = errors.iter().map(|(_, n)| **n).sum();
        let first = errors.first().map(|(text, n)| format!(", most often ({}×) \"{text}\"", count(**n))).unwrap_or_default();
        Finding::judge(total == 0, format!("{}{first}", plural(total, "error")), "the texts of all errors are in record.json")
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::tests::{finding, outcome};
    use wirecost_model::record::GateOutcome::{Failed, NotMeasured, Passed};
    use wirecost_model::{Accounting, Recovery};

    #[test]
    fn each_kind_of_damage_trips_its_own_gate() {
        type Damage = fn(&mut Accounting);
        let changes: [(&Gate, Damage); 5] = [
            (&LOST, |a| a.lost = 1),
            (&DUPLICATED, |a| a.duplicated = 1),
            (&REORDERED, |a| a.reordered = 1),
            (&CORRUPTED, |a| a.corrupted = 1),
            (&ACCOUNTED, |a| a.delivered -= 1),
        ];
        for (gate, change) in changes {
            assert_eq!(outcome(gate, "sse", |_, _| ()), Passed, "{}", gate.name);
            assert_eq!(outcome(gate, "sse", |_, t| change(&mut t.accounting)), Failed, "{}", gate.name);
        }
    }

    #[test]
    fn the_other_direction_counts_too() {
        let lost = Accounting { expected: 5, delivered: 4, lost: 1, ..Accounting::default() };
        assert_eq!(outcome(&LOST, "sse", |_, t| t.upload_accounting = Some(lost)), Failed);
        assert_eq!(outcome(&ACCOUNTED, "sse", |_, t| t.upload_accounting = Some(lost)), Passed);
    }

    #[test]
    fn a_session_that_no_cut_connection_excuses_voids_the_trial() {
        let after = |cut_connections, interrupted| {
            finding(&INTERRUPTED, "sse", |_, t| {
                t.recovery = Some(Recovery { cut_connections, interrupted, ..Recovery::default() });
            })
        };
        // A poller between two polls does not notice the cut.
        assert_eq!((after(25, 25).outcome, after(25, 3).outcome), (Passed, Passed));
        let seen = after(1, 2);
        assert_eq!((seen.outcome, seen.seen.as_str()), (Failed, "2 sessions interrupted, 1 connection cut off"));
        assert_eq!(outcome(&INTERRUPTED, "sse", |_, _| ()), NotMeasured);
    }

    #[test]
    fn clients_and_errors() {
        assert_eq!(outcome(&CLIENTS_HELD, "sse", |_, _| ()), Passed);
        assert_eq!(outcome(&CLIENTS_HELD, "sse", |_, t| t.clients_held -= 1), Failed);
        assert_eq!(outcome(&ERRORS, "sse", |_, _| ()), Passed);
        assert_eq!(outcome(&ERRORS, "sse", |_, t| *t.errors.entry(NEGATIVE_LATENCY.into()).or_default() += 3), Passed);
        let seen = finding(&ERRORS, "sse", |_, t| {
            t.errors.insert("connection reset".into(), 3);
            t.errors.insert("timeout".into(), 1);
        });
        assert_eq!((seen.outcome, seen.seen.as_str()), (Failed, "4 errors, most often (3×) \"connection reset\""));
    }
}
