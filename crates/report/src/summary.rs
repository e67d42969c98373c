//! The one table that every output shows: a row a cell, the same columns everywhere.
//!
//! Numbers stay numbers here; how they are aligned and what fits is the renderer's business.

use wirecost_model::record::{CellSummary, Comparison, Estimate, Verdict};
use wirecost_model::transport::Initiative;
use wirecost_model::{Cell, Record};

use crate::format;
use crate::stats::Metric;
use crate::stats::estimate::of as estimate_of;
use crate::theory;
use crate::view::{self, Group};

/// A column of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column {
    /// The metric; empty for theory.
    pub metric: &'static str,
    /// Its head's first line: columns with the same belong together.
    pub group: &'static str,
    /// Its head's second line.
    pub head: &'static str,
    /// Both lines where width is short, the unit included.
    pub short: [&'static str; 2],
    /// The unit that is shown.
    pub unit: &'static str,
    /// Shown = value ÷ divisor.
    divisor: f64,
    /// The higher, the sooner it is dropped where width is short.
    pub dispensable: u8,
}

const fn column(
    metric: &'static str,
    words: [&'static str; 3],
    short: [&'static str; 2],
    divisor: f64,
    dispensable: u8,
) -> Column {
    let [group, head, unit] = words;
    Column { metric, group, head, short, unit, divisor, dispensable }
}

/// All columns, in order. Those without any value are left out of a table.
const COLUMNS: &[Column] = &[
    column("delivery_p50_ns", ["delivery", "p50", "ms"], ["delivery", "p50 ms"], 1e6, 0),
    column("", ["delivery", "theory", "ms"], ["delivery", "theory"], 1e6, 7),
    column("delivery_p99_ns", ["delivery", "p99", "ms"], ["delivery", "p99 ms"], 1e6, 1),
    column("delivery_p999_ns", ["delivery", "p99.9", "ms"], ["delivery", "p99.9 ms"], 1e6, 6),
    column("recovery_p50_ns", ["recovery", "p50", "ms"], ["recovery", "p50 ms"], 1e6, 0),
    column("recovery_p99_ns", ["recovery", "p99", "ms"], ["recovery", "p99 ms"], 1e6, 3),
    column("recovery_max_ns", ["recovery", "slowest", "ms"], ["recovery", "max ms"], 1e6, 2),
    column("recovered", ["after a cut", "recovered", ""], ["after a cut", "recovered"], 1.0, 0),
    column("missed", ["after a cut", "missed", ""], ["after a cut", "missed"], 1.0, 0),
    column("wire_bytes_per_message", ["wire", "per message", "B"], ["wire", "B/msg"], 1.0, 0),
    column("wire_bytes_per_client_s", ["wire", "per client·s", "B"], ["wire", "B/client·s"], 1.0, 2),
    column("requests_per_message", ["requests", "per message", ""], ["requests", "per msg"], 1.0, 2),
    column("requests_per_client_s", ["requests", "per client·s", ""], ["requests", "/client·s"], 1.0, 3),
    column("server_cpu_us_per_message", ["CPU per message", "server", "µs"], ["CPU per msg", "server µs"], 1.0, 1),
    column("client_cpu_us_per_message", ["CPU per message", "client", "µs"], ["CPU per msg", "client µs"], 1.0, 4),
    column("server_cpu_us_per_client_s", ["CPU per client·s", "server", "µs"], ["CPU", "µs/client·s"], 1.0, 3),
    column("server_kb_per_connection", ["memory per connection", "server", "kB"], ["memory", "kB/conn"], 1.0, 3),
    column("client_kb_per_connection", ["memory per connection", "client", "kB"], ["memory", "client kB"], 1.0, 8),
    column("kernel_kb_per_connection", ["memory per connection", "kernel", "kB"], ["memory", "kernel kB"], 1.0, 7),
];

/// Columns that say the same per second as another says per message, and are shown only where that one has nothing to say.
const INSTEAD: &[(&str, &str)] = &[
    ("wire_bytes_per_client_s", "wire_bytes_per_message"),
    ("requests_per_client_s", "requests_per_message"),
    ("server_cpu_us_per_client_s", "server_cpu_us_per_message"),
];

/// Whether another metric of the record says the same more to the point: bytes a second where there are bytes per message.
pub fn is_superseded(record: &Record, metric: &str) -> bool {
    let has = |metric: &str| record.cells.iter().any(|summary| summary.metrics.contains_key(metric));
    INSTEAD.iter().any(|(own, other)| *own == metric && has(other))
}

/// One number of a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Value {
    /// In the column's unit; absent if it was not measured.
    pub shown: Option<f64>,
    /// Its interval over trials, in the column's unit.
    pub interval: Option<[f64; 2]>,
    /// Against the baseline.
    pub comparison: Option<Comparison>,
}

impl Value {
    /// The ratio to the baseline: `3.20× (3.10–3.40)`, marked as [`ratio_text`] says, empty where there is none.
    pub fn against_baseline(&self) -> String {
        self.comparison.as_ref().map_or(String::new(), ratio_text)
    }
}

/// A comparison as text; `~` stands before what is not distinguishable, `=` before what is the same within the margin, and what
/// has too few trials for an interval stands in parentheses.
pub fn ratio_text(comparison: &Comparison) -> String {
    let ratio = format::ratio_with_interval(comparison.ratio, comparison.interval);
    if comparison.interval.is_none() {
        return format!("({ratio})");
    }
    match comparison.verdict {
        Verdict::Different => ratio,
        Verdict::Equivalent => format!("= {ratio}"),
        Verdict::Inconclusive => format!("~ {ratio}"),
    }
}

/// A row: a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The cell's index.
    pub cell: usize,
    /// What it is called within its group.
    pub title: String,
    /// Whether it belongs to the baseline arm.
    pub is_baseline: bool,
    /// One a column.
    pub values: Vec<Value>,
    /// Deliveries lost, over all trials.
    pub lost: u64,
    /// Deliveries that came twice, over all trials.
    pub duplicated: u64,
    /// Trials that count.
    pub trials: u32,
    /// Trials that a gate has voided.
    pub void_trials: u32,
}

