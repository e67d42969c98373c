//! The trade-off frontier: what a message costs the wire, against how long a client waits for it.

use wirecost_model::scenario::Workload;
use wirecost_model::{Cell, Record};

use super::axis::{Axis, Frame};
use super::canvas::{Canvas, Ink};
use super::label::{self, Label, Taken};
use super::{Absent, Chart, Drawn, Size, at, both, cells, look, shown_group};
use crate::format;
use crate::load::Run;
use crate::sentence::latency_noun;
use crate::stats::{Metric, ratio};
use crate::summary::{estimate, floor_ns};
use crate::table::{Column, Table};
use crate::theory;
use crate::view::{self, Group};

const WHAT: &str = "latency against bytes";

/// One cell.
struct Point<'a> {
    cell: &'a Cell,
    title: String,
    bytes: f64,
    p50_ns: f64,
    p99_ns: Option<f64>,
    theory_ns: Option<f64>,
}

/// The bytes of the table and of the verdict. By the second they would hang on how many messages a trial's window happened to get.
const BYTES: &str = "wire_bytes_per_message";

/// So many pollers of one line have room for their names on a narrow screen.
const NAMED_IN_A_ROW: usize = 4;

fn points<'a>(record: &'a Record, group: &Group) -> Vec<Point<'a>> {
    cells(record, group)
        .into_iter()
        .filter_map(|cell| {
            Some(Point {
                cell,
                title: view::title(&record.plan, cell),
                bytes: estimate(record, cell.index, BYTES).filter(|b| *b > 0.0)?,
                p50_ns: estimate(record, cell.index, "delivery_p50_ns")?,
                p99_ns: estimate(record, cell.index, "delivery_p99_ns"),
                theory_ns: theory::expectation(cell).map(|e| e.p50_s * 1e9 + floor_ns(record, group, cell).unwrap_or(0.0)),
            })
        })
        .collect()
}

/// Draws it.
pub fn draw(run: &Run, prefix: &str) -> Drawn {
    let record = &run.record;
    let group = shown_group(record).ok_or_else(|| Absent::of(WHAT, "the plan has no cells"))?;
    let points = points(record, &group);
    if points.len() < 2 {
        return Err(Absent::of(WHAT, "fewer than two cells have both a latency and bytes"));
    }
    let noun = latency_noun(points[0].cell);
    let per = if matches!(points[0].cell.workload, Workload::Echo(_)) { "round trip" } else { "message" };
    let x_name = format!("wire bytes per {per} (log)");
    let title = title(record, &points, per) + &at(&group);
    let pollers = points.iter().filter(|p| p.theory_ns.is_some() && p.cell.config.interval.is_some()).count();
    let joined = if pollers > 1 { " The line joins the intervals of short polling." } else { "" };
    let theory = if pollers > 0 { " Dotted: theory, half the interval and the floor." } else { "" };
    let reading = format!(
        "Down and to the left is better. Each mark is a cell at its median {noun}; the bar above it ends at p99.{joined}{theory} Both axes are logarithmic."
    );
    let id = format!("{prefix}frontier");
    let (wide, narrow) = both(
        &id,
        &title,
        &reading,
        |size| if size.narrow { 380.0 } else { 430.0 },
        |canvas, size| {
            paint(canvas, size, record, &group, &points, &x_name, noun);
        },
    );
    let mut table = Table::new(vec![
        Column::words("arm"),
        Column::numbers(&format!("wire bytes per {per}"), "B"),
        Column::numbers(&format!("{noun} p50"), "ms"),
        Column::numbers("theory p50", "ms"),
        Column::numbers(&format!("{noun} p99"), "ms"),
    ]);
    let ms = |ns: Option<f64>| ns.map_or("–".into(), |ns| format::number(ns / 1e6));
    for p in &points {
        table.push(vec![p.title.clone(), format::number(p.bytes), ms(Some(p.p50_ns)), ms(p.theory_ns), ms(p.p99_ns)]);
    }
    Ok(Chart { id, title, reading, wide, narrow, table, notes: Vec::new() })
}

