//! What is made to go wrong on purpose is seen for what it is: through real processes, on every transport, with the same counts
//! at the end that committed it and at the end that noticed it. And the ladder that is built on it has all its rungs.
//!
//! Timing is never asserted here; a delay is only ever held against "not earlier".

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use wirecost_model::record::{Calibration, CalibrationForm, GateOutcome};
use wirecost_model::transport::TRANSPORTS;
use wirecost_model::{Record, Trial};
use wirecost_probe::process::{self, Signal};
use wirecost_runner::calibrate::RUNGS;

use support::server_of;

/// Gates that look at what became of the messages.
const ACCOUNTS: &[&str] = &["accounted", "lost", "duplicated", "reordered", "corrupted"];

/// Runs every transport with these faults; returns the exit code and the record.
fn run(name: &str, audience: &str, faults: &str, arguments: &[&str]) -> (Option<i32>, Record) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = dir.path().join("scenario.yaml");
    let arms = TRANSPORTS.iter().map(|row| {
        let options = if row.options.contains(&"interval") { "interval: 20ms" } else { "" };
        format!("  - {}: {{ {options} }}\n", row.name)
    });
    let scenario = format!(
        "name: {name}\nquestion: Is it seen?\nworkload: {{ push: {{ rate: 150/s, arrivals: poisson, audience: {audience} }} }}\nclients: 3\n\
         trial: {{ warmup: 100ms, measure: 400ms, drain: 1500ms }}\ntrials: 1\nfaults: {faults}\narms:\n{}",
        arms.collect::<String>()
    );
    std::fs::write(&file, scenario).expect("written");
    let output = wirecost(dir.path(), &[&["run", "--no-calibrate", "--quiet"], arguments].concat(), Some(&file));
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let json = std::fs::read_to_string(folder.join("record.json")).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code(), serde_json::from_str(&json).expect("a record of this version"))
}

fn wirecost(dir: &Path, arguments: &[&str], file: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirecost"));
    command.args(arguments).env("XDG_CACHE_HOME", dir.join("cache"));
    if let Some(file) = file {
        command.arg("--out").arg(dir.join("results")).arg(file);
    }
    command.output().expect("wirecost runs")
}

/// Every trial, with the name of its arm.
fn trials(record: &Record) -> impl Iterator<Item = (&str, &Trial)> {
    assert!(record.complete && record.trials.len() == TRANSPORTS.len());
    record.trials.iter().map(|trial| (record.plan.cells[trial.cell].config.name.as_str(), trial))
}

/// One kind of fault: exit 100, exactly the gates that are about it, and exactly its count.
fn one_fault(name: &str, fault: &str, gates: &[&str]) {
    let (code, record) = run(name, "broadcast", fault, &[]);
    assert_eq!(code, Some(100), "{name}");
    for (arm, trial) in trials(&record) {
        let injected = trial.injected.unwrap_or_else(|| panic!("{name}, {arm}: nothing was injected"));
        assert!(injected.explains(&trial.accounting), "{name}, {arm}: {injected:?} {:?} {:?}", trial.accounting, trial.errors);
        let counts = [injected.lost, injected.corrupted, injected.duplicated, injected.swapped];
        // Three clients hear every message, and some were struck.
        assert!(counts.iter().sum::<u64>() > 0 && counts.iter().all(|count| count % 3 == 0), "{name}, {arm}: {injected:?}");
        let failed: BTreeSet<&str> = trial
            .gates
            .iter()
            .filter(|gate| gate.outcome == GateOutcome::Failed && ACCOUNTS.contains(&gate.gate.as_str()))
            .map(|gate| gate.gate.as_str())
            .collect();
        assert_eq!(failed, gates.iter().copied().collect(), "{name}, {arm}");
    }
}

#[test]
fn loss_doubles_swaps_and_damage_are_seen_as_what_they_are() {
    // Trials mostly wait: where something is lost, for as long as it might still come.
    std::thread::scope(|scope| {
        scope.spawn(|| one_fault("lose", "{ lose: 7 }", &["lost"]));
        scope.spawn(|| one_fault("duplicate", "{ duplicate: 5 }", &["duplicated"]));
        scope.spawn(|| one_fault("swap", "{ swap: 5 }", &["reordered"]));
        // Which message it was nobody can tell: it has not arrived, either.
        scope.spawn(|| one_fault("corrupt", "{ corrupt: 6 }", &["corrupted", "lost"]));
    });
}

