//! Set-up spread over a session: overhead per message against messages per session. Where lines cross, one arm's dearer
//! handshake has paid for itself.

use wirecost_model::Record;

use super::axis::{Axis, Frame, spread};
use super::canvas::{Anchor, Canvas, Ink, text_width};
use super::look::{self, Look};
use super::{Absent, Chart, Drawn, Size, at, both, cells, shown_group};
use crate::account::pay_off::{self, Cost};
use crate::format;
use crate::load::Run;
use crate::table::{Column, Table};
use crate::view::{self, Group};

const WHAT: &str = "set-up spread over a session";

/// Messages per session at which the table is read; the axis goes from the first to the last.
const SESSIONS: [f64; 5] = [1.0, 10.0, 100.0, 1_000.0, 10_000.0];

/// Points of a line per decade.
const PER_DECADE: usize = 12;

struct Line {
    title: String,
    look: Look,
    cost: Cost,
}

fn lines(record: &Record, group: &Group) -> Vec<Line> {
    let line = |cell| {
        let cost = Cost::of(record, cell).filter(|cost| cost.overhead_bytes > 0.0)?;
        Some(Line { title: view::title(&record.plan, cell), look: look::of(&record.plan, cell, &group.cells), cost })
    };
    cells(record, group).into_iter().filter_map(line).collect()
}

/// Draws it.
pub fn draw(run: &Run, prefix: &str) -> Drawn {
    let record = &run.record;
    let group = shown_group(record).ok_or_else(|| Absent::of(WHAT, "the plan has no cells"))?;
    let lines = lines(record, &group);
    if lines.is_empty() {
        return Err(Absent::of(WHAT, "no trial that counts has both set-up and messages"));
    }
    // The title says how long it takes at most; against whom how long stands beneath.
    let found = pay_off::sentences(record, &group);
    let title = pay_off::headline(record, &group).unwrap_or_else(|| untitled(&lines)) + &at(&group);
    let reading = "Bytes beside payload of a message in a session of so many messages: the overhead of the measured window plus a client's set-up divided by them. On the left set-up decides, on the right the messages; lines that cross have repaid what one set-up costs more than the other. Overhead is that of the rate that was measured: polls that bring nothing are in it.".to_string();
    let mut columns = vec![Column::words("arm"), Column::numbers("set-up of a client", "B")];
    columns
        .extend(SESSIONS.iter().map(|n| Column::numbers(&format!("session of {}", format::count(*n as u64)), "B per message")));
    columns.push(Column::numbers("without set-up", "B per message"));
    let mut table = Table::new(columns);
    for line in &lines {
        let mut row = vec![line.title.clone(), format::number(line.cost.set_up_bytes)];
        row.extend(SESSIONS.iter().map(|&n| format::number(line.cost.per_message(n))));
        row.push(format::number(line.cost.overhead_bytes));
        table.push(row);
    }
    let id = format!("{prefix}amortised");
    let height = |size: Size| if size.narrow { 340.0 + 18.0 * lines.len() as f64 } else { 390.0 };
    let (wide, narrow) = both(&id, &title, &reading, height, |canvas, size| paint(canvas, size, &lines));
    Ok(Chart { id, title, reading, wide, narrow, table, notes: found })
}

/// Where no WebSocket stands beside an HTTP arm: the range of what there is.
fn untitled(lines: &[Line]) -> String {
    let by = |a: &&Line, b: &&Line| a.cost.set_up_bytes.total_cmp(&b.cost.set_up_bytes);
    let (least, most) = (lines.iter().min_by(by), lines.iter().max_by(by));
    let of = |line: &Line| format!("{} ({})", format::bytes(line.cost.set_up_bytes), line.title);
    match (least, most) {
        (Some(least), Some(most)) if least.title != most.title => {
            format!("A client's set-up costs {} to {}, once a session", of(least), of(most))
        }
        (Some(only), _) => format!("A client's set-up costs {}, once a session", of(only)),
        _ => String::new(),
    }
}

