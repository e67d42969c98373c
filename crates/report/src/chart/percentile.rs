//! The percentile curve: how long the slowest one in ten, in a hundred, in a thousand waits.

use wirecost_model::{Cell, Histogram, Record};

use super::axis::{Axis, Frame, spread};
use super::canvas::{Anchor, Canvas, Ink, text_width};
use super::look::{self, Look};
use super::{Absent, Chart, Drawn, Size, at, both, cells, shown_group};
use crate::format;
use crate::load::{DELIVERY, Run};
use crate::sentence::latency_noun;
use crate::table::{Column, Table};
use crate::view;

const WHAT: &str = "percentile curves";

/// Samples that must lie beyond a point of a curve.
const TAIL: f64 = wirecost_model::histogram::TAIL_SAMPLES as f64;

/// One cell's distribution, over all its trials that count.
struct Curve<'a> {
    cell: &'a Cell,
    title: String,
    histogram: Histogram,
    look: Look,
    /// 1/(1 − q) where the curve is cut.
    end: f64,
}

/// Draws it.
pub fn draw(run: &Run, prefix: &str) -> Drawn {
    let record = &run.record;
    let group = shown_group(record).ok_or_else(|| Absent::of(WHAT, "the plan has no cells"))?;
    let curves: Vec<Curve<'_>> = cells(record, &group)
        .into_iter()
        .filter_map(|cell| {
            let histogram = run.merged(cell, DELIVERY)?;
            let end = histogram.count() as f64 / TAIL;
            let look = look::of(&record.plan, cell, &group.cells);
            (end >= 2.0).then(|| Curve { cell, title: view::title(&record.plan, cell), histogram, look, end })
        })
        .collect();
    if curves.is_empty() {
        return Err(Absent::of(WHAT, "no trial that counts has a histogram of at least 20 deliveries"));
    }
    let noun = latency_noun(curves[0].cell);
    let title = title(&curves, noun) + &at(&group);
    let missing = run.without_histogram().count();
    let missing =
        if missing > 0 { format!(" {} had no histogram.", format::plural(missing as u64, "trial")) } else { String::new() };
    let reading = format!(
        "Read upwards from a percentile to the time within which that share of {} arrived. All trials are put together here; the table of numbers has medians over trials, which may differ a little. To the right the rare slow ones; each curve ends where fewer than ten samples lie beyond.{missing}",
        format::plural_of(noun)
    );
    let id = format!("{prefix}percentiles");
    let (wide, narrow) = both(
        &id,
        &title,
        &reading,
        |size| if size.narrow { 310.0 + 18.0 * curves.len() as f64 } else { 430.0 },
        |canvas, size| paint(canvas, size, &curves, noun),
    );
    Ok(Chart { id, title, reading, wide, narrow, table: table(record, &curves), notes: Vec::new() })
}

