//! Pollers against theory: what the closed forms of [`crate::theory`] expect of each, and what was measured.
//!
//! Push arms are not here: theory has them deliver at once, and the fastest of them is the floor that is added to what it
//! expects of the others.

use wirecost_model::scenario::{Audience, Pacing, Workload};
use wirecost_model::{Cell, Phase, Record, TransportKind};

use super::median;
use crate::format;
use crate::load::{DELIVERY, Run};
use crate::stats::{Metric, counting, kolmogorov, metric};
use crate::summary;
use crate::table::{Column, Table};
use crate::theory::{self, Expectation, Process};
use crate::view::{self, Group};

/// How often one of all distributions in a record may be told from the uniform law though it is not.
const FALSE_ALARM: f64 = 0.05;

/// A distribution held against the uniform law over a poller's interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Uniform {
    /// Kolmogorov's distance, 0 to 1.
    pub distance: f64,
    /// The largest that does not tell it from the law.
    pub allowed: f64,
}

/// A poller, expected and measured.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// Which.
    pub cell: &'a Cell,
    /// What theory says; its waits are without the floor.
    pub expected: Expectation,
    /// The fastest median of a push arm from the same server under the same condition, ns.
    pub floor_ns: f64,
    /// Mean delivery, ns: the median over trials.
    pub mean_ns: f64,
    /// Of a short poller whose messages come at random.
    pub uniform: Option<Uniform>,
    /// How long no request of a long poller's is parked, ns, for each answer.
    pub unparked_ns: Option<f64>,
    /// How long one takes to wake, ns.
    pub waking_ns: Option<f64>,
}

impl Row<'_> {
    /// Mean delivery that theory and floor expect, ns.
    pub fn expected_mean_ns(&self) -> f64 {
        self.expected.mean_s * 1e9 + self.floor_ns
    }

    /// How far the mean is from what is expected, a share of that.
    pub fn residual(&self) -> f64 {
        self.mean_ns / self.expected_mean_ns() - 1.0
    }
}

fn named(record: &Record, cell: &Cell, name: &str) -> Option<f64> {
    let metric = Metric::named(name)?;
    median(record, cell, |trial| metric.of(cell, trial))
}

/// Every poller of which theory speaks and whose server has a push arm beside it, in the order of the plan.
pub fn rows(run: &Run) -> Vec<Row<'_>> {
    let record = &run.record;
    // The more distributions are looked at, the farther the farthest of them is by chance.
    let looks = record.plan.cells.iter().filter(|cell| is_uniform(cell)).count();
    let row = |cell, group: &Group| {
        let floor_ns = summary::floor_ns(record, group, cell)?;
        // The period of one that pauses has the exchange in it, which is not measured apart.
        let polls = matches!(cell.config.transport, TransportKind::ShortPoll | TransportKind::LongPoll);
        let known = polls && cell.config.pacing == Pacing::Interval;
        let unparked_ns = named(record, cell, "unparked_ns");
        let (planned, process) = theory::arrivals(cell).filter(|_| known)?;
        let rate = rate(record, cell).unwrap_or(planned);
        let waking_ns = named(record, cell, "waking_ns");
        let held = theory::Held { gap_s: unparked_ns.unwrap_or(0.0) / 1e9, wake_s: waking_ns.unwrap_or(0.0) / 1e9 };
        let expected = theory::at(cell, rate, process, held)?;
        let mean_ns = named(record, cell, "delivery_mean_ns")?;
        Some(Row { cell, expected, floor_ns, mean_ns, uniform: uniform(run, cell, floor_ns, looks), unparked_ns, waking_ns })
    };
    let groups = view::groups(&record.plan);
    let of_group = |group: &Group| -> Vec<Row<'_>> {
        group.cells.iter().filter_map(|&index| row(record.plan.cells.get(index)?, group)).collect()
    };
    groups.iter().flat_map(of_group).collect()
}

/// Whether theory has a poller's deliveries uniform: its messages come at random, and it asks by the clock.
fn is_uniform(cell: &Cell) -> bool {
    let at_random = theory::arrivals(cell).is_some_and(|(_, process)| process == Process::Poisson);
    at_random && cell.config.interval.is_some() && cell.config.pacing == Pacing::Interval
}

