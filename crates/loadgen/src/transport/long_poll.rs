//! Long polling: GET with a cursor, held by the server until there is something or the hold ends, and then the
//! next one (RFC 6202 §2): at once, or after a gap, which stands for a network's round trip or for a client's work.

use std::time::Duration;

use super::Downlink;
use super::short_poll::Cursor;
use crate::client::Context;
use crate::deadline::Deadline;
use crate::session::{Delivery, TransportError};
use crate::stack::{Exchange, Http};

/// A client that has one request parked, but for the gap.
pub(crate) struct LongPoll {
    http: Http,
    room: String,
    hold: Duration,
    gap: Duration,
    cursor: Cursor,
    parked: Option<Exchange>,
}

impl Downlink for LongPoll {
    async fn connect(context: &Context, http: Http, room: String) -> Result<Self, TransportError> {
        let cursor = Cursor::find(context, &http, &room).await?;
        let hold = Duration::from_nanos(context.target.arm.hold.unwrap_or_default().ns());
        Ok(LongPoll { http, room, hold, gap: gap(context), cursor, parked: None })
    }

    fn cursor(&self) -> Option<u64> {
        Some(self.cursor.next)
    }

    async fn next(&mut self) -> Result<Delivery<'_>, TransportError> {
        loop {
            if let Some(delivery) = self.cursor.pop() {
                return Ok(delivery);
            }
            let LongPoll { http, room, hold, gap, cursor, parked } = self;
            let exchange = parked.get_or_insert_with(|| {
                let (http, hold, gap) = (http.clone(), *hold, *gap);
                let path = format!("/long-poll?room={room}&after={}&hold_ms={}", cursor.text(), hold.as_millis());
                Box::pin(async move {
                    wait(gap).await;
                    http.get(&path, &[], hold).await
                })
            });
            let answer = exchange.await;
            self.parked = None;
            self.cursor.take(answer?)?;
        }
    }
}

/// How long a client of this arm takes from an answer to its next request.
pub(super) fn gap(context: &Context) -> Duration {
    Duration::from_nanos(context.target.arm.gap.unwrap_or_default().ns())
}

/// Lets a gap pass, to a millisecond: how long it was is read from the server's clocks. Boxed, as most clients have none.
pub(super) async fn wait(gap: Duration) {
    if !gap.is_zero() {
        Deadline::after(gap).passed().await;
    }
}
