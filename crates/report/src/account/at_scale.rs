//! What it would cost at scale: unit costs that were measured, carried on as straight lines to the clients, the rate and the payload
//! that the scenario names.
//!
//! Each cost of a client is a line over its message rate, `per_client_s + rate × per_message`. For whoever asks at an interval the
//! polls are there whatever is said, so their heads, headers and CPU time stand in the first part; for the others all of it comes
//! with messages, but for the long polls whose hold ends. Who does not listen does not poll, whatever its transport: in `echo` and
//! `upload` every request is a message. How far a result lies beyond what was measured is part of it.
//! How a line would bend (batches, full cores, other hardware) is not known here and is not guessed.

use wirecost_model::scenario::{AtScale, Workload};
use wirecost_model::transport::Initiative;
use wirecost_model::{Cell, Layer, Phase, Record, TransportKind};

use super::median;
use crate::format;
use crate::stats::{Metric, metric};
use crate::table::{Column, Table};
use crate::view;

/// Payload of a full segment, and the bytes of its TCP and IP headers with timestamps, as in the private network.
const SEGMENT: [f64; 2] = [1448.0, 52.0];

/// Of an exchange, what does not grow with the answer's payload.
const HEADS_AND_RECORDS: [Layer; 5] =
    [Layer::RequestHead, Layer::ResponseHead, Layer::EmptyRequestHead, Layer::EmptyResponseHead, Layer::TlsRecord];

/// A cost of one client per second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Line {
    /// Whatever is said.
    pub per_client_s: f64,
    /// With each message.
    pub per_message: f64,
}

impl Line {
    /// Of all clients together, per second.
    pub fn at(self, clients: f64, rate: f64) -> f64 {
        clients * (self.per_client_s + rate * self.per_message)
    }
}

/// What a long poll asks when nothing comes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Holds {
    /// Least polls of a client per second: as many holds as there is room for. 0 for whoever is not held.
    pub least_per_client_s: f64,
    /// Polls that come with each message.
    pub per_message: f64,
    /// Bytes of a poll that comes beside these.
    pub bytes: f64,
    /// CPU time of the server for it, µs.
    pub cpu_us: Option<f64>,
}

impl Holds {
    /// Holds of a client that end per second without a message, at the least.
    pub fn ended(self, rate: f64) -> f64 {
        (self.least_per_client_s - rate * self.per_message).max(0.0)
    }
}

/// What an arm costs by the client, the second and the message. What was not measured is absent.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitCosts {
    /// What it is called.
    pub title: String,
    /// How its messages travel.
    pub transport: TransportKind,
    /// Bytes beside payload, both directions.
    pub overhead_bytes: Line,
    /// How often a message's payload crosses the wire: twice for an echo.
    pub payload_times: f64,
    /// Requests.
    pub requests: Line,
    /// Polls that come beside these.
    pub holds: Holds,
    /// CPU time of the server, µs.
    pub server_cpu_us: Option<Line>,
    /// Memory of the server process per connection, bytes.
    pub memory_bytes: Option<f64>,
    /// What was measured of this arm: clients, messages per client and second, payload. Least and most.
    pub measured: [[f64; 2]; 3],
    /// Payload of the cell that the costs are from, bytes.
    pub payload_bytes: f64,
}

/// What it would take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bill {
    /// Bits per second on the wire, both directions.
    pub bits_per_s: f64,
    /// Requests per second.
    pub requests_per_s: f64,
    /// Cores of the server.
    pub cores: Option<f64>,
    /// Memory of the server process, bytes.
    pub memory_bytes: Option<f64>,
    /// How many times beyond what was measured clients, rate and payload lie; 1 within.
    pub beyond: [f64; 3],
}

