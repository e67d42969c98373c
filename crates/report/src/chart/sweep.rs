//! Small multiples over an axis: how latency, bytes, CPU and requests change along it. For the axis that has no chart of its own,
//! such as payload; else for clients.

use wirecost_model::Record;

use super::axis::Frame;
use super::curve::{self, Line, Panel};
use super::{Absent, Chart, Drawn, Size, both};
use crate::format;
use crate::load::Run;
use crate::stats::Metric;
use crate::table::{Column, Table};
use crate::view;

const WHAT: &str = "metrics over an axis";

/// A label of an axis.
type Tick = fn(f64) -> String;

/// What is drawn, if it was measured, with its name and the labels of its axis.
type Row = (&'static str, &'static str, Tick);

const LATENCY: Row = ("delivery_p50_ns", "delivery p50 (log)", format::duration_tick);
const CPU: Row = ("server_cpu_us_per_message", "server CPU per message, µs", format::trimmed);

/// Over most axes.
const PANELS: [Row; 5] = [
    LATENCY,
    ("wire_bytes_per_message", "wire bytes per message (log)", format::bytes_tick),
    CPU,
    ("wire_bytes_per_client_s", "wire bytes per client·s (log)", format::bytes_tick),
    ("server_cpu_us_per_client_s", "server CPU per client·s, µs", format::trimmed),
];

/// Over payload, where bytes grow by themselves and what matters is the rest.
const PAYLOAD_PANELS: [Row; 3] = [("overhead_fraction", "overhead's share of wire bytes", format::percent), LATENCY, CPU];

/// The axis: of those that are shared, numeric and have two values, the one without a chart of its own.
fn axis(record: &Record) -> Option<String> {
    let axes: Vec<String> =
        view::shared_axes(&record.plan).into_iter().filter(|axis| curve::values(&record.plan, axis).len() >= 2).collect();
    let own = |axis: &String| axis == "clients" || matches!(axis.rsplit('.').next(), Some("rate" | "down" | "up"));
    axes.iter().find(|axis| !own(axis)).or(axes.first()).cloned()
}

/// Draws it.
pub fn draw(run: &Run, prefix: &str) -> Drawn {
    let record = &run.record;
    let axis = axis(record).ok_or_else(|| Absent::of(WHAT, "the plan sweeps no number that all arms share"))?;
    let ticks = curve::values(&record.plan, &axis);
    let rows: &[Row] = if view::axis_label(&axis) == "payload" { &PAYLOAD_PANELS } else { &PANELS };
    let panels: Vec<(Row, Vec<Line>)> = rows
        .iter()
        .map(|row| (*row, curve::lines(record, &axis, curve::metric(record, row.0))))
        .filter(|(_, lines)| !lines.is_empty())
        .take(3)
        .collect();
    let Some((first, lines)) = panels.first() else { return Err(Absent::of(WHAT, "nothing was measured at two of its points")) };
    let label = view::axis_label(&axis);
    let (from, to) = (&ticks[0].1, &ticks[ticks.len() - 1].1);
    let Some(metric) = Metric::named(first.0) else { return Err(Absent::of(WHAT, "its metric is not of this version")) };
    let ends = |line: &Line| line.points.first().zip(line.points.last()).map(|(a, b)| (a.1, b.1));
    // From nothing to nothing is no growth.
    let growth = |line: &&Line| ends(line).filter(|(a, b)| *a > 0.0 || *b > 0.0).map_or(1.0, |(a, b)| b / a);
    let change = |line: &Line| {
        let (a, b) = ends(line).unwrap_or_default();
        format!("from {} to {} with {}", metric.unit.show(a), metric.unit.show(b), line.title)
    };
    let by = |a: &&Line, b: &&Line| growth(a).total_cmp(&growth(b));
    let title = match (lines.iter().min_by(by), lines.iter().max_by(by)) {
        (Some(least), Some(most)) if least.title != most.title => {
            format!("From {label} {from} to {to}, {} goes {}, and {}", metric.label, change(least), change(most))
        }
        (Some(only), _) => format!("From {label} {from} to {to}, {} goes {}", metric.label, change(only)),
        _ => format!("Over {label}"),
    };
    let reading = format!("Medians over trials at each value of {label}; other axes are held at their last value.");
    let mut columns = vec![Column::words("metric"), Column::words("arm")];
    columns.extend(ticks.iter().map(|(_, text)| Column::numbers(&format!("{label} {text}"), "")));
    let mut table = Table::new(columns);
    for (row, lines) in &panels {
        let Some(metric) = Metric::named(row.0) else { continue };
        for line in lines {
            let mut row = vec![metric.label.to_string(), line.title.clone()];
            row.extend(
                ticks
                    .iter()
                    .map(|(at, _)| line.points.iter().find(|p| p.0 == *at).map_or("–".into(), |p| metric.unit.show(p.1))),
            );
            table.push(row);
        }
    }
    let id = format!("{prefix}sweep");
    const EACH: f64 = 250.0;
    let height = |size: Size| {
        let rows = if size.narrow { panels.len() } else { 1 };
        rows as f64 * EACH + 18.0 * lines.len() as f64 + 12.0
    };
    let (wide, narrow) = both(&id, &title, &reading, height, |canvas, size| {
        let columns = if size.narrow { 1 } else { panels.len() };
        let width = canvas.width / columns as f64;
        for (place, ((_, y_name, y_tick), lines)) in panels.iter().enumerate() {
            let (column, row) = (place % columns, place / columns);
            let (left, top) = (column as f64 * width, row as f64 * EACH);
            let frame = Frame { left: left + 52.0, top: top + 32.0, right: left + width - 12.0, bottom: top + EACH - 46.0 };
            let y_tick = *y_tick;
            let log_y = y_name.ends_with("(log)");
            curve::paint(
                canvas,
                lines,
                &Panel { frame, ticks: &ticks, x_name: &label, y_name, y_tick, log_y, x_from_zero: false, named: false },
            );
        }
        curve::key(canvas, lines, 8.0, canvas.height - 18.0 * lines.len() as f64 - 4.0);
    });
    Ok(Chart { id, title, reading, wide, narrow, table, notes: Vec::new() })
}
