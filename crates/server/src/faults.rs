//! What goes wrong on purpose, between the publisher and the hub: a message is lost, damaged, doubled or swapped with the next. No
//! transport knows of it, so every one of them has to show it in the same way. Holding messages back is the publisher's own.
//!
//! The count is of what was committed, not of what was asked for: a swap without a later message is none.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use wirecost_model::faults::{Fate, Faults, Injected};

use crate::fan_out::FanOut;
use crate::hub::Room;

/// Where the publisher's messages go.
pub(crate) struct Outlet {
    faults: Faults,
    injected: Injected,
    /// By stream: messages that wait for a later one to overtake them.
    overtaken: HashMap<u32, Vec<Bytes>>,
    fan_out: Arc<FanOut>,
}

impl Outlet {
    /// An outlet that commits `faults`.
    pub fn new(faults: Faults, fan_out: Arc<FanOut>) -> Outlet {
        Outlet { faults, injected: Injected::default(), overtaken: HashMap::new(), fan_out }
    }

    /// Takes a message of a stream, which was held back or not.
    pub fn put(&mut self, stream: u32, sequence: u32, room: &Room, payload: Bytes, held: bool) {
        let fate = self.faults.fate(sequence);
        self.injected.delayed += if held { fate.copies() } else { 0 };
        match fate {
            Fate::Whole => self.show(room, payload),
            Fate::Lost => {
                self.injected.lost += 1;
                return;
            }
            Fate::Corrupted => {
                self.injected.corrupted += 1;
                // Nobody can tell which message this is, so it overtakes none.
                return self.show(room, damaged(&payload));
            }
            Fate::Duplicated => {
                self.injected.duplicated += 1;
                self.show(room, payload.clone());
                self.show(room, payload);
            }
            Fate::Swapped => {
                self.overtaken.entry(stream).or_default().push(payload);
                return;
            }
        }
        // What arrived is intact and later than what waits.
        for overtaken in self.overtaken.remove(&stream).unwrap_or_default() {
            self.injected.swapped += 1;
            self.show(room, overtaken);
        }
    }

    /// Lets go of what still waits to be overtaken. `room` is a stream's room. Tells what was committed.
    pub fn end(mut self, room: impl Fn(u32) -> Option<Arc<Room>>) -> Injected {
        for (stream, messages) in std::mem::take(&mut self.overtaken) {
            let Some(room) = room(stream) else { continue };
            messages.into_iter().for_each(|message| self.show(&room, message));
        }
        self.injected
    }

    fn show(&self, room: &Room, payload: Bytes) {
        // An envelope is text, and what the hub has no room for it counts itself.
        if let Ok(wakes) = room.publish(payload) {
            self.fan_out.wake(wakes);
        }
    }
}

/// The same with another last byte: still of the envelope's alphabet, so that it costs every transport what it would have cost.
fn damaged(payload: &[u8]) -> Bytes {
    let mut bytes = payload.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last = if *last == b'A' { b'B' } else { b'A' };
    }
    bytes.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wirecost_model::{Accounting, Envelope, StreamCheck, StreamVerdict};
    use wirecost_probe::clock;

    use super::*;
    use crate::hub::{Hub, HubOptions, Limit};

    /// What a reader of the room makes of `count` messages put through an outlet.
    fn seen(faults: Faults, count: u32) -> (Injected, Accounting) {
        let hub = Hub::new(HubOptions { ring_messages: usize::MAX, ring_bytes: usize::MAX, ..HubOptions::default() });
        let room = hub.room("all").unwrap();
        let mut outlet = Outlet::new(faults, Arc::default());
        for sequence in 0..count {
            let sent_ns = clock::now_ns();
            let payload = Envelope { stream: 0, sequence, due_ns: sent_ns, sent_ns }.to_vec(40);
            outlet.put(0, sequence, &room, payload.into(), false);
        }
        let injected = outlet.end(|_| Some(room.clone()));
        let (mut account, mut check) = (Accounting { expected: count.into(), ..Accounting::default() }, StreamCheck::default());
        for message in room.read(0, Limit { messages: usize::MAX, bytes: usize::MAX }).messages {
            assert!(message.payload.iter().all(|b| b.is_ascii_graphic() && *b != b'"' && *b != b'\\'));
            match Envelope::read(&message.payload).map(|envelope| check.see(envelope.sequence)) {
                Err(_) => account.corrupted += 1,
                Ok(StreamVerdict::Duplicate) => account.duplicated += 1,
                Ok(StreamVerdict::Reordered) => account.reordered += 1,
                Ok(StreamVerdict::New | StreamVerdict::Scattered) => {}
            }
        }
        account.delivered = check.delivered();
        account.lost = check.missing(count.into()).count() as u64;
        (injected, account)
    }

    proptest! {
        /// Whatever falls together: what is counted here is what a reader counts.
        #[test]
        fn what_was_committed_is_what_is_seen(
            lose in prop::option::of(2u32..9), corrupt in prop::option::of(2u32..9), duplicate in prop::option::of(2u32..9),
            swap in prop::option::of(2u32..9), count in 0u32..80,
        ) {
            let faults = Faults { lose, corrupt, duplicate, swap, ..Faults::default() };
            let (injected, account) = seen(faults, count);
            prop_assert!(injected.explains(&account), "{:?} {:?}", injected, account);
            prop_assert!(!faults.is_none() || account.is_clean());
        }
    }
}
