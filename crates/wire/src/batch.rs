//! The body of a poll's answer: any number of messages and where to go on, written and read.
//!
//! ```text
//! {"next":15,"lost":0,"messages":["PAYLOAD","PAYLOAD"]}
//! ```
//!
//! A format of this project's own, on RFC 8259 JSON. The messages are consecutive and the last is the one before `next`, so
//! they need no sequence numbers of their own. How long a poll is held and what a client asks for next is not here.

use std::borrow::Cow;
use std::fmt;

use bytes::{BufMut, BytesMut};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use thiserror::Error;

use crate::decimal;
use crate::json_text::{self, NotUtf8};

const NEXT: &[u8] = b"{\"next\":";
const LOST: &[u8] = b",\"lost\":";
const MESSAGES: &[u8] = b",\"messages\":[";
const END: &[u8] = b"]}";

/// Appends a body and returns how many bytes that took.
///
/// `next` is the sequence number after the last message, `lost` how many before the first the server no longer had.
///
/// # Errors
///
/// [`NotUtf8`] if a payload is not UTF-8; nothing is appended then.
///
/// ```
/// use bytes::BytesMut;
/// use wirecost_wire::batch::encode;
/// let mut body = BytesMut::new();
/// encode(&mut body, 15, 0, ["a", "b"])?;
/// assert_eq!(&body[..], br#"{"next":15,"lost":0,"messages":["a","b"]}"#);
/// # Ok::<(), wirecost_wire::NotUtf8>(())
/// ```
pub fn encode<M: AsRef<[u8]>>(
    buf: &mut BytesMut,
    next: u64,
    lost: u64,
    messages: impl IntoIterator<Item = M>,
) -> Result<usize, NotUtf8> {
    encode_of_rooms(buf, &[next], lost, messages)
}

/// As [`encode`] for a client that listens to several rooms: `next` is then a list, a number for each. The messages are in
/// order within their room; which one that is they say themselves.
///
/// # Errors
///
/// Those of [`encode`].
///
/// ```
/// use bytes::BytesMut;
/// use wirecost_wire::batch::encode_of_rooms;
/// let mut body = BytesMut::new();
/// encode_of_rooms(&mut body, &[15, 3], 0, ["a"])?;
/// assert_eq!(&body[..], br#"{"next":[15,3],"lost":0,"messages":["a"]}"#);
/// # Ok::<(), wirecost_wire::NotUtf8>(())
/// ```
pub fn encode_of_rooms<M: AsRef<[u8]>>(
    buf: &mut BytesMut,
    next: &[u64],
    lost: u64,
    messages: impl IntoIterator<Item = M>,
) -> Result<usize, NotUtf8> {
    let before = buf.len();
    buf.put_slice(NEXT);
    if let [next] = next {
        decimal::push(buf, *next);
    } else {
        buf.put_u8(b'[');
        for (at, next) in next.iter().enumerate() {
            if at > 0 {
                buf.put_u8(b',');
            }
            decimal::push(buf, *next);
        }
        buf.put_u8(b']');
    }
    buf.put_slice(LOST);
    decimal::push(buf, lost);
    buf.put_slice(MESSAGES);
    for (at, message) in messages.into_iter().enumerate() {
        if at > 0 {
            buf.put_u8(b',');
        }
        if let Err(error) = json_text::push(buf, message.as_ref()) {
            buf.truncate(before);
            return Err(error);
        }
    }
    buf.put_slice(END);
    Ok(buf.len() - before)
}

/// What a body says beside its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The sequence number to ask for next; of the first room, if there are several.
    pub next: u64,
    /// The same of the second room on; empty if there is one.
    pub also: Vec<u64>,
    /// How many messages before the first of these the server no longer had.
    pub lost: u64,
}

impl Batch {
    /// Reads a whole body of at most `max_body_bytes`, which bounds what decoding can allocate to a small multiple. `each` is given
    /// the payloads, oldest first, JSON escapes undone; borrowed from the body where there are none, and nothing is allocated then.
    ///
    /// ```
    /// use wirecost_wire::batch::Batch;
    /// let mut messages = Vec::new();
    /// let body = br#"{"next":15,"lost":2,"messages":["a","b\n"]}"#;
    /// let batch = Batch::decode(body, 1 << 20, |message| messages.push(message))?;
    /// assert_eq!((batch.next, batch.lost), (15, 2));
    /// assert_eq!(messages, ["a", "b\n"]);
    /// # Ok::<(), wirecost_wire::batch::DecodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the body is too long, is not JSON, or has not exactly the three fields. `each` may have been given
    /// messages before that is seen.
    pub fn decode<'a>(body: &'a [u8], max_body_bytes: usize, each: impl FnMut(Cow<'a, str>)) -> Result<Self, DecodeError> {
        if body.len() > max_body_bytes {
            return Err(DecodeError::TooLong { max_bytes: max_body_bytes });
        }
        let mut json = serde_json::Deserializer::from_slice(body);
        let batch = json.deserialize_map(Fields(each))?;
        json.end()?;
        Ok(batch)
    }
}

/// Why a body cannot be read.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The body is longer than the limit.
    #[error("the body is longer than {max_bytes} bytes")]
    TooLong {
        /// The limit.
        max_bytes: usize,
    },
    /// The body is not JSON of this form.
    #[error("the body is malformed: {0}")]
    Malformed(#[from] serde_json::Error),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Next {
    One(u64),
    Each(Vec<u64>),
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    Next,
    Lost,
    Messages,
}

/// Reads a body and hands its messages on, one by one: a list of them would have to be made for every body.
struct Fields<F>(F);