impl Row {
    /// Nothing but void trials: its values are theirs, and must be shown as such.
    pub fn is_only_void(&self) -> bool {
        self.trials == 0 && self.void_trials > 0
    }

    /// Nothing was lost or doubled: `0`; else what was.
    pub fn faults(&self) -> String {
        match (self.lost, self.duplicated) {
            (0, 0) => "0".into(),
            (lost, 0) => format!("{} lost", format::count(lost)),
            (0, twice) => format!("{} twice", format::count(twice)),
            (lost, twice) => format!("{} lost, {} twice", format::count(lost), format::count(twice)),
        }
    }

    /// `6 ok`, `5 ok, 1 void`, `none`.
    pub fn gates(&self) -> String {
        match (self.trials, self.void_trials) {
            (0, 0) => "not run".into(),
            (n, 0) => format!("{n} ok"),
            (0, v) => format!("all {v} void"),
            (n, v) => format!("{n} ok, {v} void"),
        }
    }
}

/// Rows of one group under their common condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// The group.
    pub group: Group,
    /// Its cells.
    pub rows: Vec<Row>,
}

/// The table.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Columns that have a value in some row.
    pub columns: Vec<Column>,
    /// One a group.
    pub sections: Vec<Section>,
}

impl Summary {
    /// All rows, over all groups.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.sections.iter().flat_map(|section| &section.rows)
    }
}

/// The fastest median delivery of any push cell of a group from the server of this one, ns: what this host and that server cost
/// a message that waits for nothing.
pub fn floor_ns(record: &Record, group: &Group, cell: &Cell) -> Option<f64> {
    let cells = group.cells.iter().map(|&index| &record.plan.cells[index]);
    cells
        .filter(|other| other.config.transport.row().initiative == Initiative::Push)
        .filter(|other| other.config.target == cell.config.target)
        .filter_map(|other| estimate(record, other.index, "delivery_p50_ns"))
        .min_by(f64::total_cmp)
}

