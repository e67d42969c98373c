//! What was found, in sentences that are computed from the data: which arm is fastest, which is lightest, and what is traded
//! for what. Nothing is said that the intervals do not bear; what cannot be told apart is called so.

use wirecost_model::record::Trial;
use wirecost_model::scenario::Workload;
use wirecost_model::search::SearchResult;
use wirecost_model::{ArmConfig, Cell, Record};

use crate::account;
use crate::format;
use crate::search;
use crate::stats::ranking::{Place, Ranking};
use crate::stats::{Metric, counting, ratio};
use crate::summary::{estimate, summary_of};
use crate::view::{self, Group};

/// A sentence or two about one thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Sentence {
    /// What it is about: `point`, `trials`, `latency`, `bytes`, `set-up`, `cpu`, `memory`, `trade`, `others`, `search`,
    /// `condition`.
    pub about: &'static str,
    /// The words.
    pub text: String,
    /// Some cell that it speaks of has void trials: it is shown greyed.
    pub void: bool,
}

/// What was found, of one record: for one group of cells, or for the last of several with a word on the others.
pub fn verdict(record: &Record) -> Vec<Sentence> {
    if let Some(result) = &record.search {
        return of_a_search(record, result);
    }
    let groups = view::rivals(&record.plan);
    let Some(group) = groups.last() else { return Vec::new() };
    let mut sentences = Vec::new();
    let void = group.cells.iter().any(|&index| summary_of(record, index).is_some_and(|summary| summary.void_trials > 0));
    let mut say = |about: &'static str, text: Option<String>| {
        if let Some(text) = text {
            let text = if about == "condition" { text } else { format::capital(&text) };
            sentences.push(Sentence { about, text, void: void && !matches!(about, "point" | "trials" | "condition") });
        }
    };
    if groups.len() > 1 {
        say("point", Some(format!("Of {} points, the one at {}:", groups.len(), group.label())));
    }
    let [latency, bytes] = leading_metrics(record, group);
    let fastest = latency.and_then(|metric| Ranking::of(record, group, metric));
    let lightest = bytes.and_then(|metric| Ranking::of(record, group, metric));
    let judged = [&fastest, &lightest].into_iter().flatten().all(Ranking::is_judged);
    if !judged {
        let least = ratio::LEAST_PAIRS;
        say(
            "trials",
            Some(format!(
                "Where fewer than {least} trials count there is no interval: what follows is what was seen, and no arm is called better."
            )),
        );
    }
    say("latency", fastest.as_ref().map(|ranking| latency_sentence(record, ranking)));
    say("bytes", lightest.as_ref().map(|ranking| bytes_sentence(record, ranking)));
    if judged {
        say(
            "trade",
            fastest.as_ref().zip(lightest.as_ref()).map(|(fastest, lightest)| trade_sentence(record, fastest, lightest)),
        );
    }
    say("trade", poll_sentence(record, group));
    say("set-up", Some(account::pay_off::sentences(record, group).join(" ")).filter(|text| !text.is_empty()));
    say("cpu", account::marginal::cpu_sentence(record));
    say("memory", memory_sentence(record, group));
    say("others", payload_sentence(record, &groups));
    say("others", other_groups(record, &groups));
    if fastest.is_none() && lightest.is_none() {
        say("trials", Some("Nothing can be said: fewer than two cells have trials that count.".into()));
    }
    say("condition", group.cells.first().map(|&first| view::condition(record, &record.plan.cells[first])));
    sentences
}

