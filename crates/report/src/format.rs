//! Numbers as people read them: three significant digits, thousands separated by commas, a unit that keeps the digits few.
//! The same number is always the same text; nothing here knows a locale.

/// Three significant digits, thousands separated; integers of any size in full. `0.0421`, `3.20`, `41.7`, `1,764`.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    fixed(value, decimals(value))
}

/// Decimals that three significant digits of this value need, at most four.
pub fn decimals(value: f64) -> usize {
    let size = value.abs();
    // The limits lie half a last digit lower, so that 9.996 becomes 10.0 and not 10.00.
    match size {
        s if s >= 99.95 || s == 0.0 => 0,
        s if s >= 9.995 => 1,
        s if s >= 0.9995 => 2,
        s if s >= 0.099_95 => 3,
        _ => 4,
    }
}

/// With a stated number of decimals, thousands separated by commas.
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{:.*}", decimals, value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::new();
    // A value that rounds to nothing has no sign.
    if value < 0.0 && text.chars().any(|c| c.is_ascii_digit() && c != '0') {
        out.push('−');
    }
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

/// A whole number, thousands separated.
pub fn count(value: u64) -> String {
    fixed(value as f64, 0)
}

/// The divisor and unit that keep a time given in ns between 1 and 1,000.
pub fn duration_scale(ns: f64) -> (f64, &'static str) {
    match ns.abs() {
        s if s >= 999.5e6 => (1e9, "s"),
        s if s >= 999.5e3 => (1e6, "ms"),
        s if s >= 999.5 => (1e3, "µs"),
        _ => (1.0, "ns"),
    }
}

/// A time given in ns: `213 µs`, `1.42 ms`, `2.50 s`.
pub fn duration(ns: f64) -> String {
    let (divisor, unit) = duration_scale(ns);
    format!("{} {unit}", number(ns / divisor))
}

/// A tick of a logarithmic time axis: a power of ten, or a small multiple of one, without decimals that say nothing.
pub fn duration_tick(ns: f64) -> String {
    // Nothing is nothing in any unit.
    if ns == 0.0 {
        return "0".into();
    }
    let (value, unit) = match ns {
        n if n >= 0.99e9 => (n / 1e9, "s"),
        n if n >= 0.99e6 => (n / 1e6, "ms"),
        n if n >= 0.99e3 => (n / 1e3, "µs"),
        n => (n, "ns"),
    };
    format!("{} {unit}", trimmed(value))
}

/// The divisor and unit of bytes, in powers of a thousand. Four digits of bytes are still easily read, and comparisons of
/// headers need them.
pub fn bytes_scale(value: f64) -> (f64, &'static str) {
    match value.abs() {
        s if s >= 999.5e6 => (1e9, "GB"),
        s if s >= 999.5e3 => (1e6, "MB"),
        s if s >= 9_999.5 => (1e3, "kB"),
        _ => (1.0, "B"),
    }
}

/// Bytes: `231 B`, `12.4 kB`, `3.10 MB`.
pub fn bytes(value: f64) -> String {
    let (divisor, unit) = bytes_scale(value);
    format!("{} {unit}", number(value / divisor))
}

/// A tick of a logarithmic axis of bytes.
pub fn bytes_tick(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let (value, unit) = match value {
        v if v >= 0.99e9 => (v / 1e9, "GB"),
        v if v >= 0.99e6 => (v / 1e6, "MB"),
        v if v >= 0.99e3 => (v / 1e3, "kB"),
        v => (v, "B"),
    };
    format!("{} {unit}", trimmed(value))
}

/// A number without trailing zeros: axis ticks.
pub fn trimmed(value: f64) -> String {
    let text = fixed(value, 3);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}

/// Decimals of a ratio: three digits, of which two decimals are enough from a fifth up.
fn ratio_decimals(value: f64) -> usize {
    match value {
        v if v >= 0.2 => decimals(v).min(2),
        // However small it is; nothing that is measured is smaller than this.
        v if v > 1e-9 => (2.0 - v.log10().floor()) as usize,
        _ => 2,
    }
}

/// A ratio in tables and charts: `3.20×`, `0.31×`, `0.00472×`. Always times as much, so that the number and its interval are
/// read the same way on both sides of 1.
pub fn ratio(value: f64) -> String {
    format!("{}×", fixed(value, ratio_decimals(value)))
}

/// A ratio with its interval: `3.20× (3.10–3.40)`, `0.31× (0.29–0.32)`; the ratio alone without one.
pub fn ratio_with_interval(value: f64, interval: Option<[f64; 2]>) -> String {
    ratio(value) + &interval_of_ratio(value, interval)
}

