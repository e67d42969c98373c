//! What was found, in sentences that are computed from the data: which arm is fastest, which is lightest, and what is traded
//! for what. Nothing is said that the intervals do not bear; what cannot be told apart is called so.

use wirecost_model::record::{Trial, Verdict};
use wirecost_model::scenario::Workload;
use wirecost_model::{Cell, Record};

use crate::format;
use crate::stats::ratio::{self, Ratio};
use crate::stats::{Metric, counting};
use crate::summary::{estimate, summary_of};
use crate::view::{self, Group};

/// A sentence or two about one thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Sentence {
    /// What it is about: `latency`, `bytes`, `trade`, `condition`.
    pub about: &'static str,
    /// The words.
    pub text: String,
    /// Some cell that it speaks of has void trials: it is shown greyed.
    pub void: bool,
}

/// How the arms of a group stand in one metric.
#[derive(Debug, Clone)]
pub struct Ranking<'a> {
    /// The metric.
    pub metric: &'static Metric,
    /// Cells by their median, best first, each with its ratio to the best and what may be said of it.
    pub places: Vec<Place<'a>>,
}

/// One cell's place.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    /// The cell.
    pub cell: &'a Cell,
    /// Its median.
    pub median: f64,
    /// Its interval.
    pub interval: Option<[f64; 2]>,
    /// Trials that count.
    pub trials: u32,
    /// Against the best; absent for the best itself and where a value is 0.
    pub to_best: Option<(Ratio, Verdict)>,
}

impl<'a> Ranking<'a> {
    /// The cells of a group by a metric of which less is better; `None` if fewer than two have it.
    pub fn of(record: &'a Record, group: &Group, metric: &'static Metric) -> Option<Ranking<'a>> {
        let plan = &record.plan;
        let mut places: Vec<Place<'_>> = group
            .cells
            .iter()
            .filter_map(|&index| {
                let summary = summary_of(record, index)?;
                let estimate = summary.metrics.get(metric.name)?;
                Some(Place { cell: &plan.cells[index], median: estimate.median, interval: estimate.interval, trials: summary.trials, to_best: None })
            })
            .collect();
        if places.len() < 2 {
            return None;
        }
        places.sort_by(|a, b| a.median.total_cmp(&b.median).then(a.cell.index.cmp(&b.cell.index)));
        let best = places[0].cell;
        let ratios: Vec<Option<Ratio>> =
            places[1..].iter().map(|place| ratio::between(plan, &record.trials, metric, place.cell, best)).collect();
        let mut verdicts = ratio::verdicts(&ratios.iter().flatten().collect::<Vec<_>>()).into_iter();
        for (place, ratio) in places[1..].iter_mut().zip(ratios) {
            place.to_best = ratio.and_then(|ratio| Some((ratio, verdicts.next()?)));
        }
        Some(Ranking { metric, places })
    }

    /// The best and all that cannot be told from it.
    pub fn leaders(&self) -> impl Iterator<Item = &Place<'a>> {
        self.places.iter().enumerate().filter(|(position, place)| *position == 0 || !place.is_behind(self)).map(|(_, place)| place)
    }

    /// Those that are behind beyond doubt.
    pub fn behind(&self) -> impl Iterator<Item = &Place<'a>> {
        self.places.iter().skip(1).filter(|place| place.is_behind(self))
    }

    /// Whether intervals exist at all.
    fn is_judged(&self) -> bool {
        self.places[1..].iter().all(|place| place.to_best.as_ref().is_none_or(|(ratio, _)| ratio.interval.is_some()))
    }
}

impl Place<'_> {
    fn is_behind(&self, ranking: &Ranking<'_>) -> bool {
        match &self.to_best {
            Some((_, verdict)) => *verdict == Verdict::Different,
            // No ratio to 0: a count that is 0 in every trial of one and in none of the other is different without statistics.
            None => ranking.places[0].median == 0.0 && self.median > 0.0 && self.interval.is_some_and(|[low, _]| low > 0.0),
        }
    }

    fn shown(&self, metric: &Metric) -> String {
        metric.unit.show(self.median)
    }

    /// `190 µs (180 µs–210 µs over 6 trials)`.
    fn with_interval(&self, metric: &Metric) -> String {
        match self.interval {
            Some([low, high]) => {
                format!("{} ({}–{} over {} trials)", self.shown(metric), metric.unit.show(low), metric.unit.show(high), self.trials)
            }
            None => format!("{} ({}, no interval)", self.shown(metric), format::plural(u64::from(self.trials), "trial")),
        }
    }
}

