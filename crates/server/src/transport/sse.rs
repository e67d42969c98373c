//! Server-sent events: one answer that does not end, an event for each message (WHATWG HTML §9.2).
//!
//! The id of an event is its message's number, so `Last-Event-ID` of a client that comes back continues behind the last event
//! that it has seen, in one room: for several an id would have to name them all. What is lost in between is told by an event of type `lost`, whose data are the count.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use hyper::http::{HeaderValue, request};
use wirecost_wire::sse;

use super::push_body::{Format, PushBody};
use crate::answer::{Answer, Refusal};
use crate::context::Context;
use crate::hub::Message;
use crate::query::{self, Query};

/// As browsers send it; header names have no case.
const LAST_EVENT_ID: &str = "last-event-id";

static FORMAT: Format = Format { slot: 1, message, lost, keep_alive: sse::KEEP_ALIVE };

/// Begins a stream.
///
/// # Errors
/// 400, and 503 if there are too many rooms.
pub fn answer(parts: &request::Parts, context: &Arc<Context>) -> Result<Answer, Refusal> {
    let query = Query::of(parts);
    let after = match parts.headers.get(LAST_EVENT_ID).map(HeaderValue::to_str) {
        // An empty one is not sent by browsers and means none.
        None | Some(Ok("")) => query.after()?,
        Some(Ok(id)) => vec![query::number(LAST_EVENT_ID, id)?.saturating_add(1)],
        Some(Err(_)) => return Err(Refusal::bad_request("last-event-id must be a number")),
    };
    let reader = context.hub().follow(query.room(), &after)?;
    Ok(Answer::endless("text/event-stream", PushBody::new(reader, &FORMAT, context.meter.clone())))
}

fn message(message: &Message) -> Bytes {
    let mut event = BytesMut::with_capacity(message.payload.len() + 64);
    // The hub takes nothing but text.
    let _ = sse::encode_message(&mut event, message.id, &message.payload);
    event.freeze()
}

fn lost(to: &mut BytesMut, lost: u64, _next: u64) {
    let count = lost.to_string();
    let notice = sse::Outgoing { id: None, event: Some("lost"), data: count.as_bytes() };
    // Digits are text, and the name has no line break.
    let _ = sse::encode(to, &notice);
}
