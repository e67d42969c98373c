//! Bytes per delivered message, layer upon layer: absolute, and as share.

use wirecost_model::{Cell, Record};

use super::axis::{Axis, TICK_SIZE};
use super::bars::{self, Rows};
use super::canvas::{Anchor, Canvas, Ink, text_width};
use super::{Absent, Chart, Drawn, Size, at, both, cells, shown_group};
use crate::account::parts::{self, STACK};
use crate::format;
use crate::load::Run;
use crate::stats::counting;
use crate::table::{Column, Table};
use crate::view;

const WHAT: &str = "bytes per delivered message";

/// Colours of the layers on light and on dark, and of text on them.
const COLOURS: [[&str; 4]; STACK.len()] = [
    ["#1f2a37", "#fff", "#dfe5ec", "#10141a"],
    ["#0f7f86", "#fff", "#3fb3b9", "#10141a"],
    ["#e39a2d", "#1b1b1b", "#e8a94a", "#10141a"],
    ["#c8503c", "#fff", "#d96a55", "#10141a"],
    ["#7a68b3", "#fff", "#9d8cd3", "#10141a"],
    ["#7f8c9a", "#fff", "#76828f", "#10141a"],
    ["#aab4be", "#1b1b1b", "#566270", "#fff"],
    ["#cfd6dd", "#1b1b1b", "#3d4753", "#fff"],
];

/// The CSS variables of the layers.
pub fn css_variables(dark: bool) -> String {
    let of = |colours: &[&str; 4]| {
        if dark { (colours[2].to_string(), colours[3].to_string()) } else { (colours[0].to_string(), colours[1].to_string()) }
    };
    COLOURS
        .iter()
        .enumerate()
        .map(|(n, colours)| {
            let (fill, on) = of(colours);
            format!("--l{n}:{fill};--on-l{n}:{on};")
        })
        .collect()
}

/// Patterns of the layers that are modelled where the kernel's count could not be reconciled; once a page.
pub fn hatches() -> String {
    let pattern = |n: usize| {
        format!(
            "<pattern id=\"hatch{n}\" width=\"10\" height=\"10\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect width=\"10\" height=\"10\" fill=\"var(--l{n})\"/><rect width=\"4\" height=\"10\" fill=\"var(--surface)\" opacity=\".55\"/></pattern>"
        )
    };
    let all: String = (0..STACK.len()).filter(|&n| is_modelled(n)).map(pattern).collect();
    format!("<svg class=\"defs\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>{all}</defs></svg>")
}

/// Below the socket: computed from the kernel's segment counts.
fn is_modelled(number: usize) -> bool {
    STACK[number].1.iter().all(|layer| layer.is_kernel())
}

/// One cell: bytes per message of each entry of the stack, in the median trial.
struct Bar {
    title: String,
    void: bool,
    reconciled: bool,
    parts: [f64; STACK.len()],
}

impl Bar {
    fn of(record: &Record, cell: &Cell) -> Option<Bar> {
        let parts = parts::of(record, cell)?;
        let trials = counting(cell.index, &record.trials);
        let reconciled = trials.iter().all(|trial| trial.ledger.interface.is_some());
        let void = trials.len() < record.trials.iter().filter(|trial| trial.cell == cell.index).count();
        Some(Bar { title: view::title(&record.plan, cell), void, reconciled, parts })
    }

    fn total(&self) -> f64 {
        self.parts.iter().sum()
    }

    fn ink(&self, number: usize) -> Ink {
        if is_modelled(number) && !self.reconciled { Ink::Hatched(number as u8) } else { Ink::Layer(number as u8) }
    }
}

/// Draws it.
pub fn draw(run: &Run, prefix: &str) -> Drawn {
    let record = &run.record;
    let group = shown_group(record).ok_or_else(|| Absent::of(WHAT, "the plan has no cells"))?;
    let bars: Vec<Bar> = cells(record, &group).into_iter().filter_map(|cell| Bar::of(record, cell)).collect();
    if bars.is_empty() {
        return Err(Absent::of(WHAT, "no messages were delivered in the measured window of a trial that counts"));
    }
    let title = title(&bars) + &at(&group);
    let hatched = bars.iter().any(|bar| !bar.reconciled);
    let hatched = if hatched {
        " Hatched layers are computed from the kernel's segment counts and were not reconciled with an interface."
    } else {
        ""
    };
    let reading = format!(
        "All bytes of the measured window, both directions, divided by the messages delivered in it. Left absolute, right as share. A bar is the median trial, or the mean of the two in the middle, so that its parts add up to the median over trials.{hatched}"
    );
    let id = format!("{prefix}bytes");
    let height = |size: Size| {
        let above = key(None, size, &bars) + 24.0;
        let once = Rows::height(size, bars.len(), 22.0, above);
        if size.narrow { once + Rows::height(size, bars.len(), 22.0, 24.0) } else { once }
    };
    let (wide, narrow) = both(&id, &title, &reading, height, |canvas, size| paint(canvas, size, &bars));
    let mut columns = vec![Column::words("arm")];
    columns.extend(STACK.iter().map(|(name, _)| Column::numbers(name, "B")));
    columns.extend([Column::numbers("sum", "B"), Column::numbers("payload", "%")]);
    let mut table = Table::new(columns);
    for bar in &bars {
        let mut row = vec![bar.title.clone()];
        row.extend(bar.parts.iter().map(|part| if *part == 0.0 { "0".into() } else { format::number(*part) }));
        row.extend([format::number(bar.total()), format::number(bar.parts[0] / bar.total() * 100.0)]);
        table.push(row);
    }
    Ok(Chart { id, title, reading, wide, narrow, table, notes: parts::sentences(record, &group) })
}

