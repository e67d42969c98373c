//! The registry of metrics: what is computed from one trial, by name. Tables, CSV headers, comparisons and thresholds read
//! this list; nothing else computes a metric.
//!
//! What was not measured is `None`, never 0.

use wirecost_model::histogram::Latency;
use wirecost_model::ledger::Counters;
use wirecost_model::record::{Anonymous, ProcessCost, Trial};
use wirecost_model::scenario::Workload;
use wirecost_model::transport::Initiative;
use wirecost_model::{Accounting, Cell, Layer, Phase};

use crate::format;
use crate::load::DELIVERY;

/// The unit that values are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Nanoseconds,
    /// Microseconds of CPU time.
    Microseconds,
    /// Bytes.
    Bytes,
    /// Thousand bytes.
    Kilobytes,
    /// A share, 0..1.
    Share,
    /// Events a second.
    PerSecond,
    /// A plain number.
    Number,
    /// A whole number.
    Count,
}

impl Unit {
    /// What a value of this size is divided by to be read, and the unit that it is then in.
    pub fn scale(self, value: f64) -> (f64, &'static str) {
        match self {
            Unit::Nanoseconds => format::duration_scale(value),
            Unit::Microseconds => (1.0, "µs"),
            Unit::Bytes => format::bytes_scale(value),
            Unit::Kilobytes => (1.0, "kB"),
            Unit::Share => (0.01, "%"),
            Unit::PerSecond => (1.0, "/s"),
            Unit::Number | Unit::Count => (1.0, ""),
        }
    }

    /// A value as people read it, with its unit.
    pub fn show(self, value: f64) -> String {
        match self {
            Unit::Share => format::percent(value),
            Unit::PerSecond => format!("{}/s", format::number(value)),
            Unit::Count => format::fixed(value, 0),
            _ => {
                let (divisor, unit) = self.scale(value);
                format!("{} {unit}", format::number(value / divisor)).trim_end().to_string()
            }
        }
    }

    /// A range in the unit and with the decimals of a value that lies in it: `212–223`.
    pub fn show_range(self, value: f64, [low, high]: [f64; 2]) -> String {
        let divisor = self.scale(value).0;
        let decimals = if self == Unit::Count { 0 } else { format::decimals(value / divisor) };
        format!("{}–{}", format::fixed(low / divisor, decimals), format::fixed(high / divisor, decimals))
    }
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
    /// Neither: it describes.
    Neither,
}

/// One number of a trial.
#[derive(Debug)]
pub struct Metric {
    /// Its name in records, CSV and thresholds; ends in its unit.
    pub name: &'static str,
    /// Its name in prose and tables.
    pub label: &'static str,
    /// The unit of its values.
    pub unit: Unit,
    /// Which way is better.
    pub better: Better,
    /// Whether cells are compared by it. The fewer are, the less each comparison has to pay for the others.
    pub main: bool,
    /// Whether it says anything about a cell.
    pub concerns: fn(&Cell) -> bool,
    /// Its value; `None` if it was not measured.
    value: fn(&Cell, &Trial) -> Option<f64>,
}

impl Metric {
    /// Its value in a trial; `None` if it was not measured or does not concern the cell.
    pub fn of(&self, cell: &Cell, trial: &Trial) -> Option<f64> {
        (self.concerns)(cell).then(|| (self.value)(cell, trial)).flatten().filter(|value| value.is_finite())
    }

    /// By name.
    pub fn named(name: &str) -> Option<&'static Metric> {
        METRICS.iter().find(|metric| metric.name == name)
    }
}

const fn metric(
    name: &'static str,
    label: &'static str,
    unit: Unit,
    concerns: fn(&Cell) -> bool,
    value: fn(&Cell, &Trial) -> Option<f64>,
) -> Metric {
    Metric { name, label, unit, better: Better::Lower, main: false, concerns, value }
}

/// Cells are compared by it.
const fn main(metric: Metric) -> Metric {
    Metric { main: true, ..metric }
}

const fn better(way: Better, metric: Metric) -> Metric {
    Metric { better: way, ..metric }
}

/// Clients from which on the load generator's memory for them can be told from its histograms.
const MANY_CLIENTS: u32 = 200;

