//! Rows of horizontal bars: a name, a bar, a number. On narrow screens the name stands above its bar.

use super::Size;
use super::axis::Frame;
use super::canvas::{Anchor, Canvas, Ink, text_width};

/// Size of names.
pub const NAME_SIZE: f64 = 12.5;

/// Where rows lie.
#[derive(Debug, Clone, Copy)]
pub struct Rows {
    /// The plot's rectangle.
    pub frame: Frame,
    /// From a row to the next.
    pub pitch: f64,
    /// Height of a row's bars.
    pub bar: f64,
    narrow: bool,
}

impl Rows {
    /// The height that `count` rows need, with axis and what lies above them.
    pub fn height(size: Size, count: usize, bar: f64, above: f64) -> f64 {
        above + count as f64 * Self::pitch_of(size, bar) + 46.0
    }

    fn pitch_of(size: Size, bar: f64) -> f64 {
        if size.narrow { bar + 26.0 } else { bar + 12.0 }
    }

    /// Rows of these names; `above` pixels are left free on top, `right` pixels for numbers at the bars' ends.
    pub fn new(canvas: &Canvas<'_>, size: Size, names: &[String], bar: f64, above: f64, right: f64) -> Rows {
        let widest = names.iter().map(|name| text_width(name, NAME_SIZE)).fold(0.0, f64::max);
        let left = if size.narrow { 2.0 } else { (widest + 14.0).min(230.0) };
        let frame = Frame { left, top: above, right: canvas.width - right, bottom: canvas.height - 46.0 };
        Rows { frame, pitch: Self::pitch_of(size, bar), bar, narrow: size.narrow }
    }

    /// Upper edge of a row's bars.
    pub fn top(&self, row: usize) -> f64 {
        let inset = if self.narrow { 20.0 } else { 6.0 };
        self.frame.top + row as f64 * self.pitch + inset
    }

    /// Writes a row's name.
    pub fn name(&self, canvas: &Canvas<'_>, row: usize, name: &str, void: bool) {
        let ink = if void { Ink::Muted } else { Ink::Text };
        let top = self.top(row);
        if self.narrow {
            canvas.text(name, (self.frame.left, top - 10.0), NAME_SIZE, ink, Anchor::Start);
        } else {
            canvas.text(name, (self.frame.left - 10.0, top + self.bar / 2.0), NAME_SIZE, ink, Anchor::End);
        }
    }
}

/// One row of a key above a chart: a swatch and a name each, wrapped. Returns the height it takes; draws if given a canvas.
pub fn key(canvas: Option<&Canvas<'_>>, width: f64, items: &[(Ink, String)]) -> f64 {
    let (mut x, mut y) = (0.0, 8.0);
    for (ink, name) in items {
        let wide = 18.0 + text_width(name, 12.0) + 14.0;
        if x > 0.0 && x + wide > width {
            (x, y) = (0.0, y + 19.0);
        }
        if let Some(canvas) = canvas {
            canvas.rect((x, y - 5.5), (x + 11.0, y + 5.5), *ink, 1.0);
            canvas.text(name, (x + 17.0, y), 12.0, Ink::Muted, Anchor::Start);
        }
        x += wide;
    }
    y + 18.0
}
