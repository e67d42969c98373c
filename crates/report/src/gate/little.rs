//! Do rate and latency belong together? Little's law: what is on its way (N) is rate (X) times time on the way (W), whatever the
//! distributions are. A closed loop holds N fixed by construction, and X and W are counted apart: X at the server's sockets, W
//! by the clients' clocks. So a stopwatch that misses part of the way, or a count that misses messages, shows here.

use wirecost_model::record::Trial;
use wirecost_model::scenario::Workload;
use wirecost_model::{Cell, Phase};

use super::{Blame, Finding, Gate};
use crate::format::{duration, number, percent_beside};
use crate::load::DELIVERY;
use crate::stats::metric::messages;

/// How far X·W may be from N, as a share of N.
const LITTLE_TOLERANCE: f64 = 0.05;

/// Rate times mean round trip is what the clients keep outstanding.
pub const LITTLES_LAW: Gate = Gate {
    name: "littles_law",
    blame: Blame::Measured,
    what: "in a closed loop, rate × mean round trip is within 5 % of the messages that clients keep outstanding",
    check: littles_law,
};

fn littles_law(cell: &Cell, trial: &Trial) -> Finding {
    let Workload::Echo(echo) = &cell.workload else {
        return Finding::not_measured("open loop: how many messages are on their way is not held at a number to compare with");
    };
    let window_s = trial.ledger.duration_ns(Phase::Steady) as f64 / 1e9;
    let mean_ns = trial.latencies.get(DELIVERY).and_then(|delivery| delivery.mean_ns);
    let (Some(mean_ns), Some(trips), true) = (mean_ns, messages(cell, trial), window_s > 0.0) else {
        return Finding::failed(
            "no round trip was counted or timed in the measured window",
            "measure longer, or see the errors of the clients",
        );
    };
    let outstanding = f64::from(echo.outstanding) * f64::from(trial.clients_held);
    let rate = trips / window_s;
    let found = rate * mean_ns / 1e9;
    let off = if outstanding > 0.0 { (found / outstanding - 1.0).abs() } else { f64::INFINITY };
    Finding::judge(
        off < LITTLE_TOLERANCE,
        format!(
            "{}/s × {} = {} on their way, {} outstanding: {} off, less than 5 % is allowed",
            number(rate),
            duration(mean_ns),
            number(found),
            number(outstanding),
            percent_beside(off, LITTLE_TOLERANCE)
        ),
        "round trips are missing from the latencies, or are not timed in full: use fewer clients for each core, and report it if it stays",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::tests::{finding, outcome};
    use wirecost_model::histogram::Latency;
    use wirecost_model::record::GateOutcome::{Failed, NotMeasured, Passed};

    /// 50 clients, one outstanding each, 10,000 round trips a second over the fixture's five seconds: W should be 5 ms.
    fn echo(cell: &mut Cell, trial: &mut Trial, mean_ns: f64) {
        cell.workload = serde_json::from_str(r#"{ "echo": { "outstanding": 1, "payload": "128B" } }"#).unwrap();
        trial.closed_loop = true;
        let steady = trial.ledger.phases.iter_mut().find(|phase| phase.phase == Phase::Steady).unwrap();
        steady.counters.messages.down = 50_000;
        trial.latencies.insert(DELIVERY.into(), Latency { count: 50_000, mean_ns: Some(mean_ns), ..Latency::default() });
    }

    #[test]
    fn rate_and_round_trip_must_belong_together() {
        for (mean_ns, expected) in
            [(5.0e6, Passed), (4.8e6, Passed), (5.2e6, Passed), (4.7e6, Failed), (5.3e6, Failed), (2.5e6, Failed)]
        {
            assert_eq!(outcome(&LITTLES_LAW, "websocket", |c, t| echo(c, t, mean_ns)), expected, "{mean_ns}");
        }
        let seen = finding(&LITTLES_LAW, "websocket", |c, t| echo(c, t, 4.0e6)).seen;
        assert_eq!(seen, "10,000/s × 4.00 ms = 40.0 on their way, 50.0 outstanding: 20 % off, less than 5 % is allowed");
    }

    #[test]
    fn an_open_loop_has_no_fixed_number_and_nothing_timed_fails() {
        assert_eq!(outcome(&LITTLES_LAW, "websocket", |_, _| ()), NotMeasured);
        let untimed = |c: &mut Cell, t: &mut Trial| {
            echo(c, t, 5.0e6);
            t.latencies.clear();
        };
        assert_eq!(outcome(&LITTLES_LAW, "websocket", untimed), Failed);
    }
}
