//! A chart as a picture that can travel alone: the drawing of the page in its light theme, with its finding above it and the
//! condition that it holds under beneath, at twice the size in CSS pixels.
//!
//! The colours are those of the page's stylesheet, read out of it. The font is embedded (`png/`, DejaVu Sans Condensed, its
//! Latin letters and the signs that reports use), so the same chart gives the same bytes on any machine. A letter that the font
//! does not have leaves a gap.

use std::fmt::Write as _;
use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, fontdb};

use crate::chart::canvas::{escape, text_width};
use crate::chart::{self, Chart};
use crate::format;
use crate::html;
use crate::load::Run;
use crate::view;

/// Pixels to a CSS pixel.
const SCALE: f32 = 2.0;
/// Around everything.
const MARGIN: f64 = 28.0;
/// Notes that go with a picture.
const MOST_NOTES: usize = 3;
/// How much wider bold letters are than the others.
const BOLDER: f64 = 1.16;
const REGULAR: &[u8] = include_bytes!("png/regular.ttf");
const BOLD: &[u8] = include_bytes!("png/bold.ttf");
/// What both call themselves; condensed is a width of that family.
const FAMILY: &str = "DejaVu Sans";

/// A chart of a run as PNG.
///
/// # Errors
/// A text of the run has a character that XML cannot carry.
pub fn png(run: &Run, chart: &Chart) -> Result<Vec<u8>, String> {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(REGULAR.to_vec());
    fonts.load_font_data(BOLD.to_vec());
    fonts.set_sans_serif_family(FAMILY);
    let options = usvg::Options { fontdb: Arc::new(fonts), font_family: FAMILY.into(), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(&sheet(run, chart), &options).map_err(|error| format!("{}: {error}", chart.id))?;
    let size = tree.size().to_int_size().scale_by(SCALE).ok_or("a picture without a size")?;
    let mut pixels = Pixmap::new(size.width(), size.height()).ok_or("a picture without a size")?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| error.to_string())
}

/// Title, reading aid, drawing, notes and condition, one below the other, in colours instead of variables.
fn sheet(run: &Run, chart: &Chart) -> String {
    let width = chart::WIDE.width;
    let mut y = MARGIN;
    let mut texts = String::new();
    let mut paragraph = |y: &mut f64, text: &str, size: f64, ink: &str, weight: &str, after: f64| {
        let room = if weight == "bold" { width / BOLDER } else { width };
        for line in wrapped(text, size, room) {
            *y += size * 1.32;
            let _ = write!(
                texts,
                "<text x=\"{MARGIN}\" y=\"{:.1}\" font-size=\"{size}\" font-weight=\"{weight}\" fill=\"var(--{ink})\">{}</text>",
                *y - size * 0.3,
                escape(&line)
            );
        }
        *y += after;
    };
    paragraph(&mut y, &format::capital(&chart.title), 20.0, "ink", "bold", 6.0);
    paragraph(&mut y, &chart.reading, 13.0, "muted", "normal", 14.0);
    let top = y;
    y += drawing_height(&chart.wide) + 10.0;
    // More than a few are a page's business: the drawing says the same.
    for note in chart.notes.iter().filter(|_| chart.notes.len() <= MOST_NOTES) {
        paragraph(&mut y, note, 13.0, "ink", "normal", 3.0);
    }
    y += 6.0;
    for line in source(run) {
        paragraph(&mut y, &line, 11.5, "muted", "normal", 1.0);
    }
    let (whole_width, height) = (width + 2.0 * MARGIN, y + MARGIN - 6.0);
    // Nested drawings cut off what hangs over, where the page does not.
    let drawing = chart.wide.replacen(
        "<svg",
        &format!(
            "<svg x=\"{MARGIN}\" y=\"{top}\" width=\"{width}\" height=\"{}\" overflow=\"visible\"",
            drawing_height(&chart.wide)
        ),
        1,
    );
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{whole_width}\" height=\"{height}\" viewBox=\"0 0 {whole_width} {height}\" \
         font-family=\"{FAMILY}\"><style>{}</style>{}<rect width=\"100%\" height=\"100%\" fill=\"var(--surface)\"/>{texts}{drawing}</svg>",
        drawing_rules(),
        chart::hatches()
    );
    // A name may be anything; XML may not.
    coloured(&svg).chars().filter(|c| !c.is_control()).collect()
}

