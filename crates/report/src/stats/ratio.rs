//! The ratio of two cells, with its interval and what may be said of it.
//!
//! Trials of one block ran close together and under the same arrivals, so they are paired: each block gives one log ratio.
//! The ratio is the geometric mean over blocks. Its interval is a percentile bootstrap over blocks, [`RESAMPLES`] times, from a
//! seed that is the plan's. With six trials a plain percentile interval is too narrow (it covers about 87 %), because
//! resampling knows a spread of n, not of n − 1, and the normal distribution's tails, not Student's; its deviations are
//! therefore widened by √(n/(n−1)) · t(n−1)/z, as Hesterberg proposes ("What Teachers Should Know About the Bootstrap", 2015,
//! §4.3). What is simulated in this file's tests: of two arms that are the same, fewer than 5 % are called different.

use std::collections::BTreeMap;

use wirecost_model::record::{Trial, Verdict};
use wirecost_model::rng::Rng;
use wirecost_model::{Cell, Plan};

use super::{Metric, counting, student};

/// Bootstrap resamples.
pub const RESAMPLES: usize = 2000;
/// A ratio within 1/(1 + margin) and 1 + margin makes no practical difference.
pub const MARGIN: f64 = 0.05;
/// Pairs of trials that an interval needs at least.
pub const LEAST_PAIRS: usize = 6;
/// Fewer resamples than this beyond a quantile do not say where it is.
const LEAST_BEYOND: f64 = 2.0;
/// How often a comparison of equals may be called different.
const ALPHA: f64 = 0.05;

/// A ratio of two cells.
#[derive(Debug, Clone)]
pub struct Ratio {
    /// Geometric mean over pairs.
    pub ratio: f64,
    /// 95 % interval; absent with fewer than six pairs.
    pub interval: Option<[f64; 2]>,
    /// Pairs of trials.
    pub pairs: usize,
    /// Deviations of resampled mean log ratios from the mean, sorted.
    deviations: Vec<f64>,
    /// What they are to be multiplied by, because resampling n values knows a spread of n and not of n − 1.
    correction: f64,
    /// Degrees of freedom of that spread.
    degrees: u32,
}

/// The ratio of a metric between two cells, over the blocks in which both have a trial that counts. `None` where there is no
/// such block or a value is not positive.
pub fn between(plan: &Plan, trials: &[Trial], metric: &Metric, cell: &Cell, baseline: &Cell) -> Option<Ratio> {
    let by_block = |cell: &Cell| -> BTreeMap<u32, f64> {
        counting(cell.index, trials).into_iter().filter_map(|trial| Some((trial.block, metric.of(cell, trial)?))).collect()
    };
    let (own, base) = (by_block(cell), by_block(baseline));
    let pairs: Vec<(f64, f64)> = own.iter().filter_map(|(block, value)| Some((*value, *base.get(block)?))).collect();
    // Chance of its own for each pair, whatever else is compared beside it, and the same whichever of the two is the baseline.
    let name: u64 = metric.name.bytes().fold(0, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let lane = name ^ ((cell.index.min(baseline.index) as u64) << 32) ^ cell.index.max(baseline.index) as u64;
    of_pairs(&pairs, &mut Rng::new(plan.seed, lane))
}

/// The ratio of paired values (own, baseline).
pub fn of_pairs(pairs: &[(f64, f64)], rng: &mut Rng) -> Option<Ratio> {
    if pairs.is_empty() || pairs.iter().any(|&(own, base)| !(own > 0.0 && base > 0.0)) {
        return None;
    }
    let logs: Vec<f64> = pairs.iter().map(|(own, base)| (own / base).ln()).collect();
    let n = logs.len();
    let mean = logs.iter().sum::<f64>() / n as f64;
    let mut deviations = Vec::new();
    if n >= LEAST_PAIRS {
        deviations.extend((0..RESAMPLES).map(|_| {
            let sum: f64 = (0..n).map(|_| logs[rng.below(n as u64) as usize] - mean).sum();
            sum / n as f64
        }));
        deviations.sort_by(f64::total_cmp);
    }
    let correction = (n as f64 / (n as f64 - 1.0)).sqrt();
    Some(Ratio { ratio: mean.exp(), interval: None, pairs: n, deviations, correction, degrees: n as u32 - 1 }.with_interval())
}

/// The ratio of values that are not paired, such as those of two runs: of their geometric means. Each side is resampled by
/// itself; the degrees of freedom are Welch's, because the two need not spread alike. `None` where a value is not positive.
pub fn of_samples(own: &[f64], base: &[f64], rng: &mut Rng) -> Option<Ratio> {
    let side = |values: &[f64]| -> Option<(Vec<f64>, f64)> {
        let logs: Vec<f64> = values.iter().filter(|value| **value > 0.0).map(|value| value.ln()).collect();
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        (!logs.is_empty() && logs.len() == values.len()).then_some((logs, mean))
    };
    let sides = [side(own)?, side(base)?];
    let pairs = own.len().min(base.len());
    let mut deviations = Vec::new();
    let mut degrees = 0;
    if pairs >= LEAST_PAIRS {
        let mut resampled = |(logs, mean): &(Vec<f64>, f64)| {
            let n = logs.len();
            let sum: f64 = (0..n).map(|_| logs[rng.below(n as u64) as usize] - mean).sum();
            sum / n as f64 * (n as f64 / (n as f64 - 1.0)).sqrt()
        };
        deviations.extend((0..RESAMPLES).map(|_| resampled(&sides[0]) - resampled(&sides[1])));
        deviations.sort_by(f64::total_cmp);
        degrees = welch(&sides);
    }
    let ratio = (sides[0].1 - sides[1].1).exp();
    Some(Ratio { ratio, interval: None, pairs, deviations, correction: 1.0, degrees }.with_interval())
}

/// Welch's degrees of freedom, rounded down; those of a common spread where there is none.
fn welch(sides: &[(Vec<f64>, f64); 2]) -> u32 {
    let [a, b] = [0, 1].map(|at: usize| {
        let (logs, mean) = &sides[at];
        let n = logs.len() as f64;
        (logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0) / n, n - 1.0)
    });
    // What the last bit of a mean leaves is no spread.
    let spread = a.0 + b.0 > 1e-24;
    let degrees = if spread { (a.0 + b.0).powi(2) / (a.0 * a.0 / a.1 + b.0 * b.0 / b.1) } else { a.1 + b.1 };
    degrees.floor().max(1.0) as u32
}

