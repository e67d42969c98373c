//! When messages are due: a pure function of arrival process, rate and seed. Both ends compute the
//! same schedule from the plan; neither asks the other. No clock: times are offsets in nanoseconds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rng::Rng;
use crate::units::Rate;

/// The arrival process of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// One every 1/rate, the first at a random phase.
    #[default]
    Periodic,
    /// Independent exponential gaps with mean 1/rate.
    Poisson,
    /// `size` messages due at the same instant, every size/rate; the first burst at a random phase.
    #[serde(rename = "burst")]
    Burst {
        /// Messages in one burst.
        size: u32,
    },
}

/// The due times of one stream: an endless iterator of offsets in ns, never decreasing.
#[derive(Debug, Clone)]
pub struct Schedule {
    arrivals: Arrivals,
    gap_ns: f64,
    origin_ns: f64,
    emitted: u64,
    rng: Rng,
}

impl Schedule {
    /// The schedule of stream number `stream` under `seed`.
    pub fn new(arrivals: Arrivals, rate: Rate, seed: u64, stream: u64) -> Self {
        let mut rng = Rng::new(seed, stream.wrapping_add(0x5EED));
        let gap_ns = 1e9 / rate.0;
        let origin_ns = match arrivals {
            Arrivals::Periodic => rng.unit() * gap_ns,
            Arrivals::Poisson => 0.0,
            Arrivals::Burst { size } => rng.unit() * gap_ns * f64::from(size.max(1)),
        };
        Schedule { arrivals, gap_ns, origin_ns, emitted: 0, rng }
    }
}

impl Iterator for Schedule {
    type Item = u64;
    fn next(&mut self) -> Option<u64> {
        let n = self.emitted;
        self.emitted += 1;
        Some(match self.arrivals {
            // From the index, not by adding gaps: no drift, whatever the rate.
            Arrivals::Periodic => (self.origin_ns + n as f64 * self.gap_ns) as u64,
            Arrivals::Poisson => {
                self.origin_ns += self.rng.exponential(self.gap_ns);
                self.origin_ns as u64
            }
            Arrivals::Burst { size } => {
                let size = u64::from(size.max(1));
                (self.origin_ns + (n / size) as f64 * self.gap_ns * size as f64) as u64
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn arrivals() -> impl Strategy<Value = Arrivals> {
        prop_oneof![Just(Arrivals::Periodic), Just(Arrivals::Poisson), (1u32..50).prop_map(|size| Arrivals::Burst { size })]
    }

    proptest! {
        #[test]
        fn never_decreases_repeats_under_its_seed_and_keeps_its_rate(arrivals in arrivals(), per_s in 0.5f64..5000.0, seed: u64, stream in 0u64..100) {
            let times: Vec<u64> = Schedule::new(arrivals, Rate(per_s), seed, stream).take(4000).collect();
            prop_assert!(times.windows(2).all(|w| w[0] <= w[1]));
            prop_assert_eq!(&times, &Schedule::new(arrivals, Rate(per_s), seed, stream).take(4000).collect::<Vec<_>>());
            let achieved = 4000.0 / (times[3999] as f64 / 1e9);
            // Poisson: six standard deviations of a sum of 4,000 exponential gaps.
            prop_assert!((achieved / per_s - 1.0).abs() < 0.1, "{} against {}", achieved, per_s);
        }
    }

    #[test]
    fn a_burst_is_due_at_one_instant() {
        let times: Vec<u64> = Schedule::new(Arrivals::Burst { size: 3 }, Rate(30.0), 1, 1).take(6).collect();
        assert_eq!(times[0], times[2]);
        assert_eq!(times[3], times[5]);
        assert_eq!(times[3] - times[0], 100_000_000);
    }
}