fn paint(canvas: &Canvas<'_>, size: Size, lines: &[Line]) {
    let room = lines.iter().map(|line| text_width(&line.title, 12.5)).fold(0.0, f64::max) + 28.0;
    let below = if size.narrow { 18.0 * lines.len() as f64 + 10.0 } else { 0.0 };
    let right = canvas.width - if size.narrow { 10.0 } else { room };
    let frame = Frame { left: 58.0, top: 30.0, right, bottom: canvas.height - 46.0 - below };
    let ends = (SESSIONS[0], SESSIONS[SESSIONS.len() - 1]);
    let ticks = SESSIONS.iter().map(|&n| (n, format::count(n as u64))).collect();
    let x = Axis::fixed_logarithmic(ends, (frame.left + 10.0, frame.right - 6.0), ticks);
    let extremes = lines.iter().flat_map(|line| [line.cost.per_message(ends.0), line.cost.per_message(ends.1)]);
    let Some(y) = Axis::logarithmic(extremes, (frame.bottom, frame.top), format::bytes_tick) else { return };
    frame.y_axis(canvas, &y.clone().thinned(15.0), "overhead per message (log)");
    frame.x_axis(canvas, &x, "messages per session (log)", true);
    let steps = PER_DECADE * (SESSIONS.len() - 1);
    for line in lines {
        let at = |n: f64| (x.at(n), y.at(line.cost.per_message(n)));
        let points: Vec<(f64, f64)> =
            (0..=steps).map(|step| at(10f64.powf(step as f64 / PER_DECADE as f64).clamp(ends.0, ends.1))).collect();
        canvas.line(&points, line.look.ink, 2.0);
        for n in SESSIONS {
            canvas.mark(line.look.mark, at(n), 4.0, line.look.ink);
        }
    }
    if size.narrow {
        for (number, line) in lines.iter().enumerate() {
            let (left, middle) = (frame.left, frame.bottom + 55.0 + 18.0 * number as f64);
            canvas.line(&[(left, middle), (left + 34.0, middle)], line.look.ink, 2.0);
            canvas.mark(line.look.mark, (left + 17.0, middle), 4.0, line.look.ink);
            canvas.text(&line.title, (left + 42.0, middle), 12.5, Ink::Text, Anchor::Start);
        }
        return;
    }
    let wanted: Vec<f64> = lines.iter().map(|line| y.at(line.cost.per_message(ends.1))).collect();
    let placed = spread(&wanted, 16.0, (frame.top, frame.bottom));
    for ((line, end), label) in lines.iter().zip(wanted).zip(placed) {
        let left = frame.right + 18.0;
        canvas.line(&[(x.at(ends.1) + 6.0, end), (left - 4.0, label)], Ink::Muted, 0.5);
        canvas.text(&line.title, (left, label), 12.5, Ink::Text, Anchor::Start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use wirecost_model::scenario::Workload;

    #[test]
    fn the_verdicts_sentences_stand_beneath_and_the_table_falls_towards_the_overhead() {
        let run = fixture::run();
        let chart = draw(run, "").unwrap();
        assert_eq!(
            chart.title,
            "WebSocket's handshake has paid for itself within 5 messages, but never against Short polling 1 s"
        );
        assert_eq!(pay_off::sentences(&run.record, &shown_group(&run.record).unwrap()), chart.notes);
        insta::assert_snapshot!(chart.table.markdown());
    }

    #[test]
    fn idle_connections_have_no_messages_to_spread_it_over() {
        let mut run = Run::bare(fixture::run().record.clone());
        run.record.plan.cells.iter_mut().for_each(|cell| cell.workload = Workload::Idle(Default::default()));
        assert!(draw(&run, "").is_err());
    }

    #[test]
    fn without_a_pair_the_range_of_set_up_is_the_title() {
        let mut run = Run::bare(fixture::run().record.clone());
        run.record.plan.cells[4].config.tls = Some(Default::default());
        let title = draw(&run, "").unwrap().title;
        assert!(title.starts_with("A client's set-up costs"), "{title}");
    }
}
