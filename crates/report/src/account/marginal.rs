//! What one message more costs in CPU time, and one connection more in memory: slopes through all trials along an axis.
//!
//! A ratio over one window contains a share of what a process does anyway: its timers, the polls that bring nothing, the
//! reading of counters. A slope does not; that part is the line's height at 0, and is told beside it.

use wirecost_model::record::Trial;
use wirecost_model::{Cell, Phase, Record};

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

/// Fits an arm's trials that count, each a point (x, y).
fn fits(
    record: &Record,
    axis: &str,
    point: fn(&Cell, &Trial) -> Option<(f64, f64)>,
    other: fn(&Cell, &Trial) -> Option<(f64, f64)>,
) -> Vec<Slopes> {
    let through = |cells: &[&Cell], of: fn(&Cell, &Trial) -> Option<(f64, f64)>| {
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

/// CPU time over messages: µs a second against messages a second, so the slope is µs per message. Along the axis of rates, or
/// that of clients, each of whom gets messages; empty without either.
pub fn cpu(record: &Record) -> Vec<Slopes> {
    fn point(cell: &Cell, trial: &Trial, cpu_ns: u64) -> Option<(f64, f64)> {
        let window_s = trial.ledger.duration_ns(Phase::Steady) as f64 / 1e9;
        (cpu_ns > 0 && window_s > 0.0).then_some((messages(cell, trial)? / window_s, cpu_ns as f64 / 1e3 / window_s))
    }
    let axis = view::rate_axis(&record.plan).unwrap_or("clients");
    fits(record, axis, |c, t| point(c, t, t.server.cpu_ns), |c, t| point(c, t, t.client.cpu_ns))
}

/// Memory over connections: kB grown since before any client came, against clients, so the slope is kB per connection. Empty
/// without an axis of clients.
pub fn memory(record: &Record) -> Vec<Slopes> {
    fits(
        record,
        "clients",
        |_, t| {
            let read = t.server.rss_bytes > 0 && t.server.rss_before_bytes > 0;
            read.then(|| (f64::from(t.clients_held), (t.server.rss_bytes as f64 - t.server.rss_before_bytes as f64) / 1e3))
        },
        |_, t| Some((f64::from(t.clients_held), t.machine.kernel_socket_bytes? as f64 / 1e3)),
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

/// What one message more costs, least and most; `None` without an axis of rates or clients.
pub fn cpu_sentence(record: &Record) -> Option<String> {
    Some(format!(
        "Of CPU time, one message more costs the server {}; what it does anyway is set aside.",
        range(&cpu(record), "µs")?
    ))
}

/// What one connection more costs, least and most; `None` without an axis of clients.
pub fn memory_sentence(record: &Record) -> Option<String> {
    Some(format!("Of the server's memory, one connection more takes {}.", range(&memory(record), "kB")?))
}

fn table(all: &[Slopes], words: [&str; 2], unit: &str, base_unit: &str) -> Option<Table> {
    let mut columns = vec![Column::words("arm"), Column::numbers("trials", "")];
    for word in words {
        columns.extend([
            Column::numbers(word, unit),
            Column::numbers("95 % interval", unit),
            Column::numbers("baseline", base_unit),
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
            row.push(fit.map_or("–".into(), |fit| format::number(fit.base)));
            row.push(fit.and_then(|fit| fit.exponent).map_or("–".into(), |p| format::fixed(p, 2)));
        }
        table.push(row);
    }
    (!table.rows.is_empty()).then_some(table)
}

/// The CPU slopes as a table; `None` without an axis of rates or clients.
pub fn cpu_table(record: &Record) -> Option<Table> {
    table(&cpu(record), ["server", "load generator"], "µs per message", "µs per second")
}

/// The memory slopes as a table; `None` without an axis of clients.
pub fn memory_table(record: &Record) -> Option<Table> {
    table(&memory(record), ["server", "kernel, both ends"], "kB per connection", "kB")
}

/// What both tables' words mean.
pub const READING: &str = "Straight lines by least squares through all trials that count, other axes at their last value. The baseline is the line's height at 0: what is used without a message, or without a connection, and is not in the slope. The exponent p is that of cost ∝ amount^p, where the amount grows tenfold or more: 1 is cost by the piece, less is a baseline or work done in batches, more is cost that grows faster than the amount. CPU time includes that of the kernel on the process's behalf.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn slopes_are_those_that_the_fixture_was_made_with() {
        let record = &fixture::run_over_axes().record;
        let cpu = cpu(record);
        // 5 µs a delivery, times 0.97 to 1.03, and 2 ms of baseline over five seconds.
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
    fn without_axes_there_is_no_slope() {
        let record = &fixture::run().record;
        assert!(cpu_sentence(record).is_none() && memory_table(record).is_none());
    }
}