/// A cell's median of a metric.
pub fn estimate(record: &Record, cell: usize, metric: &str) -> Option<f64> {
    Some(summary_of(record, cell)?.metrics.get(metric)?.median)
}

/// A cell's estimates.
pub fn summary_of(record: &Record, cell: usize) -> Option<&CellSummary> {
    record.cells.iter().find(|summary| summary.cell == cell)
}

/// The summary of a record.
pub fn of(record: &Record) -> Summary {
    let mut sections: Vec<Section> = view::groups(&record.plan)
        .into_iter()
        .map(|group| {
            let rows = group.cells.iter().map(|&index| &record.plan.cells[index]);
            let rows = rows.map(|cell| row(record, cell, floor_ns(record, &group, cell))).collect();
            Section { group, rows }
        })
        .collect();
    let rows = || sections.iter().flat_map(|section| &section.rows);
    let has = |metric: &str| {
        COLUMNS.iter().position(|c| c.metric == metric).is_some_and(|at| rows().any(|row| row.values[at].shown.is_some()))
    };
    let kept: Vec<bool> = COLUMNS
        .iter()
        .map(|column| has(column.metric) && INSTEAD.iter().all(|(own, other)| *own != column.metric || !has(other)))
        .collect();
    for row in sections.iter_mut().flat_map(|section| &mut section.rows) {
        let mut at = kept.iter();
        row.values.retain(|_| *at.next().unwrap_or(&false));
    }
    let columns = COLUMNS.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(column, _)| *column).collect();
    Summary { columns, sections }
}

/// A row over all columns.
fn row(record: &Record, cell: &Cell, floor_ns: Option<f64>) -> Row {
    let summary = summary_of(record, cell.index);
    let (trials, void_trials) = summary.map_or((0, 0), |s| (s.trials, s.void_trials));
    let only_void = trials == 0 && void_trials > 0;
    let values = COLUMNS
        .iter()
        .map(|column| {
            if column.metric.is_empty() {
                return Value { shown: theory_ns(cell, floor_ns).map(|ns| ns / column.divisor), ..Value::default() };
            }
            // A record of an earlier version may have a number where today's says that it would mean nothing.
            if Metric::named(column.metric).is_some_and(|metric| !(metric.concerns)(cell)) {
                return Value::default();
            }
            let void = only_void.then(|| of_void_trials(record, cell, column.metric)).flatten();
            let estimate = summary.and_then(|s| s.metrics.get(column.metric)).or(void.as_ref());
            Value {
                shown: estimate.map(|e| e.median / column.divisor),
                interval: estimate
                    .filter(|_| !only_void)
                    .and_then(|e| e.interval)
                    .map(|ends| ends.map(|end| end / column.divisor)),
                comparison: record.comparisons.iter().find(|c| c.cell == cell.index && c.metric == column.metric).cloned(),
            }
        })
        .collect();
    let accounting = summary.map(|s| s.accounting).unwrap_or_default();
    Row {
        cell: cell.index,
        title: view::title(&record.plan, cell),
        is_baseline: cell.config.name == record.plan.baseline,
        values,
        lost: accounting.lost,
        duplicated: accounting.duplicated,
        trials,
        void_trials,
    }
}

/// How to read the table, and what its marks mean.
pub fn legend(record: &Record) -> String {
    let baseline = record.plan.cells.iter().find(|cell| cell.config.name == record.plan.baseline).map(view::arm_title);
    format!(
        "Beneath a number: how many times that of {} it is (0.50× is half as much), with its 95 % interval. = means the same within 5 %, ~ means that the two cannot be told apart, parentheses that there are too few trials to tell. The interval belongs to that one comparison; the judgement takes into account how many comparisons there are, so ~ may stand beside an interval without 1 in it. All copies of a broadcast message are late together, so a p99 of few messages rests on less than its number of samples. – means not measured, or fewer than ten samples beyond the percentile. Wire bytes are those of the measured window, both directions, with TCP and IP headers; a real Ethernet adds 14 bytes to each packet. Kernel memory is that of both ends. Theory: for short polling half an interval, for long polling the closed form with the scenario's gap, plus the median of the same server's fastest push arm as the floor.",
        baseline.unwrap_or_else(|| record.plan.baseline.clone())
    )
}

