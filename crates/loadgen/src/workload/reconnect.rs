//! `reconnect`: the server publishes one stream for all and cuts connections off; clients come back and go on where they were, if
//! their transport can. When and how many are cut is the server's order; here is how clients come back.

use std::time::Duration;

use wirecost_model::Faults;
use wirecost_model::control::Publish;
use wirecost_model::scenario::Reconnect;

use super::{ComeBack, Script};

/// A broadcast, and clients that do not give up.
pub fn script(reconnect: &Reconnect, seed: u64) -> Script {
    let payload_bytes = reconnect.payload.0 as usize;
    let publish = Publish {
        each_of: None,
        rate: reconnect.rate,
        arrivals: reconnect.arrivals.clone(),
        payload_bytes,
        seed,
        faults: Faults::default(),
    };
    let recovery = ComeBack { delay: Duration::from_nanos(reconnect.delay.ns()) };
    Script { publish: Some(publish), subscribe: true, recovery: Some(recovery), payload_bytes, ..Script::default() }
}
