//! One message in a ring: number, payload, when it came, and its encodings, each made by the first reader that needs it.
//!
//! Which encodings there are is the transports' business: a slot is a number here.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use wirecost_probe::clock;

use super::held::Held;

/// Encodings that a message has room for.
pub const ENCODINGS: usize = 3;

/// What a message takes up beside its payload and encodings: itself, and an allowance for what points to it and for the
/// allocator.
pub const OVERHEAD_BYTES: usize = size_of::<Message>() + 64;

/// A message as its room keeps it. It counts as held for as long as it lives.
#[derive(Debug)]
pub struct Message {
    /// Its number in the room, from 0.
    pub id: u64,
    /// What was published. UTF-8.
    pub payload: Bytes,
    /// When it was published, ns of CLOCK_MONOTONIC.
    pub published_ns: u64,
    encoded: [OnceLock<Bytes>; ENCODINGS],
    held: Arc<Held>,
}

impl Message {
    /// A message that is published now, without encodings.
    pub fn new(id: u64, payload: Bytes, held: &Arc<Held>) -> Message {
        held.take(payload.len() + OVERHEAD_BYTES);
        Message { id, payload, published_ns: clock::now_ns(), encoded: Default::default(), held: held.clone() }
    }

    /// The encoding in `slot`; `encode` is called if nobody has needed it yet, so that a fan-out to n readers encodes once.
    ///
    /// # Panics
    /// If there is no such slot: slots are constants of the transports, never input.
    pub fn encoded(&self, slot: usize, encode: impl FnOnce(&Message) -> Bytes) -> &Bytes {
        self.encoded[slot].get_or_init(|| {
            let encoded = encode(self);
            self.held.take(encoded.len());
            encoded
        })
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        let encoded_bytes: usize = self.encoded.iter().filter_map(OnceLock::get).map(Bytes::len).sum();
        self.held.give_back(self.payload.len() + encoded_bytes + OVERHEAD_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_encoded_once_for_each_slot() {
        let held = Arc::default();
        let message = Message::new(7, Bytes::from_static(b"x"), &held);
        assert_eq!(message.encoded(0, |m| Bytes::from(m.id.to_string())), "7");
        assert_eq!(message.encoded(0, |_| unreachable!("it is there")), "7");
        assert_eq!(message.encoded(1, |_| Bytes::from_static(b"encoded")), "encoded");
        // Payload, two encodings and itself are counted until it goes.
        assert_eq!(held.bytes(), 1 + 1 + 7 + OVERHEAD_BYTES);
        drop(message);
        assert_eq!(held.bytes(), 0);
    }
}
