//! Latency over time: a small map for each cell, so that drift, stalls and warm-up are seen and not averaged away.

use wirecost_model::{Cell, Histogram, Record};

use super::axis::{Axis, Frame};
use super::canvas::{Anchor, Canvas, Ink, text_width};
use super::{Absent, Chart, Drawn, Size, at, both, cells, look, shown_group};
use crate::format;
use crate::load::{DELIVERY, Run};
use crate::table::{Column, Table};
use crate::view;

const WHAT: &str = "latency over time";
/// Rows of a map over the whole latency axis.
const BINS: usize = 48;
/// Height of a map.
const PANEL: f64 = 118.0;

/// One cell: its deliveries by interval of the measured window, all trials that count together.
struct Map<'a> {
    cell: &'a Cell,
    title: String,
    intervals: Vec<Histogram>,
    interval_ns: u64,
}

impl<'a> Map<'a> {
    fn of(run: &Run, record: &'a Record, cell: &'a Cell) -> Option<Map<'a>> {
        let mut intervals: Vec<Histogram> = Vec::new();
        let mut interval_ns = 0;
        for (position, trial) in record.trials.iter().enumerate() {
            if trial.cell != cell.index || trial.is_void() {
                continue;
            }
            let Some(own) = run.histograms.get(position).and_then(|tagged| tagged.get(DELIVERY)) else { continue };
            interval_ns = run.interval_ns.get(position).copied().unwrap_or(0);
            for (n, histogram) in own.iter().enumerate() {
                if intervals.len() <= n {
                    intervals.push(Histogram::default());
                }
                intervals[n].merge(histogram);
            }
        }
        let told = intervals.iter().filter(|h| h.count() > 0).count() >= 2 && interval_ns > 0;
        told.then(|| Map { cell, title: view::title(&record.plan, cell), intervals, interval_ns })
    }

    /// Median of the second half of the window over that of the first.
    fn drift(&self) -> Option<f64> {
        let half = self.intervals.len() / 2;
        let merged = |part: &[Histogram]| {
            let mut all = Histogram::default();
            part.iter().for_each(|h| all.merge(h));
            all.quantile(0.5)
        };
        Some(merged(&self.intervals[half..])? as f64 / merged(&self.intervals[..half])? as f64)
    }
}

/// Draws it.
pub fn draw(run: &Run, prefix: &str) -> Drawn {
    let record = &run.record;
    let group = shown_group(record).ok_or_else(|| Absent::of(WHAT, "the plan has no cells"))?;
    let maps: Vec<Map<'_>> = cells(record, &group).into_iter().filter_map(|cell| Map::of(run, record, cell)).collect();
    if maps.is_empty() {
        return Err(Absent::of(WHAT, "no trial that counts has histograms over at least two intervals"));
    }
    let title = title(&maps) + &at(&group);
    let reading = "One map an arm, the same scales in all: time from left to right, latency upwards (log), the darker the larger the share of that interval's deliveries. All trials lie on top of each other. A level band means that nothing changed while it was measured.".to_string();
    let id = format!("{prefix}over-time");
    let columns = |size: Size| if size.narrow { 1 } else { 2usize.min(maps.len()) };
    let height = |size: Size| maps.len().div_ceil(columns(size)) as f64 * (PANEL + 44.0) + 24.0;
    let (wide, narrow) = both(&id, &title, &reading, height, |canvas, size| paint(canvas, &maps, columns(size)));
    Ok(Chart { id, title, reading, wide, narrow, table: table(&maps), notes: Vec::new() })
}

