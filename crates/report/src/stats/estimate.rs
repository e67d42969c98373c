//! A cell's number: the median over its trials, with an interval by order statistics.

use wirecost_model::record::Estimate;

/// Coverage that intervals have at least.
pub const COVERAGE: f64 = 0.95;

/// The estimate of one value per trial, in the order of blocks; `None` without values.
pub fn of(values: Vec<f64>) -> Option<Estimate> {
    let median = median(&values)?;
    Some(Estimate { median, interval: interval(&values), values })
}

/// The middle value, or the mean of the two in the middle; `None` without values.
pub fn median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    let n = sorted.len();
    match n {
        0 => None,
        n if n % 2 == 1 => Some(sorted[n / 2]),
        n => Some((sorted[n / 2 - 1] + sorted[n / 2]) / 2.0),
    }
}

/// The narrowest symmetric pair of order statistics that covers the median with at least 95 %:
/// 1 − 2·P(Binomial(n, ½) < k) ≥ 0.95. Assumes nothing of the distribution. Six values give their smallest and largest
/// (96.9 %), fewer give none.
pub fn interval(values: &[f64]) -> Option<[f64; 2]> {
    let sorted = sorted(values);
    let n = sorted.len();
    let mut rank = None;
    let mut below = 0.0;
    // The logarithm of P(Binomial(n, ½) = k − 1), which for thousands of values is too small itself.
    let mut log_term = -(n as f64) * std::f64::consts::LN_2;
    for k in 1..=n / 2 {
        below += log_term.exp();
        if 1.0 - 2.0 * below < COVERAGE {
            break;
        }
        rank = Some(k);
        log_term += ((n - k + 1) as f64 / k as f64).ln();
    }
    rank.map(|k| [sorted[k - 1], sorted[n - k]])
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranks_are_those_of_the_printed_tables() {
        let up_to = |n: u32| (1..=n).map(f64::from).collect::<Vec<_>>();
        for (n, expected) in [
            (5, None),
            (6, Some([1.0, 6.0])),
            (8, Some([1.0, 8.0])),
            (9, Some([2.0, 8.0])),
            (10, Some([2.0, 9.0])),
            (20, Some([6.0, 15.0])),
            (30, Some([10.0, 21.0])),
            // By the normal law: n/2 − 0.98·√n.
            (10_000, Some([4902.0, 5099.0])),
        ] {
            assert_eq!(interval(&up_to(n)), expected, "{n} values");
        }
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0]), Some(2.0));
        assert!(of(Vec::new()).is_none());
    }

    proptest! {
        #[test]
        fn the_median_lies_in_its_interval(values in prop::collection::vec(-1e9f64..1e9, 6..60)) {
            let estimate = of(values).unwrap();
            let [low, high] = estimate.interval.unwrap();
            prop_assert!(low <= estimate.median && estimate.median <= high);
        }
    }
}
