//! What clients send: verified, accounted for, timed. How it came is the transports' business.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use wirecost_model::control::Begin;
use wirecost_model::{Accounting, Envelope, Histogram, StreamCheck, StreamVerdict};
use wirecost_probe::clock;

use crate::fan_out::FanOut;
use crate::hub::{Hub, HubError, Room};

/// Streams that are told apart; messages of any beyond are counted as corrupted.
const MAX_STREAMS: usize = 1 << 16;

/// Gaps in all streams together that are kept; what would make one more counts as corrupted, and stays missing.
const MAX_GAPS: usize = 1 << 20;

/// Everything clients have sent.
#[derive(Debug, Default)]
pub struct Ingest {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    window: Option<Begin>,
    relay: Option<Relay>,
    streams: HashMap<u32, StreamCheck>,
    /// Of all streams.
    gaps: usize,
    uploaded: Uploaded,
}

/// What clients send is passed on in rooms.
#[derive(Debug)]
struct Relay {
    /// Those of a message whose stream number by their number leaves 0, 1 ….
    rooms: Vec<Arc<Room>>,
    fan_out: Arc<FanOut>,
}

impl Relay {
    fn pass_on(&self, stream: u32, payload: &[u8]) {
        let Some(room) = self.rooms.get(stream as usize % self.rooms.len().max(1)) else { return };
        // An envelope is text, all of it, and what the hub has no room for it counts itself.
        if let Ok(wakes) = room.publish(Bytes::copy_from_slice(payload)) {
            self.fan_out.wake(wakes);
        }
    }
}

/// What became of clients' messages.
#[derive(Debug, Clone, Default)]
pub struct Uploaded {
    /// Received − due of messages due in the window, ns.
    pub latency: Histogram,
    /// Received − sent of the same, ns.
    pub service: Histogram,
    /// Of the whole trial. `expected` and `lost` stay 0: only the plan knows them.
    pub accounting: Accounting,
}

impl Ingest {
    /// Makes the measured window known.
    pub fn begin(&self, begin: Begin) {
        self.lock().window = Some(begin);
    }

    /// From now on passes on what comes, in so many rooms.
    ///
    /// # Errors
    /// Those of [`Hub::room`].
    pub fn relay(&self, rooms: u32, hub: &Hub, fan_out: Arc<FanOut>) -> Result<(), HubError> {
        let rooms: Result<_, HubError> = (0..rooms).map(|room| hub.room(&format!("r{room}"))).collect();
        self.lock().relay = Some(Relay { rooms: rooms?, fan_out });
        Ok(())
    }

    /// Takes one message, now.
    pub fn receive(&self, payload: &[u8]) {
        let received_ns = clock::now_ns();
        self.receive_at(payload, received_ns);
    }

    /// The account so far.
    pub fn uploaded(&self) -> Uploaded {
        self.lock().uploaded.clone()
    }

    fn receive_at(&self, payload: &[u8], received_ns: u64) {
        let read = Envelope::read(payload);
        let mut state = self.lock();
        let State { window, relay, streams, gaps, uploaded } = &mut *state;
        let full = streams.len() >= MAX_STREAMS;
        let Ok(envelope) = read else {
            uploaded.accounting.corrupted += 1;
            return;
        };
        if full && !streams.contains_key(&envelope.stream) {
            uploaded.accounting.corrupted += 1;
            return;
        }
        let check = streams.entry(envelope.stream).or_default();
        let elsewhere = *gaps - check.gaps();
        let verdict = check.see_within(envelope.sequence, MAX_GAPS - elsewhere);
        *gaps = elsewhere + check.gaps();
        match verdict {
            StreamVerdict::New => uploaded.accounting.delivered += 1,
            StreamVerdict::Reordered => {
                uploaded.accounting.delivered += 1;
                uploaded.accounting.reordered += 1;
            }
            StreamVerdict::Duplicate => {
                uploaded.accounting.duplicated += 1;
                return;
            }
            StreamVerdict::Scattered => {
                uploaded.accounting.corrupted += 1;
                return;
            }
        }
        // While it is locked, so that two messages of a client are never passed on in another order.
        if let Some(relay) = relay {
            relay.pass_on(envelope.stream, payload);
        }
        if let Some(begin) = window.as_ref().filter(|begin| begin.in_window(envelope.due_ns)) {
            uploaded.latency.record(received_ns.saturating_sub(envelope.due_ns));
            uploaded.service.record(received_ns.saturating_sub(envelope.sent_ns));
            if received_ns >= begin.start_ns.saturating_add(begin.window_to_ns) {
                uploaded.accounting.late += 1;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_accounted_for_and_the_window_is_timed() {
        let ingest = Ingest::default();
        ingest.begin(Begin {
            start_ns: 1000,
            window_from_ns: 100,
            window_to_ns: 200,
            publish: None,
            relay_rooms: None,
            cut: None,
        });
        let message = |stream, sequence, due_ns| Envelope { stream, sequence, due_ns, sent_ns: due_ns + 5 }.to_vec(40);
        ingest.receive_at(&message(1, 0, 1099), 1109); // before the window
        ingest.receive_at(&message(1, 1, 1100), 1130);
        ingest.receive_at(&message(1, 3, 1199), 1205); // late
        ingest.receive_at(&message(1, 2, 1150), 1160); // overtaken
        ingest.receive_at(&message(2, 0, 1120), 1140);
        ingest.receive_at(&message(2, 0, 1120), 1141); // again
        ingest.receive_at(&message(2, 1, 1200), 1210); // behind the window
        let mut damaged = message(2, 2, 1100);
        damaged[35] ^= 1;
        ingest.receive_at(&damaged, 1150);
        ingest.receive_at(b"", 1150);
        let Uploaded { latency, service, accounting } = ingest.uploaded();
        let expected = Accounting { delivered: 6, reordered: 1, duplicated: 1, corrupted: 2, late: 1, ..Accounting::default() };
        assert_eq!(accounting, expected);
        assert_eq!((latency.count(), latency.min_ns(), latency.max_ns()), (4, Some(6), Some(30)));
        assert_eq!((service.count(), service.min_ns(), service.max_ns()), (4, Some(1), Some(25)));
    }
}