/// The same in a sentence: `3.20 times (3.10–3.40)`, before "as much".
pub fn times(value: f64, interval: Option<[f64; 2]>) -> String {
    format!("{} times{}", fixed(value, ratio_decimals(value)), interval_of_ratio(value, interval))
}

/// As many decimals for the ends as for the ratio, so that the three compare at a glance.
fn interval_of_ratio(value: f64, interval: Option<[f64; 2]>) -> String {
    let d = ratio_decimals(value);
    interval.map_or(String::new(), |[low, high]| format!(" ({}–{})", fixed(low, d), fixed(high, d)))
}

/// A tick of an axis of ratios: `0.5×`, `10×`.
pub fn ratio_tick(value: f64) -> String {
    let text = fixed(value, ratio_decimals(value));
    if text.contains('.') { format!("{}×", text.trim_end_matches('0').trim_end_matches('.')) } else { format!("{text}×") }
}

/// A share: `12 %`, `0.3 %`.
pub fn percent(fraction: f64) -> String {
    let value = fraction * 100.0;
    let decimals = match value.abs() {
        v if v == 0.0 || v >= 9.95 => 0,
        v if v >= 0.095 => 1,
        _ => 2,
    };
    format!("{} %", fixed(value, decimals))
}

/// A share that is held against a limit: with as many decimals as it takes to see on which side it lies.
pub fn percent_beside(fraction: f64, limit: f64) -> String {
    let text = percent(fraction);
    if fraction == limit || text != percent(limit) {
        return text;
    }
    let at = |value: f64, decimals: usize| format!("{} %", fixed(value * 100.0, decimals));
    (1..=6)
        .map(|decimals| (at(fraction, decimals), at(limit, decimals)))
        .find(|(own, other)| own != other)
        .map_or(text, |(own, _)| own)
}

/// A quantity as scenarios write it, with a blank before its unit: `250 ms`, `1 KiB`. Anything else as it is.
pub fn spaced(text: &str) -> String {
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let known = ["ns", "us", "µs", "ms", "s", "m", "h", "B", "kB", "KiB", "MB", "MiB"];
    if !number.is_empty() && known.contains(&unit) { format!("{number} {}", unit.replace("us", "µs")) } else { text.to_string() }
}

/// What `unbroken` keeps with the number before it.
const UNITS: [&str; 10] = ["ns", "µs", "ms", "s", "B", "kB", "MB", "GB", "%", "KiB"];

/// Prose in which a line never ends between a number and its unit, nor within a range.
pub fn unbroken(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (position, word) in text.split(' ').enumerate() {
        if position > 0 {
            let unit = word.trim_end_matches([',', ';', ':', '.', ')']);
            let bound = UNITS.contains(&unit) && out.ends_with(|c: char| c.is_ascii_digit());
            out.push(if bound { '\u{a0}' } else { ' ' });
        }
        let mut chars = word.chars().peekable();
        let mut before = None;
        while let Some(c) = chars.next() {
            let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
            if c == '–' && digit(before) && digit(chars.peek().copied()) {
                // Word joiners: the dash is where browsers like to break.
                out.push_str("\u{2060}–\u{2060}");
            } else {
                out.push(c);
            }
            before = Some(c);
        }
    }
    out
}

/// `1 client`, `2 clients`.
pub fn plural(n: u64, one: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one.to_string() } else { plural_of(one) })
}

/// `delivery`, `deliveries`.
pub fn plural_of(one: &str) -> String {
    match one.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{one}s"),
    }
}

/// With a capital letter.
pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// `a`, `a and b`, `a, b and c`.
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Blanks that stand for missing decimals, so that the decimal points of a right-aligned column lie below each other.
#[derive(Debug, Clone, Copy)]
pub struct Padding {
    /// As wide as a digit.
    pub digit: char,
    /// As wide as a decimal point.
    pub point: char,
}

/// For monospaced text.
pub const MONOSPACED: Padding = Padding { digit: ' ', point: ' ' };
/// For proportional fonts with tabular figures: figure space and punctuation space.
pub const PROPORTIONAL: Padding = Padding { digit: '\u{2007}', point: '\u{2008}' };