#[test]
fn each_stream_has_faults_of_its_own_and_they_do_not_hide_one_another() {
    let (code, record) = run("each", "each", "{ lose: 8, corrupt: 8, duplicate: 8, swap: 8, delay: 3ms }", &[]);
    assert_eq!(code, Some(100));
    for (arm, trial) in trials(&record) {
        let injected = trial.injected.expect("injected");
        assert!(injected.explains(&trial.accounting), "{arm}: {injected:?} {:?} {:?}", trial.accounting, trial.errors);
        assert!(
            [injected.lost, injected.corrupted, injected.duplicated, injected.swapped].iter().all(|count| *count > 0),
            "{arm}"
        );
        assert_eq!(injected.delayed, trial.accounting.expected - injected.lost + injected.duplicated, "{arm}");
    }
}

#[test]
fn a_delay_costs_time_and_nothing_else() {
    let (_, record) = run("delay", "broadcast", "{ delay: 30ms }", &["--allow-void"]);
    for (arm, trial) in trials(&record) {
        let (injected, account) = (trial.injected.expect("injected"), trial.accounting);
        assert!(account.is_clean() && account.delivered == account.expected, "{arm}: {account:?} {:?}", trial.errors);
        assert_eq!(injected.delayed, account.expected, "{arm}");
        for tag in ["delivery", "service"] {
            let least_ns = trial.latencies[tag].min_ns.expect("samples");
            assert!(least_ns >= 30_000_000, "{arm}: {tag} after {least_ns} ns");
        }
        // The publisher knows nothing of it.
        assert_eq!(trial.sent_messages, trial.planned_messages, "{arm}");
    }
}

/// More than one client can send one after the other in the time there is: what the plan has and nobody sent is lost, to the last
/// message, and no transport is given more time than another.
#[test]
fn what_a_client_did_not_get_to_send_is_lost() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = dir.path().join("scenario.yaml");
    let text = "name: overload\nquestion: Is it seen?\nworkload: { upload: { rate: 100k/s, arrivals: periodic } }\nclients: 1\n\
                trial: { warmup: 100ms, measure: 300ms, drain: 100ms }\ntrials: 1\ndefaults: { stack: lean }\narms: [sse]\n";
    std::fs::write(&file, text).expect("written");
    let output = wirecost(dir.path(), &["run", "--no-calibrate", "--quiet", "--no-repeat"], Some(&file));
    assert_eq!(output.status.code(), Some(100), "{output:?}");
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let json = std::fs::read_to_string(folder.join("record.json")).expect("a record");
    let record: Record = serde_json::from_str(&json).expect("a record of this version");
    let account = record.trials[0].accounting;
    assert_eq!(account.expected, 40_000, "100 per ms for 400 ms");
    assert!(account.lost > 0 && account.delivered + account.lost == account.expected, "{account:?}");
}

#[test]
fn faults_that_cannot_be_are_refused_at_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scenario.yaml");
    let text = "name: a\nquestion: b?\nworkload: { echo: {} }\narms: [sse]\nfaults: { lose: 1, delay: 2h, drop: 3 }\n";
    std::fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_wirecost")).arg("validate").arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{said}");
    for part in [":5:9: in `echo`", ":5:17: one message in 1", ":5:27: a delay of more than 60s", ":5:31: "] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[test]
fn the_short_ladder_has_every_rung_and_those_that_are_not_about_time_hold() {
    let dir = tempfile::tempdir().unwrap();
    let output = wirecost(dir.path(), &["calibrate", "--short", "--json"], None);
    let calibration: Calibration = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    check_ladder(&calibration);
    assert_eq!(output.status.code(), Some(if calibration.holds() { 0 } else { 100 }));
}

fn check_ladder(calibration: &Calibration) {
    assert_eq!(calibration.form, CalibrationForm::Short);
    let names: Vec<&str> = calibration.rungs.iter().map(|rung| rung.rung.as_str()).collect();
    assert_eq!(names, RUNGS.iter().map(|rung| rung.name).collect::<Vec<_>>());
    for rung in &calibration.rungs {
        assert!(!rung.expected.is_empty() && !rung.seen.is_empty() && !rung.what.is_empty(), "{rung:?}");
        assert!(rung.timing || rung.outcome != GateOutcome::Failed, "{rung:?}");
    }
    assert!(calibration.value("injected_faults", "faults").is_some_and(|faults| faults > 0.0));
}