impl UnitCosts {
    /// Of a cell; `None` if its trials have no bytes and messages that count.
    pub fn of(record: &Record, cell: &Cell) -> Option<UnitCosts> {
        let own = |name: &str| Metric::named(name).and_then(|metric| median(record, cell, |trial| metric.of(cell, trial)));
        let rate = rate(record, cell)?;
        let layer = |layer: Layer| median(record, cell, |trial| metric::layer_bytes_per_message(cell, trial, layer));
        let (payload, framing) = (layer(Layer::Payload)?, layer(Layer::Framing).unwrap_or(0.0));
        let payload_bytes = cell.workload.payload()?.0 as f64;
        let rest = own("wire_bytes_per_message")? - payload - framing;
        let (requests, cpu_us) = (own("requests_per_message")?, own("server_cpu_us_per_message"));
        let polls = polls_fraction(record, cell)?;
        // What polls of the clock cost by the message they cost by the second at the rate that was measured.
        let paced = if cell.config.interval.is_some() { polls } else { 0.0 };
        let line = |by_message: f64| Line { per_client_s: by_message * rate * paced, per_message: by_message * (1.0 - paced) };
        let heads = line(rest);
        let of_a_request = |by_message: f64| if requests > 0.0 { by_message / requests } else { 0.0 };
        let heads_and_records = HEADS_AND_RECORDS.iter().filter_map(|one| layer(*one)).sum();
        let holds = cell.config.hold.filter(|_| polls > 0.0).map_or(Holds::default(), |hold| Holds {
            least_per_client_s: 1.0 / hold.seconds(),
            per_message: requests * polls,
            bytes: of_a_request(heads_and_records) + 2.0 * SEGMENT[1],
            cpu_us: cpu_us.map(of_a_request),
        });
        Some(UnitCosts {
            title: view::title(&record.plan, cell),
            transport: cell.config.transport,
            overhead_bytes: Line { per_message: heads.per_message + framing, ..heads },
            payload_times: payload / payload_bytes,
            requests: line(requests),
            holds,
            server_cpu_us: cpu_us.map(line),
            memory_bytes: own("server_kb_per_connection").filter(|kb| *kb > 0.0).map(|kb| kb * 1000.0),
            measured: measured(record, cell),
            payload_bytes,
        })
    }

    /// At a size.
    pub fn bill(&self, at: &AtScale) -> Bill {
        let (clients, rate) = (at.clients.0 as f64, at.rate.0);
        let payload = at.payload.map_or(self.payload_bytes, |size| size.0 as f64);
        let more_segments = ((payload - self.payload_bytes) / SEGMENT[0]).trunc() * SEGMENT[1];
        let carried = self.payload_times * (payload + more_segments);
        let ended = clients * self.holds.ended(rate);
        let bytes = self.overhead_bytes.at(clients, rate) + clients * rate * carried + ended * self.holds.bytes;
        let cores = |line: Line| (line.at(clients, rate) + ended * self.holds.cpu_us.unwrap_or(0.0)) / 1e6;
        let beyond = |value: f64, [least, most]: [f64; 2]| (value / most).max(least / value).max(1.0);
        Bill {
            bits_per_s: bytes * 8.0,
            requests_per_s: self.requests.at(clients, rate) + ended,
            cores: self.server_cpu_us.map(cores),
            memory_bytes: self.memory_bytes.map(|bytes| bytes * clients),
            beyond: [beyond(clients, self.measured[0]), beyond(rate, self.measured[1]), beyond(payload, self.measured[2])],
        }
    }
}

/// Of the requests of a cell's clients, the share that are polls. Where clients only listen there are no others, and where they do
/// not listen there are none.
fn polls_fraction(record: &Record, cell: &Cell) -> Option<f64> {
    match cell.workload {
        _ if cell.config.transport.row().initiative == Initiative::Push => Some(0.0),
        Workload::Push(_) | Workload::Reconnect(_) => Some(1.0),
        Workload::Duplex(_) | Workload::Chat(_) => median(record, cell, metric::polls_fraction),
        Workload::Echo(_) | Workload::Upload(_) | Workload::Idle(_) => Some(0.0),
    }
}

/// Messages of a client per second in the measured window.
fn rate(record: &Record, cell: &Cell) -> Option<f64> {
    median(record, cell, |trial| {
        let window_s = trial.ledger.duration_ns(Phase::Steady) as f64 / 1e9;
        let clients = f64::from(trial.clients_held);
        metric::messages(cell, trial).filter(|_| window_s > 0.0 && clients > 0.0).map(|n| n / clients / window_s)
    })
}

