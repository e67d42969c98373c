//! Was the load what the plan asks for? Rate, lateness of the sender, missed starts, and a load generator that has room left.

use wirecost_model::record::Trial;
use wirecost_model::scenario::Workload;
use wirecost_model::schedule::Arrivals;
use wirecost_model::{Cell, Phase};

use super::{Blame, Finding, Gate};
use crate::format::{count, duration, percent, percent_beside};
use crate::load::DELIVERY;

/// How far the sent messages may be from the planned ones.
const RATE_TOLERANCE: f64 = 0.01;
/// Lateness that is always allowed to the publisher, ns: about what a timer costs. It has a thread of its own.
pub(super) const PUBLISH_LAG_FLOOR_NS: f64 = 100_000.0;
/// Lateness that is always allowed to the load generator's pacer, ns. It shares its thread with the clients that it paces: a
/// message that arrives for ten of them at once is ahead of it in the queue. Nothing hides in that, because `delivery` counts
/// from the due time: the lateness is in it.
pub(super) const PACER_LAG_FLOOR_NS: f64 = 500_000.0;
/// Lateness that is allowed as a share of the median delivery.
const LAG_SHARE: f64 = 0.05;
/// Share of polls or ticks that may be missed.
const MISSED_LIMIT: f64 = 0.01;
/// Share of a core that the load generator may use, all its threads together: with one thread, which is the rule, its limit is
/// one core.
const CLIENT_CPU_LIMIT: f64 = 0.70;

/// The achieved rate is the planned one.
pub const OFFERED_RATE: Gate = Gate {
    name: "offered_rate",
    blame: Blame::Sender,
    what: "messages sent are within 1 % of those that the plan has due",
    check: offered_rate,
};

fn offered_rate(cell: &Cell, trial: &Trial) -> Finding {
    if trial.closed_loop || matches!(cell.workload, Workload::Echo(_)) {
        return Finding::not_measured("closed loop: the rate is a result, not a demand");
    }
    if matches!(cell.workload, Workload::Idle(_)) {
        return Finding::not_measured("nothing is sent in an idle workload");
    }
    if trial.planned_messages == 0 {
        return Finding::failed("the plan has no message due in the measured window", "measure longer or raise the rate");
    }
    let off = trial.sent_messages as f64 / trial.planned_messages as f64 - 1.0;
    Finding::judge(
        off.abs() <= RATE_TOLERANCE,
        format!("{} sent of {} planned, at most 1 % off is allowed", count(trial.sent_messages), count(trial.planned_messages)),
        "lower the rate or the number of clients until the sender keeps up, or give it a core of its own",
    )
}

/// The server's publisher is on time.
pub const PUBLISH_LAG: Gate = Gate {
    name: "publish_lag",
    blame: Blame::Sender,
    what: "the publisher's lateness at p99 is below 100 µs (towards a target 500 µs) or 5 % of the median delivery, whichever is more",
    check: |cell, trial| match cell.workload {
        // Then it is the load generator that publishes, on a core that it shares with its clients.
        Workload::Push(_) if cell.config.target.is_some() => lag(trial, "publish_lag", PACER_LAG_FLOOR_NS),
        Workload::Push(_) | Workload::Duplex(_) | Workload::Reconnect(_) => lag(trial, "publish_lag", PUBLISH_LAG_FLOOR_NS),
        Workload::Echo(_) | Workload::Upload(_) | Workload::Chat(_) | Workload::Idle(_) => {
            Finding::not_measured("the server does not publish in this workload")
        }
    },
};

/// The load generator's pacer is on time.
pub const PACER_LAG: Gate = Gate {
    name: "pacer_lag",
    blame: Blame::Pacer,
    what: "the load generator's lateness at p99 is below 500 µs or 5 % of the median delivery, whichever is more",
    check: |cell, trial| match cell.workload {
        Workload::Upload(_) | Workload::Duplex(_) | Workload::Chat(_) => lag(trial, "pacer_lag", PACER_LAG_FLOOR_NS),
        Workload::Push(_) | Workload::Echo(_) | Workload::Reconnect(_) | Workload::Idle(_) => {
            Finding::not_measured("the load generator does not pace messages in this workload")
        }
    },
};

/// Judged at p99 where 1,000 samples bear it, else at the highest percentile that they do bear.
fn lag(trial: &Trial, tag: &str, floor_ns: f64) -> Finding {
    let Some(latency) = trial.latencies.get(tag) else {
        return Finding::failed(
            format!("no `{tag}` was recorded, so nobody knows whether messages left on time"),
            "see whether anything was sent: measure longer or raise the rate if not, else please report it with the record",
        );
    };
    let Some(quantile) = latency.quantiles.iter().filter(|v| v.q <= 0.99 && v.q >= 0.5).max_by(|a, b| a.q.total_cmp(&b.q)) else {
        return Finding::not_measured(format!("{} samples bear no percentile", latency.count));
    };
    let delivery = trial.latencies.get(DELIVERY).and_then(|delivery| delivery.quantile(0.5));
    let allowed = floor_ns.max(LAG_SHARE * delivery.unwrap_or(0) as f64);
    let least = if quantile.q < 0.99 { format!(" ({} samples bear no p99)", count(latency.count)) } else { String::new() };
    Finding::judge(
        (quantile.value_ns as f64) < allowed,
        format!(
            "p{} {} late, less than {} is allowed{least}",
            quantile.q * 100.0,
            duration(quantile.value_ns as f64),
            duration(allowed)
        ),
        "free the machine of other work, pin the server to a core of its own, or lower the rate",
    )
}