/// What theory says of a poller's median, ns. For a push arm theory is the floor, and the floor is a push arm: that would be a
/// number beside itself.
fn theory_ns(cell: &Cell, floor_ns: Option<f64>) -> Option<f64> {
    let pulls = cell.config.transport.row().initiative == Initiative::Pull;
    theory::expectation(cell).filter(|_| pulls).zip(floor_ns).map(|(expectation, floor)| expectation.p50_s * 1e9 + floor)
}

/// What the void trials of a cell measured: to be shown greyed where nothing else is left, and for nothing else.
fn of_void_trials(record: &Record, cell: &Cell, metric: &str) -> Option<Estimate> {
    let metric = Metric::named(metric)?;
    estimate_of(
        record.trials.iter().filter(|trial| trial.cell == cell.index).filter_map(|trial| metric.of(cell, trial)).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn columns_without_values_are_left_out() {
        let record = fixture::run().record.clone();
        let summary = of(&record);
        let metrics: Vec<&str> = summary.columns.iter().map(|c| c.metric).collect();
        assert!(metrics.contains(&"wire_bytes_per_message") && !metrics.contains(&"wire_bytes_per_client_s"));
        assert!(!metrics.contains(&"delivery_p999_ns"), "5,000 samples a trial bear no p99.9");
        assert_eq!(summary.rows().count(), 5);
        assert!(summary.rows().all(|row| row.faults() == "0" && row.gates() == "6 ok"));
    }

    #[test]
    fn theory_is_half_an_interval_and_the_floor() {
        let record = fixture::run().record.clone();
        let summary = of(&record);
        let column = summary.columns.iter().position(|c| c.metric.is_empty()).unwrap();
        let poller = summary.sections[0].rows[0].values[column].shown.unwrap();
        let floor = floor_ns(&record, &summary.sections[0].group, &record.plan.cells[0]).unwrap() / 1e6;
        assert!((poller - 500.0 - floor).abs() < 1e-9 && floor < 1.0);
        // Another server's push arms say nothing of this one's floor.
        let mut record = record;
        let target = r#"{"url": "http://127.0.0.1:1", "dialect": {"nchan": {}}}"#;
        record.plan.cells[0].config.target = Some(serde_json::from_str(target).unwrap());
        let cells = of(&record).sections[0].rows.iter().map(|row| row.values[column].shown).collect::<Vec<_>>();
        assert!(cells[0].is_none() && cells[1].is_some(), "{cells:?}");
    }

    #[test]
    fn where_nothing_else_is_left_void_trials_are_shown_and_marked() {
        let mut record = fixture::run().record.clone();
        for trial in record.trials.iter_mut().filter(|trial| trial.cell == 4) {
            trial.machine.swapped_pages = 1;
            trial.gates = crate::gate::judge(&record.plan.cells[4], trial);
        }
        record.cells = crate::stats::summarise(&record.plan, &record.trials);
        record.comparisons = crate::stats::compare(&record.plan, &record.cells, &record.trials);
        let summary = of(&record);
        let row = summary.rows().find(|row| row.cell == 4).unwrap();
        assert!(row.is_only_void() && row.values[0].shown.is_some());
        assert!(row.values.iter().all(|value| value.interval.is_none() && value.comparison.is_none()));
    }

    #[test]
    fn void_trials_and_faults_are_told() {
        let summary = of(&fixture::run_with_a_void_trial().record);
        let row = summary.rows().find(|row| row.title == "WebSocket").unwrap();
        assert_eq!((row.gates().as_str(), row.faults().as_str()), ("5 ok, 1 void", "3 lost"));
    }
}