impl Ratio {
    fn with_interval(mut self) -> Ratio {
        self.interval = self.log_interval(ALPHA).map(|[low, high]| [low.exp(), high.exp()]);
        self
    }

    /// Interval of the log ratio that misses with probability `alpha`.
    fn log_interval(&self, alpha: f64) -> Option<[f64; 2]> {
        let last = self.deviations.len().checked_sub(1)?;
        let tail = 1.0 - alpha / 2.0;
        let widening = self.correction * student::quantile(tail, self.degrees) / student::normal_quantile(tail);
        let beyond = alpha / 2.0 * last as f64;
        let rank = beyond.floor() as usize;
        let (mut low, mut high) = (self.deviations[rank], self.deviations[last - rank]);
        if beyond < LEAST_BEYOND {
            // So far out there are too few resamples to say where it is: at least where it would be by the normal law.
            let reach = self.spread() * student::normal_quantile(tail);
            (low, high) = (low.min(-reach), high.max(reach));
        }
        let mean = self.ratio.ln();
        Some([mean + widening * low, mean + widening * high])
    }

    /// The bootstrap's standard deviation of the log ratio.
    fn spread(&self) -> f64 {
        (self.deviations.iter().map(|d| d * d).sum::<f64>() / self.deviations.len().max(1) as f64).sqrt()
    }

    /// How many bootstrap spreads the ratio lies from 1: the order in which Holm's procedure takes comparisons.
    fn strength(&self) -> f64 {
        let spread = self.spread();
        let log = self.ratio.ln().abs();
        // A metric that is the same to the byte in every trial has no spread.
        if spread < 1e-12 { if log < 1e-12 { 0.0 } else { f64::INFINITY } } else { log / spread }
    }

    fn excludes_one(&self, alpha: f64) -> bool {
        self.log_interval(alpha).is_some_and(|[low, high]| low > 0.0 || high < 0.0)
    }
}

/// What may be said of each of several ratios of one metric, in their order.
///
/// Holm's procedure, by intervals: the strongest of m is held against α/m, the next against α/(m − 1), and so on until one
/// fails. `Different` also needs a ratio beyond the margin; `Equivalent` needs the whole (uncorrected) interval within it.
/// Ratios without an interval are not tested, are inconclusive, and cost the others nothing.
pub fn verdicts(ratios: &[&Ratio]) -> Vec<Verdict> {
    verdicts_within(ratios, MARGIN)
}

