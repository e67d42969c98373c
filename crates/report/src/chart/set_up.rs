//! Set-up: what a connection costs before its first message, in bytes and in time.

use wirecost_model::{Cell, Record};

use super::axis::{Axis, TICK_SIZE};
use super::bars::{self, Rows};
use super::canvas::{Anchor, Canvas, Ink};
use super::{Absent, Chart, Drawn, Size, at, both, cells, shown_group};
use crate::account::set_up::{self as account, GROUPS};
use crate::format;
use crate::load::Run;
use crate::stats::{counting, estimate};
use crate::table::{Column, Table};
use crate::theory;
use crate::view;

const WHAT: &str = "set-up of a connection";

/// The layer colours that [`GROUPS`] are drawn in.
const COLOURS: [u8; GROUPS.len()] = [5, 4, 2, 1];

/// Stages of set-up, with the layer colour that each is drawn in.
const STAGES: [(&str, u8); 4] =
    [("TCP connect", 5), ("TLS handshake", 4), ("request or upgrade", 2), ("all of it, if the client library shows no steps", 6)];

/// One cell, means of the distributions and medians over trials.
struct Bar {
    title: String,
    void: bool,
    /// Per connection, by [`GROUPS`].
    bytes: Option<[f64; 4]>,
    /// By [`STAGES`], ns. Only the last where the client library does not show the others.
    stages: Option<[f64; 4]>,
    round_trips: u32,
}

impl Bar {
    fn of(record: &Record, cell: &Cell) -> Bar {
        let trials = counting(cell.index, &record.trials);
        let void = trials.len() < record.trials.iter().filter(|trial| trial.cell == cell.index).count();
        let mean = |tag: &str| {
            let values: Vec<f64> = trials.iter().filter_map(|trial| trial.latencies.get(tag)?.mean_ns).collect();
            estimate::median(&values)
        };
        let stages = mean("connect_ready").map(|ready| match mean("connect_tcp") {
            Some(tcp) => {
                let tls = mean("connect_tls").unwrap_or(0.0);
                [tcp, tls, (ready - tcp - tls).max(0.0), 0.0]
            }
            None => [0.0, 0.0, 0.0, ready],
        });
        let round_trips = theory::set_up::first_byte(&cell.config);
        Bar {
            title: view::title(&record.plan, cell),
            void,
            bytes: account::bytes_per_connection(record, cell),
            stages,
            round_trips,
        }
    }
}

fn total(parts: &Option<[f64; 4]>) -> Option<f64> {
    parts.map(|parts| parts.iter().sum())
}

/// Draws it.
pub fn draw(run: &Run, prefix: &str) -> Drawn {
    let record = &run.record;
    let group = shown_group(record).ok_or_else(|| Absent::of(WHAT, "the plan has no cells"))?;
    let bars: Vec<Bar> = cells(record, &group)
        .into_iter()
        .map(|cell| Bar::of(record, cell))
        .filter(|bar| bar.bytes.is_some() || bar.stages.is_some())
        .collect();
    if bars.is_empty() {
        return Err(Absent::of(WHAT, "no trial that counts has connections that were counted or timed"));
    }
    let title = title(&bars) + &at(&group);
    let reading = "Bytes of the phase in which clients connect, both directions, divided by connections; time from the first SYN until the client is ready, the mean over connections, so that the steps add up (the table of set-up has the median, p50). Where the client library does not show its steps, the bar is one piece.".to_string();
    let id = format!("{prefix}set-up");
    let height = |size: Size| {
        let above = key(None, size, &bars) + 24.0;
        let once = Rows::height(size, bars.len(), 16.0, above);
        if size.narrow { once + Rows::height(size, bars.len(), 16.0, 30.0) } else { once }
    };
    let (wide, narrow) = both(&id, &title, &reading, height, |canvas, size| paint(canvas, size, &bars));
    let mut columns = vec![Column::words("arm")];
    columns.extend(GROUPS.iter().map(|(name, _)| Column::numbers(name, "B")));
    columns.push(Column::numbers("sum", "B"));
    columns.extend(STAGES[..3].iter().map(|(name, _)| Column::numbers(name, "mean, µs")));
    columns.extend([Column::numbers("ready", "mean, µs"), Column::numbers("round trips to the first byte, theory", "")]);
    let mut table = Table::new(columns);
    for bar in &bars {
        let parts = |parts: &Option<[f64; 4]>, n: usize, divisor: f64| {
            parts.map_or("–".to_string(), |p| format::number(p[n] / divisor))
        };
        let in_one = bar.stages.is_some_and(|stages| stages[0] == 0.0);
        let mut row = vec![bar.title.clone()];
        row.extend((0..4).map(|n| parts(&bar.bytes, n, 1.0)));
        row.push(total(&bar.bytes).map_or("–".into(), format::number));
        row.extend((0..3).map(|n| if in_one { "–".into() } else { parts(&bar.stages, n, 1e3) }));
        row.extend([total(&bar.stages).map_or("–".into(), |ns| format::number(ns / 1e3)), bar.round_trips.to_string()]);
        table.push(row);
    }
    Ok(Chart { id, title, reading, wide, narrow, table, notes: Vec::new() })
}

