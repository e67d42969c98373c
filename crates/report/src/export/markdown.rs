//! Markdown: the README of a record and the summary of a build job. Command, verdict, table, warnings; under 100 kB.

use wirecost_model::Record;

use crate::account;
use crate::format;
use crate::gate;
use crate::load::Run;
use crate::search;
use crate::sentence;
use crate::stats::twins;
use crate::summary::{self, Row, Summary};
use crate::table::{Column, Table};
use crate::view;

/// The README of a record.
pub fn markdown(run: &Run) -> String {
    let record = &run.record;
    let mut out = format!("# {}\n\n{}\n\n", record.name, record.question);
    let provenance = &record.provenance;
    out += &format!("```sh\nwirecost {}\n```\n\n", command(&provenance.argv));
    if let Some(banner) = sentence::void_banner(record) {
        out += &format!("> [!CAUTION]\n> {banner}\n");
        for failure in gate::failures(&record.plan, &record.trials) {
            let trials = format::plural(failure.trials, "trial");
            out += &format!(
                "> - **{}** in {trials} of {}: {}. {}.\n",
                failure.gate,
                format::list(&failure.cells),
                failure.seen,
                format::capital(&failure.advice)
            );
        }
        out.push('\n');
    }
    if !record.complete {
        let planned = record.plan.trials.len();
        out += &format!("> [!WARNING]\n> Partial: {} of {planned} planned trials were run.\n\n", record.trials.len());
    }
    out += "## Verdict\n\n";
    for sentence in sentence::verdict(record) {
        match (sentence.about, sentence.void) {
            ("condition", _) => out += &format!("\nUnder: {}.\n", sentence.text),
            ("point" | "trials", _) => out += &format!("{}\n\n", sentence.text),
            (_, true) => out += &format!("- ~~{}~~ (void trials among these)\n", sentence.text),
            (_, false) => out += &format!("- {}\n", sentence.text),
        }
    }
    out.push('\n');
    if let Some(result) = &record.search {
        out += "## Levels\n\n";
        for number in 0..result.answers.len() {
            out += &format!("### {}\n\n", search::title(record, result, number));
            out += &search::table(result, number).markdown();
            out.push('\n');
        }
        out += &format!("{}\n", search::READING);
    } else {
        out += &numbers(record);
        out += &expected(run);
    }
    if let Some(servers) = account::servers::table(record) {
        out += &format!("\n## Servers\n\n{}", servers.markdown());
    }
    out += &at_scale(record);
    if let Some(finding) = twins::finding(record) {
        let warning = if finding.told_apart { "> [!WARNING]\n> " } else { "" };
        out += &format!("\n## Equals\n\n{warning}{}\n", finding.text);
    }
    if !record.thresholds.is_empty() {
        out += "\n## Thresholds\n\n";
        for threshold in &record.thresholds {
            let mark = if threshold.holds { "holds" } else { "**does not hold**" };
            out += &format!("- `{}` {mark}: {}\n", threshold.text, threshold.seen);
        }
    }
    if !record.warnings.is_empty() {
        out += "\n## Warnings\n\n";
        for warning in &record.warnings {
            out += &format!("- {warning}\n");
        }
    }
    if !record.analysis.trim().is_empty() {
        out += &format!("\n## Analysis\n\n{}\n", record.analysis.trim());
    }
    let machine = &provenance.machine;
    out += &format!(
        "\n## Where it was measured\n\n{}, {}, {}, Linux {}. wirecost {} ({}, {}), {} to {} UTC.\n",
        machine.cpu_model,
        format::plural(machine.cores_allowed as u64, "core"),
        machine.os,
        machine.kernel,
        provenance.version,
        provenance.commit,
        provenance.profile,
        provenance.started_utc,
        provenance.finished_utc
    );
    out
}

