//! What the machine did beside the trials. It voids none, because it need not have touched them: the server has a core of its
//! own, and other work may have been of the kind that gives way. But who reads the numbers must know.

use wirecost_model::Phase;
use wirecost_model::record::Trial;

use crate::format;

/// Share of the machine's CPU time from which on other work is told of.
const WORTH_TELLING: f64 = 0.1;

/// Share of the CPU time of `cores` that went neither to the trial's processes nor to idleness, 0 to 1. The kernel's own work on
/// behalf of nobody is in it: a few per cent. `None` for a trial without a window.
fn share(trial: &Trial, cores: usize) -> Option<f64> {
    let window_ns = trial.ledger.duration_ns(Phase::Steady) as f64 * cores as f64;
    let own = [&trial.server, &trial.client].map(|process| process.cpu_ns + process.waiting_cpu_ns).iter().sum::<u64>() as f64;
    (window_ns > 0.0).then(|| (trial.machine.busy_fraction - own / window_ns).clamp(0.0, 1.0))
}

/// The warning about it, if there is reason for one.
pub fn warning(trials: &[Trial], cores: usize) -> Option<String> {
    let mut shares: Vec<f64> = trials.iter().filter_map(|trial| share(trial, cores)).collect();
    shares.sort_by(f64::total_cmp);
    let (median, most) = (*shares.get(shares.len() / 2)?, *shares.last()?);
    (median >= WORTH_TELLING).then(|| {
        format!(
            "other work took {} of the machine's CPU time while it was measured (median of the trials; at most {}): latencies and CPU \
             times are those of a busy machine; stop what else runs, and run again",
            format::percent(median),
            format::percent(most)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn work_beside_the_trials_is_told_of_and_their_own_is_not() {
        let mut trials = fixture::run().record.trials.clone();
        let busy = |trials: &mut Vec<Trial>, others: f64| {
            for trial in trials {
                let window_ns = trial.ledger.duration_ns(Phase::Steady) as f64 * 2.0;
                trial.machine.busy_fraction = (trial.server.cpu_ns + trial.client.cpu_ns) as f64 / window_ns + others;
            }
        };
        busy(&mut trials, 0.05);
        assert_eq!(warning(&trials, 2), None);
        let mut waiting = trials.clone();
        busy(&mut waiting, 0.15);
        assert!(warning(&waiting, 2).is_some());
        // A tenth of the machine's time is the publisher's, and so not other work.
        waiting.iter_mut().for_each(|t| t.server.waiting_cpu_ns = t.ledger.duration_ns(Phase::Steady) / 5);
        assert_eq!(warning(&waiting, 2), None);
        busy(&mut trials, 0.42);
        assert!(warning(&trials, 2).unwrap().contains("42 % of the machine's CPU time"));
        assert_eq!(warning(&[], 2), None);
    }
}
