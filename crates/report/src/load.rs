//! A results folder, read back: `record.json`, `trials/*.hlog`, `series.csv`.
//!
//! Only `record.json` is needed. A trial without its `.hlog` has no histogram, and the charts that need one say so instead of
//! drawing something else.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use wirecost_model::control::SeriesPoint;
use wirecost_model::hlog::{self, Tagged};
use wirecost_model::record::{Record, SCHEMA_VERSION, Trial};
use wirecost_model::{Cell, Histogram};

pub use wirecost_model::record::trial_file_stem;

use crate::export::series_csv;

/// A record with its histograms and counters over time.
#[derive(Debug, Clone)]
pub struct Run {
    /// `record.json`.
    pub record: Record,
    /// Histograms by tag, one map a trial, in the order of `record.trials`. An empty map: the trial has no `.hlog`.
    pub histograms: Vec<Tagged>,
    /// Length of an interval of those histograms, ns; 0 where there are none. A multiple of the file's where there were many.
    pub interval_ns: Vec<u64>,
    /// Counters once a second, one list a trial, in the order of `record.trials`.
    pub series: Vec<Vec<SeriesPoint>>,
}

impl Run {
    /// A record alone, without histograms and series.
    pub fn bare(record: Record) -> Run {
        let trials = record.trials.len();
        Run { record, histograms: vec![Tagged::new(); trials], interval_ns: vec![0; trials], series: vec![Vec::new(); trials] }
    }

    /// One tag of a trial over all its intervals; `None` without a histogram or without samples. `trial` is a position in
    /// `record.trials`.
    pub fn whole(&self, trial: usize, tag: &str) -> Option<Histogram> {
        let mut all = Histogram::default();
        for interval in self.histograms.get(trial)?.get(tag)? {
            all.merge(interval);
        }
        (all.count() > 0).then_some(all)
    }

    /// One tag of a cell over all trials that count: distributions are merged, never percentiles averaged.
    pub fn merged(&self, cell: &Cell, tag: &str) -> Option<Histogram> {
        let mut all = Histogram::default();
        for (position, trial) in self.record.trials.iter().enumerate() {
            if trial.cell == cell.index
                && !trial.is_void()
                && let Some(whole) = self.whole(position, tag)
            {
                all.merge(&whole);
            }
        }
        (all.count() > 0).then_some(all)
    }

    /// Trials of which no histogram was found.
    pub fn without_histogram(&self) -> impl Iterator<Item = &Trial> {
        self.record.trials.iter().zip(&self.histograms).filter(|(_, tagged)| tagged.is_empty()).map(|(trial, _)| trial)
    }
}

/// The histogram tag of a message's way: due to received, or in a closed loop there and back.
pub const DELIVERY: &str = "delivery";

/// Why a results folder could not be read.
#[derive(Debug)]
pub enum LoadError {
    /// A file that must be there cannot be read.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file does not hold what its name says.
    Malformed {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The record was written by another version whose fields mean something else.
    SchemaVersion {
        /// Which file.
        path: PathBuf,
        /// The version it states.
        found: u64,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Unreadable { path, error } if error.kind() == io::ErrorKind::NotFound => {
                write!(f, "{} does not exist; a results folder holds a record.json", path.display())
            }
            LoadError::Unreadable { path, error } => write!(f, "cannot read {}: {error}", path.display()),
            LoadError::Malformed { path, problem } => write!(f, "{}: {problem}", path.display()),
            LoadError::SchemaVersion { path, found } => write!(
                f,
                "{} has schema_version {found} and this wirecost reads {SCHEMA_VERSION}; use the version that wrote it, or run the scenario again",
                path.display()
            ),
        }
    }
}

impl std::error::Error for LoadError {}