#[test]
fn a_run_carries_its_calibration_and_one_that_held_is_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scenario.yaml");
    let text = "name: kept\nquestion: Is it there?\nworkload: { push: { rate: 50/s } }\n\
                trial: { warmup: 50ms, measure: 200ms, drain: 1s }\ntrials: 1\narms: [sse]\n";
    std::fs::write(&file, text).unwrap();
    let mut calibrations = Vec::new();
    for _ in 0..2 {
        let output = wirecost(dir.path(), &["run", "--json", "--allow-void"], Some(&file));
        let record: Record = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let calibration = record.calibration.expect("a run is calibrated");
        check_ladder(&calibration);
        assert_eq!(calibration.holds(), !record.warnings.iter().any(|text| text.starts_with("calibration: ")));
        calibrations.push(calibration);
    }
    if calibrations[0].holds() {
        assert_eq!(calibrations[0], calibrations[1]);
        assert_eq!(std::fs::read_dir(dir.path().join("cache/wirecost")).unwrap().count(), 1);
    }
}

#[test]
fn a_trial_that_the_conditions_voided_is_run_again_and_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scenario.yaml");
    // Too short for its halves to be compared: that its latency changes is not to be a second reason.
    let text = "name: again\nquestion: Is it run again?\nworkload: { push: { rate: 200/s } }\narms: [websocket]\n\
                trial: { warmup: 300ms, measure: 1s, drain: 5s }\ntrials: 1\n";
    std::fs::write(&file, text).unwrap();
    let results = dir.path().join("results");
    let mut run = Command::new(env!("CARGO_BIN_EXE_wirecost"))
        .args(["run", "--no-calibrate", "--out"])
        .args([&results, &file])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let first = loop {
        match server_of(run.id()) {
            Some(server) => break server,
            None => assert!(run.try_wait().unwrap().is_none(), "it ended before it had a server"),
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    // The first attempt's server stands still half of the time, so that its publisher is late; whenever the window is, that is in it.
    while process::signal(first, Signal::Stop).is_ok() {
        std::thread::sleep(Duration::from_millis(150));
        let _ = process::signal(first, Signal::Cont);
        std::thread::sleep(Duration::from_millis(150));
        if server_of(run.id()) != Some(first) {
            break;
        }
    }
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let folder = std::fs::read_dir(&results).unwrap().flatten().map(|entry| entry.path()).find(|path| path.is_dir()).unwrap();
    let record: Record = serde_json::from_str(&std::fs::read_to_string(folder.join("record.json")).unwrap()).unwrap();
    let [trial] = &record.trials[..] else { panic!("one trial was planned: {said}") };
    let gates: Vec<&str> = trial.repeated_for.iter().map(|gate| gate.gate.as_str()).collect();
    assert!(gates.contains(&"publish_lag"), "{gates:?}\n{said}");
    assert!(
        said.contains("it is run again, once") && record.warnings.iter().any(|text| text.contains("was run again")),
        "{said}"
    );
    // How the second attempt fared is the machine's affair; that it decides is not.
    assert_eq!(output.status.code(), Some(if trial.is_void() { 100 } else { 0 }), "{said}");
}

#[test]
fn a_run_is_of_one_program_whatever_a_build_does_to_its_file() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    // Another name of the program, to take away: on its own file system, since a hundred megabytes need no copy.
    let name = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("wirecost-{}", std::process::id()));
    std::fs::hard_link(env!("CARGO_BIN_EXE_wirecost"), &name).expect("linked");
    let file = dir.path().join("scenario.yaml");
    let scenario = "name: replaced\nquestion: Which program is it?\nworkload: { push: { rate: 50/s } }\nclients: 1\n\
                    trial: { warmup: 50ms, measure: 200ms, drain: 300ms }\ntrials: 1\narms: [ websocket, sse ]\n";
    std::fs::write(&file, scenario).expect("written");
    let mut command = Command::new(&name);
    command.args(["run", "--no-calibrate", "--quiet", "--allow-void", "--out"]).arg(dir.path().join("results")).arg(&file);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    // It runs by now, and has not started a trial: that needs the scenario read and the machine looked at.
    std::fs::remove_file(&name).expect("there");
    let output = child.wait_with_output().expect("it ends");
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let json = std::fs::read_to_string(folder.join("record.json")).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let record: Record = serde_json::from_str(&json).expect("a record of this version");
    assert!(record.complete && record.trials.len() == 2 && output.status.success(), "{output:?}");
}
