//! From text to a checked scenario and its cells, or to every problem in it at once.
//!
//! How all problems are found with a deserialiser that stops at the first: the part at fault is dropped
//! from the tree and the rest is tried again, until nothing fails. A field that is then missing because
//! its value was dropped is not reported a second time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::check::check;
use super::de;
use super::node::{Node, Position, Step, Value};
use super::traces::{self, ReadFile};
use super::{Arm, ArmOptions, Scalar, Scenario, TlsOptions};
use crate::plan::ArmConfig;
use crate::search::Searched;
use crate::transport::{COMMON_OPTIONS, TRANSPORTS, TransportKind};

/// One thing that is wrong with a scenario.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// Line, from 1; 0 if the text as a whole is meant.
    pub line: u64,
    /// Column, from 1, in characters.
    pub column: u64,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Problem {
    fn new(at: Position, message: String) -> Self {
        Problem { line: at.line, column: at.column, message }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// One arm at one point of the axes, with every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Index of the arm.
    pub arm: usize,
    /// The axes that this arm is swept over, and where on them this is.
    pub point: BTreeMap<String, Scalar>,
    /// The arm, resolved.
    pub config: ArmConfig,
    /// The scenario at this point.
    pub scenario: Scenario,
}

/// A scenario that may be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// As written, with defaults.
    pub scenario: Scenario,
    /// Every arm at every point, in the order of the file.
    pub variants: Vec<Variant>,
}

/// Problems beyond this number are not looked for.
const MOST_PROBLEMS: usize = 50;

/// Cells beyond this number are refused.
const MOST_CELLS: usize = 1000;

/// Reads and checks a scenario that names no file.
///
/// # Errors
/// Every problem found, in the order of the text, each once.
pub fn load(yaml: &str) -> Result<Loaded, Vec<Problem>> {
    load_with(yaml, &|file| Err(format!("`{file}` cannot be read, because it is not known where the scenario is")))
}

/// Reads and checks a scenario. `read` reads the files that it names, which are relative to it.
///
/// # Errors
/// Every problem found, in the order of the text, each once; of a file with its name and line in the message.
pub fn load_with(yaml: &str, read: ReadFile<'_>) -> Result<Loaded, Vec<Problem>> {
    let mut options = serde_saphyr::Options::default();
    options.strict_booleans = true;
    let mut tree: Node = serde_saphyr::from_str_with_options(yaml, options).map_err(|error| {
        let at = error.location().map_or(Position::default(), |l| Position { line: l.line(), column: l.column() });
        let message = error.without_snippet().to_string();
        vec![Problem::new(at, format!("not valid YAML: {}", message.lines().next().unwrap_or_default()))]
    })?;

    let mut problems = BTreeSet::new();
    traces::read(&mut tree, read, &mut |at, message| _ = problems.insert(Problem::new(at, message)));
    let decoded = decode(&tree, &mut problems);
    if let Some(Decoded { scenario, stand_ins }) = &decoded {
        check(scenario, &mut |path, message| {
            if !stand_ins.iter().any(|stand_in| path.starts_with(stand_in)) {
                problems.insert(Problem::new(tree.position(path), message));
            }
        });
        if scenario.search.is_some() && tree.get("trials").is_some() {
            let at = tree.key_position(&[Step::Key("trials".into())]);
            problems.insert(Problem::new(at, "a search decides by itself how many trials it runs; leave `trials` out".into()));
        }
    }
    let scenario = decoded.map(|decoded| decoded.scenario);
    let (Some(scenario), true) = (scenario, problems.is_empty()) else {
        return Err(problems.into_iter().collect());
    };
    let (scenario, tree, twins) = with_twins(scenario, tree);
    let variants = sweep(&scenario, &tree, &twins, &mut problems);
    if problems.is_empty() { Ok(Loaded { scenario, variants }) } else { Err(problems.into_iter().collect()) }
}