/// What was found, of one record: for one group of cells, or for the last of several with a word on the others.
pub fn verdict(record: &Record) -> Vec<Sentence> {
    let groups = view::groups(&record.plan);
    let Some(group) = groups.last() else { return Vec::new() };
    let mut sentences = Vec::new();
    let at = if group.label().is_empty() { String::new() } else { format!("At {}: ", group.label()) };
    let void = group.cells.iter().any(|&index| summary_of(record, index).is_some_and(|summary| summary.void_trials > 0));
    let mut say = |about: &'static str, text: Option<String>| {
        if let Some(text) = text {
            sentences.push(Sentence { about, text: format!("{at}{text}"), void });
        }
    };
    let [latency, bytes] = leading_metrics(record, group);
    let fastest = latency.and_then(|metric| Ranking::of(record, group, metric));
    let lightest = bytes.and_then(|metric| Ranking::of(record, group, metric));
    say("latency", fastest.as_ref().map(|ranking| latency_sentence(record, ranking)));
    say("bytes", lightest.as_ref().map(|ranking| bytes_sentence(record, ranking)));
    say("trade", fastest.as_ref().zip(lightest.as_ref()).map(|(fastest, lightest)| trade_sentence(record, fastest, lightest)));
    say("trade", poll_sentence(record, group));
    say("latency", other_groups(record, &groups));
    if let Some(&first) = group.cells.first() {
        sentences.push(Sentence { about: "condition", text: view::condition(record, &record.plan.cells[first]), void: false });
    }
    sentences
}

/// The latency and the bytes that a group is judged by; idle cells have no latency, and bytes per second.
pub fn leading_metrics(record: &Record, group: &Group) -> [Option<&'static Metric>; 2] {
    let any = |metric: &str| group.cells.iter().any(|&index| estimate(record, index, metric).is_some());
    let first = |names: &[&str]| names.iter().find(|name| any(name)).and_then(|name| Metric::named(name));
    [first(&["delivery_p50_ns"]), first(&["wire_bytes_per_message", "wire_bytes_per_client_s"])]
}

/// What a latency is called in this workload.
pub fn latency_noun(cell: &Cell) -> &'static str {
    match cell.workload {
        Workload::Echo(_) => "round trip",
        Workload::Upload(_) => "upload",
        _ => "delivery",
    }
}

fn names(record: &Record, places: &[&Place<'_>]) -> String {
    format::list(&places.iter().map(|place| view::title(&record.plan, place.cell)).collect::<Vec<_>>())
}

/// Those behind, by the first and the last of them.
fn rest(record: &Record, ranking: &Ranking<'_>, next: &str, last: &str) -> String {
    let behind: Vec<&Place<'_>> = ranking.behind().collect();
    let as_much = |place: &Place<'_>| {
        let ratio = place.to_best.as_ref().map(|(ratio, _)| format::ratio_with_interval(ratio.ratio, ratio.interval));
        ratio.unwrap_or_else(|| place.shown(ranking.metric))
    };
    match behind.as_slice() {
        [] => String::new(),
        [only] => format!(" {} {next} {}.", view::title(&record.plan, only.cell), as_much(only)),
        [first, .., end] => format!(
            " {} {next} {}, {} {last} {}.",
            view::title(&record.plan, first.cell),
            as_much(first),
            view::title(&record.plan, end.cell),
            as_much(end)
        ),
    }
}

fn unjudged(record: &Record, ranking: &Ranking<'_>, what: &str) -> Option<String> {
    (!ranking.is_judged()).then(|| {
        let best = &ranking.places[0];
        format!(
            "{} has the lowest {what}, {}, but fewer than {} trials of each cell bear no interval, so no arm is called better.",
            view::title(&record.plan, best.cell),
            best.shown(ranking.metric),
            ratio::LEAST_PAIRS
        )
    })
}

