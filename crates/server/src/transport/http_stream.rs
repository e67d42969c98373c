//! HTTP streaming: one answer that does not end, a line of JSON for each message (RFC 6202 §3).

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use hyper::http::request;
use wirecost_wire::ndjson;

use super::push_body::{Format, PushBody};
use crate::answer::{Answer, Refusal};
use crate::context::Context;
use crate::hub::Message;
use crate::query::Query;

static FORMAT: Format = Format {
    slot: 0,
    message,
    lost: |to, lost, next| {
        ndjson::encode_lost(to, lost, next);
    },
    keep_alive: ndjson::KEEP_ALIVE,
};

/// Begins a stream.
///
/// # Errors
/// 400, and 503 if there are too many rooms.
pub fn answer(parts: &request::Parts, context: &Arc<Context>) -> Result<Answer, Refusal> {
    let query = Query::of(parts);
    let reader = context.hub().follow(query.room(), &query.after()?)?;
    Ok(Answer::endless("application/x-ndjson", PushBody::new(reader, &FORMAT, context.meter.clone())))
}

fn message(message: &Message) -> Bytes {
    let mut line = BytesMut::with_capacity(message.payload.len() + 64);
    // The hub takes nothing but text.
    let _ = ndjson::encode_message(&mut line, message.id, &message.payload);
    line.freeze()
}
