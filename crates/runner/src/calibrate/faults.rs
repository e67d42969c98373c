//! What the server spoils must be counted by the clients exactly: loss, damage, doubles and swaps, no more and no fewer.

use wirecost_model::TransportKind;
use wirecost_model::transport::TRANSPORTS;

use super::bench::{Bench, Stop};
use super::{Finding, Rung};

/// The rung.
pub(super) const INJECTED_FAULTS: Rung = Rung {
    name: "injected_faults",
    what: "loss, damage, doubles and swaps by the server, counted by the clients",
    timing: false,
    check,
};

fn check(bench: &mut Bench<'_>) -> Result<Finding, Stop> {
    let short = [TransportKind::ShortPoll, TransportKind::Websocket];
    let full = bench.is_full();
    let rows = TRANSPORTS.iter().filter(|row| full || short.contains(&row.kind));
    let (mut exact, mut of, mut injected_sum, mut wrong) = (0u32, 0u32, 0, String::new());
    for row in rows {
        bench.say(&format!("injected_faults, {}", row.name));
        let options = if row.options.contains(&"interval") { "interval: 20ms" } else { "" };
        let yaml = format!(
            "name: injected-faults\nquestion: Are they all seen?\nworkload: {{ push: {{ rate: 400/s, arrivals: poisson }} }}\nclients: 3\n\
             trial: {{ warmup: 100ms, measure: 400ms, drain: 1s }}\ntrials: 1\narms: [{{ {}: {{ {options} }} }}]\n\
             faults: {{ lose: 13, corrupt: 17, duplicate: 11, swap: 7 }}\n",
            row.name
        );
        let (_, trials) = bench.trials(&yaml)?;
        for trial in trials {
            of += 1;
            let injected = trial.injected.unwrap_or_default();
            injected_sum += injected.lost + injected.corrupted + injected.duplicated + injected.swapped;
            if injected.explains(&trial.accounting)
                && injected.lost * injected.corrupted * injected.duplicated * injected.swapped > 0
            {
                exact += 1;
            } else {
                wrong += &format!("; {}: injected {injected:?}, seen {:?}", row.name, trial.accounting);
            }
        }
    }
    let seen = format!("{exact} of {of} transports exact, {injected_sum} faults in all{wrong}");
    let finding = Finding::judge(exact == of, "every count the same at both ends", seen);
    Ok(finding.with("faults", injected_sum as f64).with("transports", f64::from(of)))
}