/// The answer of each arm. Void trials are where a search ends; they are in the answers and grey nothing.
fn of_a_search(record: &Record, result: &SearchResult) -> Vec<Sentence> {
    let say = |about: &'static str, text: String| Sentence { about, text, void: false };
    let mut sentences = vec![say("point", search::question(result))];
    sentences.extend((0..result.answers.len()).map(|number| say("search", search::sentence(record, result, number))));
    sentences.extend(record.plan.cells.first().map(|cell| {
        let lowest = search::level_text(result, result.bounds[0]);
        say("condition", format!("at {lowest}, the lowest level: {}", view::condition(record, cell)))
    }));
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

/// The others: the next and the last of them.
fn rest(record: &Record, ranking: &Ranking<'_>, verb: &str, as_what: &str) -> String {
    let places: Vec<&Place<'_>> = if ranking.is_judged() {
        ranking.behind().collect()
    } else {
        ranking.places.iter().skip(ranking.tied().count()).collect()
    };
    let title = |place: &Place<'_>| view::title(&record.plan, place.cell);
    let best = ranking.places[0].median;
    let amount = |place: &Place<'_>| match &place.to_best {
        // A mean over few pairs may put places in another order than their medians do; without interval these are shown.
        _ if !ranking.is_judged() && best > 0.0 => format!("{} {as_what}", format::times(place.median / best, None)),
        Some((ratio, _)) => format!("{} {as_what}", format::times(ratio.ratio, ratio.interval)),
        None => place.shown(ranking.metric),
    };
    match places.as_slice() {
        [] => String::new(),
        [only] => format!(" {} {verb} {}.", title(only), amount(only)),
        [next, .., last] => {
            format!(" Next, {} {verb} {}; last, {} {verb} {}.", title(next), amount(next), title(last), amount(last))
        }
    }
}

fn latency_sentence(record: &Record, ranking: &Ranking<'_>) -> String {
    let noun = latency_noun(ranking.places[0].cell);
    let best = ranking.places[0].with_interval(ranking.metric);
    let leaders: Vec<&Place<'_>> = ranking.leaders().collect();
    let text = if !ranking.is_judged() {
        let tied: Vec<&Place<'_>> = ranking.tied().collect();
        format!("{} {} the lowest median {noun}: {best}.", names(record, &tied), if tied.len() == 1 { "has" } else { "have" })
    } else if let [one] = leaders.as_slice() {
        format!("{} has the fastest {noun}: {best} at the median.", view::title(&record.plan, one.cell))
    } else if leaders.len() == ranking.places.len() {
        return format!("No arm's median {noun} can be told from the others' (~): {}.", span(&leaders, ranking.metric));
    } else {
        let span = span(&leaders, ranking.metric);
        format!("{} have the fastest {noun} and cannot be told apart (~): {span} at the median.", names(record, &leaders))
    };
    text + &rest(record, ranking, "takes", "as long")
}

