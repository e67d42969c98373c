//! Two runs of one scenario: what changed from one to the other.
//!
//! First what was different in the set-up of the two ([`difference`]): a difference of processor, kernel, build profile or plan
//! makes them incomparable, and they are refused unless that is asked for. Then every main metric of every cell that both have:
//! the ratio of new to base with its interval, and one of three verdicts. Trials of different runs did not run close together,
//! so they are not paired; each run is resampled by itself ([`ratio::of_samples`]).
//!
//! Holm's procedure goes over **all** comparisons of the two runs, not over those of one metric: their reader asks "did
//! anything change?", and that is one question.

pub mod difference;
mod render;

use std::fmt;

use serde::Serialize;
use wirecost_model::record::{Estimate, Verdict};
use wirecost_model::rng::Rng;
use wirecost_model::{Cell, Record};

use crate::format;
use crate::load::Run;
use crate::stats::metric::Better;
use crate::stats::ratio::{self, Ratio};
use crate::stats::{METRICS, Metric, counting, estimate};
use crate::summary::is_superseded;
use crate::view;

pub use difference::Difference;
pub use render::{json, junit, markdown, text};

/// How runs are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Compare runs that are not comparable; the result says so.
    pub force: bool,
    /// The practical margin: 0.05 for 5 %.
    pub margin: f64,
}

impl Default for Options {
    fn default() -> Options {
        Options { force: false, margin: ratio::MARGIN }
    }
}

/// One of the two runs, as outputs name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    /// The scenario's name.
    pub name: String,
    /// Commit of wirecost.
    pub commit: String,
    /// When the run began, UTC.
    pub started_utc: String,
    /// Trials that were run.
    pub trials: usize,
    /// Trials that gates have voided; they count for nothing.
    pub void_trials: usize,
    /// Whether all planned trials were run.
    pub complete: bool,
}

impl Side {
    fn of(record: &Record) -> Side {
        Side {
            name: record.name.clone(),
            commit: record.provenance.commit.clone(),
            started_utc: record.provenance.started_utc.clone(),
            trials: record.trials.len(),
            void_trials: record.trials.iter().filter(|trial| trial.is_void()).count(),
            complete: record.complete,
        }
    }
}

/// What a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Different, and the new run is worse.
    Worse,
    /// Different, and the new run is better.
    Better,
    /// Equivalent: within the margin.
    Same,
    /// Inconclusive.
    Unclear,
}

impl Change {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Change::Worse => "worse",
            Change::Better => "better",
            Change::Same => "same",
            Change::Unclear => "not told apart",
        }
    }

    /// In a character.
    pub fn mark(self) -> char {
        match self {
            Change::Worse => '✗',
            Change::Better => '✓',
            Change::Same => '=',
            Change::Unclear => '~',
        }
    }
}

/// One metric of one cell in both runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The cell.
    pub cell: String,
    /// The metric's name in records.
    pub metric: &'static str,
    /// Its median over trials in the base run.
    pub base: Estimate,
    /// And in the new one.
    pub new: Estimate,
    /// New to base, of geometric means; absent where a value is 0.
    pub ratio: Option<f64>,
    /// 95 % interval of the ratio; absent with fewer than six trials on either side.
    pub interval: Option<[f64; 2]>,
    /// What may be said.
    pub verdict: Verdict,
    /// The same, with the direction.
    pub change: Change,
}

impl Row {
    /// The metric's name in prose, and a value as people read it.
    fn shown(&self, value: f64) -> String {
        Metric::named(self.metric).map_or_else(|| format::number(value), |metric| metric.unit.show(value))
    }

    fn label(&self) -> &'static str {
        Metric::named(self.metric).map_or(self.metric, |metric| metric.label)
    }

    fn ratio_text(&self) -> String {
        self.ratio.map_or("–".into(), |ratio| format::ratio_with_interval(ratio, self.interval))
    }
}

