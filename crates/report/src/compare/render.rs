//! A comparison of two runs as text for a terminal, as Markdown, as JSON and as JUnit.

use std::fmt::Write as _;

use super::{Change, Row, RunComparison, Side};
use crate::export::junit::{self as xml, Suite};
use crate::format;
use crate::table::{Column, Table};
use crate::terminal::{Paint, pad, wrap};

/// What was found, in a sentence or two.
fn verdict(comparison: &RunComparison) -> String {
    let count = |change: Change| comparison.of(change).count() as u64;
    let margin = margin(comparison);
    let mut cells: Vec<&str> = comparison.rows.iter().map(|row| row.cell.as_str()).collect();
    cells.dedup();
    let mut parts = Vec::new();
    for (change, words) in [
        (Change::Worse, "worse".to_string()),
        (Change::Better, "better".to_string()),
        (Change::Same, format!("the same within {margin}")),
        (Change::Unclear, "not told apart".to_string()),
    ] {
        let n = count(change);
        if n > 0 || change == Change::Worse {
            parts.push(format!("{} {words}", if n == 0 { "none".to_string() } else { format::count(n) }));
        }
    }
    let compared = format::plural(comparison.rows.len() as u64, "comparison");
    let mut text = format!("Of {compared} in {}: {}.", format::plural(cells.len() as u64, "cell"), format::list(&parts));
    let size = |row: &&Row| row.ratio.map_or(0.0, |ratio| ratio.ln().abs());
    if let Some(worst) = comparison.of(Change::Worse).max_by(|a, b| size(a).total_cmp(&size(b))) {
        let _ = write!(text, " Most of all, {} of {} is {}.", worst.label(), worst.cell, worst.ratio_text());
    }
    text
}

/// The margin as it was asked for: `5 %`.
fn margin(comparison: &RunComparison) -> String {
    format!("{} %", format::trimmed(comparison.margin * 100.0))
}

/// A commit as people tell it from others: twelve digits, and whether files were changed.
fn short(commit: &str) -> String {
    let (hash, rest) = commit.split_at(commit.find('-').unwrap_or(commit.len()));
    hash.chars().take(12).collect::<String>() + rest
}

fn side(side: &Side) -> String {
    format!(
        "{}, {}, commit {}, {}",
        side.name,
        side.started_utc,
        short(&side.commit),
        format::plural(side.trials as u64, "trial")
    )
}

/// For a terminal: what differs, what was found, and a table a cell. `width` in characters; `colour` allows ANSI escapes.
pub fn text(comparison: &RunComparison, width: usize, colour: bool) -> String {
    let paint = Paint { colour };
    let width = width.max(60);
    let mut out = format!("base  {}\nnew   {}\n\n", side(&comparison.base), side(&comparison.new));
    for warning in &comparison.warnings {
        out += &format!("{}\n", paint.yellow(&wrap(&format!("! {warning}"), width, 2)));
    }
    if !comparison.warnings.is_empty() {
        out.push('\n');
    }
    if comparison.differences.is_empty() {
        out += "Nothing differs in how they were run.\n";
    } else {
        out += "What differs in how they were run:\n";
        for difference in &comparison.differences {
            let line = format!("  {}", wrap(&difference.to_string(), width - 2, 4));
            out += &format!("{}\n", if difference.key { paint.yellow(&line) } else { paint.dim(&line) });
        }
    }
    out.push('\n');
    let interval_fits = rows_width(comparison, true) <= width;
    let set: Vec<[String; 5]> = comparison.rows.iter().map(|row| fields(row, interval_fits)).collect();
    let mut widths = HEADS.map(|head| head.chars().count());
    for fields in &set {
        for (width, field) in widths.iter_mut().zip(fields) {
            *width = (*width).max(field.chars().count());
        }
    }
    let line = |fields: [&str; 5]| {
        let set: Vec<String> = (0..5).map(|at| pad(fields[at], widths[at], matches!(at, 1 | 2))).collect();
        set.join("  ").trim_end().to_string()
    };
    let mut cell = "";
    for (row, fields) in comparison.rows.iter().zip(&set) {
        if row.cell != cell {
            let gap = if cell.is_empty() { "" } else { "\n" };
            out += &format!("{gap}{}\n{}\n", paint.bold(&row.cell), paint.dim(&line(HEADS)));
            cell = &row.cell;
        }
        let text = line(fields.each_ref().map(String::as_str));
        out += &match row.change {
            Change::Worse => paint.red(&text),
            Change::Better => paint.bold(&text),
            Change::Same => text,
            Change::Unclear => paint.dim(&text),
        };
        out.push('\n');
    }
    out += &format!("\n{}\n", wrap(&verdict(comparison), width, 0));
    out
}

