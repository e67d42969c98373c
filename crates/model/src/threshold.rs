//! `websocket.delivery.p99 < 50ms`: a condition on an arm's numbers, or on those of every arm. Reading
//! it is done here, before a run starts; judging it is the report's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::{Scenario, Workload};
use crate::units::Span;

/// A condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Threshold {
    /// As written.
    pub text: String,
    /// The arm meant; all arms if absent.
    pub arm: Option<String>,
    /// The metric's name, from [`METRICS`].
    pub metric: String,
    /// How to compare.
    pub comparison: Comparison,
    /// What to compare to, in the metric's base unit (ns, bytes, counts).
    pub value: f64,
}

/// How a metric is compared to the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Comparison {
    /// `<`
    #[serde(rename = "<")]
    Less,
    /// `<=`
    #[serde(rename = "<=")]
    AtMost,
    /// `>`
    #[serde(rename = ">")]
    More,
    /// `>=`
    #[serde(rename = ">=")]
    AtLeast,
    /// `==`
    #[serde(rename = "==")]
    Equal,
    /// `!=`
    #[serde(rename = "!=")]
    NotEqual,
}

impl Comparison {
    /// Whether `left` stands in this relation to `right`.
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Comparison::Less => left < right,
            Comparison::AtMost => left <= right,
            Comparison::More => left > right,
            Comparison::AtLeast => left >= right,
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
        }
    }
}

/// What a threshold may be about. Those with a dot are times in ns, all others plain numbers.
pub const METRICS: &[&str] = &[
    "delivery.p50",
    "delivery.p95",
    "delivery.p99",
    "delivery.p999",
    "delivery.max",
    "delivery.mean",
    "service.p50",
    "service.p99",
    "lost",
    "duplicated",
    "reordered",
    "corrupted",
    "missed_polls",
    "recovery.p50",
    "recovery.p99",
    "recovery.max",
    "missed",
    "wire_bytes_per_message",
    "requests_per_message",
    "server_cpu_us_per_message",
    "client_cpu_us_per_message",
];

impl Threshold {
    /// What holds exactly if this does not, as `--fail-if` needs it.
    pub fn opposite(&self) -> Threshold {
        let comparison = match self.comparison {
            Comparison::Less => Comparison::AtLeast,
            Comparison::AtMost => Comparison::More,
            Comparison::More => Comparison::AtMost,
            Comparison::AtLeast => Comparison::Less,
            Comparison::Equal => Comparison::NotEqual,
            Comparison::NotEqual => Comparison::Equal,
        };
        Threshold { text: format!("not: {}", self.text), comparison, ..self.clone() }
    }

    /// Reads a condition; arms are looked up in the scenario.
    ///
    /// # Errors
    /// What is wrong and what would be right.
    pub fn parse(text: &str, scenario: &Scenario) -> Result<Threshold, String> {
        let operators = [
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<", Comparison::Less),
            (">", Comparison::More),
        ];
        let Some((left, comparison, right)) =
            operators.iter().find_map(|(o, c)| text.split_once(o).map(|(l, r)| (l.trim(), *c, r.trim())))
        else {
            return Err(format!("`{text}` is no condition; write such as `websocket.delivery.p99 < 50ms` or `lost == 0`"));
        };
        let name = |a: &crate::scenario::Arm| a.options.name.clone().unwrap_or_else(|| a.transport.row().name.to_string());
        // Arms' names may contain dots, so they are looked for and not split off; and one's may begin with another's.
        let of_arms =
            || scenario.arms.iter().map(name).filter_map(|arm| Some((left.strip_prefix(&arm)?.strip_prefix('.')?, arm)));
        let of_arm = of_arms().find(|(metric, _)| METRICS.contains(metric)).or_else(|| of_arms().next());
        let (arm, metric) = match of_arm {
            Some((metric, arm)) => (Some(arm), metric),
            None => (None, left),
        };
        if !METRICS.contains(&metric) {
            return Err(format!("`{metric}` is neither a metric nor an arm's; metrics are {}", METRICS.join(", ")));
        }
        if (metric == "missed" || metric.starts_with("recovery.")) && !matches!(scenario.workload, Workload::Reconnect(_)) {
            return Err(format!("`{metric}` is about connections that were cut off: it needs the workload `reconnect`"));
        }
        let timed = metric.contains('.');
        let value = if timed {
            right.parse::<Span>().map_err(|e| e.to_string())?.ns() as f64
        } else {
            right.parse::<f64>().map_err(|_| format!("`{right}` is not a number"))?
        };
        Ok(Threshold { text: text.to_string(), arm, metric: metric.to_string(), comparison, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_arms_with_dots_and_refuses_what_is_not_there() {
        let yaml = "name: a\nquestion: b\nworkload: { push: { rate: 10/s } }\narms: [{ sse: { name: tls 1.3 } }, websocket]\n";
        let scenario = crate::scenario::load(yaml).expect("valid").scenario;
        let threshold = Threshold::parse("tls 1.3.delivery.p99 < 50ms", &scenario).expect("valid");
        assert_eq!(
            (threshold.arm.as_deref(), threshold.metric.as_str(), threshold.value),
            (Some("tls 1.3"), "delivery.p99", 5e7)
        );
        let yaml = yaml.replace("websocket]", "{ websocket: { name: tls 1 } }]");
        let both = crate::scenario::load(&yaml).expect("valid").scenario;
        for (text, arm) in [("tls 1.3.lost == 0", "tls 1.3"), ("tls 1.lost == 0", "tls 1")] {
            assert_eq!(Threshold::parse(text, &both).expect("valid").arm.as_deref(), Some(arm));
        }
        assert_eq!(threshold.opposite().comparison, Comparison::AtLeast);
        assert_eq!(Threshold::parse("lost != 0", &scenario).expect("valid").arm, None);
        for wrong in
            ["missed == 0", "recovery.p50 < 1s", "sse.lost == 0", "delivery.p99 < 50", "lost = 0", "speed > 3", "lost == some"]
        {
            assert!(Threshold::parse(wrong, &scenario).is_err(), "{wrong}");
        }
        let yaml = "name: a\nquestion: b\nworkload: { reconnect: { rate: 10/s } }\narms: [sse]\n";
        let scenario = crate::scenario::load(yaml).expect("valid").scenario;
        assert_eq!(Threshold::parse("sse.recovery.max < 2s", &scenario).expect("valid").value, 2e9);
        assert_eq!(Threshold::parse("missed == 0", &scenario).expect("valid").metric, "missed");
    }
}