/// A periodic sender is done before its next due time.
pub const MISSED_TICKS: Gate = Gate {
    name: "missed_ticks",
    blame: Blame::Sender,
    what: "a periodic sender was busy with the message before at no more than 1 % of due times",
    check: missed_ticks,
};

fn missed_ticks(cell: &Cell, trial: &Trial) -> Finding {
    let Some(arrivals) = cell.workload.arrivals() else { return Finding::not_measured("this workload has no due times") };
    if *arrivals != Arrivals::Periodic {
        // Two due times of a Poisson stream, and all of a burst, may lie closer together than one message takes.
        return Finding::not_measured(format!(
            "{} due times met a busy sender; arrivals lie irregularly, so this is told and not judged",
            count(trial.missed_ticks)
        ));
    }
    let due_times = due_times(cell, trial);
    let share = trial.missed_ticks as f64 / due_times.max(1) as f64;
    Finding::judge(
        share <= MISSED_LIMIT,
        format!(
            "{} of {} due times missed ({}), 1 % is allowed",
            count(trial.missed_ticks),
            count(due_times),
            percent_beside(share, MISSED_LIMIT)
        ),
        "lower the rate: one message takes longer to send than the time to the next",
    )
}

/// Due times of whoever may miss one. In `duplex` both ends do, and the plan's number is that of the server's messages alone: of
/// the clients' the record has those that were sent. What they did not send is among the lost, which voids the trial anyway.
fn due_times(cell: &Cell, trial: &Trial) -> u64 {
    let is_duplex = matches!(cell.workload, Workload::Duplex(_));
    let clients = trial.departures.get("clients").filter(|_| is_duplex).map_or(0, |seen| seen.messages);
    trial.planned_messages + clients
}

/// A poller keeps its interval.
pub const MISSED_POLLS: Gate = Gate {
    name: "missed_polls",
    blame: Blame::Measured,
    what: "no more than 1 % of planned polls were skipped because the poll before had no answer yet",
    check: |_, trial| {
        if trial.planned_polls == 0 {
            return Finding::not_measured("does not poll at an interval");
        }
        let share = trial.missed_polls as f64 / trial.planned_polls as f64;
        Finding::judge(
            share <= MISSED_LIMIT,
            format!(
                "{} of {} polls missed ({}), 1 % is allowed",
                count(trial.missed_polls),
                count(trial.planned_polls),
                percent_beside(share, MISSED_LIMIT)
            ),
            "poll less often, or with fewer clients: answers take longer than the interval",
        )
    },
};

