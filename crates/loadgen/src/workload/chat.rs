//! `chat`: clients talk to each other in rooms. Each sends on a schedule of its own, to the rooms that it is in, in turn; the
//! server passes a message on to everyone in its room, the sender too. Open loop: latency is from due time to each delivery.

use wirecost_model::scenario::Chat;

use super::{Script, Uplink};

/// Everyone sends and everyone listens.
pub fn script(chat: &Chat, seed: u64) -> Script {
    let uplink = Uplink { rate: chat.rate, arrivals: chat.arrivals.clone(), seed };
    Script {
        uplink: Some(uplink),
        subscribe: true,
        payload_bytes: chat.payload.0 as usize,
        chat: Some(chat.clone()),
        ..Script::default()
    }
}