/// Reads a results folder.
///
/// # Errors
/// No readable `record.json`, another `schema_version`, or a file that is not what its name says.
pub fn read_dir(folder: &Path) -> Result<Run, LoadError> {
    let record = read_record(&folder.join("record.json"))?;
    let mut run = Run::bare(record);
    for (position, trial) in run.record.trials.iter().enumerate() {
        let arm = run.record.plan.cells.get(trial.cell).map_or("", |cell| cell.config.name.as_str());
        let path = folder.join("trials").join(format!("{}.hlog", trial_file_stem(trial.index, arm)));
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(LoadError::Unreadable { path, error }),
        };
        let interval_ns = interval_of(&text).ok_or_else(|| LoadError::Malformed {
            path: path.clone(),
            problem: "no comment `interval_ns=…` at its top".into(),
        })?;
        let tagged = hlog::read(&text, interval_ns).map_err(|error| LoadError::Malformed { path, problem: error.to_string() })?;
        let longest = tagged.get(DELIVERY).map_or(1, Vec::len);
        let together = longest.div_ceil(MOST_INTERVALS).max(1);
        run.histograms[position] = tagged.into_iter().map(|(tag, all)| (tag.clone(), lean(&tag, &all, together))).collect();
        run.interval_ns[position] = interval_ns * together as u64;
    }
    let path = folder.join("series.csv");
    match fs::read_to_string(&path) {
        Ok(text) => {
            let points = series_csv::read(&text).map_err(|problem| LoadError::Malformed { path, problem })?;
            for (index, point) in points {
                if let Some(position) = run.record.trials.iter().position(|trial| trial.index == index) {
                    run.series[position].push(point);
                }
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(LoadError::Unreadable { path, error }),
    }
    Ok(run)
}

/// Intervals of a trial that are kept apart.
const MOST_INTERVALS: usize = 20;

/// A histogram takes 200 kB in memory whatever is in it. So intervals are merged as they are read, those of `delivery` a few
/// `together`, those of all other tags, which nobody looks at over time, into one: a run of hundreds of trials still fits.
fn lean(tag: &str, intervals: &[Histogram], together: usize) -> Vec<Histogram> {
    let together = if tag == DELIVERY { together } else { intervals.len().max(1) };
    let merged = |part: &[Histogram]| {
        let mut all = Histogram::default();
        part.iter().for_each(|interval| all.merge(interval));
        all
    };
    intervals.chunks(together).map(merged).collect()
}

/// Reads a `record.json` and nothing beside it, after a look at its version: a clear word instead of a complaint about some field.
///
/// # Errors
/// If it is not there, or is not one of this version.
pub fn read_record(path: &Path) -> Result<Record, LoadError> {
    let text = fs::read_to_string(path).map_err(|error| LoadError::Unreadable { path: path.into(), error })?;
    let malformed = |problem: String| LoadError::Malformed { path: path.into(), problem };
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| malformed(format!("is not JSON: {error}")))?;
    let found = value
        .get("schema_version")
        .and_then(serde_json::Value::as_u64)
        .ok_or_else(|| malformed("has no schema_version, so it is not a record".into()))?;
    if found != u64::from(SCHEMA_VERSION) {
        return Err(LoadError::SchemaVersion { path: path.into(), found });
    }
    // From the text again, not from the value: the error then says line and column.
    let mut record = serde_json::from_str(&text).map_err(|error| malformed(format!("is not a record: {error}")))?;
    check(&record).map_err(|problem| malformed(format!("the record is damaged: {problem}")))?;
    forget_program_pages(&mut record);
    Ok(record)
}

/// What older versions called memory per connection contains the pages of the program, of twenty clients nine tenths of it: of their
/// records it is not measured.
fn forget_program_pages(record: &mut Record) {
    let Record { trials, cells, comparisons, twins, .. } = record;
    let is_measured = |cell: usize| {
        trials.iter().any(|trial| trial.cell == cell && (trial.server.anonymous.is_some() || trial.client.anonymous.is_some()))
    };
    for summary in cells.iter_mut().filter(|summary| !is_measured(summary.cell)) {
        MEMORY.iter().for_each(|metric| _ = summary.metrics.remove(*metric));
    }
    for pairs in [comparisons, twins] {
        pairs.retain(|pair| !MEMORY.contains(&pair.metric.as_str()) || (is_measured(pair.cell) && is_measured(pair.baseline)));
    }
}

