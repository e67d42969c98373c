//! One room: a bounded ring of messages with numbers, read by cursor. A cursor is the number of the next message wanted.
//!
//! Waiting is here only as far as it must be atomic with reading; the future is [`super::reader`].

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use bytes::Bytes;

use super::held::{CLIENTS_PART, Held};
use super::waiters::{Waiters, Wakes};
use super::{HubError, HubOptions, Message};

/// How much one read takes at most. The first message is always taken.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Messages.
    pub messages: usize,
    /// Payload bytes.
    pub bytes: usize,
}

impl Limit {
    /// What is left of it after a batch; `None` if that is nothing.
    pub fn after(self, batch: &Batch) -> Option<Limit> {
        let messages = self.messages.saturating_sub(batch.messages.len());
        let bytes = self.bytes.saturating_sub(batch.payload_bytes() as usize);
        (messages > 0 && bytes > 0).then_some(Limit { messages, bytes })
    }
}

impl Default for Limit {
    fn default() -> Self {
        Limit { messages: 10_000, bytes: 8 << 20 }
    }
}

/// What a read found.
#[derive(Debug, Default)]
pub struct Batch {
    /// Consecutive messages, the last numbered `next - 1`; of several rooms, those of each in order.
    pub messages: Vec<Arc<Message>>,
    /// The cursor to go on with; of the first room, where there are several.
    pub next: u64,
    /// The same of the second room on; empty if there is one.
    pub also: Vec<u64>,
    /// Messages between the cursor and the first of these that the room no longer had.
    pub lost: u64,
}

impl Batch {
    /// The cursors to go on with, one for each room.
    pub fn cursors(&self) -> Vec<u64> {
        std::iter::once(self.next).chain(self.also.iter().copied()).collect()
    }

    /// Payload bytes of the messages.
    pub fn payload_bytes(&self) -> u64 {
        self.messages.iter().map(|message| message.payload.len() as u64).sum()
    }

    /// What so many rooms have within one limit for all of them. They are asked one after another, beginning with number `first`,
    /// each within what those before it have left; whoever reads keeps the cursors. A room that is not asked has lost nothing.
    pub fn of_rooms(count: usize, first: usize, limit: Limit, mut read: impl FnMut(usize, Limit) -> Option<Batch>) -> Batch {
        let (mut all, mut left) = (Batch::default(), Some(limit));
        for at in 0..count {
            let Some(limit) = left else { break };
            if let Some(batch) = read(first.wrapping_add(at) % count, limit) {
                left = limit.after(&batch);
                all.lost += batch.lost;
                all.messages.extend(batch.messages);
            }
        }
        all
    }
}

/// A room.
#[derive(Debug)]
pub struct Room {
    name: Box<str>,
    options: HubOptions,
    /// What all rooms of the hub keep.
    held: Arc<Held>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    ring: VecDeque<Arc<Message>>,
    ring_bytes: usize,
    next: u64,
    overrun: u64,
    closed: bool,
    waiters: Waiters,
}