fn latency_sentence(record: &Record, ranking: &Ranking<'_>) -> String {
    let noun = latency_noun(ranking.places[0].cell);
    if let Some(text) = unjudged(record, ranking, &format!("median {noun}")) {
        return text;
    }
    let leaders: Vec<&Place<'_>> = ranking.leaders().collect();
    let text = match leaders.as_slice() {
        [one] => {
            format!("{} has the fastest {noun}: {} at the median.", view::title(&record.plan, one.cell), one.with_interval(ranking.metric))
        }
        all if all.len() == ranking.places.len() => {
            return format!("No arm's median {noun} can be told from the others' (~): {}.", span(all, ranking.metric));
        }
        several => format!(
            "{} have the fastest {noun} and cannot be told apart (~): {} at the median.",
            names(record, several),
            span(several, ranking.metric)
        ),
    };
    text + &rest(record, ranking, "takes", "takes")
}

/// `190 µs to 210 µs`.
fn span(places: &[&Place<'_>], metric: &Metric) -> String {
    let (first, last) = (places[0].shown(metric), places[places.len() - 1].shown(metric));
    if first == last { first } else { format!("{first} to {last}") }
}

fn bytes_sentence(record: &Record, ranking: &Ranking<'_>) -> String {
    let per = if ranking.metric.name == "wire_bytes_per_message" { "a message" } else { "a client and second" };
    if let Some(text) = unjudged(record, ranking, "wire bytes") {
        return text;
    }
    let leaders: Vec<&Place<'_>> = ranking.leaders().collect();
    let payload = ranking.places[0].cell.workload.payload().map(|size| format!(", {} B of it payload", size.0)).unwrap_or_default();
    let text = match leaders.as_slice() {
        [one] => format!(
            "{} puts the least on the wire: {} {per}{payload}.",
            view::title(&record.plan, one.cell),
            one.with_interval(ranking.metric)
        ),
        all if all.len() == ranking.places.len() => {
            return format!("No arm's bytes can be told from the others' (~): {} {per}.", span(all, ranking.metric));
        }
        several => format!(
            "{} put the least on the wire and cannot be told apart (~): {} {per}{payload}.",
            names(record, several),
            span(several, ranking.metric)
        ),
    };
    text + &rest(record, ranking, "puts", "puts")
}

fn trade_sentence(record: &Record, fastest: &Ranking<'_>, lightest: &Ranking<'_>) -> String {
    let title = |place: &Place<'_>| view::title(&record.plan, place.cell);
    let both: Vec<&Place<'_>> =
        fastest.leaders().filter(|fast| lightest.leaders().any(|light| light.cell.index == fast.cell.index)).collect();
    if !fastest.is_judged() || !lightest.is_judged() {
        return "With so few trials nothing is said of what is traded for what.".into();
    }
    if let [one] = both.as_slice() {
        return format!("Nothing is traded here: {} is among the fastest and among the lightest.", title(one));
    }
    if both.len() > 1 {
        return format!("Nothing is traded here: {} are among the fastest and among the lightest.", names(record, &both));
    }
    let (fast, light) = (&fastest.places[0], &lightest.places[0]);
    let of = |ranking: &Ranking<'_>, cell: &Cell| {
        let place = ranking.places.iter().find(|place| place.cell.index == cell.index)?;
        place.to_best.as_ref().map(|(ratio, _)| format::ratio_with_interval(ratio.ratio, ratio.interval))
    };
    match (of(lightest, fast.cell), of(fastest, light.cell)) {
        (Some(bytes), Some(time)) => format!(
            "Speed is traded for bytes: {} is fastest and puts {bytes} as much on the wire as {}, which takes {time} as long.",
            title(fast),
            title(light)
        ),
        _ => format!("Speed is traded for bytes: {} is fastest, {} is lightest.", title(fast), title(light)),
    }
}

/// What polling more often buys and costs, where several intervals were measured.
fn poll_sentence(record: &Record, group: &Group) -> Option<String> {
    let pollers = view::pollers(&record.plan, group);
    let (often, seldom) = (pollers.first()?, pollers.last()?);
    if often.config.interval == seldom.config.interval {
        return None;
    }
    let between = |metric: &str, a: &Cell, b: &Cell| {
        let ratio = ratio::between(&record.plan, &record.trials, Metric::named(metric)?, a, b)?;
        Some(format::ratio_with_interval(ratio.ratio, ratio.interval))
    };
    let sooner = between("delivery_p50_ns", seldom, often)?;
    let bytes = between("wire_bytes_per_client_s", often, seldom)?;
    let empty = estimate(record, often.index, "empty_fraction").map(|share| format!("; {} of its polls bring nothing", format::percent(share)));
    Some(format!(
        "Polling every {} instead of every {} delivers {sooner} sooner and puts {bytes} as much on the wire{}.",
        often.config.interval?,
        seldom.config.interval?,
        empty.unwrap_or_default()
    ))
}

