//! Several records on one page: where they agree in what was run, and what changed between them.

use super::table;
use crate::chart::canvas::escape;
use crate::format;
use crate::load::Run;
use crate::stats::Metric;
use crate::summary::estimate;
use crate::table::{Column, Table};
use crate::view;

/// The metrics that records are laid side by side in.
const METRICS: [&str; 4] = ["delivery_p50_ns", "delivery_p99_ns", "wire_bytes_per_message", "server_cpu_us_per_message"];

/// A list of the records, and a table of the cells that they share.
pub fn section(runs: &[Run]) -> String {
    let links: String = runs
        .iter()
        .enumerate()
        .map(|(n, run)| {
            let record = &run.record;
            format!(
                "<li><a href=\"#r{}-verdict\">{}</a> {} <span class=\"base\">{}, {}</span></li>",
                n + 1,
                escape(&record.name),
                escape(&record.question),
                escape(&record.provenance.started_utc),
                escape(&record.provenance.machine.cpu_model)
            )
        })
        .collect();
    let shared = shared(runs);
    let body = if shared.rows.is_empty() {
        "<p>These records have no cell in common, so each stands for itself.</p>".to_string()
    } else {
        format!(
            "<p>Cells that stand in more than one of these records, first record against the others. Runs at different times are not paired, so these ratios have no interval: <code>wirecost compare</code> judges two runs.</p>{}{}",
            differences(runs),
            table(&shared, "Cells in common")
        )
    };
    format!(
        "<div class=\"page\"><header class=\"top\"><p class=\"brand\"><b>wirecost</b></p><h1>{} records</h1></header><ul class=\"plain\">{links}</ul><section id=\"comparison\" aria-labelledby=\"comparison-h\"><h2 id=\"comparison-h\">Side by side</h2>{body}</section></div>",
        runs.len()
    )
}

/// What makes the first record and another incomparable, if anything does.
fn differences(runs: &[Run]) -> String {
    let key = |run: &Run| {
        let p = &run.record.provenance;
        [p.machine.cpu_model.clone(), p.machine.kernel.clone(), p.profile.clone(), p.scenario_hash.clone()]
    };
    let names = ["processor", "kernel", "build profile", "scenario"];
    let first = key(&runs[0]);
    let differing: Vec<String> = names
        .iter()
        .enumerate()
        .filter(|(n, _)| runs.iter().any(|run| key(run)[*n] != first[*n]))
        .map(|(_, name)| name.to_string())
        .collect();
    if differing.is_empty() {
        return String::new();
    }
    format!(
        "<p class=\"notice\">They differ in {}: differences of time and CPU may be those of the machine or the plan.</p>",
        format::list(&differing)
    )
}

fn shared(runs: &[Run]) -> Table {
    let mut columns = vec![Column::words("cell"), Column::words("metric")];
    columns.extend(runs.iter().enumerate().map(|(n, run)| Column::numbers(&format!("{} {}", n + 1, run.record.name), "")));
    let mut out = Table::new(columns);
    let plan = &runs[0].record.plan;
    for cell in &plan.cells {
        let title = view::full_title(plan, cell);
        for name in METRICS {
            let Some(metric) = Metric::named(name) else { continue };
            let values: Vec<Option<f64>> = runs
                .iter()
                .map(|run| {
                    let own = run.record.plan.cells.iter().find(|other| view::full_title(&run.record.plan, other) == title)?;
                    estimate(&run.record, own.index, name)
                })
                .collect();
            let [Some(first), rest @ ..] = values.as_slice() else { continue };
            if rest.iter().all(Option::is_none) {
                continue;
            }
            let mut row = vec![title.clone(), metric.label.to_string(), metric.unit.show(*first)];
            row.extend(rest.iter().map(|value| match value {
                Some(v) if *first > 0.0 && *v > 0.0 => format!("{} ({})", metric.unit.show(*v), format::ratio(v / first)),
                Some(v) => metric.unit.show(*v),
                None => "–".into(),
            }));
            out.push(row);
        }
    }
    out
}
