//! The search for the highest level (a rate, or a number of clients) at which a condition still holds: what is searched, which
//! levels there are, and what became of it. Where to look next is `walk`'s; how the plan grows by it is `grow`'s.
//!
//! Nothing here runs or judges a trial. A search is a function of the outcomes that it is given, in any order, so that a run
//! that was interrupted goes on where it was by looking at the trials that are on disk.
//!
//! Each arm, at each point of the axes, is searched for itself; it is called a **subject** here. The levels are fixed
//! beforehand: a ladder whose steps are as high as the precision. So "the next step above" is a level like any other, and the
//! search works on numbers of steps.

mod grow;
mod ladder;
mod walk;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use ladder::{clients, rates};
pub use walk::{Next, RETRIES, Tally, bracket, most_trials, next, trials_without_trouble};

use crate::plan::Cell;
use crate::scenario::{Scalar, Workload};
use crate::threshold::Threshold;
use crate::units::Rate;

/// What is searched over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Searched {
    /// Messages per second, as the workload means it.
    Rate,
    /// How many clients are connected.
    Clients,
}

impl Searched {
    /// Its key in a scenario and in the point of a cell.
    pub fn name(self) -> &'static str {
        match self {
            Searched::Rate => "rate",
            Searched::Clients => "clients",
        }
    }

    /// A level as the point of a cell has it.
    pub fn scalar(self, level: f64) -> Scalar {
        match self {
            Searched::Rate => Scalar::Text(Rate(level).to_string()),
            Searched::Clients => Scalar::Int(level as i64),
        }
    }

    /// A level in words: `120/s`, `50 clients`.
    pub fn show(self, level: f64) -> String {
        match self {
            Searched::Rate => Rate(level).to_string(),
            Searched::Clients if level == 1.0 => "1 client".into(),
            Searched::Clients => format!("{level} clients"),
        }
    }

    /// Where a cell stands.
    pub fn of(self, cell: &Cell) -> Option<f64> {
        match self {
            Searched::Clients => Some(f64::from(cell.clients)),
            Searched::Rate => match &cell.workload {
                Workload::Push(push) => Some(push.rate.0),
                Workload::Upload(upload) => Some(upload.rate.0),
                Workload::Chat(chat) => Some(chat.rate.0),
                Workload::Reconnect(reconnect) => Some(reconnect.rate.0),
                Workload::Duplex(_) | Workload::Echo(_) | Workload::Idle(_) => None,
            },
        }
    }

    /// The same cell at another level.
    #[must_use]
    pub fn at(self, cell: &Cell, level: f64) -> Cell {
        let mut cell = cell.clone();
        cell.point.insert(self.name().into(), self.scalar(level));
        match self {
            Searched::Clients => cell.clients = level as u32,
            Searched::Rate => match &mut cell.workload {
                Workload::Push(push) => push.rate = Rate(level).into(),
                Workload::Upload(upload) => upload.rate = Rate(level).into(),
                Workload::Chat(chat) => chat.rate = Rate(level).into(),
                Workload::Reconnect(reconnect) => reconnect.rate = Rate(level).into(),
                Workload::Duplex(_) | Workload::Echo(_) | Workload::Idle(_) => {}
            },
        }
        cell
    }
}

/// A search, as a plan has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SearchPlan {
    /// What is searched over.
    pub what: Searched,
    /// The levels from the lowest to the highest, messages per second or clients.
    pub levels: Vec<f64>,
    /// What has to hold in a trial.
    pub condition: Threshold,
    /// How many further trials have to say the same of the answer and of the step above it.
    pub confirm: u32,
    /// How many cells of the plan are its subjects: the first so many, each at the lowest level.
    pub subjects: usize,
}

impl SearchPlan {
    /// The most trials that one subject can take.
    pub fn most_trials(&self) -> u32 {
        most_trials(&self.levels, self.confirm)
    }
}

/// What a trial says of its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The condition held.
    Held,
    /// It did not.
    Failed,
    /// A gate voided the trial, or what the condition is about was not measured: neither.
    Void,
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The step above the answer does not hold.
    Found,
    /// The highest level holds: the limit lies above it, and the answer is a floor.
    TopHeld,
    /// The lowest level does not hold: there is no answer.
    BottomFailed,
    /// All trials of the step above are void: the answer, if there is one, is a floor.
    Unjudged,
    /// The bound on trials was reached: the trials contradict one another too much.
    TrialsSpent,
    /// The run ended before the search.
    Unfinished,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SearchResult {
    /// What was searched over.
    pub what: Searched,
    /// What had to hold.
    pub condition: Threshold,
    /// How many further trials had to say the same.
    pub confirm: u32,
    /// The lowest and the highest level.
    pub bounds: [f64; 2],
    /// Of each subject, in the order of the plan.
    pub answers: Vec<SearchAnswer>,
}

/// What was found of one arm at one point of the other axes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SearchAnswer {
    /// The arm.
    pub arm: String,
    /// Where on the axes beside the searched one.
    pub point: BTreeMap<String, Scalar>,
    /// The highest level that held, messages per second or clients; absent if none did.
    pub held: Option<f64>,
    /// The lowest level above it that did not hold, or could not be judged.
    pub failed: Option<f64>,
    /// Why the search ended.
    pub stop: Stop,
    /// What kept the level above from being judged: names of gates, or what was not measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub voided_by: Vec<String>,
    /// The levels that were looked at, from the lowest.
    pub levels: Vec<ProbedLevel>,
}

impl SearchAnswer {
    /// What was seen at a level.
    pub fn at(&self, level: Option<f64>) -> Option<&ProbedLevel> {
        self.levels.iter().find(|probed| Some(probed.level) == level)
    }
}

/// What was seen at one level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProbedLevel {
    /// Messages per second, or clients.
    pub level: f64,
    /// Its cell.
    pub cell: usize,
    /// Trials in which the condition held.
    pub held: u32,
    /// Trials in which it did not.
    pub failed: u32,
    /// Trials that say neither.
    pub void: u32,
    /// What the condition is about: the median over trials that say something, in the metric's base unit (ns, bytes, counts).
    pub seen: Option<f64>,
}