/// Messages a second to one client as they were due, over all trials that count: of Poisson arrivals a draw, not the rate that
/// the scenario names. In `duplex` the plan's number is that of the server's messages.
fn rate(record: &Record, cell: &Cell) -> Option<f64> {
    let trials = counting(cell.index, &record.trials);
    let seconds: f64 = trials.iter().map(|trial| trial.ledger.duration_ns(Phase::Steady) as f64 / 1e9).sum();
    let streams = match &cell.workload {
        Workload::Push(push) if push.audience == Audience::Broadcast => 1,
        Workload::Push(_) => cell.clients,
        Workload::Duplex(_) => 1,
        _ => return None,
    };
    (seconds > 0.0).then(|| messages(record, cell) as f64 / seconds / f64::from(streams))
}

/// Independent due times: those of all streams, whoever hears them.
fn messages(record: &Record, cell: &Cell) -> u64 {
    counting(cell.index, &record.trials).iter().map(|trial| trial.planned_messages).sum()
}

/// A short poller's delivery against U(floor, floor + interval), one of so many `looks`.
fn uniform(run: &Run, cell: &Cell, floor_ns: f64, looks: usize) -> Option<Uniform> {
    let interval_ns = cell.config.interval.filter(|_| is_uniform(cell))?.ns() as f64;
    let distance = kolmogorov::from_uniform(&run.merged(cell, DELIVERY)?, floor_ns, floor_ns + interval_ns)?;
    let chance = kolmogorov::critical(messages(&run.record, cell), FALSE_ALARM / looks as f64);
    // The floor is a median: what lies around it bends the ends of the law by about that much.
    Some(Uniform { distance, allowed: chance + floor_ns / interval_ns })
}

/// All of them, a row each; `None` if there is none.
pub fn table(run: &Run) -> Option<Table> {
    let record = &run.record;
    let rows = rows(run);
    if rows.is_empty() {
        return None;
    }
    let both = |what: &str, unit: &str| Column::numbers(what, &format!("theory / measured{unit}"));
    let columns = vec![
        Column::words("arm"),
        both("mean delivery", ", ms"),
        Column::numbers("apart", ""),
        Column::numbers("from uniform", "distance / allowed"),
        Column::numbers("not parked / waking", "µs an answer"),
        both("polls", ", /s"),
        both("empty polls", ""),
        both("messages an answer", ""),
    ];
    let mut table = Table::new(columns);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".into());
    let pair = |show: fn(f64) -> String, one: Option<f64>, other: Option<f64>| match (one, other) {
        (None, None) => "–".to_string(),
        _ => format!("{} / {}", or_dash(one.map(show)), or_dash(other.map(show))),
    };
    for row in &rows {
        let measured = |name| named(record, row.cell, name);
        let Expectation { requests_per_client_s, empty_fraction, messages_per_answer, .. } = row.expected;
        table.push(vec![
            view::full_title(&record.plan, row.cell),
            pair(format::number, Some(row.expected_mean_ns() / 1e6), Some(row.mean_ns / 1e6)),
            apart(row.residual()),
            pair(|d| format::fixed(d, 4), row.uniform.map(|u| u.distance), row.uniform.map(|u| u.allowed)),
            pair(|ns| format::number(ns / 1e3), row.unparked_ns, row.waking_ns),
            pair(format::number, requests_per_client_s, median(record, row.cell, metric::polls_per_client_s)),
            pair(format::percent, empty_fraction, measured("empty_fraction")),
            pair(format::number, messages_per_answer, measured("messages_per_answer")),
        ]);
    }
    Some(table)
}

/// `+1.2 %`.
fn apart(share: f64) -> String {
    let text = format::percent(share.abs());
    // What is written as nothing has no sign.
    let sign = match text.contains(|c: char| ('1'..='9').contains(&c)) {
        true if share < 0.0 => "−",
        true => "+",
        false => "",
    };
    format!("{sign}{text}")
}

