//! A panel of lines over one axis of the plan: what memory, load and sweep have in common.

use wirecost_model::scenario::Scalar;
use wirecost_model::units::{Rate, Size as Bytes, Span};
use wirecost_model::{Cell, Plan, Record};

use super::axis::{Axis, Frame, TICK_SIZE, spread};
use super::canvas::{Anchor, Canvas, Ink, text_width};
use super::look::{self, Look};
use crate::format;
use crate::summary::estimate;
use crate::view;

/// A value of an axis as a number: a plain one, or a quantity in its base unit (s, B, 1/s).
pub fn number(value: &Scalar) -> Option<f64> {
    match value {
        Scalar::Int(v) => Some(*v as f64),
        Scalar::Float(v) => Some(*v),
        Scalar::Bool(_) => None,
        Scalar::Text(text) => text
            .parse::<Span>()
            .map(Span::seconds)
            .ok()
            .or_else(|| text.parse::<Bytes>().map(|b| b.0 as f64).ok())
            .or_else(|| text.parse::<Rate>().map(|r| r.0).ok()),
    }
}

/// The values of an axis over all cells, in order, with their texts; empty if they are not numbers.
pub fn values(plan: &Plan, axis: &str) -> Vec<(f64, String)> {
    let mut values: Vec<(f64, String)> = plan
        .cells
        .iter()
        .filter_map(|cell| cell.point.get(axis))
        .filter_map(|v| Some((number(v)?, format::spaced(&v.to_string()))))
        .collect();
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    values.dedup_by(|a, b| a.0 == b.0);
    values
}

/// One arm over the axis.
pub struct Line {
    /// Its name.
    pub title: String,
    /// Its look.
    pub look: Look,
    /// (value on the axis, value of the metric), in order; cells without the metric are left out.
    pub points: Vec<(f64, f64)>,
}

/// The arms over an axis, all other axes held at their last value.
pub fn lines(record: &Record, axis: &str, value: impl Fn(&Cell) -> Option<f64>) -> Vec<Line> {
    let plan = &record.plan;
    let groups = view::groups(plan);
    let mut lines: Vec<Line> = Vec::new();
    for view::Series { title, cells } in view::along(plan, axis) {
        let Some(first) = cells.first() else { continue };
        let group = groups.iter().find(|g| g.cells.contains(&first.index)).map(|g| g.cells.as_slice()).unwrap_or_default();
        let points = cells.iter().filter_map(|cell| Some((number(cell.point.get(axis)?)?, value(cell)?))).collect();
        lines.push(Line { title, look: look::of(plan, first, group), points });
    }
    for line in &mut lines {
        line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    lines.retain(|line| line.points.len() >= 2);
    lines
}

/// The median of a metric, for [`lines`].
pub fn metric<'a>(record: &'a Record, name: &'a str) -> impl Fn(&Cell) -> Option<f64> + 'a {
    move |cell| estimate(record, cell.index, name)
}

/// How a panel is drawn.
pub struct Panel<'a> {
    /// Its place, the labels at the lines' ends excepted.
    pub frame: Frame,
    /// Ticks of the x axis.
    pub ticks: &'a [(f64, String)],
    /// Name of the x axis.
    pub x_name: &'a str,
    /// Name of the y axis.
    pub y_name: &'a str,
    /// Labels of the y axis.
    pub y_tick: fn(f64) -> String,
    /// Whether y is logarithmic.
    pub log_y: bool,
    /// Whether x is linear from 0, so that slopes can be seen; else as its values ask for.
    pub x_from_zero: bool,
    /// Whether the lines are named at their ends.
    pub named: bool,
}

/// The room that names at the ends of lines need.
pub fn name_room(lines: &[Line]) -> f64 {
    lines.iter().map(|line| text_width(&line.title, 12.5)).fold(0.0, f64::max) + 28.0
}

