//! What one more costs: a straight line through trials by least squares. What a process does whatever it is asked is in the
//! line's height at 0 and not in its slope, so a slope is what a ratio over one window cannot be: free of what an idle
//! process takes.

use super::ratio::LEAST_PAIRS;
use super::student;

/// A straight line through points.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// Growth of y for one more x.
    pub slope: f64,
    /// 95 % interval of the slope by Student's t on the residuals; absent with fewer than six points.
    pub interval: Option<[f64; 2]>,
    /// The height at 0: y at x = 0.
    pub at_zero: f64,
    /// The exponent p of y ∝ x^p, by the line through the logarithms: 1 where cost grows with x and nothing else, less where
    /// there is a height at 0 or work is done in batches, more where it gets dearer. Absent unless x grows tenfold and all y are
    /// positive.
    pub exponent: Option<f64>,
    /// Points.
    pub points: usize,
}

/// The line through points (x, y); `None` if they do not lie at two values of x.
pub fn fit(points: &[(f64, f64)]) -> Option<Fit> {
    Some(Fit { exponent: exponent(points), ..line(points)? })
}

fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    let least = points.iter().map(|p| p.0).fold(f64::INFINITY, f64::min);
    let most = points.iter().map(|p| p.0).fold(0.0, f64::max);
    let fits = least > 0.0 && most >= 9.5 * least && points.iter().all(|p| p.1 > 0.0);
    let logarithms: Vec<(f64, f64)> = points.iter().map(|p| (p.0.ln(), p.1.ln())).collect();
    fits.then(|| line(&logarithms)).flatten().map(|line| line.slope)
}

fn line(points: &[(f64, f64)]) -> Option<Fit> {
    let n = points.len() as f64;
    let mean = |pick: fn(&(f64, f64)) -> f64| points.iter().map(pick).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let spread: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    // Achieved rates of one cell differ by a message or two; that is no second value of x.
    let largest = points.iter().map(|p| p.0.abs()).fold(0.0, f64::max);
    if points.len() < 2 || spread.sqrt() <= 0.02 * largest * n.sqrt() {
        return None;
    }
    let slope = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / spread;
    let at_zero = y - slope * x;
    // What is left of a subtraction of equals is not a height.
    let at_zero = if at_zero.abs() < 1e-9 * y.abs() { 0.0 } else { at_zero };
    let interval = (points.len() >= LEAST_PAIRS).then(|| {
        let residuals: f64 = points.iter().map(|p| (p.1 - at_zero - slope * p.0).powi(2)).sum();
        let error = (residuals / (n - 2.0) / spread).sqrt() * student::quantile(0.975, points.len() as u32 - 2);
        [slope - error, slope + error]
    });
    Some(Fit { slope, interval, at_zero, exponent: None, points: points.len() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    #[test]
    fn a_line_is_found_and_two_values_are_needed() {
        let line = fit(&[(1.0, 5.0), (2.0, 7.0), (3.0, 9.0)]).unwrap();
        assert_eq!((line.slope, line.at_zero, line.interval), (2.0, 3.0, None));
        assert_eq!(fit(&[(1.0, 5.0), (1.0, 7.0)]), None);
        assert_eq!(fit(&[(100.0, 5.0), (101.0, 7.0), (100.0, 5.5)]), None, "one rate, achieved a little differently");
        assert_eq!(fit(&[]), None);
    }

    #[test]
    fn the_exponent_is_that_of_the_law() {
        let law = |at_zero: f64, p: f64| -> Vec<(f64, f64)> {
            [1.0f64, 3.0, 10.0, 30.0, 100.0].iter().map(|x| (*x, at_zero + 7.0 * x.powf(p))).collect()
        };
        for p in [0.5, 1.0, 1.3] {
            assert!((fit(&law(0.0, p)).unwrap().exponent.unwrap() - p).abs() < 1e-9);
        }
        assert!(fit(&law(20.0, 1.0)).unwrap().exponent.unwrap() < 0.9, "a height at 0 makes it less");
        assert_eq!(fit(&law(0.0, 1.0)[..2]).unwrap().exponent, None, "x has grown threefold");
        assert_eq!(fit(&[(1.0, -1.0), (10.0, 5.0), (100.0, 50.0)]).unwrap().exponent, None);
    }

    #[test]
    fn the_interval_is_that_of_the_textbook() {
        // Σr² = 5.486, so s² = 5.486/4, the slope's error √(s²/17.5) = 0.28, and t(4) = 2.776.
        let line = fit(&[(1.0, 2.0), (2.0, 1.0), (3.0, 4.0), (4.0, 3.0), (5.0, 6.0), (6.0, 5.0)]).unwrap();
        let [low, high] = line.interval.unwrap();
        assert!((line.slope - 0.828_57).abs() < 1e-4 && (low - 0.0513).abs() < 1e-4 && (high - 1.6058).abs() < 1e-4, "{line:?}");
    }

    proptest! {
        #[test]
        fn a_height_at_0_does_not_change_the_slope(height in -1e6f64..1e6, slope in -1e3f64..1e3) {
            let points: Vec<(f64, f64)> = (1..9).map(|x| (f64::from(x), height + slope * f64::from(x))).collect();
            let line = fit(&points).unwrap();
            prop_assert!((line.slope - slope).abs() < 1e-6 && (line.at_zero - height).abs() < 1e-4);
        }
    }
}