/// Where the numbers come from, for a picture without its page.
fn source(run: &Run) -> Vec<String> {
    let record = &run.record;
    let cell = view::groups(&record.plan).pop().and_then(|group| record.plan.cells.get(*group.cells.first()?));
    let day = record.provenance.started_utc.split('T').next().unwrap_or_default();
    let parts = [record.name.as_str(), day, record.provenance.machine.cpu_model.as_str()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let mut lines: Vec<String> = cell.map(|cell| format!("Under: {}.", view::condition(record, cell))).into_iter().collect();
    lines.push(format!("wirecost {}: {}", record.provenance.version, parts.join(", ")));
    lines
}

/// The height of a drawing in CSS pixels; it is drawn at twice the size.
fn drawing_height(svg: &str) -> f64 {
    let view = svg.split_once("viewBox=\"").and_then(|(_, rest)| rest.split_once('"')).map_or("", |(view, _)| view);
    view.split_whitespace().nth(3).and_then(|height| height.parse::<f64>().ok()).unwrap_or(0.0) / 2.0
}

/// Lines of at most `width` CSS pixels; a longer word stands alone. A number keeps its unit.
fn wrapped(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in format::unbroken(text).replace('\u{2060}', "").split([' ', '\n']).filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if text_width(line, size) + text_width(word, size) + size * 0.33 <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

/// The page's rules for what is inside a drawing.
fn drawing_rules() -> String {
    html::style().lines().filter(|line| line.starts_with("svg .") || line.starts_with("svg polyline")).collect()
}

/// Variables of the stylesheet's first block, which is the light theme, replaced by their values.
fn coloured(svg: &str) -> String {
    let style = html::style();
    let light = style.split_once(":root{").and_then(|(_, rest)| rest.split_once('}')).map_or("", |(block, _)| block);
    let value =
        |name: &str| light.split(';').filter_map(|pair| pair.split_once(':')).find(|(own, _)| *own == name).map(|(_, v)| v);
    let mut out = String::with_capacity(svg.len());
    let mut rest = svg;
    while let Some((before, after)) = rest.split_once("var(") {
        let (name, after) = after.split_once(')').unwrap_or((after, ""));
        out.push_str(before);
        out.push_str(value(name).unwrap_or("#000"));
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn every_chart_is_a_picture_and_the_first_the_same_twice() {
        for run in [fixture::run(), fixture::run_over_axes()] {
            for (number, chart) in chart::all(run, "").into_iter().flatten().enumerate() {
                let bytes = png(run, &chart).unwrap();
                assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "{}", chart.id);
                if number == 0 {
                    assert_eq!(bytes, png(run, &chart).unwrap(), "{}", chart.id);
                }
                let pixels = Pixmap::decode_png(&bytes).unwrap();
                assert_eq!(f64::from(pixels.width()), 2.0 * (chart::WIDE.width + 2.0 * MARGIN));
                assert!(f64::from(pixels.height()) > 2.0 * drawing_height(&chart.wide), "{}", chart.id);
                let drawn = |part: &[resvg::tiny_skia::PremultipliedColorU8]| {
                    part.iter().filter(|p| (p.red(), p.green(), p.blue(), p.alpha()) != (255, 255, 255, 255)).count()
                };
                assert!(drawn(pixels.pixels()) > pixels.pixels().len() / 200, "{} is blank", chart.id);
                // The title has letters.
                let title = pixels.width() as usize * (2.0 * (MARGIN + 20.0)) as usize;
                assert!(drawn(&pixels.pixels()[..title]) > 200, "{} has no title", chart.id);
            }
        }
    }

    #[test]
    fn every_variable_has_a_colour_in_the_theme() {
        for chart in chart::all(fixture::run(), "").into_iter().flatten() {
            assert!(!coloured(&chart.wide).contains("var("));
            for name in chart.wide.split("var(").skip(1).filter_map(|rest| rest.split_once(')')).map(|(name, _)| name) {
                assert_ne!(coloured(&format!("var({name})")), "#000", "{name} of {}", chart.id);
            }
        }
        assert!(drawing_rules().contains("paint-order"));
    }

    #[test]
    fn names_may_be_anything() {
        let run = fixture::run();
        let mut chart = chart::all(run, "").into_iter().flatten().next().unwrap();
        chart.title = "a <b> & \"c\" \u{1}\u{7f} 漢字 ✓".into();
        assert!(png(run, &chart).is_ok());
    }
}
