//! `search`: the highest rate, or the most clients, at which a condition still holds. What the YAML says and what can be wrong
//! with it; the search itself is [`crate::search`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::node::Step;
use super::{Scenario, Workload};
use crate::pace::Pace;
use crate::search::{SearchPlan, Searched, clients, rates};
use crate::threshold::Threshold;
use crate::units::{Percent, Rate};

/// A search in place of trials that are fixed beforehand. Exactly one thing is searched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// The rate of the workload is searched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateRange>,
    /// The number of clients is searched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<ClientRange>,
    /// What has to hold in a trial, such as `delivery.p99 < 50ms`: a threshold that names no arm.
    #[serde(rename = "while")]
    pub condition: String,
    /// How many further trials have to say the same of the answer, and of the step above it.
    #[serde(default = "two")]
    pub confirm: u32,
}

/// Between which rates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateRange {
    /// Where the search begins.
    pub from: Rate,
    /// Where it ends at the latest.
    pub to: Rate,
    /// How far apart neighbouring levels are.
    #[serde(default = "five_percent")]
    pub precision: Percent,
}

/// Between how many clients.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientRange {
    /// Where the search begins.
    pub from: u32,
    /// Where it ends at the latest.
    pub to: u32,
    /// How far apart neighbouring levels are; at least one client.
    #[serde(default = "five_percent")]
    pub precision: Percent,
}

fn two() -> u32 {
    2
}

fn five_percent() -> Percent {
    Percent(0.05)
}

/// Finer than this is finer than two trials are alike.
const FINEST: Percent = Percent(0.01);
/// Coarser than this is no bisection.
const COARSEST: Percent = Percent(0.5);
/// Confirming more often than this is a scenario with `trials`.
const MOST_CONFIRMED: u32 = 10;

impl Search {
    /// What is searched over, if it is one thing.
    pub fn what(&self) -> Option<Searched> {
        match (&self.rate, &self.clients) {
            (Some(_), None) => Some(Searched::Rate),
            (None, Some(_)) => Some(Searched::Clients),
            _ => None,
        }
    }

    /// The levels; empty if it is not one thing that is searched.
    pub fn levels(&self) -> Vec<f64> {
        match (&self.rate, &self.clients) {
            (Some(range), None) => rates(range.from.0, range.to.0, range.precision.0),
            (None, Some(range)) => clients(range.from, range.to, range.precision.0).into_iter().map(f64::from).collect(),
            _ => Vec::new(),
        }
    }

    /// For a plan with so many subjects; `None` of a search that the check of a scenario refuses.
    pub fn plan(&self, scenario: &Scenario, subjects: usize) -> Option<SearchPlan> {
        Some(SearchPlan {
            what: self.what()?,
            levels: self.levels(),
            condition: Threshold::parse(&self.condition, scenario).ok()?,
            confirm: self.confirm,
            subjects,
        })
    }
}