/// Where the bytes went, and set-up as an account of its own, under the condition that the verdict speaks of.
fn ledger(record: &Record) -> String {
    let Some(group) = view::rivals(&record.plan).pop() else { return String::new() };
    let at = if group.label().is_empty() { String::new() } else { format!(" at {}", group.label()) };
    let mut out = String::new();
    let sentences = account::parts::sentences(record, &group);
    if !sentences.is_empty() {
        out += &format!("\n## Where the bytes went{at}\n\n");
        sentences.iter().for_each(|sentence| out += &format!("- {sentence}\n"));
    }
    if let Some(table) = account::set_up::table(record, &group) {
        out += &format!("\n## Set-up{at}\n\n{}\n", table.markdown());
        account::set_up::sentences(record, &group).iter().for_each(|sentence| out += &format!("{sentence}\n\n"));
        out += &format!("{}\n", account::set_up::READING);
    }
    let slopes = [
        (account::marginal::cpu_sentence(record), account::marginal::cpu_table(record)),
        (account::marginal::memory_sentence(record), account::marginal::memory_table(record)),
    ];
    let slopes: String =
        slopes.into_iter().filter_map(|(sentence, table)| Some(format!("{}\n\n{}\n", sentence?, table?.markdown()))).collect();
    if !slopes.is_empty() {
        out += &format!("\n## One more\n\n{slopes}{}\n", account::marginal::READING);
    }
    out
}

/// Pollers beside what theory expects of them; empty without one.
fn expected(run: &Run) -> String {
    let Some(table) = account::expected::table(run) else { return String::new() };
    let sentence = account::expected::sentence(run).map_or(String::new(), |text| format!("{text}\n\n"));
    format!("\n## Measured against theory\n\n{sentence}{}\n{}\n", table.markdown(), account::expected::READING)
}

/// What it would cost at the scenario's size; empty if it names none.
fn at_scale(record: &Record) -> String {
    use account::at_scale::{READING, arms, asked, table, warning};
    let (Some(at), arms) = (&record.at_scale, arms(record)) else { return String::new() };
    if arms.is_empty() {
        return String::new();
    }
    let warning = warning(at, &arms).map_or(String::new(), |text| format!("> [!WARNING]\n> {text}\n\n"));
    format!("\n## What it would cost at scale\n\n{}.\n\n{warning}{}\n{READING}\n", asked(at, &arms), table(at, &arms).markdown())
}

/// The arguments as a shell takes them.
pub fn command(argv: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    let quoted: Vec<String> =
        argv.iter()
            .map(|arg| {
                if !arg.is_empty() && arg.chars().all(plain) { arg.clone() } else { format!("'{}'", arg.replace('\'', "'\\''")) }
            })
            .collect();
    quoted.join(" ")
}

/// The summary of one group as a table of text: value, and the ratio to the baseline beneath it.
fn table(summary: &Summary, rows: &[Row]) -> Table {
    let mut columns = vec![Column::words("arm")];
    columns
        .extend(summary.columns.iter().map(|column| Column::numbers(&format!("{} {}", column.group, column.head), column.unit)));
    columns.extend([Column::numbers("lost, twice", ""), Column::words("trials")]);
    let mut table = Table::new(columns);
    for row in rows {
        let void = row.void_trials > 0;
        let grey = |text: String| if void && text != "–" { format!("~~{text}~~") } else { text };
        let title = if row.is_baseline { format!("**{}** (baseline)", row.title) } else { row.title.clone() };
        let mut line = vec![title];
        line.extend(row.values.iter().map(|value| {
            let text = grey(value.shown.map_or("–".into(), format::number));
            let against = value.against_baseline();
            if against.is_empty() { text } else { format!("{text}<br>{against}") }
        }));
        line.extend([row.faults(), row.gates()]);
        table.push(line);
    }
    table
}

/// A table for each group of cells, and where the bytes went.
fn numbers(record: &Record) -> String {
    let mut out = String::from("## Numbers\n\n");
    let summary = summary::of(record);
    for section in &summary.sections {
        if !section.group.label().is_empty() {
            out += &format!("### {}\n\n", section.group.label());
        }
        out += &table(&summary, &section.rows).markdown();
        out.push('\n');
    }
    out += &format!("Medians over trials. {}\n", summary::legend(record));
    out + &ledger(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_record_reads_as_a_page() {
        insta::assert_snapshot!(markdown(fixture::run()));
    }

    #[test]
    fn a_void_trial_comes_first() {
        let text = markdown(fixture::run_with_a_void_trial());
        let (banner, verdict) = (text.find("[!CAUTION]").unwrap(), text.find("## Verdict").unwrap());
        assert!(banner < verdict);
        insta::assert_snapshot!(&text[..text.find("## Numbers").unwrap()]);
    }

    #[test]
    fn commands_can_be_pasted() {
        let argv = ["run", "a b.yaml", "--fail-if", "lost == 0", "it's"].map(String::from);
        assert_eq!(command(&argv), "run 'a b.yaml' --fail-if 'lost == 0' 'it'\\''s'");
    }
}
