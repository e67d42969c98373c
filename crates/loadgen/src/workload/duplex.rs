//! `duplex`: both directions at once. Full duplex on one connection where the transport has it; on HTTP the
//! client's messages are POSTs beside the poll or the stream.

use wirecost_model::Faults;
use wirecost_model::control::Publish;
use wirecost_model::scenario::Duplex;

use super::{Script, Uplink};

/// A broadcast down, a stream of each client's own up.
pub fn script(duplex: &Duplex, seed: u64) -> Script {
    let payload_bytes = duplex.payload.0 as usize;
    let publish = Publish {
        each_of: None,
        rate: duplex.down,
        arrivals: duplex.arrivals.clone(),
        payload_bytes,
        seed,
        faults: Faults::default(),
    };
    let uplink = Uplink { rate: duplex.up, arrivals: duplex.arrivals.clone(), seed };
    Script { publish: Some(publish), uplink: Some(uplink), subscribe: true, payload_bytes, ..Script::default() }
}
