//! Newline-delimited JSON for HTTP streaming: one line an item, written and read.
//!
//! ```text
//! {"id":12,"data":"PAYLOAD"}
//! {"lost":3,"next":15}
//! ```
//!
//! A format of this project's own, on RFC 8259 JSON: as little as a stream of messages with a cursor can be. A blank line
//! is a keep-alive. There is no end marker: the end of the HTTP body is the end.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::Deserialize;
use thiserror::Error;

use crate::decimal;
use crate::json_text::{self, NotUtf8};

/// A blank line, which keeps an idle stream alive and means nothing.
pub const KEEP_ALIVE: &[u8] = b"\n";

const MESSAGE_START: &[u8] = b"{\"id\":";
const MESSAGE_MIDDLE: &[u8] = b",\"data\":";
const LOST_START: &[u8] = b"{\"lost\":";
const LOST_MIDDLE: &[u8] = b",\"next\":";
const END: &[u8] = b"}\n";

/// One line of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A message.
    Message {
        /// Its sequence number.
        id: u64,
        /// Its payload, JSON escapes undone. Always UTF-8.
        data: Bytes,
    },
    /// The server no longer had some messages.
    Lost {
        /// How many.
        count: u64,
        /// The sequence number that the stream goes on with.
        next: u64,
    },
}

/// Appends a message line and returns how many bytes that took.
///
/// # Errors
///
/// [`NotUtf8`] if the payload is not UTF-8; nothing is appended then.
pub fn encode_message(buf: &mut BytesMut, id: u64, payload: &[u8]) -> Result<usize, NotUtf8> {
    let before = buf.len();
    buf.reserve(payload.len() + 64);
    buf.put_slice(MESSAGE_START);
    decimal::push(buf, id);
    buf.put_slice(MESSAGE_MIDDLE);
    if let Err(error) = json_text::push(buf, payload) {
        buf.truncate(before);
        return Err(error);
    }
    buf.put_slice(END);
    Ok(buf.len() - before)
}

/// Appends a notice that `count` messages are lost and the stream goes on at `next`, and returns how many bytes that took.
pub fn encode_lost(buf: &mut BytesMut, count: u64, next: u64) -> usize {
    let before = buf.len();
    buf.put_slice(LOST_START);
    decimal::push(buf, count);
    buf.put_slice(LOST_MIDDLE);
    decimal::push(buf, next);
    buf.put_slice(END);
    buf.len() - before
}

/// Bytes that a message line adds to a payload without anything to escape: 19 for a one-digit id.
///
/// With escapes, framing is what [`encode_message`] appended less the length of the payload.
pub const fn plain_framing_bytes(id: u64) -> usize {
    MESSAGE_START.len() + decimal::digits(id) + MESSAGE_MIDDLE.len() + json_text::QUOTES_BYTES + END.len()
}

/// Why a stream cannot be read on. The decoder stays at the offending line: close the stream.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// A line is longer than the limit.
    #[error("a line is longer than {max_bytes} bytes")]
    LineTooLong {
        /// The limit.
        max_bytes: usize,
    },
    /// A line is not JSON, or has other fields than the two forms.
    #[error("a line is malformed: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A line has the fields of both forms, or of neither.
    #[error("a line is neither a message nor a notice of lost messages")]
    NeitherForm,
}

/// Reads a stream line by line as it arrives.
#[derive(Debug)]
pub struct Decoder {
    max_line_bytes: usize,
    /// How much of the front of the buffer is known to hold no line feed.
    scanned_bytes: usize,
}

impl Decoder {
    /// A decoder at the start of a stream that accepts lines of up to `max_line_bytes`, line feed not counted.
    pub fn new(max_line_bytes: usize) -> Self {
        Self { max_line_bytes, scanned_bytes: 0 }
    }

