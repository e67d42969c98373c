//! Short polling: GET with a cursor at an interval. 200 brings a batch, 204 or 304 brings nothing.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use wirecost_model::scenario::EmptyAnswer;

use super::Downlink;
use super::rounds::Rounds;
use crate::client::Context;
use crate::session::{Delivery, TransportError};
use crate::stack::{Answer, Http, MAX_BODY_BYTES};
use crate::workload::ROOM_SEPARATOR;
use wirecost_wire::batch::Batch;

/// Rooms that a client may be in beside the first. What a server says of them goes into every request.
const MOST_FURTHER_ROOMS: usize = 63;

/// What a poller of either kind knows: where it is in the stream, and what has come but was not taken yet.
pub(super) struct Cursor {
    pub next: u64,
    /// The same for the second room on, where the client is in several.
    also: Vec<u64>,
    ready: VecDeque<Delivery<'static>>,
}

impl Cursor {
    /// Asks a poll endpoint where the stream stands, without taking any message: this opens the connection.
    /// Whoever comes back knows.
    pub async fn find(context: &Context, http: &Http, room: &str) -> Result<Cursor, TransportError> {
        if let Some(next) = context.cursor() {
            return Ok(Cursor { next, also: Vec::new(), ready: VecDeque::new() });
        }
        let answer = http.get(&format!("/poll?room={room}"), &[], Duration::ZERO).await?;
        let mut cursor = Cursor { next: 0, also: Vec::new(), ready: VecDeque::new() };
        cursor.take(answer)?;
        cursor.ready.clear();
        Ok(cursor)
    }

    /// Reads an answer into deliveries. Of the one before all were taken: otherwise nobody would have asked.
    pub fn take(&mut self, answer: Answer) -> Result<(), TransportError> {
        debug_assert!(self.ready.is_empty());
        match answer.status {
            200 => {}
            204 | 304 => {
                self.ready.push_back(Delivery::Nothing);
                return Ok(());
            }
            status => return Err(TransportError::Unexpected(format!("status {status} to a poll"))),
        }
        let ready = &mut self.ready;
        let each = |message| {
            let payload = match message {
                // A slice of the body: no copy of a payload that needed no unescaping.
                Cow::Borrowed(text) => answer.body.slice_ref(str::as_bytes(text)),
                Cow::Owned(text) => Bytes::from(text),
            };
            ready.push_back(Delivery::shared(payload));
        };
        let batch = Batch::decode(&answer.body, MAX_BODY_BYTES, each).map_err(|e| TransportError::Malformed(e.to_string()))?;
        if batch.also.len() > MOST_FURTHER_ROOMS {
            return Err(TransportError::Malformed(format!("where {} further rooms stand", batch.also.len())));
        }
        (self.next, self.also) = (batch.next, batch.also);
        if batch.lost > 0 {
            // They were before what has come.
            self.ready.push_front(Delivery::Lost(batch.lost));
        }
        Ok(())
    }

    /// The next of what has come.
    pub fn pop(&mut self) -> Option<Delivery<'static>> {
        self.ready.pop_front()
    }
}

/// As a request and an entity tag have it: a number for each room.
impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.next)?;
        self.also.iter().try_for_each(|next| write!(out, "{ROOM_SEPARATOR}{next}"))
    }
}

/// A client that polls at an interval.
pub(crate) struct ShortPoll {
    room: String,
    cursor: Cursor,
    /// Whether the next request is the latest again: most polls of a short interval are empty, and the cursor stands.
    is_known: bool,
    /// The entity tag of what is known, empty as long as there was none, where the client asks for nothing but news.
    etag: Option<String>,
    context: Context,
    rounds: Rounds<Request>,
}

/// What distinguishes one poll from the next.
#[derive(Default)]
struct Request {
    path: String,
    /// Empty if there is no condition.
    etag: String,
}

impl ShortPoll {
    fn ask(&mut self) {
        let ShortPoll { room, cursor, is_known, etag, rounds, .. } = self;
        rounds.asker.ask(|request| {
            if !std::mem::replace(is_known, true) {
                request.path.clear();
                // Writing into memory does not fail.
                let _ = write!(request.path, "/poll?room={room}&after={cursor}");
            }
            if let Some(etag) = etag {
                request.etag.clear();
                let _ = if etag.is_empty() { write!(request.etag, "\"{cursor}\"") } else { request.etag.write_str(etag) };
            }
        });
    }
}

impl Downlink for ShortPoll {
    async fn connect(context: &Context, http: Http, room: String) -> Result<Self, TransportError> {
        let is_conditional = context.target.arm.empty == EmptyAnswer::NotModified;
        if is_conditional {
            http.keep_heads();
        }
        let cursor = Cursor::find(context, &http, &room).await?;
        let rounds = Rounds::new(async move |request: &Request| {
            let condition = [("if-none-match", &*request.etag)];
            http.get(&request.path, if request.etag.is_empty() { &[] } else { &condition }, Duration::ZERO).await
        });
        let (context, etag) = (context.clone(), is_conditional.then(String::new));
        Ok(ShortPoll { room, cursor, is_known: false, etag, context, rounds })
    }

    async fn next(&mut self) -> Result<Delivery<'_>, TransportError> {
        loop {
            if let Some(delivery) = self.cursor.pop() {
                return Ok(delivery);
            }
            if self.rounds.are_due(Some(&self.context)).await {
                self.ask();
            }
            let answer = self.rounds.answer().await?;
            if let (Some(etag), Some(now)) = (&mut self.etag, answer.headers.get("etag")) {
                etag.clear();
                etag.push_str(now);
            }
            self.is_known &= answer.status != 200;
            self.cursor.take(answer)?;
        }
    }

    fn cursor(&self) -> Option<u64> {
        Some(self.cursor.next)
    }

    async fn finish(self) {
        self.rounds.finish().await;
    }
}
