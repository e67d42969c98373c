//! The record on disk: one folder a run, every file written under a temporary name and renamed, every
//! trial the moment it ends. What the files mean is `model::record`; how they are read for people is the
//! report's.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use wirecost_model::control::{SeriesPoint, TrialOutput};
use wirecost_model::hlog;
use wirecost_model::record::{Record, Trial, trial_file_stem};

/// Longest name of a run's folder, bytes.
const LONGEST_NAME: usize = 96;

/// Counters once a second, all trials in one file.
const SERIES: &str = "series.csv";
const SERIES_HEADER: &str = "trial,at_ns,delivered,errors,server_cpu_ns,client_cpu_ns,server_rss_bytes";

/// Why something could not be kept or found again.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A folder or file could not be written.
    #[error("cannot write {}: {error}; choose another folder with --out, or make this one writable", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file that should be there could not be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file is not what it should be.
    #[error("{} is not a trial of this version: {error}", path.display())]
    Format {
        /// Which.
        path: PathBuf,
        /// Why.
        error: String,
    },
}

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
}

/// `20261124t065400z-quickstart-local-1a2b3c4`, at most 96 of `[a-z0-9-]`.
pub fn folder_name(started_utc: &str, scenario: &str, host: &str, commit: &str) -> String {
    let clean = |text: &str| {
        let kept = text.to_ascii_lowercase();
        kept.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect::<String>()
    };
    let time: String = started_utc.chars().filter(char::is_ascii_alphanumeric).collect();
    let commit: String = commit.chars().take(7).collect();
    let mut name = [clean(&time), clean(scenario), clean(host), clean(&commit)].join("-");
    name.truncate(LONGEST_NAME);
    name
}

