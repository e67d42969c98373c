//! A cursor that can wait for news of its room. What is done with the messages is the transport's business.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Batch, Hub, Limit, Room};

/// A reader of one room, or of several.
///
/// It has a place among those that wait for as long as it lives. Its cursor moves only when a batch is handed over, so a
/// dropped future loses nothing.
#[derive(Debug)]
pub struct Reader {
    hub: Arc<Hub>,
    rooms: Vec<Place>,
    /// Which is asked first; another one each time, so that a busy room does not keep a quiet one waiting.
    first: usize,
}

/// Where it is in one room.
#[derive(Debug)]
struct Place {
    room: Arc<Room>,
    cursor: u64,
    place: usize,
}

impl Reader {
    /// Of no room yet, and of so many.
    pub(super) fn new(hub: Arc<Hub>, rooms: usize) -> Reader {
        Reader { hub, rooms: Vec::with_capacity(rooms), first: 0 }
    }

    /// Follows one room more.
    pub(super) fn follow(&mut self, room: Arc<Room>, after: Option<u64>) {
        // A cursor from the future would silently skip what comes until then.
        let cursor = after.map_or_else(|| room.next(), |after| after.min(room.next()));
        let place = room.join();
        self.rooms.push(Place { room, cursor, place });
    }

    /// The number of the next message wanted, in each room.
    pub fn cursors(&self) -> impl Iterator<Item = u64> + '_ {
        self.rooms.iter().map(|place| place.cursor)
    }

    /// The next messages, at least one, when there are; `None` when the hub is closed and all is read.
    pub fn poll_next(&mut self, cx: &mut Context<'_>, limit: Limit) -> Poll<Option<Batch>> {
        if let [Place { room, cursor, place }] = &mut self.rooms[..] {
            let polled = room.read_or_wait(*cursor, limit, *place, cx.waker());
            if let Poll::Ready(Some(batch)) = &polled {
                *cursor = batch.next;
            }
            return polled;
        }
        self.poll_all(cx, limit)
    }

    /// What all rooms together have, within one limit.
    fn poll_all(&mut self, cx: &mut Context<'_>, limit: Limit) -> Poll<Option<Batch>> {
        self.first = self.first.wrapping_add(1);
        let mut waiting = false;
        let mut all = Batch::of_rooms(self.rooms.len(), self.first, limit, |at, left| {
            let Place { room, cursor, place } = &mut self.rooms[at];
            match room.read_or_wait(*cursor, left, *place, cx.waker()) {
                Poll::Pending => {
                    waiting = true;
                    None
                }
                Poll::Ready(batch) => batch.inspect(|batch| *cursor = batch.next),
            }
        });
        if all.messages.is_empty() {
            return if waiting { Poll::Pending } else { Poll::Ready(None) };
        }
        let mut cursors = self.cursors();
        all.next = cursors.next().unwrap_or(0);
        all.also = cursors.collect();
        Poll::Ready(Some(all))
    }

    /// [`Reader::poll_next`] as a future. Cancel-safe.
    pub async fn next(&mut self, limit: Limit) -> Option<Batch> {
        poll_fn(|cx| self.poll_next(cx, limit)).await
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for Place { room, place, .. } in &self.rooms {
            room.leave(*place);
            self.hub.leave(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use bytes::Bytes;

    use super::super::HubOptions;
    use super::*;

    fn hub() -> Arc<Hub> {
        Hub::new(HubOptions { ring_messages: 3, ..HubOptions::default() })
    }

    fn publish(hub: &Hub, text: &'static str) -> usize {
        let wakes = hub.room("r").unwrap().publish(Bytes::from_static(text.as_bytes())).unwrap();
        let count = wakes.len();
        wakes.wake();
        count
    }

    #[test]
    fn waits_is_woken_and_goes_on_behind_what_it_read() {
        let hub = hub();
        publish(&hub, "before");
        let mut reader = hub.reader("r", None).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(hub.subscribers(), 0);
        assert!(reader.poll_next(&mut cx, Limit::default()).is_pending());
        assert!(reader.poll_next(&mut cx, Limit::default()).is_pending(), "waiting twice is waiting once");
        assert_eq!(hub.subscribers(), 1);
        assert_eq!(publish(&hub, "a"), 1);
        assert_eq!(publish(&hub, "b"), 0, "it was woken already");
        let Poll::Ready(Some(batch)) = reader.poll_next(&mut cx, Limit { messages: 1, bytes: 9 }) else {
            panic!("there is news")
        };
        assert_eq!((&batch.messages[0].payload[..], batch.next, reader.cursors().next()), (&b"a"[..], 2, Some(2)));
        let Poll::Ready(Some(batch)) = reader.poll_next(&mut cx, Limit::default()) else { panic!("there is more") };
        assert_eq!((&batch.messages[0].payload[..], batch.next), (&b"b"[..], 3));
    }

    #[test]
    fn several_rooms_are_one_reader_with_a_cursor_for_each() {
        let hub = Hub::new(HubOptions::default());
        let mut cx = Context::from_waker(Waker::noop());
        let mut reader = hub.follow("a.b.c", &[]).unwrap();
        assert!(reader.poll_next(&mut cx, Limit::default()).is_pending());
        assert_eq!(hub.subscribers(), 3);
        for (room, text) in [("a", "1"), ("c", "2"), ("a", "3"), ("elsewhere", "4")] {
            hub.room(room).unwrap().publish(Bytes::from_static(text.as_bytes())).unwrap().wake();
        }
        let Poll::Ready(Some(batch)) = reader.poll_next(&mut cx, Limit::default()) else { panic!("there is news") };
        let mut texts: Vec<&[u8]> = batch.messages.iter().map(|message| &message.payload[..]).collect();
        texts.sort_unstable();
        assert_eq!((texts, batch.cursors()), (vec![&b"1"[..], b"2", b"3"], vec![2, 0, 1]));
        assert!(reader.poll_next(&mut cx, Limit::default()).is_pending());
        // One message at a time loses none either.
        let mut again = hub.follow("a.b.c", &[0, 0, 0]).unwrap();
        let one = Limit { messages: 1, bytes: 1 };
        let read = (0..3).map(|_| again.poll_next(&mut cx, one)).filter(|polled| polled.is_ready()).count();
        assert_eq!((read, again.cursors().collect::<Vec<_>>()), (3, vec![2, 0, 1]));
        hub.close();
        assert!(matches!(again.poll_next(&mut cx, one), Poll::Ready(None)));
        for (names, after) in [("a.b", &[1][..]), ("a.a", &[]), ("a..b", &[]), (&["x"; 65].join("."), &[])] {
            assert!(hub.follow(names, after).is_err(), "{names}");
        }
    }

    #[test]
    fn a_reader_that_goes_is_not_counted_and_not_woken() {
        let hub = hub();
        let mut cx = Context::from_waker(Waker::noop());
        let mut gone = hub.reader("r", Some(0)).unwrap();
        let mut stays = hub.reader("r", Some(0)).unwrap();
        assert!(gone.poll_next(&mut cx, Limit::default()).is_pending());
        assert!(stays.poll_next(&mut cx, Limit::default()).is_pending());
        drop(gone);
        assert_eq!(hub.subscribers(), 1);
        assert_eq!(publish(&hub, "a"), 1);
    }

    #[test]
    fn loss_is_told_to_each_reader_and_counted() {
        let hub = hub();
        let mut readers = [hub.reader("r", Some(0)).unwrap(), hub.reader("r", Some(99)).unwrap()];
        for _ in 0..5 {
            publish(&hub, "x");
        }
        let mut cx = Context::from_waker(Waker::noop());
        for reader in &mut readers {
            let Poll::Ready(Some(batch)) = reader.poll_next(&mut cx, Limit::default()) else { panic!("there is news") };
            assert_eq!((batch.lost, batch.messages.len(), batch.next), (2, 3, 5));
        }
        assert_eq!(hub.overrun(), 4);
    }

    #[test]
    fn the_end_comes_after_the_last_message() {
        let hub = hub();
        let mut reader = hub.reader("r", None).unwrap();
        publish(&hub, "last");
        hub.close();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(reader.poll_next(&mut cx, Limit::default()), Poll::Ready(Some(_))));
        assert!(matches!(reader.poll_next(&mut cx, Limit::default()), Poll::Ready(None)));
        let mut late = hub.reader("made-after-the-end", None).unwrap();
        assert!(matches!(late.poll_next(&mut cx, Limit::default()), Poll::Ready(None)));
    }
}