/// The load generator is not the bottleneck.
pub const CLIENT_CPU: Gate = Gate {
    name: "client_cpu",
    blame: Blame::LoadGenerator,
    what: "the load generator used less than 70 % of one core, however many threads it has; in a closed loop this is told, not judged",
    check: |_, trial| {
        let window = trial.ledger.duration_ns(Phase::Steady);
        if window == 0 || trial.client.cpu_ns == 0 {
            return Finding::not_measured("the load generator's CPU time was not read");
        }
        let share = trial.client.cpu_ns as f64 / window as f64;
        if trial.closed_loop {
            // It asks as fast as it is answered, so it takes what it can get: that is the workload, not a fault.
            return Finding::not_measured(format!(
                "{} of a core; in a closed loop the client runs as fast as it can, so this is told and not judged",
                percent(share)
            ));
        }
        Finding::judge(
            share < CLIENT_CPU_LIMIT,
            format!("{} of a core, less than 70 % is allowed", percent_beside(share, CLIENT_CPU_LIMIT)),
            "use fewer clients or a lower rate: beyond this the load generator measures itself",
        )
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::tests::{finding, outcome};
    use wirecost_model::DepartureSummary;
    use wirecost_model::histogram::{Latency, QuantileValue};
    use wirecost_model::record::GateOutcome::{Failed, NotMeasured, Passed};
    use wirecost_model::scenario::{Idle, Push};

    fn lateness(q: f64, value_ns: u64) -> Latency {
        Latency { count: 1000, quantiles: vec![QuantileValue { q, value_ns }], ..Latency::default() }
    }

    #[test]
    fn the_rate_must_be_the_planned_one() {
        assert_eq!(outcome(&OFFERED_RATE, "websocket", |_, _| ()), Passed);
        assert_eq!(outcome(&OFFERED_RATE, "websocket", |_, t| t.sent_messages = t.planned_messages * 98 / 100), Failed);
        assert_eq!(outcome(&OFFERED_RATE, "websocket", |_, t| t.planned_messages = 0), Failed);
        assert_eq!(outcome(&OFFERED_RATE, "websocket", |_, t| t.closed_loop = true), NotMeasured);
        assert_eq!(outcome(&OFFERED_RATE, "websocket", |c, _| c.workload = Workload::Idle(Idle {})), NotMeasured);
    }

    #[test]
    fn a_late_publisher_fails_unless_deliveries_are_much_slower() {
        let late = |arm: &str, ns: u64| {
            outcome(&PUBLISH_LAG, arm, |_, t| {
                t.latencies.insert("publish_lag".into(), lateness(0.99, ns));
            })
        };
        assert_eq!(late("websocket", 99_000), Passed);
        assert_eq!(late("websocket", 150_000), Failed);
        // 5 % of half a second are 25 ms.
        assert_eq!(late("short_poll", 150_000), Passed);
        assert_eq!(late("short_poll", 40_000_000), Failed);
        assert_eq!(outcome(&PUBLISH_LAG, "websocket", |_, t| drop(t.latencies.remove("publish_lag"))), Failed);
    }

    #[test]
    fn few_samples_are_judged_by_what_they_bear() {
        let seen = finding(&PUBLISH_LAG, "websocket", |_, t| {
            t.latencies.insert("publish_lag".into(), Latency { count: 50, ..lateness(0.75, 20_000) });
        });
        assert_eq!(seen.outcome, Passed);
        assert_eq!(seen.seen, "p75 20.0 µs late, less than 100 µs is allowed (50 samples bear no p99)");
        let none = |_: &mut Cell, t: &mut Trial| {
            drop(t.latencies.insert("publish_lag".into(), Latency { count: 3, ..Latency::default() }))
        };
        assert_eq!(outcome(&PUBLISH_LAG, "websocket", none), NotMeasured);
    }

    #[test]
    fn the_pacer_is_judged_where_it_paces() {
        assert_eq!(outcome(&PACER_LAG, "websocket", |_, _| ()), NotMeasured);
        let upload = |ns: u64| {
            outcome(&PACER_LAG, "websocket", |c, t| {
                let text = r#"{ "upload": { "rate": "10/s" } }"#;
                c.workload = serde_json::from_str(text).unwrap();
                t.latencies.insert("pacer_lag".into(), lateness(0.99, ns));
            })
        };
        // It may be later than a publisher: the clients are on its thread.
        assert_eq!(upload(499_000), Passed);
        assert_eq!(upload(600_000), Failed);
    }

    #[test]
    fn missed_ticks_are_judged_where_arrivals_are_regular() {
        let periodic = |missed: u64| {
            outcome(&MISSED_TICKS, "websocket", |c, t| {
                if let Workload::Push(push) = &c.workload {
                    c.workload = Workload::Push(Push { arrivals: Arrivals::Periodic, ..push.clone() });
                }
                t.missed_ticks = missed;
            })
        };
        assert_eq!(periodic(0), Passed);
        assert_eq!(periodic(50), Failed);
        assert_eq!(outcome(&MISSED_TICKS, "websocket", |_, t| t.missed_ticks = 50), NotMeasured);
    }

    #[test]
    fn in_duplex_due_times_are_those_of_both_ends() {
        let seen = |missed: u64| {
            finding(&MISSED_TICKS, "websocket", |c, t| {
                c.workload = serde_json::from_str(r#"{ "duplex": { "down": "20/s", "up": "5/s" } }"#).unwrap();
                let clients = DepartureSummary { messages: 1250, ..DepartureSummary::default() };
                t.departures.insert("clients".into(), clients);
                t.missed_ticks = missed;
            })
        };
        // 100 of the server's and 25 of each of 50 clients.
        assert_eq!(seen(13).seen, "13 of 1,350 due times missed (0.96 %), 1 % is allowed");
        assert_eq!((seen(13).outcome, seen(14).outcome), (Passed, Failed));
    }

    #[test]
    fn missed_polls_and_a_busy_load_generator_void_a_trial() {
        assert_eq!(outcome(&MISSED_POLLS, "short_poll", |_, _| ()), Passed);
        assert_eq!(outcome(&MISSED_POLLS, "short_poll", |_, t| t.missed_polls = t.planned_polls / 50), Failed);
        assert_eq!(outcome(&MISSED_POLLS, "websocket", |_, _| ()), NotMeasured);
        assert_eq!(outcome(&CLIENT_CPU, "websocket", |_, _| ()), Passed);
        assert_eq!(
            outcome(&CLIENT_CPU, "websocket", |_, t| t.client.cpu_ns = t.ledger.duration_ns(Phase::Steady) * 8 / 10),
            Failed
        );
        assert_eq!(outcome(&CLIENT_CPU, "websocket", |_, t| t.client.cpu_ns = 0), NotMeasured);
    }

    #[test]
    fn a_closed_loop_may_use_all_it_can_get_and_says_how_much() {
        let seen = finding(&CLIENT_CPU, "websocket", |_, t| {
            t.closed_loop = true;
            t.client.cpu_ns = t.ledger.duration_ns(Phase::Steady) * 9 / 10;
        });
        assert_eq!(seen.outcome, NotMeasured);
        assert!(seen.seen.starts_with("90 % of a core; in a closed loop"), "{}", seen.seen);
    }
}