    /// Takes the first item off the front of `received`, or returns `None` if there is no whole line yet.
    ///
    /// Bytes may only be appended to `received` between calls. What is left in it at the end of the stream is a line that
    /// was cut off. A payload that needs no unescaping is a slice of the buffer, not a copy.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if a line is too long or malformed.
    pub fn next_item(&mut self, received: &mut BytesMut) -> Result<Option<Item>, DecodeError> {
        loop {
            let unscanned = received.get(self.scanned_bytes..).unwrap_or_default();
            let found = memchr::memchr(b'\n', unscanned).map(|at| self.scanned_bytes + at);
            let line_bytes = found.unwrap_or(received.len());
            self.scanned_bytes = line_bytes;
            if line_bytes > self.max_line_bytes {
                return Err(DecodeError::LineTooLong { max_bytes: self.max_line_bytes });
            }
            if found.is_none() {
                return Ok(None);
            }
            let line = &received[..line_bytes];
            if line.iter().all(u8::is_ascii_whitespace) {
                received.advance(line_bytes + 1);
                self.scanned_bytes = 0;
                continue;
            }
            let item = match split_plain_message(line) {
                Some((id, data)) => {
                    let line = received.split_to(line_bytes + 1).freeze();
                    Item::Message { id, data: line.slice(data) }
                }
                None => {
                    let item = parse(line)?;
                    received.advance(line_bytes + 1);
                    item
                }
            };
            self.scanned_bytes = 0;
            return Ok(Some(item));
        }
    }
}

/// The id, and where in `line` the payload is, if the line is exactly what [`encode_message`] writes for a plain payload.
fn split_plain_message(line: &[u8]) -> Option<(u64, std::ops::Range<usize>)> {
    let rest = line.strip_prefix(MESSAGE_START)?;
    let digits = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    let data = rest[digits..].strip_prefix(MESSAGE_MIDDLE)?.strip_prefix(b"\"")?.strip_suffix(b"\"}")?;
    if !json_text::is_plain(data) || (digits > 1 && rest[0] == b'0') {
        return None;
    }
    let id = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
    let start = MESSAGE_START.len() + digits + MESSAGE_MIDDLE.len() + 1;
    Some((id, start..start + data.len()))
}

/// Both forms at once: telling them apart afterwards gives better errors than trying one after the other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: Option<u64>,
    data: Option<String>,
    lost: Option<u64>,
    next: Option<u64>,
}

