//! The levels of a search: both ends, and between them steps that are no higher than the precision. Pure arithmetic; rounded, so
//! that levels read well and are the same on every machine.

/// Rates from `from` to `to`, per second, rounded to four digits; ascending, each once.
pub fn rates(from: f64, to: f64, precision: f64) -> Vec<f64> {
    steps(from, to, precision, |rate| {
        let digit = 10f64.powf(rate.log10().floor() - 3.0);
        // By division where a digit is less than one: 1/1000 is exact in decimal text, 0.001 times a number is not.
        if digit < 1.0 { (rate / digit).round() / (1.0 / digit).round() } else { (rate / digit).round() * digit }
    })
}

/// Numbers of clients from `from` to `to`, every one of them where the precision is less than one; ascending, each once.
pub fn clients(from: u32, to: u32, precision: f64) -> Vec<u32> {
    steps(f64::from(from), f64::from(to), precision, f64::round).into_iter().map(|level| level as u32).collect()
}

fn steps(from: f64, to: f64, precision: f64, round: impl Fn(f64) -> f64) -> Vec<f64> {
    let ratio = to / from;
    // Less a hair, so that a ratio that is a power of the precision does not get a step too many.
    let count = (ratio.ln() / precision.ln_1p() - 1e-9).ceil().max(1.0) as u32;
    let inner = (1..count).map(|step| round(from * ratio.powf(f64::from(step) / f64::from(count))));
    let mut levels = vec![from];
    for level in inner.filter(|level| *level < to) {
        if levels.last().is_some_and(|last| level > *last) {
            levels.push(level);
        }
    }
    levels.push(to);
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn levels_read_well() {
        assert_eq!(rates(10.0, 20.0, 0.26), [10.0, 12.6, 15.87, 20.0]);
        assert_eq!(clients(1, 10, 0.2), [1, 2, 3, 4, 5, 6, 7, 8, 10]);
        assert_eq!(rates(0.5, 1.5, 0.8), [0.5, 0.866, 1.5]);
        assert_eq!(clients(7, 8, 0.01), [7, 8]);
    }

    proptest! {
        #[test]
        fn they_rise_from_end_to_end_by_no_more_than_the_precision(
            from in 0.001f64..1e5, ratio in 1.001f64..1e4, precision in 0.01f64..0.5, clients_from in 1u32..500
        ) {
            let levels = rates(from, from * ratio, precision);
            prop_assert_eq!((levels[0], levels[levels.len() - 1]), (from, from * ratio));
            for pair in levels.windows(2) {
                // Rounding to four digits moves a level by less than a thousandth.
                prop_assert!(pair[1] > pair[0] && pair[1] / pair[0] <= (1.0 + precision) * 1.002, "{:?}", pair);
            }
            let to = (f64::from(clients_from) * ratio).ceil() as u32;
            for pair in clients(clients_from, to, precision).windows(2) {
                prop_assert!(pair[1] > pair[0]);
                // One client more, or the precision and what rounding adds to it.
                prop_assert!(pair[1] - pair[0] <= 1 + (f64::from(pair[0]) * precision).ceil() as u32, "{:?}", pair);
            }
        }
    }
}