impl Store {
    /// Makes the folder `results/name`, and proves that it can be written to.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn create(results: &Path, name: &str) -> Result<Store, StoreError> {
        // Two runs within one second: the second gets a number.
        let mut dir = results.join(name);
        for number in 2.. {
            if !dir.exists() {
                break;
            }
            dir = results.join(format!("{name}-{number}"));
        }
        let trials = dir.join("trials");
        fs::create_dir_all(&trials).map_err(|error| StoreError::Write { path: dir.clone(), error })?;
        Ok(Store { dir })
    }

    /// Takes the folder away again, of a run that came to nothing before its first trial. Best effort: what is left says so itself.
    pub fn discard(self) {
        let _ = fs::remove_dir_all(&self.dir);
    }

    /// An existing folder.
    ///
    /// # Errors
    /// [`StoreError::Read`] if it is not there.
    pub fn open(dir: &Path) -> Result<Store, StoreError> {
        let store = Store { dir: dir.to_path_buf() };
        fs::read_dir(dir.join("trials")).map_err(|error| StoreError::Read { path: dir.join("trials"), error })?;
        Ok(store)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes a file of the run whole or not at all.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn write(&self, name: &str, contents: &[u8]) -> Result<(), StoreError> {
        let path = self.dir.join(name);
        let temporary = path.with_extension("tmp");
        let written = File::create(&temporary)
            .and_then(|mut file| file.write_all(contents).and_then(|()| file.sync_data()))
            .and_then(|()| fs::rename(&temporary, &path));
        written.map_err(|error| StoreError::Write { path, error })
    }

    /// Reads a file of the run.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub fn read(&self, name: &str) -> Result<String, StoreError> {
        let path = self.dir.join(name);
        fs::read_to_string(&path).map_err(|error| StoreError::Read { path, error })
    }

    /// Keeps a finished trial: histograms and series first, the numbers last, because a trial counts as
    /// finished when its numbers are there.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn keep(&self, output: &TrialOutput, arm: &str) -> Result<(), StoreError> {
        let stem = format!("trials/{}", trial_file_stem(output.trial.index, arm));
        let comment = format!("interval_ns={}\n{arm}, trial {}", output.interval_ns, output.trial.index);
        let format = |error: String| StoreError::Format { path: self.dir.join(&stem), error };
        let log = hlog::write(&output.histograms, output.interval_ns, &comment).map_err(|e| format(e.to_string()))?;
        self.write(&format!("{stem}.hlog"), log.as_bytes())?;
        self.keep_series(output)?;
        let numbers = serde_json::to_vec_pretty(&output.trial).map_err(|e| format(e.to_string()))?;
        self.write(&format!("{stem}.json"), &numbers)
    }

    /// Adds a trial's rows to `series.csv`, in place of any that an interrupted attempt left.
    fn keep_series(&self, output: &TrialOutput) -> Result<(), StoreError> {
        let trial = output.trial.index;
        let before = fs::read_to_string(self.dir.join(SERIES)).unwrap_or_default();
        let others = before.lines().skip(1).filter(|row| row.split(',').next() != Some(&trial.to_string()));
        let mut csv = format!("{SERIES_HEADER}\n");
        others.for_each(|row| csv.push_str(&format!("{row}\n")));
        for SeriesPoint { at_ns, delivered, errors, server_cpu_ns, client_cpu_ns, server_rss_bytes } in &output.series {
            csv.push_str(&format!("{trial},{at_ns},{delivered},{errors},{server_cpu_ns},{client_cpu_ns},{server_rss_bytes}\n"));
        }
        self.write(SERIES, csv.as_bytes())
    }

    /// The trials that are on disk, in the order of the plan.
    ///
    /// # Errors
    /// [`StoreError`] if one cannot be read.
    pub fn trials(&self) -> Result<Vec<Trial>, StoreError> {
        let dir = self.dir.join("trials");
        let entries = fs::read_dir(&dir).map_err(|error| StoreError::Read { path: dir, error })?;
        let mut trials = Vec::new();
        for path in
            entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "json"))
        {
            let text = fs::read_to_string(&path).map_err(|error| StoreError::Read { path: path.clone(), error })?;
            let trial: Trial =
                serde_json::from_str(&text).map_err(|error| StoreError::Format { path, error: error.to_string() })?;
            trials.push(trial);
        }
        trials.sort_by_key(|trial| trial.index);
        Ok(trials)
    }

    /// Positions in the plan of the trials that are on disk.
    ///
    /// # Errors
    /// [`StoreError`] if one cannot be read.
    pub fn finished(&self) -> Result<BTreeSet<usize>, StoreError> {
        Ok(self.trials()?.iter().map(|trial| trial.index).collect())
    }

    /// Writes `record.json`.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn write_record(&self, record: &Record) -> Result<(), StoreError> {
        let json = serde_json::to_vec_pretty(record)
            .map_err(|error| StoreError::Format { path: self.dir.join("record.json"), error: error.to_string() })?;
        self.write("record.json", &json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_name_holds_only_what_every_file_system_takes() {
        let name = folder_name("2026-11-24T06:54:00Z", "quick start/2", "local", "1a2b3c4d5e-dirty");
        assert_eq!(name, "20261124t065400z-quick-start-2-local-1a2b3c4");
        assert!(folder_name("2026", &"long".repeat(50), "h", "c").len() <= LONGEST_NAME);
    }

    #[test]
    fn what_is_kept_is_found_again_and_nothing_half_written_counts() {
        let results = tempfile::tempdir().unwrap();
        let store = Store::create(results.path(), "run").unwrap();
        let mut output = TrialOutput {
            trial: Trial::default(),
            histograms: Default::default(),
            interval_ns: 1,
            series: vec![SeriesPoint::default()],
        };
        for index in [4, 1] {
            output.trial.index = index;
            store.keep(&output, "Fast polling!").unwrap();
            store.keep(&output, "Fast polling!").unwrap();
        }
        assert_eq!(store.read("series.csv").unwrap().lines().count(), 3);
        fs::write(store.dir().join("trials/002-x.tmp"), "half").unwrap();
        assert_eq!(Store::open(store.dir()).unwrap().finished().unwrap().into_iter().collect::<Vec<_>>(), [1, 4]);
        assert!(store.dir().join("trials/001-fast-polling.hlog").exists());
        let again = Store::create(results.path(), "run").unwrap();
        assert!(again.dir().ends_with("run-2"));
    }
}
