//! `report` through the command line: pages beside records, several records on one page, the index over a folder. What the pages
//! say is held in the report's own tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn report(args: &[&str], dirs: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wirecost")).arg("report").args(args).args(dirs).output().unwrap()
}

/// Copies of a committed record, without its trials' histograms: two of this name in one folder.
fn records(results: &Path) -> Vec<PathBuf> {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results");
    let mut folders: Vec<PathBuf> = fs::read_dir(committed).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.join("record.json").exists());
    folders.sort();
    ["a", "b"]
        .map(|name| {
            let folder = results.join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::copy(folders[0].join("record.json"), folder.join("record.json")).unwrap();
            folder
        })
        .to_vec()
}

#[test]
fn a_report_is_written_beside_its_record_and_the_index_lists_all() {
    let dir = tempfile::tempdir().unwrap();
    let records = records(dir.path());
    let output = report(&[], &[&records[0]]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(fs::read_to_string(records[0].join("report.html")).unwrap().contains("id=\"verdict\""));
    let index = fs::read_to_string(dir.path().join("index.html")).unwrap();
    for folder in ["a", "b"] {
        assert!(index.contains(&format!("href=\"{folder}/report.html\"")), "{folder}");
    }
    assert!(!dir.path().join(".index.html").exists());
}

#[test]
fn two_records_are_one_page_with_a_comparison() {
    let dir = tempfile::tempdir().unwrap();
    let records = records(dir.path());
    let output = report(&[], &[&records[0], &records[1]]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(page.contains("id=\"r1-verdict\"") && page.contains("id=\"r2-verdict\"") && page.contains("id=\"comparison\""));
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    assert!(!dir.path().join("index.html").exists(), "nothing is written where nothing was asked for");
}

#[test]
fn a_folder_without_a_record_is_66_and_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let output = report(&[], &[dir.path()]);
    assert_eq!(output.status.code(), Some(66));
    assert!(String::from_utf8_lossy(&output.stderr).contains("record.json"));
}
