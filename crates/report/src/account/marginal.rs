//! What one message more costs in CPU time, and one connection more in memory: slopes through all trials along an axis.
//!
//! A ratio over one window contains a share of what a process does anyway: its timers, the polls that bring nothing, the
//! reading of counters. A slope does not; that part is the line's height at 0, and is told beside it. Along the window's length
//! the question is another: does the hundred-thousandth message cost what the hundredth does?

use wirecost_model::record::Trial;
use wirecost_model::{Cell, Phase, Plan, Record};

use crate::format;
use crate::stats::counting;
use crate::stats::metric::messages;
use crate::stats::slope::{self, Fit};
use crate::table::{Column, Table};
use crate::view;

/// One arm along an axis.
#[derive(Debug, Clone)]
pub struct Slopes {
    /// Its title.
    pub title: String,
    /// Of the server process.
    pub server: Fit,
    /// Beside it: the load generator's CPU time, or the kernel's memory. Absent where it was not read.
    pub other: Option<Fit>,
}

/// A trial as a point (x, y).
type Point<'a> = &'a dyn Fn(&Cell, &Trial) -> Option<(f64, f64)>;

/// Fits an arm's trials that count, each a point: of the server, and of the other.
fn fits(record: &Record, axis: &str, point: Point<'_>, other: Point<'_>) -> Vec<Slopes> {
    let through = |cells: &[&Cell], of: Point<'_>| {
        let points: Vec<(f64, f64)> = cells
            .iter()
            .flat_map(|cell| counting(cell.index, &record.trials).into_iter().filter_map(|trial| of(cell, trial)))
            .collect();
        slope::fit(&points)
    };
    view::along(&record.plan, axis)
        .into_iter()
        .filter_map(|view::Series { title, cells }| {
            Some(Slopes { title, server: through(&cells, point)?, other: through(&cells, other) })
        })
        .collect()
}

/// What a plan sweeps that makes more messages of more CPU time.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Amount<'a> {
    /// Messages a second, along the axis of rates, or that of clients, each of whom gets messages.
    Second(&'a str),
    /// Messages of a whole window, along the axis of its length.
    Window(&'a str),
}

/// The axis that CPU slopes go along. Of several, one on which what a process does anyway by the second stands still.
fn amount(plan: &Plan) -> Amount<'_> {
    let clients = || plan.cells.iter().any(|cell| cell.point.contains_key("clients")).then_some("clients");
    match (view::rate_axis(plan).or_else(clients), view::window_axis(plan)) {
        (None, Some(axis)) => Amount::Window(axis),
        (axis, _) => Amount::Second(axis.unwrap_or("clients")),
    }
}

/// CPU time over messages, both of a second or both of a window, so that the slope is µs per message; empty without an axis that
/// has more of them.
pub fn cpu(record: &Record) -> Vec<Slopes> {
    let amount = amount(&record.plan);
    let point = |cell: &Cell, trial: &Trial, cpu_ns: u64| {
        let window_s = trial.ledger.duration_ns(Phase::Steady) as f64 / 1e9;
        let by = if matches!(amount, Amount::Window(_)) { 1.0 } else { window_s };
        (cpu_ns > 0 && window_s > 0.0).then_some((messages(cell, trial)? / by, cpu_ns as f64 / 1e3 / by))
    };
    let (Amount::Second(axis) | Amount::Window(axis)) = amount;
    fits(record, axis, &|c, t| point(c, t, t.server.cpu_ns), &|c, t| point(c, t, t.client.cpu_ns))
}

/// Memory over connections: kB asked for since before any client came, against clients, so the slope is kB per connection. Empty
/// without an axis of clients.
pub fn memory(record: &Record) -> Vec<Slopes> {
    fits(
        record,
        "clients",
        &|_, t| {
            let memory = t.server.anonymous?;
            Some((f64::from(t.clients_held), (memory.end_bytes as f64 - memory.before_bytes as f64) / 1e3))
        },
        &|_, t| Some((f64::from(t.clients_held), t.machine.kernel_socket_bytes? as f64 / 1e3)),
    )
}

