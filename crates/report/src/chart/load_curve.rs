//! Latency against the offered rate: where an arm begins to fall behind.

use super::axis::Frame;
use super::curve::{self, Panel};
use super::{Absent, Chart, Drawn, Size, both};
use crate::format;
use crate::load::Run;
use crate::stats::ratio;
use crate::table::{Column, Table};
use crate::view;

const WHAT: &str = "latency against the offered rate";

/// Draws it.
pub fn draw(run: &Run, prefix: &str) -> Drawn {
    let record = &run.record;
    let axis = view::rate_axis(&record.plan);
    let axis = axis.ok_or_else(|| Absent::of(WHAT, "the plan has no axis of rates"))?;
    let ticks = curve::values(&record.plan, axis);
    // The highest percentile that all arms bear at all rates.
    let candidates = ["delivery_p99_ns", "delivery_p95_ns", "delivery_p50_ns"];
    let drawn = candidates.iter().map(|name| (*name, curve::lines(record, axis, curve::metric(record, name))));
    let whole = |lines: &[curve::Line]| !lines.is_empty() && lines.iter().all(|line| line.points.len() == ticks.len());
    let (metric, lines) = drawn
        .into_iter()
        .find(|(_, lines)| whole(lines))
        .ok_or_else(|| Absent::of(WHAT, "no percentile was measured at every rate"))?;
    let name = match metric {
        "delivery_p99_ns" => "p99",
        "delivery_p95_ns" => "p95",
        _ => "p50",
    };
    let growth = |line: &curve::Line| line.points.last().zip(line.points.first()).map_or(1.0, |(last, first)| last.1 / first.1);
    let most = lines.iter().max_by(|a, b| growth(a).total_cmp(&growth(b))).ok_or_else(|| Absent::of(WHAT, "no lines"))?;
    let (from, to) = (&ticks[0].1, &ticks[ticks.len() - 1].1);
    let title = if growth(most) < 1.0 + ratio::MARGIN {
        format!("From {from} to {to}, {name} grows in no arm")
    } else {
        format!("From {from} to {to}, {name} grows most with {}: {}", most.title, format::times(growth(most), None))
    };
    let reading = format!(
        "{name} of delivery at each offered rate, medians over trials. A line that turns upwards is an arm that no longer keeps up."
    );
    let mut columns = vec![Column::words("arm")];
    columns.extend(ticks.iter().map(|(_, text)| Column::numbers(&format!("{name} at {text}"), "ms")));
    let mut table = Table::new(columns);
    for line in &lines {
        let mut row = vec![line.title.clone()];
        row.extend(line.points.iter().map(|p| format::number(p.1 / 1e6)));
        table.push(row);
    }
    let id = format!("{prefix}load");
    let height = |size: Size| if size.narrow { 330.0 + 18.0 * lines.len() as f64 } else { 380.0 };
    let (wide, narrow) = both(&id, &title, &reading, height, |canvas, size| {
        let room = if size.narrow { 10.0 } else { curve::name_room(&lines) };
        let below = if size.narrow { 18.0 * lines.len() as f64 + 10.0 } else { 0.0 };
        let frame = Frame { left: 58.0, top: 30.0, right: canvas.width - room, bottom: canvas.height - 46.0 - below };
        let y_name = format!("{name} of delivery (log)");
        let panel = Panel {
            frame,
            ticks: &ticks,
            x_name: "offered rate",
            y_name: &y_name,
            y_tick: format::duration_tick,
            log_y: true,
            x_from_zero: false,
            named: !size.narrow,
        };
        curve::paint(canvas, &lines, &panel);
        if size.narrow {
            curve::key(canvas, &lines, frame.left, frame.bottom + 46.0);
        }
    });
    Ok(Chart { id, title, reading, wide, narrow, table, notes: Vec::new() })
}
