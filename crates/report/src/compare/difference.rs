//! How two runs were set up differently, field by field: what a reader should know before any number, and what makes them
//! incomparable.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;
use wirecost_model::{Cell, Record, scenario};

use crate::format;

/// One thing that is not the same in both runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What.
    pub what: String,
    /// In the base run.
    pub base: String,
    /// In the new one.
    pub new: String,
    /// It belongs to the comparability key: runs that differ in it are refused.
    pub key: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} → {}", self.what, self.base, self.new)
    }
}

/// Absent, in words.
const NOTHING: &str = "none";

/// All differences, those of the key first.
pub fn between(base: &Record, new: &Record) -> Vec<Difference> {
    let mut all = Vec::new();
    let mut differ = |what: &str, key: bool, old: String, own: String| {
        if old != own {
            let text = |text: String| if text.is_empty() { NOTHING.to_string() } else { text };
            all.push(Difference { what: what.into(), base: text(old), new: text(own), key });
        }
    };
    let (p, q) = (&base.provenance, &new.provenance);
    differ("processor", true, p.machine.cpu_model.clone(), q.machine.cpu_model.clone());
    differ("cores allowed", true, p.machine.cores_allowed.to_string(), q.machine.cores_allowed.to_string());
    differ("kernel", true, p.machine.kernel.clone(), q.machine.kernel.clone());
    differ("build profile", true, p.profile.clone(), q.profile.clone());
    differ("network", true, networks(base), networks(new));
    differ("MTU", true, base.plan.mtu.to_string(), new.plan.mtu.to_string());
    for (what, old, own) in cells(base, new) {
        differ(&what, true, old, own);
    }
    differ("commit", false, p.commit.clone(), q.commit.clone());
    differ("version", false, p.version.clone(), q.version.clone());
    differ("compiler", false, p.rustc.clone(), q.rustc.clone());
    differ("seed", false, base.plan.seed.to_string(), new.plan.seed.to_string());
    differ("trials of each cell", false, base.plan.trials_per_cell.to_string(), new.plan.trials_per_cell.to_string());
    differ("cores of the server", false, cores(&p.server_cores), cores(&q.server_cores));
    differ("cores of the load generator", false, cores(&p.client_cores), cores(&q.client_cores));
    differ("governor", false, p.machine.governor.clone().unwrap_or_default(), q.machine.governor.clone().unwrap_or_default());
    differ(
        "clock source",
        false,
        p.machine.clock_source.clone().unwrap_or_default(),
        q.machine.clock_source.clone().unwrap_or_default(),
    );
    for (maps, kind) in [
        ([&p.target_versions, &q.target_versions], "version of target"),
        ([&p.dependencies, &q.dependencies], "library"),
        ([&p.machine.sysctls, &q.machine.sysctls], "kernel setting"),
        ([&p.environment, &q.environment], "environment"),
    ] {
        for name in union(maps) {
            let of = |map: &BTreeMap<String, String>| map.get(name).cloned().unwrap_or_default();
            differ(&format!("{kind} {name}"), false, of(maps[0]), of(maps[1]));
        }
    }
    all
}

fn union<V>([a, b]: [&BTreeMap<String, V>; 2]) -> impl Iterator<Item = &String> {
    a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)))
}

fn cores(list: &[usize]) -> String {
    if list.is_empty() { "any".into() } else { list.iter().map(usize::to_string).collect::<Vec<_>>().join(", ") }
}

/// Where the packets of a run really went: a private network and the loopback differ in bytes.
fn networks(record: &Record) -> String {
    let mut all: Vec<String> =
        record.trials.iter().map(|trial| plain(&serde_json::to_value(trial.wire).unwrap_or_default())).collect();
    all.sort();
    all.dedup();
    format::list(&all)
}

/// Cells that only one run has, and fields of cells that are not the same.
fn cells(base: &Record, new: &Record) -> Vec<(String, String, String)> {
    let mut all = Vec::new();
    let there = || "there".to_string();
    for cell in &base.plan.cells {
        let name = format!("cell {}", cell.label());
        let Some(other) = super::partner(new, cell) else {
            all.push((name, there(), String::new()));
            continue;
        };
        let (old, own) = (fields(cell), fields(other));
        for field in union([&old, &own]) {
            let of = |fields: &BTreeMap<String, String>| fields.get(field).cloned().unwrap_or_default();
            all.push((format!("{name}, {field}"), of(&old), of(&own)));
        }
    }
    for cell in new.plan.cells.iter().filter(|cell| super::partner(base, cell).is_none()) {
        all.push((format!("cell {}", cell.label()), String::new(), there()));
    }
    all
}

/// Every field of a cell but its numbers in its own plan, by path: `workload.push.rate`.
fn fields(cell: &Cell) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    if let Ok(Value::Object(mut object)) = serde_json::to_value(cell) {
        object.remove("index");
        object.remove("arm");
        flatten("", &Value::Object(object), &mut fields);
    }
    fields
}

fn flatten(path: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, value, into);
            }
        }
        other => {
            into.insert(path.to_string(), plain(other));
        }
    }
}

/// A value as people write it: text without quotes.
fn plain(value: &Value) -> String {
    match value {
        // A trace has thousands of due times.
        Value::String(text) if text.len() > 200 => format!("{} bytes, hash {}", text.len(), scenario::hash(text)),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
