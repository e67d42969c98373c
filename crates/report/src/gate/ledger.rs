//! Do the bytes add up?

use wirecost_model::ledger::{Counters, Explanation};
use wirecost_model::record::Trial;
use wirecost_model::{Cell, Direction, Phase};

use super::{Blame, Finding, Gate};
use crate::format::{count, fixed};

/// The kernel's interface saw exactly what the ledger names.
pub const RESIDUAL: Gate = Gate {
    name: "ledger_residual",
    blame: Blame::Measured,
    what: "the layers add up to what the network interface carried, to the byte",
    check: |cell, trial| {
        let Some(interface) = trial.ledger.interface else {
            return Finding::not_measured("not reconciled: without a private network the interface carries others' packets too");
        };
        let frames = interface.frames as i64 - interface.ledger_frames as i64;
        let residual = format!("residual {} B and {frames} frames", fixed(interface.residual_bytes() as f64, 0));
        let why = interface.explanation().map(|explanation| match explanation {
            Explanation::SackBlocks => format!(
                "SACK blocks, because two cores delivered {} out of order and {} twice",
                crate::format::plural(interface.out_of_order_segments, "segment"),
                interface.dsacks
            ),
            Explanation::StrayResets => "strays after the end of a connection, and the RST that answered them".into(),
            Explanation::SocketResets => format!(
                "RSTs of sockets that gave up, taken for answers to segments that found nobody: the ledger has {} of these, the stack {}",
                interface.ledger_bare_resets, interface.stray_resets
            ),
            Explanation::FullAcceptQueue => format!(
                "SYN-ACKs sent again, because the server's accept queue was full ({} drops); a longer backlog where it listens would \
                 let clients in at once",
                interface.accept_queue_drops
            ),
        });
        if let Some(why) = why {
            return Finding::passed(format!("{residual}: {why}"));
        }
        Finding::judge(
            interface.balances(),
            format!(
                "{residual} of {} B in {} frames, 0 are allowed; the stack counted {} sent again, {} out of \
                 order, {} DSACK, {} stray RST (the ledger {}), {} dropped at a full accept queue",
                count(interface.bytes),
                count(interface.frames),
                interface.retransmitted_segments,
                interface.out_of_order_segments,
                interface.dsacks,
                interface.stray_resets,
                interface.ledger_bare_resets,
                interface.accept_queue_drops
            ),
            match cell.config.target {
                None => "some connection was not counted, or closed before it was read: please report it with the record",
                Some(_) => {
                    "a target that sends packets of its own (to a database, between its processes) cannot be reconciled: use `wire: host`"
                }
            },
        )
    },
};

/// No layer is the result of a subtraction that stopped at zero.
pub const LAYERS: Gate = Gate {
    name: "layers",
    blame: Blame::Measured,
    what: "each layer carried at least the bytes of the one above it (socket ≥ what TLS was given ≥ headers and payload), and the phases add up to the whole",
    check: layers,
};

/// Judged over the whole trial. Inside a phase the readings of live connections may be a few bytes apart.
fn layers(_: &Cell, trial: &Trial) -> Finding {
    let mut all = Counters::default();
    for phase in Phase::ALL {
        all += trial.ledger.phase(phase);
    }
    if trial.ledger.phases.is_empty() || all.socket_bytes.total() == 0 {
        return Finding::failed("no bytes were counted", "the connections did not pass through the meter");
    }
    for (direction, way) in [(Direction::Up, "up"), (Direction::Down, "down")] {
        let [socket, plain, handshake, heads, empty, payload] =
            [all.socket_bytes, all.plain_bytes, all.tls_handshake_bytes, all.head_bytes, all.empty_head_bytes, all.payload_bytes]
                .map(|flow| flow.get(direction));
        if socket < plain + handshake || plain < heads + empty + payload {
            return Finding::failed(
                format!(
                    "{way}: socket {} B, TLS handshake {} B, above TLS {} B, heads {} B, payload {} B",
                    count(socket),
                    count(handshake),
                    count(plain),
                    count(heads + empty),
                    count(payload)
                ),
                "something was counted twice: please report it with the record",
            );
        }
    }
    if let Some(interface) = trial.ledger.interface {
        let phases = trial.ledger.bytes(|_| true) + trial.publisher.map_or(0, |publisher| publisher.all_layers_bytes());
        if phases != interface.ledger_bytes {
            return Finding::failed(
                format!("the phases add up to {} B, the whole trial to {} B", count(phases), count(interface.ledger_bytes)),
                "something was counted in two phases or in none: please report it with the record",
            );
        }
    }
    Finding::passed(format!("{} B through the sockets, every layer within the one below", count(all.socket_bytes.total())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::tests::outcome;
    use wirecost_model::record::GateOutcome::{Failed, NotMeasured, Passed};

    #[test]
    fn one_byte_too_many_or_too_few_voids_the_trial() {
        assert_eq!(outcome(&RESIDUAL, "sse", |_, _| ()), Passed);
        for change in [-1i64, 1] {
            assert_eq!(
                outcome(&RESIDUAL, "sse", |_, t| {
                    let interface = t.ledger.interface.as_mut().unwrap();
                    interface.bytes = interface.bytes.saturating_add_signed(change);
                }),
                Failed
            );
        }
        assert_eq!(outcome(&RESIDUAL, "sse", |_, t| t.ledger.interface.as_mut().unwrap().ledger_frames += 1), Failed);
        assert_eq!(outcome(&RESIDUAL, "sse", |_, t| t.ledger.interface = None), NotMeasured);
    }

    #[test]
    fn a_layer_larger_than_the_one_below_voids_the_trial() {
        assert_eq!(outcome(&LAYERS, "sse", |_, _| ()), Passed);
        assert_eq!(outcome(&LAYERS, "sse", |_, t| t.ledger.phases[1].counters.payload_bytes.down += 1_000_000_000), Failed);
        assert_eq!(outcome(&LAYERS, "sse", |_, t| t.ledger.phases[1].counters.tls_handshake_bytes.up += 1_000_000_000), Failed);
        assert_eq!(outcome(&LAYERS, "sse", |_, t| t.ledger.phases.clear()), Failed);
        assert_eq!(outcome(&LAYERS, "sse", |_, t| t.ledger.entries[0].bytes += 1), Failed);
    }
}
