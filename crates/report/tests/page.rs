//! A results folder, written and read back, and its pages: what the command line does with a record, without the command line.
//! The pages stay in the target folder, to be looked at.

use std::fs;
use std::path::{Path, PathBuf};

use wirecost_model::hlog;
use wirecost_report::{Run, export, gate, html, index, load, search, stats, terminal};

mod fixture;

/// Writes a run as the runner does.
fn write(run: &Run, folder: &Path) {
    fs::create_dir_all(folder.join("trials")).unwrap();
    fs::write(folder.join("record.json"), serde_json::to_string(&run.record).unwrap()).unwrap();
    fs::write(folder.join("series.csv"), export::series_csv(run)).unwrap();
    for (position, trial) in run.record.trials.iter().enumerate() {
        let arm = &run.record.plan.cells[trial.cell].config.name;
        let comment = format!("interval_ns={}\n{arm}", run.interval_ns[position]);
        let text = hlog::write(&run.histograms[position], run.interval_ns[position], &comment).unwrap();
        fs::write(folder.join("trials").join(format!("{}.hlog", load::trial_file_stem(trial.index, arm))), text).unwrap();
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("wirecost-report").join(name)
}

#[test]
fn a_folder_is_read_back_and_its_page_is_the_same() {
    for (name, run) in [
        ("five-arms", fixture::run()),
        ("axes", fixture::run_over_axes()),
        ("void", fixture::run_with_a_void_trial()),
        ("search", fixture::run_of_a_search()),
    ] {
        let folder = folder(name);
        write(run, &folder);
        let read = load::read_dir(&folder).unwrap();
        // Not the records themselves: a JSON parser may be off by the last bit of a float.
        assert!(export::markdown(&read) == export::markdown(run), "{name} reads differently");
        assert_eq!(read.interval_ns, run.interval_ns);
        let text = |points: &[Vec<_>]| points.iter().flatten().map(|p| format!("{p:?}\n")).collect::<String>();
        assert_eq!(text(&read.series), text(&run.series));
        assert_eq!(terminal::table(&read, 100, false).lines().count(), terminal::table(run, 100, false).lines().count());
        let page = html::render(std::slice::from_ref(&read));
        fs::write(folder.join("report.html"), &page).unwrap();
        fs::write(folder.join("README.md"), export::markdown(&read)).unwrap();
        assert_eq!(page, html::render(std::slice::from_ref(&read)));
    }
}

#[test]
fn a_trial_without_its_log_is_said_to_be_without() {
    let folder = folder("no-logs");
    let run = Run::bare(fixture::run().record.clone());
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("record.json"), serde_json::to_string(&run.record).unwrap()).unwrap();
    let read = load::read_dir(&folder).unwrap();
    assert_eq!(read.without_histogram().count(), read.record.trials.len());
    let page = html::render(&[read]);
    assert!(page.contains("percentile curves (no trial"), "the page says what is missing");
}

#[test]
fn the_summaries_of_a_record_can_be_computed_again() {
    let record = &fixture::run().record;
    let cells = stats::summarise(&record.plan, &record.trials);
    assert_eq!(cells, record.cells);
    assert_eq!(stats::compare(&record.plan, &cells, &record.trials), record.comparisons);
    for trial in &record.trials {
        assert_eq!(gate::judge(&record.plan.cells[trial.cell], trial), trial.gates);
    }
}

#[test]
fn an_index_lists_records() {
    let run = fixture::run();
    let page = index::render(&[index::Entry { folder: "20250102t030405z-fixture".into(), run }]);
    fs::create_dir_all(folder("")).unwrap();
    fs::write(folder("").join("index.html"), &page).unwrap();
    let several = html::render(&[run.clone(), fixture::run_with_a_void_trial().clone()]);
    fs::write(folder("").join("several.html"), several).unwrap();
    assert!(page.contains("20250102t030405z-fixture/report.html"));
}
