//! What charts draw on: plotters' SVG backend at twice the size, in CSS pixels, with colours that the page decides.
//!
//! plotters writes integer pixels and plain colours, and no class, id, dash or title. So charts draw with **inks**: each is a
//! colour that nothing else uses, and is replaced when the drawing is finished by a CSS variable, and a dash where it has one.
//! Light, dark and print are then the stylesheet's business, and this file the only one that knows how.
//!
//! Text is set without a font at hand: widths are estimated, and layouts leave room.

use std::fmt::Write as _;

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, IntoFont, RGBColor, ShapeStyle, TextStyle};

/// Drawn pixels to a CSS pixel.
const SCALE: f64 = 2.0;

/// A colour by its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Text and marks of the first rank.
    Text,
    /// Text of the second rank.
    Muted,
    /// Grid lines.
    Grid,
    /// The page behind.
    Surface,
    /// Text that may lie on lines: with a rim in the page's colour.
    Label,
    /// Shapes of the second rank: bands, margins.
    Band,
    /// A dashed line of the second rank: theory.
    Theory,
    /// A series: its colour and its dash, by their numbers in [`super::look`].
    Series(u8, u8),
    /// A layer of the ledger, by its number in `chart::bytes`.
    Layer(u8),
    /// The same, hatched: modelled, not measured.
    Hatched(u8),
    /// Text on a layer.
    OnLayer(u8),
}

impl Ink {
    /// The colour that stands for it until the drawing is finished. Blue 0xA0..0xAF and red 1..9 occur in no theme.
    fn stand_in(self) -> RGBColor {
        match self {
            Ink::Text => RGBColor(1, 0, 0xA0),
            Ink::Muted => RGBColor(1, 1, 0xA0),
            Ink::Grid => RGBColor(1, 2, 0xA0),
            Ink::Surface => RGBColor(1, 3, 0xA0),
            Ink::Label => RGBColor(1, 4, 0xA0),
            Ink::Band => RGBColor(1, 5, 0xA0),
            Ink::Theory => RGBColor(1, 6, 0xA0),
            Ink::Series(colour, dash) => RGBColor(2, colour, 0xA0 + dash),
            Ink::Layer(number) => RGBColor(3, number, 0xA0),
            Ink::Hatched(number) => RGBColor(4, number, 0xA0),
            Ink::OnLayer(number) => RGBColor(5, number, 0xA0),
        }
    }

    /// What takes the place of `attribute="#RRGGBB"`.
    fn replacement(attribute: &str, red: u8, green: u8, blue: u8) -> Option<String> {
        let plain = |variable: &str| format!("{attribute}=\"var(--{variable})\"");
        Some(match (red, green, blue) {
            (1, 0, 0xA0) => plain("ink"),
            (1, 1, 0xA0) => plain("muted"),
            (1, 2, 0xA0) => plain("grid"),
            (1, 3, 0xA0) => plain("surface"),
            (1, 4, 0xA0) => format!("{} class=\"rim\"", plain("ink")),
            (1, 5, 0xA0) => plain("band"),
            (1, 6, 0xA0) if attribute == "stroke" => {
                format!("{} stroke-dasharray=\"3 7\" stroke-linecap=\"round\"", plain("muted"))
            }
            (1, 6, 0xA0) => plain("muted"),
            (2, colour, dash) => {
                let dash = super::look::DASHES.get(usize::from(dash.checked_sub(0xA0)?)).copied().unwrap_or_default();
                let dash = if attribute == "stroke" && !dash.is_empty() {
                    format!(" stroke-dasharray=\"{dash}\"")
                } else {
                    String::new()
                };
                format!("{}{dash}", plain(&format!("t{colour}")))
            }
            (3, number, 0xA0) => plain(&format!("l{number}")),
            (4, number, 0xA0) => format!("{attribute}=\"url(#hatch{number})\""),
            (5, number, 0xA0) => plain(&format!("on-l{number}")),
            _ => return None,
        })
    }
}

/// Where a text stands to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The text begins at the point.
    Start,
    /// Its middle is at the point.
    Middle,
    /// It ends at the point.
    End,
}

/// The shape of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// ●
    Circle,
    /// ▼
    Down,
    /// ■
    Square,
    /// ▲
    Up,
    /// ◆
    Diamond,
    /// ✚
    Cross,
}

