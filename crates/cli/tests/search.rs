//! A search through real processes: it ends where it must, keeps every trial, and goes on where it was interrupted.
//!
//! No time is asserted, and a busy machine may void any trial, so what is held is what follows from counts: requests and bytes of
//! a message, faults that are injected. Where trials are void the answer may be a floor, and is checked against its own trials.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use wirecost_model::Record;
use wirecost_model::search::{RETRIES, SearchAnswer, Stop, trials_without_trouble};

fn scenario(dir: &Path, search: &str, arms: &str, more: &str) -> PathBuf {
    let file = dir.join("scenario.yaml");
    let text = format!(
        "name: search\nquestion: Where does it end?\nworkload: {{ push: {{ rate: 1/s }} }}\nclients: 2\n\
         trial: {{ warmup: 50ms, measure: 1s, drain: 500ms }}\nsearch: {search}\narms: {arms}\n{more}"
    );
    std::fs::write(&file, text).expect("written");
    file
}

fn wirecost(dir: &Path, file: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirecost"));
    command.args(["run", "--no-calibrate", "--out"]).arg(dir.join("results")).args(arguments).arg(file);
    command.output().expect("wirecost runs")
}

/// Runs to the end; returns the exit code, the folder and the record, which was checked.
fn run(dir: &Path, file: &Path, arguments: &[&str]) -> (Option<i32>, PathBuf, Record) {
    let output = wirecost(dir, file, &[&["--quiet"], arguments].concat());
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let json = std::fs::read_to_string(folder.join("record.json")).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let record: Record = serde_json::from_str(&json).expect("a record of this version");
    check(&record);
    (output.status.code(), folder, record)
}

/// What holds of every search that is at its end.
fn check(record: &Record) {
    let (plan, result) = (&record.plan, record.search.as_ref().expect("a search has a result"));
    let search = plan.search.as_ref().expect("and its plan");
    assert!(record.complete && record.trials.len() == plan.trials.len() && record.trials.len() <= plan.most_trials());
    assert_eq!(wirecost_report::search::result(plan, &record.trials).as_ref(), Some(result), "a function of the trials");
    assert_eq!(result.answers.len(), search.subjects);
    let counted: u32 =
        result.answers.iter().flat_map(|answer| &answer.levels).map(|level| level.held + level.failed + level.void).sum();
    assert_eq!(counted as usize, record.trials.len(), "each trial is of one level");
    for answer in &result.answers {
        assert_ne!(answer.stop, Stop::Unfinished);
        assert!(answer.held.is_none_or(|held| answer.failed.is_none_or(|failed| held < failed)), "{answer:?}");
        if answer.levels.iter().all(|level| level.void == 0) {
            let trials: u32 = answer.levels.iter().map(|level| level.held + level.failed).sum();
            assert!(trials <= 3 * trials_without_trouble(&search.levels, search.confirm));
        }
        if answer.stop == Stop::Unjudged {
            assert!(!answer.voided_by.is_empty() && answer.at(answer.failed).unwrap().void > RETRIES);
        }
    }
}

/// Whether the machine disturbed it.
fn is_quiet(answer: &SearchAnswer) -> bool {
    answer.levels.iter().all(|level| level.void == 0)
}

#[test]
fn a_condition_that_always_holds_ends_at_the_top_and_one_that_never_does_at_the_bottom() {
    let dir = tempfile::tempdir().unwrap();
    let levels = "rate: { from: 10/s, to: 40/s, precision: 50% }, confirm: 1";
    let file = scenario(dir.path(), &format!("{{ {levels}, while: wire_bytes_per_message > 1 }}"), "[websocket, sse]", "");
    let (code, _, record) = run(dir.path(), &file, &["--allow-void"]);
    assert_eq!(code, Some(0));
    for answer in record.search.unwrap().answers {
        assert!(answer.stop == Stop::TopHeld && answer.held == Some(40.0) || !is_quiet(&answer), "{answer:?}");
    }

    let file = scenario(dir.path(), &format!("{{ {levels}, while: wire_bytes_per_message < 1 }}"), "[websocket]", "");
    let (code, _, record) = run(dir.path(), &file, &["--allow-void"]);
    let answer = &record.search.unwrap().answers[0];
    assert_eq!(answer.held, None);
    assert!(answer.stop == Stop::BottomFailed && answer.levels.len() == 1 && code == Some(99) || !is_quiet(answer), "{answer:?}");
}

