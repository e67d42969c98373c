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
}

impl Downlink for Sse {
    async fn connect(_: &Context, http: Http, room: String) -> Result<Self, TransportError> {
        let stream = http.open(&format!("/sse?room={room}"), "text/event-stream").await?;
        Ok(Sse { stream, received: BytesMut::new(), parser: Parser::new(Limits::default()) })
    }

    async fn next(&mut self) -> Result<Delivery, TransportError> {
        loop {
            let event = self.parser.next_event(&mut self.received).map_err(|e| TransportError::Malformed(e.to_string()))?;
            match event {
                Some(event) if event.event == "lost" => {
                    let count = std::str::from_utf8(&event.data).ok().and_then(|text| text.parse().ok());
                    return count
                        .map(Delivery::Lost)
                        .ok_or_else(|| TransportError::Malformed("a lost notice without a count".into()));
                }
                Some(event) => return Ok(Delivery::Message(event.data)),
                None => self.received.extend_from_slice(&self.stream.chunk().await?),
            }
        }
    }
}
