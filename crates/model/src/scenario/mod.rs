//! A scenario: a question and everything needed to answer it, as the YAML file says it.
//!
//! `node` reads YAML into a tree that knows where everything stands, `de` turns the tree into the
//! types below, `load` does both, sweeps the axes and collects every problem at once. What the values
//! mean together is checked in `check`. None of it touches a file.
//!
//! The words are here for the file as a whole and in a file each for its parts: `workload`, `arm` with `options` and `tls`,
//! `target`, `search`, `at_scale`. All are reached from here.

mod arm;
mod at_scale;
mod check;
mod de;
mod load;
mod node;
mod options;
mod search;
pub mod target;
mod tls;
mod traces;
mod workload;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use arm::{Arm, ArmOptions};
pub use at_scale::{AtScale, Many};
pub use load::{Loaded, Problem, Variant, hash, load, load_with, tls_options};
pub use options::{EmptyAnswer, Engine, Frame, Headers, HttpVersion, Pacing, Stack, Via};
pub use search::{ClientRange, RateRange, Search};
pub use target::{Target, TargetChoice};
pub use tls::{KeyExchange, Tls, TlsOptions, TlsVersion};
pub use traces::ReadFile;
pub use workload::{Audience, Chat, Duplex, Echo, Idle, Push, Reconnect, Upload, Workload};

use crate::faults::Faults;
use crate::units::{Rate, Span};

/// One YAML file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Short name, `[a-z0-9-]`; part of the name of the results folder.
    pub name: String,
    /// The question that the report answers.
    pub question: String,
    /// What the application does.
    pub workload: Workload,
    /// How many clients are connected.
    #[serde(default = "one")]
    pub clients: u32,
    /// The phases of a trial.
    #[serde(default)]
    pub trial: TrialTiming,
    /// Trials of each cell. Six is the least for which a 95 % interval of the median exists.
    #[serde(default = "six")]
    pub trials: u32,
    /// The source of all chance in the plan.
    #[serde(default = "one_seed")]
    pub seed: u64,
    /// The competitors.
    pub arms: Vec<Arm>,
    /// The arm that others are compared to; the first if absent.
    #[serde(default)]
    pub baseline: Option<String>,
    /// The server that is measured: the reference server if absent. An arm's own comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetChoice>,
    /// Parameters to sweep: `clients: [10, 50]`, `interval: [100ms, 1s]`, `workload.push.rate: […]`.
    #[serde(default)]
    pub axes: BTreeMap<String, Vec<Scalar>>,
    /// Options for every arm that takes them; an arm's own come first.
    #[serde(default)]
    pub defaults: ArmOptions,
    /// What the reference server does wrong on purpose, to see that it is noticed.
    #[serde(default, skip_serializing_if = "Faults::is_none")]
    pub faults: Faults,
    /// Where the trial's network is.
    #[serde(default)]
    pub wire: Wire,
    /// Largest IP packet of a private network, bytes; 1500 is Ethernet's.
    #[serde(default = "ethernet_mtu")]
    pub mtu: u32,
    /// In place of a fixed number of trials: the highest rate, or the most clients, at which a condition still holds, for each arm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// What must hold for the run to exit 0, such as `websocket.delivery.p99 < 50ms`.
    #[serde(default)]
    pub thresholds: Vec<String>,
    /// The size of a service that the report extrapolates to: `{ clients: 1M, rate: 1/s }`. Nothing of it is run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_scale: Option<AtScale>,
    /// Prose that the report prints beside the numbers.
    #[serde(default)]
    pub analysis: String,
}

/// Ethernet's.
pub(crate) fn ethernet_mtu() -> u32 {
    1500
}

fn one() -> u32 {
    1
}

fn one_seed() -> u64 {
    1
}

fn six() -> u32 {
    6
}

/// The phases of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialTiming {
    /// Clients that begin to connect a second, one after another at its due time, whether those before are connected or not; as
    /// fast as they are let in if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<Rate>,
    /// Messages flow, nothing is recorded.
    #[serde(default = "TrialTiming::default_warmup")]
    pub warmup: Span,
    /// The measured window.
    #[serde(default = "TrialTiming::default_measure")]
    pub measure: Span,
    /// How long to wait, at most, for what is still on its way.
    #[serde(default = "TrialTiming::default_drain")]
    pub drain: Span,
}

impl TrialTiming {
    fn default_warmup() -> Span {
        Span::ms(1000)
    }
    fn default_measure() -> Span {
        Span::ms(5000)
    }
    fn default_drain() -> Span {
        Span::ms(2000)
    }
}

impl TrialTiming {
    /// How long it takes until the last of so many clients begins to connect, if that has a rate.
    pub fn connecting(&self, clients: u32) -> Span {
        let last = f64::from(clients.saturating_sub(1));
        self.connect.map_or(Span(0), |rate| Span((last / rate.0 * 1e9) as u64))
    }

    /// How long messages flow.
    pub fn flow(&self) -> Span {
        Span(self.warmup.ns() + self.measure.ns())
    }
}

impl Default for TrialTiming {
    fn default() -> Self {
        TrialTiming {
            connect: None,
            warmup: Self::default_warmup(),
            measure: Self::default_measure(),
            drain: Self::default_drain(),
        }
    }
}

/// Where the packets of a trial go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wire {
    /// Private if the machine allows it, else host.
    #[default]
    Auto,
    /// A network namespace of the trial's own: every packet is the trial's, counted by the kernel.
    Private,
    /// The host's loopback.
    Host,
}

/// A value of an axis, as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// `true`.
    Bool(bool),
    /// `50`.
    Int(i64),
    /// `0.5`.
    Float(f64),
    /// `250ms`.
    Text(String),
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scalar::Bool(v) => write!(f, "{v}"),
            Scalar::Int(v) => write!(f, "{v}"),
            Scalar::Float(v) => write!(f, "{v}"),
            Scalar::Text(v) => f.write_str(v),
        }
    }
}

impl Scenario {
    /// The defaults of its arms, its target among them.
    pub fn with_target(&self) -> ArmOptions {
        ArmOptions { target: self.defaults.target.clone().or_else(|| self.target.clone()), ..self.defaults.clone() }
    }
}
