//! `list`: what there is, with enough said to choose.

use std::path::{Path, PathBuf};

use wirecost_model::transport::{COMMON_OPTIONS, TRANSPORTS};
use wirecost_report::load;

use super::{Outcome, validate};
use crate::args::{ListArgs, Listed};
use crate::exit;
use crate::failure::Failure;
use crate::ui::say;

/// Lists it.
pub fn list(args: &ListArgs) -> Outcome {
    match args.what {
        Listed::Transports => transports(),
        Listed::Scenarios => scenarios(args.dir.as_deref().unwrap_or(Path::new("scenarios")))?,
        Listed::Results => results(args.dir.as_deref().unwrap_or(Path::new("results")))?,
    }
    Ok(exit::OK)
}

fn transports() {
    for row in TRANSPORTS {
        say!("{:<12} {}", row.name, row.summary);
        let options = if row.options.is_empty() { "none of its own".into() } else { row.options.join(", ") };
        say!("{:<12}   options: {options}", "");
    }
    say!("\nEvery arm also takes {}.", COMMON_OPTIONS.join(", "));
}

fn entries(dir: &Path, keep: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>, Failure> {
    let read =
        std::fs::read_dir(dir).map_err(|error| Failure::new(exit::INPUT_MISSING, format!("{}: {error}", dir.display())))?;
    let mut paths: Vec<PathBuf> = read.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| keep(path)).collect();
    paths.sort();
    Ok(paths)
}

fn scenarios(dir: &Path) -> Result<(), Failure> {
    for path in entries(dir, |path| path.extension().is_some_and(|e| e == "yaml"))? {
        let text = std::fs::read_to_string(&path)?;
        match validate::load_beside(&path, &text) {
            Ok(loaded) => say!("{:<40} {}", path.display().to_string(), loaded.scenario.question),
            Err(problems) => {
                say!("{:<40} invalid: {} problems, see `wirecost validate`", path.display().to_string(), problems.len())
            }
        }
    }
    Ok(())
}

fn results(dir: &Path) -> Result<(), Failure> {
    for path in entries(dir, |path| path.join("record.json").exists())? {
        match load::read_dir(&path) {
            Ok(run) => {
                let void = run.record.trials.iter().filter(|trial| trial.is_void()).count();
                let state = if run.record.complete { "complete" } else { "incomplete" };
                say!("{}\n  {}\n  {} trials, {state}, {void} void", path.display(), run.record.question, run.record.trials.len());
            }
            Err(error) => say!("{}\n  unreadable: {error}", path.display()),
        }
    }
    Ok(())
}
