//! `index.html` in a folder of records: written anew whenever a record is stored or its report is written beside it. What the page
//! looks like is the report's business.

use std::path::Path;

use wirecost_report::index::{self, Entry};
use wirecost_report::load::{self, Run};

/// The file's name.
pub const FILE: &str = "index.html";

/// Writes the index of a folder. It is a convenience: what cannot be read is left out, and a folder that cannot be written was
/// complained of before.
pub fn update(results: &Path) {
    let mut runs: Vec<(String, Run)> = std::fs::read_dir(results)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.join("record.json").exists())
        .filter_map(|path| {
            Some((path.file_name()?.to_str()?.to_string(), Run::bare(load::read_record(&path.join("record.json")).ok()?)))
        })
        .collect();
    runs.sort_by(|a, b| a.0.cmp(&b.0));
    let entries: Vec<Entry<'_>> = runs.iter().map(|(folder, run)| Entry { folder: folder.clone(), run }).collect();
    // Under another name first: somebody may be looking at it.
    let (target, draft) = (results.join(FILE), results.join(".index.html"));
    if std::fs::write(&draft, index::render(&entries)).is_ok() {
        let _ = std::fs::rename(&draft, &target);
    }
}