fn title(bars: &[Bar]) -> String {
    let by = |a: &&(&Bar, f64), b: &&(&Bar, f64)| a.1.total_cmp(&b.1);
    let of =
        |parts: fn(&Bar) -> &Option<[f64; 4]>| bars.iter().filter_map(|bar| Some((bar, total(parts(bar))?))).collect::<Vec<_>>();
    let bytes = of(|bar| &bar.bytes);
    let times = of(|bar| &bar.stages);
    let between = |all: &[(&Bar, f64)], show: fn(f64) -> String| -> Option<String> {
        let (least, most) = (all.iter().min_by(by)?, all.iter().max_by(by)?);
        let (low, high) = (show(least.1), show(most.1));
        Some(if low == high { low } else { format!("{low} ({}) to {high} ({})", least.0.title, most.0.title) })
    };
    match (between(&bytes, format::bytes), between(&times, format::duration)) {
        (Some(bytes), _) => format!("A connection costs {bytes} before its first message"),
        (None, Some(time)) => format!("A connection takes {time} to be ready"),
        (None, None) => "Set-up".into(),
    }
}

fn key(canvas: Option<&Canvas<'_>>, size: Size, bars: &[Bar]) -> f64 {
    let mut items: Vec<(Ink, String)> = Vec::new();
    for (n, ((name, _), colour)) in GROUPS.iter().zip(COLOURS).enumerate() {
        if bars.iter().any(|bar| bar.bytes.is_some_and(|parts| parts[n] > 0.0)) {
            items.push((Ink::Layer(colour), name.to_string()));
        }
    }
    if bars.iter().any(|bar| bar.stages.is_some_and(|stages| stages[3] > 0.0)) {
        items.push((Ink::Layer(STAGES[3].1), STAGES[3].0.to_string()));
    }
    bars::key(canvas, size.width, &items)
}

fn paint(canvas: &Canvas<'_>, size: Size, bars: &[Bar]) {
    let above = key(Some(canvas), size, bars) + 24.0;
    let names: Vec<String> = bars.iter().map(|bar| bar.title.clone()).collect();
    let mut left = Rows::new(canvas, size, &names, 16.0, above, 60.0);
    let mut right = left;
    if size.narrow {
        left.frame.bottom = above + bars.len() as f64 * left.pitch;
        right.frame.top = left.frame.bottom + 60.0;
        right.frame.bottom = right.frame.top + bars.len() as f64 * right.pitch;
    } else {
        let width = (canvas.width - left.frame.left - 130.0) / 2.0;
        left.frame.right = left.frame.left + width;
        right.frame.left = left.frame.right + 70.0;
        right.frame.right = right.frame.left + width;
    }
    let inks: [Ink; 4] = std::array::from_fn(|n| Ink::Layer(COLOURS[n]));
    panel(canvas, size, &left, "bytes per connection", bars, |bar| &bar.bytes, inks, format::bytes, format::bytes_tick, true);
    let inks: [Ink; 4] = std::array::from_fn(|n| Ink::Layer(STAGES[n].1));
    panel(
        canvas,
        size,
        &right,
        "time until ready",
        bars,
        |bar| &bar.stages,
        inks,
        format::duration,
        format::duration_tick,
        size.narrow,
    );
}

#[allow(clippy::too_many_arguments, reason = "both panels of one chart, told apart by these")]
fn panel(
    canvas: &Canvas<'_>,
    size: Size,
    rows: &Rows,
    name: &str,
    bars: &[Bar],
    parts: impl Fn(&Bar) -> &Option<[f64; 4]>,
    inks: [Ink; 4],
    show: fn(f64) -> String,
    tick: fn(f64) -> String,
    named: bool,
) {
    canvas.text(name, (rows.frame.left, rows.frame.top - 12.0), TICK_SIZE, Ink::Muted, Anchor::Start);
    let range = (rows.frame.left, rows.frame.right);
    let axis = Axis::linear(bars.iter().filter_map(|bar| total(parts(bar))), range, tick);
    if let Some(axis) = &axis {
        rows.frame.x_axis(canvas, &axis.clone().thinned(if size.narrow { 56.0 } else { 62.0 }), "", true);
    }
    for (number, bar) in bars.iter().enumerate() {
        if named {
            rows.name(canvas, number, &bar.title, bar.void);
        }
        let top = rows.top(number);
        let (Some(axis), Some(values)) = (&axis, parts(bar)) else {
            canvas.text("not measured", (rows.frame.left, top + 8.0), 11.5, Ink::Muted, Anchor::Start);
            continue;
        };
        let mut from = 0.0;
        for (value, ink) in values.iter().zip(inks) {
            canvas.rect((axis.at(from), top), (axis.at(from + value), top + rows.bar), ink, 1.0);
            from += value;
        }
        canvas.text(&show(from), (axis.at(from) + 6.0, top + rows.bar / 2.0), 11.5, Ink::Text, Anchor::Start);
    }
}
