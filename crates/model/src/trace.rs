//! Arrivals as they were recorded: due times out of a text file, one a line. Text in; reading files is the caller's.

use std::fmt::Write as _;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::units::{Rate, Span};

/// Most due times of a trace. They travel to both ends and stand in the record.
pub const MOST_DUE: usize = 10_000;

/// Largest file.
pub const MOST_BYTES: u64 = 1 << 20;

/// Lines that are complained of.
const MOST_PROBLEMS: usize = 5;

/// Longest trace, ns: a day, as of any duration.
const LONGEST_NS: u64 = 86_400_000_000_000;

/// Due times closer together than this are meant to be one burst, ns.
const TOGETHER_NS: u64 = 1_000_000;

/// Recorded due times. Cloning shares them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace(Arc<Recorded>);

#[derive(Debug, PartialEq, Eq)]
struct Recorded {
    /// The file, as the scenario names it.
    file: String,
    /// Offsets from the start, ns, never decreasing, at least two of them different.
    due_ns: Vec<u64>,
}

impl Trace {
    /// Reads the text of a file: offsets from the start, one a line, as a duration with its unit (`250ms`) or a plain number of
    /// seconds; empty lines and what follows a `#` are passed over.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with file and line; the first few lines only.
    pub fn parse(file: &str, text: &str) -> Result<Trace, Vec<String>> {
        let mut problems = Vec::new();
        let mut due_ns: Vec<u64> = Vec::new();
        let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.split('#').next().unwrap_or_default().trim()));
        for (line, word) in lines.filter(|(_, word)| !word.is_empty()) {
            let before = due_ns.last().copied().unwrap_or(0);
            match offset_ns(word) {
                Err(wrong) => problems.push(format!("{file}:{line}: {wrong}")),
                Ok(ns) if ns < before => {
                    problems.push(format!("{file}:{line}: {} is before the line above it; sort the file", Span(ns)));
                }
                Ok(ns) => due_ns.push(ns),
            }
            if due_ns.len() > MOST_DUE {
                problems.push(format!(
                    "{file}:{line}: more than {MOST_DUE} due times; a trace is repeated, so a shorter one will do"
                ));
            }
            if problems.len() >= MOST_PROBLEMS || due_ns.len() > MOST_DUE {
                return Err(problems);
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Trace::new(file, due_ns).map_err(|wrong| vec![format!("{file}: {wrong}")])
    }

    fn new(file: &str, due_ns: Vec<u64>) -> Result<Trace, String> {
        if due_ns.len() > MOST_DUE {
            return Err(format!("more than {MOST_DUE} due times"));
        }
        if due_ns.windows(2).any(|pair| pair[0] > pair[1]) || due_ns.last().is_some_and(|last| *last > LONGEST_NS) {
            return Err("due times must not decrease, nor be later than a day".into());
        }
        if due_ns.first() == due_ns.last() {
            return Err("a trace needs at least two due times that differ".into());
        }
        Ok(Trace(Arc::new(Recorded { file: file.to_string(), due_ns })))
    }

    /// The file, as the scenario names it.
    pub fn file(&self) -> &str {
        &self.0.file
    }

    /// Due times, offsets in ns.
    pub fn due_ns(&self) -> &[u64] {
        &self.0.due_ns
    }

    /// How long one round takes, ns: from its last message to the first of the next round is the mean gap, or what the first line
    /// says if that is longer.
    pub fn round_ns(&self) -> u64 {
        let (first, last) = (self.0.due_ns[0], self.0.due_ns[self.0.due_ns.len() - 1]);
        last + ((last - first) / (self.0.due_ns.len() as u64 - 1)).saturating_sub(first)
    }

    /// Messages a second, over whole rounds.
    pub fn rate(&self) -> Rate {
        Rate(self.0.due_ns.len() as f64 / self.round_ns() as f64 * 1e9)
    }

    /// The n-th due time of the trace repeated end to end, offset in ns, if it begins at `from_ns` of its first round.
    pub(crate) fn nth_ns(&self, n: u64, from_ns: u64) -> u64 {
        let n = n + self.0.due_ns.partition_point(|due| *due < from_ns) as u64;
        let all = self.0.due_ns.len() as u64;
        (n / all).saturating_mul(self.round_ns()).saturating_add(self.0.due_ns[(n % all) as usize]) - from_ns
    }

    /// The most messages that are due within a millisecond.
    pub(crate) fn most_at_once(&self) -> u32 {
        let within = |(at, due): (usize, &u64)| self.0.due_ns[at..].partition_point(|other| other - due < TOGETHER_NS) as u32;
        self.0.due_ns.iter().enumerate().map(within).max().unwrap_or(1)
    }

    /// The due times as one text, as they travel.
    pub(crate) fn text(&self) -> String {
        self.0.due_ns.iter().fold(String::new(), |mut text, due| {
            let _ = write!(text, "{}{due}", if text.is_empty() { "" } else { " " });
            text
        })
    }
}

