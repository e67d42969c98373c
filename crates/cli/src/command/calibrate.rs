//! `calibrate`: the ladder, as a table or as JSON; and the short one before a run.

use std::ffi::OsString;

use wirecost_model::record::{Calibration, CalibrationForm, GateOutcome, RungResult, Trial, Verdict};
use wirecost_model::scenario::{Wire, Workload};
use wirecost_model::{Cell, Plan};
use wirecost_probe::process;
use wirecost_report::stats;
use wirecost_runner::calibrate::Calibrate;
use wirecost_runner::run::Interrupts;

use super::Outcome;
use super::run::watch_signals;
use crate::args::CalibrateArgs;
use crate::calibration_cache;
use crate::exit;
use crate::failure::Failure;
use crate::ui;

/// Columns of a rung's name.
const NAME_COLUMNS: usize = 16;

/// Columns of what came of it.
const OUTCOME_COLUMNS: usize = 12;

/// Climbs the ladder and says what was seen.
pub fn calibrate(args: &CalibrateArgs) -> Outcome {
    let form = if args.short { CalibrationForm::Short } else { CalibrationForm::Full };
    let signals = watch_signals();
    let climbed = climb(form, args.wire.into(), args.quiet, &signals.count);
    let calibration = climbed.map_err(|failure| signals.exit_of(failure))?;
    if args.json {
        ui::print(&serde_json::to_string_pretty(&calibration).map_err(anyhow::Error::from)?);
    } else {
        ui::print(table(&calibration, ui::width()).trim_end());
    }
    Ok(if calibration.holds() { exit::OK } else { exit::VOID })
}

/// The short ladder, from the cache if it was climbed on this boot with this binary. One that failed is not kept: the next
/// run may meet the machine in a better mood.
pub fn before_run(wire: Wire, quiet: bool, interrupts: &Interrupts) -> Result<Calibration, Failure> {
    if let Some(kept) = calibration_cache::load(wire) {
        return Ok(kept);
    }
    if !quiet {
        eprintln!("Calibrating, once a boot, about 10 s (`--no-calibrate` does without)");
    }
    let calibration = climb(CalibrationForm::Short, wire, true, interrupts)?;
    if calibration.holds() {
        calibration_cache::keep(wire, &calibration);
    }
    Ok(calibration)
}

fn climb(form: CalibrationForm, wire: Wire, quiet: bool, interrupts: &Interrupts) -> Result<Calibration, Failure> {
    let command: Vec<OsString> = vec![process::ITSELF.into(), "trial".into()];
    let calibrate = Calibrate { form, command: &command, wire, interrupts, same_arms: &same_arms };
    let mut tell = |what: &str| {
        if !quiet {
            eprintln!("  {what}");
        }
    };
    Ok(calibrate.run(&mut tell)?)
}

/// How many comparisons of two arms that are the same say `different`, of how many.
fn same_arms(plan: &Plan, trials: &[Trial]) -> (usize, usize) {
    let comparisons = stats::compare(plan, &stats::summarise(plan, trials), trials);
    (comparisons.iter().filter(|comparison| comparison.verdict == Verdict::Different).count(), comparisons.len())
}

/// What a reader of a run's numbers should know of its calibration.
pub fn warnings(calibration: &Calibration, plan: &Plan, shards: usize) -> Vec<String> {
    let failed = calibration.rungs.iter().filter(|rung| rung.outcome == GateOutcome::Failed);
    let mut warnings: Vec<String> = failed
        .map(|RungResult { rung, expected, seen, .. }| format!("calibration: {rung} failed: expected {expected}; seen {seen}"))
        .collect();
    let most_per_s = plan.cells.iter().map(deliveries_per_s).fold(0.0, f64::max) / shards.max(1) as f64;
    match calibration.value("max_null_rate", "deliveries_per_s") {
        Some(null_per_s) if null_per_s < 2.0 * most_per_s => warnings.push(format!(
            "the load generator takes in {null_per_s:.0} deliveries/s a core with nothing behind it, less than twice the {most_per_s:.0}/s asked of it"
        )),
        _ => {}
    }
    warnings
}

/// What the plan asks of the load generator; a closed loop asks for nothing in particular.
fn deliveries_per_s(cell: &Cell) -> f64 {
    let clients = f64::from(cell.clients);
    match &cell.workload {
        Workload::Push(push) => push.rate.0 * clients,
        Workload::Upload(upload) => upload.rate.0 * clients,
        Workload::Duplex(duplex) => (duplex.down.0 + duplex.up.0) * clients,
        // Everyone in a room receives what is said there; a room has its share of all memberships.
        Workload::Chat(chat) => chat.rate.0 * clients * clients * f64::from(chat.joins) / f64::from(chat.rooms.max(1)),
        Workload::Reconnect(reconnect) => reconnect.rate.0 * clients,
        Workload::Echo(_) | Workload::Idle(_) => 0.0,
    }
}

/// One row a rung: what came of it, its name, what was expected, what was seen.
fn table(calibration: &Calibration, width: usize) -> String {
    let text = width.saturating_sub(OUTCOME_COLUMNS + NAME_COLUMNS + 4).max(40) / 2;
    let mut out = String::new();
    let mut row = |outcome: &str, name: &str, expected: &str, seen: &str| {
        let (expected, seen) = (wrapped(expected, text), wrapped(seen, text));
        for line in 0..expected.len().max(seen.len()) {
            let first = |word: &str| if line == 0 { word.to_string() } else { String::new() };
            let of = |lines: &[String]| lines.get(line).cloned().unwrap_or_default();
            let line = format!(
                "{:OUTCOME_COLUMNS$} {:NAME_COLUMNS$} {:text$}  {}",
                first(outcome),
                first(name),
                of(&expected),
                of(&seen)
            );
            out += line.trim_end();
            out.push('\n');
        }
    };
    row("", "rung", "expected", "seen");
    for RungResult { rung, expected, seen, outcome, .. } in &calibration.rungs {
        let outcome = match outcome {
            GateOutcome::Passed => "ok",
            GateOutcome::Failed => "FAILED",
            GateOutcome::NotMeasured => "not measured",
        };
        row(outcome, rung, expected, seen);
    }
    out
}

/// A text in lines of at most `width` characters, broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is always one");
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_string());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_broken_between_words_and_stays_in_its_columns() {
        let rung = RungResult {
            rung: "stall".into(),
            what: String::new(),
            expected: "one two three four five six seven eight nine ten".into(),
            seen: "little".into(),
            outcome: GateOutcome::Failed,
            timing: true,
            values: Default::default(),
        };
        let calibration =
            Calibration { form: CalibrationForm::Short, measured_utc: String::new(), duration_ns: 0, rungs: vec![rung] };
        let table = table(&calibration, 80);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{table}");
        assert!(
            lines[1].starts_with("FAILED       stall            one two three four five") && lines[1].ends_with("little"),
            "{table}"
        );
        assert_eq!(lines[2].trim(), "six seven eight nine ten", "{table}");
    }
}
