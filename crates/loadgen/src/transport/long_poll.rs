//! Long polling: GET with a cursor, held by the server until there is something or the hold ends, and the
//! next one at once (RFC 6202 §2).

use std::time::Duration;

use super::Downlink;
use super::rounds::Exchange;
use super::short_poll::Cursor;
use crate::client::Context;
use crate::session::{Delivery, TransportError};
use crate::stack::Http;

/// A client that always has one request parked.
pub(crate) struct LongPoll {
    http: Http,
    room: String,
    hold: Duration,
    cursor: Cursor,
    parked: Option<Exchange>,
}

impl Downlink for LongPoll {
    async fn connect(context: &Context, http: Http, room: String) -> Result<Self, TransportError> {
        let cursor = Cursor::find(context, &http, &room).await?;
        let hold = Duration::from_nanos(context.target.arm.hold.unwrap_or_default().ns());
        Ok(LongPoll { http, room, hold, cursor, parked: None })
    }

    fn cursor(&self) -> Option<u64> {
        Some(self.cursor.next)
    }

    async fn next(&mut self) -> Result<Delivery, TransportError> {
        loop {
            if let Some(delivery) = self.cursor.pop() {
                return Ok(delivery);
            }
            let LongPoll { http, room, hold, cursor, parked } = self;
            let exchange = parked.get_or_insert_with(|| {
                let (http, hold) = (http.clone(), *hold);
                let path = format!("/long-poll?room={room}&after={}&hold_ms={}", cursor.text(), hold.as_millis());
                Box::pin(async move { http.get(&path, &[], hold).await })
            });
            let answer = exchange.await;
            self.parked = None;
            self.cursor.take(answer?)?;
        }
    }
}
