//! Short polling: whatever there is, at once. `after` is the cursor; without it the answer says where the room is.
//!
//! A client that sends `If-None-Match`, or asks with `etag=1`, gets entity tags: the tag of a room is its `next`, and 304 says
//! that nothing came since (RFC 9110 §13.1.2). Others do not pay for the header.

use std::sync::Arc;

use hyper::http::{HeaderValue, StatusCode, header, request};

use super::poll_answer;
use crate::answer::{Answer, Refusal};
use crate::context::Context;
use crate::hub::{self, Batch, Limit, Room};
use crate::metering::{Outcome, SampleKind};
use crate::query::Query;

/// Answers a poll.
///
/// # Errors
/// 400.
pub fn answer(parts: &request::Parts, context: &Context) -> Result<Answer, Refusal> {
    let query = Query::of(parts);
    let after = query.after()?;
    let names = hub::room_names(query.room(), &after)?;
    // A room that nobody has published in is not made for being asked about.
    let rooms: Vec<Option<Arc<Room>>> = names.into_iter().map(|name| context.hub().find(name)).collect();
    let next: Vec<u64> = rooms.iter().map(|room| room.as_ref().map_or(0, |room| room.next())).collect();
    let tag = text(&next);

    let if_none_match = parts.headers.get(header::IF_NONE_MATCH);
    if if_none_match.is_some_and(|tags| matches(tags, &tag)) {
        let answer = tagged(Answer::empty(StatusCode::NOT_MODIFIED), &tag);
        return Ok(answer.meaning(Outcome::Empty, Some(SampleKind::EmptyPoll)));
    }
    let wants_tags = if_none_match.is_some() || query.get("etag") == Some("1");
    let batch = read(&rooms, &after, &next);
    let cursors = batch.cursors();
    if after == cursors && !wants_tags {
        return Ok(poll_answer::nothing());
    }
    let answer = poll_answer::batch(&batch)?;
    Ok(if wants_tags { tagged(answer, &text(&cursors)) } else { answer })
}

/// What the rooms have together, within the limit for each; nothing but where they are for a client without cursors.
fn read(rooms: &[Option<Arc<Room>>], after: &[u64], next: &[u64]) -> Batch {
    let read = |at: usize| match (&rooms[at], after.get(at)) {
        (Some(room), Some(&after)) => room.read(after, Limit::default()),
        _ => Batch { next: next[at], ..Batch::default() },
    };
    let mut all = read(0);
    for batch in (1..rooms.len()).map(read) {
        all.also.push(batch.next);
        all.lost += batch.lost;
        all.messages.extend(batch.messages);
    }
    all
}

/// Cursors as requests and tags have them.
fn text(cursors: &[u64]) -> String {
    let texts: Vec<String> = cursors.iter().map(u64::to_string).collect();
    texts.join(&hub::SEPARATOR.to_string())
}

/// To be asked about again each time (`no-cache`), which is what the tag is for.
fn tagged(answer: Answer, next: &str) -> Answer {
    // Digits and quotation marks are always a header value.
    let Ok(tag) = HeaderValue::from_str(&format!("\"{next}\"")) else { return answer };
    answer.with(header::ETAG, tag).with(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))
}

/// Whether one of the tags is the room's, weak or strong.
fn matches(tags: &HeaderValue, next: &str) -> bool {
    let is_ours = |tag: &str| {
        let tag = tag.trim();
        let opaque = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
        tag == "*" || opaque == Some(next)
    };
    tags.to_str().is_ok_and(|tags| tags.split(',').any(is_ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_match_as_the_standard_says() {
        for tags in ["\"7\"", "W/\"7\"", "\"6\", \"7\"", "*", " \"7\" "] {
            assert!(matches(&HeaderValue::from_static(tags), "7"), "{tags}");
        }
        for tags in ["7", "\"77\"", "\"\"", "", "w/\"7\"", "\"7"] {
            assert!(!matches(&HeaderValue::from_static(tags), "7"), "{tags}");
        }
    }
}
