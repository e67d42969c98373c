//! `at_scale`: the size of a service for which the report is to say what it would cost. It changes nothing in a run; what the
//! report makes of it is `wirecost-report`'s.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::units::{Rate, Size, UnitError};

/// What the report extrapolates to; nothing of it is run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AtScale {
    /// How many clients are connected at a time.
    pub clients: Many,
    /// Messages per second of each client.
    pub rate: Rate,
    /// Payload size of a message; the workload's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Size>,
}

/// A large whole number. Written `250k`, `1M`, or in digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Many(pub u64);

/// More clients than there are people is a typing error.
const MOST: f64 = 1e10;

impl FromStr for Many {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::new(format!("`{text}` is not a number of clients; write digits, or k or M, such as 1M"));
        let trimmed = text.trim();
        let (digits, factor) = match trimmed.strip_suffix('k') {
            Some(rest) => (rest, 1e3),
            None => trimmed.strip_suffix('M').map_or((trimmed, 1.0), |rest| (rest, 1e6)),
        };
        let plain = digits.replace('_', "");
        if plain.is_empty() || !plain.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return Err(wrong());
        }
        let number = plain.parse::<f64>().map_err(|_| wrong())? * factor;
        if number.fract() != 0.0 || !(1.0..=MOST).contains(&number) {
            return Err(UnitError::new(format!("`{text}` must be a whole number from 1 to ten thousand million")));
        }
        Ok(Many(number as u64))
    }
}

impl fmt::Display for Many {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n % 1_000_000 == 0 => write!(f, "{}M", n / 1_000_000),
            n if n % 1_000 == 0 => write!(f, "{}k", n / 1_000),
            n => write!(f, "{n}"),
        }
    }
}

impl Serialize for Many {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Many {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Many;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of clients, such as 250k or 1M")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Many, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Many, E> {
                number.to_string().parse().map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Many, E> {
                number.to_string().parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Many {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Many".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "a whole number, such as 250k or 1M",
            "anyOf": [{ "type": "string", "pattern": "^[0-9._]+[kM]?$" }, { "type": "integer", "minimum": 1 }]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_as_people_write_it_and_travels() {
        for (text, number) in [("1M", 1_000_000), ("2.5k", 2_500), ("250k", 250_000), ("7", 7), ("1_001", 1_001)] {
            let many: Many = text.parse().unwrap();
            assert_eq!(many, Many(number));
            assert_eq!(many.to_string().parse(), Ok(many));
        }
        for text in ["", "M", "0", "1.5", "-3", "1G", "99999M", "1e6", "inf"] {
            assert!(text.parse::<Many>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_scenario_takes_it_and_says_what_is_wrong_with_it() {
        let yaml =
            |at: &str| format!("name: a\nquestion: b\nworkload: {{ push: {{ rate: 1/s }} }}\narms: [sse]\nat_scale: {at}\n");
        let loaded = crate::scenario::load(&yaml("{ clients: 1M, rate: 1/s }")).unwrap();
        assert_eq!(loaded.scenario.at_scale, Some(AtScale { clients: Many(1_000_000), rate: Rate(1.0), payload: None }));
        assert!(crate::scenario::load(&yaml("{ clients: 1000, rate: 1/m, payload: 1KiB }")).is_ok());
        for wrong in
            ["{ clients: 1M }", "{ clients: lots, rate: 1/s }", "{ clients: 0, rate: 1/s }", "{ clients: 1M, rate: 1/s, x: 1 }"]
        {
            let problems = crate::scenario::load(&yaml(wrong)).unwrap_err();
            assert_eq!(problems.len(), 1, "{wrong}: {problems:?}");
        }
    }
}