fn parse(line: &[u8]) -> Result<Item, DecodeError> {
    match serde_json::from_slice(line)? {
        Line { id: Some(id), data: Some(data), lost: None, next: None } => Ok(Item::Message { id, data: Bytes::from(data) }),
        Line { id: None, data: None, lost: Some(count), next: Some(next) } => Ok(Item::Lost { count, next }),
        _ => Err(DecodeError::NeitherForm),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAX_LINE_BYTES: usize = 4096;

    fn message(id: u64, data: &str) -> Item {
        Item::Message { id, data: Bytes::copy_from_slice(data.as_bytes()) }
    }

    fn encode(item: &Item) -> BytesMut {
        let mut buf = BytesMut::new();
        let appended = match item {
            Item::Message { id, data } => {
                let appended = encode_message(&mut buf, *id, data).expect("items of tests are UTF-8");
                if json_text::is_plain(data) {
                    assert_eq!(appended, data.len() + plain_framing_bytes(*id));
                }
                appended
            }
            Item::Lost { count, next } => encode_lost(&mut buf, *count, *next),
        };
        assert_eq!(appended, buf.len());
        buf
    }

    /// Everything the decoder makes of `pieces`, an error as its text, and what it leaves.
    fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Result<Item, String>>, Bytes) {
        let mut decoder = Decoder::new(MAX_LINE_BYTES);
        let mut received = BytesMut::new();
        let mut items = Vec::new();
        for piece in pieces {
            received.extend_from_slice(piece);
            loop {
                match decoder.next_item(&mut received) {
                    Ok(Some(item)) => items.push(Ok(item)),
                    Ok(None) => break,
                    Err(error) => {
                        items.push(Err(error.to_string()));
                        return (items, Bytes::new());
                    }
                }
            }
        }
        (items, received.freeze())
    }

    #[test]
    fn lines_to_the_byte() {
        assert_eq!(&encode(&message(12, "PAYLOAD"))[..], b"{\"id\":12,\"data\":\"PAYLOAD\"}\n");
        assert_eq!(&encode(&Item::Lost { count: 3, next: 15 })[..], b"{\"lost\":3,\"next\":15}\n");
        assert_eq!(&encode(&message(0, "a\"\n\u{e9}"))[..], "{\"id\":0,\"data\":\"a\\\"\\n\u{e9}\"}\n".as_bytes());
        assert_eq!(plain_framing_bytes(0), 19);
    }

    #[test]
    fn a_stream_with_blank_lines_foreign_spacing_and_a_cut_off_end() {
        let stream =
            b"\n{\"id\":1,\"data\":\"a\"}\n \r\n{ \"data\": \"\\u0062\", \"id\": 2 }\r\n{\"lost\":3,\"next\":6}\n{\"id\":";
        let (items, rest) = decode([&stream[..]]);
        assert_eq!(items, [Ok(message(1, "a")), Ok(message(2, "b")), Ok(Item::Lost { count: 3, next: 6 })]);
        assert_eq!(&rest[..], b"{\"id\":");
    }

    #[test]
    fn a_plain_payload_is_not_copied() {
        let mut received = encode(&message(7, "payload"));
        let before = received.as_ptr_range();
        let Ok(Some(Item::Message { data, .. })) = Decoder::new(100).next_item(&mut received) else {
            panic!("a whole message was written");
        };
        assert!(before.contains(&data.as_ptr()));
    }

    #[test]
    fn malformed_lines() {
        for line in [
            "x",
            "[]",
            "{}",
            "{\"id\":1}",
            "{\"id\":01,\"data\":\"\"}",
            "{\"id\":-1,\"data\":\"\"}",
            "{\"id\":18446744073709551616,\"data\":\"\"}",
            "{\"id\":,\"data\":\"\"}",
            "{\"id\":1,\"data\":\"\",\"lost\":1}",
            "{\"id\":1,\"data\":\"\",\"id\":1}",
            "{\"id\":1,\"data\":\"a\"b\"}",
            "{\"lost\":1,\"next\":2}{}",
            "{\"lost\":1,\"next\":2,\"more\":3}",
        ] {
            let (items, _) = decode([line.as_bytes(), b"\n"]);
            assert!(matches!(items[..], [Err(_)]), "{line}: {items:?}");
        }
        assert!(matches!(decode([&b"{\"id\":1,\"data\":\"\xff\"}\n"[..]]).0[..], [Err(_)]));
    }

    #[test]
    fn a_line_at_the_limit_and_one_past_it() {
        let framing_bytes = plain_framing_bytes(0) - 1;
        let at_limit = encode(&message(0, &"a".repeat(MAX_LINE_BYTES - framing_bytes)));
        assert!(matches!(decode([&at_limit[..]]).0[..], [Ok(_)]));
        let past_limit = encode(&message(0, &"a".repeat(MAX_LINE_BYTES - framing_bytes + 1)));
        assert!(matches!(decode([&past_limit[..]]).0[..], [Err(_)]));
        // The end of the line need not be seen to know that it is too long.
        assert!(matches!(decode([&past_limit[..=MAX_LINE_BYTES]]).0[..], [Err(_)]));
    }

    #[test]
    fn not_utf8_appends_nothing() {
        let mut buf = BytesMut::from(&b"x"[..]);
        assert!(encode_message(&mut buf, 1, b"\xff").is_err());
        assert_eq!(&buf[..], b"x");
    }

    fn any_item() -> impl Strategy<Value = Item> {
        prop_oneof![
            (any::<u64>(), "[ -~]{0,60}").prop_map(|(id, data)| message(id, &data)),
            (any::<u64>(), any::<String>()).prop_map(|(id, data)| message(id, &data)),
            (any::<u64>(), any::<u64>()).prop_map(|(count, next)| Item::Lost { count, next }),
        ]
    }

    proptest! {
        #[test]
        fn round_trip_in_any_pieces(
            items in prop::collection::vec(any_item(), 0..8),
            piece_bytes in 1usize..50,
        ) {
            let stream: Vec<u8> = items.iter().flat_map(encode).collect();
            let (decoded, rest) = decode(stream.chunks(piece_bytes));
            prop_assert_eq!(decoded.into_iter().collect::<Result<Vec<_>, _>>(), Ok(items));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn garbage_never_panics_and_pieces_never_matter(
            stream in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b"{}\":,\n\\id01data"[..])], 0..300),
            piece_bytes in 1usize..50,
        ) {
            prop_assert_eq!(decode(stream.chunks(piece_bytes)), decode([&stream[..]]));
        }

        #[test]
        fn the_fast_path_agrees_with_json(id: u64, data in "[ -~]{0,60}") {
            let line = encode(&message(id, &data));
            let line = &line[..line.len() - 1];
            let slow = parse(line).expect("our own line is JSON");
            prop_assert_eq!(&slow, &message(id, &data));
            if let Some((fast_id, range)) = split_plain_message(line) {
                prop_assert_eq!(message(fast_id, std::str::from_utf8(&line[range]).expect("plain is ASCII")), slow);
            }
        }
    }
}