/// Clients from which on the kernel's memory for their sockets can be told from what it had at hand anyway: it hands sockets out from
/// pages that it keeps, and where 10,000 clients have 4.6 kB each, 316 had between none and 7.4 (and 1,000 between 3.6 and 5.3).
const MANY_FOR_THE_KERNEL: u32 = 1_000;

/// What a process has asked for since before the first client came until it had so much, for each client.
fn kb_per_connection(process: &ProcessCost, until_bytes: fn(&Anonymous) -> u64, clients: u32) -> Option<f64> {
    let memory = process.anonymous.filter(|_| clients > 0)?;
    Some((until_bytes(&memory) as f64 - memory.before_bytes as f64) / f64::from(clients) / 1000.0)
}

/// The registry, in the order of files and tables.
pub const METRICS: &[Metric] = &[
    main(metric("delivery_p50_ns", "delivery p50", Unit::Nanoseconds, talks, |_, t| delivery(t, 0.5))),
    metric("delivery_p95_ns", "delivery p95", Unit::Nanoseconds, talks, |_, t| delivery(t, 0.95)),
    main(metric("delivery_p99_ns", "delivery p99", Unit::Nanoseconds, talks, |_, t| delivery(t, 0.99))),
    metric("delivery_p999_ns", "delivery p99.9", Unit::Nanoseconds, talks, |_, t| delivery(t, 0.999)),
    metric("delivery_mean_ns", "delivery mean", Unit::Nanoseconds, talks, |_, t| latency(t, DELIVERY)?.mean_ns),
    metric("delivery_max_ns", "delivery maximum", Unit::Nanoseconds, talks, |_, t| ns(latency(t, DELIVERY)?.max_ns)),
    metric("service_p50_ns", "service p50", Unit::Nanoseconds, talks, |_, t| service(t, 0.5)),
    metric("service_p99_ns", "service p99", Unit::Nanoseconds, talks, |_, t| service(t, 0.99)),
    metric("upload_p50_ns", "upload p50", Unit::Nanoseconds, both_ways, |_, t| ns(latency(t, "upload")?.quantile(0.5))),
    metric("upload_p99_ns", "upload p99", Unit::Nanoseconds, both_ways, |_, t| ns(latency(t, "upload")?.quantile(0.99))),
    main(metric("wire_bytes_per_message", "wire bytes per message", Unit::Bytes, talks, |c, t| per_message(c, t, wire_bytes(t)))),
    metric("socket_bytes_per_message", "socket bytes per message", Unit::Bytes, talks, |c, t| {
        per_message(c, t, Some(t.ledger.phase(Phase::Steady).socket_bytes.total() as f64))
    }),
    metric("overhead_bytes_per_message", "overhead per message", Unit::Bytes, talks, |c, t| {
        per_message(c, t, Some(wire_bytes(t)? - t.ledger.phase(Phase::Steady).payload_bytes.total() as f64))
    }),
    metric("overhead_fraction", "overhead's share of wire bytes", Unit::Share, talks, |_, t| {
        let payload = t.ledger.phase(Phase::Steady).payload_bytes.total() as f64;
        wire_bytes(t).filter(|wire| *wire > 0.0 && payload > 0.0).map(|wire| 1.0 - payload / wire)
    }),
    main(metric("wire_bytes_per_client_s", "wire bytes per client and second", Unit::Bytes, any, |_, t| {
        per_client_s(t, wire_bytes(t)?)
    })),
    main(metric("requests_per_message", "requests per message", Unit::Number, talks, |c, t| {
        per_message(c, t, Some(steady(t)?.requests as f64))
    })),
    metric("requests_per_client_s", "requests per client and second", Unit::PerSecond, any, |_, t| {
        per_client_s(t, steady(t)?.requests as f64)
    }),
    metric("empty_fraction", "polls that brought nothing", Unit::Share, pulls, |_, t| {
        let counters = steady(t)?;
        share(counters.empty_answers, polls(&counters))
    }),
    better(
        Better::Neither,
        metric("messages_per_answer", "messages per answer", Unit::Number, pulls, |_, t| {
            let counters = steady(t)?;
            share(counters.messages_in_answers, counters.full_answers)
        }),
    ),
    better(Better::Neither, metric("unparked_ns", "time without a parked poll", Unit::Nanoseconds, holds, |_, t| unparked_ns(t))),
    better(Better::Neither, metric("waking_ns", "time to wake a parked poll", Unit::Nanoseconds, holds, |_, t| waking_ns(t))),
    main(metric("server_cpu_us_per_message", "server CPU per message", Unit::Microseconds, talks, |c, t| {
        per_message(c, t, cpu_us(t.server.cpu_ns))
    })),
    main(metric("client_cpu_us_per_message", "client CPU per message", Unit::Microseconds, talks, |c, t| {
        per_message(c, t, cpu_us(t.client.cpu_ns))
    })),
    metric("server_cpu_us_per_client_s", "server CPU per client and second", Unit::Microseconds, any, |_, t| {
        per_client_s(t, cpu_us(t.server.cpu_ns)?)
    }),
    main(metric("server_kb_per_connection", "server memory per connection", Unit::Kilobytes, any, |_, t| {
        kb_per_connection(&t.server, |memory| memory.end_bytes, t.clients_held)
    })),
    metric("client_kb_per_connection", "load generator memory per connection", Unit::Kilobytes, are_many, |_, t| {
        // When the window begins, and every connection is warm: in it histograms are made, which are no part of a connection.
        kb_per_connection(&t.client, |memory| memory.window_bytes, t.clients_held)
    }),
    metric("kernel_kb_per_connection", "kernel memory per connection, both ends", Unit::Kilobytes, any, |_, t| {
        let bytes = t.machine.kernel_socket_bytes?;
        (t.clients_held >= MANY_FOR_THE_KERNEL).then(|| bytes as f64 / f64::from(t.clients_held) / 1000.0)
    }),
    metric("setup_bytes_per_connection", "set-up bytes per connection", Unit::Bytes, any, |_, t| {
        share(t.ledger.bytes(|entry| entry.phase == Phase::Setup), t.ledger.phase(Phase::Setup).connections)
    }),
    metric("connect_tcp_p50_ns", "TCP connect p50", Unit::Nanoseconds, any, |_, t| ns(latency(t, "connect_tcp")?.quantile(0.5))),
    metric(
        "connect_tls_p50_ns",
        "TLS handshake p50",
        Unit::Nanoseconds,
        any,
        |_, t| ns(latency(t, "connect_tls")?.quantile(0.5)),
    ),
    metric("connect_ready_p50_ns", "ready p50", Unit::Nanoseconds, any, |_, t| ns(latency(t, "connect_ready")?.quantile(0.5))),
    better(
        Better::Higher,
        metric("achieved_messages_per_s", "messages per second", Unit::PerSecond, talks, |c, t| {
            Some(messages(c, t)? / window_s(t)?)
        }),
    ),
    metric("recovery_p50_ns", "recovery p50", Unit::Nanoseconds, cut, |_, t| ns(latency(t, "recovery")?.quantile(0.5))),
    metric("recovery_p99_ns", "recovery p99", Unit::Nanoseconds, cut, |_, t| ns(latency(t, "recovery")?.quantile(0.99))),
    metric("recovery_max_ns", "slowest recovery", Unit::Nanoseconds, cut, |_, t| ns(latency(t, "recovery")?.max_ns)),
    metric("caught_up_p50_ns", "caught up p50", Unit::Nanoseconds, cut, |_, t| ns(latency(t, "caught_up")?.quantile(0.5))),
    better(
        Better::Neither,
        metric("interrupted", "interrupted clients", Unit::Count, cut, |_, t| Some(t.recovery?.interrupted as f64)),
    ),
    better(
        Better::Neither,
        metric("recovered", "recovered deliveries", Unit::Count, cut, |_, t| Some(t.recovery?.recovered as f64)),
    ),
    metric("missed", "missed deliveries", Unit::Count, cut, |_, t| Some(t.recovery?.missed as f64)),
    metric("lost", "lost", Unit::Count, any, |_, t| accounted(t, |a| a.lost)),
    metric("duplicated", "duplicated", Unit::Count, any, |_, t| accounted(t, |a| a.duplicated)),
    metric("reordered", "reordered", Unit::Count, any, |_, t| accounted(t, |a| a.reordered)),
    metric("corrupted", "corrupted", Unit::Count, any, |_, t| accounted(t, |a| a.corrupted)),
    better(Better::Neither, metric("late", "arrived after the window", Unit::Count, talks, |_, t| accounted(t, |a| a.late))),
    metric(
        "missed_polls",
        "missed polls",
        Unit::Count,
        |c| c.config.interval.is_some(),
        |_, t| (t.planned_polls > 0).then_some(t.missed_polls as f64),
    ),
];

