//! Where the bytes of a message went: shares of the layers, as a sentence an arm.

use wirecost_model::record::Trial;
use wirecost_model::scenario::Workload;
use wirecost_model::{Cell, Layer, Record};

use crate::format;
use crate::stats::{counting, metric};
use crate::view::{self, Group};

/// Layers that are told as one, from the application down. Twelve colours cannot be told apart, eight just can.
pub const STACK: [(&str, &[Layer]); 8] = [
    ("payload", &[Layer::Payload]),
    ("message framing", &[Layer::Framing]),
    ("HTTP headers", &[Layer::RequestHead, Layer::ResponseHead]),
    ("headers of empty polls", &[Layer::EmptyRequestHead, Layer::EmptyResponseHead]),
    ("TLS", &[Layer::TlsHandshake, Layer::TlsRecord]),
    ("TCP/IP headers of data", &[Layer::TcpData]),
    ("pure ACKs", &[Layer::TcpAck]),
    ("SYN, FIN, retransmits", &[Layer::TcpControl, Layer::Retransmit]),
];

/// Bytes per message of each entry of the stack, both directions, the measured window. They are those of the trial that is the
/// median by their sum, or the mean of the two in the middle: so they add up to the median that tables show, which medians of
/// each part by itself would not.
pub fn of(record: &Record, cell: &Cell) -> Option<[f64; STACK.len()]> {
    let of_trial = |trial: &Trial| -> Option<[f64; STACK.len()]> {
        let mut parts = [0.0; STACK.len()];
        for (part, (_, layers)) in parts.iter_mut().zip(&STACK) {
            *part = layers.iter().map(|&layer| metric::layer_bytes_per_message(cell, trial, layer)).sum::<Option<f64>>()?;
        }
        Some(parts)
    };
    let mut trials: Vec<_> = counting(cell.index, &record.trials).into_iter().filter_map(of_trial).collect();
    let sum = |parts: &[f64; STACK.len()]| parts.iter().sum::<f64>();
    trials.sort_by(|a, b| sum(a).total_cmp(&sum(b)));
    let (low, high) = (trials.get(trials.len().checked_sub(1)? / 2)?, trials.get(trials.len() / 2)?);
    Some(std::array::from_fn(|n| (low[n] + high[n]) / 2.0))
}

/// Where an arm's bytes went, the largest part first. `None` without messages in a trial that counts.
pub fn sentence(record: &Record, cell: &Cell) -> Option<String> {
    let parts = of(record, cell)?;
    let total: f64 = parts.iter().sum();
    let mut named: Vec<(&str, f64)> = STACK.iter().zip(parts).map(|((name, _), part)| (*name, part / total)).collect();
    // The sort is stable, so equals stay in the order of the stack.
    named.sort_by(|a, b| b.1.total_cmp(&a.1));
    // What would be written as 0.0 % says nothing.
    let shares: Vec<String> = named
        .iter()
        .filter(|(_, share)| *share >= 0.0005)
        .map(|(name, share)| format!("{} {name}", format::percent(*share)))
        .collect();
    if shares.is_empty() {
        return None;
    }
    let what = if matches!(cell.workload, Workload::Echo(_)) { "round trip" } else { "message" };
    Some(format!("{}, {} a {what}: {}.", view::title(&record.plan, cell), format::bytes(total), format::list(&shares)))
}

/// The sentences of a group, in the order of the plan.
pub fn sentences(record: &Record, group: &Group) -> Vec<String> {
    group.cells.iter().filter_map(|&index| sentence(record, record.plan.cells.get(index)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn every_layer_is_in_the_stack_once() {
        for layer in Layer::ALL {
            assert_eq!(STACK.iter().filter(|(_, layers)| layers.contains(&layer)).count(), 1, "{layer:?}");
        }
    }

    #[test]
    fn parts_add_up_to_the_median_that_tables_show() {
        let of = |record: &Record| {
            for cell in &record.plan.cells {
                let wire = crate::summary::estimate(record, cell.index, "wire_bytes_per_message").unwrap();
                let sum: f64 = of(record, cell).unwrap().iter().sum();
                assert!((sum - wire).abs() < 1e-9 * wire, "{}: {sum} and {wire}", cell.config.name);
            }
        };
        let mut record = fixture::run().record.clone();
        of(&record);
        // And of an odd number of trials.
        record.trials.retain(|trial| trial.block > 0);
        record.cells = crate::stats::summarise(&record.plan, &record.trials);
        of(&record);
    }

    #[test]
    fn the_largest_part_comes_first() {
        let record = &fixture::run().record;
        insta::assert_snapshot!(sentences(record, &view::groups(&record.plan)[0]).join("\n"));
    }

    #[test]
    fn without_messages_nothing_is_said() {
        let mut record = fixture::run().record.clone();
        record.plan.cells[0].workload = Workload::Idle(Default::default());
        assert_eq!(sentence(&record, &record.plan.cells[0]), None);
    }
}
