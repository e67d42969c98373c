//! Long polling: GET with a cursor, held by the server until there is something or the hold ends, and then the
//! next one (RFC 6202 §2): at once, or after a gap, which stands for a network's round trip or for a client's work.

use std::fmt::Write as _;
use std::time::Duration;

use super::Downlink;
use super::asker::Asker;
use super::short_poll::Cursor;
use crate::client::Context;
use crate::deadline::Deadline;
use crate::session::{Delivery, TransportError};
use crate::stack::Http;

/// A client that has one request parked, but for the gap.
pub(crate) struct LongPoll {
    room: String,
    hold: Duration,
    cursor: Cursor,
    /// Of paths.
    asker: Asker<String>,
}

impl Downlink for LongPoll {
    async fn connect(context: &Context, http: Http, room: String) -> Result<Self, TransportError> {
        let cursor = Cursor::find(context, &http, &room).await?;
        let hold = Duration::from_nanos(context.target.arm.hold.unwrap_or_default().ns());
        let gap = gap(context);
        let asker = Asker::new(async move |path: &String| {
            wait(gap).await;
            http.get(path, &[], hold).await
        });
        Ok(LongPoll { room, hold, cursor, asker })
    }

    fn cursor(&self) -> Option<u64> {
        Some(self.cursor.next)
    }

    async fn next(&mut self) -> Result<Delivery<'_>, TransportError> {
        loop {
            if let Some(delivery) = self.cursor.pop() {
                return Ok(delivery);
            }
            if !self.asker.is_under_way() {
                let LongPoll { room, hold, cursor, asker } = self;
                asker.ask(|path| {
                    path.clear();
                    // Writing into memory does not fail.
                    let _ = write!(path, "/long-poll?room={room}&after={cursor}&hold_ms={}", hold.as_millis());
                });
            }
            let answer = self.asker.answer().await;
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
