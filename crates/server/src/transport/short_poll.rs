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
    // Another room is first with each request of a connection, so that a busy one does not keep a quiet one waiting.
    let batch = read(&rooms, context.meter.requests() as usize, &after, &next, Limit::default());
    let cursors = batch.cursors();
    if after == cursors && !wants_tags {
        return Ok(poll_answer::nothing());
    }
    let answer = poll_answer::batch(&batch)?;
    Ok(if wants_tags { tagged(answer, &text(&cursors)) } else { answer })
}

/// What the rooms have together, beginning with number `first`; nothing but where they are for a client without cursors.
fn read(rooms: &[Option<Arc<Room>>], first: usize, after: &[u64], next: &[u64], limit: Limit) -> Batch {
    if let ([Some(room)], [after]) = (rooms, after) {
        return room.read(*after, limit);
    }
    // A room that the limit does not reach keeps the client's cursor.
    let cursor = |at: usize| if rooms[at].is_some() { after.get(at).copied().unwrap_or(next[at]) } else { next[at] };
    let mut cursors: Vec<u64> = (0..rooms.len()).map(cursor).collect();
    let all = Batch::of_rooms(rooms.len(), first, limit, |at, left| {
        let batch = rooms[at].as_ref()?.read(*after.get(at)?, left);
        cursors[at] = batch.next;
        Some(batch)
    });
    Batch { next: cursors.remove(0), also: cursors, ..all }
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
    use bytes::Bytes;

    use super::*;
    use crate::hub::{Hub, HubOptions};

    #[test]
    fn rooms_that_are_not_reached_keep_their_cursors_and_get_their_turn() {
        let hub = Hub::new(HubOptions::default());
        for (room, messages) in [("a", 5), ("b", 1), ("c", 2)] {
            (0..messages).for_each(|_| hub.room(room).unwrap().publish(Bytes::from_static(b"x")).unwrap().wake());
        }
        let rooms = ["a", "b", "c", "none"].map(|name| hub.find(name));
        let (after, next) = ([1, 0, 0, 7], [5, 1, 2, 0]);
        let cursors = |first, after: &[u64], messages| {
            let batch = read(&rooms, first, after, &next, Limit { messages, bytes: 100 });
            (batch.messages.len(), batch.cursors())
        };
        assert_eq!(cursors(0, &after, 3), (3, vec![4, 0, 0, 0]));
        assert_eq!(cursors(1, &after, 3), (3, vec![1, 1, 2, 0]));
        assert_eq!(cursors(2, &after, 3), (3, vec![2, 0, 2, 0]));
        assert_eq!(cursors(0, &after, 100), (7, vec![5, 1, 2, 0]));
        assert_eq!(cursors(0, &[], 100), (0, next.to_vec()));
    }

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
