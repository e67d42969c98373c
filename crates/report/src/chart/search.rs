//! What a search saw: the condition's metric against the level, with its limit and each arm's knee.

use wirecost_model::search::{SearchResult, Searched, Stop};

use super::axis::{Axis, Frame};
use super::canvas::{Anchor, Canvas, Ink, Mark, text_width};
use super::label::{self, Label, Taken};
use super::look::{self, Look};
use super::{Absent, Chart, Drawn, Size, both};
use crate::format;
use crate::load::Run;
use crate::search::{level_number, level_text, title, value_text};
use crate::stats::metric::{Metric, Unit};
use crate::stats::threshold::metric_name;
use crate::table::{Column, Table};

const WHAT: &str = "what a search saw";

/// A level of a subject.
struct Point {
    level: f64,
    /// `None` if nothing at this level could be judged.
    seen: Option<f64>,
    holds: bool,
}

/// A subject.
struct Line {
    title: String,
    look: Look,
    points: Vec<Point>,
    /// The answer, and whether it is a floor.
    knee: Option<(f64, bool)>,
}

/// Draws it.
pub fn draw(run: &Run, prefix: &str) -> Drawn {
    let record = &run.record;
    let absent = |why: &str| Absent { what: WHAT, why: why.into() };
    let result = record.search.as_ref().ok_or_else(|| absent("nothing was searched"))?;
    let group: Vec<usize> = (0..result.answers.len()).collect();
    let lines: Vec<Line> = result
        .answers
        .iter()
        .enumerate()
        .map(|(number, answer)| Line {
            title: title(record, result, number),
            look: look::of(&record.plan, &record.plan.cells[number], &group),
            points: answer
                .levels
                .iter()
                .map(|probed| Point { level: probed.level, seen: probed.seen, holds: probed.held > probed.failed })
                .collect(),
            knee: answer.held.map(|held| (held, answer.stop != Stop::Found)),
        })
        .collect();
    if lines.iter().all(|line| line.points.iter().all(|point| point.seen.is_none())) {
        return Err(absent("no trial of it could be judged"));
    }
    let title = finding(result, &lines);
    let reading = format!(
        "Medians of {} over the trials of each level. ● the condition holds, ✚ it fails, ▼ every trial is void. The dotted line is \
         its limit, {}; a vertical line stands where an arm's search ended.",
        result.condition.metric,
        value_text(result, result.condition.value)
    );
    let mut table = Table::new(vec![
        Column::words("arm"),
        Column::numbers(result.what.name(), ""),
        Column::words("condition"),
        Column::numbers(&result.condition.metric, "median"),
    ]);
    for line in &lines {
        for point in &line.points {
            let word = match (point.seen, point.holds) {
                (None, _) => "void",
                (_, true) => "holds",
                (_, false) => "fails",
            };
            let seen = point.seen.map_or("–".into(), |value| value_text(result, value));
            table.push(vec![line.title.clone(), level_number(result, point.level), word.into(), seen]);
        }
    }
    let id = format!("{prefix}search-chart");
    let height = |size: Size| 380.0 + 18.0 * key_rows(size, lines.len()) as f64;
    let (wide, narrow) = both(&id, &title, &reading, height, |canvas, size| paint(canvas, size, result, &lines));
    Ok(Chart { id, title, reading, wide, narrow, table, notes: Vec::new() })
}

/// Who bears the most, as far as it was seen.
fn finding(result: &SearchResult, lines: &[Line]) -> String {
    let mut known: Vec<(&str, f64, bool)> =
        lines.iter().filter_map(|line| line.knee.map(|(level, floor)| (line.title.as_str(), level, floor))).collect();
    known.sort_by(|a, b| b.1.total_cmp(&a.1));
    match known.as_slice() {
        [] => format!("{} holds nowhere", result.condition.text),
        [(name, level, floor)] => {
            format!("{name} bears {}{}", level_text(result, *level), if *floor { " at least" } else { "" })
        }
        [(name, level, floor), .., (last, least, last_floor)] if level > least => {
            let at_least = |floor: bool| if floor { " at least" } else { "" };
            format!(
                "{name} bears the most, {}{}, and {last} {}{}",
                level_text(result, *level),
                at_least(*floor),
                level_text(result, *least),
                at_least(*last_floor)
            )
        }
        [(_, level, _), ..] => format!("Every arm bears {}", level_text(result, *level)),
    }
}

fn key_rows(size: Size, lines: usize) -> usize {
    if size.narrow { lines } else { lines.div_ceil(2) }
}