/// Whether the search makes sense in its scenario.
pub(super) fn check(scenario: &Scenario, report: &mut dyn FnMut(&[Step], String)) {
    let Some(search) = &scenario.search else { return };
    let key = |name: &str| Step::Key(name.to_string());
    let at = |parts: &[&str]| [key("search")].into_iter().chain(parts.iter().map(|part| key(part))).collect::<Vec<_>>();
    match (&search.rate, &search.clients) {
        (Some(_), Some(_)) => {
            report(
                &at(&["clients"]),
                "one thing is searched at a time; leave out `rate` or `clients`, or make it an axis".into(),
            );
        }
        (None, None) => report(
            &at(&[]),
            "nothing is searched; write `rate: { from: 10/s, to: 5000/s }` or `clients: { from: 10, to: 5000 }`".into(),
        ),
        _ => {}
    }
    if let Some(RateRange { from, to, precision }) = search.rate {
        if from >= to {
            report(&at(&["rate", "to"]), format!("there is nothing between {from} and {to}; `to` must be more than `from`"));
        }
        check_precision("rate", precision, &mut |message| report(&at(&["rate", "precision"]), message));
        match rate_of(&scenario.workload) {
            Ok(pace) if pace.ramp().is_some() => report(
                &[key("workload"), key(scenario.workload.name()), key("rate")],
                "the search sets the rate, and sets it steady; write a plain rate, which only says what is searched".into(),
            ),
            Ok(_) => {}
            Err(why) => report(&at(&["rate"]), format!("`{}` {why}; search over `clients`", scenario.workload.name())),
        }
    }
    if let Some(ClientRange { from, to, precision }) = search.clients {
        if from == 0 {
            report(&at(&["clients", "from"]), "at least one client is needed".into());
        }
        if from >= to {
            report(&at(&["clients", "to"]), format!("there is nothing between {from} and {to}; `to` must be more than `from`"));
        }
        check_precision("clients", precision, &mut |message| report(&at(&["clients", "precision"]), message));
    }
    if search.confirm > MOST_CONFIRMED {
        report(&at(&["confirm"]), format!("{} further trials; at most {MOST_CONFIRMED} are run", search.confirm));
    }
    match Threshold::parse(&search.condition, scenario) {
        Err(message) => report(&at(&["while"]), message),
        Ok(Threshold { arm: Some(arm), metric, .. }) => report(
            &at(&["while"]),
            format!("each arm is searched for itself, and this names `{arm}`; write `{metric} …` without it"),
        ),
        Ok(_) => {}
    }
    if !scenario.thresholds.is_empty() {
        let why = "a search goes where conditions fail on purpose, and thresholds are judged wherever it went; say it under \
                   `while`, or leave it out";
        report(&[key("thresholds")], why.into());
    }
    if scenario.at_scale.is_some() {
        let why = "what is carried on is what was measured under one condition, and a search has many; leave one of them out";
        report(&[key("at_scale")], why.into());
    }
}

fn check_precision(what: &str, precision: Percent, report: &mut dyn FnMut(String)) {
    if !(FINEST..=COARSEST).contains(&precision) {
        report(format!("a precision of {precision} of the {what}; between {FINEST} and {COARSEST} is possible"));
    }
}

