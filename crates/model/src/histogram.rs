//! The one histogram: HdrHistogram from 1 ns to 60 s with three significant digits, everywhere the
//! same bounds so that merging is exact bucket addition; with exact minimum, maximum and sum beside it.
//!
//! What a percentile may be asked for is decided here too: a quantile that fewer than ten samples lie
//! beyond is not a measurement, and is `None`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::errors::AdditionError;
use hdrhistogram::serialization::{Deserializer as HdrDeserializer, Serializer as _, V2DeflateSerializer};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

/// Highest value told apart, ns. Longer is recorded as this and the exact maximum keeps the truth.
pub const HIGHEST_NS: u64 = 60_000_000_000;

/// Samples that must lie beyond a quantile for it to be printed.
pub const TAIL_SAMPLES: u64 = 10;

/// The quantiles that summaries list, where the samples bear them.
pub const SUMMARY_QUANTILES: [f64; 9] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999];

/// Times in nanoseconds.
#[derive(Clone, PartialEq)]
pub struct Histogram {
    hdr: hdrhistogram::Histogram<u64>,
    min_ns: u64,
    max_ns: u64,
    sum_ns: u128,
}

impl Default for Histogram {
    fn default() -> Self {
        let hdr = hdrhistogram::Histogram::new_with_bounds(1, HIGHEST_NS, 3).expect("constant bounds are valid");
        Histogram { hdr, min_ns: u64::MAX, max_ns: 0, sum_ns: 0 }
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Histogram({} samples, {}..{} ns)", self.count(), self.min_ns, self.max_ns)
    }
}

impl Histogram {
    /// Records one time, ns. Never allocates, never fails: the bounds saturate.
    pub fn record(&mut self, ns: u64) {
        self.hdr.saturating_record(ns.clamp(1, HIGHEST_NS));
        self.min_ns = self.min_ns.min(ns);
        self.max_ns = self.max_ns.max(ns);
        self.sum_ns += u128::from(ns);
    }

    /// Adds another histogram: exact, because all have the same buckets.
    pub fn merge(&mut self, other: &Histogram) {
        self.hdr.add(&other.hdr).expect("all histograms have the same bounds");
        self.min_ns = self.min_ns.min(other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        self.sum_ns += other.sum_ns;
    }

    /// Samples.
    pub fn count(&self) -> u64 {
        self.hdr.len()
    }

    /// Exact smallest, ns.
    pub fn min_ns(&self) -> Option<u64> {
        (self.count() > 0).then_some(self.min_ns)
    }

    /// Exact largest, ns.
    pub fn max_ns(&self) -> Option<u64> {
        (self.count() > 0).then_some(self.max_ns)
    }

    /// Exact mean, ns.
    pub fn mean_ns(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.sum_ns as f64 / self.count() as f64)
    }

    /// Whether the samples bear this quantile: at least [`TAIL_SAMPLES`] beyond it on its shorter side.
    pub fn bears(&self, q: f64) -> bool {
        // The small allowance is for 1 − 0.99 not being 0.01 in binary: 1,000 samples do bear p99.
        self.count() as f64 * q.min(1.0 - q) >= TAIL_SAMPLES as f64 - 1e-6
    }

    /// The quantile in ns, if the samples bear it.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        self.bears(q).then(|| self.hdr.value_at_quantile(q).clamp(self.min_ns, self.max_ns))
    }

    /// The value below which `rank`/`count` of the samples lie, borne or not: for curves that are cut
    /// by the caller and for tests.
    pub fn value_at(&self, q: f64) -> u64 {
        self.hdr.value_at_quantile(q)
    }

    /// The numbers of the record.
    pub fn summary(&self) -> Latency {
        Latency {
            count: self.count(),
            min_ns: self.min_ns(),
            max_ns: self.max_ns(),
            mean_ns: self.mean_ns(),
            quantiles: SUMMARY_QUANTILES.iter().filter_map(|&q| Some(QuantileValue { q, value_ns: self.quantile(q)? })).collect(),
        }
    }

    /// The library's own histogram, for interval logs and percentile iteration.
    pub fn hdr(&self) -> &hdrhistogram::Histogram<u64> {
        &self.hdr
    }

    /// From a histogram read out of an `.hlog`; exact minimum, maximum and sum are then those of the
    /// buckets, not of the samples.
    ///
    /// # Errors
    /// Values that no histogram of ours has: those are clamped when they are recorded.
    pub fn from_hdr(hdr: hdrhistogram::Histogram<u64>) -> Result<Self, AdditionError> {
        let mut all = Histogram::default();
        let sum: f64 = hdr.iter_recorded().map(|v| v.value_iterated_to() as f64 * v.count_at_value() as f64).sum();
        (all.min_ns, all.max_ns, all.sum_ns) = (if hdr.is_empty() { u64::MAX } else { hdr.min() }, hdr.max(), sum as u128);
        all.hdr.add(&hdr)?;
        Ok(all)
    }
}

