//! What a connection is told to do, from any thread, and how its task hears of it. Who gives orders is [`crate::server`] and the
//! plan of a trial; what it means to follow one is [`crate::connection`].
//!
//! A connection looks for orders each time that it is woken, with every message of a fan-out: so this is a number to look at and
//! one waker, and no channel.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

/// What a connection is told, from the mildest to the harshest. A harsher order includes the milder ones.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Order {
    /// To serve.
    #[default]
    Serve,
    /// To end in order.
    Stop,
    /// To reset, without a word, as when a server dies; unless it is over already.
    CutOff,
    /// To end now, whatever it is at.
    Kill,
}

/// The harshest order that one connection was given.
#[derive(Debug, Default)]
pub struct Orders {
    given: AtomicU8,
    task: AtomicWaker,
}

impl Orders {
    /// Gives an order. It is never taken back.
    pub fn give(&self, order: Order) {
        self.given.fetch_max(order as u8, SeqCst);
        self.task.wake();
    }

    /// Whether `order` was given, or a harsher one.
    pub fn has(&self, order: Order) -> bool {
        self.given.load(SeqCst) >= order as u8
    }

    /// Ready when `order` or a harsher one is given. For one task; it may wait for several at one time.
    pub fn poll_given(&self, order: Order, cx: &mut Context<'_>) -> Poll<()> {
        if !self.has(order) {
            self.task.register(cx.waker());
            // One that was given before that woke nobody.
            if !self.has(order) {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// [`Orders::poll_given`] as a future. Cancel-safe.
    pub async fn given(&self, order: Order) {
        poll_fn(|cx| self.poll_given(order, cx)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_task_hears_of_what_it_waits_for_and_of_what_is_harsher() {
        let orders = Arc::new(Orders::default());
        let waits = |order| {
            let orders = orders.clone();
            tokio::spawn(async move { orders.given(order).await })
        };
        // One task at a time, as it is the task that is woken.
        let stopping = waits(Order::Stop);
        tokio::task::yield_now().await;
        orders.give(Order::CutOff);
        stopping.await.unwrap();
        let killing = waits(Order::Kill);
        tokio::task::yield_now().await;
        orders.give(Order::Stop);
        tokio::task::yield_now().await;
        assert!(!killing.is_finished() && orders.has(Order::CutOff), "a milder order changes nothing");
        let ordering = orders.clone();
        std::thread::spawn(move || ordering.give(Order::Kill)).join().unwrap();
        killing.await.unwrap();
        orders.given(Order::Stop).await;
    }
}
