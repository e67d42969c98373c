//! A delay that the server is told to add must be found again, on every transport: the median with it less the median without.
//!
//! Both are of one trial, in which stretches with the delay and without it take turns: from one trial to the next the median of
//! a push differs by some 20 µs, which is more than is to be shown here. A poll's wait is as long as its interval is wide, and a
//! median of random waits would wander more than the tolerance. So the interval is short and the messages are due at golden
//! steps of it: they cover the interval evenly, delayed or not. What is left of chance has put the middle of twelve pairs beyond
//! the tolerance, so polls are looked at in more trials.

use wirecost_model::control::TrialOutput;
use wirecost_model::transport::{TRANSPORTS, TransportRow};
use wirecost_model::units::Span;
use wirecost_model::{Histogram, TransportKind};

use super::bench::{Bench, Stop};
use super::{Finding, Rung, time};

/// A delay, and how it is looked for.
struct Look {
    delay: Span,
    /// Length of a stretch, s. Its last second is looked at: where it has others, they are for what the stretch before held.
    stretch_s: usize,
    /// Stretches without it, each with one with it behind.
    pairs: usize,
}

const fn look(delay: Span, stretch_s: usize, pairs: usize) -> Look {
    Look { delay, stretch_s, pairs }
}

/// Trials of a transport that polls at an interval, where others have one.
const POLLED: usize = 4;

/// What is injected in the full form. A delay of which 5 % are little is looked for in more pairs.
const LOOKS: [Look; 5] = [
    look(Span(200_000), 1, 12),
    look(Span::ms(1), 1, 4),
    look(Span::ms(10), 1, 1),
    look(Span::ms(100), 2, 1),
    look(Span::ms(500), 2, 1),
];

/// What is injected in the short form.
const SHORT_LOOKS: [Look; 1] = [look(Span::ms(10), 1, 1)];

/// How far from the injected delay the recovered one may be: this share of it, or [`TOLERANCE_NS`].
const TOLERANCE: f64 = 0.05;

/// The same, ns.
const TOLERANCE_NS: f64 = 10_000.0;

/// The rung.
pub(super) const INJECTED_DELAY: Rung =
    Rung { name: "injected_delay", what: "a delay added by the server, found again", timing: true, check };

fn check(bench: &mut Bench<'_>) -> Result<Finding, Stop> {
    let short = TRANSPORTS.iter().filter(|row| row.kind == TransportKind::Websocket);
    let rows: Vec<&TransportRow> = if bench.is_full() { TRANSPORTS.iter().collect() } else { short.collect() };
    let looks: &[Look] = if bench.is_full() { &LOOKS } else { &SHORT_LOOKS };
    let (mut good, mut of, mut values, mut worst) = (0, 0, Vec::new(), (0.0, String::new()));
    for row in rows {
        let mut without_ns = Vec::new();
        for look in looks {
            let Look { delay, .. } = look;
            bench.say(&format!("injected_delay, {} after {delay}", row.name));
            let mut medians_ns = Vec::new();
            for _ in 0..if polls(row) { POLLED } else { 1 } {
                medians_ns.extend(medians(bench, row, look)?);
            }
            let injected_ns = delay.ns() as f64;
            let mut errors_ns: Vec<f64> = medians_ns.iter().map(|[without, with]| with - without - injected_ns).collect();
            without_ns.extend(medians_ns.iter().map(|[without, _]| *without));
            let error_ns = middle(&mut errors_ns);
            let share = error_ns.abs() / (injected_ns * TOLERANCE).max(TOLERANCE_NS);
            of += 1;
            good += usize::from(share <= 1.0);
            if share >= worst.0 {
                worst = (share, format!("{} after {delay}, {} off", row.name, time(error_ns)));
                if let [least, .., most] = errors_ns[..] {
                    worst.1 += &format!(" ({} to {} in {} pairs)", time(least), time(most), errors_ns.len());
                }
            }
            values.push((format!("{}_{delay}_error_ns", row.name), error_ns));
        }
        values.push((format!("{}_without_p50_ns", row.name), middle(&mut without_ns)));
    }
    let expected = format!("each within {:.0} % or {}, whichever is more, at the median", TOLERANCE * 100.0, time(TOLERANCE_NS));
    let finding = Finding::judge(good == of, expected, format!("{good} of {of} recovered; furthest: {}", worst.1));
    Ok(values.into_iter().fold(finding, |finding, (name, value)| finding.with(name, value)))
}

/// Sorts and takes the middle; between the two of an even number.
fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n => f64::midpoint(values[(n - 1) / 2], values[n / 2]),
    }
}

/// Whether a message waits for the next poll.
fn polls(row: &TransportRow) -> bool {
    row.options.contains(&"interval")
}

/// Median delivery of each pair, without the delay and with it, ns.
fn medians(bench: &mut Bench<'_>, row: &TransportRow, look: &Look) -> Result<Vec<[f64; 2]>, Stop> {
    let Look { delay, stretch_s, pairs } = look;
    let options = if polls(row) { "interval: 1ms" } else { "" };
    // 1/s of a period of 1 ms times the golden ratio squared.
    let yaml = format!(
        "name: injected-delay\nquestion: Is it found again?\nworkload: {{ push: {{ rate: 381.966/s }} }}\n\
         trial: {{ warmup: 100ms, measure: {}s, drain: 2s }}\ntrials: 1\narms: [{{ {}: {{ {options} }} }}]\n\
         faults: {{ delay: {delay}, alternate: {stretch_s}s }}\n",
        2 * stretch_s * pairs,
        row.name
    );
    let TrialOutput { trial, mut histograms, interval_ns, .. } = bench.one(&yaml, &mut |_, _| Ok(()))?;
    let seconds: Vec<Histogram> = histograms.remove("delivery").unwrap_or_default();
    let complete = interval_ns == Span::ms(1000).ns() && seconds.len() == 2 * stretch_s * pairs;
    if !complete || seconds.iter().any(|second| second.count() == 0) || trial.accounting.lost > 0 {
        return Err(Stop::Failed(format!("{}: {:?} {:?}", row.name, trial.accounting, trial.errors)));
    }
    let last = |stretch: &[Histogram]| stretch.last().map_or(f64::NAN, |second| second.value_at(0.5) as f64);
    Ok(seconds.chunks_exact(2 * stretch_s).map(|pair| [last(&pair[..*stretch_s]), last(&pair[*stretch_s..])]).collect())
}
