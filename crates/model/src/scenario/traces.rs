//! Files that a scenario names: due times are read into the tree before it is deserialised, so that everything after this step
//! sees what is in them, and no file.

use super::node::{Node, Position, Step, Value};
use super::{Scalar, Workload};
use crate::schedule::Arrivals;
use crate::trace::Trace;

/// How a file beside the scenario is read: its name to its text, or why not.
pub type ReadFile<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Parameters of a workload that are rates.
fn rates(kind: &str) -> &'static [&'static str] {
    if kind == "duplex" { &["down", "up"] } else { &["rate"] }
}

/// In the schema of a workload no rate is required, because a trace brings it.
pub(super) fn brings_rates(schema: &mut schemars::Schema) {
    if let Some(serde_json::Value::Array(required)) = schema.get_mut("required") {
        required.retain(|name| !["rate", "down", "up"].iter().any(|rate| name == rate));
    }
}

/// Replaces the name of a trace by what is in it, and a rate that is not written by the trace's own. What is wrong is reported, and
/// something valid put in its place.
pub(super) fn read(tree: &mut Node, read: ReadFile<'_>, report: &mut dyn FnMut(Position, String)) {
    let Some(Node { value: Value::Map(workload), .. }) = tree.child_mut(&Step::Key("workload".into())) else { return };
    let Some((kind, parameters)) = workload.first_mut() else { return };
    let Some(arrivals) = parameters.child_mut(&Step::Key("arrivals".into())) else { return };
    let Some(trace) = arrivals.child_mut(&Step::Key("trace".into())) else { return };
    let (at, Value::Scalar(Scalar::Text(file))) = (trace.at, &trace.value) else { return };
    let text = |text: String| Node { at, value: Value::Scalar(Scalar::Text(text)) };
    let read = read(file).map_err(|problem| vec![problem]).and_then(|content| Trace::parse(file, &content));
    let rate = match read {
        Ok(read) => {
            trace.value = Value::Null;
            trace.put("file", text(read.file().to_string()));
            trace.put("due_ns", text(read.text()));
            read.rate().to_string()
        }
        Err(problems) => {
            problems.into_iter().for_each(|problem| report(at, problem));
            *arrivals = text("periodic".into());
            "1000/s".to_string()
        }
    };
    for parameter in rates(&kind.text) {
        if parameters.get(parameter).is_none() {
            parameters.put(parameter, text(rate.clone()));
        }
    }
}

/// A rate that stands beside a trace must be the trace's: parameter and what is wrong with it.
pub(super) fn check(workload: &Workload) -> Option<(&'static str, String)> {
    let Some(Arrivals::Trace(trace)) = workload.arrivals() else { return None };
    let own = trace.rate().0;
    let names = rates(workload.name());
    let (name, _) =
        names.iter().zip(workload.paces()).find(|(_, pace)| pace.ramp().is_some() || (pace.0 / own - 1.0).abs() > 0.01)?;
    Some((name, format!("`{}` has {own:.3} messages a second on average; leave `{name}` out", trace.file())))
}
