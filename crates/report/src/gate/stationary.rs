//! Was the measured window the same from end to end? A number for a window that changes under way is an average of two states,
//! and depends on how long one looked: a queue that builds up, a server that leaks.

use wirecost_model::record::{ProcessCost, Trial};
use wirecost_model::scenario::Workload;
use wirecost_model::stationarity::Half;
use wirecost_model::units::Span;
use wirecost_model::{Cell, Faults};

use super::{Blame, Finding, Gate};
use crate::format::{bytes, duration, number};

/// How many times the median of one half may be that of the other. A queue that grows steadily from nothing makes it three
/// times; what a busy machine did to quiet arms was up to 1.4 times in records of ours.
const MEDIAN_RATIO: f64 = 2.0;
/// Medians that are no further apart than this are never told apart, ns: a busy neighbour moves fast arms so far.
const MEDIAN_FLOOR_NS: u64 = 500_000;
/// Growth of a process that is always allowed over the window, bytes.
const GROWTH_FLOOR_BYTES: f64 = 32.0 * 1024.0 * 1024.0;
/// The same as a share of its size at the beginning of the window.
const GROWTH_SHARE: f64 = 0.5;

/// Below this a window has one interval.
const LEAST_WINDOW: Span = Span::ms(2000);

/// Delivery is no slower at the end of the window than at its beginning.
pub const LATENCY: Gate = Gate {
    name: "stationary_latency",
    blame: Blame::Measured,
    what: "median delivery in one half of the window is no more than twice that in the other, beyond 500 µs and chance",
    check: |cell, trial| {
        if let Some(why) = changes_on_purpose(cell) {
            return Finding::not_measured(why);
        }
        match (&trial.halves, &cell.workload) {
            (Some(halves), _) => medians(halves),
            (None, Workload::Idle(_)) => Finding::not_measured("nothing is sent in an idle workload"),
            (None, Workload::Upload(_)) => Finding::not_measured("the server keeps what clients send in one interval"),
            (None, _) if cell.timing.measure < LEAST_WINDOW => Finding::not_measured("a window below two seconds is not cut"),
            (None, _) => Finding::not_measured("a half has no deliveries, or the record is older than this gate"),
        }
    },
};

/// Memory does not run away.
pub const MEMORY: Gate = Gate {
    name: "stationary_memory",
    blame: Blame::Measured,
    what: "neither process grew over the window by more than half its size or 32 MiB, whichever is more, beside what was sent",
    check: memory,
};

/// Why the window is not meant to be the same from end to end.
fn changes_on_purpose(cell: &Cell) -> Option<&'static str> {
    if matches!(cell.workload, Workload::Reconnect(_)) {
        Some("connections are cut off in the window: it is meant to change")
    } else if cell.faults != Faults::default() {
        Some("faults are injected: what they do is looked at, not judged")
    } else if cell.workload.is_ramp() {
        Some("the rate is a ramp: the window is meant to change")
    } else {
        None
    }
}

fn medians([first, last]: &[Half; 2]) -> Finding {
    let (low, high) = if first.p50_ns <= last.p50_ns { (first, last) } else { (last, first) };
    let ratio = high.p50_ns as f64 / low.p50_ns.max(1) as f64;
    let apart = high.p50_ns - low.p50_ns > MEDIAN_FLOOR_NS && low.interval_ns[1] < high.interval_ns[0];
    Finding::judge(
        ratio <= MEDIAN_RATIO || !apart,
        format!(
            "p50 {} in the first half and {} in the last ({}–{} and {}–{} by chance), {}× apart, {}× is allowed",
            duration(first.p50_ns as f64),
            duration(last.p50_ns as f64),
            duration(first.interval_ns[0] as f64),
            duration(first.interval_ns[1] as f64),
            duration(last.interval_ns[0] as f64),
            duration(last.interval_ns[1] as f64),
            number(ratio),
            number(MEDIAN_RATIO)
        ),
        "lower the rate until no queue builds up, or warm up for longer",
    )
}