fn any(_: &Cell) -> bool {
    true
}
fn are_many(cell: &Cell) -> bool {
    cell.clients >= MANY_CLIENTS
}
fn talks(cell: &Cell) -> bool {
    !matches!(cell.workload, Workload::Idle(_))
}
fn cut(cell: &Cell) -> bool {
    matches!(cell.workload, Workload::Reconnect(_))
}
fn both_ways(cell: &Cell) -> bool {
    matches!(cell.workload, Workload::Duplex(_) | Workload::Chat(_))
}
fn holds(cell: &Cell) -> bool {
    cell.config.hold.is_some()
}
fn pulls(cell: &Cell) -> bool {
    cell.config.transport.row().initiative == Initiative::Pull
}

fn ns(value: Option<u64>) -> Option<f64> {
    value.map(|ns| ns as f64)
}

fn latency<'a>(trial: &'a Trial, tag: &str) -> Option<&'a Latency> {
    trial.latencies.get(tag)
}

fn delivery(trial: &Trial, q: f64) -> Option<f64> {
    ns(latency(trial, DELIVERY)?.quantile(q))
}

fn service(trial: &Trial, q: f64) -> Option<f64> {
    ns(latency(trial, "service")?.quantile(q))
}

/// Counters of the measured window, if it took place.
fn steady(trial: &Trial) -> Option<Counters> {
    trial.ledger.phases.iter().find(|phase| phase.phase == Phase::Steady).map(|phase| phase.counters)
}

