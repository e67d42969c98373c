//! `.hgrm`: the percentile distribution as HdrHistogram's own plotter reads it, in milliseconds.

use wirecost_model::Histogram;

/// Percentiles in halving steps, five ticks each, as the HdrHistogram project writes them.
const TICKS_PER_HALF_DISTANCE: u32 = 5;
const NS_PER_MS: f64 = 1e6;

/// The distribution as text; values in ms.
pub fn hgrm(histogram: &Histogram) -> String {
    let hdr = histogram.hdr();
    let mut out = String::from("       Value     Percentile TotalCount 1/(1-Percentile)\n\n");
    let mut below = 0;
    for step in hdr.iter_quantiles(TICKS_PER_HALF_DISTANCE) {
        below += step.count_since_last_iteration();
        let q = step.quantile_iterated_to();
        let value = step.value_iterated_to() as f64 / NS_PER_MS;
        if q < 1.0 {
            out += &format!("{value:12.3} {q:2.12} {below:10} {:14.2}\n", 1.0 / (1.0 - q));
        } else {
            out += &format!("{value:12.3} {q:2.12} {below:10}\n");
        }
    }
    let mean = histogram.mean_ns().unwrap_or(0.0) / NS_PER_MS;
    out += &format!("#[Mean    = {mean:12.3}, StdDeviation   = {:12.3}]\n", hdr.stdev() / NS_PER_MS);
    out += &format!(
        "#[Max     = {:12.3}, Total count    = {:12}]\n",
        histogram.max_ns().unwrap_or(0) as f64 / NS_PER_MS,
        histogram.count()
    );
    out += &format!("#[Buckets = {:12}, SubBuckets     = {:12}]\n", hdr.buckets(), 2048);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_like_the_original() {
        let mut histogram = Histogram::default();
        (1..=1000u64).for_each(|v| histogram.record(v * 1_000_000));
        let text = hgrm(&histogram);
        assert!(text.contains("Value     Percentile TotalCount 1/(1-Percentile)"));
        assert!(text.lines().any(|line| line.contains("0.500000000000") && line.trim_start().starts_with("500.")), "{text}");
        assert!(text.contains("Total count    =         1000]"));
        assert!(!hgrm(&Histogram::default()).contains("NaN"));
    }
}
