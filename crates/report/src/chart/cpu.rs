//! CPU time per message, of the server and of the load generator.

use wirecost_model::record::Estimate;
use wirecost_model::{Cell, Record};

use super::axis::{Axis, TICK_SIZE};
use super::bars::{self, Rows};
use super::canvas::{Anchor, Canvas, Ink};
use super::{Absent, Chart, Drawn, Size, at, both, cells, look, shown_group};
use crate::format;
use crate::load::Run;
use crate::summary::summary_of;
use crate::table::{Column, Table};
use crate::view::{self, Group};

const WHAT: &str = "CPU time per message";

struct Bar<'a> {
    cell: &'a Cell,
    title: String,
    void: bool,
    server: &'a Estimate,
    client: Option<&'a Estimate>,
}

fn bars<'a>(record: &'a Record, group: &Group) -> Vec<Bar<'a>> {
    cells(record, group)
        .into_iter()
        .filter_map(|cell| {
            let summary = summary_of(record, cell.index)?;
            Some(Bar {
                cell,
                title: view::title(&record.plan, cell),
                void: summary.void_trials > 0,
                server: summary.metrics.get("server_cpu_us_per_message")?,
                client: summary.metrics.get("client_cpu_us_per_message"),
            })
        })
        .collect()
}

/// Draws it.
pub fn draw(run: &Run, prefix: &str) -> Drawn {
    let record = &run.record;
    let group = shown_group(record).ok_or_else(|| Absent::of(WHAT, "the plan has no cells"))?;
    let bars = bars(record, &group);
    if bars.is_empty() {
        return Err(Absent::of(WHAT, "no trial that counts has both CPU time and messages"));
    }
    let by = |a: &&Bar<'_>, b: &&Bar<'_>| a.server.median.total_cmp(&b.server.median);
    let (Some(least), Some(most)) = (bars.iter().min_by(by), bars.iter().max_by(by)) else {
        return Err(Absent::of(WHAT, "no bars"));
    };
    let us = |value: f64| format!("{} µs", format::number(value));
    let title = if least.cell.index == most.cell.index {
        format!("A message costs the server {} of CPU", us(least.server.median))
    } else {
        format!(
            "A message costs the server {} of CPU with {}, {} with {}",
            us(least.server.median),
            least.title,
            us(most.server.median),
            most.title
        )
    } + &at(&group);
    let reading = "CPU time of each process over the measured window, kernel included, divided by the messages delivered in it. The line through a bar's end is the 95 % interval of the median over trials. The load generator's share is that of one client library, and not the protocol's alone.".to_string();
    let id = format!("{prefix}cpu");
    let height = |size: Size| Rows::height(size, bars.len(), 26.0, 46.0);
    let (wide, narrow) = both(&id, &title, &reading, height, |canvas, size| paint(canvas, size, &bars));
    let mut table = Table::new(vec![
        Column::words("arm"),
        Column::numbers("server", "µs"),
        Column::numbers("interval", "µs"),
        Column::numbers("client", "µs"),
        Column::numbers("interval", "µs"),
    ]);
    let interval = |estimate: &Estimate| {
        estimate.interval.map_or("–".into(), |[low, high]| format!("{}–{}", format::number(low), format::number(high)))
    };
    for bar in &bars {
        table.push(vec![
            bar.title.clone(),
            format::number(bar.server.median),
            interval(bar.server),
            bar.client.map_or("–".into(), |e| format::number(e.median)),
            bar.client.map_or("–".into(), interval),
        ]);
    }
    Ok(Chart { id, title, reading, wide, narrow, table, notes: Vec::new() })
}

fn paint(canvas: &Canvas<'_>, size: Size, bars: &[Bar<'_>]) {
    let keys = [(Ink::Text, "server".to_string()), (Ink::Muted, "load generator".to_string())];
    let above = bars::key(None, size.width, &keys) + 20.0;
    // The key shows strength, not hue: full for the server, faint for the client.
    canvas.rect((0.0, 2.5), (11.0, 13.5), Ink::Text, 1.0);
    canvas.text("server", (17.0, 8.0), TICK_SIZE, Ink::Muted, Anchor::Start);
    canvas.rect((76.0, 2.5), (87.0, 13.5), Ink::Text, 0.4);
    canvas.text("load generator", (93.0, 8.0), TICK_SIZE, Ink::Muted, Anchor::Start);
    let names: Vec<String> = bars.iter().map(|bar| bar.title.clone()).collect();
    let rows = Rows::new(canvas, size, &names, 26.0, above, 64.0);
    let ends = |e: &Estimate| e.interval.map_or(e.median, |[_, high]| high);
    let values = bars.iter().flat_map(|bar| [Some(ends(bar.server)), bar.client.map(ends)]).flatten();
    let Some(x) = Axis::linear(values, (rows.frame.left, rows.frame.right), format::trimmed) else { return };
    rows.frame.x_axis(canvas, &x.clone().thinned(40.0), "µs per message", true);
    for (number, bar) in bars.iter().enumerate() {
        rows.name(canvas, number, &bar.title, bar.void);
        let ink = look::colour(bar.cell.config.transport);
        for (estimate, offset, opacity) in [(Some(bar.server), 0.0, 1.0), (bar.client, 13.0, 0.4)] {
            let Some(estimate) = estimate else { continue };
            let (top, middle) = (rows.top(number) + offset, rows.top(number) + offset + 6.0);
            canvas.rect((rows.frame.left, top), (x.at(estimate.median), top + 12.0), ink, opacity);
            if let Some([low, high]) = estimate.interval {
                canvas.line(&[(x.at(low), middle), (x.at(high), middle)], Ink::Text, 1.0);
            }
            let text = format::number(estimate.median);
            canvas.text(&text, (x.at(ends(estimate)) + 6.0, middle), 11.5, Ink::Text, Anchor::Start);
        }
    }
}
