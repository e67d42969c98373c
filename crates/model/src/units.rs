//! Quantities as people write them: `250ms`, `64KiB`, `10/s`. Each is one integer or float in a base
//! unit inside; text only at the edges. A bare number is refused, because its unit would be a guess.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time, in nanoseconds. Written `80us`, `250ms`, `1.5s`, `2m`, `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Span(pub u64);

/// A number of bytes. Written `128B`, `64KiB`, `1MiB`, `10kB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Size(pub u64);

/// Events per second. Written `10/s`, `0.5/s`, `600/m`, `2k/s`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Rate(pub f64);

/// A share. Written `5%`; a fraction inside.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Percent(pub f64);

/// Why a quantity could not be read; the text says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnitError(String);

impl UnitError {
    /// For quantities of other modules.
    pub(crate) fn new(text: String) -> Self {
        UnitError(text)
    }
}

/// Splits `1.5ms` into `1.5` and `ms`.
fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    let number: f64 = text[..end].replace('_', "").parse().ok()?;
    Some((number, text[end..].trim()))
}

impl Span {
    /// Nanoseconds.
    pub fn ns(self) -> u64 {
        self.0
    }
    /// Seconds, for rates and axes of charts.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }
    /// From whole milliseconds.
    pub const fn ms(ms: u64) -> Self {
        Span(ms * 1_000_000)
    }
}

impl FromStr for Span {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong =
            || UnitError(format!("`{text}` is not a duration; write a number and one of ns, us, ms, s, m, h, such as 250ms"));
        let (number, unit) = split(text).ok_or_else(wrong)?;
        let factor = match unit {
            "ns" => 1.0,
            "us" | "µs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" | "min" => 60e9,
            "h" => 3600e9,
            _ => return Err(wrong()),
        };
        let ns = number * factor;
        // A day: longer trials are a typing error, and u64 nanoseconds must stay exact in an f64.
        if ns > 86_400e9 {
            return Err(UnitError(format!("`{text}` is longer than a day")));
        }
        Ok(Span(ns.round() as u64))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (divisor, unit) = match self.0 {
            0 => return write!(f, "0s"),
            n if n >= 1_000_000_000 => (1e9, "s"),
            n if n >= 1_000_000 => (1e6, "ms"),
            n if n >= 1_000 => (1e3, "us"),
            _ => (1.0, "ns"),
        };
        write!(f, "{}{unit}", self.0 as f64 / divisor)
    }
}

impl FromStr for Size {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError(format!("`{text}` is not a size; write a number and one of B, kB, KiB, MB, MiB, such as 128B"));
        let (number, unit) = split(text).ok_or_else(wrong)?;
        let factor = match unit {
            "B" => 1.0,
            "kB" => 1e3,
            "KiB" => 1024.0,
            "MB" => 1e6,
            "MiB" => 1024.0 * 1024.0,
            _ => return Err(wrong()),
        };
        let bytes = number * factor;
        if bytes.fract() != 0.0 || bytes > 1e12 {
            return Err(UnitError(format!("`{text}` is not a whole number of bytes below 1 TB")));
        }
        Ok(Size(bytes as u64))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n >= 1 << 20 && n % (1 << 20) == 0 => write!(f, "{}MiB", n >> 20),
            n if n >= 1 << 10 && n % (1 << 10) == 0 => write!(f, "{}KiB", n >> 10),
            n => write!(f, "{n}B"),
        }
    }
}

impl FromStr for Rate {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError(format!("`{text}` is not a rate; write a number and /s, /m or /h, such as 10/s"));
        let (number, unit) = split(text).ok_or_else(wrong)?;
        let (scale, per) = match unit.strip_prefix('k') {
            Some(rest) => (1e3, rest),
            None => (1.0, unit),
        };
        let seconds = match per {
            "/s" => 1.0,
            "/m" | "/min" => 60.0,
            "/h" => 3600.0,
            _ => return Err(wrong()),
        };
        let per_s = number * scale / seconds;
        if !(per_s > 0.0 && per_s <= 1e7) {
            return Err(UnitError(format!("`{text}` must be more than 0 and at most ten million a second")));
        }
        Ok(Rate(per_s))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

impl FromStr for Percent {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError(format!("`{text}` is not a percentage; write a number and %, such as 5%"));
        match split(text).ok_or_else(wrong)? {
            (number, "%") if number <= 100.0 => Ok(Percent(number / 100.0)),
            (_, "%") => Err(UnitError(format!("`{text}` is more than all of it"))),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // To a millionth: 0.07 × 100 is not 7 in binary.
        write!(f, "{}%", (self.0 * 1e8).round() / 1e6)
    }
}

/// Serde and schema for a quantity that is text in every file.
macro_rules! textual {
    ($type:ident, $expecting:literal, $pattern:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_any(Text)
            }
        }
        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "description": $expecting })
            }
        }
    };
}

textual!(Span, "a duration with its unit, such as 250ms", r"^[0-9._]+ ?(ns|us|µs|ms|s|m|min|h)$");
textual!(Size, "a size with its unit, such as 128B", r"^[0-9._]+ ?(B|kB|KiB|MB|MiB)$");
textual!(Percent, "a percentage, such as 5%", r"^[0-9._]+ ?%$");
textual!(Rate, "a rate with its unit, such as 10/s", r"^[0-9._]+ ?k?/(s|m|min|h)$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!("250ms".parse(), Ok(Span(250_000_000)));
        assert_eq!("1.5 s".parse(), Ok(Span(1_500_000_000)));
        assert_eq!("64KiB".parse(), Ok(Size(65_536)));
        assert_eq!("10/s".parse(), Ok(Rate(10.0)));
        assert_eq!("30/m".parse(), Ok(Rate(0.5)));
        assert_eq!("2k/s".parse(), Ok(Rate(2000.0)));
        assert_eq!("2.5 %".parse(), Ok(Percent(0.025)));
    }

    #[test]
    fn refuses_what_would_be_a_guess() {
        for text in ["250", "ms", "", "1 parsec", "-1s", "2d", "1e3s", "25h"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        for text in ["128", "1.5B", "9999999MiB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
        for text in ["10", "0/s", "10/d", "99999k/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        for text in ["5", "101%", "-1%", "0.05"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_shown_can_be_read_back() {
        for ns in [0, 1, 999, 1_500, 250_000_000, 1_500_000_000, 90_000_000_000] {
            assert_eq!(Span(ns).to_string().parse(), Ok(Span(ns)));
        }
        for percent in [0.0, 0.07, 0.025, 1.0] {
            assert_eq!(Percent(percent).to_string().parse(), Ok(Percent(percent)));
        }
        for bytes in [0, 1, 1000, 1024, 65_536, 1 << 20, (1 << 20) + 1] {
            assert_eq!(Size(bytes).to_string().parse(), Ok(Size(bytes)));
        }
    }
}
