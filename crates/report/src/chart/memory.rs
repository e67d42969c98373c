//! Memory of the server against connections: the slope is what a connection costs, whatever the process weighs by itself.

use wirecost_model::Record;

use super::axis::Frame;
use super::curve::{self, Line, Panel};
use super::{Absent, Chart, Drawn, Size, both};
use crate::account::marginal;
use crate::format;
use crate::load::Run;
use crate::table::{Column, Table};
use crate::view;

const WHAT: &str = "memory against connections";
const AXIS: &str = "clients";

/// Growth of memory in kB over clients, from a metric per connection.
fn lines(record: &Record, metric: &str) -> Vec<Line> {
    curve::lines(record, AXIS, |cell| Some(curve::metric(record, metric)(cell)? * f64::from(cell.clients)))
}

/// Draws it.
pub fn draw(run: &Run, prefix: &str) -> Drawn {
    let record = &run.record;
    let ticks = curve::values(&record.plan, AXIS);
    if ticks.len() < 2 {
        return Err(Absent::of(WHAT, "the plan has no axis of clients"));
    }
    let mut lines = lines(record, "server_kb_per_connection");
    let fits = marginal::memory(record);
    let fit = |title: &str| fits.iter().find(|fit| fit.title == title);
    // A line without a fit goes: what remains are as many slopes as lines, in one order.
    lines.retain(|line| fit(&line.title).is_some());
    let slopes: Vec<(String, f64)> =
        lines.iter().filter_map(|line| Some((line.title.clone(), fit(&line.title)?.server.slope))).collect();
    let by = |a: &&(String, f64), b: &&(String, f64)| a.1.total_cmp(&b.1);
    let (Some(least), Some(most)) = (slopes.iter().min_by(by), slopes.iter().max_by(by)) else {
        return Err(Absent::of(WHAT, "memory was not read at two numbers of clients"));
    };
    let kb = |value: f64| format!("{} kB", format::number(value));
    let title =
        format!("One more connection takes {} ({}) to {} ({}) of the server's memory", kb(least.1), least.0, kb(most.1), most.0);
    let mut table = Table::new(
        [Column::words("arm")]
            .into_iter()
            .chain(ticks.iter().map(|(_, t)| Column::numbers(&format!("{t} clients"), "kB")))
            .chain([Column::numbers("slope", "kB per connection"), Column::numbers("kernel, both ends", "kB per connection")])
            .collect(),
    );
    for (line, (_, slope)) in lines.iter().zip(&slopes) {
        let mut row = vec![line.title.clone()];
        row.extend(
            ticks.iter().map(|(at, _)| line.points.iter().find(|p| p.0 == *at).map_or("–".into(), |p| format::number(p.1))),
        );
        row.push(format::number(*slope));
        let kernel = fit(&line.title).and_then(|fit| fit.other.as_ref());
        row.push(kernel.map_or("–".into(), |kernel| format::number(kernel.slope)));
        table.push(row);
    }
    for (line, (title, slope)) in lines.iter_mut().zip(&slopes) {
        line.title = format!("{title}: {}", kb(*slope));
    }
    let reading = "Resident memory of the server process at the end of the window, less what it had before any client came; the number at a line is the slope of the straight line through all its trials. The kernel's own memory for sockets is not in it; where it could be read, the table has it.".to_string();
    let id = format!("{prefix}memory");
    let height = |size: Size| if size.narrow { 330.0 + 18.0 * lines.len() as f64 } else { 380.0 };
    let (wide, narrow) = both(&id, &title, &reading, height, |canvas, size| {
        let room = if size.narrow { 10.0 } else { curve::name_room(&lines) };
        let below = if size.narrow { 18.0 * lines.len() as f64 + 10.0 } else { 0.0 };
        let frame = Frame { left: 58.0, top: 30.0, right: canvas.width - room, bottom: canvas.height - 46.0 - below };
        let y_tick = |kb: f64| format::bytes_tick(kb * 1e3);
        let panel = Panel {
            frame,
            ticks: &ticks,
            x_name: &view::axis_label(AXIS),
            y_name: "growth of memory",
            y_tick,
            log_y: false,
            x_from_zero: true,
            named: !size.narrow,
        };
        curve::paint(canvas, &lines, &panel);
        if size.narrow {
            curve::key(canvas, &lines, frame.left, frame.bottom + 46.0);
        }
    });
    Ok(Chart { id, title, reading, wide, narrow, table, notes: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_line_without_a_fit_takes_no_other_lines_slope() {
        let mut run = fixture::run_over_axes().clone();
        let whole = draw(&run, "").unwrap();
        // The medians of the first arm are there, and its trials were read at no two numbers of clients.
        let plan = &run.record.plan;
        let first = view::along(plan, AXIS).remove(0);
        let cells: Vec<usize> = first.cells.iter().map(|cell| cell.index).collect();
        run.record.trials.iter_mut().filter(|t| cells.contains(&t.cell)).for_each(|t| t.server.anonymous = None);
        let chart = draw(&run, "").unwrap();
        assert_eq!(whole.table.rows[0][0], first.title);
        assert_eq!(chart.table.rows, whole.table.rows[1..]);
        assert!(!chart.wide.contains(&first.title) && chart.wide.contains("WebSocket: 11."));
    }
}
