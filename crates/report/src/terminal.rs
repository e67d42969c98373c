//! What is printed at the end of a run: what is wrong first, then the table, then the verdict. Text in, text out; whether there
//! is a terminal, how wide it is and whether it may be coloured is the caller's to know.

use wirecost_model::search::SearchResult;
use wirecost_model::{Histogram, Record};

use crate::account;
use crate::format::{self, MONOSPACED};
use crate::gate;
use crate::load::{DELIVERY, Run};
use crate::search;
use crate::sentence;
use crate::stats::twins;
use crate::summary::{self, Row, Section, Summary};
use crate::table::Align;

/// Narrower than this nothing is aligned any more.
const LEAST_WIDTH: usize = 40;
/// Characters of a distribution.
const SPARK_CELLS: usize = 14;
/// Widest first column.
const TITLE_WIDTH: usize = 28;

/// The final table of a run.
///
/// `width` in characters; columns that do not fit are dropped, the least important first, and named beneath. `colour` allows
/// ANSI escapes; without them nothing is lost.
pub fn table(run: &Run, width: usize, colour: bool) -> String {
    let paint = Paint { colour };
    let width = width.max(LEAST_WIDTH);
    let record = &run.record;
    let mut out = String::new();
    out += &format!("{}\n{}\n\n", paint.bold(&record.name), wrap(&record.question, width, 0));
    out += &problems(run, width, paint);
    out += &if let Some(result) = &record.search { levels(record, result, paint) } else { sections(run, width, paint) };
    if !out.ends_with("\n\n") {
        out.push('\n');
    }
    for sentence in sentence::verdict(record) {
        let text = match sentence.about {
            "condition" => paint.dim(&wrap(&format!("Under: {}.", sentence.text), width, 0)),
            _ if sentence.void => paint.dim(&wrap(&format!("(void trials among these) {}", sentence.text), width, 0)),
            _ => wrap(&sentence.text, width, 0),
        };
        out += &format!("{text}\n");
    }
    if let Some((text, warning)) = at_scale(record) {
        out += &format!("{}\n{}\n", wrap(&text, width, 0), paint.yellow(&wrap(&warning, width, 0)));
    }
    if let Some(finding) = twins::finding(record) {
        let text = wrap(&finding.text, width, 0);
        out += &format!("{}\n", if finding.told_apart { paint.yellow(&text) } else { text });
    }
    for threshold in &record.thresholds {
        let (mark, text) = if threshold.holds { ("✓", paint.plain("holds")) } else { ("✗", paint.red("does not hold")) };
        out += &format!("{mark} {} {text}: {}\n", threshold.text, threshold.seen);
    }
    out
}

/// A table for each group of cells.
fn sections(run: &Run, width: usize, paint: Paint) -> String {
    let mut out = String::new();
    let summary = summary::of(&run.record);
    let mut dropped = Vec::new();
    for section in &summary.sections {
        if !section.group.label().is_empty() {
            out += &format!("{}\n", paint.bold(&section.group.label()));
        }
        out += &section_table(run, &summary, section, width, paint, &mut dropped);
        out.push('\n');
    }
    if !dropped.is_empty() {
        let note = format!("Left out at {width} columns: {}. They are in the report.", format::list(&dropped));
        out += &format!("{}\n", paint.dim(&wrap(&note, width, 0)));
    }
    if summary.rows().any(|row| row.is_only_void() || row.values.iter().any(|value| value.shown.is_none())) {
        let note = "– was not measured, or fewer than ten samples lie beyond the percentile, or all trials are void.";
        out += &format!("{}\n", paint.dim(&wrap(note, width, 0)));
    }
    out
}

/// The levels that a search looked at, a table for each arm.
fn levels(record: &Record, result: &SearchResult, paint: Paint) -> String {
    let mut out = String::new();
    for number in 0..result.answers.len() {
        out += &format!("{}\n", paint.bold(&search::title(record, result, number)));
        let table = search::table(result, number);
        let head: Vec<String> = table.columns.iter().map(|column| column.head.clone()).collect();
        let lines: Vec<&Vec<String>> = [&head].into_iter().chain(&table.rows).collect();
        let widest = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
        for line in &lines {
            let cells = line.iter().zip(&table.columns).enumerate();
            let cells: Vec<String> =
                cells.map(|(at, (text, column))| pad(text, widest(at), column.align == Align::Right)).collect();
            out += &format!("{}\n", cells.join("  ").trim_end());
        }
        out.push('\n');
    }
    out
}

/// What the scenario's size would cost, in one sentence, and how far that is from what was measured.
fn at_scale(record: &Record) -> Option<(String, String)> {
    let (at, arms) = (record.at_scale?, account::at_scale::arms(record));
    let warning = account::at_scale::warning(&at, &arms).unwrap_or_default();
    Some((account::at_scale::sentence(&at, &arms)?, warning))
}

