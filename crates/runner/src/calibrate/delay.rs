//! A delay that the server is told to add must be found again, on every transport: the median with it less the median without.
//!
//! A poll's wait is as long as its interval is wide, and a median of random waits would wander more than the tolerance. So
//! the interval is short and the messages are due at golden steps of it: they cover the interval evenly, delayed or not.

use wirecost_model::control::TrialOutput;
use wirecost_model::transport::{TRANSPORTS, TransportRow};
use wirecost_model::units::Span;
use wirecost_model::{Histogram, TransportKind};

use super::bench::{Bench, Stop};
use super::{Finding, Rung, time};

/// What is injected in the full form.
const DELAYS: [Span; 5] = [Span(200_000), Span::ms(1), Span::ms(10), Span::ms(100), Span::ms(500)];

/// What is injected in the short form.
const SHORT_DELAYS: [Span; 1] = [Span::ms(10)];

/// From here on one look is enough.
const CERTAIN_FROM: Span = Span::ms(2);

/// Looks at a shorter delay.
const ROUNDS: usize = 3;

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
    let delays: &[Span] = if bench.is_full() { &DELAYS } else { &SHORT_DELAYS };
    let (mut good, mut of, mut values, mut worst) = (0, 0, Vec::new(), (0.0, String::new()));
    for row in rows {
        let (mut without, mut worst_here) = (Vec::new(), false);
        for delay in delays {
            bench.say(&format!("injected_delay, {} after {delay}", row.name));
            let injected_ns = delay.ns() as f64;
            // A delay of which 5 % are little is looked for several times, each time against its own neighbour in time.
            let rounds = if bench.is_full() && *delay < CERTAIN_FROM { ROUNDS } else { 1 };
            let mut errors_ns = Vec::new();
            for _ in 0..rounds {
                let without_ns = median(bench, row, None)?;
                errors_ns.push(median(bench, row, Some(*delay))? - without_ns - injected_ns);
                without.push(without_ns);
            }
            let error_ns = middle(errors_ns);
            let share = error_ns.abs() / (injected_ns * TOLERANCE).max(TOLERANCE_NS);
            of += 1;
            good += usize::from(share <= 1.0);
            if share >= worst.0 {
                worst_here = true;
                worst = (share, format!("{} after {delay}, {} off", row.name, time(error_ns)));
            }
            values.push((format!("{}_{delay}_error_ns", row.name), error_ns));
        }
        without.sort_by(f64::total_cmp);
        if let [least, .., most] = without[..] {
            // What the same trial differed by from one time to the next: errors of this size are the machine's.
            if worst_here {
                worst.1 += &format!("; its median without a delay was {} to {}", time(least), time(most));
            }
            values.push((format!("{}_without_p50_spread_ns", row.name), most - least));
        }
        values.push((format!("{}_without_p50_ns", row.name), middle(without)));
    }
    let expected = format!("each within {:.0} % or {}, whichever is more, at the median", TOLERANCE * 100.0, time(TOLERANCE_NS));
    let finding = Finding::judge(good == of, expected, format!("{good} of {of} recovered; furthest: {}", worst.1));
    Ok(values.into_iter().fold(finding, |finding, (name, value)| finding.with(name, value)))
}

/// The middle one.
fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn median(bench: &mut Bench<'_>, row: &TransportRow, delay: Option<Span>) -> Result<f64, Stop> {
    let measure = if bench.is_full() { "1s" } else { "400ms" };
    let options = if row.options.contains(&"interval") { "interval: 1ms" } else { "" };
    let faults = delay.map(|delay| format!("faults: {{ delay: {delay} }}\n")).unwrap_or_default();
    // 1/s of a period of 1 ms times the golden ratio squared.
    let yaml = format!(
        "name: injected-delay\nquestion: Is it found again?\nworkload: {{ push: {{ rate: 381.966/s }} }}\n\
         trial: {{ warmup: 100ms, measure: {measure}, drain: 2s }}\ntrials: 1\narms: [{{ {}: {{ {options} }} }}]\n{faults}",
        row.name
    );
    let TrialOutput { trial, histograms, .. } = bench.one(&yaml, &mut |_, _| Ok(()))?;
    let mut delivery = Histogram::default();
    histograms.get("delivery").into_iter().flatten().for_each(|interval| delivery.merge(interval));
    if delivery.count() == 0 || trial.accounting.lost > 0 {
        return Err(Stop::Failed(format!("{}: {:?} {:?}", row.name, trial.accounting, trial.errors)));
    }
    Ok(delivery.value_at(0.5) as f64)
}
