//! HdrHistogram interval logs (`.hlog`, version 1.3 with V2 payloads): one line an interval and tag, as
//! the HdrHistogram project's own tools read them. Text in, text out; files are the caller's.
//!
//! The maximum of a line is in milliseconds (`max_value_divisor` 1e6), as the tools' convention has it
//! for nanosecond histograms.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, IntervalLogWriterBuilder, LogEntry, Tag};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};

use crate::histogram::Histogram;

/// Histograms by tag, one per interval.
pub type Tagged = BTreeMap<String, Vec<Histogram>>;

/// Why a log could not be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("interval log: {0}")]
pub struct HlogError(String);

fn fail(error: impl std::fmt::Display) -> HlogError {
    HlogError(error.to_string())
}

/// Writes a log whose intervals begin at 0 and are `interval_ns` long; empty intervals are left out.
///
/// # Errors
/// A tag with a comma, white space or line break.
pub fn write(tagged: &Tagged, interval_ns: u64, comment: &str) -> Result<String, HlogError> {
    let mut out = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    {
        let mut builder = IntervalLogWriterBuilder::new();
        builder.with_max_value_divisor(1e6);
        for line in comment.lines() {
            builder.add_comment(line);
        }
        let mut writer = builder.begin_log_with(&mut out, &mut serializer).map_err(fail)?;
        for (tag, intervals) in tagged {
            let tag = Tag::new(tag).ok_or_else(|| fail(format!("`{tag}` cannot be a tag")))?;
            for (number, histogram) in intervals.iter().enumerate().filter(|(_, h)| h.count() > 0) {
                let start = Duration::from_nanos(interval_ns * number as u64);
                writer
                    .write_histogram(histogram.hdr(), start, Duration::from_nanos(interval_ns), Some(tag))
                    .map_err(|e| fail(format!("{e:?}")))?;
            }
        }
    }
    String::from_utf8(out).map_err(fail)
}

/// Intervals of one tag, of which a load generator makes 60 at most; each takes 220 kB.
const MOST_INTERVALS: usize = 4096;

/// Reads a log back. Intervals are numbered by their start; missing ones are empty.
///
/// # Errors
/// Text that is not an interval log.
pub fn read(text: &str, interval_ns: u64) -> Result<Tagged, HlogError> {
    let mut tagged = Tagged::new();
    let mut deserializer = Deserializer::new();
    for entry in IntervalLogIterator::new(text.as_bytes()) {
        let LogEntry::Interval(interval) = entry.map_err(|e| fail(format!("{e:?}")))? else { continue };
        let bytes = BASE64.decode(interval.encoded_histogram()).map_err(fail)?;
        let hdr: hdrhistogram::Histogram<u64> =
            deserializer.deserialize(&mut bytes.as_slice()).map_err(|e| fail(format!("{e:?}")))?;
        let tag = interval.tag().map_or("", |tag| tag.as_str()).to_string();
        let nearest =
            interval.start_timestamp().as_nanos().saturating_add(u128::from(interval_ns / 2)) / u128::from(interval_ns.max(1));
        let number = usize::try_from(nearest).unwrap_or(usize::MAX);
        if number >= MOST_INTERVALS {
            return Err(fail(format!("an interval that is number {nearest} of at most {MOST_INTERVALS}")));
        }
        let list: &mut Vec<Histogram> = tagged.entry(tag).or_default();
        if number >= list.len() {
            list.resize_with(number + 1, Histogram::default);
        }
        list[number].merge(&Histogram::from_hdr(hdr).map_err(|e| fail(format!("{e:?}")))?);
    }
    Ok(tagged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let mut tagged = Tagged::new();
        for (tag, base) in [("delivery", 1_000u64), ("service", 90_000)] {
            let intervals: Vec<Histogram> = (0..3u64)
                .map(|interval| {
                    let mut histogram = Histogram::default();
                    (0..500 * (interval % 2)).for_each(|v| histogram.record(base + v * 977));
                    histogram
                })
                .collect();
            tagged.insert(tag.to_string(), intervals);
        }
        let text = write(&tagged, 1_000_000_000, "trial 3").expect("written");
        assert!(text.contains("Tag=delivery,1.000,1.000,"), "{text}");
        let read = read(&text, 1_000_000_000).expect("read");
        for tag in ["delivery", "service"] {
            // The empty third interval is not written; buckets of the second agree.
            assert_eq!(read[tag].len(), 2);
            assert_eq!(read[tag][1].hdr(), tagged[tag][1].hdr());
            assert_eq!(read[tag][0].count(), 0);
        }
        assert!(super::read("not a log\n", 1).is_err());
        // The same log with an interval that starts in the far future, or has values that none of ours can have.
        let late = text.replacen("Tag=delivery,1.000,", "Tag=delivery,99999999.000,", 1);
        assert!(super::read(&late, 1_000_000_000).unwrap_err().to_string().contains("at most 4096"));
        let mut wide = hdrhistogram::Histogram::<u64>::new(3).unwrap();
        wide.record(1 << 50).unwrap();
        assert!(Histogram::from_hdr(wide).is_err());
    }
}
