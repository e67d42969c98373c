//! `results/index.html`: one page over many records, newest first, with what each found.

use crate::chart::canvas::escape;
use crate::html::document;
use crate::load::Run;
use crate::sentence;
use crate::view;

/// A record and where its own page lies.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// Name of its folder, relative to the index.
    pub folder: String,
    /// The record.
    pub run: &'a Run,
}

/// The page. Entries are listed by the time at which they were started, newest first.
pub fn render(entries: &[Entry<'_>]) -> String {
    let mut entries: Vec<&Entry<'_>> = entries.iter().collect();
    entries.sort_by(|a, b| {
        let key = |entry: &Entry<'_>| (entry.run.record.provenance.started_utc.clone(), entry.folder.clone());
        key(b).cmp(&key(a))
    });
    let items: String = entries.iter().map(|entry| item(entry)).collect();
    let body = if items.is_empty() { "<p>There are no records yet.</p>".to_string() } else { items };
    document(
        "wirecost results",
        &format!(
            "<div class=\"page\"><header class=\"top\"><p class=\"brand\"><b>wirecost</b></p><h1>Results</h1></header><main>{body}</main></div>"
        ),
    )
}

fn item(entry: &Entry<'_>) -> String {
    let record = &entry.run.record;
    let void = record.trials.iter().filter(|trial| trial.is_void()).count();
    let void = if void > 0 {
        format!(" <span class=\"tag\">{void} of {} trials void</span>", record.trials.len())
    } else {
        String::new()
    };
    let found: String = sentence::verdict(record)
        .iter()
        .filter(|s| matches!(s.about, "latency" | "bytes"))
        .map(|s| format!("<p{}>{}</p>", if s.void { " class=\"note\"" } else { "" }, escape(&s.text)))
        .collect();
    let condition = record.plan.cells.last().map_or(String::new(), |cell| view::condition(record, cell));
    format!(
        "<section><h2><a href=\"{folder}/report.html\">{}</a>{void}</h2><p>{}</p>{found}<p class=\"note\">{}; {}, {}</p></section>",
        escape(&record.name),
        escape(&record.question),
        escape(&condition),
        escape(&record.provenance.started_utc),
        escape(&record.provenance.machine.cpu_model),
        folder = escape(&entry.folder),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn records_are_listed_newest_first_and_void_ones_marked() {
        let mut older = fixture::run_with_a_void_trial().clone();
        older.record.provenance.started_utc = "2024-12-31T00:00:00Z".into();
        let page = render(&[Entry { folder: "old".into(), run: &older }, Entry { folder: "new".into(), run: fixture::run() }]);
        assert!(page.find("new/report.html").unwrap() < page.find("old/report.html").unwrap());
        assert!(page.contains("1 of 30 trials void"));
        assert!(render(&[]).contains("no records yet"));
    }
}
