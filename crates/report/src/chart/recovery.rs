//! What a cut connection costs, in `reconnect`: how long clients were without messages, and how many they never got.

use wirecost_model::scenario::Workload;
use wirecost_model::{Cell, Record};

use super::axis::{Axis, TICK_SIZE};
use super::bars::{self, Rows};
use super::canvas::{Anchor, Canvas, Ink};
use super::{Absent, Chart, Drawn, Size, at, both, cells, look, shown_group};
use crate::format;
use crate::load::Run;
use crate::summary::{estimate, summary_of};
use crate::table::{Column, Table};
use crate::view;

const WHAT: &str = "recovery from a cut";

/// Layer colours of deliveries that came after all, and of those that never did.
const RECOVERED: Ink = Ink::Layer(1);
const MISSED: Ink = Ink::Layer(3);

/// One cell, medians over trials.
struct Bar<'a> {
    cell: &'a Cell,
    title: String,
    void: bool,
    /// From the cut to the first message again, ns: at the median, at p99, of the slowest.
    again: [Option<f64>; 3],
    /// From the cut to the first message that was sent after the client was back, ns.
    caught_up: Option<f64>,
    interrupted: Option<f64>,
    recovered: f64,
    missed: f64,
}

fn bars<'a>(record: &'a Record, cells: Vec<&'a Cell>) -> Vec<Bar<'a>> {
    let of = |cell: &'a Cell| {
        let value = |metric: &str| estimate(record, cell.index, metric);
        Some(Bar {
            cell,
            title: view::title(&record.plan, cell),
            void: summary_of(record, cell.index)?.void_trials > 0,
            again: ["recovery_p50_ns", "recovery_p99_ns", "recovery_max_ns"].map(value),
            caught_up: value("caught_up_p50_ns"),
            interrupted: value("interrupted"),
            recovered: value("recovered")?,
            missed: value("missed")?,
        })
    };
    cells.into_iter().filter_map(of).collect()
}

/// Draws it.
pub fn draw(run: &Run, prefix: &str) -> Drawn {
    let record = &run.record;
    let group = shown_group(record).ok_or_else(|| Absent::of(WHAT, "the plan has no cells"))?;
    let cells: Vec<&Cell> =
        cells(record, &group).into_iter().filter(|cell| matches!(cell.workload, Workload::Reconnect(_))).collect();
    if cells.is_empty() {
        return Err(Absent::of(WHAT, "no connection was cut off: that is the workload `reconnect`"));
    }
    let bars = bars(record, cells);
    if bars.is_empty() {
        return Err(Absent::of(WHAT, "no trial that counts has clients that were cut off"));
    }
    let title = title(&bars) + &at(&group);
    let reading = "Left: from the cut to the first message again, for clients that lost their session; the bar ends at the median, the line at the slowest. Most of it is the back-off before a client connects again, the same rule for all; a poller waits for its next poll instead. Right: deliveries that were due meanwhile and came afterwards, and those that never came, a trial.".to_string();
    let id = format!("{prefix}recovery");
    let height = |size: Size| {
        let above = bars::key(None, size.width, &keys()) + 24.0;
        let once = Rows::height(size, bars.len(), 16.0, above);
        if size.narrow { once + Rows::height(size, bars.len(), 16.0, 30.0) } else { once }
    };
    let (wide, narrow) = both(&id, &title, &reading, height, |canvas, size| paint(canvas, size, &bars));
    let mut table = Table::new(vec![
        Column::words("arm"),
        Column::numbers("interrupted clients", "a trial"),
        Column::numbers("message again, p50", "ms"),
        Column::numbers("p99", "ms"),
        Column::numbers("slowest", "ms"),
        Column::numbers("caught up, p50", "ms"),
        Column::numbers("recovered", "a trial"),
        Column::numbers("missed", "a trial"),
    ]);
    let ms = |value: Option<f64>| value.map_or("–".to_string(), |ns| format::number(ns / 1e6));
    for bar in &bars {
        let mut row = vec![bar.title.clone(), bar.interrupted.map_or("–".into(), format::trimmed)];
        row.extend(bar.again.map(ms));
        row.extend([ms(bar.caught_up), format::trimmed(bar.recovered), format::trimmed(bar.missed)]);
        table.push(row);
    }
    Ok(Chart { id, title, reading, wide, narrow, table, notes: Vec::new() })
}

