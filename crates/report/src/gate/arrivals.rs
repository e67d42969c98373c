//! Did messages leave as the plan has them arrive? Two looks at what was really sent: how far the sender was behind the plan at
//! any due time, and, where arrivals are to be Poisson, whether the gaps between sendings follow the exponential law.

use wirecost_model::record::Trial;
use wirecost_model::scenario::Workload;
use wirecost_model::schedule::Arrivals;
use wirecost_model::{Cell, DepartureSummary};

use super::load::{PACER_LAG_FLOOR_NS, PUBLISH_LAG_FLOOR_NS};
use super::{Blame, Finding, Gate};
use crate::format::count;
use crate::stats::kolmogorov;

/// Share of the window's messages that the sender may be behind at a due time.
const BEHIND_LIMIT: f64 = 0.01;
/// So many due times' messages it may always be behind: in a short trial 1 % is less than one. A burst is one due time.
const BEHIND_FLOOR: u64 = 5;
/// How often the gaps of a sound sender would be called wrong by chance.
const FALSE_ALARM: f64 = 1e-6;
/// Beyond this distance a law is not told from another.
const TELLS_NOTHING: f64 = 0.5;

/// The plan's arrivals are what was sent.
pub const ARRIVALS: Gate = Gate {
    name: "arrivals",
    blame: Blame::Sender,
    what: "messages left when the plan had them due: never more than 1 % of them behind, and the gaps between Poisson arrivals spread as they should (Kolmogorov's test against the exponential law)",
    check: arrivals,
};

fn arrivals(cell: &Cell, trial: &Trial) -> Finding {
    match cell.workload {
        Workload::Idle(_) => return Finding::not_measured("nothing is sent in an idle workload"),
        Workload::Echo(_) => return Finding::not_measured("closed loop: no message has a due time by the plan"),
        _ if trial.closed_loop => return Finding::not_measured("closed loop: no message has a due time by the plan"),
        _ if trial.departures.is_empty() && trial.sent_messages > 0 => {
            return Finding::not_measured("the record is older than this gate");
        }
        _ if trial.departures.is_empty() => return Finding::failed("nothing was sent", "see the errors of the sender"),
        _ => {}
    }
    let looks: Vec<(bool, String)> = trial.departures.iter().flat_map(|(sender, seen)| look(cell, sender, seen)).collect();
    let seen: Vec<&str> = looks.iter().map(|(_, text)| text.as_str()).collect();
    Finding::judge(
        looks.iter().all(|(holds, _)| *holds),
        seen.join("; "),
        "the sender was held up, or its timer is too coarse for this rate: free the machine of other work or lower the rate",
    )
}

