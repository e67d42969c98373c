//! Long polling: the answer is held until there is a message or the hold ends (RFC 6202 §2).
//!
//! A client that goes away meanwhile is noticed by the HTTP library, which drops the future and with it the place in the room.

use hyper::http::request;
use tokio::time::timeout;

use super::{held, poll_answer};
use crate::answer::{Answer, Refusal};
use crate::context::Context;
use crate::hub::{Batch, Limit};
use crate::query::Query;

/// Answers a poll when there is something to say.
///
/// # Errors
/// 400, and 503 if there are too many rooms.
pub async fn answer(parts: &mut request::Parts, context: &Context) -> Result<Answer, Refusal> {
    let query = Query::of(parts);
    let (after, hold) = (query.after()?, query.hold()?);
    let mut reader = context.hub().follow(query.room(), &after)?;
    if after.iter().zip(reader.cursors()).any(|(after, cursor)| *after > cursor) {
        // The cursor of another life of this server: without a word the client would wait for numbers long given out.
        let mut cursors = reader.cursors();
        let next = cursors.next().unwrap_or(0);
        return poll_answer::batch(&Batch { next, also: cursors.collect(), ..Batch::default() });
    }
    held::let_go(parts);
    let parked = context.shared.metering.park();
    let news = timeout(hold, reader.next(Limit::default())).await;
    match news {
        Ok(Some(batch)) => {
            if let Some(published_ns) = batch.messages.iter().map(|message| message.published_ns).min() {
                parked.answer(published_ns);
            }
            poll_answer::batch(&batch)
        }
        // The server stops.
        Ok(None) => Ok(poll_answer::nothing().last()),
        Err(_) => Ok(poll_answer::nothing()),
    }
}
