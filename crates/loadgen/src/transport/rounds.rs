//! Polls, one after the other: when the next may be asked, and the one that is under way. What is asked and what an answer
//! means is the poller's affair.

use super::asker::Asker;
use crate::client::Context;
use crate::pacer::Ticker;
use crate::session::TransportError;
use crate::stack::Answer;

/// The polls of one client. They are kept here so that a dropped future cuts none off.
pub(super) struct Rounds<R> {
    /// Of a client that polls at an interval.
    ticker: Option<Ticker>,
    pub asker: Asker<R>,
}

impl<R: Default + 'static> Rounds<R> {
    /// None yet; `exchange` is how one is asked and answered.
    pub fn new(exchange: impl AsyncFn(&R) -> Result<Answer, TransportError> + 'static) -> Rounds<R> {
        Rounds { ticker: None, asker: Asker::new(exchange) }
    }

    /// Whether the next poll is to be asked now, or one is under way already. Where there is an interval, `paced` is who polls, and
    /// this waits for it. Safe to cancel.
    pub async fn are_due(&mut self, paced: Option<&Context>) -> bool {
        if self.asker.is_under_way() {
            return false;
        }
        if let Some(context) = paced {
            if self.ticker.is_none() {
                self.ticker = Some(context.ticker().await);
            }
            if let Some(ticker) = &mut self.ticker {
                ticker.tick().await;
            }
        }
        true
    }

    /// The answer to the poll that is under way. Safe to cancel.
    pub async fn answer(&mut self) -> Result<Answer, TransportError> {
        let answer = self.asker.answer().await;
        if let Some(ticker) = &mut self.ticker {
            ticker.answered();
        }
        answer
    }

    /// Waits for what is under way.
    pub async fn finish(mut self) {
        if self.asker.is_under_way() {
            let _ = self.asker.answer().await;
        }
    }
}
