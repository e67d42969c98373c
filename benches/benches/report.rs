//! Rendering the report of a record, and how it grows with the number of cells: it is to be linear.

use std::path::{Path, PathBuf};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use wirecost_report::load::{Run, read_dir};
use wirecost_report::{export, html};

/// The reference record, which is committed.
fn reference() -> Run {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(results).expect("results").filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.retain(|path| path.join("record.json").exists());
    folders.sort();
    read_dir(folders.first().expect("a committed record")).expect("a readable record")
}

/// The same record with its cells and trials several times over.
fn repeated(run: &Run, times: usize) -> Run {
    let mut many = run.clone();
    let (cells, trials) = (run.record.plan.cells.len(), run.record.trials.len());
    for round in 1..times {
        for cell in &run.record.plan.cells {
            let mut cell = cell.clone();
            cell.index += cells * round;
            cell.config.name = format!("{} {round}", cell.config.name);
            many.record.plan.cells.push(cell);
        }
        for summary in &run.record.cells {
            let mut summary = summary.clone();
            summary.cell += cells * round;
            summary.label = format!("{} {round}", summary.label);
            many.record.cells.push(summary);
        }
        for (position, trial) in run.record.trials.iter().enumerate() {
            let mut trial = trial.clone();
            trial.cell += cells * round;
            trial.index += trials * round;
            many.record.trials.push(trial);
            many.histograms.push(run.histograms[position].clone());
            many.interval_ns.push(run.interval_ns[position]);
            many.series.push(run.series[position].clone());
        }
    }
    many
}

fn rendering(c: &mut Criterion) {
    let run = reference();
    let cells = run.record.plan.cells.len();
    let mut group = c.benchmark_group("report");
    group.sample_size(10);
    for times in [1, 5, 10] {
        let many = repeated(&run, times);
        group.bench_with_input(BenchmarkId::new("html, cells", cells * times), &many, |b, many| {
            b.iter(|| html::render(std::slice::from_ref(many)));
        });
    }
    group.bench_function("markdown", |b| b.iter(|| export::markdown(&run)));
    group.finish();
}

criterion_group!(benches, rendering);
criterion_main!(benches);
