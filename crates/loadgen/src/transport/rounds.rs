//! Polls, one after the other: when the next may be asked, and the one that is under way. What is asked and what an answer
//! means is the poller's affair.

use std::future::pending;

use crate::client::Context;
use crate::pacer::Ticker;
use crate::session::TransportError;
use crate::stack::{Answer, Exchange};

/// The polls of one client. They are kept here so that a dropped future cuts none off.
#[derive(Default)]
pub(super) struct Rounds {
    /// Of a client that polls at an interval.
    ticker: Option<Ticker>,
    under_way: Option<Exchange>,
}

impl Rounds {
    /// Whether the next poll is to be asked now, or one is under way already. Where there is an interval, `paced` is who polls, and
    /// this waits for it. Safe to cancel.
    pub async fn are_due(&mut self, paced: Option<&Context>) -> bool {
        if self.under_way.is_some() {
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

    /// Takes a poll on.
    pub fn ask(&mut self, exchange: Exchange) {
        self.under_way = Some(exchange);
    }

    /// The answer to the poll that is under way. Safe to cancel.
    pub async fn answer(&mut self) -> Result<Answer, TransportError> {
        let Some(exchange) = &mut self.under_way else { return pending().await };
        let answer = exchange.await;
        self.under_way = None;
        if let Some(ticker) = &mut self.ticker {
            ticker.answered();
        }
        answer
    }

    /// Waits for what is under way.
    pub async fn finish(self) {
        if let Some(exchange) = self.under_way {
            let _ = exchange.await;
        }
    }
}
