//! "The headers that were sent": one exchange of each kind, byte for byte, by arm.

use wirecost_model::Record;
use wirecost_model::control::HeadSample;

use crate::chart::canvas::escape;
use crate::format;
use crate::view;

/// By arm; empty if none were kept.
pub fn body(record: &Record) -> String {
    let mut out = String::new();
    let mut seen = Vec::new();
    for cell in &record.plan.cells {
        if seen.contains(&cell.arm) {
            continue;
        }
        let trial = record.trials.iter().find(|trial| trial.cell == cell.index && !trial.samples.is_empty());
        let Some(trial) = trial else { continue };
        seen.push(cell.arm);
        let kinds: Vec<&str> = trial.samples.iter().map(|sample| sample.kind.as_str()).collect();
        out += &format!(
            "<details class=\"block\"><summary>{}{} <span class=\"base\">{}</span></summary>",
            super::numbers::glyph(cell.config.transport),
            escape(&view::arm_title(cell)),
            escape(&kinds.join(", "))
        );
        for sample in &trial.samples {
            out += &one(sample);
        }
        out += "</details>";
    }
    if out.is_empty() {
        return out;
    }
    format!(
        "<p>The first request and answer of each kind, as they stood on the wire. They are why the bytes are what they are.</p>{out}"
    )
}

fn one(sample: &HeadSample) -> String {
    let side = |name: &str, text: &str| {
        format!(
            "<div><h4>{name}, {}</h4><pre>{}</pre></div>",
            format::bytes(text.len() as f64),
            escape(text.trim_end_matches("\r\n")).replace('\r', "")
        )
    };
    format!(
        "<h3>{}</h3><div class=\"two\">{}{}</div>",
        escape(&sample.kind),
        side("Request", &sample.request),
        side("Response", &sample.response)
    )
}