/// Failed gates, an unfinished run, warnings.
fn problems(run: &Run, width: usize, paint: Paint) -> String {
    let record = &run.record;
    let mut out = String::new();
    if let Some(banner) = sentence::void_banner(record) {
        out += &format!("{}\n", paint.red(&wrap(&format!("✗ {banner}"), width, 2)));
        for failure in gate::failures(&record.plan, &record.trials) {
            let line = format!(
                "{} in {} of {}: {}. {}.",
                failure.gate,
                format::plural(failure.trials, "trial"),
                format::list(&failure.cells),
                failure.seen,
                format::capital(&failure.advice)
            );
            out += &format!("  {}\n", wrap(&line, width - 2, 2));
        }
    }
    if !record.complete {
        let text = format!("! partial: {} of {} planned trials were run", record.trials.len(), record.plan.trials.len());
        out += &format!("{}\n", paint.yellow(&wrap(&text, width, 2)));
    }
    for warning in &record.warnings {
        out += &format!("{}\n", paint.yellow(&wrap(&format!("! {warning}"), width, 2)));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// A column that is ready to be set: two lines of head, and a text for each row.
struct Set {
    head: [String; 2],
    rows: Vec<String>,
    dispensable: u8,
    /// What it is called where it was left out.
    name: String,
    right: bool,
}

impl Set {
    fn width(&self) -> usize {
        self.head.iter().chain(&self.rows).map(|text| text.chars().count()).max().unwrap_or(0)
    }
}

fn section_table(
    run: &Run,
    summary: &Summary,
    section: &Section,
    width: usize,
    paint: Paint,
    dropped: &mut Vec<String>,
) -> String {
    let rows = &section.rows;
    let titles: Vec<String> = rows
        .iter()
        .map(|row| shortened(&if row.is_baseline { format!("{} *", row.title) } else { row.title.clone() }, TITLE_WIDTH))
        .collect();
    let first = titles.iter().map(|title| title.chars().count()).max().unwrap_or(0);
    let mut sets: Vec<Set> = summary
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            // Without colour nothing could be greyed, so what only void trials say is left to the report.
            let values: Vec<Option<f64>> = rows.iter().map(|row| row.values[at].shown.filter(|_| !row.is_only_void())).collect();
            Set {
                head: column.short.map(String::from),
                rows: format::aligned(&values, MONOSPACED),
                dispensable: column.dispensable,
                name: format!("{} {}", column.group, column.head),
                right: true,
            }
        })
        .collect();
    let words = |head: [&str; 2], name: &str, rows: Vec<String>, dispensable: u8| Set {
        head: head.map(String::from),
        rows,
        dispensable,
        name: name.into(),
        right: false,
    };
    let faults = rows.iter().map(Row::faults).collect();
    // What is as it should be may be left out; what is not, never.
    sets.push(words(
        ["lost,", "twice"],
        "lost, twice",
        faults,
        if rows.iter().any(|r| r.lost + r.duplicated > 0) { 0 } else { 6 },
    ));
    sets.push(words(
        ["", "trials"],
        "trials",
        rows.iter().map(Row::gates).collect(),
        if rows.iter().any(|r| r.void_trials > 0) { 0 } else { 5 },
    ));
    if let Some(sparks) = sparks(run, rows) {
        sets.push(words(["distribution", &sparks.scale], "distribution", sparks.rows, 4));
    }
    // The least important first, and of equals the rightmost, until the rest fits.
    while first + sets.iter().map(|set| set.width() + 2).sum::<usize>() > width && sets.len() > 1 {
        let worst = (0..sets.len()).max_by_key(|&at| (sets[at].dispensable, at)).unwrap_or(0);
        let set = sets.remove(worst);
        if !dropped.contains(&set.name) {
            dropped.push(set.name);
        }
    }
    let mut out = String::new();
    for line in 0..2 {
        let mut text = pad(if line == 1 { "arm" } else { "" }, first, false);
        for (at, set) in sets.iter().enumerate() {
            // A head that repeats its left neighbour's says nothing new.
            let repeated = line == 0 && at > 0 && sets[at - 1].head[0] == set.head[0];
            let head = if repeated { "" } else { &set.head[line] };
            text += &format!("  {}", pad(head, set.width(), set.right));
        }
        out += &format!("{}\n", paint.bold(text.trim_end()));
    }
    for (number, row) in rows.iter().enumerate() {
        let mut text = pad(&titles[number], first, false);
        for set in &sets {
            text += &format!("  {}", pad(&set.rows[number], set.width(), set.right));
        }
        let text = text.trim_end();
        out += &format!("{}\n", if row.void_trials > 0 { paint.dim(text) } else { text.to_string() });
    }
    if rows.iter().any(|row| row.is_baseline) {
        out += &format!("{}\n", paint.dim("* baseline"));
    }
    out
}