fn title(maps: &[Map<'_>]) -> String {
    let distance = |drift: f64| drift.ln().abs();
    let drifts: Vec<(&Map<'_>, f64)> = maps.iter().filter_map(|map| Some((map, map.drift()?))).collect();
    match drifts.iter().max_by(|a, b| distance(a.1).total_cmp(&distance(b.1))) {
        None => "Latency over the measured window".into(),
        Some((_, drift)) if distance(*drift) < 0.05f64.ln_1p() => {
            "No drift: in every arm the second half's median is within 5 % of the first's".into()
        }
        Some((map, drift)) => format!(
            "The largest drift is that of {}: its median in the second half is {} the first's",
            map.title,
            if *drift >= 1.0 { format::times(*drift, None) } else { format!("{} of", format::percent(*drift)) }
        ),
    }
}

fn table(maps: &[Map<'_>]) -> Table {
    let mut table = Table::new(vec![
        Column::words("arm"),
        Column::numbers("from", "s"),
        Column::numbers("to", "s"),
        Column::numbers("deliveries", ""),
        Column::numbers("p50", "ms"),
        Column::numbers("p99", "ms"),
        Column::numbers("max", "ms"),
    ]);
    let ms = |ns: Option<u64>| ns.map_or("–".to_string(), |ns| format::number(ns as f64 / 1e6));
    for map in maps {
        for (n, histogram) in map.intervals.iter().enumerate() {
            let at = |n: usize| format::trimmed((n as u64 * map.interval_ns) as f64 / 1e9);
            table.push(vec![
                map.title.clone(),
                at(n),
                at(n + 1),
                format::count(histogram.count()),
                ms(histogram.quantile(0.5)),
                ms(histogram.quantile(0.99)),
                ms(histogram.max_ns()),
            ]);
        }
    }
    table
}

fn paint(canvas: &Canvas<'_>, maps: &[Map<'_>], columns: usize) {
    let ends = maps.iter().flat_map(|map| &map.intervals).flat_map(|h| [h.min_ns(), h.max_ns()]).flatten();
    let (low, high) = ends.fold((u64::MAX, 1), |(low, high), ns| (low.min(ns), high.max(ns)));
    let (low, high) = (low.max(1) as f64 / 1.1, high as f64 * 1.1);
    let longest = maps.iter().map(|map| map.intervals.len() as f64 * map.interval_ns as f64).fold(0.0, f64::max) / 1e9;
    let gap = 20.0;
    let width = (canvas.width - gap * (columns - 1) as f64) / columns as f64;
    for (number, map) in maps.iter().enumerate() {
        let (column, row) = (number % columns, number / columns);
        let left = column as f64 * (width + gap);
        let top = row as f64 * (PANEL + 44.0) + 22.0;
        let frame = Frame { left: left + 54.0, top, right: left + width - 2.0, bottom: top + PANEL };
        panel(canvas, map, &frame, (low, high), longest);
    }
}

fn panel(canvas: &Canvas<'_>, map: &Map<'_>, frame: &Frame, (low, high): (f64, f64), longest_s: f64) {
    let Some(mut y) = Axis::logarithmic([low * 1.2, high / 1.2].into_iter(), (frame.bottom, frame.top), format::duration_tick)
    else {
        return;
    };
    let ticks = std::mem::take(&mut y.ticks);
    let y = Axis::fixed_logarithmic(
        (low, high),
        (frame.bottom, frame.top),
        ticks.into_iter().filter(|(v, _)| *v >= low && *v <= high).collect(),
    )
    .thinned(24.0);
    canvas.text(&map.title, (frame.left, frame.top - 12.0), 12.5, Ink::Text, Anchor::Start);
    for (value, label) in &y.ticks {
        canvas.line(&[(frame.left, y.at(*value)), (frame.right, y.at(*value))], Ink::Grid, 1.0);
        canvas.text(label, (frame.left - 6.0, y.at(*value)), 11.0, Ink::Muted, Anchor::End);
    }
    let Some(x) = Axis::linear([0.0, longest_s].into_iter(), (frame.left, frame.right), format::trimmed) else { return };
    let x = Axis::fixed((0.0, longest_s), (frame.left, frame.right), x.ticks);
    let ticks: Vec<&(f64, String)> = x.ticks.iter().filter(|(value, _)| *value <= longest_s).collect();
    for (n, (value, label)) in ticks.iter().enumerate() {
        // The unit once, at the end.
        let label = if n + 1 == ticks.len() { format!("{label} s") } else { label.clone() };
        let anchor = if x.at(*value) > frame.right - text_width(&label, 11.0) { Anchor::End } else { Anchor::Middle };
        canvas.text(&label, (x.at(*value), frame.bottom + 11.0), 11.0, Ink::Muted, anchor);
    }
    let ink = look::colour(map.cell.config.transport);
    for (n, histogram) in map.intervals.iter().enumerate().filter(|(_, h)| h.count() > 0) {
        let mut shares = [0u64; BINS];
        for value in histogram.hdr().iter_recorded() {
            let at = (value.value_iterated_to() as f64 / low).ln() / (high / low).ln();
            shares[((at * BINS as f64).max(0.0) as usize).min(BINS - 1)] += value.count_at_value();
        }
        let seconds = |n: usize| (n as u64 * map.interval_ns) as f64 / 1e9;
        let (from, to) = (x.at(seconds(n)), x.at(seconds(n + 1)));
        let level = |count: u64| strength(count as f64 / histogram.count() as f64);
        let pixel = |bin: usize| frame.bottom - bin as f64 / BINS as f64 * (frame.bottom - frame.top);
        let mut bin = 0;
        while bin < BINS {
            let mut end = bin + 1;
            // Neighbours of one strength are one rectangle; empty ones are none.
            while end < BINS && level(shares[end]) == level(shares[bin]) {
                end += 1;
            }
            if let Some(opacity) = level(shares[bin]) {
                canvas.rect((from, pixel(end)), (to, pixel(bin)), ink, opacity);
            }
            bin = end;
        }
    }
}

/// Five strengths, by share of the interval's deliveries; even a single one is seen.
fn strength(share: f64) -> Option<f64> {
    match share {
        s if s <= 0.0 => None,
        s if s < 0.005 => Some(0.16),
        s if s < 0.02 => Some(0.32),
        s if s < 0.06 => Some(0.52),
        s if s < 0.15 => Some(0.75),
        _ => Some(1.0),
    }
}
