//! A server that stands still for a while (SIGSTOP) must be seen in `delivery`, which counts from the due time, and must not
//! be seen in `service`, which counts from when the message was sent at last. This is the difference between measuring what an
//! application would suffer and measuring only the messages that got through in good times (coordinated omission).
//!
//! Of a run of length R with one stall of length S, the share S/R of messages is due while it stands; of these, those due first
//! wait longest. So the quantile q lies at S − (1 − q)·R, for every q above 1 − S/R.

use wirecost_model::Histogram;
use wirecost_model::control::{Progress, TrialOutput};
use wirecost_probe::clock::{now_ns, sleep_until};
use wirecost_probe::process::{self, Signal};

use super::bench::{Bench, Stop};
use super::{Finding, Rung, time};

/// How far from theory the quantile may be, a share.
const TOLERANCE: f64 = 0.05;

/// The rung.
pub(super) const STALL: Rung =
    Rung { name: "stall", what: "a server that stands still, in delivery and not in service", timing: true, check };

/// A stall in a run, ns, and the quantile that is looked at.
struct Case {
    stall_ns: u64,
    run_ns: u64,
    q: f64,
}

const FULL: Case = Case { stall_ns: 1_000_000_000, run_ns: 10_000_000_000, q: 0.99 };
const SHORT: Case = Case { stall_ns: 200_000_000, run_ns: 2_000_000_000, q: 0.95 };

impl Case {
    fn theory_ns(&self) -> f64 {
        self.stall_ns as f64 - (1.0 - self.q) * self.run_ns as f64
    }
}

fn check(bench: &mut Bench<'_>) -> Result<Finding, Stop> {
    let case = if bench.is_full() { FULL } else { SHORT };
    let yaml = format!(
        "name: stall\nquestion: Is it seen?\nworkload: {{ push: {{ rate: 500/s }} }}\n\
         trial: {{ warmup: 100ms, measure: {}ms, drain: 2s }}\ntrials: 1\narms: [websocket]\n",
        case.run_ns / 1_000_000
    );
    let mut stood_ns = None;
    let mut stand_still = |trial: u32, progress: &Progress| {
        if progress.phase == "measure" && stood_ns.is_none() {
            stood_ns = Some(stand(trial, case.stall_ns)?);
        }
        Ok(())
    };
    let TrialOutput { histograms, .. } = bench.one(&yaml, &mut stand_still)?;
    let Some(stood_ns) = stood_ns else {
        return Err(Stop::Failed("the trial never told that its measured window had begun".into()));
    };
    let quantile = |tag: &str| {
        let mut all = Histogram::default();
        histograms.get(tag).into_iter().flatten().for_each(|interval| all.merge(interval));
        all.value_at(case.q) as f64
    };
    let (delivery_ns, service_ns, theory_ns) = (quantile("delivery"), quantile("service"), case.theory_ns());
    let holds = (delivery_ns / theory_ns - 1.0).abs() <= TOLERANCE && service_ns < theory_ns / 2.0;
    let (p, run) = (format!("p{:.0}", case.q * 100.0), time(case.run_ns as f64));
    let expected = format!(
        "{} in {run}: delivery {p} {} ± {:.0} %, service {p} below half of it",
        time(case.stall_ns as f64),
        time(theory_ns),
        TOLERANCE * 100.0
    );
    let seen =
        format!("delivery {p} {}, service {p} {}; it stood {}", time(delivery_ns), time(service_ns), time(stood_ns as f64));
    Ok(Finding::judge(holds, expected, seen)
        .with("theory_ns", theory_ns)
        .with("delivery_ns", delivery_ns)
        .with("service_ns", service_ns)
        .with("stood_ns", stood_ns as f64))
}

/// Stops the server of a trial for a while; returns how long it was, ns. The server is the trial process's one child.
fn stand(trial: u32, stall_ns: u64) -> std::io::Result<u64> {
    let server = *process::children(trial)?.first().ok_or_else(|| std::io::Error::other("the trial has no server to stop"))?;
    let stopped_ns = now_ns();
    process::signal(server, Signal::Stop)?;
    sleep_until(stopped_ns + stall_ns);
    process::signal(server, Signal::Cont)?;
    Ok(now_ns() - stopped_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn theory_is_the_text_above() {
        assert!((FULL.theory_ns() - 0.9e9).abs() < 1.0 && (SHORT.theory_ns() - 0.1e9).abs() < 1.0);
        for case in [FULL, SHORT] {
            assert!(case.q > 1.0 - case.stall_ns as f64 / case.run_ns as f64);
        }
    }
}
