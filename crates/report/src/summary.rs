//! The one table that every output shows: a row a cell, the same columns everywhere.
//!
//! Numbers stay numbers here; how they are aligned and what fits is the renderer's business.

use wirecost_model::record::{CellSummary, Comparison, Verdict};
use wirecost_model::{Cell, Record};

use crate::format;
use crate::stats::METRICS;
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
    /// The unit that is shown.
    pub unit: &'static str,
    /// Shown = value ÷ divisor.
    divisor: f64,
    /// The higher, the sooner it is dropped where width is short.
    pub dispensable: u8,
}

const fn column(metric: &'static str, group: &'static str, head: &'static str, unit: &'static str, divisor: f64, dispensable: u8) -> Column {
    Column { metric, group, head, unit, divisor, dispensable }
}

/// All columns, in order. Those without any value are left out of a table.
const COLUMNS: &[Column] = &[
    column("delivery_p50_ns", "delivery", "p50", "ms", 1e6, 0),
    column("", "delivery", "theory p50", "ms", 1e6, 7),
    column("delivery_p99_ns", "delivery", "p99", "ms", 1e6, 1),
    column("delivery_p999_ns", "delivery", "p99.9", "ms", 1e6, 5),
    column("wire_bytes_per_message", "wire", "per message", "B", 1.0, 0),
    column("wire_bytes_per_client_s", "wire", "per client·s", "B", 1.0, 6),
    column("requests_per_message", "requests", "per message", "", 1.0, 2),
    column("requests_per_client_s", "requests", "per client·s", "", 1.0, 6),
    column("server_cpu_us_per_message", "CPU per message", "server", "µs", 1.0, 1),
    column("client_cpu_us_per_message", "CPU per message", "client", "µs", 1.0, 4),
    column("server_cpu_us_per_client_s", "CPU per client·s", "server", "µs", 1.0, 6),
    column("server_kb_per_connection", "memory", "per connection", "kB", 1.0, 3),
];

/// Columns that say the same per second as another says per message, and are shown only where that one has nothing to say.
const INSTEAD: &[(&str, &str)] = &[
    ("wire_bytes_per_client_s", "wire_bytes_per_message"),
    ("requests_per_client_s", "requests_per_message"),
    ("server_cpu_us_per_client_s", "server_cpu_us_per_message"),
];

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
    /// The ratio to the baseline: `3.20× (3.10–3.40)`, with `~` before it where it is not distinguishable from 1, empty where
    /// there is none.
    pub fn against_baseline(&self) -> String {
        self.comparison.as_ref().map_or(String::new(), ratio_text)
    }
}

/// A comparison as text; `~` stands before what is not distinguishable, `=` before what is the same within the margin.
pub fn ratio_text(comparison: &Comparison) -> String {
    let ratio = format::ratio_with_interval(comparison.ratio, comparison.interval);
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

/// The fastest median delivery of any push cell of a group, ns: what this host costs a message that waits for nothing.
pub fn floor_ns(record: &Record, group: &Group) -> Option<f64> {
    group
        .cells
        .iter()
        .filter(|&&index| record.plan.cells[index].config.transport.row().initiative == wirecost_model::transport::Initiative::Push)
        .filter_map(|&index| estimate(record, index, "delivery_p50_ns"))
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
    let has = |metric: &str| record.cells.iter().any(|summary| summary.metrics.contains_key(metric));
    let theory = record.plan.cells.iter().any(|cell| theory::expectation(cell).is_some());
    let columns: Vec<Column> = COLUMNS
        .iter()
        .filter(|column| if column.metric.is_empty() { theory && has("delivery_p50_ns") } else { has(column.metric) })
        .filter(|column| INSTEAD.iter().all(|(own, other)| *own != column.metric || !has(other)))
        .copied()
        .collect();
    debug_assert!(columns.iter().all(|c| c.metric.is_empty() || METRICS.iter().any(|m| m.name == c.metric)));
    let sections = view::groups(&record.plan)
        .into_iter()
        .map(|group| {
            let floor = floor_ns(record, &group);
            let rows = group.cells.iter().map(|&index| row(record, &record.plan.cells[index], &columns, floor)).collect();
            Section { group, rows }
        })
        .collect();
    Summary { columns, sections }
}

fn row(record: &Record, cell: &Cell, columns: &[Column], floor_ns: Option<f64>) -> Row {
    let summary = summary_of(record, cell.index);
    let values = columns
        .iter()
        .map(|column| {
            if column.metric.is_empty() {
                let theory = theory::expectation(cell).zip(floor_ns).map(|(e, floor)| e.p50_s * 1e9 + floor);
                return Value { shown: theory.map(|ns| ns / column.divisor), ..Value::default() };
            }
            let estimate = summary.and_then(|s| s.metrics.get(column.metric));
            Value {
                shown: estimate.map(|e| e.median / column.divisor),
                interval: estimate.and_then(|e| e.interval).map(|ends| ends.map(|end| end / column.divisor)),
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
        trials: summary.map_or(0, |s| s.trials),
        void_trials: summary.map_or(0, |s| s.void_trials),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn columns_without_values_are_left_out() {
        let record = fixture::run().record;
        let summary = of(&record);
        let metrics: Vec<&str> = summary.columns.iter().map(|c| c.metric).collect();
        assert!(metrics.contains(&"wire_bytes_per_message") && !metrics.contains(&"wire_bytes_per_client_s"));
        assert!(!metrics.contains(&"delivery_p999_ns"), "5,000 samples a trial bear no p99.9");
        assert_eq!(summary.rows().count(), 5);
        assert!(summary.rows().all(|row| row.faults() == "0" && row.gates() == "6 ok"));
    }

    #[test]
    fn theory_is_half_an_interval_and_the_floor() {
        let record = fixture::run().record;
        let summary = of(&record);
        let column = summary.columns.iter().position(|c| c.metric.is_empty()).unwrap();
        let poller = summary.sections[0].rows[0].values[column].shown.unwrap();
        let floor = floor_ns(&record, &summary.sections[0].group).unwrap() / 1e6;
        assert!((poller - 500.0 - floor).abs() < 1e-9 && floor < 1.0);
    }

    #[test]
    fn void_trials_and_faults_are_told() {
        let summary = of(&fixture::run_with_a_void_trial().record);
        let row = summary.rows().find(|row| row.title == "WebSocket").unwrap();
        assert_eq!((row.gates().as_str(), row.faults().as_str()), ("5 ok, 1 void", "3 lost"));
    }
}
