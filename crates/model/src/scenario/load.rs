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
            if ["warmup", "measure", "drain"].contains(&word.as_str()) {
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
        let points: usize = mine.iter().map(|(_, values, _)| values.len()).product();
        if variants.len() + points > MOST_CELLS {
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
mod tests {
    use super::*;
    use crate::units::Span;

    const GOOD: &str = "name: a\nquestion: b?\nworkload: { push: { rate: 10/s } }\narms: [sse, websocket]\n";

    fn problems(yaml: &str) -> Vec<String> {
        load(yaml).expect_err("this scenario is wrong").iter().map(Problem::to_string).collect()
    }

    #[test]
    fn five_mistakes_are_five_errors_at_their_places() {
        let yaml = "name: five\nquestion: Why?\nworkload:\n  push: { rate: 10, arivals: poisson, payload: 128 }\nclints: 5\narms:\n  - sse\n  - short_pol\n";
        let found = problems(yaml);
        assert_eq!(found.len(), 5, "{found:#?}");
        assert!(found[0].starts_with("4:17: ") && found[0].contains("10/s"), "{}", found[0]);
        assert!(found[1].starts_with("4:21: ") && found[1].contains("did you mean `arrivals`"), "{}", found[1]);
        assert!(found[2].starts_with("4:48: ") && found[2].contains("128B"), "{}", found[2]);
        assert!(found[3].starts_with("5:1: ") && found[3].contains("did you mean `clients`"), "{}", found[3]);
        assert!(found[4].starts_with("8:5: ") && found[4].contains("short_pol"), "{}", found[4]);
    }

    #[test]
    fn what_no_arm_takes_is_refused_where_it_stands() {
        let yaml = format!("{GOOD}  \n") + "defaults: { name: x, hold: 10m, gap: 5ms }\n";
        let found = problems(&yaml);
        for part in ["a name is one arm's", "a hold of 600s", "no arm takes `hold`", "no arm takes `gap`"] {
            assert_eq!(found.iter().filter(|problem| problem.contains(part)).count(), 1, "{part}: {found:#?}");
        }
        let arms = yaml.replace("[sse, websocket]", "[short_poll, long_poll]");
        assert_eq!(problems(&arms).len(), 2, "the name and the hold: {:#?}", problems(&arms));
        let swept = problems(&(format!("{GOOD}  \n") + "axes: { interval: [100ms, 1s] }\n"));
        assert!(swept.len() == 1 && swept[0].ends_with("no arm takes `interval`, so there is nothing to sweep"), "{swept:#?}");
    }

    #[test]
    fn a_missing_field_is_told_once() {
        assert_eq!(problems("name: a\nworkload: { idle: {} }\narms: [sse]\n"), ["1:1: `question` is missing"]);
    }

    #[test]
    fn broken_yaml_says_where() {
        let found = problems("name: a\nquestion: [\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("not valid YAML"), "{}", found[0]);
    }

    #[test]
    fn an_axis_multiplies_only_the_arms_it_concerns() {
        let yaml = format!("{GOOD}  \n").replace("[sse, websocket]", "[websocket, short_poll]")
            + "axes: { interval: [100ms, 1s], clients: [1, 5, 9] }\n";
        let loaded = load(&yaml).expect("valid");
        assert_eq!(loaded.variants.len(), 3 + 6);
        let polls: Vec<_> = loaded.variants.iter().filter(|v| v.arm == 1).map(|v| v.config.interval).collect();
        assert!(polls.contains(&Some(Span::ms(100))) && polls.contains(&Some(Span::ms(1000))));
        assert!(loaded.variants.iter().any(|v| v.arm == 0 && v.scenario.clients == 9 && v.point.len() == 1));
    }

    /// A scenario whose workload replays a file.
    fn replaying(workload: &str, file: &str) -> Result<Loaded, Vec<String>> {
        let yaml = GOOD.replace("{ push: { rate: 10/s } }", workload);
        let read = |name: &str| if name == "t.txt" { Ok(file.to_string()) } else { Err(format!("{name}: no such file")) };
        load_with(&yaml, &read).map_err(|problems| problems.iter().map(Problem::to_string).collect())
    }

    #[test]
    fn a_trace_brings_its_rate() {
        for (workload, rates) in [
            ("{ push: { arrivals: { trace: t.txt } } }", 1),
            ("{ duplex: { arrivals: { trace: t.txt }, down: 2.001/s } }", 2),
            ("{ reconnect: { arrivals: { trace: t.txt } } }", 1),
        ] {
            let workload = replaying(workload, "0\n500ms\n1s\n").expect(workload).variants.remove(0).scenario.workload;
            assert!(matches!(workload.arrivals(), Some(crate::schedule::Arrivals::Trace(trace)) if trace.due_ns().len() == 3));
            assert_eq!(workload.paces().iter().map(|pace| pace.0.round()).collect::<Vec<_>>(), vec![2.0; rates]);
            // A plan holds what was read.
            assert_eq!(
                serde_json::from_str::<super::super::Workload>(&serde_json::to_string(&workload).unwrap()).unwrap(),
                workload
            );
        }
    }

    #[test]
    fn what_is_wrong_with_a_trace_is_told_at_its_name_and_its_line() {
        let of = |workload: &str, file: &str| replaying(workload, file).expect_err(workload);
        let push = "{ push: { arrivals: { trace: t.txt } } }";
        assert_eq!(of(push, "0\nx\ny\n").len(), 2);
        assert!(of(push, "0\nx\n")[0].starts_with("3:40: t.txt:2: `x` is not a time"), "{:?}", of(push, "0\nx\n"));
        let missing = of("{ push: { arrivals: { trace: u.txt }, payload: 3B } }", "");
        assert!(
            missing.len() == 2 && missing[0] == "3:40: u.txt: no such file" && missing[1].contains("too small"),
            "{missing:?}"
        );
        for rate in ["4/s", "{ from: 1/s, to: 3/s }"] {
            let other = of(&format!("{{ push: {{ arrivals: {{ trace: t.txt }}, rate: {rate} }} }}"), "0\n0.5\n1\n");
            assert_eq!(other.len(), 1);
            assert!(other[0].starts_with("3:55: ") && other[0].ends_with("leave `rate` out"), "{other:?}");
        }
        assert!(of("{ push: { arrivals: { trace: 5 }, rate: 1/s } }", "")[0].contains("the name of a file of due times"));
        let pure = load(&GOOD.replace("{ push: { rate: 10/s } }", push)).expect_err("no file can be read");
        assert!(pure[0].message.contains("cannot be read"), "{pure:?}");
    }

    #[test]
    fn a_twin_is_its_arm_under_another_name() {
        let yaml = GOOD.replace("[sse, websocket]", "[{ sse: { aa: on } }, websocket, { short_poll: { name: fast, aa: on } }]")
            + "axes: { interval: [100ms, 1s] }\n";
        let loaded = load(&yaml).expect("valid");
        let seen: Vec<(&str, Option<&str>)> =
            loaded.variants.iter().map(|v| (v.config.name.as_str(), v.config.twin_of.as_deref())).collect();
        let twins = [("sse (A/A)", Some("sse")), ("websocket", None), ("fast", None), ("fast", None)];
        assert_eq!((seen[0], &seen[1..5]), (("sse", None), &twins[..]));
        assert_eq!(seen[5..], [("fast (A/A)", Some("fast")); 2]);
        assert_eq!(loaded.scenario.arms.len(), 5);
        let of =
            |name: &str| loaded.variants.iter().filter(|v| v.config.name == name).map(|v| v.config.clone()).collect::<Vec<_>>();
        for (own, twin) in of("fast").into_iter().zip(of("fast (A/A)")) {
            assert_eq!(ArmConfig { name: own.name.clone(), twin_of: None, ..twin }, own);
        }
        // All of them, but for those that do not want to.
        let all = GOOD.replace("[sse, websocket]", "[sse, { websocket: { aa: off } }]") + "defaults: { aa: on }\n";
        let names: Vec<String> = load(&all).expect("valid").variants.into_iter().map(|v| v.config.name).collect();
        assert_eq!(names, ["sse", "sse (A/A)", "websocket"]);
    }

    #[test]
    fn a_twin_needs_a_name_of_its_own_that_fits() {
        let arms = |arms: &str| problems(&GOOD.replace("[sse, websocket]", arms));
        assert_eq!(
            arms("[{ sse: { aa: on } }, { sse: { name: sse (A/A) } }]"),
            ["4:29: two arms are called `sse (A/A)`; give one a `name`"]
        );
        let long = arms(&format!("[{{ sse: {{ aa: on, name: {} }} }}]", "x".repeat(35)));
        assert!(long.len() == 1 && long[0].contains("more than 40 characters"), "{long:?}");
        assert!(arms("[{ sse: { aa: 2 } }]")[0].starts_with("4:21: "));
    }

    #[test]
    fn a_wrong_value_on_an_axis_is_found_where_it_stands() {
        let yaml = format!("{GOOD}axes: {{ payload: [128B, 3B], rate: [5/s] }}\n").replace("10/s }", "10/s, payload: 64B }");
        assert_eq!(problems(&yaml).len(), 1);
        assert!(problems(&yaml)[0].starts_with("5:25: "), "{:?}", problems(&yaml));
    }

    #[test]
    fn bare_words_are_what_they_look_like() {
        let yaml = GOOD.replace(
            "[sse, websocket]",
            "[{ sse: { tls: on } }, { long_poll: { keep_alive: off, tls: { kx: x25519mlkem768 } } }]",
        );
        let loaded = load(&yaml).expect("valid");
        assert!(loaded.variants[0].config.tls.is_some());
        assert!(!loaded.variants[1].config.keep_alive);
    }

    #[test]
    fn socket_io_takes_its_options_and_the_rest_its_own_values() {
        use crate::scenario::{Engine, Via};
        let arms = "[socket_io, { socket_io: { name: old, via: [jsonp], engine: 3, namespace: /chat, reconnect: on } }, sse]";
        let loaded = load(&GOOD.replace("[sse, websocket]", arms)).expect("valid");
        let [plain, old, sse] = [0, 1, 2].map(|index| loaded.variants[index].config.clone());
        assert_eq!((plain.via, plain.engine), (vec![Via::Polling, Via::Websocket], Engine::V4));
        assert_eq!((plain.namespace.as_deref(), plain.reconnect), (Some("/"), false));
        assert_eq!((&old.via, old.engine), (&vec![Via::Jsonp], Engine::V3));
        assert_eq!((old.namespace.as_deref(), old.reconnect), (Some("/chat"), true));
        assert_eq!((sse.via, sse.namespace), (vec![], None));
        let json = serde_json::to_value(&old).expect("serialises");
        assert_eq!((&json["engine"], &json["via"][0]), (&3.into(), &"jsonp".into()), "as in YAML");
        assert_eq!(serde_json::from_value::<ArmConfig>(json).expect("reads its own"), old);
    }

    #[test]
    fn socket_io_refuses_what_nobody_speaks() {
        for (options, place, says) in [
            ("via: []", "4:28: ", "[polling, websocket]"),
            ("via: [websocket, polling]", "4:28: ", "[polling, websocket]"),
            ("via: [polling, polling]", "4:28: ", "[polling, websocket]"),
            ("via: [polling, jsonp], engine: 3", "4:28: ", "[jsonp, websocket]"),
            ("via: [jsonp]", "4:28: ", "engine: 3"),
            ("via: [polling, carrier_pigeon]", "4:38: ", "not one of polling, jsonp, websocket"),
            ("engine: 5", "4:31: ", "use 4 (Socket.IO 3 and 4) or 3"),
            ("engine: \"4\"", "4:31: ", "invalid type"),
            ("namespace: chat", "4:34: ", "cannot be a namespace"),
            ("namespace: \"/a,b\"", "4:34: ", "cannot be a namespace"),
            ("interval: 1s", "4:33: ", "socket_io takes no `interval`"),
        ] {
            let found = problems(&GOOD.replace("[sse, websocket]", &format!("[{{ socket_io: {{ {options} }} }}]")));
            assert_eq!(found.len(), 1, "{options}: {found:?}");
            assert!(found[0].starts_with(place) && found[0].contains(says), "{options}: {}", found[0]);
        }
    }

    #[test]
    fn the_engine_can_be_swept() {
        let yaml = GOOD.replace("[sse, websocket]", "[socket_io, sse]") + "axes: { engine: [4, 3] }\n";
        let engines: Vec<u64> = load(&yaml).expect("valid").variants.iter().map(|v| v.config.engine.number()).collect();
        assert_eq!(engines, [4, 3, 4]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z:{}\\[\\], \n-]{0,200}") {
            let _ = load(&text);
        }
    }
}