/// Three significant digits each, padded on the right so that the decimal points align; `–` where there is no value.
pub fn aligned(values: &[Option<f64>], padding: Padding) -> Vec<String> {
    let widest = values.iter().flatten().map(|&v| decimals(v)).max().unwrap_or(0);
    values
        .iter()
        .map(|value| {
            let (text, own) = match value {
                Some(v) if v.is_finite() => (number(*v), decimals(*v)),
                _ => ("–".to_string(), 0),
            };
            let mut text = text;
            if own < widest {
                if own == 0 {
                    text.push(padding.point);
                }
                text.extend(std::iter::repeat_n(padding.digit, widest - own));
            }
            text
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_shows_on_which_side_of_its_limit_it_is() {
        for (share, limit, shown) in [
            (0.0104, 0.01, "1.04 %"),
            (0.01, 0.01, "1.0 %"),
            (0.02, 0.01, "2.0 %"),
            (0.698, 0.7, "69.8 %"),
            (0.050_003, 0.05, "5.0003 %"),
        ] {
            assert_eq!(percent_beside(share, limit), shown);
        }
    }

    #[test]
    fn three_digits_and_no_more() {
        for (value, text) in [
            (0.0, "0"),
            (0.04211, "0.0421"),
            (0.4211, "0.421"),
            (3.2, "3.20"),
            (9.996, "10.0"),
            (41.66, "41.7"),
            (99.96, "100"),
            (1763.6, "1,764"),
            (12_345_678.0, "12,345,678"),
            (-1234.5, "−1,234"),
            (-0.00001, "0.0000"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn units_keep_the_digits_few() {
        assert_eq!(duration(213_000.0), "213 µs");
        assert_eq!(duration(1_420_000.0), "1.42 ms");
        assert_eq!(duration(999_600_000.0), "1.00 s");
        assert_eq!(duration_tick(1e6), "1 ms");
        assert_eq!(duration_tick(2e5), "200 µs");
        assert_eq!(bytes(231.0), "231 B");
        assert_eq!(bytes(1764.0), "1,764 B");
        assert_eq!(bytes(12_440.0), "12.4 kB");
        assert_eq!(bytes_tick(10_000.0), "10 kB");
        assert_eq!(ratio_with_interval(3.2, Some([3.1, 3.404])), "3.20× (3.10–3.40)");
        assert_eq!(ratio_with_interval(0.746, Some([0.709, 0.764])), "0.75× (0.71–0.76)");
        assert_eq!(ratio_with_interval(0.0005, Some([0.00048, 0.00052])), "0.000500× (0.000480–0.000520)");
        assert_eq!(ratio_with_interval(0.101, Some([0.098, 0.104])), "0.101× (0.098–0.104)");
        assert_eq!((ratio(0.996), ratio(1314.2), ratio(0.0)), ("1.00×".into(), "1,314×".into(), "0.00×".into()));
        assert_eq!(times(1.336, Some([1.31, 1.38])), "1.34 times (1.31–1.38)");
        assert_eq!(times(1314.2, None), "1,314 times");
        assert_eq!([0.001, 0.05, 0.5, 1.0, 20.0].map(ratio_tick), ["0.001×", "0.05×", "0.5×", "1×", "20×"]);
        assert_eq!(ratio_with_interval(1.5, None), "1.50×");
        assert_eq!(percent(0.283), "28 %");
        assert_eq!(percent(0.0031), "0.3 %");
        assert_eq!(percent(0.0004), "0.04 %");
        assert_eq!(
            (spaced("250ms"), spaced("8KiB"), spaced("5/s"), spaced("on")),
            ("250 ms".into(), "8 KiB".into(), "5/s".into(), "on".into())
        );
    }

    #[test]
    fn decimal_points_lie_below_each_other() {
        let column = aligned(&[Some(512.0), Some(0.213), None, Some(41.7)], MONOSPACED);
        assert_eq!(column, ["512    ", "0.213", "–    ", "41.7  "]);
        let points: Vec<usize> =
            column.iter().map(|c| c.chars().count() - c.find('.').map_or(c.chars().count() - 4, |p| p)).collect();
        assert!(points.iter().all(|&p| p == 4), "{points:?}");
    }

    #[test]
    fn numbers_keep_their_units_and_ranges_hold_together() {
        assert_eq!(unbroken("203 µs to 241 ms, 36 % of (2 B); a s"), "203\u{a0}µs to 241\u{a0}ms, 36\u{a0}% of (2\u{a0}B); a s");
        assert_eq!(unbroken("1.48× (1.27–1.75) – well"), "1.48× (1.27\u{2060}–\u{2060}1.75) – well");
        assert_eq!(unbroken("clients 5"), "clients 5");
    }

    #[test]
    fn lists_read_as_english() {
        let of = |items: &[&str]| list(&items.iter().map(|s| s.to_string()).collect::<Vec<_>>());
        assert_eq!(of(&["a"]), "a");
        assert_eq!(of(&["a", "b", "c"]), "a, b and c");
        assert_eq!(plural(1, "trial"), "1 trial");
        assert_eq!(plural(0, "trial"), "0 trials");
    }
}