/// Least and most of what was measured of a cell's arm.
fn measured(record: &Record, cell: &Cell) -> [[f64; 2]; 3] {
    let same: Vec<&Cell> = record.plan.cells.iter().filter(|other| other.arm == cell.arm).collect();
    let range =
        |values: Vec<f64>| [values.iter().copied().fold(f64::INFINITY, f64::min), values.iter().copied().fold(0.0, f64::max)];
    [
        range(same.iter().map(|cell| f64::from(cell.clients)).collect()),
        range(same.iter().filter_map(|cell| rate(record, cell)).collect()),
        range(same.iter().filter_map(|cell| Some(cell.workload.payload()?.0 as f64)).collect()),
    ]
}

/// Every arm under the condition that the charts show.
pub fn arms(record: &Record) -> Vec<UnitCosts> {
    let Some(group) = view::rivals(&record.plan).pop() else { return Vec::new() };
    group.cells.iter().filter_map(|&index| UnitCosts::of(record, record.plan.cells.get(index)?)).collect()
}

/// What is asked, in words: `1,000,000 clients, each 1 message a second of 128 B`.
pub fn asked(at: &AtScale, arms: &[UnitCosts]) -> String {
    let payload = at.payload.map(|size| size.0 as f64).or_else(|| arms.first().map(|arm| arm.payload_bytes));
    let payload = payload.map_or(String::new(), |bytes| format!(" of {}", format::bytes(bytes)));
    let rate = if at.rate.0 == 1.0 { "1 message".to_string() } else { format!("{} messages", format::trimmed(at.rate.0)) };
    format!("{} clients, {rate} a second{payload} for each", format::count(at.clients.0))
}

/// What was found, in one sentence; `None` without two arms that differ in bandwidth.
pub fn sentence(at: &AtScale, arms: &[UnitCosts]) -> Option<String> {
    let bills: Vec<(&UnitCosts, Bill)> = arms.iter().map(|arm| (arm, arm.bill(at))).collect();
    let least = bills.iter().min_by(|a, b| a.1.bits_per_s.total_cmp(&b.1.bits_per_s))?;
    let most = bills.iter().max_by(|a, b| a.1.bits_per_s.total_cmp(&b.1.bits_per_s))?;
    (bills.len() > 1).then(|| {
        let words = |(arm, bill): &(&UnitCosts, Bill)| {
            let cores = bill.cores.map_or(String::new(), |cores| format!(" and {}", format_cores(cores)));
            format!("{} would take {} on the wire{cores}", arm.title, bits(bill.bits_per_s))
        };
        format!("At {}, {}; {}.", asked(at, arms), words(least), words(most))
    })
}

/// The loud mark: how far this lies beyond what was measured. `None` within.
pub fn warning(at: &AtScale, arms: &[UnitCosts]) -> Option<String> {
    let names = ["clients", "messages a client and second", "payload"];
    let mut parts = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let worst = arms.iter().map(|arm| (arm.bill(at).beyond[n], arm.measured[n])).max_by(|a, b| a.0.total_cmp(&b.0))?;
        // A rate that was drawn at random is never exactly that of the plan.
        if worst.0 > 1.1 {
            parts.push(format!("{name} lie {} from what was measured ({})", times(worst.0), shown_range(n, worst.1)));
        }
    }
    (!parts.is_empty()).then(|| format!("Extrapolated, not measured: {}.", format::list(&parts)))
}

/// A factor in words.
fn times(factor: f64) -> String {
    format!("a factor of {}", format::number(factor))
}

fn shown_range(which: usize, [least, most]: [f64; 2]) -> String {
    let show = |value: f64| match which {
        0 => format::fixed(value, 0),
        1 => format!("{}/s", format::number(value)),
        _ => format::bytes(value),
    };
    if least == most { show(most) } else { format!("{} to {}", show(least), show(most)) }
}

