//! Student's t distribution: the widths of intervals from few trials. Computed, because a table ends somewhere.

/// The quantile `p` of Student's t with a whole number of degrees of freedom, 0 < p < 1, by bisection on its distribution.
pub fn quantile(p: f64, degrees: u32) -> f64 {
    if p < 0.5 {
        return -quantile(1.0 - p, degrees);
    }
    // The angle, not t itself: it is bounded, and t's tails are not.
    let (mut low, mut high) = (0.0, std::f64::consts::FRAC_PI_2);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if central(middle, degrees) < 2.0 * p - 1.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::from(degrees).sqrt() * ((low + high) / 2.0).tan()
}

/// P(|T| ≤ √ν · tan θ) for ν degrees of freedom: Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.
fn central(theta: f64, degrees: u32) -> f64 {
    let (sin, cos) = theta.sin_cos();
    let odd = degrees % 2 == 1;
    let mut term = if odd { cos } else { 1.0 };
    let mut sum = 0.0;
    let mut power = if odd { 1 } else { 0 };
    while power + 2 <= degrees {
        sum += term;
        let n = f64::from(power);
        term *= (n + 1.0) / (n + 2.0) * cos * cos;
        power += 2;
    }
    if odd { std::f64::consts::FRAC_2_PI * (theta + sin * sum) } else { sin * sum }
}

/// The quantile `p` of the normal distribution, 0 < p < 1, by Acklam's rational approximations (relative error below 1.2e-9).
pub fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.38357751867269e2,
        -3.066479806614716e1,
        2.506628277459239,
    ];
    const B: [f64; 5] =
        [-5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1];
    const C: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const D: [f64; 4] = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416];
    let polynomial = |factors: &[f64], x: f64| factors.iter().fold(0.0, |sum, factor| sum * x + factor);
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        polynomial(&C, q) / (polynomial(&D, q) * q + 1.0)
    };
    if p < 0.024_25 {
        tail(p)
    } else if p > 1.0 - 0.024_25 {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        let r = q * q;
        q * polynomial(&A, r) / (polynomial(&B, r) * r + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_printed_tables() {
        for (p, degrees, expected) in [
            (0.975, 1, 12.7062),
            (0.975, 2, 4.30265),
            (0.975, 3, 3.18245),
            (0.975, 5, 2.57058),
            (0.995, 5, 4.03214),
            (0.975, 9, 2.26216),
            (0.9995, 9, 4.78091),
            (0.975, 10, 2.22814),
            (0.975, 120, 1.97993),
            (0.025, 5, -2.57058),
        ] {
            let found = quantile(p, degrees);
            assert!((found / expected - 1.0).abs() < 1e-5, "t({p}, {degrees}) = {found}, not {expected}");
        }
        for (p, expected) in [(0.975, 1.959964), (0.99, 2.326348), (0.999, 3.090232), (0.001, -3.090232), (0.6, 0.253347)] {
            let found = normal_quantile(p);
            assert!((found - expected).abs() < 1e-6, "z({p}) = {found}, not {expected}");
        }
        assert!(quantile(0.5, 5).abs() < 1e-9 && normal_quantile(0.5).abs() < 1e-12);
    }
}
