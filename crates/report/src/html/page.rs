//! The page: head, the order of sections, foot.

use wirecost_model::Record;

use super::{at_scale, glossary, headers, numbers, provenance, section, table, validity, verdict, written};
use crate::account;
use crate::chart::{self, canvas::escape, look};
use crate::format;
use crate::load::Run;
use crate::search;
use crate::view;

/// The stylesheet. Its first block is the light theme: `:root{--ink:#…;…}`.
pub fn style() -> String {
    include_str!("style.css")
        .replace("@LIGHT@", &chart::layer_css_variables(false))
        .replace("@DARK@", &chart::layer_css_variables(true))
        .replace("@TRANSPORTS@", &look::css_variables())
}

/// A whole document around a body.
pub fn document(title: &str, body: &str) -> String {
    let style = style();
    // One script, if there is something for it to do, and the policy names it; nothing else can run.
    let (policy, script) = if body.contains("data-costs") {
        (format!(";script-src 'sha256-{}'", at_scale::SCRIPT_SHA256), format!("<script>{}</script>", at_scale::SCRIPT))
    } else {
        (String::new(), String::new())
    };
    // The policy makes "no network" something that the browser enforces.
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';style-src 'unsafe-inline';img-src data:{policy}\"><meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"data:,\"><title>{}</title>\n<style>\n{style}</style></head>\n<body>{}{body}{script}</body></html>\n",
        escape(title),
        chart::hatches()
    )
}

/// Everything about one run. `prefix` keeps ids apart on a page of several.
pub fn run(run: &Run, prefix: &str) -> String {
    let record = &run.record;
    let charts = charts(run, prefix);
    // What speaks of one condition, or of an axis that all arms share, has nothing to say of a search.
    let unless_searched = |body: fn(&Record) -> String| if record.search.is_some() { String::new() } else { body(record) };
    let sections = [
        ("verdict", "Verdict", verdict::body(record)),
        ("search", "Search", if record.search.is_some() { searched(record, &charts) } else { String::new() }),
        ("numbers", "Numbers", numbers::body(record)),
        ("servers", "Servers", servers(record)),
        ("connections", "Set-up", unless_searched(set_up)),
        ("slopes", "One more", unless_searched(slopes)),
        ("theory", "Measured against theory", if record.search.is_some() { String::new() } else { expected(run) }),
        ("scale", "What it would cost at scale", at_scale::body(record)),
        ("charts", "Charts", if record.search.is_some() { String::new() } else { charts }),
        ("analysis", "Analysis", prose(&record.analysis)),
        ("validity", "Validity", validity::body(record)),
        ("headers", "The headers that were sent", headers::body(record)),
        ("provenance", "Provenance", provenance::body(record)),
        ("limits", "What this does not show", provenance::limits(record)),
        ("glossary", "Glossary", glossary::body()),
    ];
    let there: Vec<_> = sections.iter().filter(|(.., body)| !body.is_empty()).collect();
    let links: String = there.iter().map(|(id, heading, _)| format!("<a href=\"#{prefix}{id}\">{heading}</a>")).collect();
    let body: String = there.iter().map(|(id, heading, body)| section(prefix, id, heading, body)).collect();
    let day = record.provenance.started_utc.split('T').next().unwrap_or_default();
    let about = [record.name.as_str(), day, record.provenance.machine.cpu_model.as_str()];
    let about: String =
        about.iter().filter(|text| !text.is_empty()).map(|text| format!("<span>{}</span>", escape(text))).collect();
    // A page has one `main`; where it shows several runs, each is an article in it.
    let (open, close, main, main_end) = if prefix.is_empty() {
        ("<div class=\"page run\">".to_string(), "</div>", "<main>", "</main>")
    } else {
        let label = format!("Record {}: {}", prefix.trim_matches(|c: char| !c.is_ascii_digit()), record.name);
        (format!("<article class=\"page run\" aria-label=\"{}\">", escape(&label)), "</article>", "<div>", "</div>")
    };
    format!(
        "{open}<a class=\"skip\" href=\"#{prefix}verdict\">To the verdict</a><header class=\"top\"><p class=\"brand\"><b>wirecost</b>{about}</p><h1>{}</h1>{}</header><nav class=\"toc\" aria-label=\"{}\">{links}</nav>{main}{body}{main_end}<footer>wirecost {} ({}). This page is a function of record.json and its histograms; the same files give the same page.</footer>{close}",
        escape(&record.question),
        verdict::banner(record),
        if prefix.is_empty() {
            "Contents".to_string()
        } else {
            format!("Contents of record {}", prefix.trim_matches(|c: char| !c.is_ascii_digit()))
        },
        escape(&record.provenance.version),
        escape(&record.provenance.commit)
    )
}

