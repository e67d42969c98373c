//! The summary table: one row a cell, ratios to the baseline beneath the numbers.

use wirecost_model::{Record, TransportKind};

use crate::chart::canvas::{Mark, escape};
use crate::chart::look;
use crate::format::{self, PROPORTIONAL};
use crate::summary::{self, Row, Section, Summary};

/// The table with its legend.
pub fn body(record: &Record) -> String {
    let summary = summary::of(record);
    let mut out = String::from(
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Numbers\"><table class=\"summary\"><caption>Medians over trials, and beneath them the ratio to the baseline with its 95 % interval.</caption>",
    );
    out += &head(&summary);
    for section in &summary.sections {
        out += &body_of(record, &summary, section);
    }
    out += "</table></div>";
    out += &format!("<p class=\"note\">{}</p>", escape(&summary::legend(record)));
    out
}

fn head(summary: &Summary) -> String {
    let mut groups = String::from("<tr class=\"groups\"><td></td>");
    let mut heads = String::from("<tr><th scope=\"col\">arm</th>");
    let mut at = 0;
    while at < summary.columns.len() {
        let group = summary.columns[at].group;
        let span = summary.columns[at..].iter().take_while(|column| column.group == group).count();
        groups += &format!("<th class=\"n\" colspan=\"{span}\" scope=\"colgroup\">{group}</th>");
        at += span;
    }
    for column in &summary.columns {
        let unit = if column.unit.is_empty() { "&nbsp;" } else { column.unit };
        heads += &format!("<th class=\"n\" scope=\"col\">{}<span class=\"unit\">{unit}</span></th>", column.head);
    }
    groups += "<td></td><td></td></tr>";
    heads += "<th class=\"n\" scope=\"col\">lost, twice</th><th scope=\"col\">trials</th></tr>";
    format!("<thead>{groups}{heads}</thead>")
}

fn body_of(record: &Record, summary: &Summary, section: &Section) -> String {
    let mut out = String::from("<tbody>");
    if !section.group.label().is_empty() {
        let span = summary.columns.len() + 3;
        out += &format!(
            "<tr class=\"point\"><th colspan=\"{span}\" scope=\"rowgroup\">{}</th></tr>",
            escape(&section.group.label())
        );
    }
    let columns: Vec<Vec<String>> = (0..summary.columns.len())
        .map(|at| format::aligned(&section.rows.iter().map(|row| row.values[at].shown).collect::<Vec<_>>(), PROPORTIONAL))
        .collect();
    for (number, row) in section.rows.iter().enumerate() {
        out += &row_of(record, row, columns.iter().map(|column| column[number].as_str()));
    }
    out + "</tbody>"
}

fn row_of<'a>(record: &Record, row: &Row, texts: impl Iterator<Item = &'a str>) -> String {
    let kind = record.plan.cells[row.cell].config.transport;
    let base = if row.is_baseline { " <span class=\"base\">baseline</span>" } else { "" };
    let class = if row.void_trials > 0 { " class=\"void\"" } else { "" };
    let mut out = format!("<tr{class}><th scope=\"row\">{}{}{base}</th>", glyph(kind), escape(&format::unbroken(&row.title)));
    for (value, text) in row.values.iter().zip(texts) {
        let against = value.against_baseline();
        // The ratio and its interval on lines of their own: side by side they would make the table twice as wide.
        let against = match against.split_once(" (") {
            Some((ratio, interval)) => {
                format!(
                    "<span class=\"r\">{}</span><span class=\"i\">{}</span>",
                    escape(ratio),
                    escape(interval.trim_end_matches(')'))
                )
            }
            None if against.is_empty() => String::new(),
            None => format!("<span class=\"r\">{}</span>", escape(&against)),
        };
        out += &format!("<td class=\"n\"><span class=\"v\">{}</span>{against}</td>", escape(text));
    }
    let faults = if row.faults() == "0" { "0".to_string() } else { format!("<span class=\"fail\">{}</span>", row.faults()) };
    let gates = if row.void_trials > 0 {
        format!("<span class=\"fail\">{}</span>", row.gates())
    } else {
        format!("<span class=\"ok\">{}</span>", row.gates())
    };
    out + &format!("<td class=\"n\">{faults}</td><td style=\"white-space:nowrap\">{gates}</td></tr>")
}

/// The transport's mark in its colour, as in the charts.
pub fn glyph(kind: TransportKind) -> String {
    let character = match look::mark(kind) {
        Mark::Circle => '●',
        Mark::Down => '▼',
        Mark::Square => '■',
        Mark::Up => '▲',
        Mark::Diamond => '◆',
        Mark::Cross => '✚',
    };
    let number = wirecost_model::transport::TRANSPORTS.iter().position(|row| row.kind == kind).unwrap_or(0);
    format!("<span class=\"mark\" style=\"color:var(--t{number})\" aria-hidden=\"true\">{character}</span>")
}
