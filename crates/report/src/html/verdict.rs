//! What is wrong, and what was found.

use wirecost_model::Record;

use crate::chart::canvas::escape;
use crate::format;
use crate::gate;
use crate::sentence;

use super::written;

/// The banner above everything; empty if there is nothing wrong.
pub fn banner(record: &Record) -> String {
    let mut out = String::new();
    if let Some(text) = sentence::void_banner(record) {
        let items: String = gate::failures(&record.plan, &record.trials)
            .iter()
            .map(|failure| {
                format!(
                    "<li><b>{}</b> in {} of {}: {}. {}.</li>",
                    escape(&failure.gate),
                    format::plural(failure.trials, "trial"),
                    escape(&format::list(&failure.cells)),
                    written(&failure.seen),
                    written(&format::capital(&failure.advice))
                )
            })
            .collect();
        out += &format!("<div class=\"banner\" role=\"alert\"><strong>{}</strong><ul>{items}</ul></div>", escape(&text));
    }
    if !record.complete {
        out += &format!(
            "<p class=\"notice\">Partial: {} of {} planned trials were run.</p>",
            record.trials.len(),
            record.plan.trials.len()
        );
    }
    for warning in &record.warnings {
        out += &format!("<p class=\"notice\">{}</p>", written(&format::capital(warning)));
    }
    out
}

/// The sentences, and the thresholds that the scenario asks for.
pub fn body(record: &Record) -> String {
    let sentences = sentence::verdict(record);
    let mut out = String::new();
    for intro in sentences.iter().filter(|s| matches!(s.about, "point" | "trials")) {
        out += &format!("<p>{}</p>", written(&intro.text));
    }
    out += "<dl class=\"verdict\">";
    let mut last = "";
    for sentence in sentences.iter().filter(|s| !matches!(s.about, "point" | "trials" | "condition")) {
        let word = match sentence.about {
            "latency" => "Latency",
            "bytes" => "Bytes",
            "set-up" => "Set-up",
            "cpu" => "CPU",
            "memory" => "Memory",
            "trade" => "Trade",
            "search" => "Answers",
            _ => "Elsewhere",
        };
        let lead = if sentence.about == "latency" { " class=\"lead\"" } else { "" };
        let text = written(&sentence.text);
        let text = if sentence.void {
            format!("<span class=\"tag\">rests on void trials</span> <span class=\"void\">{text}</span>")
        } else {
            text
        };
        let word = if word == last { "" } else { word };
        out += &format!("<dt{lead}>{word}</dt><dd{lead}>{text}</dd>");
        if !word.is_empty() {
            last = word;
        }
    }
    if !record.thresholds.is_empty() {
        let all: String = record
            .thresholds
            .iter()
            .map(|threshold| {
                let (class, word) = if threshold.holds { ("ok", "✓ holds") } else { ("fail", "✗ does not hold") };
                format!(
                    "<div><code>{}</code> <span class=\"{class}\">{word}</span>: {}</div>",
                    escape(&threshold.text),
                    escape(&threshold.seen)
                )
            })
            .collect();
        out += &format!("<dt>Thresholds</dt><dd>{all}</dd>");
    }
    out += "</dl>";
    if let Some(condition) = sentences.iter().find(|s| s.about == "condition") {
        out += &format!("<p class=\"condition\">Measured under: {}.</p>", written(&condition.text));
    }
    out
}