/// For each answer, how long its client had no request at the server that was held.
fn unparked_ns(trial: &Trial) -> Option<f64> {
    let counters = steady(trial)?;
    let clients_ns = trial.ledger.duration_ns(Phase::Steady) as f64 * f64::from(trial.clients_held);
    let answers = polls(&counters);
    (counters.parked_ns > 0 && answers > 0).then(|| (clients_ns - counters.parked_ns as f64).max(0.0) / answers as f64)
}

/// From a message until the parked poll that it wakes is answered with it.
fn waking_ns(trial: &Trial) -> Option<f64> {
    let counters = steady(trial)?;
    share(counters.waking_ns, counters.woken_polls)
}

/// Length of the measured window, s.
fn window_s(trial: &Trial) -> Option<f64> {
    Some(trial.ledger.duration_ns(Phase::Steady) as f64 / 1e9).filter(|&s| s > 0.0)
}

/// Messages that crossed the wire in the measured window, as the server counted them: down in `push`, `chat` and `reconnect`, up in `upload`, both in
/// `duplex`, round trips in `echo`. `None` if there were none.
pub fn messages(cell: &Cell, trial: &Trial) -> Option<f64> {
    let flow = steady(trial)?.messages;
    let number = match cell.workload {
        Workload::Push(_) | Workload::Echo(_) | Workload::Chat(_) | Workload::Reconnect(_) => flow.down,
        Workload::Upload(_) => flow.up,
        Workload::Duplex(_) => flow.total(),
        Workload::Idle(_) => 0,
    };
    (number > 0).then_some(number as f64)
}

/// Bytes of all layers, both directions, in the measured window, TCP/IP headers included, link headers not.
fn wire_bytes(trial: &Trial) -> Option<f64> {
    steady(trial)?;
    Some(trial.ledger.bytes(|entry| entry.phase == Phase::Steady) as f64)
}

/// Bytes of one layer per message in the measured window, both directions; for charts.
pub fn layer_bytes_per_message(cell: &Cell, trial: &Trial, layer: Layer) -> Option<f64> {
    let bytes = trial.ledger.bytes(|entry| entry.phase == Phase::Steady && entry.layer == layer);
    per_message(cell, trial, Some(bytes as f64))
}

/// Polls that were answered in the measured window, per client and second: of clients that send by POST beside their polls not all
/// of their requests; for what theory says of pollers.
pub fn polls_per_client_s(trial: &Trial) -> Option<f64> {
    per_client_s(trial, polls(&steady(trial)?) as f64)
}

/// Of all requests in the measured window, the share that are polls, 0 to 1: the others are POSTs.
pub fn polls_fraction(trial: &Trial) -> Option<f64> {
    let counters = steady(trial)?;
    share(polls(&counters).min(counters.requests), counters.requests)
}

