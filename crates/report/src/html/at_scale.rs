//! "What it would cost at scale": the bill, how far it lies beyond what was measured, and what it is made of. With scripts on,
//! sliders change the size; without, the table of the scenario's size stands as it is. The arithmetic is `account::at_scale`.

use wirecost_model::Record;

use super::{numbers, table};
use crate::account::at_scale::{self, Line, UnitCosts};
use crate::chart::canvas::escape;
use crate::format;

/// The one script of a page.
pub const SCRIPT: &str = include_str!("at_scale.js");

/// What the page's policy lets run: this script and no other. The browser test fails if it is stale; anew with
/// `openssl dgst -sha256 -binary crates/report/src/html/at_scale.js | base64`.
pub const SCRIPT_SHA256: &str = "y47kIKW//lr8/1LGdDc8EdyNEMu1cfl1zVv9u40KKWU=";

/// Empty if the scenario names no size, or nothing was measured.
pub fn body(record: &Record) -> String {
    let Some(at) = &record.at_scale else { return String::new() };
    let arms = at_scale::arms(record);
    if arms.is_empty() {
        return String::new();
    }
    let warning = at_scale::warning(at, &arms)
        .map_or(String::new(), |text| format!("<p class=\"extrapolated written\"><strong>{}</strong></p>", escape(&text)));
    let sentence =
        at_scale::sentence(at, &arms).map_or(String::new(), |text| format!("<p class=\"written\">{}</p>", escape(&text)));
    format!(
        "<div class=\"scale\">{warning}{sentence}{}<p class=\"note asked\">{}.</p>{}<details><summary>What one client and one message cost</summary>{}</details><p class=\"note\">{}</p></div>",
        form(at, &arms),
        escape(&at_scale::asked(at, &arms)),
        bill(&at_scale::table(at, &arms), &arms),
        table(&at_scale::unit_table(&arms), "What one client and one message cost"),
        escape(at_scale::READING)
    )
}

/// The sliders, hidden until the script runs; each moves over powers of ten.
fn form(at: &wirecost_model::scenario::AtScale, arms: &[UnitCosts]) -> String {
    let payload = at.payload.map_or(arms[0].payload_bytes, |size| size.0 as f64);
    let slider = |name: &str, label: &str, [least, most]: [f64; 2], value: f64, shown: &str| {
        format!(
            "<label>{label} <output name=\"{shown}\"></output><input type=\"range\" name=\"{name}\" min=\"{least}\" max=\"{most}\" step=\"0.05\" value=\"{:.2}\" data-exact=\"{value}\"></label>",
            value.log10()
        )
    };
    format!(
        "<form hidden>{}{}{}</form>",
        slider("clients", "Clients", [1.0, 8.0], at.clients.0 as f64, "c"),
        slider("rate", "Messages a client and second", [-3.0, 3.0], at.rate.0, "r"),
        slider("payload", "Payload", [1.5, 6.0], payload, "p")
    )
}

/// The table, each row with its unit costs for the script.
fn bill(table: &crate::table::Table, arms: &[UnitCosts]) -> String {
    let heads: String = table
        .columns
        .iter()
        .enumerate()
        .map(|(n, column)| {
            let class = if n == 0 { "" } else { " class=\"n\"" };
            format!("<th scope=\"col\"{class}>{}<span class=\"unit\">{}</span></th>", column.head, column.unit)
        })
        .collect();
    let rows: String = table
        .rows
        .iter()
        .zip(arms)
        .map(|(row, arm)| {
            let cells: String = row[1..].iter().map(|text| format!("<td class=\"n\">{}</td>", escape(text))).collect();
            let costs = escape(&costs(arm));
            format!(
                "<tr data-costs=\"{costs}\"><th scope=\"row\">{}{}</th>{cells}</tr>",
                numbers::glyph(arm.transport),
                escape(&format::unbroken(&row[0]))
            )
        })
        .collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"At scale\"><table><caption>At this size, each arm</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

/// Unit costs as the script reads them.
fn costs(arm: &UnitCosts) -> String {
    let pair = |line: Line| [line.per_client_s, line.per_message];
    serde_json::json!({
        "bytes": pair(arm.overhead_bytes),
        "times": arm.payload_times,
        "requests": pair(arm.requests),
        "holds": [arm.holds.least_per_client_s, arm.holds.per_message, arm.holds.bytes, arm.holds.cpu_us.unwrap_or(0.0)],
        "cpu": arm.server_cpu_us.map(pair),
        "memory": arm.memory_bytes,
        "payload": arm.payload_bytes,
        "measured": arm.measured,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_section_reads_without_scripts_and_says_what_is_extrapolated() {
        let text = body(&fixture::run().record);
        assert!(text.contains("Extrapolated, not measured") && text.contains("<form hidden>"));
        assert_eq!(text.matches("data-costs").count(), 5);
        let mut record = fixture::run().record.clone();
        record.at_scale = None;
        assert_eq!(body(&record), "");
    }
}