/// Corners of a cross, from the upper left of its upper arm clockwise.
const CROSS: [(f64, f64); 12] = [
    (-0.42, -1.15),
    (0.42, -1.15),
    (0.42, -0.42),
    (1.15, -0.42),
    (1.15, 0.42),
    (0.42, 0.42),
    (0.42, 1.15),
    (-0.42, 1.15),
    (-0.42, 0.42),
    (-1.15, 0.42),
    (-1.15, -0.42),
    (-0.42, -0.42),
];

/// A drawing in progress. Coordinates and sizes are CSS pixels, y downwards; a text's y is its middle.
pub struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// Draws, and returns the SVG element. `id` is unique on the page; title and description are what a screen reader says.
pub fn draw(id: &str, title: &str, description: &str, width: f64, height: f64, paint: impl FnOnce(&Canvas<'_>)) -> String {
    let mut raw = String::new();
    {
        let size = ((width * SCALE) as u32, (height * SCALE) as u32);
        let area = SVGBackend::with_string(&mut raw, size).into_drawing_area();
        let canvas = Canvas { area, width, height };
        paint(&canvas);
        // Drawing into a string cannot fail; `present` closes the element.
        canvas.area.present().expect("an SVG in memory can be finished");
    }
    finish(&raw, id, title, description)
}

impl Canvas<'_> {
    fn at(x: f64, y: f64) -> (i32, i32) {
        ((x * SCALE).round() as i32, (y * SCALE).round() as i32)
    }

    fn stroke(ink: Ink, width: f64, opacity: f64) -> ShapeStyle {
        ShapeStyle { color: ink.stand_in().mix(opacity), filled: false, stroke_width: (width * SCALE).round() as u32 }
    }

    fn fill(ink: Ink, opacity: f64) -> ShapeStyle {
        ShapeStyle { color: ink.stand_in().mix(opacity), filled: true, stroke_width: 0 }
    }

    /// A line through points.
    pub fn line(&self, points: &[(f64, f64)], ink: Ink, width: f64) {
        if points.len() < 2 {
            return;
        }
        let points: Vec<(i32, i32)> = points.iter().map(|&(x, y)| Self::at(x, y)).collect();
        self.area.draw(&PathElement::new(points, Self::stroke(ink, width, 1.0))).expect("drawing in memory");
    }

    /// A filled rectangle between two corners, with an opacity.
    pub fn rect(&self, (left, top): (f64, f64), (right, bottom): (f64, f64), ink: Ink, opacity: f64) {
        let corners = [Self::at(left, top), Self::at(right, bottom)];
        if corners[1].0 > corners[0].0 && corners[1].1 > corners[0].1 {
            self.area.draw(&Rectangle::new(corners, Self::fill(ink, opacity))).expect("drawing in memory");
        }
    }

    /// A filled mark around a point, `size` half its width.
    pub fn mark(&self, mark: Mark, (x, y): (f64, f64), size: f64, ink: Ink) {
        let corners: &[(f64, f64)] = match mark {
            Mark::Circle => {
                let radius = (size * SCALE).round() as u32;
                self.area.draw(&Circle::new(Self::at(x, y), radius, Self::fill(ink, 1.0))).expect("drawing in memory");
                return;
            }
            Mark::Square => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            Mark::Up => &[(0.0, -1.15), (1.1, 0.85), (-1.1, 0.85)],
            Mark::Down => &[(0.0, 1.15), (1.1, -0.85), (-1.1, -0.85)],
            Mark::Diamond => &[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
            Mark::Cross => &CROSS,
        };
        let corners: Vec<(i32, i32)> = corners.iter().map(|(dx, dy)| Self::at(x + dx * size, y + dy * size)).collect();
        self.area.draw(&Polygon::new(corners, Self::fill(ink, 1.0))).expect("drawing in memory");
    }

    /// A text whose middle height is at the point.
    pub fn text(&self, text: &str, (x, y): (f64, f64), size: f64, ink: Ink, anchor: Anchor) {
        self.set(text, (x, y), size, ink, anchor, FontStyle::Normal);
    }

    /// The same in bold.
    pub fn bold(&self, text: &str, (x, y): (f64, f64), size: f64, ink: Ink, anchor: Anchor) {
        self.set(text, (x, y), size, ink, anchor, FontStyle::Bold);
    }

    fn set(&self, text: &str, (x, y): (f64, f64), size: f64, ink: Ink, anchor: Anchor, weight: FontStyle) {
        let h_pos = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        // The backend divides font sizes by 1.24.
        let font = ("sans-serif", size * SCALE * 1.24).into_font().style(weight);
        let colour = ink.stand_in();
        let style = TextStyle::from(font).color(&colour).pos(Pos::new(h_pos, VPos::Center));
        self.area.draw(&Text::new(text.to_string(), Self::at(x, y), style)).expect("drawing in memory");
    }
}

/// Estimated width of a text in CSS pixels, a little on the large side.
pub fn text_width(text: &str, size: f64) -> f64 {
    let ems: f64 = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '|' | '\'' | ' ' | '(' | ')' | 't' | 'f' | 'r' | 'I' | '/' => 0.33,
            'm' | 'w' | 'M' | 'W' | '—' | '%' => 0.88,
            'A'..='Z' | '×' | '÷' | '–' | '~' | '=' => 0.68,
            _ => 0.57,
        })
        .sum();
    ems * size
}

