//! A time limit for answers that costs nothing while they come. A timer set and taken back for each request
//! is two locks and a clock read; this one is set once and looked at only when it rings, which is when it
//! finds out whether the exchange that it sees is still the one that was there when it was set.
//!
//! The price: an exchange is given up after its limit at the earliest and after twice that at the latest; later still if the timer was
//! set for an exchange with a longer limit.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// Rings when one exchange has taken too long.
#[derive(Debug, Default)]
pub(super) struct Watchdog {
    timer: Option<Pin<Box<Sleep>>>,
    /// How long the timer was set for.
    set_for: Duration,
    /// The exchange that was under way when it was set.
    seen: u64,
    /// The exchange under way.
    exchange: u64,
}

impl Watchdog {
    /// Another exchange begins.
    pub fn next_exchange(&mut self) {
        self.exchange += 1;
    }

    /// What `part` of the exchange comes to, or `None` if the exchange takes longer than `limit`. Takes a reference: a
    /// future that is passed by value lies in its caller's twice.
    pub fn watch<'a, T>(
        &'a mut self,
        limit: Duration,
        mut part: Pin<&'a mut (impl Future<Output = T> + 'a)>,
    ) -> impl Future<Output = Option<T>> + 'a {
        poll_fn(move |context| {
            if let Poll::Ready(output) = part.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            let timer = self.timer.get_or_insert_with(|| {
                (self.set_for, self.seen) = (limit, self.exchange);
                Box::pin(sleep(limit))
            });
            while timer.as_mut().poll(context).is_ready() {
                if self.seen == self.exchange && self.set_for >= limit {
                    return Poll::Ready(None);
                }
                (self.set_for, self.seen) = (limit, self.exchange);
                timer.as_mut().reset(Instant::now() + limit);
            }
            Poll::Pending
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn an_exchange_that_hangs_is_given_up_between_one_limit_and_two() {
        let mut watchdog = Watchdog::default();
        for _ in 0..3 {
            watchdog.next_exchange();
            assert_eq!(watchdog.watch(LIMIT, pin!(sleep(LIMIT * 9 / 10))).await, Some(()));
        }
        watchdog.next_exchange();
        let begun = Instant::now();
        assert_eq!(watchdog.watch(LIMIT, pin!(std::future::pending::<()>())).await, None);
        let took = begun.elapsed();
        assert!(took >= LIMIT && took <= 2 * LIMIT, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn parts_of_one_exchange_share_its_limit_and_a_longer_limit_is_kept() {
        let mut watchdog = Watchdog::default();
        watchdog.next_exchange();
        assert_eq!(watchdog.watch(LIMIT, pin!(sleep(LIMIT / 2))).await, Some(()));
        let begun = Instant::now();
        assert_eq!(watchdog.watch(LIMIT, pin!(std::future::pending::<()>())).await, None);
        assert!(begun.elapsed() <= LIMIT / 2 + Duration::from_millis(2));
        watchdog.next_exchange();
        assert_eq!(watchdog.watch(2 * LIMIT, pin!(sleep(LIMIT * 3 / 2))).await, Some(()));
    }
}
