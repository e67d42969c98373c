//! Whether a window is the same from end to end, in numbers: the median delivery of its two halves. Pure, over histograms by
//! interval; what is allowed is a gate's to say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::histogram::Histogram;

/// Standard deviations that a half's median is given to either side. A normal variable is further off once in a million.
const DEVIATIONS: f64 = 4.9;

/// Median delivery in one half of the measured window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Half {
    /// Deliveries of messages due in it.
    pub count: u64,
    /// Their median, ns.
    pub p50_ns: u64,
    /// Where the median may lie by chance, ns: order statistics for as many independent messages as were *due* in the half, so
    /// that the many receivers of one message count once.
    pub interval_ns: [u64; 2],
}

/// Both halves of a window of which `messages` were due in all; of an odd number of intervals the middle one is left out.
/// `None` for a window of one interval, or a half without deliveries.
pub fn halves(intervals: &[Histogram], messages: u64) -> Option<[Half; 2]> {
    let length = intervals.len() / 2;
    let half = |part: &[Histogram]| {
        let mut all = Histogram::default();
        part.iter().for_each(|interval| all.merge(interval));
        let of_half = messages as f64 * length as f64 / intervals.len() as f64;
        // The rank of a median of n has a standard deviation of √n/2.
        let spread = DEVIATIONS / (2.0 * of_half.min(all.count() as f64).max(1.0).sqrt());
        let at = |q: f64| all.value_at(q.clamp(0.0, 1.0));
        (all.count() > 0).then(|| Half { count: all.count(), p50_ns: at(0.5), interval_ns: [at(0.5 - spread), at(0.5 + spread)] })
    };
    if length == 0 {
        return None;
    }
    Some([half(&intervals[..length])?, half(&intervals[intervals.len() - length..])?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(values: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        values.into_iter().for_each(|value| histogram.record(value));
        histogram
    }

    #[test]
    fn halves_leave_the_middle_out() {
        let intervals = [interval(1..=100), interval([1_000_000; 50]), interval(201..=300)];
        let [first, last] = halves(&intervals, 300).unwrap();
        assert_eq!((first.count, first.p50_ns, last.count, last.p50_ns), (100, 50, 100, 250));
        // 100 messages: 0.5 ± 0.245.
        assert_eq!(first.interval_ns, [26, 75]);
    }

    #[test]
    fn few_messages_bear_nothing_however_many_receive_them() {
        let intervals = [interval(1..=1000), interval(501..=1500)];
        assert_eq!(halves(&intervals, 20).unwrap()[0].interval_ns, [1, 1000]);
        assert!(halves(&intervals, 2000).unwrap()[0].interval_ns[0] > 400);
        assert_eq!(halves(&intervals[..1], 2000), None);
        assert_eq!(halves(&[interval([]), interval([5])], 2000), None);
        assert_eq!(halves(&[], 0), None);
    }
}
