//! When a WebSocket's handshake has paid for itself: overhead per message + set-up/n, against the HTTP arms of the same
//! encryption.
//!
//! A session of n messages costs set-up + n · overhead. A WebSocket's set-up is larger (an upgrade has more headers than a
//! poll), its messages are lighter, so the lines cross where n = (set-up − other set-up) / (other overhead − overhead).

use wirecost_model::scenario::Via;
use wirecost_model::{Cell, Phase, Record, TransportKind};

use super::median;
use crate::format;
use crate::stats::{Metric, ratio};
use crate::view::{self, Group};

/// What a client's session costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Bytes of a client while clients connect, both directions.
    pub set_up_bytes: f64,
    /// Bytes beside payload per message, in the measured window.
    pub overhead_bytes: f64,
}

impl Cost {
    /// A cell's, medians over trials that count. `None` where nothing was set up or no message came.
    pub fn of(record: &Record, cell: &Cell) -> Option<Cost> {
        let overhead = Metric::named("overhead_bytes_per_message")?;
        let set_up_bytes = median(record, cell, |trial| {
            let bytes = trial.ledger.bytes(|entry| entry.phase == Phase::Setup);
            (bytes > 0 && trial.clients_held > 0).then(|| bytes as f64 / f64::from(trial.clients_held))
        })?;
        Some(Cost { set_up_bytes, overhead_bytes: median(record, cell, |trial| overhead.of(cell, trial))? })
    }

    /// Overhead of a message in a session of so many.
    pub fn per_message(&self, messages: f64) -> f64 {
        self.overhead_bytes + self.set_up_bytes / messages
    }
}

/// After how many messages one arm's session is no dearer than another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayOff {
    /// From the first: its set-up is no dearer, and its messages are no dearer either.
    FromTheFirst,
    /// After so many.
    After(u64),
    /// Never: its messages are no lighter.
    Never,
    /// The bytes of their messages cannot be told apart, so nobody knows.
    Untold,
}

impl PayOff {
    /// Of one cost against another.
    pub fn between(own: Cost, other: Cost) -> PayOff {
        let (dearer, lighter) = (own.set_up_bytes - other.set_up_bytes, other.overhead_bytes - own.overhead_bytes);
        if dearer <= 0.0 && lighter >= 0.0 {
            PayOff::FromTheFirst
        } else if lighter <= 0.0 {
            PayOff::Never
        } else {
            PayOff::After((dearer / lighter).ceil() as u64)
        }
    }

    /// In words: `after 3 messages against …`.
    fn words(self, whom: &str) -> String {
        match self {
            PayOff::FromTheFirst => format!("from the first message against {whom}"),
            PayOff::After(n) => format!("after {} against {whom}", format::plural(n, "message")),
            PayOff::Never => format!("never against {whom}"),
            PayOff::Untold => format!("against {whom} that cannot be told"),
        }
    }
}

/// A WebSocket cell against an HTTP cell of the same encryption.
#[derive(Debug, Clone)]
pub struct Against<'a> {
    /// The WebSocket.
    pub websocket: &'a Cell,
    /// The other.
    pub other: &'a Cell,
    /// What came of it.
    pub pay_off: PayOff,
}

/// Every HTTP cell of a group that has a WebSocket of the same encryption beside it (of several the first).
pub fn of<'a>(record: &'a Record, group: &Group) -> Vec<Against<'a>> {
    let plan = &record.plan;
    let cells: Vec<&Cell> = group.cells.iter().filter_map(|&index| plan.cells.get(index)).collect();
    let is_websocket = |cell: &Cell| cell.config.transport == TransportKind::Websocket;
    let metric = Metric::named("wire_bytes_per_message");
    let is_http = |cell: &Cell| !is_websocket(cell) && !cell.config.via.contains(&Via::Websocket);
    cells
        .iter()
        .filter(|cell| is_http(cell))
        .filter_map(|&other| {
            let websocket = *cells.iter().find(|cell| is_websocket(cell) && cell.config.tls == other.config.tls)?;
            let (own, cost) = (Cost::of(record, websocket)?, Cost::of(record, other)?);
            // A difference of a byte or two may be the luck of acknowledgements; without an interval what was seen is said.
            let interval =
                metric.and_then(|m| ratio::between(plan, &record.trials, m, websocket, other)).and_then(|r| r.interval);
            let untold =
                own.overhead_bytes != cost.overhead_bytes && interval.is_some_and(|[low, high]| low <= 1.0 && high >= 1.0);
            let pay_off = if untold { PayOff::Untold } else { PayOff::between(own, cost) };
            Some(Against { websocket, other, pay_off })
        })
        .collect()
}

