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
    /// The answer.
    knee: Option<f64>,
    /// Why its search ended, and so what the answer is worth.
    stop: Stop,
}

impl Line {
    /// What it bears, in a key or at its end: `≥ 1,000/s`.
    fn worth(&self, result: &SearchResult) -> String {
        let Some(level) = self.knee.map(|level| level_text(result, level)) else {
            let none = match self.stop {
                Stop::BottomFailed => "holds nowhere",
                Stop::Unjudged => "not to be judged",
                Stop::Found | Stop::TopHeld | Stop::TrialsSpent | Stop::Unfinished => "nothing known to hold",
            };
            return none.into();
        };
        match self.stop {
            Stop::TopHeld | Stop::Unjudged => format!("≥ {level}"),
            Stop::TrialsSpent => format!("about {level}"),
            Stop::Unfinished => format!("{level} so far"),
            Stop::Found | Stop::BottomFailed => level,
        }
    }

    /// The same in a sentence, of one that has an answer: `1,000/s at least`.
    fn words(&self, result: &SearchResult) -> String {
        let worth = self.worth(result);
        worth.strip_prefix("≥ ").map_or(worth.clone(), |level| format!("{level} at least"))
    }
}

/// Draws it.
pub fn draw(run: &Run, prefix: &str) -> Drawn {
    let record = &run.record;
    let result = record.search.as_ref().ok_or_else(|| Absent::of(WHAT, "nothing was searched"))?;
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
            knee: answer.held,
            stop: answer.stop,
        })
        .collect();
    if lines.iter().all(|line| line.points.iter().all(|point| point.seen.is_none())) {
        return Err(Absent::of(WHAT, "no trial of it could be judged"));
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
    let mut known: Vec<(f64, &Line)> = lines.iter().filter_map(|line| Some((line.knee?, line))).collect();
    known.sort_by(|a, b| b.0.total_cmp(&a.0));
    match known.as_slice() {
        [] if lines.iter().all(|line| line.stop == Stop::BottomFailed) => format!("{} holds nowhere", result.condition.text),
        [] => format!("{} is not known to hold anywhere", result.condition.text),
        [(_, line)] => format!("{} bears {}", line.title, line.words(result)),
        [(level, line), .., (least, last)] if level > least => {
            format!("{} bears the most, {}, and {} {}", line.title, line.words(result), last.title, last.words(result))
        }
        [(level, _), ..] if known.len() == lines.len() => format!("Every arm bears {}", level_text(result, *level)),
        [(level, _), ..] => format!("{} of {} arms bear {}", known.len(), lines.len(), level_text(result, *level)),
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
        if let Some(level) = line.knee {
            let at = line.points.iter().find(|point| point.level == level).and_then(|point| point.seen);
            let top = at.map_or(frame.top, |value| y.at(value));
            canvas.line(&[(x.at(level), frame.bottom), (x.at(level), top)], line.look.ink, 1.0);
            labels.push(Label { at: (x.at(level), top), text: format!("{} {}", line.title, line.worth(result)) });
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
        let text = format!("{}: {}", line.title, line.worth(result));
        canvas.text(&text, (left + 42.0, top), 12.5, Ink::Text, Anchor::Start);
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
    #[test]
    fn an_answer_is_worth_what_its_end_says() {
        let mut run = fixture::run_of_a_search().clone();
        // The fixture's third arm bears 299.7/s or so, and its first does not even bear 10/s.
        let mut drawn = |subject: usize, stop: Stop| {
            run.record.search.as_mut().unwrap().answers[subject].stop = stop;
            draw(&run, "").unwrap().narrow
        };
        let key = |narrow: &str, arm: &str| {
            let from = narrow.find(&format!("{arm}: ")).unwrap() + arm.len() + 2;
            narrow[from..].split('<').next().unwrap().to_string()
        };
        let found = key(&drawn(2, Stop::Found), "HTTP streaming");
        assert!(found.ends_with("/s") && found.starts_with(|c: char| c.is_ascii_digit()), "{found}");
        for (stop, says) in [
            (Stop::TopHeld, format!("≥ {found}")),
            (Stop::Unjudged, format!("≥ {found}")),
            (Stop::TrialsSpent, format!("about {found}")),
            (Stop::Unfinished, format!("{found} so far")),
        ] {
            assert_eq!(key(&drawn(2, stop), "HTTP streaming"), says);
        }
        for (stop, says) in [
            (Stop::BottomFailed, "holds nowhere"),
            (Stop::Unjudged, "not to be judged"),
            (Stop::Unfinished, "nothing known to hold"),
            (Stop::TrialsSpent, "nothing known to hold"),
        ] {
            assert_eq!(key(&drawn(0, stop), "Short polling 1 s"), says);
        }
    }

    #[test]
    fn nothing_that_could_be_judged_is_not_nothing_that_holds() {
        let mut run = fixture::run_of_a_search().clone();
        let title = |run: &mut Run, stop: Stop| {
            let answers = &mut run.record.search.as_mut().unwrap().answers;
            answers.iter_mut().for_each(|answer| answer.held = None);
            answers.iter_mut().for_each(|answer| answer.stop = Stop::BottomFailed);
            answers[1].stop = stop;
            draw(run, "").unwrap().title
        };
        assert_eq!(title(&mut run, Stop::BottomFailed), "delivery.p99 < 50ms holds nowhere");
        assert_eq!(title(&mut run, Stop::Unjudged), "delivery.p99 < 50ms is not known to hold anywhere");
        let answers = &mut run.record.search.as_mut().unwrap().answers;
        answers[2..].iter_mut().for_each(|answer| answer.held = Some(20.0));
        assert_eq!(draw(&run, "").unwrap().title, "3 of 5 arms bear 20/s");
    }
}