/// Distributions on one common logarithmic scale.
struct Sparks {
    scale: String,
    rows: Vec<String>,
}

fn sparks(run: &Run, rows: &[Row]) -> Option<Sparks> {
    let histograms: Vec<Option<Histogram>> =
        rows.iter().map(|row| run.merged(&run.record.plan.cells[row.cell], DELIVERY)).collect();
    let low = histograms.iter().flatten().filter_map(Histogram::min_ns).min()?.max(1) as f64;
    let high = histograms.iter().flatten().filter_map(Histogram::max_ns).max()? as f64;
    if high <= low {
        return None;
    }
    let bars = |histogram: &Histogram| -> String {
        let mut counts = [0u64; SPARK_CELLS];
        for value in histogram.hdr().iter_recorded() {
            let at = (value.value_iterated_to() as f64 / low).ln() / (high / low).ln();
            counts[((at * SPARK_CELLS as f64).max(0.0) as usize).min(SPARK_CELLS - 1)] += value.count_at_value();
        }
        let most = counts.iter().copied().max().unwrap_or(1).max(1) as f64;
        // An eighth at least where there is anything: a tail that cannot be seen is a tail that is denied.
        counts
            .iter()
            .map(|&n| {
                if n == 0 {
                    ' '
                } else {
                    ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][((n as f64 / most * 8.0).ceil() as usize).clamp(1, 8) - 1]
                }
            })
            .collect()
    };
    Some(Sparks {
        scale: format!("{} – {}", format::duration(low), format::duration(high)),
        rows: histograms.iter().map(|histogram| histogram.as_ref().map_or(String::new(), bars)).collect(),
    })
}

fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_string();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

pub(crate) fn pad(text: &str, width: usize, right: bool) -> String {
    let blanks = " ".repeat(width.saturating_sub(text.chars().count()));
    if right { format!("{blanks}{text}") } else { format!("{text}{blanks}") }
}

/// Breaks at blanks; lines after the first are indented.
pub(crate) fn wrap(text: &str, width: usize, indent: usize) -> String {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("never empty");
        let used = line.chars().count();
        if used > 0 && used + 1 + word.chars().count() > width {
            lines.push(format!("{}{word}", " ".repeat(indent)));
        } else {
            if used > 0 {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// ANSI escapes, or none. Each line of its own, so that a pager or a cut keeps them whole.
#[derive(Clone, Copy)]
pub(crate) struct Paint {
    /// Whether escapes may be written.
    pub(crate) colour: bool,
}

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_string();
        }
        text.split('\n').map(|line| format!("\x1b[{code}m{line}\x1b[0m")).collect::<Vec<_>>().join("\n")
    }
    fn plain(self, text: &str) -> String {
        text.to_string()
    }
    pub(crate) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }
    pub(crate) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }
    pub(crate) fn red(self, text: &str) -> String {
        self.with("1;31", text)
    }
    pub(crate) fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn widest(text: &str) -> usize {
        text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
    }

    #[test]
    fn at_120_columns() {
        let text = table(fixture::run(), 120, false);
        assert!(widest(&text) <= 120, "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn at_80_columns_columns_are_dropped_and_named() {
        let text = table(fixture::run_with_a_void_trial(), 80, false);
        assert!(widest(&text) <= 80, "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn in_colour() {
        for width in [80, 120] {
            let text = table(fixture::run_with_a_void_trial(), width, true).replace('\u{1b}', "␛");
            insta::assert_snapshot!(format!("colour_at_{width}"), text);
        }
    }

    #[test]
    fn a_search() {
        let text = table(fixture::run_of_a_search(), 100, false);
        assert!(widest(&text) <= 100, "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn over_axes() {
        insta::assert_snapshot!(table(fixture::run_over_axes(), 100, false));
    }

    #[test]
    fn colour_adds_escapes_and_nothing_else() {
        let run = fixture::run_with_a_void_trial();
        let (plain, coloured) = (table(run, 100, false), table(run, 100, true));
        let mut stripped = String::new();
        let mut rest = coloured.as_str();
        while let Some(at) = rest.find('\x1b') {
            stripped += &rest[..at];
            rest = &rest[at + rest[at..].find('m').unwrap() + 1..];
        }
        assert_eq!(stripped + rest, plain);
        assert!(!plain.contains('\x1b') && coloured.contains("\x1b[1;31m"));
    }

    #[test]
    fn without_histograms_there_is_no_distribution() {
        let run = Run::bare(fixture::run().record.clone());
        assert!(!table(&run, 200, false).contains("distribution"));
    }
}
