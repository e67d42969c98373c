//! A cursor that can wait for news of its room. What is done with the messages is the transport's business.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Batch, Hub, Limit, Room};

/// A reader of one room.
///
/// It has a place among those that wait for as long as it lives. Its cursor moves only when a batch is handed over, so a
/// dropped future loses nothing.
#[derive(Debug)]
pub struct Reader {
    hub: Arc<Hub>,
    room: Arc<Room>,
    cursor: u64,
    place: usize,
}

impl Reader {
    pub(super) fn new(hub: Arc<Hub>, room: Arc<Room>, after: Option<u64>) -> Reader {
        // A cursor from the future would silently skip what comes until then.
        let cursor = after.map_or_else(|| room.next(), |after| after.min(room.next()));
        let place = room.join();
        Reader { hub, room, cursor, place }
    }

    /// The number of the next message wanted.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// The next messages, at least one, when there are; `None` when the hub is closed and all is read.
    pub fn poll_next(&mut self, cx: &mut Context<'_>, limit: Limit) -> Poll<Option<Batch>> {
        let polled = self.room.read_or_wait(self.cursor, limit, self.place, cx.waker());
        if let Poll::Ready(Some(batch)) = &polled {
            self.cursor = batch.next;
        }
        polled
    }

    /// [`Reader::poll_next`] as a future. Cancel-safe.
    pub async fn next(&mut self, limit: Limit) -> Option<Batch> {
        poll_fn(|cx| self.poll_next(cx, limit)).await
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.room.leave(self.place);
        self.hub.leave(&self.room);
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
        assert_eq!((&batch.messages[0].payload[..], batch.next, reader.cursor()), (&b"a"[..], 2, 2));
        let Poll::Ready(Some(batch)) = reader.poll_next(&mut cx, Limit::default()) else { panic!("there is more") };
        assert_eq!((&batch.messages[0].payload[..], batch.next), (&b"b"[..], 3));
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
