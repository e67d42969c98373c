//! How long a connection may take nothing of what is to be sent. The clock is only asked while something waits, which is seldom.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Sleep, sleep};

use super::ANSWER_TIMEOUT;
use crate::session::TransportError;

/// The patience of one connection.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// While the server takes nothing: until when that may be.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// What an attempt to send has come to; one that has to wait is an error in time.
    pub fn bound<E>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<Result<(), E>>,
        failed: impl FnOnce(E) -> TransportError,
    ) -> Poll<Result<(), TransportError>> {
        if let Poll::Ready(sent) = polled {
            self.waiting = None;
            return Poll::Ready(sent.map_err(failed));
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(ANSWER_TIMEOUT)));
        waiting.as_mut().poll(context).map(|()| Err(TransportError::Timeout(ANSWER_TIMEOUT.as_secs())))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Error;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_waits_is_given_up_in_time_and_what_goes_on_is_not() {
        let mut patience = Patience::default();
        let begun = Instant::now();
        let mut attempt = async |polled: fn() -> Poll<Result<(), Error>>| {
            poll_fn(|context| patience.bound(context, polled(), TransportError::Io)).await
        };
        attempt(|| Poll::Ready(Ok(()))).await.expect("sent");
        assert_eq!(begun.elapsed().as_secs(), 0);
        let given_up = attempt(|| Poll::Pending).await;
        assert!(matches!(given_up, Err(TransportError::Timeout(30))) && begun.elapsed() >= ANSWER_TIMEOUT, "{given_up:?}");
    }
}