/// The metrics of a process's memory for each connection.
const MEMORY: [&str; 2] = ["server_kb_per_connection", "client_kb_per_connection"];

/// What everything here takes for granted of a record, and JSON cannot say: a cell stands where its number says, and whatever names
/// a cell names one that is there.
fn check(record: &Record) -> Result<(), String> {
    let Record { plan, trials, cells, comparisons, twins, search, .. } = record;
    if let Some((at, cell)) = plan.cells.iter().enumerate().find(|(at, cell)| cell.index != *at) {
        return Err(format!("the cell at place {at} of its plan says that it is cell {}", cell.index));
    }
    let there = |what: &str, named: Vec<usize>| {
        let missing = named.into_iter().find(|cell| *cell >= plan.cells.len());
        missing.map_or(Ok(()), |cell| Err(format!("{what} is of cell {cell}, and its plan has {} cells", plan.cells.len())))
    };
    there("a planned trial", plan.trials.iter().map(|spec| spec.cell).collect())?;
    there("a trial", trials.iter().map(|trial| trial.cell).collect())?;
    there("a summary", cells.iter().map(|summary| summary.cell).collect())?;
    there("a comparison", comparisons.iter().chain(twins).flat_map(|pair| [pair.cell, pair.baseline]).collect())?;
    // Subjects and answers have the numbers of the first cells.
    there("a subject of its search", plan.search.iter().filter_map(|search| search.subjects.checked_sub(1)).collect())?;
    let answers = || search.iter().flat_map(|search| &search.answers);
    there("an answer of its search", answers().enumerate().map(|(number, _)| number).collect())?;
    there("a level of its search", answers().flat_map(|answer| &answer.levels).map(|level| level.cell).collect())
}