/// Two runs, compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunComparison {
    /// The run that is compared to.
    pub base: Side,
    /// The run that is judged.
    pub new: Side,
    /// How the two were set up differently.
    pub differences: Vec<Difference>,
    /// They are not comparable, and were compared because that was asked for.
    pub forced: bool,
    /// The practical margin.
    pub margin: f64,
    /// By cell, in the order of the base run's plan, and by metric.
    pub rows: Vec<Row>,
    /// Cells of both runs that have trials that count in the base run and none in the new one.
    pub broken: Vec<String>,
    /// What a reader should know.
    pub warnings: Vec<String>,
}

impl RunComparison {
    /// Rows of one kind.
    pub fn of(&self, change: Change) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.change == change)
    }

    /// Whether anything is worse beyond doubt and margin, or can't be measured any more: what a build should fail on.
    pub fn is_worse(&self) -> bool {
        self.of(Change::Worse).next().is_some() || !self.broken.is_empty()
    }
}

/// Why two runs are not compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// All differences; those that matter have `key` set.
    pub differences: Vec<Difference>,
    /// They have no cell in common, so nothing could be compared even if it were asked for.
    pub nothing_in_common: bool,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nothing_in_common {
            write!(f, "the two runs have no cell with trials that count in common")?;
        } else {
            write!(f, "the two runs are not comparable: what differs could be their machine or their plan")?;
        }
        for difference in self.differences.iter().filter(|difference| difference.key) {
            write!(f, "\n  {difference}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

/// Compares two runs.
///
/// # Errors
/// [`Refusal`] if the comparability key of the two differs (processor, kernel, build profile, plan) and [`Options::force`] is
/// not set, or if they have no cell with trials that count in common.
pub fn compare_runs(base: &Run, new: &Run, options: &Options) -> Result<RunComparison, Refusal> {
    let (old, own) = (&base.record, &new.record);
    let differences = difference::between(old, own);
    let comparable = differences.iter().all(|difference| !difference.key);
    if !comparable && !options.force {
        return Err(Refusal { differences, nothing_in_common: false });
    }
    let rows = rows(old, own, options.margin);
    if rows.is_empty() {
        return Err(Refusal { differences, nothing_in_common: true });
    }
    let sides = [Side::of(old), Side::of(own)];
    let broken = broken(old, own);
    let warnings = warnings(&sides, &rows, &broken, !comparable);
    let [base, new] = sides;
    Ok(RunComparison { base, new, differences, forced: !comparable, margin: options.margin, rows, broken, warnings })
}

fn broken(old: &Record, own: &Record) -> Vec<String> {
    let counts = |record: &Record, cell: &Cell| !counting(cell.index, &record.trials).is_empty();
    let is_broken = |cell: &&Cell| partner(own, cell).is_some_and(|other| counts(old, cell) && !counts(own, other));
    old.plan.cells.iter().filter(is_broken).map(|cell| view::full_title(&old.plan, cell)).collect()
}

/// The new run's cell that is the same competitor at the same point.
fn partner<'a>(record: &'a Record, cell: &Cell) -> Option<&'a Cell> {
    record.plan.cells.iter().find(|other| other.config.name == cell.config.name && other.point == cell.point)
}

