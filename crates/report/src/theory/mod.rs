//! What the numbers should be: the closed forms that measurements are drawn beside. Pure functions in seconds; every formula
//! states its assumptions where it stands.
//!
//! Symbols: λ messages a second to one client; d one-way delay; r = 2d; s the server's time; g the client's gap between an
//! answer and its next request.
//!
//! Here both ends are on one host, so d, s and g are close to nothing and nobody measures them apart. Charts therefore draw
//! theory with d = s = 0, and with no gap but one that a scenario asks for, plus a **floor**: the fastest
//! median delivery of any push arm from the same server. What is left between a point and its line is what theory does not
//! explain.

pub mod long_poll;
pub mod set_up;
pub mod short_poll;

use wirecost_model::scenario::{Audience, Via, Workload};
use wirecost_model::schedule::Arrivals;
use wirecost_model::transport::Initiative;
use wirecost_model::units::Span;
use wirecost_model::{Cell, TransportKind};

/// How messages for one client arrive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Process {
    /// One every 1/λ.
    Periodic,
    /// Independent, λ a second on average.
    Poisson,
}

/// What theory says of a cell, without the floor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expectation {
    /// Median wait, s.
    pub p50_s: f64,
    /// Mean wait, s.
    pub mean_s: f64,
    /// Requests of one client, 1/s; `None` where there are none once connected.
    pub requests_per_client_s: Option<f64>,
    /// Share of polls that bring nothing.
    pub empty_fraction: Option<f64>,
    /// Messages in an answer that has any.
    pub messages_per_answer: Option<f64>,
}

/// What one client is sent: rate in 1/s and process; `None` where nothing is pushed, or in bursts, or as recorded.
pub fn arrivals(cell: &Cell) -> Option<(f64, Process)> {
    let (rate, arrivals) = match &cell.workload {
        // The rate is that of a stream, and every client has one: its own, or everybody's.
        Workload::Push(push) => {
            let (Audience::Broadcast | Audience::Each) = push.audience;
            (push.rate.0, &push.arrivals)
        }
        Workload::Duplex(duplex) => (duplex.down.0, &duplex.arrivals),
        Workload::Echo(_) | Workload::Upload(_) | Workload::Chat(_) | Workload::Reconnect(_) | Workload::Idle(_) => return None,
    };
    match arrivals {
        Arrivals::Periodic => Some((rate, Process::Periodic)),
        Arrivals::Poisson => Some((rate, Process::Poisson)),
        Arrivals::Burst { .. } | Arrivals::Trace(_) => None,
    }
}

/// What theory expects of a cell with d = s = 0 and the gap and the rate that the scenario names; `None` where it has no word on
/// the workload.
pub fn expectation(cell: &Cell) -> Option<Expectation> {
    let (rate, process) = arrivals(cell)?;
    at(cell, rate, process, Held { gap_s: cell.config.gap.map_or(0.0, Span::seconds), wake_s: 0.0 })
}

/// What is measured of a long poller, and not of theory.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Held {
    /// The client's gap g, which is then all of the time G that it has no request parked, s.
    pub gap_s: f64,
    /// w: from a message until the parked poll that it wakes is answered, s.
    pub wake_s: f64,
}

/// The same with d = s = 0 at another rate, messages a second to one client, and with what is known of a long poller. The waking
/// of a task is in the floor, so what theory says of a wait is without it.
pub fn at(cell: &Cell, rate: f64, process: Process, Held { gap_s, wake_s }: Held) -> Option<Expectation> {
    match cell.config.transport {
        TransportKind::ShortPoll => {
            let poll = short_poll::ShortPoll { period_s: cell.config.interval?.seconds(), server_s: 0.0, delay_s: 0.0 };
            Some(Expectation {
                p50_s: poll.quantile_s(0.5),
                mean_s: poll.mean_s(),
                requests_per_client_s: Some(poll.requests_per_s()),
                empty_fraction: Some(poll.empty_fraction(rate, process)),
                messages_per_answer: Some(poll.messages_per_full_answer(rate, process)),
            })
        }
        TransportKind::LongPoll => {
            let hold_s = cell.config.hold?.seconds();
            let poll = long_poll::LongPoll { delay_s: 0.0, server_s: 0.0, gap_s, hold_s, wake_s };
            let (mean_s, requests, empty, messages) = match process {
                Process::Periodic => {
                    let responses = poll.periodic_responses_per_s(rate);
                    // One answer a message, if they come so seldom; the others have nothing.
                    (poll.periodic_mean_s(rate), responses, (1.0 - rate / responses).max(0.0), None)
                }
                Process::Poisson => (
                    poll.mean_s(rate) - wake_s,
                    poll.responses_per_s(rate),
                    poll.empty_fraction(rate),
                    Some(poll.messages_per_full_answer(rate)),
                ),
            };
            let p50_s = match process {
                Process::Poisson => poll.quantile_s(rate, 0.5) - wake_s,
                // All wait uniformly, or none does.
                Process::Periodic => mean_s,
            };
            Some(Expectation {
                p50_s,
                mean_s,
                requests_per_client_s: Some(requests),
                empty_fraction: Some(empty),
                messages_per_answer: messages,
            })
        }
        // A held GET that is answered, asked again and kept alive by heartbeats: no closed form here has all of that.
        TransportKind::SocketIo if !cell.config.via.contains(&Via::Websocket) => None,
        kind => {
            debug_assert_eq!(kind.row().initiative, Initiative::Push);
            // A message leaves as soon as it is there, so its latency is s + d.
            Some(Expectation {
                p50_s: 0.0,
                mean_s: 0.0,
                requests_per_client_s: None,
                empty_fraction: None,
                messages_per_answer: None,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_poller_waits_half_its_interval_and_a_push_not_at_all() {
        let record = fixture::run().record.clone();
        let of = |arm: &str| expectation(record.plan.cells.iter().find(|cell| cell.config.name == arm).unwrap()).unwrap();
        assert_eq!(of("short_poll").p50_s, 0.5);
        assert_eq!(of("fast polling").requests_per_client_s, Some(10.0));
        assert_eq!((of("websocket").p50_s, of("websocket").requests_per_client_s), (0.0, None));
        let long = of("long_poll");
        assert!((long.requests_per_client_s.unwrap() - 20.0).abs() < 1e-9 && long.mean_s == 0.0);
    }

    #[test]
    fn holds_that_end_between_two_periodic_messages_are_empty_polls() {
        let cell = fixture::run().record.plan.cells.iter().find(|cell| cell.config.name == "long_poll").unwrap().clone();
        let at = |rate: f64| at(&cell, rate, Process::Periodic, Held { gap_s: 0.0, wake_s: 0.0 }).unwrap();
        let hold_s = cell.config.hold.unwrap().seconds();
        assert_eq!(at(10.0).empty_fraction, Some(0.0));
        // Two and a half holds from message to message: two are in vain.
        assert_eq!(at(1.0 / (2.5 * hold_s)).empty_fraction.map(|share| (share * 3.0).round()), Some(2.0));
    }

    #[test]
    fn theory_is_silent_where_it_has_nothing_to_say() {
        let mut cell = fixture::run().record.plan.cells[0].clone();
        cell.workload = Workload::Idle(Default::default());
        assert_eq!(expectation(&cell), None);
    }
}
