//! The command line as people meet it: what is refused and how, what is kept when something dies, and how
//! to go on from there. Real processes; no timing is asserted.

mod support;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use wirecost_probe::process::{self, Signal};

use support::{record, said, server_of, wait_for};

/// The trials are long enough for something to be done in the middle of one, and short where nothing is.
const LONG_TRIALS: [&str; 2] = ["measure: 1s", "measure: 3s"];

const TWO_TRIALS: &str = "name: two\nquestion: Does it survive?\nwire: host\nworkload: { push: { rate: 20/s } }\nclients: 2\n\
    trial: { warmup: 100ms, measure: 1s, drain: 2s }\ntrials: 2\narms: [websocket]\n";

fn wirecost() -> Command {
    Command::new(env!("CARGO_BIN_EXE_wirecost"))
}

fn scenario(dir: &Path, text: &str) -> PathBuf {
    let file = dir.join("scenario.yaml");
    std::fs::write(&file, text).expect("written");
    file
}

/// A run whose second trial has a server.
fn in_second_trial(run: &Child, out: &Path) -> u32 {
    wait_for("the first trial's file", || finished(out).first().cloned());
    wait_for("a server of the second trial", || {
        let server = server_of(run.id())?;
        let command = std::fs::read_to_string(format!("/proc/{server}/cmdline")).ok()?;
        command.contains("serve").then_some(server)
    })
}

fn finished(out: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(out).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path().join("trials"));
    let files = folders
        .flat_map(|trials| std::fs::read_dir(trials).into_iter().flatten())
        .filter_map(Result::ok)
        .map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|e| e == "json")).collect()
}

#[test]
fn five_mistakes_are_five_errors_with_line_and_column_and_nothing_is_started() {
    let dir = tempfile::tempdir().unwrap();
    let file = scenario(
        dir.path(),
        "name: Five Mistakes\nquestion: Why?\nworkload: { push: { rate: 10, payload: 3B } }\nclints: 5\narms: [sse, { websocket: { hold: 5s } }]\n",
    );
    let out = dir.path().join("results");
    let output = wirecost().args(["run", "--out"]).arg(&out).arg(&file).output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(78), "{text}");
    assert!(!out.exists(), "something was started");
    assert!(text.contains("5 problems; nothing was started"), "{text}");
    for place in [":1:7: ", ":3:27: ", ":3:40: ", ":4:1: ", ":5:34: "] {
        assert!(text.contains(place), "{place} is not in {text}");
    }
}

#[test]
fn a_results_folder_that_cannot_be_written_is_told_before_any_load() {
    let dir = tempfile::tempdir().unwrap();
    let file = scenario(dir.path(), TWO_TRIALS);
    let output = wirecost().args(["run", "--out"]).arg(&file).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(73), "{}", said(&output));
    assert!(said(&output).contains("--out"), "{}", said(&output));
}

#[test]
fn more_clients_than_files_is_told_before_any_load() {
    let dir = tempfile::tempdir().unwrap();
    let file = scenario(dir.path(), &TWO_TRIALS.replace("clients: 2", "clients: 25000"));
    let line = format!(
        "ulimit -n 20000; exec {} run --out {}/r {}",
        env!("CARGO_BIN_EXE_wirecost"),
        dir.path().display(),
        file.display()
    );
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(78), "{text}");
    assert!(text.contains("file descriptors") && text.contains("20000"), "{text}");
    assert!(!dir.path().join("r").exists());
}

#[test]
fn a_port_in_use_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = wirecost().args(["serve", "--bind", &address]).output().unwrap();
    assert_eq!(output.status.code(), Some(69), "{}", said(&output));
    assert!(said(&output).contains(&address), "{}", said(&output));
}