fn memory(cell: &Cell, trial: &Trial) -> Finding {
    if let Some(why) = changes_on_purpose(cell) {
        return Finding::not_measured(why);
    }
    // What is sent may be kept: the hub has rings, and a server of another kind may have a history. Each message once.
    let payload = cell.workload.payload().map_or(0.0, |size| size.0 as f64);
    let kept = trial.sent_messages as f64 * payload;
    let look = |name: &str, cost: &ProcessCost| {
        let before = cost.rss_window_bytes? as f64;
        let allowed = GROWTH_FLOOR_BYTES.max(before * GROWTH_SHARE) + kept;
        let grown = (cost.rss_bytes as f64 - before).max(0.0);
        let text = format!("{name} {} and grew by {}, {} allowed", bytes(before), bytes(grown), bytes(allowed));
        Some((grown <= allowed, text))
    };
    let looks: Vec<(bool, String)> =
        [look("server", &trial.server), look("load generator", &trial.client)].into_iter().flatten().collect();
    if looks.is_empty() {
        return Finding::not_measured(
            "memory at the beginning of the window was not read, or the record is older than this gate",
        );
    }
    Finding::judge(
        looks.iter().all(|(holds, _)| *holds),
        looks.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("; "),
        "see what the process keeps: queues of clients that are too slow, or a leak; or warm up for longer",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::tests::{finding, outcome};
    use wirecost_model::record::GateOutcome::{Failed, NotMeasured, Passed};

    const MS: u64 = 1_000_000;

    fn half(p50_ns: u64, spread_ns: u64) -> Half {
        Half { count: 1000, p50_ns, interval_ns: [p50_ns - spread_ns, p50_ns + spread_ns] }
    }

    fn of(first: Half, last: Half) -> Finding {
        finding(&LATENCY, "websocket", |_, t| t.halves = Some([first, last]))
    }

    #[test]
    fn a_queue_that_builds_up_voids_the_trial() {
        assert_eq!(outcome(&LATENCY, "websocket", |_, _| ()), Passed);
        assert_eq!(outcome(&LATENCY, "short_poll", |_, _| ()), Passed);
        let seen = of(half(2 * MS, MS / 10), half(5 * MS, MS / 10));
        assert_eq!(seen.outcome, Failed);
        assert!(seen.seen.starts_with("p50 2.00 ms in the first half and 5.00 ms in the last ("), "{}", seen.seen);
        // And one that was there and went away.
        assert_eq!(of(half(5 * MS, MS / 10), half(2 * MS, MS / 10)).outcome, Failed);
    }

    #[test]
    fn noise_does_not() {
        // Not far enough apart, as a ratio or in time, or not beyond chance.
        assert_eq!(of(half(20 * MS, MS / 10), half(39 * MS, MS / 10)).outcome, Passed);
        assert_eq!(of(half(100_000, 1_000), half(590_000, 1_000)).outcome, Passed);
        assert_eq!(of(half(2 * MS, 2 * MS), half(5 * MS, 2 * MS)).outcome, Passed);
    }

    #[test]
    fn a_leak_voids_the_trial_and_what_was_sent_may_be_kept() {
        assert_eq!(outcome(&MEMORY, "websocket", |_, _| ()), Passed);
        let grown = |mib: u64| finding(&MEMORY, "websocket", |_, t| t.server.rss_bytes += mib << 20);
        assert_eq!((grown(31).outcome, grown(33).outcome), (Passed, Failed));
        assert_eq!(outcome(&MEMORY, "websocket", |_, t| t.client.rss_bytes += 33 << 20), Failed);
        // A large one may grow by half its size.
        let large = |mib: u64| {
            outcome(&MEMORY, "websocket", |_, t| {
                t.server.rss_window_bytes = Some(200 << 20);
                t.server.rss_bytes = (200 + mib) << 20;
            })
        };
        assert_eq!((large(99), large(101)), (Passed, Failed));
        // 128 bytes each.
        assert_eq!(
            outcome(&MEMORY, "websocket", |_, t| {
                t.server.rss_bytes += 50 << 20;
                t.sent_messages = 200_000;
            }),
            Passed
        );
        // Getting smaller is no fault.
        assert_eq!(outcome(&MEMORY, "websocket", |_, t| t.server.rss_bytes = 1), Passed);
    }

    #[test]
    fn what_is_meant_to_change_is_not_judged_and_says_why() {
        type Change = fn(&mut Cell);
        let ramp: Change =
            |c| c.workload = serde_json::from_str(r#"{ "push": { "rate": { "from": "1/s", "to": "9/s" } } }"#).unwrap();
        let cut: Change = |c| c.workload = serde_json::from_str(r#"{ "reconnect": { "rate": "5/s" } }"#).unwrap();
        let faults: Change = |c| c.faults.lose = Some(5);
        for (change, why) in [(ramp, "ramp"), (cut, "cut off"), (faults, "faults")] {
            for gate in [&LATENCY, &MEMORY] {
                let seen = finding(gate, "websocket", |c, t| {
                    change(c);
                    t.halves = Some([half(MS, 1), half(9 * MS, 1)]);
                    t.server.rss_bytes += 1 << 30;
                });
                assert_eq!(seen.outcome, NotMeasured);
                assert!(seen.seen.contains(why), "{}", seen.seen);
            }
        }
        assert_eq!(outcome(&LATENCY, "websocket", |_, t| t.halves = None), NotMeasured);
        let old = |_: &mut Cell, t: &mut Trial| (t.server.rss_window_bytes, t.client.rss_window_bytes) = (None, None);
        assert_eq!(outcome(&MEMORY, "websocket", old), NotMeasured);
    }
}
