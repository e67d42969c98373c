//! When messages are due: a pure function of arrival process, rate and seed. Both ends compute the
//! same schedule from the plan; neither asks the other. No clock: times are offsets in nanoseconds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pace::Pace;
use crate::rng::Rng;
use crate::trace::Trace;

/// The arrival process of messages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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
    /// As recorded in a file, again and again: one due time a line. The rate is the file's.
    Trace(Trace),
}

impl Arrivals {
    /// The most messages of a stream that are due at one instant, or as good as one, by intention.
    pub fn most_at_once(&self) -> u32 {
        match self {
            Arrivals::Periodic | Arrivals::Poisson => 1,
            Arrivals::Burst { size } => *size,
            Arrivals::Trace(trace) => trace.most_at_once(),
        }
    }
}

/// The due times of one stream: an endless iterator of offsets in ns, never decreasing.
#[derive(Debug, Clone)]
pub struct Schedule {
    arrivals: Arrivals,
    pace: Pace,
    /// Where on the scale of messages the first one lies: a random phase, or with `poisson` the sum of all gaps so far. With a
    /// trace, where in its round the schedule begins, ns.
    origin: f64,
    emitted: u64,
    rng: Rng,
}

impl Schedule {
    /// The schedule of stream number `stream` under `seed`. A trace begins at its beginning in stream 0, and at a random place of
    /// its round in every other.
    pub fn new(arrivals: &Arrivals, pace: impl Into<Pace>, seed: u64, stream: u64) -> Self {
        let mut rng = Rng::new(seed, stream.wrapping_add(0x5EED));
        let origin = match arrivals {
            Arrivals::Periodic => rng.unit(),
            Arrivals::Poisson => 0.0,
            Arrivals::Burst { size } => rng.unit() * f64::from((*size).max(1)),
            Arrivals::Trace(_) if stream == 0 => 0.0,
            Arrivals::Trace(trace) => (rng.unit() * trace.round_ns() as f64).floor(),
        };
        Schedule { arrivals: arrivals.clone(), pace: pace.into(), origin, emitted: 0, rng }
    }
}

impl Iterator for Schedule {
    type Item = u64;
    fn next(&mut self) -> Option<u64> {
        let n = self.emitted;
        self.emitted += 1;
        // On the scale of messages every process has rate 1; the pace says when so many have become due. From the index, not by
        // adding gaps: no drift, whatever the rate.
        let count = match &self.arrivals {
            Arrivals::Periodic => self.origin + n as f64,
            Arrivals::Poisson => {
                self.origin += self.rng.exponential(1.0);
                self.origin
            }
            Arrivals::Burst { size } => {
                let size = u64::from((*size).max(1));
                self.origin + (n / size * size) as f64
            }
            Arrivals::Trace(trace) => return Some(trace.nth_ns(n, self.origin as u64)),
        };
        Some(self.pace.offset_ns(count) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::Ramp;
    use crate::units::{Rate, Span};
    use proptest::prelude::*;

    fn arrivals() -> impl Strategy<Value = Arrivals> {
        prop_oneof![Just(Arrivals::Periodic), Just(Arrivals::Poisson), (1u32..50).prop_map(|size| Arrivals::Burst { size })]
    }

    proptest! {
        #[test]
        fn never_decreases_repeats_under_its_seed_and_keeps_its_rate(arrivals in arrivals(), per_s in 0.5f64..5000.0, seed: u64, stream in 0u64..100) {
            let times: Vec<u64> = Schedule::new(&arrivals, Rate(per_s), seed, stream).take(4000).collect();
            prop_assert!(times.windows(2).all(|w| w[0] <= w[1]));
            prop_assert_eq!(&times, &Schedule::new(&arrivals, Rate(per_s), seed, stream).take(4000).collect::<Vec<_>>());
            let achieved = 4000.0 / (times[3999] as f64 / 1e9);
            // Poisson: six standard deviations of a sum of 4,000 exponential gaps.
            prop_assert!((achieved / per_s - 1.0).abs() < 0.1, "{} against {}", achieved, per_s);
        }
    }

    proptest! {
        /// At any time as many have been due as the integral of the rate says, to within the one (or the burst) under way.
        #[test]
        fn a_ramp_follows_its_integral(from in 0.5f64..2000.0, to in 0.5f64..2000.0, over_ms in 1u64..5000, size in 1u32..20, seed: u64) {
            let pace = Pace::from(Ramp { from: Rate(from), to: Rate(to), over: Some(Span::ms(over_ms)) });
            for (arrivals, slack) in [(Arrivals::Periodic, 1.0), (Arrivals::Burst { size }, f64::from(size))] {
                let times: Vec<u64> = Schedule::new(&arrivals, pace, seed, 0).take(500).collect();
                prop_assert!(times.windows(2).all(|w| w[0] <= w[1]));
                for (n, time) in times.iter().enumerate() {
                    let due = pace.count(*time as f64);
                    prop_assert!((due - n as f64).abs() <= slack + 0.001, "{} due, {} sent at {}", due, n, time);
                }
            }
            // The same chance on another clock: Poisson arrivals of a ramp are those of rate 1, moved.
            let steady: Vec<u64> = Schedule::new(&Arrivals::Poisson, Rate(1.0), seed, 3).take(200).collect();
            let moved: Vec<u64> = Schedule::new(&Arrivals::Poisson, pace, seed, 3).take(200).collect();
            for (one, other) in steady.iter().zip(&moved) {
                prop_assert!((pace.count(*other as f64) - *one as f64 / 1e9).abs() < 0.001);
            }
        }
    }

    #[test]
    fn a_trace_is_replayed_and_every_other_stream_begins_elsewhere_in_it() {
        let trace = Trace::parse("t", "0\n0.1\n0.4\n").unwrap();
        let arrivals = Arrivals::Trace(trace);
        let of = |stream: u64| Schedule::new(&arrivals, Rate(5.0), 3, stream).take(300).collect::<Vec<u64>>();
        assert_eq!(of(0)[..5], [0, 100_000_000, 400_000_000, 600_000_000, 700_000_000]);
        let begins: std::collections::BTreeSet<u64> = (1..20).map(|stream| of(stream)[0]).collect();
        assert!(begins.len() > 15, "{begins:?}");
        for stream in 0..20 {
            let times = of(stream);
            assert!(times[0] < 600_000_000 && times.windows(2).all(|pair| pair[0] <= pair[1]));
            assert!((299..=301).contains(&(times[299] / 200_000_000 + 1)), "three in 600 ms: {}", times[299]);
            assert_eq!(times, of(stream));
        }
    }

    #[test]
    fn a_burst_is_due_at_one_instant() {
        let times: Vec<u64> = Schedule::new(&Arrivals::Burst { size: 3 }, Rate(30.0), 1, 1).take(6).collect();
        assert_eq!(times[0], times[2]);
        assert_eq!(times[3], times[5]);
        assert_eq!(times[3] - times[0], 100_000_000);
    }
}