/// Heads of the columns of a terminal's table.
const HEADS: [&str; 5] = ["metric", "base", "new", "ratio", ""];

fn fields(row: &Row, with_interval: bool) -> [String; 5] {
    let ratio = if with_interval { row.ratio_text() } else { row.ratio.map_or("–".into(), format::ratio) };
    [
        row.label().to_string(),
        row.shown(row.base.median),
        row.shown(row.new.median),
        ratio,
        format!("{} {}", row.change.mark(), row.change.word()),
    ]
}

fn rows_width(comparison: &RunComparison, with_interval: bool) -> usize {
    let mut widths = [0; 5];
    for row in &comparison.rows {
        for (width, field) in widths.iter_mut().zip(fields(row, with_interval)) {
            *width = (*width).max(field.chars().count());
        }
    }
    widths.iter().sum::<usize>() + 8
}

/// For a build's summary and a pull request.
pub fn markdown(comparison: &RunComparison) -> String {
    let mut out = format!(
        "# {} against {}\n\n- base: {}\n- new: {}\n\n",
        short(&comparison.new.commit),
        short(&comparison.base.commit),
        side(&comparison.base),
        side(&comparison.new)
    );
    for warning in &comparison.warnings {
        out += &format!("> [!WARNING]\n> {}.\n\n", format::capital(warning));
    }
    out += &format!("{}\n\n", verdict(comparison));
    if !comparison.differences.is_empty() {
        out += "## What differs in how they were run\n\n";
        let mut table = Table::new(vec![Column::words("what"), Column::words("base"), Column::words("new")]);
        for difference in &comparison.differences {
            let what = if difference.key { format!("**{}**", difference.what) } else { difference.what.clone() };
            table.push(vec![what, difference.base.clone(), difference.new.clone()]);
        }
        out += &format!("{}\n", table.markdown());
    }
    out += "## Numbers\n\n";
    let mut table = Table::new(vec![
        Column::words("cell"),
        Column::words("metric"),
        Column::numbers("base", ""),
        Column::numbers("new", ""),
        Column::numbers("ratio", "95 % interval"),
        Column::words(""),
    ]);
    for row in &comparison.rows {
        let word = format!("{} {}", row.change.mark(), row.change.word());
        table.push(vec![
            row.cell.clone(),
            row.label().to_string(),
            row.shown(row.base.median),
            row.shown(row.new.median),
            row.ratio_text(),
            if row.change == Change::Worse { format!("**{word}**") } else { word },
        ]);
    }
    out += &table.markdown();
    out += &format!(
        "\nMedians over trials; ratios are of geometric means, new to base, with 95 % intervals by bootstrap, each run by itself. Worse and better survive Holm's correction over all rows and are beyond {}.\n",
        margin(comparison)
    );
    out
}

/// For programs: the whole comparison.
pub fn json(comparison: &RunComparison) -> String {
    // Maps have text for keys and numbers are finite, so this cannot fail.
    serde_json::to_string_pretty(comparison).expect("a comparison is JSON") + "\n"
}

/// For build servers: a case for each row. What is worse fails, what could not be told apart is skipped.
pub fn junit(comparison: &RunComparison) -> String {
    let mut suite = Suite::default();
    for row in &comparison.rows {
        let name = row.label();
        let seen = format!("{} → {}, {}", row.shown(row.base.median), row.shown(row.new.median), row.ratio_text());
        match row.change {
            Change::Worse => suite.case(&row.cell, name, Some(seen)),
            Change::Better | Change::Same => suite.case(&row.cell, name, None),
            Change::Unclear => suite.skip(&row.cell, name, &format!("not told apart: {seen}")),
        }
    }
    for cell in &comparison.broken {
        suite.case(cell, "trials that count", Some("none in the new run".into()));
    }
    let name = xml::escape(&comparison.new.name);
    let (tests, failures) = (suite.tests, suite.failures);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\">\n{}</testsuites>\n",
        suite.xml(&format!("{} {} against {}", comparison.new.name, comparison.new.commit, comparison.base.commit))
    )
}