/// What was seen of one sender, and whether it may be.
fn look(cell: &Cell, sender: &str, seen: &DepartureSummary) -> Vec<(bool, String)> {
    let at_once = cell.workload.arrivals().map_or(1, Arrivals::most_at_once);
    let allowed = (BEHIND_FLOOR * u64::from(at_once)).max((seen.messages as f64 * BEHIND_LIMIT) as u64);
    let mut looks = vec![(
        seen.most_behind <= allowed,
        format!(
            "{sender} at most {} of {} messages behind, {} allowed",
            count(seen.most_behind),
            count(seen.messages),
            count(allowed)
        ),
    )];
    let Some(distance) = seen.gap_distance else { return looks };
    // Being late by L changes a gap by that much, so a distance of up to L in mean gaps. What the gates on lateness allow
    // whatever is delivered, this one must allow too.
    let own_publisher = sender == "publisher" && cell.config.target.is_none();
    let late_ns = if own_publisher { PUBLISH_LAG_FLOOR_NS } else { PACER_LAG_FLOOR_NS };
    let mean_gap_ns = cell.timing.measure.ns() as f64 / seen.messages.max(1) as f64;
    let allowed = kolmogorov::critical(seen.gaps, FALSE_ALARM) + late_ns / mean_gap_ns;
    looks.push(if allowed < TELLS_NOTHING {
        (
            distance <= allowed,
            format!("its {} gaps {distance:.3} from the exponential law, {allowed:.3} allowed", count(seen.gaps)),
        )
    } else {
        let why = format!("its {} gaps are too few or too short to be held against the exponential law", count(seen.gaps));
        (true, format!("{why} ({distance:.3} from it)"))
    });
    looks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::tests::{finding, outcome};
    use wirecost_model::record::GateOutcome::{Failed, NotMeasured, Passed};

    /// The publisher's departures after a change.
    fn after(change: impl Fn(&mut DepartureSummary)) -> Finding {
        finding(&ARRIVALS, "websocket", |_, t| change(t.departures.get_mut("publisher").unwrap()))
    }

    #[test]
    fn a_sender_that_is_behind_the_plan_voids_the_trial() {
        assert_eq!(after(|_| ()).outcome, Passed);
        assert_eq!(after(|seen| seen.most_behind = 5).outcome, Passed);
        let seen = after(|seen| seen.most_behind = 6);
        assert_eq!(seen.outcome, Failed);
        assert!(seen.seen.starts_with("publisher at most 6 of 100 messages behind, 5 allowed"), "{}", seen.seen);
        let many = |behind| after(|seen| (seen.messages, seen.most_behind) = (10_000, behind)).outcome;
        assert_eq!((many(100), many(101)), (Passed, Failed));
        // Another client's burst may be on its way when one is due.
        let bursts = |behind| {
            outcome(&ARRIVALS, "websocket", |c, t| {
                c.workload =
                    serde_json::from_str(r#"{ "upload": { "rate": "9/s", "arrivals": { "burst": { "size": 8 } } } }"#).unwrap();
                t.departures.get_mut("publisher").unwrap().most_behind = behind;
            })
        };
        assert_eq!((bursts(40), bursts(41)), (Passed, Failed));
    }

    #[test]
    fn gaps_of_another_law_void_the_trial_and_those_of_chance_do_not() {
        // 99 gaps: 0.271 by chance and 0.002 for being late by 100 µs of 50 ms.
        assert_eq!(after(|seen| seen.gap_distance = Some(0.272)).outcome, Passed);
        let seen = after(|seen| seen.gap_distance = Some(0.274));
        assert_eq!(seen.outcome, Failed);
        assert!(seen.seen.ends_with("its 99 gaps 0.274 from the exponential law, 0.273 allowed"), "{}", seen.seen);
        // Regular gaps are 1 − 1/e from it.
        assert_eq!(after(|seen| seen.gap_distance = Some(0.632)).outcome, Failed);
        // A dozen gaps tell nothing, and so do gaps as short as the lateness that is allowed.
        assert_eq!(after(|seen| (seen.gaps, seen.gap_distance) = (12, Some(0.7))).outcome, Passed);
        assert_eq!(after(|seen| (seen.messages, seen.gaps, seen.gap_distance) = (50_000, 49_999, Some(0.7))).outcome, Passed);
        // Not Poisson: only what is behind counts.
        assert_eq!(after(|seen| (seen.gaps, seen.gap_distance) = (0, None)).outcome, Passed);
    }

    #[test]
    fn the_clients_of_a_target_may_be_as_late_as_a_pacer() {
        // 500 gaps: 0.120 by chance, and 0.01 or 0.05 for being late.
        let distance = |sender: &'static str| {
            outcome(&ARRIVALS, "websocket", |_, t| {
                let seen = DepartureSummary { messages: 500, gaps: 500, gap_distance: Some(0.16), most_behind: 0 };
                t.departures = [(sender.to_string(), seen)].into();
            })
        };
        assert_eq!((distance("publisher"), distance("clients")), (Failed, Passed));
    }

    #[test]
    fn what_cannot_be_judged_says_why() {
        let old = finding(&ARRIVALS, "websocket", |_, t| t.departures.clear());
        assert_eq!((old.outcome, old.seen.as_str()), (NotMeasured, "the record is older than this gate"));
        assert_eq!(outcome(&ARRIVALS, "websocket", |_, t| t.closed_loop = true), NotMeasured);
        let nothing = |_: &mut Cell, t: &mut Trial| {
            t.departures.clear();
            t.sent_messages = 0;
        };
        assert_eq!(outcome(&ARRIVALS, "websocket", nothing), Failed);
    }

    /// Of a million sound senders one may be called wrong, so of ten thousand none, however few gaps each has.
    #[test]
    fn chance_alone_does_not_trip_it() {
        let mut rng = wirecost_model::rng::Rng::new(1, 1);
        for n in [8u64, 30, 200] {
            for _ in 0..10_000 / n {
                let mut gaps: Vec<f64> = (0..n).map(|_| 1.0 - (-rng.exponential(1.0)).exp()).collect();
                gaps.sort_by(f64::total_cmp);
                let off =
                    |(k, law): (usize, &f64)| (law - k as f64 / n as f64).abs().max((law - (k + 1) as f64 / n as f64).abs());
                assert!(gaps.iter().enumerate().map(off).fold(0.0, f64::max) < kolmogorov::critical(n, FALSE_ALARM));
            }
        }
    }
}