fn polls(counters: &Counters) -> u64 {
    counters.empty_answers + counters.full_answers
}

fn per_message(cell: &Cell, trial: &Trial, total: Option<f64>) -> Option<f64> {
    Some(total? / messages(cell, trial)?)
}

fn per_client_s(trial: &Trial, total: f64) -> Option<f64> {
    (trial.clients_held > 0).then_some(total / f64::from(trial.clients_held) / window_s(trial)?)
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A process that worked for a whole window used some CPU time: 0 means that nobody read it.
fn cpu_us(cpu_ns: u64) -> Option<f64> {
    (cpu_ns > 0).then_some(cpu_ns as f64 / 1e3)
}

fn accounted(trial: &Trial, pick: fn(&Accounting) -> u64) -> Option<f64> {
    Some(pick(&trial.both_ways()) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn value(name: &str, arm: &str, change: impl FnOnce(&mut Cell, &mut Trial)) -> Option<f64> {
        let record = fixture::run().record.clone();
        let mut cell = record.plan.cells.iter().find(|cell| cell.config.name == arm).unwrap().clone();
        let mut trial = record.trials.iter().find(|trial| trial.cell == cell.index).unwrap().clone();
        change(&mut cell, &mut trial);
        Metric::named(name).unwrap().of(&cell, &trial)
    }

    #[test]
    fn every_threshold_metric_exists_here() {
        for name in wirecost_model::threshold::METRICS {
            assert!(Metric::named(&crate::stats::threshold::metric_name(name)).is_some(), "{name}");
        }
        for (position, metric) in METRICS.iter().enumerate() {
            assert!(METRICS[..position].iter().all(|other| other.name != metric.name), "{}", metric.name);
        }
    }

    #[test]
    fn what_was_not_measured_is_absent_and_never_zero() {
        assert_eq!(value("server_cpu_us_per_message", "sse", |_, t| t.server.cpu_ns = 0), None);
        assert_eq!(value("server_kb_per_connection", "sse", |_, t| t.server.anonymous = None), None);
        for (clients, kernel) in [(316, None), (1_000, Some(4.5))] {
            let told = |_: &mut Cell, t: &mut Trial| (t.clients_held, t.machine.kernel_socket_bytes) = (clients, Some(4_500_000));
            assert_eq!(value("kernel_kb_per_connection", "sse", told), kernel, "{clients}");
        }
        assert_eq!(value("delivery_p50_ns", "sse", |_, t| t.latencies.clear()), None);
        assert_eq!(value("delivery_p999_ns", "sse", |_, _| ()), None, "5,000 samples do not bear p99.9");
        assert_eq!(value("wire_bytes_per_message", "sse", |_, t| t.ledger.phases.clear()), None);
        assert_eq!(value("missed_polls", "sse", |_, _| ()), None);
        assert_eq!(value("empty_fraction", "websocket", |_, _| ()), None);
        // This one was measured, and is 0.
        assert_eq!(value("requests_per_message", "websocket", |_, _| ()), Some(0.0));
        assert_eq!(value("lost", "websocket", |_, _| ()), Some(0.0));
    }

    #[test]
    fn an_idle_cell_has_bytes_per_second_and_none_per_message() {
        let idle = |c: &mut Cell, _: &mut Trial| c.workload = Workload::Idle(Default::default());
        assert_eq!(value("wire_bytes_per_message", "sse", idle), None);
        assert!(value("wire_bytes_per_client_s", "sse", idle).unwrap() > 0.0);
    }

    #[test]
    fn bytes_per_message_are_the_sum_of_the_layers() {
        let record = fixture::run().record.clone();
        for trial in &record.trials {
            let cell = &record.plan.cells[trial.cell];
            let sum: f64 = Layer::ALL.iter().map(|&layer| layer_bytes_per_message(cell, trial, layer).unwrap()).sum();
            let whole = Metric::named("wire_bytes_per_message").unwrap().of(cell, trial).unwrap();
            assert!((sum - whole).abs() < 1e-6, "{sum} {whole}");
            let overhead = Metric::named("overhead_bytes_per_message").unwrap().of(cell, trial).unwrap();
            assert!((whole - overhead - 128.0).abs() < 1e-6);
        }
    }
}