/// What was found of short pollers, in a sentence; `None` without one.
pub fn sentence(run: &Run) -> Option<String> {
    let rows = rows(run);
    let short: Vec<&Row<'_>> = rows.iter().filter(|row| row.cell.config.transport == TransportKind::ShortPoll).collect();
    let farthest = short.iter().max_by(|a, b| a.residual().abs().total_cmp(&b.residual().abs()))?;
    let mut text = if short.len() == 1 {
        format!("The short poller's mean delivery is {} from half its interval and the floor", apart(farthest.residual()))
    } else {
        format!(
            "Mean deliveries of {} short pollers are within {} of half their interval and the floor",
            short.len(),
            format::percent(farthest.residual().abs())
        )
    };
    let looked: Vec<Uniform> = short.iter().filter_map(|row| row.uniform).collect();
    let told = looked.iter().filter(|uniform| uniform.distance > uniform.allowed).count();
    if !looked.is_empty() {
        text += &match (told, looked.len()) {
            (0, 1) => "; its distribution cannot be told from the uniform law".to_string(),
            (0, n) => format!("; none of {n} distributions can be told from the uniform law"),
            (told, n) => format!("; {told} of {n} distributions can be told from the uniform law"),
        };
    }
    Some(text + ".")
}

/// What the table's words mean.
pub const READING: &str = "Theory is that of METHODOLOGY, section 8, with the floor, the median of the same server's fastest push arm, added to what it says of a delivery; messages come as often as they were due, which of random arrivals is a draw. Measured values are medians over trials, polls those of a client, without what it sends beside them. \"From uniform\": Kolmogorov's distance between all deliveries of an arm and the uniform law over its interval; beyond what is allowed the two are told apart, which happens to one of all the rows by chance in 5 % of records. \"Not parked\": how long a long poller has no request at the server for each answer that it gets, and \"waking\": how long a parked one takes from the message that wakes it to its answer, both from the server's clocks; theory takes them as measured and says what follows for latency, requests and answers.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn pollers_are_told_beside_theory() {
        let run = fixture::run();
        insta::assert_snapshot!(format!("{}\n\n{}", sentence(run).unwrap(), table(run).unwrap().markdown()));
    }

    #[test]
    fn a_poller_whose_messages_come_at_the_wrong_times_is_told_from_the_law() {
        let mut run = fixture::run().clone();
        let cell = run.record.plan.cells[0].clone();
        assert!(rows(&run)[0].uniform.is_some_and(|uniform| uniform.distance < uniform.allowed));
        // One that polls twice as often as it says.
        let position = run.record.plan.cells.iter().position(|c| c.index == cell.index).unwrap();
        run.record.plan.cells[position].config.interval =
            Some(wirecost_model::units::Span(2 * cell.config.interval.unwrap().ns()));
        let seen = rows(&run)[0].clone();
        assert!(seen.uniform.is_some_and(|uniform| uniform.distance > 0.4 && uniform.distance > uniform.allowed));
        assert!(seen.residual() < -0.4 && sentence(&run).unwrap().contains("1 of 2 distributions can be told"));
    }

    #[test]
    fn what_a_client_sends_beside_its_polls_is_no_poll() {
        let mut run = fixture::run().clone();
        let polls = |run: &Run| table(run).unwrap().rows.iter().map(|row| row[5].clone()).collect::<Vec<_>>();
        let pushed = polls(&run);
        // The same polls and pushes, and three POSTs a second by each client.
        let duplex: Workload =
            serde_json::from_str(r#"{ "duplex": { "down": "20/s", "up": "3/s", "arrivals": "poisson" } }"#).unwrap();
        run.record.plan.cells.iter_mut().for_each(|cell| cell.workload = duplex.clone());
        let phases = run.record.trials.iter_mut().flat_map(|trial| &mut trial.ledger.phases);
        phases.for_each(|phase| phase.counters.requests += 3 * 50 * 5);
        assert_eq!(polls(&run), pushed);
        assert!(pushed[0].starts_with("1.00 / 1.00"), "{pushed:?}");
    }

    #[test]
    fn without_a_push_arm_there_is_no_floor_and_nothing_is_said() {
        let mut run = fixture::run().clone();
        run.record.cells.retain(|summary| summary.cell < 3);
        assert!(rows(&run).is_empty() && table(&run).is_none() && sentence(&run).is_none());
    }
}
