//! `push`: the server publishes, clients receive. Open loop.

use wirecost_model::Faults;
use wirecost_model::control::Publish;
use wirecost_model::scenario::{Audience, Push};

use super::Script;

/// One stream for all clients, or one for each.
pub fn script(push: &Push, clients: u32, seed: u64) -> Script {
    let each_of = match push.audience {
        Audience::Broadcast => None,
        Audience::Each => Some(clients),
    };
    let payload_bytes = push.payload.0 as usize;
    let publish =
        Publish { each_of, rate: push.rate, arrivals: push.arrivals.clone(), payload_bytes, seed, faults: Faults::default() };
    Script { publish: Some(publish), subscribe: true, payload_bytes, ..Script::default() }
}