/// Bits per second: `1.48 Gbit/s`.
pub fn bits(per_s: f64) -> String {
    let (divisor, unit) = match per_s {
        v if v >= 999.5e9 => (1e12, "Tbit/s"),
        v if v >= 999.5e6 => (1e9, "Gbit/s"),
        v if v >= 999.5e3 => (1e6, "Mbit/s"),
        _ => (1e3, "kbit/s"),
    };
    format!("{} {unit}", format::number(per_s / divisor))
}

fn format_cores(cores: f64) -> String {
    format!("{} cores", format::number(cores))
}

/// The bill of every arm.
pub fn table(at: &AtScale, arms: &[UnitCosts]) -> Table {
    let mut table = Table::new(vec![
        Column::words("arm"),
        Column::numbers("wire, both directions", ""),
        Column::numbers("requests", "/s"),
        Column::numbers("server CPU", "cores"),
        Column::numbers("server memory", ""),
    ]);
    for arm in arms {
        let bill = arm.bill(at);
        table.push(vec![
            arm.title.clone(),
            bits(bill.bits_per_s),
            format::number(bill.requests_per_s),
            bill.cores.map_or("–".into(), format::number),
            bill.memory_bytes.map_or("–".into(), format::bytes),
        ]);
    }
    table
}

/// The unit costs that the bill is made of.
pub fn unit_table(arms: &[UnitCosts]) -> Table {
    let mut table = Table::new(vec![
        Column::words("arm"),
        Column::numbers("bytes per client and second", "B"),
        Column::numbers("bytes beside payload per message", "B"),
        Column::numbers("requests per client and second", ""),
        Column::numbers("requests per message", ""),
        Column::numbers("CPU per client and second", "µs"),
        Column::numbers("CPU per message", "µs"),
        Column::numbers("memory per connection", "kB"),
        Column::words("measured with"),
    ]);
    for arm in arms {
        let idle = arm.holds.ended(0.0);
        let cpu = |pick: &dyn Fn(Line) -> f64| arm.server_cpu_us.map_or("–".into(), |line| format::number(pick(line)));
        let ranges: Vec<String> = (0..3).map(|n| shown_range(n, arm.measured[n])).collect();
        table.push(vec![
            arm.title.clone(),
            format::number(arm.overhead_bytes.per_client_s + idle * arm.holds.bytes),
            format::number(arm.overhead_bytes.per_message),
            format::number(arm.requests.per_client_s + idle),
            format::number(arm.requests.per_message),
            cpu(&|line| line.per_client_s + idle * arm.holds.cpu_us.unwrap_or(0.0)),
            cpu(&|line| line.per_message),
            arm.memory_bytes.map_or("–".into(), |bytes| format::number(bytes / 1000.0)),
            format!("{} clients, {} each, {}", ranges[0], ranges[1], ranges[2]),
        ]);
    }
    table
}

