//! The query part of request targets: names and values that need no escapes. Unknown names are passed over, so that a client
//! may add what its own caches need.

use std::time::Duration;

use hyper::http::request;

use crate::answer::Refusal;
use crate::hub::SEPARATOR;

/// Where messages go that belong to no client in particular.
const DEFAULT_ROOM: &str = "all";

/// How long a long poll may be held, ms.
const HOLD_MS: std::ops::RangeInclusive<u64> = 100..=120_000;
const DEFAULT_HOLD_MS: u64 = 25_000;

/// The query of one request.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    /// Of a request.
    pub fn of(parts: &'a request::Parts) -> Query<'a> {
        Query(parts.uri.query().unwrap_or_default())
    }

    /// The first value of a name.
    pub fn get(self, name: &str) -> Option<&'a str> {
        self.0.split('&').filter_map(|pair| pair.split_once('=')).find_map(|(key, value)| (key == name).then_some(value))
    }

    /// `room`: which room, or several parted by dots. Whether these are names of rooms the hub decides.
    pub fn room(self) -> &'a str {
        self.get("room").unwrap_or(DEFAULT_ROOM)
    }

    /// `after`: the number of the first message wanted in each room, which is the `next` of the last answer; empty if absent.
    ///
    /// # Errors
    /// It is not a number, or several parted by dots.
    pub fn after(self) -> Result<Vec<u64>, Refusal> {
        let numbers = |value: &str| value.split(SEPARATOR).map(|value| number("after", value)).collect();
        self.get("after").map_or(Ok(Vec::new()), numbers)
    }

    /// `hold_ms`: how long to hold a long poll.
    ///
    /// # Errors
    /// It is not a number, or too small or large.
    pub fn hold(self) -> Result<Duration, Refusal> {
        let hold_ms = self.get("hold_ms").map_or(Ok(DEFAULT_HOLD_MS), |value| number("hold_ms", value))?;
        if !HOLD_MS.contains(&hold_ms) {
            let reason = format!("hold_ms must be {} to {}, not {hold_ms}", HOLD_MS.start(), HOLD_MS.end());
            return Err(Refusal::bad_request(reason));
        }
        Ok(Duration::from_millis(hold_ms))
    }

    /// `frame=binary`: whether messages are to be binary.
    ///
    /// # Errors
    /// It is neither `binary` nor `text`.
    pub fn is_binary(self) -> Result<bool, Refusal> {
        match self.get("frame") {
            None | Some("text") => Ok(false),
            Some("binary") => Ok(true),
            Some(_) => Err(Refusal::bad_request("frame must be text or binary")),
        }
    }
}

/// A decimal number, digits only.
pub fn number(name: &str, text: &str) -> Result<u64, Refusal> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let parsed = if digits { text.parse().ok() } else { None };
    parsed.ok_or_else(|| Refusal::bad_request(format!("{name} must be a number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_and_checked() {
        let query = Query("room=c7&after=12&hold_ms=100&x&=&frame=binary&after=9");
        assert_eq!(query.room(), "c7");
        assert_eq!(query.after(), Ok(vec![12]));
        assert_eq!(query.hold(), Ok(Duration::from_millis(100)));
        assert_eq!(query.is_binary(), Ok(true));
        let query = Query("");
        assert_eq!((query.room(), query.after(), query.is_binary()), ("all", Ok(vec![]), Ok(false)));
        assert_eq!(query.hold(), Ok(Duration::from_millis(25_000)));
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(Query("after=1.20.3").after(), Ok(vec![1, 20, 3]));
        for after in ["", "1.", "1..2", "-1", "+1", "1.x", "x", "18446744073709551616", "%31"] {
            assert!(Query(&format!("after={after}")).after().is_err(), "{after}");
        }
        for hold in ["99", "120001", "x"] {
            assert!(Query(&format!("hold_ms={hold}")).hold().is_err(), "{hold}");
        }
        assert!(Query("frame=Text").is_binary().is_err());
    }
}
