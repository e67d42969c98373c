//! `report`: what a person reads, from records on disk.

use std::io::Write;
use std::path::{Path, PathBuf};

use wirecost_report::load::{self, Run};
use wirecost_report::{chart, export, html, terminal};

use super::{Outcome, index};
use crate::args::{Format, ReportArgs};
use crate::exit;
use crate::failure::Failure;
use crate::ui;
use crate::ui::say;

/// Reads the records and writes their report.
pub fn report(args: &ReportArgs) -> Outcome {
    let records: Vec<&Path> = args.records.iter().map(PathBuf::as_path).filter(|path| !is_list(path)).collect();
    let runs: Vec<Run> = records.iter().map(|dir| read(dir)).collect::<Result<_, _>>()?;
    if runs.is_empty() {
        let dir = args.records[0].parent().unwrap_or(Path::new("."));
        return Err(Failure::new(exit::INPUT_MISSING, format!("there are no records in {}", dir.display())));
    }
    if args.format == Format::Png {
        return pictures(args, &records, &runs);
    }
    let each = |render: &dyn Fn(&Run) -> String| runs.iter().map(render).collect::<Vec<_>>().join("\n");
    let text = match args.format {
        Format::Html => html::render(&runs),
        Format::Md => each(&export::markdown),
        Format::Csv if runs.len() > 1 => export::csv_of_several(&runs),
        Format::Csv => each(&export::csv),
        Format::Junit => export::junit(&runs),
        Format::Png => unreachable!("pictures are files"),
        Format::Text => each(&|run| terminal::table(run, ui::width(), ui::colour(false))),
    };
    let beside = (args.format == Format::Html && runs.len() == 1).then(|| records[0].join("report.html"));
    match args.output.clone().or(beside) {
        Some(path) => {
            let write_error = |error: std::io::Error| Failure::new(exit::CANNOT_WRITE, format!("{}: {error}", path.display()));
            std::fs::write(&path, text).map_err(write_error)?;
            say!("Wrote {}", path.display());
            if args.output.is_none() {
                index::update(records[0].parent().unwrap_or(Path::new(".")));
            }
        }
        None => std::io::stdout().write_all(text.as_bytes())?,
    }
    Ok(exit::OK)
}

/// The list of records that `run` keeps beside them: `results/*` names it, too.
fn is_list(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == index::FILE) && path.is_file()
}

/// One PNG a chart, named after the chart: in `charts` beside each record, or in a folder; there apart by record if they are several.
fn pictures(args: &ReportArgs, records: &[&Path], runs: &[Run]) -> Outcome {
    for (dir, run) in records.iter().zip(runs) {
        let folder = match &args.output {
            None => dir.join("charts"),
            Some(output) if runs.len() == 1 => output.clone(),
            Some(output) => output.join(dir.canonicalize()?.file_name().unwrap_or_default()),
        };
        let cannot_write = |error: std::io::Error| Failure::new(exit::CANNOT_WRITE, format!("{}: {error}", folder.display()));
        std::fs::create_dir_all(&folder).map_err(cannot_write)?;
        for chart in chart::all(run, "").into_iter().flatten() {
            let file = folder.join(format!("{}.png", chart.id));
            let bytes = export::png(run, &chart).map_err(|error| Failure::new(exit::UNEXPECTED, error))?;
            std::fs::write(&file, bytes).map_err(cannot_write)?;
            say!("Wrote {}", file.display());
        }
    }
    Ok(exit::OK)
}

/// A record, with everything beside it.
pub fn read(dir: &Path) -> Result<Run, Failure> {
    load::read_dir(dir).map_err(|error| Failure::new(exit::INPUT_MISSING, error.to_string()))
}