impl<'a, F: FnMut(Cow<'a, str>)> Visitor<'a> for Fields<F> {
    type Value = Batch;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(mut self, mut map: M) -> Result<Batch, M::Error> {
        let (mut next, mut lost, mut messages) = (None, None, None);
        while let Some(field) = map.next_key()? {
            match field {
                Field::Next if next.is_none() => next = Some(map.next_value::<Next>()?),
                Field::Lost if lost.is_none() => lost = Some(map.next_value()?),
                Field::Messages if messages.is_none() => messages = Some(map.next_value_seed(Messages(&mut self.0))?),
                _ => return Err(M::Error::custom("a field stands twice")),
            }
        }
        let (Some(next), Some(lost), Some(())) = (next, lost, messages) else {
            return Err(M::Error::custom("not all of `next`, `lost` and `messages`"));
        };
        let (next, also) = match next {
            Next::One(next) => (next, Vec::new()),
            Next::Each(mut each) if !each.is_empty() => (each.remove(0), each),
            Next::Each(_) => return Err(M::Error::custom("`next` is an empty list")),
        };
        Ok(Batch { next, also, lost })
    }
}

/// Hands on what it reads.
struct Messages<F>(F);

impl<'a, F: FnMut(Cow<'a, str>)> DeserializeSeed<'a> for Messages<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'a, F: FnMut(Cow<'a, str>)> Visitor<'a> for Messages<F> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of messages")
    }

    fn visit_seq<S: SeqAccess<'a>>(mut self, mut list: S) -> Result<(), S::Error> {
        while let Some(Text(text)) = list.next_element()? {
            (self.0)(text);
        }
        Ok(())
    }
}

/// A `Cow` that borrows: serde makes a bare one owned always.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(next: u64, lost: u64, messages: &[String]) -> BytesMut {
        let mut body = BytesMut::new();
        let appended = encode(&mut body, next, lost, messages).expect("strings are UTF-8");
        assert_eq!(appended, body.len());
        body
    }

    /// A body and its messages.
    fn decode(body: &[u8], max_body_bytes: usize) -> Result<(Batch, Vec<Cow<'_, str>>), DecodeError> {
        let mut messages = Vec::new();
        let batch = Batch::decode(body, max_body_bytes, |message| messages.push(message))?;
        Ok((batch, messages))
    }

    #[test]
    fn an_empty_body() {
        let body = encoded(0, 0, &[]);
        assert_eq!(&body[..], br#"{"next":0,"lost":0,"messages":[]}"#);
        assert_eq!(decode(&body, 100).expect("our own body"), (Batch { next: 0, also: vec![], lost: 0 }, vec![]));
    }

    #[test]
    fn payloads_without_escapes_are_borrowed() {
        let body = "{\"next\":15,\"lost\":2,\"messages\":[\"plain\",\"a\\nb\",\"\u{e9}\"]}";
        let (_, messages) = decode(body.as_bytes(), 100).expect("a body");
        assert_eq!(messages, ["plain", "a\nb", "\u{e9}"]);
        let borrowed: Vec<bool> = messages.iter().map(|text| matches!(text, Cow::Borrowed(_))).collect();
        assert_eq!(borrowed, [true, false, true]);
    }

    #[test]
    fn malformed_bodies() {
        for body in [
            "",
            "[]",
            r#"[1,0,["a"]]"#,
            "{}",
            r#"{"next":1,"lost":0}"#,
            r#"{"lost":0,"messages":[]}"#,
            r#"{"next":1,"lost":0,"messages":[1]}"#,
            r#"{"next":1,"lost":0,"messages":"a"}"#,
            r#"{"next":1,"lost":0,"messages":["a" "b"]}"#,
            r#"{"next":[],"lost":0,"messages":[]}"#,
            r#"{"next":-1,"lost":0,"messages":[]}"#,
            r#"{"next":1,"lost":0,"messages":[],"more":0}"#,
            r#"{"next":1,"next":1,"lost":0,"messages":[]}"#,
            r#"{"next":1,"lost":0,"messages":[]} x"#,
        ] {
            assert!(matches!(decode(body.as_bytes(), 1000), Err(DecodeError::Malformed(_))), "{body}");
        }
        let deep = format!(r#"{{"next":1,"lost":0,"messages":{}"#, "[".repeat(100_000));
        assert!(decode(deep.as_bytes(), usize::MAX).is_err());
    }

    #[test]
    fn the_limit_and_one_past_it() {
        let body = encoded(1, 0, &["a".to_owned()]);
        assert!(decode(&body, body.len()).is_ok());
        assert!(matches!(decode(&body, body.len() - 1), Err(DecodeError::TooLong { .. })));
    }

    #[test]
    fn not_utf8_appends_nothing() {
        let mut buf = BytesMut::from(&b"x"[..]);
        assert!(encode(&mut buf, 1, 0, [&b"fine"[..], &b"\xff"[..]]).is_err());
        assert_eq!(&buf[..], b"x");
    }

    proptest! {
        #[test]
        fn round_trip(next: u64, lost: u64, messages in prop::collection::vec(any::<String>(), 0..10)) {
            let body = encoded(next, lost, &messages);
            let (batch, read) = decode(&body, usize::MAX).expect("our own body");
            prop_assert_eq!((batch.next, batch.lost), (next, lost));
            prop_assert_eq!(read, messages);
        }

        #[test]
        fn garbage_never_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&body, 200);
        }

        #[test]
        fn a_damaged_body_never_panics(at in 0usize..40, byte: u8) {
            let mut body = encoded(15, 3, &["abc".to_owned(), "d\"e".to_owned()]);
            let at = at % body.len();
            body[at] = byte;
            let _ = decode(&body, 200);
        }
    }
}