/// `5.10 µs (4.90–5.30)`.
fn shown(fit: &Fit, unit: &str) -> String {
    let d = format::decimals(fit.slope);
    let interval = fit.interval.map_or(String::new(), |ends| {
        let [low, high] = ends.map(|end| format::fixed(end, d));
        // With a minus a dash between the ends could not be read.
        format!(" ({low}{}{high})", if ends[0] < 0.0 { " to " } else { "–" })
    });
    format!("{} {unit}{interval}", format::number(fit.slope))
}

/// The least and the most of several.
fn range(all: &[Slopes], unit: &str) -> Option<String> {
    let by = |a: &&Slopes, b: &&Slopes| a.server.slope.total_cmp(&b.server.slope);
    let (least, most) = (all.iter().min_by(by)?, all.iter().max_by(by)?);
    let of = |slopes: &Slopes| format!("{} with {}", shown(&slopes.server, unit), slopes.title);
    Some(if least.title == most.title { of(least) } else { format!("{} and {}", of(least), of(most)) })
}

/// What one message more costs, least and most; `None` without an axis that has more of them.
pub fn cpu_sentence(record: &Record) -> Option<String> {
    let (more, anyway) = match amount(&record.plan) {
        Amount::Second(_) => ("one message more", "what it does anyway is set aside"),
        // A longer window has more of the seconds, too.
        Amount::Window(_) => ("one message more of a longer window", "what it does anyway by the second is in that"),
    };
    Some(format!("Of CPU time, {more} costs the server {}; {anyway}.", range(&cpu(record), "µs")?))
}

/// What one connection more costs, least and most; `None` without an axis of clients.
pub fn memory_sentence(record: &Record) -> Option<String> {
    Some(format!("Of the server's memory, one connection more takes {}.", range(&memory(record), "kB")?))
}

fn table(all: &[Slopes], words: [&str; 2], unit: &str, at_zero_unit: &str) -> Option<Table> {
    let mut columns = vec![Column::words("arm"), Column::numbers("trials", "")];
    for word in words {
        columns.extend([
            Column::numbers(word, unit),
            Column::numbers("95 % interval", unit),
            Column::numbers("at zero", at_zero_unit),
            Column::numbers("exponent", ""),
        ]);
    }
    let mut table = Table::new(columns);
    for slopes in all {
        let mut row = vec![slopes.title.clone(), slopes.server.points.to_string()];
        for fit in [Some(&slopes.server), slopes.other.as_ref()] {
            let interval = fit.and_then(|fit| {
                let [low, high] = fit.interval?.map(|end| format::fixed(end, format::decimals(fit.slope)));
                Some(format!("{low} to {high}"))
            });
            row.push(fit.map_or("–".into(), |fit| format::number(fit.slope)));
            row.push(interval.unwrap_or_else(|| "–".into()));
            row.push(fit.map_or("–".into(), |fit| format::number(fit.at_zero)));
            row.push(fit.and_then(|fit| fit.exponent).map_or("–".into(), |p| format::fixed(p, 2)));
        }
        table.push(row);
    }
    (!table.rows.is_empty()).then_some(table)
}

/// The CPU slopes as a table; `None` without an axis that has more messages.
pub fn cpu_table(record: &Record) -> Option<Table> {
    let at_zero_unit = match amount(&record.plan) {
        Amount::Second(_) => "µs per second",
        Amount::Window(_) => "µs",
    };
    table(&cpu(record), ["server", "load generator"], "µs per message", at_zero_unit)
}

/// The memory slopes as a table; `None` without an axis of clients.
pub fn memory_table(record: &Record) -> Option<Table> {
    table(&memory(record), ["server", "kernel, both ends"], "kB per connection", "kB")
}

