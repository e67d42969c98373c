//! Interval logs against a foreign reader: the HdrHistogram project's own, in JavaScript, finds in ours the samples and the
//! percentiles that we find. That we read our own back is asserted where the code is.

use std::path::{Path, PathBuf};
use std::process::Command;

use wirecost_model::histogram::Histogram;
use wirecost_model::hlog::{self, Tagged};
use wirecost_model::rng::Rng;

const INTERVAL_NS: u64 = 1_000_000_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers")
}

/// One line an interval, as the foreign reader tells them; `None` where it is not installed.
fn foreign(log: &Path) -> Option<Vec<String>> {
    if !folder().join("node_modules/hdr-histogram-js").is_dir() {
        eprintln!("skipped: run `npm ci` in {}", folder().display());
        return None;
    }
    let output = Command::new("node").arg(folder().join("hlog-percentiles.mjs")).arg(log).output().expect("node runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect())
}

/// The same lines, by our own reading.
fn own(tagged: &Tagged) -> Vec<String> {
    let mut lines = Vec::new();
    for (tag, intervals) in tagged {
        for (number, histogram) in intervals.iter().enumerate().filter(|(_, histogram)| histogram.count() > 0) {
            let samples = histogram.count() as f64;
            let ranks = [0.01, 0.5, 0.9, 0.99, 0.999, 1.0].map(|share| (samples * share).ceil().max(1.0));
            let values = ranks.map(|rank| histogram.value_at((rank - 0.25) / samples).to_string());
            lines.push(format!("{tag} {number} {} {}", histogram.count(), values.join(" ")));
        }
    }
    lines
}

#[test]
fn the_foreign_reader_finds_the_same_percentiles() {
    let mut rng = Rng::new(1, 1);
    let mut tagged = Tagged::new();
    // From one nanosecond to minutes, from one sample to many, with an empty interval in between.
    for (tag, mean_ns, counts) in
        [("delivery", 3e5, vec![1000, 0, 12_345]), ("service", 6e10, vec![1, 77]), ("tiny", 3.0, vec![500])]
    {
        let intervals = counts.into_iter().map(|count| {
            let mut histogram = Histogram::default();
            (0..count).for_each(|_| histogram.record((rng.exponential(1.0) * mean_ns) as u64 + 1));
            histogram
        });
        tagged.insert(tag.into(), intervals.collect());
    }
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("trial.hlog");
    std::fs::write(&log, hlog::write(&tagged, INTERVAL_NS, "a comment").unwrap()).unwrap();
    if let Some(lines) = foreign(&log) {
        assert_eq!(lines, own(&tagged));
        assert_eq!(lines.len(), 5);
    }
}

#[test]
fn the_foreign_reader_finds_the_same_in_the_committed_records() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results");
    let records =
        std::fs::read_dir(results).unwrap().filter_map(|entry| std::fs::read_dir(entry.ok()?.path().join("trials")).ok());
    let logs = records.flatten().map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "hlog"));
    for log in logs.take(12) {
        let tagged = hlog::read(&std::fs::read_to_string(&log).unwrap(), INTERVAL_NS).unwrap();
        let Some(mut lines) = foreign(&log) else { return };
        // The start is a fraction in some; which interval that is, is our own convention.
        let shown = |line: &String| {
            line.split(' ').enumerate().filter(|(n, _)| *n != 1).map(|(_, word)| word.to_owned()).collect::<Vec<_>>()
        };
        let (mut theirs, mut ours): (Vec<_>, Vec<_>) =
            (lines.iter().map(shown).collect(), own(&tagged).iter().map(shown).collect());
        theirs.sort();
        ours.sort();
        assert_eq!(theirs, ours, "{}", log.display());
        assert!(!std::mem::take(&mut lines).is_empty(), "{}", log.display());
    }
}