/// The same with a practical margin of the caller's: 0.05 for 5 %.
pub fn verdicts_within(ratios: &[&Ratio], margin: f64) -> Vec<Verdict> {
    let mut order: Vec<usize> = (0..ratios.len()).filter(|&index| ratios[index].interval.is_some()).collect();
    order.sort_by(|&a, &b| ratios[b].strength().total_cmp(&ratios[a].strength()).then(a.cmp(&b)));
    let mut all = vec![Verdict::Inconclusive; ratios.len()];
    let mut rejecting = true;
    let margin = margin.ln_1p();
    for (step, &index) in order.iter().enumerate() {
        let ratio = ratios[index];
        rejecting &= ratio.excludes_one(ALPHA / (order.len() - step) as f64);
        let within = ratio.log_interval(ALPHA).is_some_and(|[low, high]| low > -margin && high < margin);
        all[index] = if within {
            Verdict::Equivalent
        } else if rejecting && ratio.ratio.ln().abs() > margin {
            Verdict::Different
        } else {
            Verdict::Inconclusive
        };
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop, prop_assert, proptest};
    use wirecost_model::rng::Rng;

    /// Six pairs around a true ratio, with a spread of the logarithm.
    fn pairs(truth: f64, spread: f64, n: usize, rng: &mut Rng) -> Vec<(f64, f64)> {
        let normal = |rng: &mut Rng| (0..12).map(|_| rng.unit()).sum::<f64>() - 6.0;
        (0..n).map(|_| ((truth.ln() + spread * normal(rng)).exp() * 100.0, (spread * normal(rng)).exp() * 100.0)).collect()
    }

    #[test]
    fn equals_are_rarely_called_different() {
        let mut rng = Rng::new(42, 0);
        for (n, spread) in [(6, 0.3), (6, 0.1), (10, 0.2)] {
            let mut wrong = 0;
            const TRIES: usize = 600;
            for _ in 0..TRIES {
                let ratio = of_pairs(&pairs(1.0, spread, n, &mut rng), &mut Rng::new(1, 1)).unwrap();
                wrong += usize::from(verdicts(&[&ratio])[0] == Verdict::Different);
            }
            // 5 % and two standard deviations of 600 tries.
            assert!(
                wrong as f64 / TRIES as f64 <= 0.05 + 2.0 * (0.05f64 * 0.95 / TRIES as f64).sqrt(),
                "{wrong} of {TRIES} with {n} trials"
            );
        }
    }

    #[test]
    fn far_out_an_interval_is_at_least_the_normal_laws() {
        let mut rng = Rng::new(44, 0);
        for n in [6, 30] {
            let ratio = of_pairs(&pairs(1.0, 0.2, n, &mut rng), &mut Rng::new(1, 1)).unwrap();
            for comparisons in [1.0, 50.0, 400.0, 10_000.0] {
                let alpha = ALPHA / comparisons;
                let [low, high] = ratio.log_interval(alpha).unwrap();
                let normal = ratio.spread() * student::normal_quantile(1.0 - alpha / 2.0);
                let centre = ratio.ratio.ln();
                // Where the resamples tell, they are followed; they may be a little narrower.
                let least = if comparisons > 50.0 { 1.0 } else { 0.8 };
                assert!(centre - low >= least * normal && high - centre >= least * normal, "{n}, {comparisons}");
            }
        }
    }

    #[test]
    fn equals_of_two_runs_are_rarely_called_different_even_if_they_do_not_spread_alike() {
        let mut rng = Rng::new(43, 0);
        for (n, m, spreads) in [(6, 6, [0.2, 0.2]), (6, 10, [0.3, 0.1])] {
            let mut wrong = 0;
            const TRIES: usize = 600;
            for _ in 0..TRIES {
                let own: Vec<f64> = pairs(1.0, spreads[0], n, &mut rng).iter().map(|p| p.0).collect();
                let base: Vec<f64> = pairs(1.0, spreads[1], m, &mut rng).iter().map(|p| p.0).collect();
                wrong +=
                    usize::from(verdicts(&[&of_samples(&own, &base, &mut Rng::new(1, 1)).unwrap()])[0] == Verdict::Different);
            }
            assert!(
                wrong as f64 / TRIES as f64 <= 0.05 + 2.0 * (0.05f64 * 0.95 / TRIES as f64).sqrt(),
                "{wrong} of {TRIES} with {n} and {m} trials"
            );
        }
    }

    #[test]
    fn unpaired_values_have_a_ratio_of_their_means_and_few_or_no_values_have_less() {
        let ratio = of_samples(&[200.0; 6], &[100.0; 7], &mut Rng::new(1, 1)).unwrap();
        assert!((ratio.ratio - 2.0).abs() < 1e-12 && ratio.interval.is_some());
        assert_eq!((ratio.degrees, verdicts(&[&ratio])[0]), (11, Verdict::Different));
        let [low, high] = of_samples(&[101.0; 6], &[100.0; 6], &mut Rng::new(1, 1)).unwrap().interval.unwrap();
        assert!((low - 1.01).abs() < 1e-9 && (high - 1.01).abs() < 1e-9);
        assert!(of_samples(&[200.0; 5], &[100.0; 9], &mut Rng::new(1, 1)).unwrap().interval.is_none());
        assert!(
            of_samples(&[], &[1.0], &mut Rng::new(1, 1)).is_none() && of_samples(&[0.0], &[1.0], &mut Rng::new(1, 1)).is_none()
        );
        // A margin of the caller's.
        let slight = of_samples(&[108.0, 107.0, 109.0, 108.0, 107.5, 108.5], &[100.0; 6], &mut Rng::new(1, 1)).unwrap();
        assert_eq!(verdicts_within(&[&slight], 0.05), [Verdict::Different]);
        assert_eq!(verdicts_within(&[&slight], 0.15), [Verdict::Equivalent]);
    }

    #[test]
    fn a_large_difference_survives_the_correction_for_many() {
        let mut rng = Rng::new(3, 3);
        let mut ratios: Vec<Ratio> = vec![of_pairs(&pairs(3.0, 0.05, 6, &mut rng), &mut Rng::new(1, 1)).unwrap()];
        ratios.extend((0..19).map(|lane| of_pairs(&pairs(1.0, 0.05, 6, &mut rng), &mut Rng::new(1, lane)).unwrap()));
        let verdicts = verdicts(&ratios.iter().collect::<Vec<_>>());
        assert_eq!(verdicts[0], Verdict::Different);
        assert!(verdicts[1..].iter().all(|v| *v != Verdict::Different));
    }

    #[test]
    fn small_differences_are_equivalent_or_nothing() {
        let of = |values: &[(f64, f64)]| of_pairs(values, &mut Rng::new(1, 1)).unwrap();
        let same = of(&[(231.0, 231.0); 6]);
        assert_eq!((same.interval, verdicts(&[&same])[0]), (Some([1.0, 1.0]), Verdict::Equivalent));
        let slight = of(&[(103.0, 100.0), (102.0, 100.0), (103.0, 101.0), (102.0, 99.5), (103.0, 100.0), (102.5, 100.0)]);
        assert!(slight.interval.unwrap()[0] > 1.0);
        assert_eq!(verdicts(&[&slight])[0], Verdict::Equivalent);
        let wild = of(&[(50.0, 100.0), (200.0, 100.0), (90.0, 100.0), (130.0, 100.0), (80.0, 100.0), (160.0, 100.0)]);
        assert_eq!(verdicts(&[&wild])[0], Verdict::Inconclusive);
    }

    #[test]
    fn few_pairs_have_no_interval_and_no_verdict() {
        let ratio = of_pairs(&[(300.0, 100.0); 5], &mut Rng::new(1, 1)).unwrap();
        assert!((ratio.ratio - 3.0).abs() < 1e-12);
        assert_eq!((ratio.interval, verdicts(&[&ratio])[0]), (None, Verdict::Inconclusive));
        assert!(of_pairs(&[(0.0, 100.0)], &mut Rng::new(1, 1)).is_none());
        assert!(of_pairs(&[], &mut Rng::new(1, 1)).is_none());
        assert!(verdicts(&[]).is_empty());
        // And it does not stand in the way of others.
        let sure = of_pairs(
            &[(300.0, 100.0), (310.0, 100.0), (305.0, 101.0), (299.0, 100.0), (302.0, 99.0), (300.0, 100.0)],
            &mut Rng::new(1, 1),
        );
        assert_eq!(verdicts(&[&ratio, &sure.unwrap()]), [Verdict::Inconclusive, Verdict::Different]);
    }

    proptest! {
        #[test]
        fn the_ratio_lies_in_its_interval_and_turning_it_round_turns_it_round(
            values in prop::collection::vec((1.0f64..1e6, 1.0f64..1e6), 6..12), seed: u64
        ) {
            let ratio = of_pairs(&values, &mut Rng::new(seed, 0)).unwrap();
            let [low, high] = ratio.interval.unwrap();
            prop_assert!(low <= ratio.ratio * (1.0 + 1e-9) && ratio.ratio <= high * (1.0 + 1e-9));
            let swapped: Vec<(f64, f64)> = values.iter().map(|&(a, b)| (b, a)).collect();
            let other = of_pairs(&swapped, &mut Rng::new(seed, 0)).unwrap();
            prop_assert!((other.ratio * ratio.ratio - 1.0).abs() < 1e-9);
        }
    }
}
