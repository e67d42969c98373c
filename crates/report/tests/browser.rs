//! The pages as a browser shows them: every committed record, several on one page, the index and the synthetic runs are rendered,
//! and `browser/check.mjs` opens them in headless Chromium at three widths, light, dark and on paper, with axe-core.
//!
//! It needs Chromium, node and `npm ci` in `tests/browser`; without them it says so and passes. What a page says is held in
//! other tests; this one only looks.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use wirecost_report::{Run, gate, html, index, load, search, stats};

mod fixture;

/// Folders of the records that are committed.
fn records() -> Vec<PathBuf> {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results");
    let mut folders: Vec<PathBuf> = fs::read_dir(results).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.join("record.json").exists());
    folders.sort();
    folders
}

#[test]
fn nothing_on_the_pages_is_out_of_place() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let chromium = Path::new("/usr/bin/chromium").exists();
    let node = Command::new("node").arg("--version").output().is_ok();
    if !(chromium && node && tests.join("node_modules").exists()) {
        // Past the harness, which shows nothing of a test that passes.
        let mut stderr = std::io::stderr();
        let _ = writeln!(stderr, "SKIPPED: the browser test needs /usr/bin/chromium, node, and `npm ci` in {}", tests.display());
        return;
    }
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wirecost-report/browser");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out).unwrap();
    let write = |name: &str, page: String| fs::write(out.join(format!("{name}.html")), page).unwrap();

    let committed: Vec<(String, Run)> = records()
        .iter()
        .map(|folder| (folder.file_name().unwrap().to_string_lossy().into_owned(), load::read_dir(folder).unwrap()))
        .collect();
    for (name, run) in &committed {
        write(name, html::render(std::slice::from_ref(run)));
    }
    let entries: Vec<_> = committed.iter().map(|(folder, run)| index::Entry { folder: folder.clone(), run }).collect();
    write("index", index::render(&entries));
    write("axes", html::render(std::slice::from_ref(fixture::run_over_axes())));
    write("search", html::render(std::slice::from_ref(fixture::run_of_a_search())));
    write("several", html::render(&[fixture::run().clone(), fixture::run_with_a_void_trial().clone()]));

    let output = Command::new("node").arg(tests.join("check.mjs")).arg(&out).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    println!("{said}");
}
