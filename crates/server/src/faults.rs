//! What goes wrong on purpose, between the publisher and the hub: a message is lost, damaged, doubled, swapped with the next or
//! held back. No transport knows of it, so every one of them has to show it in the same way.
//!
//! The count is of what was committed, not of what was asked for: a swap without a later message is none.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use bytes::Bytes;
use wirecost_model::faults::{Fate, Faults, Injected};
use wirecost_probe::clock;

use crate::fan_out::FanOut;
use crate::hub::Room;
use crate::publisher::wait;

/// Where the publisher's messages go.
pub(crate) struct Outlet {
    faults: Faults,
    injected: Injected,
    /// By stream: messages that wait for a later one to overtake them.
    held: HashMap<u32, Vec<Bytes>>,
    way: Way,
}

/// From here to the hub.
enum Way {
    /// At once.
    Direct(Arc<FanOut>),
    /// Through a thread that lets everything wait equally long.
    Delayed { delay_ns: u64, queue: Sender<Late>, thread: JoinHandle<u64> },
}

/// A message on its way through the delay.
struct Late {
    visible_ns: u64,
    room: Arc<Room>,
    payload: Bytes,
}

impl Outlet {
    /// An outlet that commits `faults`. `stop` ends a delay that is under way.
    pub fn new(faults: Faults, fan_out: Arc<FanOut>, stop: Arc<AtomicBool>) -> std::io::Result<Outlet> {
        let way = match faults.delay {
            None => Way::Direct(fan_out),
            Some(delay) => {
                let (queue, late) = mpsc::channel();
                let delayed = move || let_wait(&late, &fan_out, &stop);
                let thread = std::thread::Builder::new().name("delay".into()).spawn(delayed)?;
                Way::Delayed { delay_ns: delay.ns(), queue, thread }
            }
        };
        Ok(Outlet { faults, injected: Injected::default(), held: HashMap::new(), way })
    }

    /// Takes a message of a stream that was sent now.
    pub fn put(&mut self, stream: u32, sequence: u32, room: &Arc<Room>, payload: Bytes, sent_ns: u64) {
        match self.faults.fate(sequence) {
            Fate::Whole => self.pass(room, payload, sent_ns),
            Fate::Lost => {
                self.injected.lost += 1;
                return;
            }
            Fate::Corrupted => {
                self.injected.corrupted += 1;
                // Nobody can tell which message this is, so it overtakes none.
                return self.pass(room, damaged(&payload), sent_ns);
            }
            Fate::Duplicated => {
                self.injected.duplicated += 1;
                self.pass(room, payload.clone(), sent_ns);
                self.pass(room, payload, sent_ns);
            }
            Fate::Swapped => {
                self.held.entry(stream).or_default().push(payload);
                return;
            }
        }
        // What arrived is intact and later than what was held.
        for overtaken in self.held.remove(&stream).unwrap_or_default() {
            self.injected.swapped += 1;
            self.pass(room, overtaken, sent_ns);
        }
    }

    fn pass(&self, room: &Arc<Room>, payload: Bytes, sent_ns: u64) {
        match &self.way {
            Way::Direct(fan_out) => show(room, payload, fan_out),
            Way::Delayed { delay_ns, queue, .. } => {
                let late = Late { visible_ns: sent_ns.saturating_add(*delay_ns), room: room.clone(), payload };
                // The thread is gone only if it was stopped: then nothing is to be seen any more.
                let _ = queue.send(late);
            }
        }
    }

    /// Lets go of what was held and waits for what is delayed. `room` is a stream's room. Tells what was committed.
    pub fn end(mut self, room: impl Fn(u32) -> Option<Arc<Room>>) -> Injected {
        let now = clock::now_ns();
        for (stream, messages) in std::mem::take(&mut self.held) {
            let Some(room) = room(stream) else { continue };
            messages.into_iter().for_each(|message| self.pass(&room, message, now));
        }
        if let Way::Delayed { queue, thread, .. } = self.way {
            drop(queue);
            self.injected.delayed = thread.join().unwrap_or(0);
        }
        self.injected
    }
}

/// The thread of the delay: messages in the order in which they came, each when its time has come. Returns how many.
fn let_wait(late: &Receiver<Late>, fan_out: &FanOut, stop: &AtomicBool) -> u64 {
    // Refused nowhere that is known; the delay that is recovered would show it.
    let _ = clock::set_timer_slack_ns(1);
    let mut delayed = 0;
    for Late { visible_ns, room, payload } in late {
        if !wait(visible_ns, stop) {
            break;
        }
        show(&room, payload, fan_out);
        delayed += 1;
    }
    delayed
}

fn show(room: &Room, payload: Bytes, fan_out: &FanOut) {
    // An envelope is text.
    if let Ok(wakes) = room.publish(payload) {
        fan_out.wake(wakes);
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
    use wirecost_model::units::Span;
    use wirecost_model::{Accounting, Envelope, StreamCheck, StreamVerdict};

    use super::*;
    use crate::hub::{Hub, HubOptions, Limit};

    /// What a reader of the room makes of `count` messages put through an outlet.
    fn seen(faults: Faults, count: u32) -> (Injected, Accounting) {
        let hub = Hub::new(HubOptions { ring_messages: usize::MAX, ring_bytes: usize::MAX, ..HubOptions::default() });
        let room = hub.room("all").unwrap();
        let mut outlet = Outlet::new(faults, Arc::default(), Arc::default()).unwrap();
        for sequence in 0..count {
            let sent_ns = clock::now_ns();
            let payload = Envelope { stream: 0, sequence, due_ns: sent_ns, sent_ns }.to_vec(40);
            outlet.put(0, sequence, &room, payload.into(), sent_ns);
        }
        let injected = outlet.end(|_| Some(room.clone()));
        let (mut account, mut check) = (Accounting { expected: count.into(), ..Accounting::default() }, StreamCheck::default());
        for message in room.read(0, Limit { messages: usize::MAX, bytes: usize::MAX }).messages {
            assert!(message.payload.iter().all(|b| b.is_ascii_graphic() && *b != b'"' && *b != b'\\'));
            match Envelope::read(&message.payload).map(|envelope| check.see(envelope.sequence)) {
                Err(_) => account.corrupted += 1,
                Ok(StreamVerdict::Duplicate) => account.duplicated += 1,
                Ok(StreamVerdict::Reordered) => account.reordered += 1,
                Ok(StreamVerdict::New) => {}
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
            let faults = Faults { delay: None, lose, corrupt, duplicate, swap };
            let (injected, account) = seen(faults, count);
            prop_assert!(injected.explains(&account), "{:?} {:?}", injected, account);
            prop_assert!(!faults.is_none() || account.is_clean());
        }
    }

    #[test]
    fn a_delay_changes_nothing_but_the_time() {
        let faults = Faults { delay: Some(Span(2_000_000)), lose: Some(5), swap: Some(5), ..Faults::default() };
        let before = clock::now_ns();
        let (injected, account) = seen(faults, 20);
        assert!(clock::now_ns() >= before + 2_000_000);
        assert_eq!((injected.lost, injected.delayed), (4, 16));
        assert!(injected.explains(&account), "{injected:?} {account:?}");
    }
}