fn title(record: &Record, points: &[Point<'_>], per: &str) -> String {
    let least = |key: fn(&Point<'_>) -> f64| points.iter().min_by(|a, b| key(a).total_cmp(&key(b)));
    let (Some(fast), Some(light)) = (least(|p| p.p50_ns), least(|p| p.bytes)) else { return String::new() };
    if fast.cell.index == light.cell.index {
        return format!("{} is both the fastest and the lightest", fast.title);
    }
    // The ratio of the verdict, over pairs of trials; that of the medians where there is none.
    let paired_ratio = |metric: &str, over: &Point<'_>, under: &Point<'_>, medians: f64| {
        let paired =
            Metric::named(metric).and_then(|metric| ratio::between(&record.plan, &record.trials, metric, over.cell, under.cell));
        paired.map_or(medians, |paired| paired.ratio)
    };
    let time = paired_ratio("delivery_p50_ns", light, fast, light.p50_ns / fast.p50_ns);
    if time < 1.0 + ratio::MARGIN {
        return format!("{} is the lightest, and no arm is more than 5 % faster", light.title);
    }
    let bytes = paired_ratio(BYTES, fast, light, fast.bytes / light.bytes);
    let [time, bytes] = [time, bytes].map(|ratio| format::times(ratio, None));
    format!("{} is {time} as fast as {}, for {bytes} the bytes a {per}", fast.title, light.title)
}

fn paint(canvas: &Canvas<'_>, size: Size, record: &Record, group: &Group, points: &[Point<'_>], x_name: &str, noun: &str) {
    let frame = Frame {
        left: 58.0,
        top: 30.0,
        right: canvas.width - if size.narrow { 12.0 } else { 30.0 },
        bottom: canvas.height - 44.0,
    };
    let times = points.iter().flat_map(|p| [Some(p.p50_ns), p.p99_ns, p.theory_ns.filter(|t| *t > 0.0)]).flatten();
    let Some(y) = Axis::logarithmic(times, (frame.bottom, frame.top), format::duration_tick) else { return };
    let Some(x) = Axis::logarithmic(points.iter().map(|p| p.bytes), (frame.left, frame.right), format::bytes_tick) else {
        return;
    };
    frame.y_axis(canvas, &y, &format!("{noun} (log)"));
    frame.x_axis(canvas, &x.clone().thinned(48.0), x_name, true);
    let place = |p: &Point<'_>, ns: f64| (x.at(p.bytes), y.at(ns));
    let mut pollers: Vec<&Point<'_>> = points.iter().filter(|p| p.cell.config.interval.is_some()).collect();
    pollers.sort_by_key(|p| p.cell.config.interval);
    // Of several families of pollers (with and without TLS) each has a line of its own.
    let mut families: Vec<Vec<&Point<'_>>> = Vec::new();
    for p in &pollers {
        let same = |other: &&Point<'_>| {
            let (a, b) = (&p.cell.config, &other.cell.config);
            (a.tls, a.keep_alive, a.pacing, a.headers) == (b.tls, b.keep_alive, b.pacing, b.headers)
        };
        match families.iter_mut().find(|family| family.first().is_some_and(same)) {
            Some(family) => family.push(p),
            None => families.push(vec![p]),
        }
    }
    for family in &families {
        let theory: Vec<(f64, f64)> = family.iter().filter_map(|p| Some(place(p, p.theory_ns?))).collect();
        canvas.line(&theory, Ink::Theory, 1.5);
        let line: Vec<(f64, f64)> = family.iter().map(|p| place(p, p.p50_ns)).collect();
        if let Some(first) = family.first() {
            canvas.line(&line, look::colour(first.cell.config.transport), 1.5);
        }
    }
    let mut taken: Vec<Taken> = Vec::new();
    for family in &families {
        for pair in family.windows(2) {
            taken.extend(label::along(place(pair[0], pair[0].p50_ns), place(pair[1], pair[1].p50_ns)));
        }
    }
    for p in points {
        let look = look::of(&record.plan, p.cell, &group.cells);
        let ink = look::colour(p.cell.config.transport);
        let (px, py) = place(p, p.p50_ns);
        if let Some(p99) = p.p99_ns {
            let top = y.at(p99);
            canvas.line(&[(px, py), (px, top)], ink, 1.5);
            canvas.line(&[(px - 4.0, top), (px + 4.0, top)], ink, 1.5);
            taken.push([px - 5.0, top - 3.0, px + 5.0, py]);
        }
        canvas.mark(look.mark, (px, py), 5.0, ink);
    }
    // On a narrow screen the names of many pollers would hide the line that joins them: its ends say what it is.
    let within = |p: &&Point<'_>| {
        let is_inside = |family: &Vec<&Point<'_>>| {
            family.len() > NAMED_IN_A_ROW && family[1..family.len() - 1].iter().any(|other| other.cell.index == p.cell.index)
        };
        size.narrow && families.iter().any(is_inside)
    };
    let named = points.iter().filter(|p| !within(p));
    let labels: Vec<Label> = named.map(|p| Label { at: place(p, p.p50_ns), text: p.title.clone() }).collect();
    label::draw(canvas, &labels, &taken, [frame.left, frame.top - 8.0, canvas.width, frame.bottom]);
}