/// `190 µs to 210 µs`.
fn span(places: &[&Place<'_>], metric: &Metric) -> String {
    let (first, last) = (places[0].shown(metric), places[places.len() - 1].shown(metric));
    if first == last { first } else { format!("{first} to {last}") }
}

fn bytes_sentence(record: &Record, ranking: &Ranking<'_>) -> String {
    let first = &ranking.places[0];
    let per = match (&first.cell.workload, first.cell.workload.payload()) {
        (Workload::Echo(_), Some(size)) => format!("a round trip of {} B payload each way", format::count(size.0)),
        (_, Some(size)) if ranking.metric.name == "wire_bytes_per_message" => {
            format!("a message of {} B payload", format::count(size.0))
        }
        _ => "a client and second".into(),
    };
    let leaders: Vec<&Place<'_>> = if ranking.is_judged() { ranking.leaders().collect() } else { ranking.tied().collect() };
    let all = leaders.len() == ranking.places.len();
    let text = match leaders.as_slice() {
        [_, _, ..] if all => {
            return format!("No arm's bytes can be told from the others' (~): {} {per}.", span(&leaders, ranking.metric));
        }
        [_, _, ..] if ranking.is_judged() && first.median > 0.0 => format!(
            "{} put the least on the wire and cannot be told apart (~): {} {per}.",
            names(record, &leaders),
            span(&leaders, ranking.metric)
        ),
        _ => format!(
            "{} {} the least on the wire: {} {per} ({}).",
            names(record, &leaders),
            if leaders.len() == 1 { "puts" } else { "put" },
            first.shown(ranking.metric),
            first.spread(ranking.metric)
        ),
    };
    text + &rest(record, ranking, "puts", "as much")
}

fn trade_sentence(record: &Record, fastest: &Ranking<'_>, lightest: &Ranking<'_>) -> String {
    let title = |place: &Place<'_>| view::title(&record.plan, place.cell);
    let both: Vec<&Place<'_>> =
        fastest.leaders().filter(|fast| lightest.leaders().any(|light| light.cell.index == fast.cell.index)).collect();
    if let [one] = both.as_slice() {
        return format!("Nothing is traded here: {} is among the fastest and among the lightest.", title(one));
    }
    if both.len() > 1 {
        return format!("Nothing is traded here: {} are among the fastest and among the lightest.", names(record, &both));
    }
    let (fast, light) = (&fastest.places[0], &lightest.places[0]);
    let of = |ranking: &Ranking<'_>, cell: &Cell| {
        let place = ranking.places.iter().find(|place| place.cell.index == cell.index)?;
        place.to_best.as_ref().map(|(ratio, _)| format::times(ratio.ratio, ratio.interval))
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
    // Only of such as differ in nothing else.
    let but_for_interval = |cell: &Cell| ArmConfig { name: String::new(), interval: None, ..cell.config.clone() };
    let (often, seldom) = pollers.iter().find_map(|often| {
        let alike = |other: &&&Cell| but_for_interval(other) == but_for_interval(often);
        let seldom = pollers.iter().rfind(alike)?;
        (often.config.interval != seldom.config.interval).then_some((*often, *seldom))
    })?;
    let between = |metric: &str, a: &Cell, b: &Cell| {
        let ratio = ratio::between(&record.plan, &record.trials, Metric::named(metric)?, a, b)?;
        Some(format::times(ratio.ratio, ratio.interval))
    };
    let sooner = between("delivery_p50_ns", seldom, often)?;
    let bytes = between("wire_bytes_per_message", often, seldom)?;
    let empty = estimate(record, often.index, "empty_fraction")
        .map(|share| format!("; {} of its polls bring nothing", format::percent(share)));
    Some(format!(
        "Polling every {} instead of every {} delivers {sooner} as fast and puts {bytes} as much on the wire{}.",
        format::spaced(&often.config.interval?.to_string()),
        format::spaced(&seldom.config.interval?.to_string()),
        empty.unwrap_or_default()
    ))
}

/// What a connection costs the server where nothing else is asked.
fn memory_sentence(record: &Record, group: &Group) -> Option<String> {
    let idle = group.cells.iter().all(|&index| matches!(record.plan.cells[index].workload, Workload::Idle(_)));
    let ranking = Ranking::of(record, group, Metric::named("server_kb_per_connection")?).filter(|_| idle)?;
    let first = &ranking.places[0];
    let best = first.with_interval(ranking.metric);
    let text = format!("{} takes the least of the server's memory a connection: {best}.", view::title(&record.plan, first.cell));
    Some(text + &rest(record, &ranking, "takes", "as much"))
}

/// Where payload is swept: what share of the bytes is overhead at both ends.
fn payload_sentence(record: &Record, groups: &[Group]) -> Option<String> {
    let [first, .., last] = groups else { return None };
    first.point.keys().find(|axis| view::axis_label(axis) == "payload")?;
    let ends = |group: &Group| -> Option<String> {
        let ranking = Ranking::of(record, group, Metric::named("overhead_fraction")?)?;
        let (least, most) = (ranking.places.first()?, ranking.places.last()?);
        Some(format!(
            "{} ({}) to {} ({}) of all bytes at {}",
            least.shown(ranking.metric),
            view::title(&record.plan, least.cell),
            most.shown(ranking.metric),
            view::title(&record.plan, most.cell),
            group.label()
        ))
    };
    Some(format!("Overhead is {}, and {}.", ends(first)?, ends(last)?))
}

/// Whether what holds in the last group holds in the others.
fn other_groups(record: &Record, groups: &[Group]) -> Option<String> {
    let [others @ .., last] = groups else { return None };
    if others.is_empty() {
        return None;
    }
    let metric = leading_metrics(record, last)[0]?;
    let ranking = |group: &Group| Ranking::of(record, group, metric).filter(Ranking::is_judged);
    // By title, because cells of different groups are different cells.
    let leaders = |group: &Group| -> Option<Vec<String>> {
        Some(ranking(group)?.leaders().map(|place| view::title(&record.plan, place.cell)).collect())
    };
    let here = leaders(last)?;
    let judged: Vec<(String, Vec<String>)> = others.iter().filter_map(|group| Some((group.label(), leaders(group)?))).collect();
    let differing: Vec<String> = judged
        .iter()
        .filter(|(_, there)| !here.iter().any(|name| there.contains(name)))
        .map(|(label, there)| format!("{} at {label}", format::list(there)))
        .collect();
    if judged.is_empty() {
        return None;
    }
    Some(if differing.is_empty() {
        let n = judged.len();
        let points = if n == 1 { "the other point".to_string() } else { format!("all {n} other points") };
        format!("{} among the fastest at {points} too.", are(&here))
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
        .filter(|cell| {
            record.trials.iter().any(|trial| trial.cell == cell.index) && counting(cell.index, &record.trials).is_empty()
        })
        .map(|cell| view::full_title(&record.plan, cell))
        .collect();
    let (are, they, them) = if void.len() == 1 { ("is", "it", "it") } else { ("are", "they", "them") };
    let all = format::plural(record.trials.len() as u64, "trial");
    let head = format!(
        "{} of {all} {are} void: {they} failed a validity check, and no number of this report is computed from {them}.",
        void.len()
    );
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
    fn intervals_are_compared_only_where_nothing_else_differs() {
        let mut record = fixture::run().record.clone();
        assert!(text(&record).contains("Polling every 100 ms instead of every 1 s"));
        record.plan.cells[0].config.keep_alive = !record.plan.cells[0].config.keep_alive;
        assert!(!text(&record).contains("Polling every"), "{}", text(&record));
    }

    #[test]
    fn two_axes() {
        insta::assert_snapshot!(text(&fixture::run_over_axes().record));
    }

    #[test]
    fn a_void_trial_greys_the_verdict_and_raises_the_banner() {
        let record = fixture::run_with_a_void_trial().record.clone();
        assert!(verdict(&record).iter().filter(|s| matches!(s.about, "latency" | "bytes" | "trade")).all(|s| s.void));
        insta::assert_snapshot!(void_banner(&record).unwrap());
        assert_eq!(void_banner(&fixture::run().record), None);
    }

    #[test]
    fn few_trials_bear_no_verdict() {
        let run = fixture::of(&fixture::FIVE_ARMS.replace("trials: 6", "trials: 3"));
        insta::assert_snapshot!(text(&run.record));
    }

    #[test]
    fn nothing_is_said_of_nothing() {
        let mut record = fixture::run().record.clone();
        record.trials.clear();
        record.cells = crate::stats::summarise(&record.plan, &record.trials);
        assert!(text(&record).starts_with("[trials] Nothing can be said"), "{}", text(&record));
    }

    #[test]
    fn without_messages_bytes_per_second_are_compared() {
        let mut record = fixture::run().record.clone();
        for cell in &mut record.plan.cells {
            cell.workload = Workload::Idle(Default::default());
        }
        record.cells = crate::stats::summarise(&record.plan, &record.trials);
        let text = text(&record);
        assert!(!text.contains("[latency]") && text.contains("a client and second"), "{text}");
    }
}