/// Stand-ins become variables, and what every element repeats goes to the stylesheet.
fn finish(raw: &str, id: &str, title: &str, description: &str) -> String {
    let body = raw.split_once('>').map_or("", |(_, body)| body);
    let view = raw.split_once("viewBox=\"").and_then(|(_, rest)| rest.split_once('"')).map_or("", |(view, _)| view);
    let mut out = String::with_capacity(raw.len());
    let _ = write!(
        out,
        "<svg class=\"{}\" viewBox=\"{view}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>",
        if id.ends_with("-n") { "narrow" } else { "wide" },
        escape(title),
        escape(description)
    );
    // No element needs the line end that the backend writes after it.
    for line in body.lines() {
        out.push_str(&recoloured(line));
    }
    out
}

/// One line of the drawing with its colours replaced and its defaults left out.
fn recoloured(line: &str) -> String {
    let mut line = line
        .replace(" opacity=\"1\"", "")
        .replace(" stroke=\"none\"", "")
        .replace(" font-family=\"sans-serif\"", "")
        .replace(" \"/>", "\"/>");
    for attribute in ["stroke", "fill"] {
        let key = format!("{attribute}=\"#");
        while let Some(at) = line.find(&key) {
            let digits = &line[at + key.len()..at + key.len() + 6];
            let part = |range: std::ops::Range<usize>| u8::from_str_radix(&digits[range], 16).unwrap_or_default();
            let replacement = Ink::replacement(attribute, part(0..2), part(2..4), part(4..6));
            let end = at + key.len() + 7;
            line.replace_range(at..end, replacement.as_deref().unwrap_or(&format!("{attribute}=\"currentColor\"")));
        }
    }
    line
}

/// Text for HTML and SVG.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_has_a_title_and_colours_of_the_theme_only() {
        let svg = draw("x", "A <finding>", "what it shows", 100.0, 50.0, |canvas| {
            canvas.line(&[(0.0, 0.0), (10.0, 10.0)], Ink::Series(3, 1), 1.5);
            canvas.rect((0.0, 0.0), (5.0, 5.0), Ink::Hatched(2), 1.0);
            canvas.mark(Mark::Circle, (5.0, 5.0), 3.0, Ink::Series(4, 0));
            canvas.mark(Mark::Diamond, (5.0, 5.0), 3.0, Ink::Text);
            canvas.text("a & \"b\"", (1.0, 1.0), 12.0, Ink::Label, Anchor::End);
        });
        insta::assert_snapshot!(svg);
        assert!(!svg.contains("=\"#"), "{svg}");
    }

    #[test]
    fn empty_shapes_are_not_drawn() {
        let svg = draw("x", "t", "d", 10.0, 10.0, |canvas| {
            canvas.rect((5.0, 5.0), (5.1, 9.0), Ink::Text, 1.0);
            canvas.line(&[(1.0, 1.0)], Ink::Text, 1.0);
        });
        assert!(svg.ends_with("</desc></svg>"), "{svg}");
    }
}