/// Every arm that asks for it followed by a copy of itself: another arm like any, in tree and scenario alike. The last says
/// which: by number of the copy, the name of its original.
fn with_twins(mut scenario: Scenario, mut tree: Node) -> (Scenario, Node, BTreeMap<usize, String>) {
    let mut twins = BTreeMap::new();
    for (position, arm) in std::mem::take(&mut scenario.arms).into_iter().enumerate() {
        let (own, twin) = (position + twins.len(), arm.twin(&scenario.defaults));
        let options = ArmOptions { aa: twin.as_ref().map(|_| false), ..arm.options.clone() };
        scenario.arms.push(Arm { options: options.clone(), ..arm.clone() });
        let Some(twin) = twin else { continue };
        let arms = tree.child_mut(&Step::Key("arms".into()));
        let Some(Node { value: Value::Seq(nodes), .. }) = arms else { continue };
        let (copy, at) = (nodes[own].clone(), nodes[own].at);
        nodes.insert(own + 1, copy);
        set_arm(&mut tree, own, arm.transport, "aa", at, Scalar::Bool(false));
        set_arm(&mut tree, own + 1, arm.transport, "aa", at, Scalar::Bool(false));
        set_arm(&mut tree, own + 1, arm.transport, "name", at, Scalar::Text(twin.clone()));
        twins.insert(own + 1, arm.name().to_string());
        scenario.arms.push(Arm { options: ArmOptions { name: Some(twin), ..options }, ..arm });
    }
    (scenario, tree, twins)
}

/// A short hash of a scenario file (FNV-1a, 64 bits): enough to see that two runs had the same text.
pub fn hash(yaml: &str) -> String {
    let hash = yaml.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

/// Reads a `tls` mapping by itself, for a command line.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn tls_options(yaml: &str) -> Result<TlsOptions, String> {
    let tree: Node = serde_saphyr::from_str(yaml).map_err(|error| error.without_snippet().to_string())?;
    TlsOptions::deserialize(&tree).map_err(|error| error.message)
}

/// What could be read, with something in place of what could not.
struct Decoded {
    scenario: Scenario,
    /// Paths of required parts that are missing or wrong: what stands there now is ours and not to be judged.
    stand_ins: Vec<Vec<Step>>,
}

/// Something that deserialises, in place of a required part that does not.
fn stand_in(field: &str) -> Option<Value> {
    let text = |text: &str| Value::Scalar(Scalar::Text(text.to_string()));
    match field {
        "name" | "question" => Some(text("unknown")),
        "workload" => Some(text("idle")),
        "arms" => Some(Value::Seq(Vec::new())),
        "rate" | "down" | "up" => Some(text("1/s")),
        _ => None,
    }
}

/// Deserialises, dropping what is wrong until the rest is right; `None` if too little is left.
fn decode(tree: &Node, problems: &mut BTreeSet<Problem>) -> Option<Decoded> {
    let mut rest = tree.clone();
    let mut stand_ins = Vec::new();
    // Paths of mappings in which something was dropped, with the key: their absence is our doing.
    let mut dropped: BTreeSet<(String, String)> = BTreeSet::new();
    for _ in 0..MOST_PROBLEMS {
        let error: de::Error = match Scenario::deserialize(&rest) {
            Ok(scenario) => return Some(Decoded { scenario, stand_ins }),
            Err(error) => error,
        };
        let here = text(&error.path);
        let ours = match &error.missing {
            Some(field) => dropped.contains(&(here, field.clone())),
            // A mapping that lost its only entry.
            None => {
                matches!(rest.find(&error.path).map(|n| &n.value), Some(Value::Map(entries)) if entries.is_empty())
                    && dropped.iter().any(|(parent, _)| *parent == here)
            }
        };
        if !ours {
            let at = if error.key { rest.key_position(&error.path) } else { rest.position(&error.path) };
            problems.insert(Problem::new(at, error.message.clone()));
        }
        let mut path = error.path;
        if let Some(field) = error.missing
            && let (Some(value), Some(mapping)) = (stand_in(&field), rest.find_mut(&path))
        {
            mapping.put(&field, Node { at: mapping.at, value });
            path.push(Step::Key(field));
            stand_ins.push(path);
            continue;
        }
        // Otherwise the part at fault goes; at the root nothing would be left.
        let (last, parents) = path.split_last()?;
        if let Step::Key(key) = last {
            dropped.insert((text(parents), key.clone()));
        }
        if !rest.remove(&path) {
            return None;
        }
    }
    None
}

