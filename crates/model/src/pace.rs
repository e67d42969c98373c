//! How fast messages come: a steady rate, or one that rises or falls linearly. When the n-th message is due follows from the
//! integral of the rate, exactly; a ramp is not a staircase of steady seconds.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::units::{Rate, Span};

/// Messages per second of a stream. Written `10/s`, or `{ from: 1/s, to: 100/s }`.
///
/// The first field is the mean, of a ramp over its length, which is all that most readers want.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace(pub f64, Option<Ramp>);

/// A rate that changes linearly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// At the start of the warm-up.
    pub from: Rate,
    /// At the end of the ramp, and from then on.
    pub to: Rate,
    /// How long it takes; the warm-up and the measured window if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Span>,
}

impl From<Rate> for Pace {
    fn from(rate: Rate) -> Pace {
        Pace(rate.0, None)
    }
}

impl From<Ramp> for Pace {
    fn from(ramp: Ramp) -> Pace {
        Pace((ramp.from.0 + ramp.to.0) / 2.0, Some(ramp))
    }
}

impl Pace {
    /// The ramp, if it is one.
    pub fn ramp(self) -> Option<Ramp> {
        self.1
    }

    /// A ramp of which nothing else is said takes `span`.
    #[must_use]
    pub fn over(self, span: Span) -> Pace {
        Pace(self.0, self.1.map(|ramp| Ramp { over: ramp.over.or(Some(span)), ..ramp }))
    }

    /// Messages due in the first `offset_ns`, a real number: the integral of the rate.
    pub fn count(self, offset_ns: f64) -> f64 {
        let Pace(per_s, ramp) = self;
        let Some((from, to, over_ns)) = ramp.map(per_ns) else { return offset_ns * per_s / 1e9 };
        let within = offset_ns.min(over_ns);
        let slope = if over_ns > 0.0 { (to - from) / over_ns } else { 0.0 };
        within * (from + slope * within / 2.0) + (offset_ns - within) * to
    }

    /// When `count` messages have become due, offset in ns: the inverse of [`Pace::count`].
    pub fn offset_ns(self, count: f64) -> f64 {
        let Pace(per_s, ramp) = self;
        let Some((from, to, over_ns)) = ramp.map(per_ns) else { return count * (1e9 / per_s) };
        let whole = over_ns * (from + to) / 2.0;
        if count >= whole {
            return over_ns + (count - whole) / to;
        }
        // The quadratic formula in the form that has no difference of near numbers; `count < whole` keeps the root real but
        // for rounding.
        let slope = (to - from) / over_ns;
        2.0 * count / (from + (from * from + 2.0 * slope * count).max(0.0).sqrt())
    }
}

/// Both ends, messages per ns, and the length, ns.
fn per_ns(ramp: Ramp) -> (f64, f64, f64) {
    (ramp.from.0 / 1e9, ramp.to.0 / 1e9, ramp.over.unwrap_or_default().ns() as f64)
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            None => Rate(self.0).fmt(f),
            Some(Ramp { from, to, .. }) => write!(f, "{from} to {to}"),
        }
    }
}

impl Serialize for Pace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.1 {
            None => Rate(self.0).serialize(serializer),
            Some(ramp) => ramp.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Pace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Pace;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a rate with its unit, such as 10/s, or a ramp such as { from: 1/s, to: 100/s }")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Pace, E> {
                text.parse::<Rate>().map(Pace::from).map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Pace, A::Error> {
                Ramp::deserialize(MapAccessDeserializer::new(map)).map(Pace::from)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Pace {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Pace".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let either = [generator.subschema_for::<Rate>(), generator.subschema_for::<Ramp>()];
        json_schema!({ "description": "messages per second, steady or changing linearly", "anyOf": either })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ramp(from: f64, to: f64, over_ns: u64) -> Pace {
        Ramp { from: Rate(from), to: Rate(to), over: Some(Span(over_ns)) }.into()
    }

    proptest! {
        #[test]
        fn when_and_how_many_are_inverse(from in 0.1f64..10_000.0, to in 0.1f64..10_000.0, over_ms in 0u64..100_000, share in 0.0f64..3.0) {
            let pace = ramp(from, to, over_ms * 1_000_000);
            let offset_ns = share * (over_ms * 1_000_000) as f64;
            let again = pace.offset_ns(pace.count(offset_ns));
            prop_assert!((again - offset_ns).abs() <= 1.0 + offset_ns * 1e-6, "{} {}", again, offset_ns);
        }

        #[test]
        fn a_level_ramp_is_a_steady_rate(per_s in 0.1f64..10_000.0, over_ms in 1u64..100_000, count in 0.0f64..10_000.0) {
            let (level, steady) = (ramp(per_s, per_s, over_ms * 1_000_000), Pace::from(Rate(per_s)));
            prop_assert!((level.offset_ns(count) - steady.offset_ns(count)).abs() < 2.0);
        }
    }

    #[test]
    fn is_written_as_people_write_it_and_travels() {
        let steady: Pace = serde_json::from_str("\"10/s\"").unwrap();
        assert_eq!((steady, steady.to_string().as_str()), (Rate(10.0).into(), "10/s"));
        let rising: Pace = serde_json::from_str(r#"{ "from": "1/s", "to": "99/s" }"#).unwrap();
        assert_eq!((rising.0, rising.to_string().as_str()), (50.0, "1/s to 99/s"));
        let resolved = rising.over(Span::ms(2_000));
        assert!((resolved.count(2e9) - 100.0).abs() < 1e-9);
        for pace in [steady, rising, resolved] {
            assert_eq!(serde_json::from_str::<Pace>(&serde_json::to_string(&pace).unwrap()).unwrap(), pace);
        }
        assert!(serde_json::from_str::<Pace>("10").is_err());
        assert!(serde_json::from_str::<Pace>(r#"{ "from": "1/s" }"#).is_err());
    }
}