/// What both tables' words mean.
pub const READING: &str = "Straight lines by least squares through all trials that count, other axes at their last value. \"At zero\" is the line's height at 0: what is used without a message, or without a connection, and is not in the slope. The exponent p is that of cost ∝ amount^p, where the amount grows tenfold or more: 1 is cost by the piece, less is a height at 0 or work done in batches, more is cost that grows faster than the amount. Where the window's length is swept, amount and CPU time are those of whole windows: the height at 0 is what a window takes once, what is done anyway by the second is in the slope, and an exponent of 1 says that the last message of the longest window costs what the messages of the shortest do. CPU time includes that of the kernel on the process's behalf.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn slopes_are_those_that_the_fixture_was_made_with() {
        let record = &fixture::run_over_axes().record;
        let cpu = cpu(record);
        // 5 µs a delivery, times 0.97 to 1.03, and a height at 0 of 2 ms over five seconds.
        let websocket = &cpu.iter().find(|slopes| slopes.title == "WebSocket").unwrap().server;
        let [low, high] = websocket.interval.unwrap();
        assert!(low < 5.0 && 5.0 < high && websocket.points == 12, "{websocket:?}");
        // Each long poll is a request of 18 µs more.
        assert!(cpu.iter().find(|slopes| slopes.title == "Long polling").unwrap().server.slope > 20.0);
        let memory = memory(record);
        let websocket = memory.iter().find(|slopes| slopes.title == "WebSocket").unwrap();
        assert!(
            (websocket.server.slope / 11.5 - 1.0).abs() < 0.1 && (websocket.other.as_ref().unwrap().slope - 9.6).abs() < 1e-6
        );
    }

    #[test]
    fn sentences_and_tables() {
        let record = &fixture::run_over_axes().record;
        let parts = [
            cpu_sentence(record).unwrap(),
            memory_sentence(record).unwrap(),
            cpu_table(record).unwrap().markdown(),
            memory_table(record).unwrap().markdown(),
        ];
        insta::assert_snapshot!(parts.join("\n\n"));
    }

    #[test]
    fn along_the_windows_length_messages_and_cpu_time_are_those_of_a_window() {
        for key in ["measure", "trial.measure"] {
            let mut record = fixture::of(&fixture::WINDOWS.replace("measure:", &format!("{key}:"))).record;
            let at = |record: &Record, title: &str| cpu(record).into_iter().find(|slopes| slopes.title == title).unwrap();
            // 5 µs a delivery, times 0.97 to 1.03, and 2 ms once a window: from 400 deliveries to 4,000.
            let Slopes { server, other, .. } = at(&record, "WebSocket");
            let [low, high] = server.interval.unwrap();
            assert!(low < 5.0 && 5.0 < high && server.points == 12 && other.is_some(), "{server:?}");
            assert!((server.at_zero - 2000.0).abs() < 400.0, "{server:?}");
            // Half of a short window's CPU time is the height at 0.
            assert!(server.exponent.unwrap() < 0.9, "{server:?}");
            let table = cpu_table(&record).unwrap();
            assert_eq!((table.columns[2].unit.as_str(), table.columns[4].unit.as_str()), ("µs per message", "µs"));
            let sentence = cpu_sentence(&record).unwrap();
            assert!(sentence.starts_with("Of CPU time, one message more of a longer window costs the server "), "{sentence}");
            assert!(memory_table(&record).is_none());
            // What each message costs more than the one before is seen in the exponent.
            for trial in &mut record.trials {
                let n = messages(&record.plan.cells[trial.cell], trial).unwrap();
                trial.server.cpu_ns = (5_000.0 * n.powf(1.3)) as u64;
            }
            assert!((at(&record, "WebSocket").server.exponent.unwrap() - 1.3).abs() < 1e-6);
        }
    }

    #[test]
    fn where_rate_or_clients_are_swept_too_the_windows_length_is_held() {
        let yaml = fixture::WINDOWS.replace("axes: {", "axes: { clients: [10, 40],");
        let record = fixture::of(&yaml).record;
        let websocket = cpu(&record).pop().unwrap();
        assert_eq!((amount(&record.plan), websocket.server.points), (Amount::Second("clients"), 12));
        assert!((websocket.server.slope - 5.0).abs() < 0.3, "{websocket:?}");
        assert_eq!(cpu_table(&record).unwrap().columns[4].unit, "µs per second");
    }

    #[test]
    fn without_axes_there_is_no_slope() {
        let record = &fixture::run().record;
        assert!(cpu_sentence(record).is_none() && memory_table(record).is_none());
    }
}