/// The one rate of a workload, or why there is none.
fn rate_of(workload: &Workload) -> Result<Pace, &'static str> {
    match workload {
        Workload::Push(push) => Ok(push.rate),
        Workload::Upload(upload) => Ok(upload.rate),
        Workload::Chat(chat) => Ok(chat.rate),
        Workload::Reconnect(reconnect) => Ok(reconnect.rate),
        Workload::Duplex(_) => Err("has two rates"),
        Workload::Echo(_) => Err("is a closed loop, whose rate is a result"),
        Workload::Idle(_) => Err("says nothing, at no rate"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(search: &str) -> String {
        format!("name: a\nquestion: b\nworkload: {{ push: {{ rate: 10/s }} }}\narms: [sse, websocket]\nsearch: {search}\n")
    }

    #[test]
    fn it_reads_like_the_rest() {
        let text = yaml("{ rate: { from: 10/s, to: 5k/s, precision: 10% }, while: delivery.p99 < 50ms, confirm: 3 }");
        let loaded = crate::scenario::load(&text).unwrap();
        let search = loaded.scenario.search.as_ref().unwrap();
        let plan = search.plan(&loaded.scenario, loaded.variants.len()).unwrap();
        assert_eq!((plan.what, plan.confirm, plan.subjects), (Searched::Rate, 3, 2));
        assert_eq!((plan.levels[0], plan.levels[plan.levels.len() - 1], plan.levels.len()), (10.0, 5000.0, 67));
        // The file's own rate only says what is searched.
        assert_eq!(loaded.variants[1].point["rate"], crate::scenario::Scalar::Text("10/s".into()));
        let loaded = crate::scenario::load(&yaml("{ clients: { from: 2, to: 9 }, while: lost == 0 }")).unwrap();
        let search = loaded.scenario.search.as_ref().unwrap();
        assert_eq!((search.what(), search.levels().len(), search.confirm), (Some(Searched::Clients), 8, 2));
        assert_eq!(loaded.variants[0].scenario.clients, 2);
    }

    #[test]
    fn nonsense_is_refused_where_it_stands() {
        for (search, place, says) in [
            ("{ while: lost == 0 }", "5:9: ", "nothing is searched"),
            ("{ rate: { from: 1/s, to: 9/s }, clients: { from: 1, to: 9 }, while: lost == 0 }", "5:50: ", "one thing"),
            ("{ rate: { from: 9/s, to: 1/s }, while: lost == 0 }", "5:34: ", "`to` must be more than `from`"),
            ("{ clients: { from: 9, to: 9 }, while: lost == 0 }", "5:35: ", "`to` must be more than `from`"),
            ("{ clients: { from: 0, to: 9 }, while: lost == 0 }", "5:28: ", "at least one client"),
            ("{ rate: { from: 1/s, to: 9/s, precision: 0.1% }, while: lost == 0 }", "5:50: ", "between 1% and 50%"),
            ("{ rate: { from: 1/s, to: 9/s, precision: 5 }, while: lost == 0 }", "5:50: ", "5%"),
            ("{ rate: { from: 1/s, to: 9/s }, while: sse.lost == 0 }", "5:48: ", "this names `sse`"),
            ("{ rate: { from: 1/s, to: 9/s }, while: speed > 3 }", "5:48: ", "neither a metric"),
            ("{ rate: { from: 1/s, to: 9/s }, while: lost == 0, confirm: 11 }", "5:68: ", "at most 10"),
            ("{ rate: { from: 1/s, to: 9/s } }", "5:9: ", "`while` is missing"),
            ("{ rate: { from: 1/s, to: 9/s }, while: lost == 0, untill: 3 }", "5:59: ", "untill"),
            ("{ rate: { from: 1/h, to: 9/s }, while: lost == 0 }", "5:25: ", "less than one message"),
            ("{ clients: { from: 1, to: 9000000 }, while: lost == 0 }", "5:35: ", "four million"),
            ("{ rate: { from: 1/s, to: 9/s }, while: lost == 0 }\naxes: { rate: [1/s] }", "6:9: ", "the search is over"),
            ("{ clients: { from: 1, to: 9 }, while: lost == 0 }\naxes: { clients: [1] }", "6:9: ", "the search is over"),
            ("{ clients: { from: 1, to: 9 }, while: lost == 0 }\ntrials: 3", "6:1: ", "by itself how many"),
            ("{ clients: { from: 1, to: 9 }, while: lost == 0 }\nthresholds: [lost == 0]", "6:13: ", "under `while`"),
            (
                "{ clients: { from: 1, to: 9 }, while: lost == 0 }\nat_scale: { clients: 1M, rate: 1/s }",
                "6:11: ",
                "one condition",
            ),
        ] {
            let problems = crate::scenario::load(&yaml(search)).expect_err(search);
            assert_eq!(problems.len(), 1, "{search}: {problems:?}");
            let said = problems[0].to_string();
            assert!(said.starts_with(place) && said.contains(says), "{search}: {said}");
        }
    }

    #[test]
    fn what_has_no_rate_or_two_says_so() {
        for workload in ["echo: {}", "duplex: { down: 1/s, up: 1/s }", "idle: {}", "push: { rate: { from: 1/s, to: 9/s } }"] {
            let text = yaml("{ rate: { from: 1/s, to: 9/s }, while: lost == 0 }").replace("push: { rate: 10/s }", workload);
            let problems = crate::scenario::load(&text).expect_err(workload);
            assert!(problems.len() == 1 && problems[0].to_string().contains("search"), "{workload}: {problems:?}");
        }
    }
}