/// Draws lines over an axis. Unless it begins at 0, x is logarithmic where its values spread over more than a factor of eight.
pub fn paint(canvas: &Canvas<'_>, lines: &[Line], panel: &Panel<'_>) {
    let frame = &panel.frame;
    let (Some(first), Some(last)) = (panel.ticks.first(), panel.ticks.last()) else { return };
    let ticks = panel.ticks.to_vec();
    let inset = (frame.left + 10.0, frame.right - 6.0);
    let x = if panel.x_from_zero {
        Axis::fixed((0.0, last.0), (frame.left, inset.1), [(0.0, "0".to_string())].into_iter().chain(ticks).collect())
    } else if first.0 > 0.0 && last.0 / first.0 > 8.0 {
        Axis::fixed_logarithmic((first.0, last.0), inset, ticks)
    } else {
        Axis::fixed((first.0, last.0), inset, ticks)
    };
    let all = || lines.iter().flat_map(|line| &line.points).map(|p| p.1);
    let logarithmic = panel.log_y && all().all(|v| v > 0.0);
    let y = if logarithmic {
        Axis::logarithmic(all(), (frame.bottom, frame.top), panel.y_tick)
    } else {
        Axis::linear(all(), (frame.bottom, frame.top), panel.y_tick)
    };
    let Some(y) = y else { return };
    for (value, label) in &y.ticks {
        canvas.line(&[(frame.left, y.at(*value)), (frame.right, y.at(*value))], Ink::Grid, 1.0);
        canvas.text(label, (frame.left - 8.0, y.at(*value)), TICK_SIZE, Ink::Muted, Anchor::End);
    }
    // Zeros have no place on a logarithmic axis; then it is linear, and says so by not saying otherwise.
    let y_name = if logarithmic { panel.y_name } else { panel.y_name.trim_end_matches(" (log)") };
    canvas.text(y_name, (frame.left - 50.0, frame.top - 16.0), TICK_SIZE, Ink::Muted, Anchor::Start);
    frame.x_axis(canvas, &x.clone().thinned(44.0), panel.x_name, false);
    for line in lines {
        let points: Vec<(f64, f64)> = line.points.iter().map(|&(px, py)| (x.at(px), y.at(py))).collect();
        canvas.line(&points, line.look.ink, 2.0);
        for point in points {
            canvas.mark(line.look.mark, point, 4.0, line.look.ink);
        }
    }
    if panel.named {
        let ends: Vec<(f64, f64)> = lines.iter().filter_map(|l| l.points.last()).map(|&(px, py)| (x.at(px), y.at(py))).collect();
        let placed = spread(&ends.iter().map(|e| e.1).collect::<Vec<_>>(), 16.0, (frame.top, frame.bottom));
        for ((line, end), label_y) in lines.iter().zip(ends).zip(placed) {
            let at = frame.right + 18.0;
            canvas.line(&[(end.0 + 6.0, end.1), (at - 4.0, label_y)], Ink::Muted, 0.5);
            canvas.text(&line.title, (at, label_y), 12.5, Ink::Text, Anchor::Start);
        }
    }
}

/// A key of lines, one beneath the other, for narrow drawings; 18 pixels each.
pub fn key(canvas: &Canvas<'_>, lines: &[Line], left: f64, top: f64) {
    for (n, line) in lines.iter().enumerate() {
        let y = top + 18.0 * n as f64 + 9.0;
        canvas.line(&[(left, y), (left + 34.0, y)], line.look.ink, 2.0);
        canvas.mark(line.look.mark, (left + 17.0, y), 4.0, line.look.ink);
        canvas.text(&line.title, (left + 42.0, y), 12.5, Ink::Text, Anchor::Start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn quantities_on_axes_are_numbers() {
        let text = |t: &str| Scalar::Text(t.into());
        for (value, expected) in [
            (Scalar::Int(50), Some(50.0)),
            (text("250ms"), Some(0.25)),
            (text("8KiB"), Some(8192.0)),
            (text("5/s"), Some(5.0)),
            (Scalar::Bool(true), None),
        ] {
            assert_eq!(number(&value), expected);
        }
    }

    #[test]
    fn other_axes_are_held_at_their_last_value() {
        let record = &fixture::run_over_axes().record;
        let lines = lines(record, "clients", metric(record, "delivery_p50_ns"));
        let titles: Vec<&str> = lines.iter().map(|line| line.title.as_str()).collect();
        assert_eq!(titles, ["Short polling 100 ms", "Short polling 1 s", "Long polling", "HTTP streaming", "WebSocket"]);
        assert!(lines.iter().all(|line| line.points.iter().map(|p| p.0).eq([10.0, 40.0, 120.0])));
    }
}