/// The interval stated in a comment line `#interval_ns=N` (with or without a blank after the mark).
fn interval_of(text: &str) -> Option<u64> {
    text.lines()
        .take_while(|line| line.starts_with('#') || line.starts_with('"'))
        .find_map(|line| line.trim_start_matches('#').trim().strip_prefix("interval_ns=")?.trim().parse().ok())
        .filter(|&ns| ns > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_merged_and_nothing_is_lost() {
        let intervals: Vec<Histogram> = (0..7u64)
            .map(|n| {
                let mut histogram = Histogram::default();
                (0..=n).for_each(|v| histogram.record(1000 + v));
                histogram
            })
            .collect();
        let count = |list: &[Histogram]| list.iter().map(Histogram::count).collect::<Vec<_>>();
        assert_eq!(count(&lean(DELIVERY, &intervals, 3)), [6, 15, 7]);
        assert_eq!(count(&lean(DELIVERY, &intervals, 1)).len(), 7);
        assert_eq!(count(&lean("service", &intervals, 1)), [28]);
    }

    #[test]
    fn the_interval_is_found_among_the_comments() {
        assert_eq!(interval_of("#interval_ns=1000\n#[x]\n"), Some(1000));
        assert_eq!(interval_of("#[Histogram log format version 1.3]\n# interval_ns=250000000\n"), Some(250_000_000));
        assert_eq!(interval_of("#interval_ns=0\n"), None);
        assert_eq!(interval_of("Tag=a,0,1,2,x\n#interval_ns=5\n"), None);
    }

    #[test]
    fn a_record_that_names_cells_which_are_not_there_is_refused() {
        use crate::fixture;
        use wirecost_model::record::Comparison;
        type Damage = fn(&mut Record);
        let damages: [(Damage, &str); 10] = [
            (|r| r.plan.cells.swap(1, 2), "the cell at place 1 of its plan says that it is cell 2"),
            (|r| drop(r.plan.cells.pop()), "a planned trial is of cell "),
            (|r| r.plan.trials[0].cell = usize::MAX, "a planned trial is of cell 18446744073709551615, and its plan has "),
            (|r| r.trials[3].cell = 99, "a trial is of cell 99"),
            (|r| r.cells[0].cell = 99, "a summary is of cell 99"),
            (|r| r.comparisons[0].baseline = 99, "a comparison is of cell 99"),
            (|r| r.twins = vec![Comparison { cell: 99, ..r.comparisons[0].clone() }], "a comparison is of cell 99"),
            (|r| r.plan.search.as_mut().unwrap().subjects = 100, "a subject of its search is of cell 99"),
            (|r| r.search.as_mut().unwrap().answers[4].levels[0].cell = 99, "a level of its search is of cell 99"),
            (
                |r| {
                    let answers = &mut r.search.as_mut().unwrap().answers;
                    *answers = answers.iter().cycle().take(99).cloned().collect();
                },
                "an answer of its search is of cell ",
            ),
        ];
        let mut record = fixture::run_of_a_search().record.clone();
        record.comparisons = fixture::run().record.comparisons.clone();
        assert_eq!(check(&record), Ok(()));
        for run in [fixture::run(), fixture::run_over_axes()] {
            assert_eq!(check(&run.record), Ok(()));
        }
        for (damage, says) in damages {
            let mut damaged = record.clone();
            damage(&mut damaged);
            let said = check(&damaged).unwrap_err();
            assert!(said.starts_with(says), "{said}");
        }
        // A reader is told the file, and that it is not the fault of wirecost.
        let path = std::env::temp_dir().join(format!("wirecost-report-damaged-{}.json", std::process::id()));
        record.trials[0].cell = 99;
        fs::write(&path, serde_json::to_string(&record).unwrap()).unwrap();
        let said = read_record(&path).unwrap_err().to_string();
        fs::remove_file(&path).unwrap();
        assert!(said.starts_with(&format!("{}: the record is damaged: a trial is of cell 99", path.display())), "{said}");
    }

    #[test]
    fn memory_with_the_programs_pages_in_it_is_not_measured() {
        let mut record = crate::fixture::run().record.clone();
        let told = |record: &Record| {
            let cells = record.cells.iter().flat_map(|cell| cell.metrics.keys()).filter(|name| MEMORY.contains(&name.as_str()));
            (cells.count(), record.comparisons.iter().filter(|pair| MEMORY.contains(&pair.metric.as_str())).count())
        };
        let before = told(&record);
        forget_program_pages(&mut record);
        assert!(told(&record) == before && before.0 > 0 && before.1 > 0, "{before:?}");
        record.trials.iter_mut().for_each(|trial| (trial.server.anonymous, trial.client.anonymous) = (None, None));
        forget_program_pages(&mut record);
        assert_eq!(told(&record), (0, 0));
        assert!(!record.cells[0].metrics.is_empty() && !record.comparisons.is_empty());
    }

    #[test]
    fn a_missing_record_and_a_foreign_version_are_said_in_words() {
        let folder = std::env::temp_dir().join(format!("wirecost-report-load-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let missing = read_dir(&folder).unwrap_err().to_string();
        assert!(missing.ends_with("record.json does not exist; a results folder holds a record.json"), "{missing}");
        for (text, expected) in [
            ("{", "is not JSON"),
            ("{}", "has no schema_version"),
            ("{\"schema_version\": 99}", "has schema_version 99 and this wirecost reads 1"),
            ("{\"schema_version\": 1}", "is not a record: missing field"),
        ] {
            fs::write(folder.join("record.json"), text).unwrap();
            let said = read_dir(&folder).unwrap_err().to_string();
            assert!(said.contains(expected), "{said}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
