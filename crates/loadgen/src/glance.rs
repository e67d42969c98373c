//! Latencies as they are seen while a trial runs: coarse counters that one thread counts up and another may read at any time. No
//! number of a record comes from here: those are the recorder's, whose histograms nobody else may look at meanwhile, and reading
//! their tens of thousands of counters would keep the clients waiting.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use wirecost_model::glance::{COUNTERS, Counts, step};

use crate::status::count;

/// Latencies, ns. One thread records.
#[derive(Debug)]
pub(crate) struct Glance(Box<[AtomicU64]>);

impl Default for Glance {
    fn default() -> Glance {
        Glance((0..COUNTERS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Glance {
    /// One more.
    pub fn record(&self, ns: u64) {
        count(&self.0[step(ns)]);
    }

    /// What was recorded so far.
    pub fn counts(&self) -> Counts {
        self.0.iter().map(|counter| counter.load(Relaxed)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_what_came_since() {
        let glance = Glance::default();
        (0..1000).for_each(|_| glance.record(5));
        let before = glance.counts();
        assert_eq!((before.quantile(0.5), before.since(&before).quantile(0.5)), (Some(5), None));
        (1..=1000).for_each(|ns| glance.record(ns * 1000));
        let mut since = glance.counts().since(&before);
        for (share, ns) in [(0.5, 500_000u64), (0.99, 990_000), (1.0, 1_000_000), (0.0, 1000)] {
            assert!(since.quantile(share).unwrap().abs_diff(ns) <= ns / 32, "{share}: {:?}", since.quantile(share));
        }
        since.add(&before);
        assert_eq!(since, glance.counts());
    }
}