fn text(path: &[Step]) -> String {
    path.iter()
        .map(|step| match step {
            Step::Key(key) => format!(".{key}"),
            Step::Index(index) => format!("[{index}]"),
        })
        .collect()
}

/// What an axis sweeps.
enum Lane {
    /// A path from the root.
    Path(Vec<String>),
    /// An option of the arms whose transports take it.
    ArmOption(&'static str),
}

/// An axis: its key, its values with where they stand, and what they are of.
type Swept<'a> = (&'a str, Vec<(Position, Scalar)>, Lane);

fn lane(key: &str, tree: &Node) -> Result<Lane, String> {
    let option = COMMON_OPTIONS
        .iter()
        .chain(TRANSPORTS.iter().flat_map(|row| row.options))
        .find(|o| **o == key && !["name", "aa"].contains(*o));
    if let Some(option) = option {
        return Ok(Lane::ArmOption(option));
    }
    if key == "clients" {
        return Ok(Lane::Path(vec![key.to_string()]));
    }
    let path: Vec<String> = key.split('.').map(str::to_string).collect();
    let known = |path: &[String]| {
        let mut node = Some(tree);
        for step in path {
            node = node.and_then(|n| n.get(step));
        }
        node.is_some_and(|n| matches!(n.value, Value::Scalar(_)))
    };
    match path.as_slice() {
        // A single word may name a parameter of the workload or of the trial.
        [word] => {
            if let Some(Node { value: Value::Map(entries), .. }) = tree.get("workload")
                && let Some((kind, parameters)) = entries.first()
                && parameters.get(word).is_some()
            {
                return Ok(Lane::Path(vec!["workload".into(), kind.text.clone(), word.clone()]));
            }
            if ["connect", "warmup", "measure", "drain"].contains(&word.as_str()) {
                return Ok(Lane::Path(vec!["trial".into(), word.clone()]));
            }
        }
        [first, ..]
            if (first == "workload" && known(&path)) || (["trial", "faults"].contains(&first.as_str()) && path.len() == 2) =>
        {
            return Ok(Lane::Path(path));
        }
        _ => {}
    }
    Err(format!(
        "`{key}` cannot be swept; an axis is `clients`, a scalar of the workload or trial that the file sets (such as `payload` or `workload.push.rate`), a fault (`faults.delay`), or an option of an arm (such as `interval`)"
    ))
}

/// A search as an axis that has its two ends.
fn searched(scenario: &Scenario, tree: &Node) -> Option<Swept<'static>> {
    let search = scenario.search.as_ref()?;
    let what = search.what()?;
    let path = match what {
        Searched::Clients => vec!["clients".to_string()],
        Searched::Rate => vec!["workload".into(), scenario.workload.name().into(), "rate".into()],
    };
    let levels = search.levels();
    let end = |name: &str, level: Option<&f64>| {
        let place = [Step::Key("search".into()), Step::Key(what.name().into()), Step::Key(name.into())];
        Some((tree.position(&place), what.scalar(*level?)))
    };
    Some((what.name(), vec![end("from", levels.first())?, end("to", levels.last())?], Lane::Path(path)))
}

