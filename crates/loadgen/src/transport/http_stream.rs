//! HTTP streaming: one GET whose answer is chunked lines of JSON and does not end. Chunk borders mean
//! nothing (RFC 6202 §3.2: anything between may re-chunk); lines do.

use bytes::BytesMut;
use wirecost_wire::ndjson::{Decoder, Item};

use super::Downlink;
use crate::client::Context;
use crate::session::{Delivery, TransportError};
use crate::stack::{ByteStream, Http, MAX_BODY_BYTES};

/// A client that reads lines.
pub(crate) struct HttpStream {
    stream: ByteStream,
    received: BytesMut,
    decoder: Decoder,
    next: Option<u64>,
}

impl Downlink for HttpStream {
    async fn connect(context: &Context, http: Http, room: String) -> Result<Self, TransportError> {
        let next = context.cursor();
        let after = next.map_or(String::new(), |next| format!("&after={next}"));
        let stream = http.open(&format!("/stream?room={room}{after}"), &[("accept", "application/x-ndjson")]).await?;
        Ok(HttpStream { stream, received: BytesMut::new(), decoder: Decoder::new(MAX_BODY_BYTES), next })
    }

    fn cursor(&self) -> Option<u64> {
        self.next
    }

    async fn next(&mut self) -> Result<Delivery<'_>, TransportError> {
        loop {
            let item = self.decoder.next_item(&mut self.received).map_err(|e| TransportError::Malformed(e.to_string()))?;
            match item {
                Some(Item::Message { data, id }) => {
                    self.next = id.checked_add(1);
                    return Ok(Delivery::shared(data));
                }
                Some(Item::Lost { count, .. }) => return Ok(Delivery::Lost(count)),
                None => self.received.extend_from_slice(&self.stream.chunk().await?),
            }
        }
    }
}
