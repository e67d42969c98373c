//! Charts: one file each, drawn by plotters as SVG, each titled with its finding and with its table beside it.
//!
//! A chart is a function from a run to a picture, or to the reason why there is none. Each is drawn twice, for wide and for
//! narrow screens; the stylesheet shows the one that fits. Drawings carry no numbers that their table does not.

pub mod axis;
mod bars;
pub mod canvas;
pub mod label;
pub mod look;

mod amortised;
mod bytes;
mod cpu;
mod curve;
mod forest;
mod frontier;
mod heatmap;
mod load_curve;
mod memory;
mod percentile;
mod recovery;
mod search;
mod set_up;
mod sweep;

use wirecost_model::{Cell, Record};

use crate::load::Run;
use crate::table::Table;
use crate::view::{self, Group};

pub use bytes::css_variables as layer_css_variables;
pub use bytes::hatches;

/// A chart.
#[derive(Debug, Clone)]
pub struct Chart {
    /// Unique on a page of one run.
    pub id: String,
    /// The finding.
    pub title: String,
    /// What is drawn, and how to read it.
    pub reading: String,
    /// For wide screens and for print.
    pub wide: String,
    /// For narrow screens.
    pub narrow: String,
    /// The same numbers.
    pub table: Table,
    /// Sentences that belong beneath the drawing; mostly none.
    pub notes: Vec<String>,
}

/// A picture, or why there is none.
pub type Drawn = Result<Chart, Absent>;

/// Why a chart is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// What it would have shown.
    pub what: &'static str,
    /// Why it does not.
    pub why: String,
}

impl Absent {
    /// No `what`, and why.
    fn of(what: &'static str, why: &str) -> Absent {
        Absent { what, why: why.into() }
    }
}

/// Charts over an axis of the plan. Where there is one it is the scenario's question, so they come first.
pub const OVER_AXES: &[fn(&Run, &str) -> Drawn] = &[sweep::draw, memory::draw, load_curve::draw];

/// Charts of one condition.
pub const OF_ONE_GROUP: &[fn(&Run, &str) -> Drawn] = &[
    recovery::draw,
    frontier::draw,
    percentile::draw,
    bytes::draw,
    cpu::draw,
    set_up::draw,
    amortised::draw,
    heatmap::draw,
    forest::draw,
];

/// All charts of a run, in the order of the page. `prefix` keeps ids apart where a page shows several runs.
///
/// Of a search there is one: its levels differ from arm to arm, and each has a trial or three.
pub fn all(run: &Run, prefix: &str) -> Vec<Drawn> {
    if run.record.search.is_some() {
        return vec![search::draw(run, prefix)];
    }
    OVER_AXES.iter().chain(OF_ONE_GROUP).map(|draw| draw(run, prefix)).collect()
}

/// The size of a drawing in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    /// Width.
    pub width: f64,
    /// Whether it is the narrow one.
    pub narrow: bool,
}

/// For wide screens.
pub const WIDE: Size = Size { width: 860.0, narrow: false };
/// For a telephone.
pub const NARROW: Size = Size { width: 358.0, narrow: true };

/// Draws a chart in both sizes. `paint` gets a canvas of the height that `height` says.
fn both(
    id: &str,
    title: &str,
    reading: &str,
    height: impl Fn(Size) -> f64,
    paint: impl Fn(&canvas::Canvas<'_>, Size),
) -> (String, String) {
    let one = |size: Size, id: &str| canvas::draw(id, title, reading, size.width, height(size), |canvas| paint(canvas, size));
    (one(WIDE, id), one(NARROW, &format!("{id}-n")))
}

/// The group that charts of one condition show: the last.
fn shown_group(record: &Record) -> Option<Group> {
    view::rivals(&record.plan).pop()
}

/// ` at clients 200`: a group's place for titles and readings; empty without axes.
fn at(group: &Group) -> String {
    let label = group.label();
    if label.is_empty() { label } else { format!(" at {label}") }
}

/// The cells of a group.
fn cells<'a>(record: &'a Record, group: &Group) -> Vec<&'a Cell> {
    group.cells.iter().filter_map(|&index| record.plan.cells.get(index)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn all_charts_of_a_full_run_are_drawn_or_say_why_not() {
        for run in [fixture::run(), fixture::run_over_axes(), fixture::run_with_a_void_trial(), fixture::run_of_a_search()] {
            for drawn in all(run, "") {
                match drawn {
                    Ok(chart) => {
                        assert!(chart.wide.starts_with("<svg") && chart.narrow.ends_with("</svg>"), "{}", chart.id);
                        assert!(!chart.title.is_empty() && !chart.table.rows.is_empty(), "{}", chart.id);
                        assert!(!chart.wide.contains("NaN") && !chart.wide.contains("=\"#"), "{}", chart.id);
                    }
                    Err(absent) => assert!(!absent.why.is_empty(), "{absent:?}"),
                }
            }
        }
    }

    #[test]
    fn the_same_record_gives_the_same_bytes() {
        let svg = |run: &Run| all(run, "").into_iter().flatten().map(|chart| chart.wide + &chart.narrow).collect::<String>();
        assert_eq!(svg(fixture::run()), svg(&fixture::run().clone()));
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let mut record = fixture::run().record.clone();
        record.trials.clear();
        record.cells.clear();
        record.comparisons.clear();
        assert!(all(&Run::bare(record), "").iter().all(|drawn| drawn.is_err()));
    }
}
