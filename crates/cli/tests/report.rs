//! `report` through the command line: pages beside records, several records on one page, the index over a folder. What the pages
//! say is held in the report's own tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn report(args: &[&str], dirs: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wirecost")).arg("report").args(args).args(dirs).output().unwrap()
}

/// A committed record, with all that is beside it.
fn committed() -> PathBuf {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results").canonicalize().unwrap();
    let mut folders: Vec<PathBuf> = fs::read_dir(results).unwrap().map(|entry| entry.unwrap().path()).collect();
    // Runs of one's own lie there too.
    folders.retain(|folder| folder.to_string_lossy().contains("-reference-"));
    folders.sort();
    folders.into_iter().next().expect("a committed record")
}

/// Copies of a committed record, without its trials' histograms: two of this name in one folder.
fn records(results: &Path) -> Vec<PathBuf> {
    let committed = committed();
    ["a", "b"]
        .map(|name| {
            let folder = results.join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::copy(committed.join("record.json"), folder.join("record.json")).unwrap();
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

/// A report is a function of its record: neither place nor language nor time zone changes a byte.
#[test]
fn a_record_gives_the_same_bytes_wherever_it_is_read() {
    let record = committed();
    let (elsewhere, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let name = Path::new(record.file_name().unwrap());
    // The folder by its whole path and by its name alone, in two places of the world.
    let here = [("TZ", "UTC"), ("LANG", "C"), ("LC_ALL", "C"), ("HOME", "/"), ("USER", "one")];
    let there =
        [("TZ", "Pacific/Chatham"), ("LANG", "de_DE.UTF-8"), ("LC_ALL", "tr_TR.UTF-8"), ("HOME", "/tmp"), ("USER", "other")];
    let written = |current: &Path, records: &[&Path], environment: &[(&str, &str)], format: &str| {
        let file = dir.path().join("report");
        let output = Command::new(env!("CARGO_BIN_EXE_wirecost"))
            .args(["report", "--format", format, "--output"])
            .arg(&file)
            .args(records)
            .current_dir(current)
            .env_clear()
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        assert!(output.status.success(), "{format}: {}", String::from_utf8_lossy(&output.stderr));
        fs::read(&file).unwrap()
    };
    for format in ["html", "md", "csv", "junit", "text"] {
        let one = written(elsewhere.path(), &[&record], &here, format);
        let other = written(record.parent().unwrap(), &[name], &there, format);
        assert!(one.len() > 500, "{format}: {} bytes", one.len());
        assert!(one == other, "{format} is not the same twice");
    }
    let one = written(elsewhere.path(), &[&record, &record], &here, "html");
    assert!(one == written(record.parent().unwrap(), &[name, name], &there, "html"), "two records are not the same twice");
}

/// As a shell writes out `results/*`: the list that lies beside the records is none.
#[test]
fn all_that_lies_in_a_folder_of_records_is_one_document_for_a_build_server() {
    let dir = tempfile::tempdir().unwrap();
    let records = records(dir.path());
    assert!(report(&[], &[&records[0]]).status.success());
    let list = dir.path().join("index.html");
    let output = report(&["--format", "junit"], &[&records[0], &records[1], &list]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!((text.matches("<?xml").count(), text.matches("<testsuite ").count()), (1, 4));
    let output = report(&["--format", "csv"], &[&records[0], &records[1], &list]);
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("record,cell,arm,"));
    let none = report(&[], &[&list]);
    assert_eq!(none.status.code(), Some(66));
    assert!(String::from_utf8_lossy(&none.stderr).contains("there are no records"));
}

#[test]
fn a_folder_without_a_record_is_66_and_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let output = report(&[], &[dir.path()]);
    assert_eq!(output.status.code(), Some(66));
    assert!(String::from_utf8_lossy(&output.stderr).contains("record.json"));
}

#[test]
fn pictures_are_named_after_their_charts_and_kept_apart_by_record() {
    let dir = tempfile::tempdir().unwrap();
    let records = records(dir.path());
    let files = |folder: &Path| {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let output = report(&["--format", "png"], &[&records[0]]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Without histograms beside the record there is no curve of percentiles and no map over time.
    let names = ["amortised.png", "bytes.png", "cpu.png", "frontier.png", "ratios.png", "set-up.png"];
    assert_eq!(files(&records[0].join("charts")), names);
    assert!(fs::read(records[0].join("charts/bytes.png")).unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));

    let out = dir.path().join("pictures");
    let output = report(&["--format", "png", "-o", out.to_str().unwrap()], &[&records[0], &records[1]]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((files(&out), files(&out.join("b"))), (vec!["a".to_string(), "b".to_string()], names.map(String::from).to_vec()));
}
