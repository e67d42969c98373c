//! What a poll is answered with, whether it was held or not: a batch of messages, or nothing.

use bytes::BytesMut;
use hyper::http::{HeaderValue, StatusCode, header};
use wirecost_wire::batch;

use crate::answer::{Answer, Refusal};
use crate::hub::Batch;
use crate::metering::{Outcome, SampleKind};

/// What a batch adds to its messages is less than this and a few bytes a message.
const FRAMING_BYTES: usize = 128;

/// 200 with a batch. Without messages it tells where the room is, and counts as neither full nor empty.
///
/// # Errors
/// 500 if a message is not text, which the hub does not let in.
pub fn batch(batch: &Batch) -> Result<Answer, Refusal> {
    let payload_bytes = batch.payload_bytes();
    let mut body = BytesMut::with_capacity(payload_bytes as usize + 3 * batch.messages.len() + FRAMING_BYTES);
    let messages = batch.messages.iter().map(|message| &message.payload);
    let encoded = match &batch.also[..] {
        [] => batch::encode(&mut body, batch.next, batch.lost, messages),
        _ => batch::encode_of_rooms(&mut body, &batch.cursors(), batch.lost, messages),
    };
    encoded.map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let (outcome, kind) = match batch.messages.len() as u64 {
        0 => (Outcome::Other, None),
        messages => (Outcome::Full { messages, payload_bytes }, Some(SampleKind::Poll)),
    };
    let answer = Answer::whole(StatusCode::OK, "application/json", body.freeze());
    Ok(not_stored(answer).meaning(outcome, kind))
}

/// 204: nothing yet.
pub fn nothing() -> Answer {
    not_stored(Answer::empty(StatusCode::NO_CONTENT)).meaning(Outcome::Empty, Some(SampleKind::EmptyPoll))
}

/// Both 200 and 204 may be stored by a cache that is not told otherwise (RFC 9111 §4.2.2).
fn not_stored(answer: Answer) -> Answer {
    answer.with(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
}
