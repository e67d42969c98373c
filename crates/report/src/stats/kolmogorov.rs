//! Kolmogorov's distance: the largest vertical gap between the distribution function of what was measured and that of a law.

use wirecost_model::Histogram;

/// Of `n` independent values from their own law, the distance is larger than this with probability `false_alarm` at most: the
/// inequality of Dvoretzky, Kiefer and Wolfowitz with Massart's constant, which holds for every n.
pub fn critical(n: u64, false_alarm: f64) -> f64 {
    ((2.0 / false_alarm).ln() / (2.0 * n as f64)).sqrt()
}

/// From the uniform law over `from_ns..to_ns`, 0 to 1; `None` without samples. The histogram's buckets, a thousandth of a value
/// wide, are in it.
pub fn from_uniform(histogram: &Histogram, from_ns: f64, to_ns: f64) -> Option<f64> {
    let all = histogram.count() as f64;
    let law = |ns: f64| ((ns - from_ns) / (to_ns - from_ns)).clamp(0.0, 1.0);
    let mut below = 0.0;
    let mut largest: Option<f64> = None;
    for bucket in histogram.hdr().iter_recorded() {
        let expected = law(bucket.value_iterated_to() as f64);
        let upto = below + bucket.count_at_value() as f64 / all;
        // The measured function jumps here: it is compared before and after. A bucket's samples lie anywhere in it, so what is
        // compared before is the law at the bucket's lower end.
        let before = law(histogram.hdr().lowest_equivalent(bucket.value_iterated_to()) as f64);
        largest = Some(largest.unwrap_or(0.0).max((expected - upto).abs()).max((before - below).abs()));
        below = upto;
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;
    use wirecost_model::rng::Rng;

    fn drawn(n: u64, mut value: impl FnMut(f64) -> f64) -> Histogram {
        let (mut rng, mut all) = (Rng::new(5, 0), Histogram::default());
        (0..n).for_each(|_| all.record((value(rng.unit()) * 1e9) as u64));
        all
    }

    #[test]
    fn a_uniform_sample_is_within_the_critical_distance_and_others_are_not() {
        let n = 4_000;
        let distance = |all: &Histogram| from_uniform(all, 0.0, 1e9).unwrap();
        let own = distance(&drawn(n, |u| u));
        assert!(own < critical(n, 0.05), "{own}");
        // Shifted by a twentieth, or bent.
        let shifted = distance(&drawn(n, |u| u + 0.05));
        assert!((shifted - 0.05).abs() < critical(n, 0.05) && shifted > critical(n, 0.05), "{shifted}");
        assert!(distance(&drawn(n, |u| u * u)) > 0.2);
        assert_eq!(from_uniform(&Histogram::default(), 0.0, 1.0), None);
    }

    #[test]
    fn all_in_one_place_is_as_far_as_can_be() {
        let one = drawn(100, |_| 0.5);
        assert!((from_uniform(&one, 0.0, 1e9).unwrap() - 0.5).abs() < 0.001);
        assert!((from_uniform(&one, 1e9, 2e9).unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_critical_distance_is_that_of_the_printed_tables() {
        // For large n, 1.358/√n at 5 %.
        assert!((critical(10_000, 0.05) - 0.013_58).abs() < 1e-5);
    }
}