impl Room {
    pub(super) fn new(name: &str, options: HubOptions, held: &Arc<Held>) -> Room {
        Room { name: name.into(), options, held: Arc::clone(held), state: Mutex::default() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds a message. Who waits for it is returned and must be woken: by the caller, because from a thread outside a runtime
    /// each wake-up of a task costs a system call, and a large audience is better woken from inside.
    ///
    /// After [`super::Hub::close`] nothing is added.
    ///
    /// # Errors
    /// [`HubError::NotUtf8`], [`HubError::Full`]. What does not fit counts as overrun.
    pub fn publish(&self, payload: Bytes) -> Result<Wakes, HubError> {
        check_text(&payload)?;
        let mut state = self.lock();
        let added = self.add(&mut state, payload, self.options.total_bytes);
        if added.is_err() {
            // It is lost to all that listen, as one that fell out of the ring; and once if nobody does, for those that poll.
            state.overrun += state.waiters.joined().max(1) as u64;
        }
        added
    }

    /// The same for what a client says, which has less room ([`super::held`]).
    ///
    /// # Errors
    /// [`HubError::NotUtf8`], [`HubError::Full`], [`HubError::TooManyRooms`].
    pub(super) fn say(&self, payload: Bytes) -> Result<Wakes, HubError> {
        check_text(&payload)?;
        let HubOptions { total_bytes, max_rooms, .. } = self.options;
        let mut state = self.lock();
        // From its first message on a room stays.
        let is_new = state.next == 0;
        let said_in = self.held.said_in();
        if is_new && said_in >= max_rooms / CLIENTS_PART {
            return Err(HubError::TooManyRooms(said_in));
        }
        let added = self.add(&mut state, payload, total_bytes / CLIENTS_PART)?;
        if is_new && state.next > 0 {
            self.held.opened_by_client();
        }
        Ok(added)
    }

    /// Adds a message of which all rooms may keep `total_bytes` as [`HubOptions::total_bytes`] says.
    fn add(&self, state: &mut State, payload: Bytes, total_bytes: usize) -> Result<Wakes, HubError> {
        if state.closed {
            return Ok(Wakes::default());
        }
        let held_bytes = self.held.bytes();
        if held_bytes > total_bytes.saturating_mul(2) {
            return Err(HubError::Full(held_bytes));
        }
        let HubOptions { ring_messages, ring_bytes, .. } = self.options;
        state.ring_bytes += payload.len();
        state.ring.push_back(Arc::new(Message::new(state.next, payload, &self.held)));
        state.next += 1;
        while state.ring.len() > ring_messages.max(1)
            || ((state.ring_bytes > ring_bytes || self.held.bytes() > total_bytes) && state.ring.len() > 1)
        {
            state.ring_bytes -= state.ring.pop_front().map_or(0, |message| message.payload.len());
        }
        Ok(state.waiters.take())
    }

    /// The cursor behind the newest message.
    pub fn next(&self) -> u64 {
        self.lock().next
    }

    /// What there is from cursor `after` on. A cursor that the room has not reached yet finds nothing, and `next` says where
    /// the room is.
    pub fn read(&self, after: u64, limit: Limit) -> Batch {
        self.lock().read(after, limit)
    }

    /// As [`Room::read`], but registers `waker` at `place` if there is nothing. `None`: there never will be.
    pub(super) fn read_or_wait(&self, after: u64, limit: Limit, place: usize, waker: &Waker) -> Poll<Option<Batch>> {
        let mut state = self.lock();
        if after < state.next {
            state.waiters.stop_waiting(place);
            return Poll::Ready(Some(state.read(after, limit)));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        state.waiters.wait(place, waker);
        Poll::Pending
    }

    pub(super) fn join(&self) -> usize {
        self.lock().waiters.join()
    }

    pub(super) fn leave(&self, place: usize) {
        self.lock().waiters.leave(place);
    }

    pub(super) fn close(&self) -> Wakes {
        let mut state = self.lock();
        state.closed = true;
        state.waiters.take()
    }

    pub(super) fn waiting(&self) -> u64 {
        self.lock().waiters.waiting() as u64
    }

    pub(super) fn overrun(&self) -> u64 {
        self.lock().overrun
    }

    /// Nothing was ever published here and nobody listens.
    pub(super) fn is_unused(&self) -> bool {
        let state = self.lock();
        state.next == 0 && state.waiters.joined() == 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing here panics halfway through a change, so a poisoned state is a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_text(payload: &[u8]) -> Result<(), HubError> {
    std::str::from_utf8(payload).map(|_| ()).map_err(|_| HubError::NotUtf8)
}

impl State {
    fn read(&mut self, after: u64, limit: Limit) -> Batch {
        let oldest = self.next - self.ring.len() as u64;
        if after >= self.next {
            return Batch { messages: Vec::new(), next: self.next, also: Vec::new(), lost: 0 };
        }
        let from = after.max(oldest);
        let skipped = (from - oldest) as usize;
        let mut bytes = 0;
        let mut messages = Vec::with_capacity(self.ring.len().saturating_sub(skipped).min(limit.messages.max(1)));
        for message in self.ring.range(skipped..) {
            bytes += message.payload.len();
            if !messages.is_empty() && (bytes > limit.bytes || messages.len() >= limit.messages) {
                break;
            }
            messages.push(message.clone());
        }
        let lost = from - after;
        self.overrun += lost;
        Batch { next: from + messages.len() as u64, messages, also: Vec::new(), lost }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::message::OVERHEAD_BYTES;
    use super::*;

    fn room(ring_messages: usize, ring_bytes: usize) -> Room {
        Room::new("r", HubOptions { ring_messages, ring_bytes, ..HubOptions::default() }, &Arc::default())
    }

    #[test]
    fn text_only_and_nothing_after_the_end() {
        let room = room(10, 1000);
        assert_eq!(room.publish(Bytes::from_static(b"a\xff")).unwrap_err(), HubError::NotUtf8);
        room.publish(Bytes::from_static(b"a")).unwrap().wake();
        room.close().wake();
        room.publish(Bytes::from_static(b"b")).unwrap().wake();
        assert_eq!(room.next(), 1);
    }

    #[test]
    fn a_cursor_from_the_future_learns_where_the_room_is() {
        let room = room(10, 1000);
        room.publish(Bytes::from_static(b"a")).unwrap().wake();
        let batch = room.read(u64::MAX, Limit::default());
        assert_eq!((batch.messages.len(), batch.next, batch.lost), (0, 1, 0));
    }

    #[test]
    fn a_message_larger_than_the_ring_is_kept_until_the_next() {
        let room = room(10, 4);
        room.publish(Bytes::from_static(b"too long")).unwrap().wake();
        assert_eq!(room.read(0, Limit { messages: 1, bytes: 1 }).messages.len(), 1);
        room.publish(Bytes::from_static(b"x")).unwrap().wake();
        let batch = room.read(0, Limit::default());
        assert_eq!((batch.messages.len(), batch.lost, room.overrun()), (1, 1, 1));
    }

    #[test]
    fn a_limit_for_several_rooms_is_spent_by_what_each_gave() {
        let room = room(10, 1000);
        (0..3).for_each(|_| room.publish(Bytes::from_static(b"abcd")).unwrap().wake());
        let left = |limit: Limit| limit.after(&room.read(0, limit)).map(|left| (left.messages, left.bytes));
        assert_eq!(left(Limit { messages: 5, bytes: 100 }), Some((2, 88)));
        assert_eq!(left(Limit { messages: 3, bytes: 100 }), None);
        assert_eq!(left(Limit { messages: 5, bytes: 3 }), None, "one message, whatever its size");
    }

    #[test]
    fn all_rooms_together_keep_no_more_than_they_may() {
        let each = 30 + OVERHEAD_BYTES;
        let options = HubOptions { total_bytes: 3 * each + 10, ..HubOptions::default() };
        let hub = crate::hub::Hub::new(options);
        let message = || Bytes::from(vec![b'a'; 30]);
        let first = hub.room("first").unwrap();
        (0..5).for_each(|_| first.publish(message()).unwrap().wake());
        assert_eq!(first.read(0, Limit::default()).messages.len(), 3, "a fourth would be too many");
        // Others keep their newest, and at twice as much there is an end.
        let others: Vec<_> = (0..20).map(|n| hub.room(&format!("r{n}")).unwrap().publish(message())).collect();
        assert_eq!(others.iter().filter(|published| published.is_ok()).count(), 4);
        assert!(matches!(others[4], Err(HubError::Full(held_bytes)) if held_bytes == 7 * each), "{:?}", others[4]);
        assert_eq!(first.read(2, Limit::default()).messages.len(), 3);
    }

    #[test]
    fn messages_without_a_payload_are_bounded_too() {
        let hub = crate::hub::Hub::new(HubOptions { total_bytes: 10 * OVERHEAD_BYTES, ..HubOptions::default() });
        let room = hub.room("r").unwrap();
        (0..1000).for_each(|_| room.publish(Bytes::new()).unwrap().wake());
        assert_eq!(room.read(0, Limit::default()).messages.len(), 10);
    }

    #[test]
    fn encodings_count_for_as_long_as_their_messages_are_kept() {
        let each = 10 + OVERHEAD_BYTES;
        let hub = crate::hub::Hub::new(HubOptions { total_bytes: 4 * each, ..HubOptions::default() });
        let room = hub.room("r").unwrap();
        let publish = || room.publish(Bytes::from_static(b"0123456789")).unwrap().wake();
        (0..3).for_each(|_| publish());
        // The last of three takes as much as two.
        room.read(2, Limit::default()).messages[0].encoded(0, |_| Bytes::from(vec![b'x'; each]));
        publish();
        assert_eq!(room.read(0, Limit::default()).messages.len(), 3);
        // When it is gone there is room for four.
        (0..4).for_each(|_| publish());
        assert_eq!(room.read(0, Limit::default()).messages.len(), 4);
    }

    #[test]
    fn what_finds_no_room_is_lost_to_all_that_listen_and_counted() {
        let hub = crate::hub::Hub::new(HubOptions { total_bytes: 0, ..HubOptions::default() });
        let publish = |room| hub.room(room).unwrap().publish(Bytes::from_static(b"x")).map(Wakes::wake);
        publish("first").unwrap();
        let _listening = [hub.reader("heard", None).unwrap(), hub.reader("heard", None).unwrap()];
        publish("heard").unwrap_err();
        assert_eq!(hub.overrun(), 2);
        publish("perhaps-polled").unwrap_err();
        assert_eq!(hub.overrun(), 3);
    }

    proptest! {
        /// Against the plainest model: a list of everything ever published.
        #[test]
        fn every_message_is_read_in_order_or_reported_lost(
            ring_messages in 1usize..20, ring_bytes in 1usize..200, limit_messages in 1usize..10, limit_bytes in 1usize..100,
            sizes in prop::collection::vec(0usize..50, 0..60), reads in prop::collection::vec(any::<bool>(), 60),
        ) {
            let room = room(ring_messages, ring_bytes);
            let limit = Limit { messages: limit_messages, bytes: limit_bytes };
            let (mut cursor, mut accounted, mut lost) = (0, 0u64, 0u64);
            for (n, &size) in sizes.iter().enumerate() {
                room.publish(Bytes::from(vec![b'a' + (n % 26) as u8; size])).unwrap().wake();
                if !reads[n] {
                    continue;
                }
                let batch = room.read(cursor, limit);
                prop_assert!(!batch.messages.is_empty() && batch.messages.len() <= limit_messages);
                prop_assert!(batch.messages.len() == 1 || batch.payload_bytes() <= limit_bytes as u64);
                for (at, message) in batch.messages.iter().enumerate() {
                    prop_assert_eq!(message.id, cursor + batch.lost + at as u64);
                    prop_assert_eq!(message.payload.len(), sizes[message.id as usize]);
                }
                prop_assert_eq!(batch.next, cursor + batch.lost + batch.messages.len() as u64);
                accounted += batch.lost + batch.messages.len() as u64;
                lost += batch.lost;
                cursor = batch.next;
                prop_assert_eq!(accounted, cursor);
            }
            prop_assert_eq!(room.overrun(), lost);
            // The ring holds what it may, and never more.
            let kept = room.read(0, Limit { messages: usize::MAX, bytes: usize::MAX });
            prop_assert!(kept.messages.len() <= ring_messages);
            prop_assert!(kept.messages.len() <= 1 || kept.payload_bytes() <= ring_bytes as u64);
            prop_assert_eq!(kept.lost + kept.messages.len() as u64, sizes.len() as u64);
        }
    }
}