fn offset_ns(word: &str) -> Result<u64, String> {
    if let Ok(seconds) = word.parse::<f64>() {
        let ns = seconds * 1e9;
        return if (0.0..=LONGEST_NS as f64).contains(&ns) {
            Ok(ns.round() as u64)
        } else {
            Err(format!("`{word}` seconds; between 0 and a day is possible"))
        };
    }
    let wrong = |_| {
        format!("`{}` is not a time; write seconds, such as 1.5, or a number with its unit, such as 250ms", word.escape_debug())
    };
    word.parse::<Span>().map(Span::ns).map_err(wrong)
}

/// In a plan: the file's name, and its due times in ns, separated by blanks, which is one line of JSON instead of thousands.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Travelling {
    file: String,
    due_ns: String,
}

impl Serialize for Trace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Travelling { file: self.0.file.clone(), due_ns: self.text() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Trace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Trace;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the name of a file of due times")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Trace, A::Error> {
                let Travelling { file, due_ns } = Travelling::deserialize(MapAccessDeserializer::new(map))?;
                let due: Result<Vec<u64>, _> = due_ns.split_ascii_whitespace().take(MOST_DUE + 1).map(str::parse).collect();
                Trace::new(&file, due.map_err(de::Error::custom)?).map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl JsonSchema for Trace {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Trace".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "In a scenario, the name of a text file of due times, one a line, beside the scenario. In a plan, what was read from it: due times in ns, separated by blanks.",
            "anyOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": { "file": { "type": "string" }, "due_ns": { "type": "string" } },
                    "required": ["file", "due_ns"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(due_ns: &[u64]) -> Trace {
        Trace::new("t", due_ns.to_vec()).unwrap()
    }

    #[test]
    fn a_file_is_read_line_by_line() {
        let trace = Trace::parse("a.txt", "# seconds\n0\n0.25 # a quarter\n\n  250ms\n1.5s\r\n2e0\n").unwrap();
        assert_eq!(trace.due_ns(), [0, 250_000_000, 250_000_000, 1_500_000_000, 2_000_000_000]);
        // Five messages in four gaps of half a second, and one more.
        assert_eq!((trace.round_ns(), trace.rate(), trace.most_at_once()), (2_500_000_000, Rate(2.0), 2));
        assert_eq!(serde_json::from_str::<Trace>(&serde_json::to_string(&trace).unwrap()).unwrap(), trace);
    }

    #[test]
    fn whatever_is_wrong_has_file_and_line() {
        let of = |text: &str| Trace::parse("a.txt", text).unwrap_err();
        assert_eq!(
            of("0\nsoon\n3\n2\n-1\ninf\n90000\n7\n"),
            [
                "a.txt:2: `soon` is not a time; write seconds, such as 1.5, or a number with its unit, such as 250ms",
                "a.txt:4: 2s is before the line above it; sort the file",
                "a.txt:5: `-1` seconds; between 0 and a day is possible",
                "a.txt:6: `inf` seconds; between 0 and a day is possible",
                "a.txt:7: `90000` seconds; between 0 and a day is possible",
            ]
        );
        assert_eq!(of(""), ["a.txt: a trace needs at least two due times that differ"]);
        assert_eq!(of("1\n1\n"), ["a.txt: a trace needs at least two due times that differ"]);
        let many: String = (0..MOST_DUE + 5).map(|n| format!("{n}ms\n")).collect();
        assert_eq!(of(&many), ["a.txt:10001: more than 10000 due times; a trace is repeated, so a shorter one will do"]);
        for json in [r#"{"file":"a","due_ns":"2 1"}"#, r#"{"file":"a","due_ns":"1 x"}"#, r#"{"file":"a","due_ns":"1"}"#, "\"a\""]
        {
            assert!(serde_json::from_str::<Trace>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn rounds_follow_each_other_without_a_seam() {
        assert_eq!(of(&[0, 10, 20]).round_ns(), 30);
        assert_eq!(of(&[10, 20, 30]).round_ns(), 30);
        assert_eq!(of(&[25, 30]).round_ns(), 30);
        let trace = of(&[0, 10, 25]);
        assert_eq!((0..5).map(|n| trace.nth_ns(n, 0)).collect::<Vec<_>>(), [0, 10, 25, 37, 47]);
        // Begun in its middle.
        assert_eq!((0..5).map(|n| trace.nth_ns(n, 5)).collect::<Vec<_>>(), [5, 20, 32, 42, 57]);
    }

    proptest! {
        #[test]
        fn keeps_its_rate_wherever_it_begins(mut due in prop::collection::vec(0u64..1_000_000_000, 2..50), from in 0.0f64..1.0) {
            due.sort_unstable();
            prop_assume!(due[0] != due[due.len() - 1]);
            let trace = of(&due);
            let from_ns = (from * trace.round_ns() as f64) as u64;
            let all: Vec<u64> = (0..due.len() as u64 * 7).map(|n| trace.nth_ns(n, from_ns)).collect();
            prop_assert!(all.windows(2).all(|pair| pair[0] <= pair[1]));
            // One round later everything is the same again.
            let shifted = all.iter().zip(&all[due.len()..]).all(|(one, next)| next - one == trace.round_ns());
            prop_assert!(shifted);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9a-z. \n#-]{0,200}") {
            let _ = Trace::parse("a", &text);
        }
    }
}
