//! What the terminal shows, at 80 and at 120 columns, byte for byte: tables, lists, what is wrong with a scenario, comparisons. Off a
//! terminal there are no colours; with colours they are held in the report's tests, which render the same texts.
//!
//! Everything here is a function of committed files, so that the snapshots are the same on every machine.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The committed record of `http-vs-websocket`, which has an arm of each kind, relative to the root.
fn record() -> String {
    let mut all: Vec<PathBuf> = std::fs::read_dir(root().join("results")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let is_reference = |folder: &PathBuf| folder.to_string_lossy().contains("-http-vs-websocket-");
    all.retain(|folder| is_reference(folder) && folder.join("record.json").exists());
    all.sort();
    format!("results/{}", all[0].file_name().unwrap().to_string_lossy())
}

/// Both streams of a command at a width.
fn said(columns: &str, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_wirecost"))
        .current_dir(root())
        .env("COLUMNS", columns)
        .env_remove("NO_COLOR")
        .args(args)
        .output()
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains('\u{1b}'), "no escapes off a terminal");
    format!("exit {}\n{text}", output.status.code().unwrap_or(-1))
}

fn snapshot(name: &str, args: &[&str]) {
    for columns in ["80", "120"] {
        insta::assert_snapshot!(format!("{name}_at_{columns}"), said(columns, args));
    }
}

#[test]
fn the_table_of_a_record() {
    snapshot("table", &["report", "--format", "text", &record()]);
}

#[test]
fn lists() {
    snapshot("list_transports", &["list", "transports"]);
    snapshot("list_scenarios", &["list", "scenarios", "--dir", "crates/cli/tests/broken"]);
}

#[test]
fn everything_that_is_wrong_with_a_scenario() {
    snapshot("validate_errors", &["validate", "crates/cli/tests/broken/scenario.yaml"]);
}

#[test]
fn a_record_against_itself_and_against_nothing() {
    snapshot("compare", &["compare", &record(), &record()]);
    snapshot("compare_missing", &["compare", &record(), "results/nowhere"]);
}
