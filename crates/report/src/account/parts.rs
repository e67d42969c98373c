//! Where the bytes of a message went: shares of the layers, as a sentence an arm.

use wirecost_model::scenario::Workload;
use wirecost_model::{Cell, Layer, Record};

use super::median;
use crate::format;
use crate::stats::metric;
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

/// Bytes per message of each entry of the stack: medians over trials that count, both directions, the measured window.
pub fn of(record: &Record, cell: &Cell) -> Option<[f64; STACK.len()]> {
    let mut parts = [0.0; STACK.len()];
    for (part, (_, layers)) in parts.iter_mut().zip(&STACK) {
        *part = median(record, cell, |trial| {
            layers.iter().map(|&layer| metric::layer_bytes_per_message(cell, trial, layer)).sum::<Option<f64>>()
        })?;
    }
    Some(parts)
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
