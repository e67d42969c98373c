//! Ratios to the baseline with their intervals: what differs, what is the same, and what cannot be told.

use wirecost_model::record::{Comparison, Verdict};
use wirecost_model::{Cell, Record};

use super::axis::{Axis, Frame};
use super::canvas::{Anchor, Canvas, Ink, text_width};
use super::{Absent, Chart, Drawn, Size, at, both, look, shown_group};
use crate::format;
use crate::load::Run;
use crate::stats::{METRICS, Metric, ratio};
use crate::summary::{is_superseded, ratio_text};
use crate::table::{Column, Table};
use crate::view;

const WHAT: &str = "ratios to the baseline";
/// Height of a row.
const ROW: f64 = 19.0;
/// Height of a metric's heading.
const HEAD: f64 = 30.0;

/// The comparisons of one metric.
struct Block<'a> {
    metric: &'static Metric,
    rows: Vec<(&'a Cell, String, &'a Comparison)>,
}

fn blocks(record: &Record) -> Vec<Block<'_>> {
    let Some(group) = shown_group(record) else { return Vec::new() };
    METRICS
        .iter()
        .filter(|metric| !is_superseded(record, metric.name))
        .filter_map(|metric| {
            let rows: Vec<_> = record
                .comparisons
                .iter()
                .filter(|c| c.metric == metric.name && group.cells.contains(&c.cell) && c.ratio > 0.0)
                .filter_map(|c| record.plan.cells.get(c.cell).map(|cell| (cell, view::title(&record.plan, cell), c)))
                .collect();
            (!rows.is_empty()).then_some(Block { metric, rows })
        })
        .collect()
}

/// Draws it.
pub fn draw(run: &Run, prefix: &str) -> Drawn {
    let record = &run.record;
    let group = shown_group(record).ok_or_else(|| Absent::of(WHAT, "the plan has no cells"))?;
    let blocks = blocks(record);
    if blocks.is_empty() {
        return Err(Absent::of(WHAT, "nothing could be compared with the baseline"));
    }
    let baseline =
        record.plan.cells.iter().find(|c| c.config.name == record.plan.baseline).map_or(String::new(), view::arm_title);
    let count = |verdict: Verdict| blocks.iter().flat_map(|b| &b.rows).filter(|(.., c)| c.verdict == verdict).count();
    let all: usize = blocks.iter().map(|b| b.rows.len()).sum();
    let judged = blocks.iter().flat_map(|b| &b.rows).any(|(.., c)| c.interval.is_some());
    let title = if judged {
        format!(
            "{all} comparisons with {baseline}: {} differ, {} the same within 5 %, {} not told apart",
            count(Verdict::Different),
            count(Verdict::Equivalent),
            count(Verdict::Inconclusive)
        )
    } else {
        format!("Fewer than {} trials bear no interval: none of {all} ratios to {baseline} can be judged", ratio::LEAST_PAIRS)
    } + &at(&group);
    let reading = format!(
        "Ratio to {baseline} (log): left of the line less, right of it more; less is better in all of these. Marks are the geometric mean over blocks, bars their 95 % intervals, the band is {} % either way. Hollow marks cannot be told from 1×.",
        format::trimmed(ratio::MARGIN * 100.0)
    );
    let id = format!("{prefix}ratios");
    let height = |size: Size| {
        blocks.iter().map(|b| HEAD + b.rows.len() as f64 * if size.narrow { ROW + 14.0 } else { ROW }).sum::<f64>() + 44.0
    };
    let (wide, narrow) = both(&id, &title, &reading, height, |canvas, size| paint(canvas, size, &blocks));
    let mut table =
        Table::new(vec![Column::words("metric"), Column::words("arm"), Column::numbers("ratio", ""), Column::words("verdict")]);
    for block in &blocks {
        for (_, title, comparison) in &block.rows {
            let verdict = match comparison.verdict {
                Verdict::Different => "different",
                Verdict::Equivalent => "equivalent",
                Verdict::Inconclusive => "inconclusive",
            };
            table.push(vec![block.metric.label.into(), title.clone(), ratio_text(comparison), verdict.into()]);
        }
    }
    Ok(Chart { id, title, reading, wide, narrow, table, notes: Vec::new() })
}

fn paint(canvas: &Canvas<'_>, size: Size, blocks: &[Block<'_>]) {
    let widest = blocks.iter().flat_map(|b| &b.rows).map(|(_, title, _)| text_width(title, 12.5)).fold(0.0, f64::max);
    let left = if size.narrow { 4.0 } else { widest + 16.0 };
    let ratios = blocks.iter().flat_map(|b| &b.rows).map(|(.., c)| text_width(&ratio_text(c), 11.5)).fold(0.0, f64::max);
    let right = canvas.width - if size.narrow { 8.0 } else { ratios + 16.0 };
    let frame = Frame { left, top: 4.0, right, bottom: canvas.height - 40.0 };
    let ends = blocks.iter().flat_map(|b| &b.rows).flat_map(|(.., c)| {
        let [low, high] = c.interval.unwrap_or([c.ratio, c.ratio]);
        [low, high, 1.0 / 1.2, 1.2]
    });
    let Some(x) = Axis::logarithmic(ends, (frame.left, frame.right), format::ratio_tick) else { return };
    frame.x_axis(canvas, &x.clone().thinned(52.0), "ratio (log)", true);
    canvas.rect((x.at(1.0 / (1.0 + ratio::MARGIN)), frame.top), (x.at(1.0 + ratio::MARGIN), frame.bottom), Ink::Band, 1.0);
    canvas.line(&[(x.at(1.0), frame.top), (x.at(1.0), frame.bottom)], Ink::Muted, 1.0);
    // On a narrow screen names stand over the axes, whose lines must not cross them.
    let clear = |name: &str, size: f64, middle: f64| {
        canvas.rect((left, middle - 8.0), (left + text_width(name, size) + 4.0, middle + 8.0), Ink::Surface, 1.0);
    };
    let mut y = 4.0;
    for block in blocks {
        if size.narrow {
            clear(block.metric.label, 13.5, y + 16.0);
        }
        canvas.bold(block.metric.label, (if size.narrow { left } else { 0.0 }, y + 16.0), 12.5, Ink::Label, Anchor::Start);
        y += HEAD;
        for (cell, title, comparison) in &block.rows {
            let text = ratio_text(comparison);
            let middle = if size.narrow {
                clear(title, 12.0, y + 6.0);
                canvas.text(title, (left, y + 6.0), 12.0, Ink::Label, Anchor::Start);
                canvas.text(&text, (canvas.width - 4.0, y + 6.0), 11.5, Ink::Label, Anchor::End);
                y + 20.0
            } else {
                canvas.text(title, (left - 12.0, y + ROW / 2.0), 12.5, Ink::Text, Anchor::End);
                canvas.text(&text, (right + 10.0, y + ROW / 2.0), 11.5, Ink::Text, Anchor::Start);
                y + ROW / 2.0
            };
            let ink = look::colour(cell.config.transport);
            if let Some([low, high]) = comparison.interval {
                canvas.line(&[(x.at(low), middle), (x.at(high), middle)], ink, 2.0);
            }
            let mark = look::mark(cell.config.transport);
            canvas.mark(mark, (x.at(comparison.ratio), middle), 4.5, ink);
            if comparison.verdict == Verdict::Inconclusive {
                canvas.mark(mark, (x.at(comparison.ratio), middle), 2.5, Ink::Surface);
            }
            y += if size.narrow { ROW + 14.0 } else { ROW };
        }
    }
}