/// Whether what holds in the last group holds in the others.
fn other_groups(record: &Record, groups: &[Group]) -> Option<String> {
    let [others @ .., last] = groups else { return None };
    if others.is_empty() {
        return None;
    }
    let metric = leading_metrics(record, last)[0]?;
    // By arm, because cells of different groups are different cells.
    let leaders = |group: &Group| -> Option<Vec<String>> {
        Some(Ranking::of(record, group, metric)?.leaders().map(|place| view::title(&record.plan, place.cell)).collect())
    };
    let here = leaders(last)?;
    let judged: Vec<(String, Vec<String>)> = others.iter().filter_map(|group| Some((group.label(), leaders(group)?))).collect();
    let differing: Vec<String> = judged
        .iter()
        .filter(|(_, there)| !here.iter().any(|name| there.contains(name)))
        .map(|(label, there)| format!("{} at {label}", format::list(there)))
        .collect();
    let n = judged.len();
    Some(if differing.is_empty() {
        format!("{} among the fastest at the {} too.", are(&here), if n == 1 { "other point measured".into() } else { format!("{n} other points measured") })
    } else {
        format!("The fastest depends on the condition: {}.", format::list(&differing))
    })
}

fn are(names: &[String]) -> String {
    format!("{} {}", format::list(names), if names.len() == 1 { "is" } else { "are" })
}

/// The banner above everything when a gate failed; `None` if none did.
pub fn void_banner(record: &Record) -> Option<String> {
    let void: Vec<&Trial> = record.trials.iter().filter(|trial| trial.is_void()).collect();
    if void.is_empty() {
        return None;
    }
    let lost: Vec<String> = record
        .plan
        .cells
        .iter()
        .filter(|cell| record.trials.iter().any(|trial| trial.cell == cell.index) && counting(cell.index, &record.trials).is_empty())
        .map(|cell| view::full_title(&record.plan, cell))
        .collect();
    let are = if void.len() == 1 { "is" } else { "are" };
    let head = format!("{} of {} {are} void: a check of validity failed, and their numbers count for nothing.", void.len(), format::plural(record.trials.len() as u64, "trial"));
    Some(if lost.is_empty() { head } else { format!("{head} Nothing is left of {}.", format::list(&lost)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn text(record: &Record) -> String {
        verdict(record).iter().map(|s| format!("[{}{}] {}\n", s.about, if s.void { ", void" } else { "" }, s.text)).collect()
    }

    #[test]
    fn five_arms() {
        insta::assert_snapshot!(text(&fixture::run().record));
    }

    #[test]
    fn two_axes() {
        insta::assert_snapshot!(text(&fixture::run_over_axes().record));
    }

    #[test]
    fn a_void_trial_greys_the_verdict_and_raises_the_banner() {
        let record = fixture::run_with_a_void_trial().record;
        assert!(verdict(&record).iter().filter(|s| s.about != "condition").all(|s| s.void));
        insta::assert_snapshot!(void_banner(&record).unwrap());
        assert_eq!(void_banner(&fixture::run().record), None);
    }

    #[test]
    fn few_trials_bear_no_verdict() {
        let run = fixture::of(&fixture::FIVE_ARMS.replace("trials: 6", "trials: 3"));
        insta::assert_snapshot!(text(&run.record));
    }

    #[test]
    fn without_messages_bytes_per_second_are_compared() {
        let mut run = fixture::run();
        for cell in &mut run.record.plan.cells {
            cell.workload = Workload::Idle(Default::default());
        }
        run.record.cells = crate::stats::summarise(&run.record.plan, &run.record.trials);
        let text = text(&run.record);
        assert!(!text.contains("[latency]") && text.contains("a client and second"), "{text}");
    }
}