/// The same of the group's first WebSocket, short enough for a title.
pub fn headline(record: &Record, group: &Group) -> Option<String> {
    let all = of(record, group);
    let first = all.iter().map(|against| against.websocket.index).min()?;
    let own: Vec<&Against<'_>> = all.iter().filter(|against| against.websocket.index == first).collect();
    let names = |which: PayOff| -> Vec<String> {
        let those = own.iter().filter(|against| against.pay_off == which);
        those.map(|against| view::title(&record.plan, against.other)).collect()
    };
    let (never, untold) = (names(PayOff::Never), names(PayOff::Untold));
    let after = own.iter().filter_map(|against| match against.pay_off {
        PayOff::FromTheFirst => Some(0),
        PayOff::After(n) => Some(n),
        PayOff::Never | PayOff::Untold => None,
    });
    let mut parts = Vec::new();
    match after.max() {
        Some(0) => parts.push("has paid for itself from the first message".to_string()),
        Some(n) => parts.push(format!("has paid for itself within {}", format::plural(n, "message"))),
        None => {}
    }
    if !never.is_empty() {
        let never_against = format!("against {}", format::list(&never));
        parts.push(if parts.is_empty() {
            format!("never pays for itself {never_against}")
        } else {
            format!("but never {never_against}")
        });
    }
    if !untold.is_empty() {
        let against = format!("against {} that cannot be told", format::list(&untold));
        parts.push(if parts.is_empty() { format!("may or may not pay for itself: {against}") } else { against });
    }
    Some(format!("{}'s handshake {}", format::capital(&view::title(&record.plan, own.first()?.websocket)), parts.join(", ")))
}

/// What was found, in one sentence for each WebSocket of the group that has an HTTP arm beside it.
pub fn sentences(record: &Record, group: &Group) -> Vec<String> {
    let all = of(record, group);
    let mut sentences = Vec::new();
    for &index in &group.cells {
        let own: Vec<&Against<'_>> = all.iter().filter(|against| against.websocket.index == index).collect();
        let Some(first) = own.first() else { continue };
        let mut answers: Vec<(PayOff, Vec<String>)> = Vec::new();
        for against in &own {
            let title = view::title(&record.plan, against.other);
            match answers.iter_mut().find(|(pay_off, _)| *pay_off == against.pay_off) {
                Some((_, names)) => names.push(title),
                None => answers.push((against.pay_off, vec![title])),
            }
        }
        answers.sort_by_key(|(pay_off, _)| match pay_off {
            PayOff::FromTheFirst => (0, 0),
            PayOff::After(n) => (1, *n),
            PayOff::Never => (2, 0),
            PayOff::Untold => (3, 0),
        });
        let begin = match answers[0].0 {
            PayOff::FromTheFirst | PayOff::After(_) => "has paid for itself ",
            PayOff::Never => "",
            PayOff::Untold => "may or may not pay for itself: ",
        };
        let mut answers: Vec<String> = answers.iter().map(|(pay_off, names)| pay_off.words(&format::list(names))).collect();
        if begin.is_empty() {
            answers[0] = answers[0].replacen("never", "never pays for itself", 1);
        }
        // Names are lists of their own, so the answers are kept apart by semicolons.
        sentences.push(format!(
            "{}'s handshake {begin}{}.",
            format::capital(&view::title(&record.plan, first.websocket)),
            answers.join("; ")
        ));
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use proptest::prelude::{prop_assert, proptest};

    fn cost(set_up_bytes: f64, overhead_bytes: f64) -> Cost {
        Cost { set_up_bytes, overhead_bytes }
    }

    #[test]
    fn every_answer_has_its_case() {
        for (own, other, expected) in [
            (cost(711.0, 100.0), cost(611.0, 150.0), PayOff::After(2)),
            (cost(711.0, 100.0), cost(611.0, 133.0), PayOff::After(4)),
            (cost(600.0, 100.0), cost(611.0, 133.0), PayOff::FromTheFirst),
            (cost(600.0, 100.0), cost(600.0, 100.0), PayOff::FromTheFirst),
            (cost(700.0, 100.0), cost(600.0, 100.0), PayOff::Never),
            (cost(500.0, 120.0), cost(600.0, 100.0), PayOff::Never),
        ] {
            assert_eq!(PayOff::between(own, other), expected, "{own:?} {other:?}");
        }
        assert_eq!(PayOff::After(1).words("SSE"), "after 1 message against SSE");
    }

    #[test]
    fn the_answers_of_five_arms() {
        let record = &fixture::run().record;
        let group = &view::groups(&record.plan)[0];
        insta::assert_snapshot!(sentences(record, group).join("\n"));
    }

    #[test]
    fn arms_of_another_encryption_are_not_compared() {
        let mut record = fixture::run().record.clone();
        record.plan.cells[3].config.tls = Some(Default::default());
        let group = &view::groups(&record.plan)[0];
        assert!(of(&record, group).iter().all(|against| against.other.index != 3));
        record.plan.cells[4].config.transport = TransportKind::Sse;
        assert!(sentences(&record, group).is_empty());
    }

    proptest! {
        #[test]
        fn it_is_dearer_until_then_and_not_after(
            set_up in 1.0f64..1e4, more in 1.0f64..1e4, overhead in 1.0f64..1e3, gain in 0.5f64..1e3
        ) {
            let (own, other) = (cost(set_up + more, overhead), cost(set_up, overhead + gain));
            let PayOff::After(n) = PayOff::between(own, other) else { panic!("it pays off") };
            let n = n as f64;
            prop_assert!(own.per_message(n) <= other.per_message(n) * (1.0 + 1e-9));
            prop_assert!(n < 2.0 || own.per_message(n - 1.0) >= other.per_message(n - 1.0) * (1.0 - 1e-9));
        }
    }
}