fn title(curves: &[Curve<'_>], noun: &str) -> String {
    // The rarest of these that all curves bear.
    let end = curves.iter().map(|c| c.end).fold(f64::INFINITY, f64::min);
    let (words, q) = match end {
        e if e >= 1000.0 => ("999 of 1,000", 0.999),
        e if e >= 100.0 => ("99 of 100", 0.99),
        e if e >= 10.0 => ("9 of 10", 0.9),
        _ => ("Half of all", 0.5),
    };
    let by = |curve: &&Curve<'_>| curve.histogram.value_at(q);
    let (Some(best), Some(worst)) = (curves.iter().min_by_key(by), curves.iter().max_by_key(by)) else { return String::new() };
    let value = |curve: &Curve<'_>| format::duration(curve.histogram.value_at(q) as f64);
    if curves.len() == 1 {
        return format!("{words} {} take at most {} with {}", format::plural_of(noun), value(best), best.title);
    }
    // All trials together, so neighbours are not told apart by it: the ends of a range, and no winner.
    format!(
        "{words} {}, of all trials together, take at most {} ({}) to {} ({})",
        format::plural_of(noun),
        value(best),
        best.title,
        value(worst),
        worst.title
    )
}

fn table(record: &Record, curves: &[Curve<'_>]) -> Table {
    let quantiles = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999];
    let mut columns = vec![Column::words("arm"), Column::numbers("samples", "")];
    columns.extend(quantiles.iter().map(|q| Column::numbers(&format!("p{}", format::trimmed(q * 100.0)), "ms")));
    columns.push(Column::numbers("max", "ms"));
    let mut table = Table::new(columns);
    for curve in curves {
        let mut row = vec![curve.title.clone(), format::count(curve.histogram.count())];
        row.extend(
            quantiles.iter().map(|&q| curve.histogram.quantile(q).map_or("–".into(), |ns| format::number(ns as f64 / 1e6))),
        );
        // The exact maximum is the trials' own; a histogram read from a file knows only its bucket.
        let exact = record
            .trials
            .iter()
            .filter(|trial| trial.cell == curve.cell.index && !trial.is_void())
            .filter_map(|trial| trial.latencies.get(DELIVERY)?.max_ns)
            .max();
        row.push(exact.map_or("–".into(), |ns| format::number(ns as f64 / 1e6)));
        table.push(row);
    }
    table
}

/// Points of a curve: (1/(1 − q), ns), in steps of a twentieth of a decade.
fn points(curve: &Curve<'_>) -> Vec<(f64, f64)> {
    let steps = (curve.end.log10() * 20.0).floor() as i32;
    let mut nines: Vec<f64> = (0..=steps).map(|n| 10f64.powf(f64::from(n) / 20.0)).collect();
    nines.push(curve.end);
    nines.into_iter().map(|x| (x, curve.histogram.value_at(1.0 - 1.0 / x).max(1) as f64)).collect()
}

fn paint(canvas: &Canvas<'_>, size: Size, curves: &[Curve<'_>], noun: &str) {
    let name_width = curves.iter().map(|c| text_width(&c.title, 12.5)).fold(0.0, f64::max);
    let margin = if size.narrow { 12.0 } else { (name_width + 30.0).min(210.0) };
    let key = if size.narrow { 18.0 * curves.len() as f64 + 6.0 } else { 0.0 };
    let frame = Frame { left: 58.0, top: 30.0, right: canvas.width - margin, bottom: canvas.height - 44.0 - key };
    let end = curves.iter().map(|c| c.end).fold(0.0, f64::max);
    let all: Vec<Vec<(f64, f64)>> = curves.iter().map(points).collect();
    let lows = curves.iter().filter_map(|c| c.histogram.min_ns()).map(|ns| ns.max(1) as f64);
    let Some(y) =
        Axis::logarithmic(all.iter().flatten().map(|p| p.1).chain(lows), (frame.bottom, frame.top), format::duration_tick)
    else {
        return;
    };
    // On a narrow screen p0 and p50 would run into each other.
    let first = if size.narrow { "" } else { "p0" };
    let ticks = (0..=end.log10().floor() as i32)
        .map(|n| 10f64.powi(n))
        .map(|x| (x, if x < 1.5 { first.to_string() } else { format!("p{}", format::trimmed(100.0 - 100.0 / x)) }))
        .chain([(2.0, "p50".to_string())])
        .collect();
    let x = Axis::fixed_logarithmic((1.0, end.max(10.0)), (frame.left, frame.right), ticks);
    frame.y_axis(canvas, &y, &format!("{noun} within (log)"));
    frame.x_axis(canvas, &x, "percentile", true);
    for (curve, points) in curves.iter().zip(&all) {
        let line: Vec<(f64, f64)> = points.iter().map(|&(px, py)| (x.at(px), y.at(py))).collect();
        canvas.line(&line, curve.look.ink, 2.0);
        // A mark at p50 and p90, so that a line is known by more than its colour.
        for q in [0.5, 0.9] {
            let nines = 1.0 / (1.0 - q);
            if nines <= curve.end {
                canvas.mark(curve.look.mark, (x.at(nines), y.at(curve.histogram.value_at(q) as f64)), 3.5, curve.look.ink);
            }
        }
    }
    if size.narrow {
        for (n, curve) in curves.iter().enumerate() {
            let ky = canvas.height - key + 18.0 * n as f64 + 8.0;
            canvas.line(&[(frame.left, ky), (frame.left + 34.0, ky)], curve.look.ink, 2.0);
            canvas.mark(curve.look.mark, (frame.left + 17.0, ky), 3.5, curve.look.ink);
            canvas.text(&curve.title, (frame.left + 42.0, ky), 12.5, Ink::Text, Anchor::Start);
        }
        return;
    }
    let ends: Vec<(f64, f64)> = all.iter().filter_map(|points| points.last()).map(|&(px, py)| (x.at(px), y.at(py))).collect();
    let placed = spread(&ends.iter().map(|e| e.1).collect::<Vec<_>>(), 16.0, (frame.top, frame.bottom));
    for ((curve, end), label_y) in curves.iter().zip(&ends).zip(placed) {
        let x = frame.right + 18.0;
        canvas.line(&[*end, (x - 4.0, label_y)], Ink::Muted, 0.5);
        canvas.text(&curve.title, (x, label_y), 12.5, Ink::Text, Anchor::Start);
    }
}