/// Every arm at every point of the axes that concern it.
fn sweep(scenario: &Scenario, tree: &Node, twins: &BTreeMap<usize, String>, problems: &mut BTreeSet<Problem>) -> Vec<Variant> {
    let mut lanes: Vec<Swept<'_>> = Vec::new();
    let searched = searched(scenario, tree);
    for (key, values) in &scenario.axes {
        let axis = vec![Step::Key("axes".into()), Step::Key(key.clone())];
        let at = tree.key_position(&axis);
        match lane(key, tree) {
            Ok(Lane::Path(path))
                if searched.as_ref().is_some_and(|(.., lane)| matches!(lane, Lane::Path(own) if *own == path)) =>
            {
                problems.insert(Problem::new(at, format!("the search is over `{key}` already; leave one of them out")));
            }
            Ok(Lane::ArmOption(option)) if !scenario.arms.iter().any(|arm| arm.transport.takes(option)) => {
                problems.insert(Problem::new(at, format!("no arm takes `{option}`, so there is nothing to sweep")));
            }
            Ok(lane) if !values.is_empty() => {
                let place = |index: usize| tree.position(&[axis.as_slice(), &[Step::Index(index)]].concat());
                lanes.push((key, values.iter().cloned().enumerate().map(|(i, value)| (place(i), value)).collect(), lane));
            }
            Ok(_) => _ = problems.insert(Problem::new(at, format!("axis `{key}` has no values"))),
            Err(message) => _ = problems.insert(Problem::new(at, message)),
        }
    }
    // Both ends of a search are checked like the values of an axis; the plan begins with the lower.
    let upper_end = searched.as_ref().and_then(|(key, values, _)| Some((*key, values.last()?.1.clone())));
    lanes.extend(searched);
    let mut variants: Vec<Variant> = Vec::new();
    for (index, arm) in scenario.arms.iter().enumerate() {
        let mine: Vec<_> =
            lanes.iter().filter(|(_, _, lane)| !matches!(lane, Lane::ArmOption(o) if !arm.transport.takes(o))).collect();
        let points = mine.iter().fold(1usize, |points, (_, values, _)| points.saturating_mul(values.len()));
        if variants.len().saturating_add(points) > MOST_CELLS {
            let at = tree.position(&[Step::Key("axes".into())]);
            problems.insert(Problem::new(at, format!("more than {MOST_CELLS} cells; sweep fewer values")));
            return variants;
        }
        for number in 0..points {
            let mut at_point = tree.clone();
            let mut point = BTreeMap::new();
            let mut rest = number;
            for (key, values, lane) in &mine {
                let choice = rest % values.len();
                rest /= values.len();
                let (at, value) = values[choice].clone();
                match lane {
                    Lane::Path(path) => set_path(&mut at_point, path, at, value.clone()),
                    Lane::ArmOption(option) => set_arm(&mut at_point, index, arm.transport, option, at, value.clone()),
                }
                point.insert((*key).to_string(), value);
            }
            let before = problems.len();
            let Some(Decoded { scenario: here, .. }) = decode(&at_point, problems) else { continue };
            check(&here, &mut |path, message| {
                problems.insert(Problem::new(at_point.position(path), message));
            });
            let is_upper_end = upper_end.as_ref().is_some_and(|(key, value)| point.get(*key) == Some(value));
            if problems.len() == before && !is_upper_end {
                let config = ArmConfig::resolve(&here.arms[index], &here.with_target());
                let config = ArmConfig { twin_of: twins.get(&index).cloned(), ..config };
                variants.push(Variant { arm: index, point, config, scenario: here });
            }
        }
    }
    variants
}

fn set_path(tree: &mut Node, path: &[String], at: Position, value: Scalar) {
    let Some((last, parents)) = path.split_last() else { return };
    let mut node = tree;
    for key in parents {
        let step = Step::Key(key.clone());
        if node.child_mut(&step).is_none()
            && let Value::Map(entries) = &mut node.value
        {
            entries.push((super::node::Key { at, text: key.clone() }, Node { at, value: Value::Null }));
        }
        match node.child_mut(&step) {
            Some(child) => node = child,
            None => return,
        }
    }
    node.set(last, at, value);
}

fn set_arm(tree: &mut Node, index: usize, transport: TransportKind, option: &str, at: Position, value: Scalar) {
    let Some(arm) = tree.child_mut(&Step::Key("arms".into())).and_then(|arms| arms.child_mut(&Step::Index(index))) else {
        return;
    };
    let name = transport.row().name;
    if matches!(arm.value, Value::Scalar(_)) {
        let key = super::node::Key { at: arm.at, text: name.to_string() };
        arm.value = Value::Map(vec![(key, Node { at: arm.at, value: Value::Null })]);
    }
    if let Some(options) = arm.child_mut(&Step::Key(name.to_string())) {
        options.set(option, at, value);
    }
}

#[cfg(test)]
mod tests;
