//! Student's t distribution: the widths of intervals from few trials. Computed, because a table ends somewhere.

/// The quantile `p` of Student's t with `degrees` of freedom; infinite degrees are the normal distribution.
///
/// Found by bisection on the cumulative distribution, which is integrated by Simpson's rule after the substitution x = tan θ;
/// good to six digits in the range that intervals use (1e-6 < p < 1 − 1e-6).
pub fn quantile(p: f64, degrees: f64) -> f64 {
    if p < 0.5 {
        return -quantile(1.0 - p, degrees);
    }
    let (mut low, mut high) = (0.0f64, 1.0f64);
    while cumulative(high, degrees) < p && high < 1e9 {
        high *= 2.0;
    }
    for _ in 0..80 {
        let middle = (low + high) / 2.0;
        if cumulative(middle, degrees) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

/// P(T ≤ x) for x ≥ 0.
fn cumulative(x: f64, degrees: f64) -> f64 {
    let half = std::f64::consts::FRAC_PI_2;
    0.5 + 0.5 * integral(x.atan(), degrees) / integral(half, degrees)
}

/// ∫ of the density's kernel from 0 to tan(`end`).
fn integral(end: f64, degrees: f64) -> f64 {
    let kernel = |theta: f64| {
        let x = theta.tan();
        // Beyond this the kernel is 0 to machine precision, and tan² would overflow.
        if x > 1e8 {
            // For one degree of freedom the kernel times the derivative of tan is 1 everywhere.
            return if degrees <= 1.0 { 1.0 } else { 0.0 };
        }
        let log = if degrees.is_finite() { -(degrees + 1.0) / 2.0 * (x * x / degrees).ln_1p() } else { -x * x / 2.0 };
        (log + (x * x).ln_1p()).exp()
    };
    const STEPS: usize = 4000;
    let width = end / STEPS as f64;
    let inner: f64 = (1..STEPS).map(|i| kernel(i as f64 * width) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
    (kernel(0.0) + inner + kernel(end)) * width / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_printed_tables() {
        for (p, degrees, expected) in [
            (0.975, 1.0, 12.7062),
            (0.975, 5.0, 2.57058),
            (0.995, 5.0, 4.03214),
            (0.975, 9.0, 2.26216),
            (0.9995, 9.0, 4.78091),
            (0.975, f64::INFINITY, 1.95996),
            (0.025, 5.0, -2.57058),
        ] {
            let found = quantile(p, degrees);
            assert!((found / expected - 1.0).abs() < 2e-4, "t({p}, {degrees}) = {found}, not {expected}");
        }
        assert!(quantile(0.5, 5.0).abs() < 1e-9);
    }
}
