//! Axes: from values to pixels, with ticks that are round numbers.

use super::canvas::{Anchor, Canvas, Ink};

/// Size of tick labels.
pub const TICK_SIZE: f64 = 12.0;

/// Nothing that is measured is larger, or smaller and not 0. Whatever a record says is drawn as if it lay within, so that spans,
/// ratios and steps are numbers, and ticks come to an end.
const FARTHEST: f64 = 1e100;

/// No axis has more ticks.
const MOST_TICKS: usize = 400;

/// How values lie on an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Spacing {
    Linear,
    Logarithmic,
}

/// An axis between two pixels.
#[derive(Debug, Clone)]
pub struct Axis {
    spacing: Spacing,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    /// Values with their labels.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Logarithmic over the values with room at both ends, ticks at powers of ten, or at 1, 2 and 5 where there are fewer than
    /// three decades. `None` without positive values.
    pub fn logarithmic(values: impl Iterator<Item = f64>, (from, to): (f64, f64), label: fn(f64) -> String) -> Option<Axis> {
        let (low, high) = bounds(values.filter(|v| *v > 0.0).map(|v| v.max(1.0 / FARTHEST)))?;
        // A tenth of the span, and never less than a tenth of a decade, on either side.
        let room = ((high / low).log10() * 0.06).max(0.08);
        let (low, high) = (low / 10f64.powf(room), high * 10f64.powf(room));
        let decades = (high / low).log10();
        let steps: &[f64] = if decades > 3.2 {
            &[1.0]
        } else if decades > 1.1 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0]
        };
        let mut ticks = Vec::new();
        for decade in low.log10().floor() as i32..=high.log10().ceil() as i32 {
            for step in steps {
                let value = step * 10f64.powi(decade);
                if value >= low && value <= high {
                    ticks.push((value, label(value)));
                }
            }
        }
        // Within less than half a decade round numbers are as far apart as on a linear axis.
        if decades < 0.5 {
            let step = round_step((high - low) / 5.0);
            ticks = multiples(step, (low / step).ceil(), high).map(|v| (v, label(v))).collect();
        }
        Some(Axis { spacing: Spacing::Logarithmic, low, high, from, to, ticks })
    }

    /// Linear from 0 (or the least value, if that is negative) to a little beyond the largest.
    pub fn linear(values: impl Iterator<Item = f64>, (from, to): (f64, f64), label: fn(f64) -> String) -> Option<Axis> {
        let (low, high) = bounds(values)?;
        let low = low.min(0.0);
        // What cannot be told from one value is one, and steps between would be nothing.
        let is_span = high - low > (1e-9 * low.abs()).max(1.0 / FARTHEST);
        let high = if is_span { high } else { low + low.abs().max(1.0) };
        let step = round_step((high - low) / 5.0);
        let first = (low / step).floor();
        let last = ((high - low) * 1.02 + low).max(low);
        let ticks = multiples(step, first, last + 1e-9 * step).map(|v| (v, label(v))).collect();
        Some(Axis { spacing: Spacing::Linear, low: first * step, high: high + (high - low) * 0.02, from, to, ticks })
    }

    /// Linear over exactly this range, with these ticks.
    pub fn fixed((low, high): (f64, f64), (from, to): (f64, f64), ticks: Vec<(f64, String)>) -> Axis {
        Axis { spacing: Spacing::Linear, low, high, from, to, ticks }
    }

    /// Logarithmic over exactly this range, with these ticks.
    pub fn fixed_logarithmic((low, high): (f64, f64), (from, to): (f64, f64), ticks: Vec<(f64, String)>) -> Axis {
        Axis { spacing: Spacing::Logarithmic, low, high, from, to, ticks }
    }

    /// The pixel of a value; values beyond an end lie on it.
    pub fn at(&self, value: f64) -> f64 {
        let share = match self.spacing {
            Spacing::Linear => (value - self.low) / (self.high - self.low),
            Spacing::Logarithmic => (value.max(self.low) / self.low).ln() / (self.high / self.low).ln(),
        };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Leaves out labels that would run into each other, from the first on.
    pub fn thinned(mut self, least_gap: f64) -> Axis {
        let mut last = f64::NEG_INFINITY;
        let (from, to) = (self.from, self.to);
        let mut kept = Vec::new();
        for (value, label) in std::mem::take(&mut self.ticks) {
            let at = self.at(value);
            let distance = if to >= from { at - last } else { last - at };
            if last == f64::NEG_INFINITY || distance >= least_gap {
                last = at;
                kept.push((value, label));
            }
        }
        self.ticks = kept;
        self
    }
}

/// The least and the most of what is finite, as far as an axis reaches.
fn bounds(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let near = values.filter(|v| v.is_finite()).map(|v| v.clamp(-FARTHEST, FARTHEST));
    near.fold(None, |bounds, v| Some(bounds.map_or((v, v), |(low, high): (f64, f64)| (low.min(v), high.max(v)))))
}

/// The multiples of a step from the `first`-th on, up to `last`.
fn multiples(step: f64, first: f64, last: f64) -> impl Iterator<Item = f64> {
    (0..MOST_TICKS).map(move |n| (first + n as f64) * step).take_while(move |value| *value <= last)
}

/// The least of 1, 2, 2.5, 5 times a power of ten that is not below.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0].iter().map(|m| m * power).find(|s| *s >= step * (1.0 - 1e-9)).unwrap_or(power * 10.0)
}

/// The plot's rectangle: left, top, right, bottom.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Right edge.
    pub right: f64,
    /// Lower edge.
    pub bottom: f64,
}