#[test]
fn a_knee_that_is_known_beforehand_is_found() {
    // A poller asks 20 times a second; so there are more than two requests a message below ten messages a second.
    let dir = tempfile::tempdir().unwrap();
    let search = "{ rate: { from: 2/s, to: 80/s, precision: 20% }, while: requests_per_message > 2, confirm: 0 }";
    let file = scenario(dir.path(), search, "[{ short_poll: { interval: 50ms } }]", "");
    let (_, folder, record) = run(dir.path(), &file, &["--allow-void"]);
    let answer = &record.search.as_ref().unwrap().answers[0];
    if is_quiet(answer) {
        // A window of a second has a poll or a message more or less.
        assert!(answer.stop == Stop::Found && (7.0..13.0).contains(&answer.held.unwrap()), "{answer:?}");
    }
    // What people read of it.
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert!(read("README.md").contains("## Levels") && read("report.html").contains("id=\"search\""));
    assert!(read("cells.csv").contains(",rate=2/s,"));
}

#[test]
fn losses_can_be_searched_for_and_void_nothing_then() {
    let dir = tempfile::tempdir().unwrap();
    let search = "{ clients: { from: 1, to: 4 }, while: lost == 0, confirm: 1 }";
    let file = scenario(dir.path(), search, "[websocket]", "faults: { lose: 7 }\n").to_owned();
    let text = std::fs::read_to_string(&file).unwrap().replace("1/s", "100/s");
    std::fs::write(&file, text).unwrap();
    let (code, _, record) = run(dir.path(), &file, &[]);
    let answer = &record.search.unwrap().answers[0];
    assert_eq!(answer.held, None, "messages are lost at any number of clients");
    assert!(answer.stop == Stop::BottomFailed && code == Some(99) || !is_quiet(answer), "{answer:?}");
}

#[test]
fn an_interrupted_search_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let search = "{ clients: { from: 1, to: 8 }, while: wire_bytes_per_message > 1, confirm: 1 }";
    let file = scenario(dir.path(), search, "[websocket, sse]", "");
    let text = std::fs::read_to_string(&file).unwrap().replace("1/s", "20/s");
    std::fs::write(&file, text).unwrap();
    let (_, folder, whole) = run(dir.path(), &file, &["--allow-void"]);
    let again = wirecost(dir.path(), &file, &["--resume"]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("nothing to resume"), "{again:?}");

    // As if it had been stopped in its third round.
    let kept = 5;
    let mut gone = 0;
    for entry in std::fs::read_dir(folder.join("trials")).unwrap().map(Result::unwrap) {
        let index: usize = entry.file_name().to_string_lossy()[..3].parse().unwrap();
        if index >= kept {
            std::fs::remove_file(entry.path()).unwrap();
            gone += 1;
        }
    }
    assert!(gone > 0);
    let (_, same, resumed) = run(dir.path(), &file, &["--allow-void", "--resume"]);
    assert_eq!(same, folder);
    assert_eq!(resumed.trials[..kept], whole.trials[..kept]);
    assert_eq!(resumed.plan.trials[..kept], whole.plan.trials[..kept]);
    assert_eq!(resumed.provenance.started_utc, whole.provenance.started_utc);
}

#[test]
fn the_bound_on_trials_is_known_beforehand() {
    let dir = tempfile::tempdir().unwrap();
    let search = "{ rate: { from: 10/s, to: 5000/s }, while: delivery.p99 < 50ms }";
    let file = scenario(dir.path(), search, "[websocket, sse]", "");
    let output = wirecost(dir.path(), &file, &["--dry-run"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("a search between 10/s and 5000/s (129 levels) while delivery.p99 < 50ms"), "{said}");
    assert!(said.contains("for each of 2 cells at most 18 trials, 54 if"), "{said}");
    for (option, value) in [("--trials", "3"), ("--fail-if", "lost > 0")] {
        let output = wirecost(dir.path(), &file, &[option, value]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("the search of"), "{output:?}");
    }
}

#[test]
fn whoever_allows_a_remote_target_is_told_where_the_search_may_come_to() {
    let dir = tempfile::tempdir().unwrap();
    let target = "target: { url: \"http://203.0.113.1:80\", dialect: wirecost }\n";
    let file = scenario(dir.path(), "{ clients: { from: 1, to: 40 }, while: lost == 0 }", "[websocket]", target);
    let text = std::fs::read_to_string(&file).unwrap().replace("push: { rate: 1/s }", "echo: {}");
    std::fs::write(&file, text).unwrap();
    let output = wirecost(dir.path(), &file, &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(78) && said.contains("connects 40 clients"), "{said}");
}
