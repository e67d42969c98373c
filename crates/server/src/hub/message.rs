//! One message in a ring: number, payload, when it came, and its encodings, each made by the first reader that needs it.
//!
//! Which encodings there are is the transports' business: a slot is a number here.

use std::sync::OnceLock;

use bytes::Bytes;
use wirecost_probe::clock;

/// Encodings that a message has room for.
pub const ENCODINGS: usize = 3;

/// A message as its room keeps it.
#[derive(Debug)]
pub struct Message {
    /// Its number in the room, from 0.
    pub id: u64,
    /// What was published. UTF-8.
    pub payload: Bytes,
    /// When it was published, ns of CLOCK_MONOTONIC.
    pub published_ns: u64,
    encoded: [OnceLock<Bytes>; ENCODINGS],
}

impl Message {
    /// A message that is published now, without encodings.
    pub fn new(id: u64, payload: Bytes) -> Message {
        Message { id, payload, published_ns: clock::now_ns(), encoded: Default::default() }
    }

    /// The encoding in `slot`; `encode` is called if nobody has needed it yet, so that a fan-out to n readers encodes once.
    ///
    /// # Panics
    /// If there is no such slot: slots are constants of the transports, never input.
    pub fn encoded(&self, slot: usize, encode: impl FnOnce(&Message) -> Bytes) -> &Bytes {
        self.encoded[slot].get_or_init(|| encode(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_encoded_once_for_each_slot() {
        let message = Message::new(7, Bytes::from_static(b"x"));
        assert_eq!(message.encoded(0, |m| Bytes::from(m.id.to_string())), "7");
        assert_eq!(message.encoded(0, |_| unreachable!("it is there")), "7");
        assert_eq!(message.encoded(1, |m| m.payload.clone()), "x");
    }
}
