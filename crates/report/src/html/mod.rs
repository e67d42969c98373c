//! One self-contained page: no network, readable without scripts, under a megabyte; light, dark, print, and from a telephone's width up.
//!
//! The order is that of a reader's questions: may I believe it, what was found, the numbers, the pictures, the checks, and where
//! it comes from. What is wrong stands first and cannot be missed.

mod at_scale;
mod glossary;
mod headers;
mod numbers;
mod page;
mod provenance;
mod several;
mod validity;
mod verdict;

use crate::chart::canvas::escape;
use crate::format;
use crate::load::Run;
use crate::table::{Align, Table};

pub use page::{document, style};

/// The page of one run, or of several one after the other with a comparison in front.
pub fn render(runs: &[Run]) -> String {
    match runs {
        [] => document("wirecost", "<main class=\"page\"><p>There are no records to show.</p></main>"),
        [one] => document(&title(one), &page::run(one, "")),
        several => {
            let parts: String = several.iter().enumerate().map(|(n, run)| page::run(run, &format!("r{}-", n + 1))).collect();
            let body = format!("<main>{}{parts}</main>", several::section(several));
            document(&format!("{} wirecost records", several.len()), &body)
        }
    }
}

fn title(run: &Run) -> String {
    format!("{} – wirecost", run.record.name)
}

/// A table in a container of its own that scrolls where the screen is narrower.
fn table(table: &Table, caption: &str) -> String {
    let class = |align: Align| if align == Align::Right { " class=\"n\"" } else { "" };
    let mut out = String::from("<div class=\"scroll\" tabindex=\"0\" role=\"group\"");
    out += &format!(" aria-label=\"{}\"><table>", escape(caption));
    out += &format!("<caption>{}</caption><thead><tr>", escape(caption));
    for column in &table.columns {
        let unit =
            if column.unit.is_empty() { String::new() } else { format!("<span class=\"unit\">{}</span>", escape(&column.unit)) };
        out += &format!("<th scope=\"col\"{}>{}{unit}</th>", class(column.align), escape(&column.head));
    }
    out += "</tr></thead><tbody>";
    for row in &table.rows {
        out += "<tr>";
        for (number, (text, column)) in row.iter().zip(&table.columns).enumerate() {
            let text = escape(&format::unbroken(text));
            out += &if number == 0 {
                format!("<th scope=\"row\">{text}</th>")
            } else {
                format!("<td{}>{text}</td>", class(column.align))
            };
        }
        out += "</tr>";
    }
    out + "</tbody></table></div>"
}

/// Running text: numbers stay with their units, and what stands between backticks is set as code.
fn written(text: &str) -> String {
    let text = escape(&format::unbroken(text));
    let parts: Vec<&str> = text.split('`').collect();
    // An odd backtick is one that somebody meant.
    if parts.len().is_multiple_of(2) {
        return text;
    }
    let set = |(number, part): (usize, &&str)| if number % 2 == 1 { format!("<code>{part}</code>") } else { (*part).to_string() };
    parts.iter().enumerate().map(set).collect()
}