fn paint(canvas: &Canvas<'_>, size: Size, result: &SearchResult, lines: &[Line]) {
    let below = 18.0 * key_rows(size, lines.len()) as f64 + 56.0;
    let frame = Frame { left: 62.0, top: 30.0, right: canvas.width - 16.0, bottom: canvas.height - below };
    let unit = Metric::named(&metric_name(&result.condition.metric)).map(|metric| metric.unit);
    let tick = match unit {
        Some(Unit::Nanoseconds) => format::duration_tick,
        Some(Unit::Bytes) => format::bytes_tick,
        _ => format::trimmed,
    };
    let points = || lines.iter().flat_map(|line| &line.points);
    let values = || points().filter_map(|point| point.seen).chain([result.condition.value]);
    let logarithmic = values().all(|value| value > 0.0);
    let vertical = (frame.bottom, frame.top + 14.0);
    let y = if logarithmic { Axis::logarithmic(values(), vertical, tick) } else { Axis::linear(values(), vertical, tick) };
    let x = Axis::logarithmic(points().map(|point| point.level), (frame.left, frame.right), format::trimmed);
    let (Some(x), Some(y)) = (x, y) else { return };
    frame.y_axis(canvas, &y, &format!("{}{}", result.condition.metric, if logarithmic { " (log)" } else { "" }));
    let x_name = match result.what {
        Searched::Rate => "messages per second (log)",
        Searched::Clients => "clients (log)",
    };
    frame.x_axis(canvas, &x.clone().thinned(44.0), x_name, false);
    let limit = y.at(result.condition.value);
    canvas.line(&[(frame.left, limit), (frame.right, limit)], Ink::Theory, 1.5);
    let text = format!("limit {}", value_text(result, result.condition.value));
    canvas.text(&text, (frame.left + 4.0, limit - 10.0), 12.0, Ink::Label, Anchor::Start);
    let mut labels = Vec::new();
    let mut taken: Vec<Taken> = label::along((frame.left, limit), (frame.right, limit));
    taken.push([frame.left, limit - 18.0, frame.left + 8.0 + text_width(&text, 12.0), limit]);
    for line in lines {
        let seen: Vec<(f64, f64)> = line.points.iter().filter_map(|point| Some((x.at(point.level), y.at(point.seen?)))).collect();
        canvas.line(&seen, line.look.ink, 2.0);
        taken.extend(seen.windows(2).flat_map(|pair| label::along(pair[0], pair[1])));
        if let Some((level, floor)) = line.knee {
            let at = line.points.iter().find(|point| point.level == level).and_then(|point| point.seen);
            let top = at.map_or(frame.top, |value| y.at(value));
            canvas.line(&[(x.at(level), frame.bottom), (x.at(level), top)], line.look.ink, 1.0);
            let least = if floor { "≥ " } else { "" };
            labels.push(Label { at: (x.at(level), top), text: format!("{} {least}{}", line.title, level_text(result, level)) });
        }
        for point in &line.points {
            let (mark, at) = match (point.seen, point.holds) {
                (Some(value), true) => (Mark::Circle, y.at(value)),
                (Some(value), false) => (Mark::Cross, y.at(value)),
                (None, _) => (Mark::Down, frame.top + 2.0),
            };
            canvas.mark(mark, (x.at(point.level), at), 4.0, line.look.ink);
        }
    }
    if !size.narrow {
        label::draw(canvas, &labels, &taken, [frame.left, frame.top, canvas.width, frame.bottom]);
    }
    for (number, line) in lines.iter().enumerate() {
        let (column, row) = if size.narrow { (0, number) } else { (number % 2, number / 2) };
        let left = frame.left + column as f64 * (frame.right - frame.left) / 2.0;
        let top = frame.bottom + 52.0 + 18.0 * row as f64;
        canvas.line(&[(left, top), (left + 34.0, top)], line.look.ink, 2.0);
        let knee = line.knee.map_or("holds nowhere".into(), |(level, floor)| {
            format!("{}{}", if floor { "≥ " } else { "" }, level_text(result, level))
        });
        canvas.text(&format!("{}: {knee}", line.title), (left + 42.0, top), 12.5, Ink::Text, Anchor::Start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_search_is_drawn_with_its_limit_and_nothing_else_is() {
        let chart = draw(fixture::run_of_a_search(), "").unwrap();
        assert_eq!(chart.title, "WebSocket bears the most, 1,000/s at least, and Long polling 19.31/s");
        assert!(chart.wide.contains("limit 50.0 ms") && chart.wide.contains("≥ 1,000/s"));
        assert!(!chart.wide.contains("NaN") && !chart.narrow.contains("NaN"));
        assert!(chart.table.rows.iter().any(|row| row[2] == "void") && chart.table.rows.iter().any(|row| row[2] == "fails"));
        assert_eq!(draw(fixture::run(), "").unwrap_err().why, "nothing was searched");
    }
}