/// Paragraphs of plain prose, separated by empty lines.
fn prose(text: &str) -> String {
    text.split("\n\n").map(str::trim).filter(|p| !p.is_empty()).map(|p| format!("<p>{}</p>", written(p))).collect()
}

/// Sentences beneath a drawing.
fn notes(notes: &[String]) -> String {
    if notes.is_empty() {
        return String::new();
    }
    let items: String = notes.iter().map(|note| format!("<li>{}</li>", written(note))).collect();
    let list = format!("<ul class=\"plain notes\">{items}</ul>");
    // A few are read; a list of every arm is looked up.
    if notes.len() <= 3 { list } else { format!("<details><summary>In words</summary>{list}</details>") }
}

/// Who was measured, where it was not the reference server alone.
fn servers(record: &Record) -> String {
    account::servers::table(record).map_or(String::new(), |servers| table(&servers, "What stands behind each arm"))
}

/// What a connection costs before its first message, under the condition that the charts show.
fn set_up(record: &Record) -> String {
    let Some(group) = view::rivals(&record.plan).pop() else { return String::new() };
    let Some(account) = account::set_up::table(record, &group) else { return String::new() };
    let at = if group.label().is_empty() { String::new() } else { format!(" at {}", group.label()) };
    format!(
        "{}{}<p class=\"note\">{}</p>",
        table(&account, &format!("What a connection costs{at}")),
        prose(&account::set_up::sentences(record, &group).join("\n\n")),
        written(account::set_up::READING)
    )
}

/// What one message more costs, and one connection more, where axes tell.
fn slopes(record: &Record) -> String {
    let parts = [
        (account::marginal::cpu_sentence(record), account::marginal::cpu_table(record), "CPU time of one message more"),
        (account::marginal::memory_sentence(record), account::marginal::memory_table(record), "Memory of one connection more"),
    ];
    let mut out = String::new();
    for (sentence, slopes, caption) in parts {
        if let (Some(sentence), Some(slopes)) = (sentence, slopes) {
            out += &format!("<p>{}</p>{}", written(&sentence), table(&slopes, caption));
        }
    }
    if out.is_empty() { out } else { format!("{out}<p class=\"note\">{}</p>", written(account::marginal::READING)) }
}

/// Pollers beside what theory expects of them.
fn expected(run: &Run) -> String {
    let Some(rows) = account::expected::table(run) else { return String::new() };
    let sentence = account::expected::sentence(run).map_or(String::new(), |text| format!("<p>{}</p>", written(&text)));
    let caption = "Pollers, expected and measured";
    format!("{sentence}{}<p class=\"note\">{}</p>", table(&rows, caption), written(account::expected::READING))
}

/// The levels that a search looked at: drawn, and a table an arm.
fn searched(record: &Record, charts: &str) -> String {
    let Some(result) = &record.search else { return String::new() };
    let tables = (0..result.answers.len()).map(|number| {
        let caption = format!("Levels of {}", search::title(record, result, number));
        format!("<details><summary>{}</summary>{}</details>", escape(&caption), table(&search::table(result, number), &caption))
    });
    format!("{charts}{}<p class=\"note\">{}</p>", tables.collect::<String>(), escape(search::READING))
}

fn charts(run: &Run, prefix: &str) -> String {
    let mut out = String::new();
    let mut absent = Vec::new();
    for drawn in chart::all(run, prefix) {
        match drawn {
            Ok(chart) => {
                out += &format!(
                    "<figure><h3>{}</h3><p class=\"reading\">{}</p>{}{}{}<details><summary>The numbers of this chart</summary>{}</details></figure>",
                    written(&format::capital(&chart.title)),
                    written(&chart.reading),
                    chart.wide,
                    chart.narrow,
                    notes(&chart.notes),
                    table(&chart.table, &chart.title)
                );
            }
            Err(absence) => absent.push(format!("{} ({})", absence.what, absence.why)),
        }
    }
    if !absent.is_empty() {
        out += &format!("<p class=\"note\">Not drawn: {}.</p>", written(&absent.join("; ")));
    }
    out
}
