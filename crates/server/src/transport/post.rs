//! Messages from clients of HTTP transports: a POST each. To `/messages` they are taken, to `/echo` given back.

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::http::StatusCode;

use crate::answer::{Answer, Refusal};
use crate::context::Context;
use crate::metering::{Exchange, Outcome, SampleKind};
use crate::request_body::{self, MAX_MESSAGE_BYTES};

/// Takes a message.
///
/// # Errors
/// Those of [`request_body::read`].
pub async fn message(body: Option<Incoming>, context: &Context, exchange: &mut Exchange) -> Result<Answer, Refusal> {
    let payload = read(body, context, exchange).await?;
    context.shared.ingest.receive(&payload);
    exchange.meter().received(payload.len() as u64);
    Ok(Answer::empty(StatusCode::NO_CONTENT).meaning(Outcome::Other, Some(SampleKind::Post)))
}

/// Gives a message back.
///
/// # Errors
/// Those of [`request_body::read`].
pub async fn echo(body: Option<Incoming>, context: &Context, exchange: &mut Exchange) -> Result<Answer, Refusal> {
    let payload = read(body, context, exchange).await?;
    exchange.meter().received(payload.len() as u64);
    exchange.meter().sent(1, payload.len() as u64);
    let answer = Answer::whole(StatusCode::OK, "application/octet-stream", payload);
    Ok(answer.meaning(Outcome::Other, Some(SampleKind::Post)))
}

async fn read(body: Option<Incoming>, context: &Context, exchange: &mut Exchange) -> Result<Bytes, Refusal> {
    match body {
        Some(body) => request_body::read(body, exchange, MAX_MESSAGE_BYTES, context.shared.body_timeout).await,
        None => Ok(Bytes::new()),
    }
}