fn title(bars: &[Bar]) -> String {
    let overhead = |bar: &&Bar| bar.total() - bar.parts[0];
    let by = |a: &&Bar, b: &&Bar| overhead(a).total_cmp(&overhead(b));
    let (Some(least), Some(most)) = (bars.iter().min_by(by), bars.iter().max_by(by)) else { return String::new() };
    let payload = format::bytes(least.parts[0]);
    if bars.len() == 1 {
        return format!("{} adds {} to a payload of {payload}", least.title, format::bytes(overhead(&least)));
    }
    format!(
        "To a payload of {payload}, {} adds {} and {} adds {}",
        least.title,
        format::bytes(overhead(&least)),
        most.title,
        format::bytes(overhead(&most))
    )
}

/// The key over the bars: layers that are there.
fn key(canvas: Option<&Canvas<'_>>, size: Size, bars: &[Bar]) -> f64 {
    let items: Vec<(Ink, String)> = STACK
        .iter()
        .enumerate()
        .filter(|(n, _)| bars.iter().any(|bar| bar.parts[*n] > 0.0))
        .map(|(n, (name, _))| {
            let hatched = is_modelled(n) && bars.iter().all(|bar| !bar.reconciled);
            (if hatched { Ink::Hatched(n as u8) } else { Ink::Layer(n as u8) }, name.to_string())
        })
        .collect();
    bars::key(canvas, size.width, &items)
}

fn paint(canvas: &Canvas<'_>, size: Size, bars: &[Bar]) {
    let above = key(Some(canvas), size, bars) + 24.0;
    let names: Vec<String> = bars.iter().map(|bar| bar.title.clone()).collect();
    let mut rows = Rows::new(canvas, size, &names, 22.0, above, 56.0);
    let whole = (rows.frame.left, rows.frame.right);
    let share_left;
    if size.narrow {
        rows.frame.bottom = above + bars.len() as f64 * rows.pitch;
        share_left = rows.frame.left;
    } else {
        rows.frame.right = rows.frame.left + (canvas.width - rows.frame.left) * 0.6 - 56.0;
        share_left = rows.frame.right + 76.0;
    }
    let Some(x) = Axis::linear(bars.iter().map(Bar::total), (rows.frame.left, rows.frame.right), format::trimmed) else { return };
    canvas.text("bytes per message", (rows.frame.left, above - 12.0), TICK_SIZE, Ink::Muted, Anchor::Start);
    rows.frame.x_axis(canvas, &x.clone().thinned(44.0), "", true);
    for (number, bar) in bars.iter().enumerate() {
        rows.name(canvas, number, &bar.title, bar.void);
        stack(canvas, bar, rows.top(number), rows.bar, |value| x.at(value));
        let total = format!("{} B", format::number(bar.total()));
        canvas.bold(&total, (x.at(bar.total()) + 6.0, rows.top(number) + rows.bar / 2.0), 12.0, Ink::Text, Anchor::Start);
    }
    let mut share = rows;
    if size.narrow {
        share.frame.top = rows.frame.bottom + 60.0;
        share.frame.right = whole.1 + 50.0;
        share.frame.bottom = share.frame.top + bars.len() as f64 * rows.pitch;
    } else {
        share.frame.left = share_left;
        share.frame.right = canvas.width - 8.0;
    }
    canvas.text("share", (share.frame.left, share.frame.top - 12.0), TICK_SIZE, Ink::Muted, Anchor::Start);
    let ticks = [0.0, 25.0, 50.0, 75.0, 100.0].iter().map(|v| (*v, format!("{v} %"))).collect();
    let percent = Axis::fixed((0.0, 100.0), (share.frame.left, share.frame.right), ticks).thinned(40.0);
    share.frame.x_axis(canvas, &percent, "", false);
    for (number, bar) in bars.iter().enumerate() {
        if size.narrow {
            share.name(canvas, number, &bar.title, bar.void);
        }
        stack(canvas, bar, share.top(number), share.bar, |value| percent.at(value / bar.total() * 100.0));
    }
}

fn stack(canvas: &Canvas<'_>, bar: &Bar, top: f64, height: f64, x: impl Fn(f64) -> f64) {
    let mut from = 0.0;
    for (number, part) in bar.parts.iter().enumerate().filter(|(_, part)| **part > 0.0) {
        let (left, right) = (x(from), x(from + part));
        canvas.rect((left, top), (right, top + height), bar.ink(number), 1.0);
        let text = format::number(*part);
        if right - left > text_width(&text, 11.0) + 6.0 && bar.ink(number) == Ink::Layer(number as u8) {
            canvas.text(&text, ((left + right) / 2.0, top + height / 2.0), 11.0, Ink::OnLayer(number as u8), Anchor::Middle);
        }
        from += part;
    }
}
