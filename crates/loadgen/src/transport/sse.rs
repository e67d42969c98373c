//! Server-sent events: one GET whose answer is `text/event-stream` and does not end (WHATWG HTML §9.2).

use bytes::BytesMut;
use wirecost_wire::sse::{Limits, Parser};

use super::Downlink;
use crate::client::Context;
use crate::session::{Delivery, TransportError};
use crate::stack::{ByteStream, Http};

/// A client that reads an event stream.
pub(crate) struct Sse {
    stream: ByteStream,
    received: BytesMut,
    parser: Parser,
    next: Option<u64>,
}

impl Downlink for Sse {
    async fn connect(context: &Context, http: Http, room: String) -> Result<Self, TransportError> {
        let next = context.cursor();
        // What a browser sends of its own when it comes back.
        let last_event_id = next.and_then(|next| next.checked_sub(1)).map(|id| id.to_string());
        let mut headers = vec![("accept", "text/event-stream")];
        headers.extend(last_event_id.as_deref().map(|id| ("last-event-id", id)));
        let stream = http.open(&format!("/sse?room={room}"), &headers).await?;
        Ok(Sse { stream, received: BytesMut::new(), parser: Parser::new(Limits::default()), next })
    }

    fn cursor(&self) -> Option<u64> {
        self.parser.last_event_id().and_then(|id| id.parse::<u64>().ok()).map_or(self.next, |id| id.checked_add(1))
    }

    async fn next(&mut self) -> Result<Delivery<'_>, TransportError> {
        loop {
            let event = self.parser.next_event(&mut self.received).map_err(|e| TransportError::Malformed(e.to_string()))?;
            match event {
                Some(event) if event.event == "lost" => {
                    let count = std::str::from_utf8(&event.data).ok().and_then(|text| text.parse().ok());
                    return count
                        .map(Delivery::Lost)
                        .ok_or_else(|| TransportError::Malformed("a lost notice without a count".into()));
                }
                Some(event) => return Ok(Delivery::shared(event.data)),
                None => self.received.extend_from_slice(&self.stream.chunk().await?),
            }
        }
    }
}