/// What a record says of a histogram; the whole of it is in the trial's `.hlog`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// Samples.
    pub count: u64,
    /// Exact smallest, ns.
    pub min_ns: Option<u64>,
    /// Exact largest, ns.
    pub max_ns: Option<u64>,
    /// Exact mean, ns.
    pub mean_ns: Option<f64>,
    /// Only those quantiles that at least ten samples lie beyond.
    pub quantiles: Vec<QuantileValue>,
}

impl Latency {
    /// The listed quantile, ns.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        self.quantiles.iter().find(|v| (v.q - q).abs() < 1e-9).map(|v| v.value_ns)
    }
}

/// One point of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QuantileValue {
    /// 0.99 for p99.
    pub q: f64,
    /// The value, ns.
    pub value_ns: u64,
}

/// On the way between processes: V2 + DEFLATE in base64, as in an `.hlog`, with the exact numbers beside.
#[derive(Serialize, Deserialize)]
struct Travelling {
    min_ns: u64,
    max_ns: u64,
    sum_ns: u64,
    hdr: String,
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&self.hdr, &mut bytes).map_err(ser::Error::custom)?;
        let sum_ns = u64::try_from(self.sum_ns).unwrap_or(u64::MAX);
        Travelling { min_ns: self.min_ns, max_ns: self.max_ns, sum_ns, hdr: BASE64.encode(bytes) }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Travelling { min_ns, max_ns, sum_ns, hdr } = Travelling::deserialize(deserializer)?;
        let bytes = BASE64.decode(hdr).map_err(de::Error::custom)?;
        let read: hdrhistogram::Histogram<u64> =
            HdrDeserializer::new().deserialize(&mut bytes.as_slice()).map_err(de::Error::custom)?;
        let mut all = Histogram::default();
        all.hdr.add(&read).map_err(de::Error::custom)?;
        if all.count() > 0 && min_ns > max_ns {
            return Err(de::Error::custom(format!("a smallest value of {min_ns} and a largest of {max_ns}")));
        }
        (all.min_ns, all.max_ns, all.sum_ns) = (min_ns, max_ns, u128::from(sum_ns));
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn merging_is_recording_together(a in prop::collection::vec(0u64..90_000_000_000, 0..300), b in prop::collection::vec(0u64..90_000_000_000, 0..300)) {
            let (mut left, mut right, mut both) = (Histogram::default(), Histogram::default(), Histogram::default());
            a.iter().for_each(|&v| { left.record(v); both.record(v) });
            b.iter().for_each(|&v| { right.record(v); both.record(v) });
            left.merge(&right);
            prop_assert_eq!(left, both);
        }

        #[test]
        fn travels_unchanged(values in prop::collection::vec(0u64..90_000_000_000, 0..300)) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|&v| histogram.record(v));
            let json = serde_json::to_string(&histogram).unwrap();
            prop_assert_eq!(serde_json::from_str::<Histogram>(&json).unwrap(), histogram);
        }
    }

    #[test]
    fn a_percentile_needs_ten_samples_beyond_it() {
        let mut histogram = Histogram::default();
        (1..=999).for_each(|v| histogram.record(v * 1000));
        assert_eq!(histogram.quantile(0.99), None);
        histogram.record(1_000_000);
        assert!(histogram.quantile(0.99).is_some());
        assert_eq!(histogram.quantile(0.999), None);
        assert_eq!(Histogram::default().quantile(0.5), None);
    }
}
