//! `series.csv`: what had been counted by each second of each trial; written and read here.

use wirecost_model::control::SeriesPoint;

use super::field;
use crate::load::Run;

/// The header. Numbers first, so that reading needs no quoting.
pub const HEADER: &str = "trial,at_ns,delivered,errors,server_cpu_ns,client_cpu_ns,server_rss_bytes,cell,block,arm";

/// The counters of all trials over time.
pub fn series_csv(run: &Run) -> String {
    let mut out = format!("{HEADER}\n");
    for (trial, points) in run.record.trials.iter().zip(&run.series) {
        let arm = run.record.plan.cells.get(trial.cell).map_or("", |cell| cell.config.name.as_str());
        for p in points {
            out += &format!(
                "{},{},{},{},{},{},{},{},{},{}\n",
                trial.index,
                p.at_ns,
                p.delivered,
                p.errors,
                p.server_cpu_ns,
                p.client_cpu_ns,
                p.server_rss_bytes,
                trial.cell,
                trial.block,
                field(arm)
            );
        }
    }
    out
}

/// Reads it back: the trial's index in the plan and a point. Columns are found by their names.
///
/// # Errors
/// A missing column or a field that is not a number, with its line.
pub fn read(text: &str) -> Result<Vec<(usize, SeriesPoint)>, String> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let column = |name: &str| header.iter().position(|head| *head == name).ok_or_else(|| format!("has no column `{name}`"));
    let columns = [
        column("trial")?,
        column("at_ns")?,
        column("delivered")?,
        column("errors")?,
        column("server_cpu_ns")?,
        column("client_cpu_ns")?,
        column("server_rss_bytes")?,
    ];
    let mut points = Vec::new();
    for (number, line) in lines.enumerate().filter(|(_, line)| !line.is_empty()) {
        let fields: Vec<&str> = line.split(',').collect();
        let mut values = [0u64; 7];
        for (value, &at) in values.iter_mut().zip(&columns) {
            *value = fields
                .get(at)
                .and_then(|field| field.parse().ok())
                .ok_or_else(|| format!("line {}: `{}` is not a whole number", number + 2, header[at]))?;
        }
        let [trial, at_ns, delivered, errors, server_cpu_ns, client_cpu_ns, server_rss_bytes] = values;
        points.push((trial as usize, SeriesPoint { at_ns, delivered, errors, server_cpu_ns, client_cpu_ns, server_rss_bytes }));
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn what_is_written_can_be_read() {
        let run = fixture::run();
        let points = read(&series_csv(run)).unwrap();
        let expected: Vec<(usize, u64, u64)> = run
            .record
            .trials
            .iter()
            .zip(&run.series)
            .flat_map(|(t, s)| s.iter().map(|p| (t.index, p.at_ns, p.delivered)))
            .collect();
        assert_eq!(points.iter().map(|(t, p)| (*t, p.at_ns, p.delivered)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn faults_are_said_with_their_line() {
        assert_eq!(read("trial,at_ns\n").unwrap_err(), "has no column `delivered`");
        let text = format!("{HEADER}\n0,1,2,x,4,5,6,0,0,a\n");
        assert_eq!(read(&text).unwrap_err(), "line 2: `errors` is not a whole number");
    }
}