/// The formulas, and what they leave out.
pub const READING: &str = "wire = clients × (bytes per client and second + rate × (payload + bytes beside payload per message)); requests and cores likewise; memory = clients × memory per connection. A poller's polls come whether or not there is a message, so their costs stand by the second; where clients send by POST beside them, bytes and CPU time are shared out by the number of requests. Of a long poll it is holds that end without a message which stand by the second, less the polls that come with messages; such a poll was not measured by itself, and is taken to have the heads and records of a measured request, two headers of 52 B, and the CPU time of that request, in which the work of its messages is. Payload beyond that measured adds 52 B of headers for each further 1,448 B and no CPU time. Straight lines: no room for peaks, no load balancer, no other machine, no batches that would make polls cheaper. Memory is that of the server process; the kernel's sockets come on top.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use wirecost_model::scenario::Many;
    use wirecost_model::units::{Rate, Size};

    fn arm(title: &str) -> UnitCosts {
        arms(&fixture::run().record).into_iter().find(|arm| arm.title == title).unwrap()
    }

    fn at(clients: u64, rate: f64, payload: Option<u64>) -> AtScale {
        AtScale { clients: Many(clients), rate: Rate(rate), payload: payload.map(Size) }
    }

    #[test]
    fn at_the_size_that_was_measured_the_bill_is_what_was_measured() {
        let record = &fixture::run().record;
        for cell in &record.plan.cells {
            let costs = UnitCosts::of(record, cell).unwrap();
            let own = |name: &str| median(record, cell, |trial| Metric::named(name).unwrap().of(cell, trial)).unwrap();
            let rate = rate(record, cell).unwrap();
            let bill = costs.bill(&at(u64::from(cell.clients), rate, None));
            let near = |a: f64, b: f64| assert!((a - b).abs() <= 0.02 * b.abs().max(1e-9), "{}: {a} {b}", costs.title);
            near(bill.bits_per_s / 8.0, own("wire_bytes_per_client_s") * f64::from(cell.clients));
            near(bill.cores.unwrap() * 1e6, own("server_cpu_us_per_client_s") * f64::from(cell.clients));
            assert!(bill.beyond.iter().all(|factor| *factor < 1.0 + 1e-9), "{:?}", bill.beyond);
        }
    }

    #[test]
    fn a_poller_asks_whatever_is_said_and_a_push_transport_does_not() {
        let (poll, push) = (arm("Short polling 1 s"), arm("WebSocket"));
        let (slow, fast) = (at(1000, 0.001, None), at(1000, 10.0, None));
        assert_eq!(poll.bill(&slow).requests_per_s, poll.bill(&fast).requests_per_s);
        assert!((poll.bill(&slow).requests_per_s - 1000.0).abs() < 60.0);
        assert!((push.bill(&fast).bits_per_s / push.bill(&slow).bits_per_s - 10_000.0).abs() < 1.0);
        assert_eq!(push.bill(&fast).requests_per_s, 0.0);
        // A long poll to which nothing comes ends its hold of 25 s and asks again.
        assert!((arm("Long polling").bill(&at(1000, 1e-6, None)).requests_per_s - 40.0).abs() < 1e-9);
    }

    /// The fixture's record with every client's POSTs: so many by each in the window, and the workload that they are of.
    fn with_posts(workload: &str, posts: u64) -> Record {
        let mut record = fixture::run().record.clone();
        let workload: Workload = serde_json::from_str(workload).unwrap();
        record.plan.cells.iter_mut().for_each(|cell| cell.workload = workload.clone());
        for trial in &mut record.trials {
            let pulls = record.plan.cells[trial.cell].config.transport.row().initiative == Initiative::Pull;
            let steady = trial.ledger.phases.iter_mut().find(|phase| phase.phase == Phase::Steady).unwrap();
            let messages = posts * u64::from(trial.clients_held);
            steady.counters.messages.up += messages;
            steady.counters.payload_bytes.up += 128 * messages;
            if pulls {
                steady.counters.requests += messages;
            }
        }
        record
    }

    #[test]
    fn who_does_not_listen_does_not_poll() {
        for workload in [r#"{ "echo": {} }"#, r#"{ "upload": { "rate": "20/s" } }"#] {
            let mut record = with_posts(workload, 100);
            // Every request is a message's.
            let phases = record.trials.iter_mut().flat_map(|trial| &mut trial.ledger.phases);
            phases.for_each(|phase| phase.counters.requests = phase.counters.messages.up);
            for arm in &arms(&record)[..3] {
                let bill = |rate: f64| arm.bill(&at(1000, rate, None));
                assert_eq!((bill(1e-6).requests_per_s, bill(7.0).requests_per_s), (1e-3, 7000.0), "{workload}, {}", arm.title);
                let growth = bill(10.0).bits_per_s / bill(1.0).bits_per_s;
                let cores = bill(10.0).cores.unwrap() / bill(1.0).cores.unwrap();
                assert!((growth - 10.0).abs() < 1e-9 && (cores - 10.0).abs() < 1e-9, "{workload}, {}", arm.title);
            }
        }
    }

    #[test]
    fn in_duplex_polls_come_by_the_second_and_posts_by_the_message() {
        // 20 messages a second to each of 50 clients, and 4 from each: one message in six is a POST.
        let record = with_posts(r#"{ "duplex": { "down": "20/s", "up": "4/s" } }"#, 20);
        let all = arms(&record);
        let requests = |arm: usize, rate: f64| all[arm].bill(&at(1000, rate, None)).requests_per_s;
        for (arm, polls) in [(0, 1000.0), (1, 10_000.0)] {
            for rate in [0.0, 24.0, 240.0] {
                let expected = polls + 1000.0 * rate / 6.0;
                assert!((requests(arm, rate) / expected - 1.0).abs() < 0.01, "{arm} {rate}: {}", requests(arm, rate));
            }
        }
        // Of a long poll no more holds end than messages leave room for: POSTs end none.
        let polls_per_message = all[2].holds.per_message;
        assert!(all[2].requests.per_message > polls_per_message + 0.16 && polls_per_message < 0.84, "{:?}", all[2]);
        for cell in &record.plan.cells {
            let (costs, rate) = (UnitCosts::of(&record, cell).unwrap(), rate(&record, cell).unwrap());
            let bill = costs.bill(&at(u64::from(cell.clients), rate, None));
            let measured = median(&record, cell, |t| Metric::named("wire_bytes_per_client_s").unwrap().of(cell, t)).unwrap();
            assert!((bill.bits_per_s / 8.0 / 50.0 / measured - 1.0).abs() < 0.02, "{}", costs.title);
        }
    }

    #[test]
    fn a_hold_that_ends_is_billed_in_bytes_and_cpu_time_too() {
        let mut record = fixture::run().record.clone();
        let bill = |record: &Record| arms(record)[2].bill(&at(1000, 1e-9, None));
        // Heads of 96 and 131 bytes and two headers of 52; 18 µs a request and 5 a message, times 0.97 to 1.03.
        let parked = bill(&record);
        assert!((parked.bits_per_s / 8.0 - 40.0 * (96.0 + 131.0 + 104.0)).abs() < 1.0, "{parked:?}");
        assert!((parked.cores.unwrap() * 1e6 / 40.0 - 23.5).abs() < 1.0, "{parked:?}");
        let row = &unit_table(&arms(&record)).rows[2];
        assert_eq!((row[1].as_str(), row[3].as_str()), ("13.2", "0.0400"), "{row:?}");
        // Where messages end every hold there is nothing beside them.
        let arm = &arms(&record)[2];
        assert_eq!(arm.bill(&at(1000, 20.0, None)).requests_per_s, arm.requests.at(1000.0, 20.0));
        record.trials.iter_mut().for_each(|trial| trial.server.cpu_ns = 0);
        assert_eq!(bill(&record).cores, None);
    }

    #[test]
    fn payload_is_carried_as_often_as_it_was() {
        let push = arm("WebSocket");
        let bits = |payload| push.bill(&at(1, 1.0, Some(payload))).bits_per_s;
        assert!((bits(1128) - bits(128) - 8000.0).abs() < 1e-6);
        assert!((bits(128 + 2896) - bits(128) - 8.0 * (2896.0 + 104.0)).abs() < 1e-6);
    }

    #[test]
    fn what_lies_beyond_the_measured_range_is_said_loudly() {
        let arms = arms(&fixture::run().record);
        let text = warning(&at(1_000_000, 1.0, Some(4096)), &arms).unwrap();
        assert!(text.contains("a factor of 20,000") && text.contains("(50)") && text.contains("payload"), "{text}");
        assert_eq!(warning(&at(50, 20.0, None), &arms), None);
        let axes = super::arms(&fixture::run_over_axes().record);
        assert_eq!(axes[0].measured[0], [10.0, 120.0], "all points of the axes were measured");
    }

    #[test]
    fn what_was_not_measured_is_absent() {
        let mut record = fixture::run().record.clone();
        record.trials.iter_mut().for_each(|trial| (trial.server.cpu_ns, trial.server.anonymous) = (0, None));
        let bill = arms(&record)[0].bill(&at(10, 1.0, None));
        assert_eq!((bill.cores, bill.memory_bytes), (None, None));
        record.trials.clear();
        assert!(arms(&record).is_empty());
    }
}