impl Frame {
    /// Horizontal grid lines with their labels on the left, and the axis' name above them.
    pub fn y_axis(&self, canvas: &Canvas<'_>, axis: &Axis, name: &str) {
        for (value, label) in &axis.ticks {
            let y = axis.at(*value);
            canvas.line(&[(self.left, y), (self.right, y)], Ink::Grid, 1.0);
            canvas.text(label, (self.left - 8.0, y), TICK_SIZE, Ink::Muted, Anchor::End);
        }
        if !name.is_empty() {
            canvas.text(name, (0.0, self.top - 16.0), TICK_SIZE, Ink::Muted, Anchor::Start);
        }
    }

    /// Vertical ticks with their labels beneath, and the axis' name beneath those.
    pub fn x_axis(&self, canvas: &Canvas<'_>, axis: &Axis, name: &str, grid: bool) {
        for (value, label) in &axis.ticks {
            let x = axis.at(*value);
            let top = if grid { self.top } else { self.bottom - 4.0 };
            canvas.line(&[(x, top), (x, self.bottom)], Ink::Grid, 1.0);
            canvas.text(label, (x, self.bottom + 13.0), TICK_SIZE, Ink::Muted, Anchor::Middle);
        }
        if !name.is_empty() {
            canvas.text(name, (self.right, self.bottom + 32.0), TICK_SIZE, Ink::Muted, Anchor::End);
        }
    }
}

/// Moves positions apart until neighbours are `gap` from each other and all lie in the range, each as near to where it was as
/// the others let it. In the order given.
pub fn spread(wanted: &[f64], gap: f64, (low, high): (f64, f64)) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]).then(a.cmp(&b)));
    let mut placed: Vec<f64> = order.iter().map(|&i| wanted[i]).collect();
    for _ in 0..200 {
        let mut moved = false;
        for i in 1..placed.len() {
            let missing = gap - (placed[i] - placed[i - 1]);
            if missing > 1e-6 {
                placed[i - 1] -= missing / 2.0;
                placed[i] += missing / 2.0;
                moved = true;
            }
        }
        if let (Some(first), true) = (placed.first().copied(), !placed.is_empty()) {
            if first < low {
                placed[0] = low;
            }
            let last = placed.len() - 1;
            if placed[last] > high {
                placed[last] = high;
            }
        }
        if !moved {
            break;
        }
    }
    let mut out = vec![0.0; wanted.len()];
    for (position, &index) in order.iter().enumerate() {
        out[index] = placed[position];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format;

    #[test]
    fn ticks_are_round_and_inside() {
        let axis = Axis::logarithmic([3.0e5, 2.0e9].into_iter(), (100.0, 0.0), format::duration_tick).unwrap();
        let labels: Vec<&str> = axis.ticks.iter().map(|(_, l)| l.as_str()).collect();
        assert_eq!(labels, ["1 ms", "10 ms", "100 ms", "1 s"]);
        assert!(axis.at(3.0e5) < 100.0 && axis.at(2.0e9) > 0.0);
        let axis = Axis::linear([12.0, 583.0].into_iter(), (0.0, 100.0), format::trimmed).unwrap();
        let values: Vec<f64> = axis.ticks.iter().map(|(v, _)| *v).collect();
        assert_eq!(values, [0.0, 200.0, 400.0]);
        assert_eq!(axis.at(0.0), 0.0);
        assert!(Axis::logarithmic(std::iter::empty(), (0.0, 1.0), format::trimmed).is_none());
    }

    #[test]
    fn one_value_has_an_axis_too() {
        let axis = Axis::logarithmic([5.0, 5.0].into_iter(), (0.0, 100.0), format::trimmed).unwrap();
        assert!((axis.at(5.0) - 50.0).abs() < 1e-6);
        assert!(!axis.ticks.is_empty());
        assert!(Axis::linear([0.0].into_iter(), (0.0, 100.0), format::trimmed).unwrap().at(0.0).is_finite());
    }

    #[test]
    fn every_axis_ends_and_every_value_has_a_pixel() {
        let far = [f64::INFINITY, f64::MAX, 1e200, 1.0, 0.3, 1e-200, f64::MIN_POSITIVE, 5e-324, 0.0];
        let all: Vec<f64> = far.iter().flat_map(|v| [*v, -v]).collect();
        for &one in &all {
            for &other in &all {
                let both = || [one, f64::NAN, other].into_iter();
                let pixels = (0.0, 100.0);
                let axes =
                    [Axis::linear(both(), pixels, format::trimmed), Axis::logarithmic(both(), pixels, format::duration_tick)];
                assert_eq!(axes[0].is_some(), both().any(f64::is_finite));
                assert_eq!(axes[1].is_some(), both().any(|v| v.is_finite() && v > 0.0));
                for axis in axes.into_iter().flatten() {
                    assert!(axis.ticks.len() <= MOST_TICKS, "{one} {other}: {} ticks", axis.ticks.len());
                    let values = axis.ticks.iter().map(|tick| tick.0).chain([one, other]);
                    values.for_each(|value| assert!((0.0..=100.0).contains(&axis.at(value)), "{value} of {one} and {other}"));
                }
            }
        }
    }

    #[test]
    fn labels_are_moved_apart_and_stay_in_their_order() {
        let placed = spread(&[50.0, 51.0, 10.0, 52.0], 15.0, (0.0, 200.0));
        assert_eq!(placed[2], 10.0);
        assert!(placed[1] - placed[0] >= 14.9 && placed[3] - placed[1] >= 14.9);
        assert!((placed[1] - 51.0).abs() < 1.0);
    }
}
