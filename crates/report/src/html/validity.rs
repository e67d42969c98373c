//! Every gate over all trials, failed ones first.

use wirecost_model::record::{GateOutcome, GateResult, Trial};
use wirecost_model::{Cell, Record};

use super::{table, written};
use crate::chart::canvas::escape;
use crate::format;
use crate::gate::GATES;
use crate::stats::{Metric, twins};
use crate::table::{Column, Table};
use crate::view;

/// One gate over all trials.
struct Line<'a> {
    name: &'a str,
    what: &'a str,
    failed: usize,
    passed: usize,
    unmeasured: usize,
    /// Of a trial with the worst outcome.
    seen: String,
}

impl Line<'_> {
    fn rank(&self) -> u8 {
        match (self.failed, self.passed) {
            (1.., _) => 0,
            (0, 0) => 1,
            _ => 2,
        }
    }
}

/// The list of gates, and the spread of trials.
pub fn body(record: &Record) -> String {
    let results =
        |name: &str| -> Vec<&GateResult> { record.trials.iter().flat_map(|t| &t.gates).filter(|r| r.gate == name).collect() };
    let mut lines: Vec<Line<'_>> = GATES
        .iter()
        .map(|gate| {
            let results = results(gate.name);
            let count = |outcome: GateOutcome| results.iter().filter(|r| r.outcome == outcome).count();
            let order = [GateOutcome::Failed, GateOutcome::Passed, GateOutcome::NotMeasured];
            let worst = order.iter().find_map(|outcome| results.iter().find(|r| r.outcome == *outcome));
            Line {
                name: gate.name,
                what: gate.what,
                failed: count(GateOutcome::Failed),
                passed: count(GateOutcome::Passed),
                unmeasured: count(GateOutcome::NotMeasured),
                seen: worst.map_or("not judged".into(), |r| r.seen.clone()),
            }
        })
        .collect();
    lines.sort_by_key(Line::rank);
    let failed = lines.iter().filter(|line| line.failed > 0).count();
    // A record of an older version has not heard of every check.
    let made = lines.iter().filter(|line| line.failed + line.passed + line.unmeasured > 0).count();
    let trials = format::plural(record.trials.len() as u64, "trial");
    let intro = if failed == 0 {
        format!(
            "Before its numbers are used, each trial is checked: did every message arrive, do the counted bytes add up to what the network carried, was the machine quiet enough? {made} such checks were made of each of {trials}, and none failed. A trial that fails one is called void: it is shown, but no number of this report is computed from it."
        )
    } else {
        format!(
            "Before its numbers are used, each trial is checked: did every message arrive, do the counted bytes add up to what the network carried, was the machine quiet enough? Of {made} such checks {failed} failed in at least one of {trials}. A trial that fails one is called void: it is shown, but no number of this report is computed from it."
        )
    };
    let mut rows = String::new();
    for line in &lines {
        let (class, mark) = match line.rank() {
            0 => ("fail", "✗"),
            1 => ("na", "–"),
            _ => ("ok", "✓"),
        };
        let mut outcome = Vec::new();
        for (n, word) in [(line.failed, "failed"), (line.passed, "passed"), (line.unmeasured, "not judged")] {
            if n > 0 {
                outcome.push(format!("{n} {word}"));
            }
        }
        rows += &format!(
            "<tr><th scope=\"row\"><span class=\"{class}\">{mark}</span> {}</th><td>{}</td><td class=\"{class}\">{}</td><td>{}</td></tr>",
            escape(&line.name.replace('_', " ")),
            written(line.what),
            escape(&outcome.join(", ")),
            written(&line.seen)
        );
    }
    format!(
        "<p>{}</p>{}<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Checks\"><table class=\"checks\"><caption>Checks over all trials, failed ones first</caption><thead><tr><th scope=\"col\">check</th><th scope=\"col\">passes if</th><th scope=\"col\">trials</th><th scope=\"col\">seen, for instance</th></tr></thead><tbody>{rows}</tbody></table></div>{}",
        escape(&intro),
        equals(record),
        trial_table(record)
    )
}

/// What became of arms that were run twice; empty if there are none.
fn equals(record: &Record) -> String {
    let class = |told_apart: bool| if told_apart { " class=\"notice\"" } else { "" };
    twins::finding(record)
        .map_or(String::new(), |finding| format!("<p{}>{}</p>", class(finding.told_apart), escape(&finding.text)))
}

/// Every trial in the order in which it ran: drift of the machine shows here.
fn trial_table(record: &Record) -> String {
    let mut all = Table::new(vec![
        Column::numbers("trial", ""),
        Column::numbers("block", ""),
        Column::words("cell"),
        Column::numbers("delivery p50", "ms"),
        Column::numbers("delivery p99", "ms"),
        Column::numbers("wire per message", "B"),
        Column::numbers("load generator", "% of a core"),
        Column::numbers("machine busy", "%"),
        Column::numbers("bytes unaccounted for", "B"),
        Column::words("outcome"),
    ]);
    let metric = |name: &str, cell: &Cell, trial: &Trial, divisor: f64| {
        let value = Metric::named(name).and_then(|metric| metric.of(cell, trial));
        value.map_or("–".to_string(), |v| format::number(v / divisor))
    };
    for trial in &record.trials {
        let Some(cell) = record.plan.cells.get(trial.cell) else { continue };
        let failed: Vec<&str> =
            trial.gates.iter().filter(|r| r.outcome == GateOutcome::Failed).map(|r| r.gate.as_str()).collect();
        let window = trial.ledger.duration_ns(wirecost_model::Phase::Steady);
        let busy = if window > 0 { format::number(trial.client.cpu_ns as f64 / window as f64 * 100.0) } else { "–".into() };
        all.push(vec![
            trial.index.to_string(),
            trial.block.to_string(),
            view::full_title(&record.plan, cell),
            metric("delivery_p50_ns", cell, trial, 1e6),
            metric("delivery_p99_ns", cell, trial, 1e6),
            metric("wire_bytes_per_message", cell, trial, 1.0),
            busy,
            format::number(trial.machine.busy_fraction * 100.0),
            trial.ledger.interface.map_or("not reconciled".into(), |account| format::fixed(account.residual_bytes() as f64, 0)),
            if failed.is_empty() { "counts".into() } else { format!("void: {}", failed.join(", ")) },
        ]);
    }
    format!("<details><summary>Every trial, in the order in which they ran</summary>{}</details>", table(&all, "Every trial"))
}