/// How soon messages come again, and who misses any.
fn title(bars: &[Bar<'_>]) -> String {
    let mut times: Vec<(&str, f64)> = bars.iter().filter_map(|bar| Some((bar.title.as_str(), bar.again[0]?))).collect();
    times.sort_by(|a, b| a.1.total_cmp(&b.1));
    let time = match times.as_slice() {
        [] => None,
        [(_, ns)] => Some(format!("messages come again {} after a cut", format::duration(*ns))),
        [(first, low), .., (last, high)] => Some(format!(
            "messages come again {} ({first}) to {} ({last}) after a cut",
            format::duration(*low),
            format::duration(*high)
        )),
    };
    let mut losers: Vec<&Bar<'_>> = bars.iter().filter(|bar| bar.missed > 0.0).collect();
    losers.sort_by(|a, b| b.missed.total_cmp(&a.missed));
    let missed = match losers.as_slice() {
        [] => "nobody misses any".to_string(),
        [only] => format!("only {} misses any: {} a trial", only.title, format::trimmed(only.missed)),
        [most, ..] => {
            format!(
                "{} of {} arms miss some, {} the most: {} a trial",
                losers.len(),
                bars.len(),
                most.title,
                format::trimmed(most.missed)
            )
        }
    };
    let time = time.map(|time| time + "; ").unwrap_or_default();
    format::capital(&(time + &missed))
}

fn keys() -> [(Ink, String); 2] {
    [(RECOVERED, "came afterwards".into()), (MISSED, "never came".into())]
}

fn paint(canvas: &Canvas<'_>, size: Size, bars: &[Bar<'_>]) {
    let above = bars::key(None, size.width, &keys()) + 24.0;
    let names: Vec<String> = bars.iter().map(|bar| bar.title.clone()).collect();
    let mut left = Rows::new(canvas, size, &names, 16.0, above, 64.0);
    let mut right = left;
    if size.narrow {
        left.frame.bottom = above + bars.len() as f64 * left.pitch;
        right.frame.top = left.frame.bottom + 60.0;
        right.frame.bottom = right.frame.top + bars.len() as f64 * right.pitch;
        right.frame.right = canvas.width - 110.0;
    } else {
        let width = (canvas.width - left.frame.left - 190.0) / 2.0;
        left.frame.right = left.frame.left + width;
        right.frame.left = left.frame.right + 74.0;
        right.frame.right = right.frame.left + width;
    }
    bars::key(Some(canvas), size.width, &keys());
    for (rows, name) in [(&left, "time until a message comes again"), (&right, "deliveries due while cut off, a trial")] {
        canvas.text(name, (rows.frame.left, rows.frame.top - 12.0), TICK_SIZE, Ink::Muted, Anchor::Start);
    }
    let axis = |rows: &Rows, values: Vec<f64>, tick: fn(f64) -> String| {
        let axis = Axis::linear(values.into_iter(), (rows.frame.left, rows.frame.right), tick);
        if let Some(axis) = &axis {
            rows.frame.x_axis(canvas, &axis.clone().thinned(60.0), "", true);
        }
        axis
    };
    let times = axis(&left, bars.iter().flat_map(|bar| bar.again).flatten().collect(), format::duration_tick);
    let counts = axis(&right, bars.iter().map(|bar| bar.recovered + bar.missed).collect(), format::trimmed);
    for (number, bar) in bars.iter().enumerate() {
        left.name(canvas, number, &bar.title, bar.void);
        if size.narrow {
            right.name(canvas, number, &bar.title, bar.void);
        }
        let (top, middle) = (left.top(number), left.top(number) + left.bar / 2.0);
        match (&times, bar.again[0]) {
            (Some(x), Some(median)) => {
                canvas.rect((left.frame.left, top), (x.at(median), top + left.bar), look::colour(bar.cell.config.transport), 1.0);
                let slowest = bar.again[2].unwrap_or(median);
                canvas.line(&[(x.at(median), middle), (x.at(slowest), middle)], Ink::Muted, 1.0);
                canvas.line(&[(x.at(slowest), middle - 4.0), (x.at(slowest), middle + 4.0)], Ink::Muted, 1.0);
                canvas.text(&format::duration(median), (x.at(slowest) + 6.0, middle), 11.5, Ink::Text, Anchor::Start);
            }
            _ => {
                let why = if bar.again[2].is_some() { "too few clients" } else { "not measured" };
                canvas.text(why, (left.frame.left, middle), 11.5, Ink::Muted, Anchor::Start);
            }
        }
        let (top, middle) = (right.top(number), right.top(number) + right.bar / 2.0);
        let mut end = right.frame.left;
        if let Some(x) = &counts {
            for (from, to, ink) in [(0.0, bar.recovered, RECOVERED), (bar.recovered, bar.recovered + bar.missed, MISSED)] {
                canvas.rect((x.at(from), top), (x.at(to), top + right.bar), ink, 1.0);
            }
            end = x.at(bar.recovered + bar.missed);
        }
        let text = match bar.missed {
            0.0 => "none missed".to_string(),
            missed => format!("{} missed", format::trimmed(missed)),
        };
        canvas.text(&text, (end + 6.0, middle), 11.5, Ink::Text, Anchor::Start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture, stats};
    use wirecost_model::Recovery;

    /// The run of five arms, as if connections had been cut: so many deliveries missed a trial, by cell.
    fn cut(missed: [u64; 5]) -> Run {
        let mut record = fixture::run().record.clone();
        for cell in &mut record.plan.cells {
            let yaml = "name: a\nquestion: b\nworkload: { reconnect: { rate: 20/s } }\nclients: 50\narms: [sse]\n";
            cell.workload = wirecost_model::scenario::load(yaml).unwrap().scenario.workload;
        }
        for trial in &mut record.trials {
            let recovery = Recovery { interrupted: 25, recovered: 100, missed: missed[trial.cell], ..Recovery::default() };
            trial.recovery = Some(recovery);
            for tag in ["recovery", "caught_up"] {
                let latency = trial.latencies["delivery"].clone();
                trial.latencies.insert(tag.into(), latency);
            }
        }
        record.cells = stats::summarise(&record.plan, &record.trials);
        Run::bare(record)
    }

    #[test]
    fn who_misses_messages_is_in_the_title() {
        let title = |missed: [u64; 5]| draw(&cut(missed), "").unwrap().title;
        insta::assert_snapshot!([title([0; 5]), title([0, 0, 0, 7, 0]), title([0, 0, 3, 7, 1])].join("\n"));
    }

    #[test]
    fn the_table_has_every_arm_and_the_drawing_what_was_missed() {
        let chart = draw(&cut([0, 0, 0, 7, 0]), "").unwrap();
        assert_eq!(chart.table.rows.len(), 5);
        assert_eq!((chart.wide.matches("none missed").count(), chart.wide.matches("7 missed").count()), (4, 1));
    }

    #[test]
    fn without_a_cut_there_is_none() {
        assert!(draw(fixture::run(), "").unwrap_err().why.contains("reconnect"));
    }
}
