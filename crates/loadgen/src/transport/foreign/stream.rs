//! One answer that does not end, of a server that is not ours: an event stream, or lines.

use std::collections::VecDeque;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use wirecost_model::TransportKind;
use wirecost_wire::sse::{Limits, Parser};

use super::{Finder, filled, quoted, recipe};
use crate::client::{Connect, Context};
use crate::session::{Delivery, Session, TransportError};
use crate::stack::{Http, lean};

/// A line that is longer is nobody's message: the largest payload, with everything around it escaped.
const LONGEST_LINE_BYTES: usize = 8 << 20;

/// A client that reads a stream.
pub(crate) struct Stream {
    stream: lean::http::ByteStream,
    received: BytesMut,
    /// How much of it is known to have no end of a line.
    scanned_bytes: usize,
    /// Of an event stream.
    events: Option<Parser>,
    finder: Finder,
    ready: VecDeque<Delivery<'static>>,
}

impl Stream {
    /// The next event's data or line, if it is whole.
    fn unit(&mut self) -> Result<Option<Bytes>, TransportError> {
        if let Some(parser) = &mut self.events {
            let event = parser.next_event(&mut self.received).map_err(|e| TransportError::Malformed(e.to_string()))?;
            return Ok(event.map(|event| event.data));
        }
        let unseen = &self.received[self.scanned_bytes..];
        match unseen.iter().position(|&byte| byte == b'\n') {
            Some(end) => {
                let end = std::mem::take(&mut self.scanned_bytes) + end;
                Ok(Some(self.received.split_to(end + 1).freeze()))
            }
            None if self.received.len() > LONGEST_LINE_BYTES => {
                Err(TransportError::Malformed(format!("no end of a line within {LONGEST_LINE_BYTES} bytes")))
            }
            None => {
                self.scanned_bytes = self.received.len();
                Ok(None)
            }
        }
    }
}

/// Which address it was.
fn at(path: &str, error: TransportError) -> TransportError {
    match error {
        TransportError::Unexpected(text) => TransportError::Unexpected(format!("{text}, to GET {path}")),
        other => other,
    }
}

impl Connect for Stream {
    const ECHO_IN_ORDER: bool = true;

    async fn connect(context: &Context) -> Result<Self, TransportError> {
        let recipe = recipe(context)?;
        let http = Http::new(&context.target, context.socket_meter.clone(), context.stage_sink())?;
        let Http::Lean(http) = http else {
            return Err(TransportError::Unexpected("a server that is not ours is read by the lean stack".into()));
        };
        let is_events = context.target.arm.transport == TransportKind::Sse;
        let path = filled(context, &recipe.path)?;
        let mut headers: Vec<(&str, String)> = Vec::new();
        for (name, template) in &recipe.headers {
            headers.push((name, filled(context, template)?));
        }
        if !headers.iter().any(|(name, _)| *name == "accept") {
            headers.push(("accept", if is_events { "text/event-stream".into() } else { "*/*".into() }));
        }
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        http.keep_heads();
        let (mut stream, said) = http.open(&path, &headers).await.map_err(|error| at(&path, error))?;
        let kind = said.get("content-type").unwrap_or("no type").to_string();
        // It would keep the memory that the stream comes in.
        drop(said);
        // As a browser's EventSource: anything else is not an event stream (WHATWG HTML §9.2.2).
        if is_events && !kind.to_ascii_lowercase().starts_with("text/event-stream") {
            let begins = tokio::time::timeout(std::time::Duration::from_millis(200), stream.chunk()).await;
            let begins = begins.ok().and_then(Result::ok).unwrap_or_default();
            return Err(TransportError::Unexpected(format!(
                "{kind} from GET {path}, where text/event-stream was expected: {}",
                quoted(&begins)
            )));
        }
        Ok(Stream {
            stream,
            received: BytesMut::new(),
            scanned_bytes: 0,
            events: is_events.then(|| Parser::new(Limits::default())),
            finder: Finder::new(Rc::clone(&recipe)),
            ready: VecDeque::new(),
        })
    }

    fn confirms(&self) -> bool {
        false
    }

    /// Servers that are not ours are not cut off, so nothing goes on.
    fn cursor(&self) -> Option<u64> {
        None
    }
}

impl Session for Stream {
    async fn send(&mut self, _: &[u8]) -> Result<(), TransportError> {
        Err(TransportError::Unexpected("clients send nothing on a stream of a server that is not ours".into()))
    }

    async fn next(&mut self) -> Result<Delivery<'_>, TransportError> {
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                return Ok(delivery);
            }
            match self.unit()? {
                // A line of a stream is one unit; its end is not part of the message.
                Some(unit) => {
                    let unit = unit.slice_ref(unit.trim_ascii_end());
                    _ = self.finder.find(None, &unit, &mut self.ready)?;
                }
                None => self.received.extend_from_slice(&self.stream.chunk().await?),
            }
        }
    }

    async fn close(self) {}
}