#[test]
fn a_server_that_is_killed_costs_one_trial_and_resume_runs_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = scenario(dir.path(), &TWO_TRIALS.replace(LONG_TRIALS[0], LONG_TRIALS[1]));
    let out = dir.path().join("results");
    let run = wirecost()
        .args(["run", "--no-calibrate", "--allow-void", "--out"])
        .args([&out, &file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let server = in_second_trial(&run, &out);
    process::signal(server, Signal::Kill).unwrap();
    let output = run.wait_with_output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(69), "{text}");
    assert!(text.contains("died") && text.contains("--resume"), "{text}");
    assert_eq!(record(&out).trials.len(), 1, "the first trial is kept");
    assert!(!record(&out).complete);

    let output =
        wirecost().args(["run", "--no-calibrate", "--allow-void", "--resume", "--out"]).args([&out, &file]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let record = record(&out);
    assert!(record.complete && record.trials.len() == 2);
    let again = wirecost().args(["run", "--no-calibrate", "--resume", "--out"]).args([&out, &file]).output().unwrap();
    assert_eq!(again.status.code(), Some(66), "nothing is left: {}", said(&again));
}

#[test]
fn one_interrupt_finishes_the_trial_and_two_stop_now() {
    let dir = tempfile::tempdir().unwrap();
    let file = scenario(dir.path(), &TWO_TRIALS.replace("trials: 2", "trials: 5").replace(LONG_TRIALS[0], LONG_TRIALS[1]));
    let interrupted = |interrupts: usize, trials: usize| {
        let out = dir.path().join(format!("results-{interrupts}"));
        let mut run = wirecost()
            .args(["run", "--no-calibrate", "--allow-void", "--out"])
            .args([&out, &file])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        in_second_trial(&run, &out);
        let mut stderr = BufReader::new(run.stderr.take().unwrap());
        let mut said = String::new();
        for number in 1..=interrupts {
            process::signal(run.id(), Signal::Int).unwrap();
            // Two signals at the same instant are one: the second comes when the first has been heard.
            while number == 1 && !said.contains("Once more stops now") {
                assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
            }
        }
        stderr.read_to_string(&mut said).unwrap();
        assert_eq!(run.wait().unwrap().code(), Some(130), "{said}");
        assert_eq!(record(&out).trials.len(), trials, "{said}");
        assert!(!record(&out).complete);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| interrupted(1, 2));
        scope.spawn(|| interrupted(2, 1));
    });
}

#[test]
fn a_run_that_is_stopped_while_it_calibrates_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (scenario(dir.path(), TWO_TRIALS), dir.path().join("results"));
    let mut run = wirecost()
        .args(["run", "--out"])
        .args([&out, &file])
        // Nothing of an earlier run is at hand.
        .env("XDG_CACHE_HOME", dir.path().join("cache"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(run.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("Calibrating") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
    }
    process::signal(run.id(), Signal::Int).unwrap();
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130), "{said}");
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 0, "{said}");
}

#[test]
fn a_threshold_that_does_not_hold_is_99() {
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (scenario(dir.path(), &TWO_TRIALS.replace("trials: 2", "trials: 1")), dir.path().join("results"));
    let output = wirecost()
        .args(["run", "--no-calibrate", "--allow-void", "--fail-if", "lost == 0", "--out"])
        .args([&out, &file])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(99), "{}", said(&output));
}

#[test]
fn a_dry_run_starts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (scenario(dir.path(), TWO_TRIALS), dir.path().join("results"));
    let output = wirecost().args(["run", "--dry-run", "--out"]).args([&out, &file]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("2 trials") && !out.exists());
}

#[test]
fn the_committed_schemas_are_current_and_a_real_record_obeys_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (of, path) in [("scenario", "scenarios/scenario.schema.json"), ("record", "results/record.schema.json")] {
        let now = said(&wirecost().args(["schema", of]).output().unwrap());
        let committed = std::fs::read_to_string(root.join(path)).unwrap_or_default();
        assert!(now.trim() == committed.trim(), "{path} is stale: wirecost schema {of} > {path}");
    }
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (scenario(dir.path(), &TWO_TRIALS.replace("trials: 2", "trials: 1")), dir.path().join("results"));
    let output =
        wirecost().args(["run", "--no-calibrate", "--allow-void", "--json", "--out"]).args([&out, &file]).output().unwrap();
    let record: serde_json::Value = serde_json::from_slice(&output.stdout).expect("--json prints the record");
    let schema: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(root.join("results/record.schema.json")).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).expect("a JSON schema");
    let errors: Vec<String> = validator.iter_errors(&record).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn every_scenario_of_the_project_is_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    for folder in [root.clone(), root.join("test"), root.join("targets")] {
        for path in std::fs::read_dir(folder).unwrap().filter_map(Result::ok).map(|entry| entry.path()) {
            if path.extension().is_some_and(|e| e == "yaml") {
                let output = wirecost().arg("validate").arg(&path).output().unwrap();
                assert!(output.status.success(), "{}", said(&output));
            }
        }
    }
}