fn rows(old: &Record, own: &Record, margin: f64) -> Vec<Row> {
    let mut rows: Vec<(Row, Option<Ratio>)> = Vec::new();
    for cell in &old.plan.cells {
        let Some(other) = partner(own, cell) else { continue };
        for metric in METRICS.iter().filter(|metric| metric.main && !is_superseded(old, metric.name)) {
            let values = |record: &Record, cell: &Cell| -> Vec<f64> {
                counting(cell.index, &record.trials).into_iter().filter_map(|trial| metric.of(cell, trial)).collect()
            };
            let (before, after) = (values(old, cell), values(own, other));
            // Chance of its own for each row, from the base run's seed: the same two folders give the same answer.
            let lane =
                metric.name.bytes().fold(cell.index as u64 + 1, |hash, b| hash.wrapping_mul(31).wrapping_add(u64::from(b)));
            let ratio = ratio::of_samples(&after, &before, &mut Rng::new(old.plan.seed, lane));
            let (Some(base), Some(new)) = (estimate::of(before), estimate::of(after)) else { continue };
            let verdict = beside_nothing(&base, &new);
            let row = Row {
                cell: view::full_title(&old.plan, cell),
                metric: metric.name,
                base,
                new,
                ratio: ratio.as_ref().map(|ratio| ratio.ratio),
                interval: ratio.as_ref().and_then(|ratio| ratio.interval),
                verdict,
                change: Change::Unclear,
            };
            rows.push((row, ratio));
        }
    }
    let ratios: Vec<&Ratio> = rows.iter().filter_map(|(_, ratio)| ratio.as_ref()).collect();
    let mut verdicts = ratio::verdicts_within(&ratios, margin).into_iter();
    rows.into_iter()
        .map(|(mut row, ratio)| {
            if ratio.is_some() {
                row.verdict = verdicts.next().unwrap_or(Verdict::Inconclusive);
            }
            row.change = change(&row);
            row
        })
        .collect()
}

/// What may be said where a value is 0, so that there is no ratio: of nothing and nothing there is no difference, and from nothing
/// to an interval that leaves it out there is one of any margin.
fn beside_nothing(base: &Estimate, new: &Estimate) -> Verdict {
    let nothing = |side: &Estimate| side.median == 0.0 && side.interval.is_none_or(|ends| ends == [0.0, 0.0]);
    let something = |side: &Estimate| side.interval.is_some_and(|[low, _]| low > 0.0);
    match (nothing(base), nothing(new)) {
        (true, true) => Verdict::Equivalent,
        (true, false) if base.interval.is_some() && something(new) => Verdict::Different,
        (false, true) if new.interval.is_some() && something(base) => Verdict::Different,
        _ => Verdict::Inconclusive,
    }
}

fn change(row: &Row) -> Change {
    let higher_is_better = Metric::named(row.metric).is_some_and(|metric| metric.better == Better::Higher);
    let is_more = row.ratio.map_or(row.new.median > row.base.median, |ratio| ratio > 1.0);
    match (row.verdict, is_more == higher_is_better) {
        (Verdict::Different, true) => Change::Better,
        (Verdict::Different, _) => Change::Worse,
        (Verdict::Equivalent, _) => Change::Same,
        (Verdict::Inconclusive, _) => Change::Unclear,
    }
}

fn warnings(sides: &[Side; 2], rows: &[Row], broken: &[String], forced: bool) -> Vec<String> {
    let mut all = Vec::new();
    if forced {
        all.push("the two runs are not comparable, and were compared because that was asked for".to_string());
    }
    if !broken.is_empty() {
        all.push(format!(
            "no trial of the new run counts for {}: what the base run measured there cannot be compared, which is taken as worse",
            format::list(broken)
        ));
    }
    for (side, name) in sides.iter().zip(["base", "new"]) {
        if side.void_trials > 0 {
            let (are, count) = if side.void_trials == 1 { ("is", "counts") } else { ("are", "count") };
            let all_trials = format::plural(side.trials as u64, "trial");
            all.push(format!("{} of {all_trials} of the {name} run {are} void and {count} for nothing", side.void_trials));
        }
        if !side.complete {
            all.push(format!("the {name} run is partial"));
        }
    }
    let few = rows.iter().filter(|row| row.ratio.is_some() && row.interval.is_none()).count();
    if few > 0 {
        let rows = format::plural(few as u64, "comparison");
        let have = if few == 1 { "has" } else { "have" };
        all.push(format!("{rows} {have} no interval: either run has fewer than {} trials of the cell", ratio::LEAST_PAIRS));
    }
    all
}

#[cfg(test)]
mod tests;
