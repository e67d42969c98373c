//! Short polling: GET with a cursor at an interval. 200 brings a batch, 204 or 304 brings nothing.

use std::collections::VecDeque;
use std::rc::Rc;
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

    /// Reads an answer into deliveries.
    pub fn take(&mut self, answer: Answer) -> Result<(), TransportError> {
        match answer.status {
            200 => {}
            204 | 304 => {
                self.ready.push_back(Delivery::Nothing);
                return Ok(());
            }
            status => return Err(TransportError::Unexpected(format!("status {status} to a poll"))),
        }
        let batch = Batch::decode(&answer.body, MAX_BODY_BYTES).map_err(|e| TransportError::Malformed(e.to_string()))?;
        if batch.also.len() > MOST_FURTHER_ROOMS {
            return Err(TransportError::Malformed(format!("where {} further rooms stand", batch.also.len())));
        }
        (self.next, self.also) = (batch.next, batch.also);
        if batch.lost > 0 {
            self.ready.push_back(Delivery::Lost(batch.lost));
        }
        for message in batch.messages {
            let payload = match message {
                // A slice of the body: no copy of a payload that needed no unescaping.
                std::borrow::Cow::Borrowed(text) => answer.body.slice_ref(text.as_bytes()),
                std::borrow::Cow::Owned(text) => Bytes::from(text),
            };
            self.ready.push_back(Delivery::shared(payload));
        }
        Ok(())
    }

    /// As a request and an entity tag have it: a number for each room.
    pub fn text(&self) -> String {
        self.also.iter().fold(self.next.to_string(), |text, next| format!("{text}{ROOM_SEPARATOR}{next}"))
    }

    /// The next of what has come.
    pub fn pop(&mut self) -> Option<Delivery<'static>> {
        self.ready.pop_front()
    }
}

/// A client that polls at an interval.
pub(crate) struct ShortPoll {
    room: String,
    cursor: Cursor,
    /// What is asked for as long as the cursor stands: most polls of a short interval are empty.
    path: Option<Rc<str>>,
    conditional: bool,
    etag: Option<String>,
    context: Context,
    rounds: Rounds<Request>,
}

/// The path, and the entity tag of what is known.
type Request = (Rc<str>, Option<String>);

impl ShortPoll {
    fn request(&mut self) -> Request {
        let make = || format!("/poll?room={}&after={}", self.room, self.cursor.text()).into();
        let path = Rc::clone(self.path.get_or_insert_with(make));
        let etag = self.conditional.then(|| self.etag.clone().unwrap_or_else(|| format!("\"{}\"", self.cursor.text())));
        (path, etag)
    }
}

impl Downlink for ShortPoll {
    async fn connect(context: &Context, http: Http, room: String) -> Result<Self, TransportError> {
        let cursor = Cursor::find(context, &http, &room).await?;
        let conditional = context.target.arm.empty == EmptyAnswer::NotModified;
        let rounds = Rounds::new(move |(path, etag): Request| {
            let http = http.clone();
            async move {
                match &etag {
                    Some(etag) => http.get(&path, &[("if-none-match", etag)], Duration::ZERO).await,
                    None => http.get(&path, &[], Duration::ZERO).await,
                }
            }
        });
        let context = context.clone();
        Ok(ShortPoll { room, cursor, path: None, conditional, etag: None, context, rounds })
    }

    async fn next(&mut self) -> Result<Delivery<'_>, TransportError> {
        loop {
            if let Some(delivery) = self.cursor.pop() {
                return Ok(delivery);
            }
            if self.rounds.are_due(Some(&self.context)).await {
                let request = self.request();
                self.rounds.asker.ask(request);
            }
            let answer = self.rounds.answer().await?;
            self.etag = answer.etag.clone().or(self.etag.take());
            if answer.status == 200 {
                self.path = None;
            }
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