/// A section with its heading.
fn section(prefix: &str, id: &str, heading: &str, body: &str) -> String {
    if !prefix.is_empty() {
        // Headings repeat from record to record, and a landmark's name must not: here the article is the landmark.
        return format!("<div id=\"{prefix}{id}\" class=\"section\"><h2 id=\"{prefix}{id}-h\">{heading}</h2>{body}</div>");
    }
    format!(
        "<section id=\"{prefix}{id}\" aria-labelledby=\"{prefix}{id}-h\"><h2 id=\"{prefix}{id}-h\">{heading}</h2>{body}</section>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_text_sets_code_and_keeps_a_lone_backtick() {
        assert_eq!(written("takes 5 ms (`a<b`)"), "takes 5\u{a0}ms (<code>a&lt;b</code>)");
        assert_eq!(written("a ` b"), "a ` b");
    }
    use crate::fixture;

    /// Tags that stay open, in the order in which they do.
    fn unclosed(html: &str) -> Vec<String> {
        const VOID: [&str; 9] = ["!doctype", "input", "meta", "link", "br", "rect", "line", "circle", "hr"];
        let mut open: Vec<String> = Vec::new();
        // The script is ours and has signs of its own.
        let html = html.replace(at_scale::SCRIPT, "");
        for piece in html.split('<').skip(1) {
            let tag = piece.split('>').next().unwrap_or_default();
            let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default().to_lowercase();
            if tag.starts_with('/') {
                assert_eq!(
                    open.pop().as_deref(),
                    Some(name.as_str()),
                    "closes something else near `{}`",
                    &piece[..piece.len().min(80)]
                );
            } else if !tag.ends_with('/') && !VOID.contains(&name.as_str()) {
                open.push(name);
            }
        }
        open
    }

    #[test]
    fn pages_are_whole_small_and_need_nothing() {
        let windows = &fixture::of(fixture::WINDOWS);
        let others = [fixture::run_over_axes(), fixture::run_with_a_void_trial(), fixture::run_of_a_search(), windows];
        for run in [fixture::run()].into_iter().chain(others) {
            let page = render(std::slice::from_ref(run));
            assert_eq!(unclosed(&page), Vec::<String>::new());
            assert!(page.len() < 1_000_000, "{} bytes", page.len());
            for forbidden in ["src=\"http", "href=\"http", "url(http", "@import", "NaN"] {
                assert!(!page.contains(forbidden), "{forbidden}");
            }
            assert_eq!(page.matches("<script").count(), usize::from(run.record.at_scale.is_some()));
            let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
            for (position, id) in ids.iter().enumerate() {
                assert!(!ids[..position].contains(id), "id `{id}` twice");
            }
            for target in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(ids.contains(&target), "nothing is called `{target}`");
            }
            let images = page.matches("role=\"img\"").count();
            assert!(images > 0 && page.matches("<title id=").count() == images && page.matches("<desc id=").count() == images);
        }
    }

    #[test]
    fn a_hundred_cells_are_below_a_megabyte() {
        let many = (1..=20).map(|n| (n * 2).to_string()).collect::<Vec<_>>().join(", ");
        let run =
            fixture::of(&format!("{}axes: {{ clients: [{many}] }}\n", fixture::FIVE_ARMS.replace("trials: 6", "trials: 1")));
        assert_eq!(run.record.plan.cells.len(), 100);
        let page = render(std::slice::from_ref(&run));
        assert!(page.len() < 1_000_000, "{} bytes", page.len());
    }

    #[test]
    fn a_failed_gate_is_louder_than_a_good_number() {
        let good = render(std::slice::from_ref(fixture::run()));
        assert!(!good.contains("class=\"banner\"") && !good.contains("class=\"void\""));
        let bad = render(std::slice::from_ref(fixture::run_with_a_void_trial()));
        let (banner, verdict) = (bad.find("class=\"banner\"").unwrap(), bad.find("class=\"verdict\"").unwrap());
        assert!(banner < verdict && bad.contains("class=\"void\"") && bad.contains("<tr class=\"void\">"));
    }

    #[test]
    fn texts_of_a_scenario_cannot_break_the_page() {
        let mut run = fixture::run().clone();
        run.record.question = "<script>alert(1)</script> & \"more\"".into();
        run.record.analysis = "<b>x</b>".into();
        run.record.plan.cells[0].config.name = "<i>arm</i>".into();
        let page = render(std::slice::from_ref(&run));
        assert!(!page.contains("<script>alert") && !page.contains("<b>x") && !page.contains("<i>arm"));
    }

    #[test]
    fn several_records_stand_on_one_page() {
        let page = render(&[fixture::run().clone(), fixture::run_with_a_void_trial().clone()]);
        assert_eq!(unclosed(&page), Vec::<String>::new());
        assert!(page.contains("id=\"r1-verdict\"") && page.contains("id=\"r2-verdict\"") && page.contains("id=\"comparison\""));
        assert!(render(&[]).contains("no records"));
    }

    #[test]
    fn the_same_record_gives_the_same_page() {
        assert_eq!(render(std::slice::from_ref(fixture::run())), render(std::slice::from_ref(fixture::run())));
    }
}
