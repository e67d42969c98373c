//! Writing an event stream, and what it adds to payloads. When to write is not here.

use bytes::{BufMut, BytesMut};
use thiserror::Error;

use crate::decimal;
use crate::json_text::NotUtf8;

/// A comment that keeps an idle stream alive through proxies that time out (§9.2.7 advises one about every 15 seconds).
pub const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

/// An event as a server sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outgoing<'a> {
    /// Written as `id:` if present.
    pub id: Option<u64>,
    /// Written as `event:` if present; must not contain CR or LF. An empty name is the same as none to a client.
    pub event: Option<&'a str>,
    /// UTF-8. One `data:` line for each of its lines. The format cannot carry CR: a client gets LF for CR and CRLF.
    pub data: &'a [u8],
}

/// Why an event cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// `text/event-stream` is always UTF-8.
    #[error(transparent)]
    NotUtf8(#[from] NotUtf8),
    /// A line break would end the `event:` line early.
    #[error("an event name cannot contain a line break")]
    LineBreakInEventName,
}

/// Appends an event and returns how many bytes that took.
///
/// # Errors
///
/// [`EncodeError`] if the data are not UTF-8 or the name has a line break; nothing is appended then.
///
/// ```
/// use bytes::BytesMut;
/// use wirecost_wire::sse::{Outgoing, encode};
/// let mut wire = BytesMut::new();
/// encode(&mut wire, &Outgoing { id: Some(3), event: Some("tick"), data: b"a\nb" })?;
/// assert_eq!(&wire[..], b"id: 3\nevent: tick\ndata: a\ndata: b\n\n");
/// # Ok::<(), wirecost_wire::sse::EncodeError>(())
/// ```
pub fn encode(buf: &mut BytesMut, event: &Outgoing<'_>) -> Result<usize, EncodeError> {
    std::str::from_utf8(event.data).map_err(NotUtf8::from)?;
    if event.event.is_some_and(|name| name.contains(['\r', '\n'])) {
        return Err(EncodeError::LineBreakInEventName);
    }
    Ok(append(buf, event))
}

/// Appends the event `id: ID`, `data: PAYLOAD` and returns how many bytes that took: the common case of [`encode`].
///
/// # Errors
///
/// [`NotUtf8`] if the payload is not UTF-8; nothing is appended then.
pub fn encode_message(buf: &mut BytesMut, id: u64, payload: &[u8]) -> Result<usize, NotUtf8> {
    std::str::from_utf8(payload)?;
    let event = Outgoing { id: Some(id), event: None, data: payload };
    Ok(append(buf, &event))
}

/// Bytes that [`encode_message`] adds to a payload of one line: 14 for a one-digit id.
///
/// Each further line of the payload costs the 6 bytes of its `data: ` more. (The LF that ends the line before is payload.)
pub const fn message_framing_bytes(id: u64) -> usize {
    "id: ".len() + decimal::digits(id) + "\n".len() + "data: ".len() + "\n\n".len()
}

/// Appends an event that has been checked.
fn append(buf: &mut BytesMut, event: &Outgoing<'_>) -> usize {
    let before = buf.len();
    buf.reserve(event.data.len() + 64);
    if let Some(id) = event.id {
        buf.put_slice(b"id: ");
        decimal::push(buf, id);
        buf.put_u8(b'\n');
    }
    if let Some(name) = event.event {
        buf.put_slice(b"event: ");
        buf.put_slice(name.as_bytes());
        buf.put_u8(b'\n');
    }
    for line in Lines::of(event.data) {
        buf.put_slice(b"data: ");
        buf.put_slice(line);
        buf.put_u8(b'\n');
    }
    buf.put_u8(b'\n');
    buf.len() - before
}

/// Lines of a payload, ended by CR, LF or CRLF as the parser on the other side will see them; at least one, empty or not.
struct Lines<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a [u8]) -> Self {
        Self { rest: Some(text) }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.rest?;
        match super::find_line_break(text) {
            Some(at) => {
                let break_bytes = if text[at..].starts_with(b"\r\n") { 2 } else { 1 };
                self.rest = Some(&text[at + break_bytes..]);
                Some(&text[..at])
            }
            None => {
                self.rest = None;
                Some(text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(event: &Outgoing<'_>) -> String {
        let mut buf = BytesMut::new();
        let appended = encode(&mut buf, event).expect("a good event");
        assert_eq!(appended, buf.len());
        String::from_utf8(buf.to_vec()).expect("an event stream is UTF-8")
    }

    #[test]
    fn events_to_the_byte() {
        let event = Outgoing { id: Some(0), event: None, data: b"0123456789" };
        assert_eq!(written(&event), "id: 0\ndata: 0123456789\n\n");
        assert_eq!(written(&Outgoing::default()), "data: \n\n");
        let event = Outgoing { id: None, event: Some("tick"), data: b"a\r\nb\rc\n" };
        assert_eq!(written(&event), "event: tick\ndata: a\ndata: b\ndata: c\ndata: \n\n");
    }

    #[test]
    fn framing_is_what_is_not_payload() {
        let mut buf = BytesMut::new();
        for id in [0, 9, 10, u64::MAX] {
            let appended = encode_message(&mut buf, id, b"0123456789").expect("ASCII is UTF-8");
            assert_eq!(appended, 10 + message_framing_bytes(id));
        }
        assert_eq!(message_framing_bytes(0), 14);
        let appended = encode_message(&mut buf, 0, b"a\nb\nc").expect("ASCII is UTF-8");
        assert_eq!(appended, 5 + message_framing_bytes(0) + 2 * "data: ".len());
    }

    #[test]
    fn what_cannot_be_written_appends_nothing() {
        let mut buf = BytesMut::from(&b"x"[..]);
        assert_eq!(encode_message(&mut buf, 1, b"a\xff"), Err(NotUtf8 { valid_bytes: 1 }));
        for name in ["a\nb", "\r"] {
            let event = Outgoing { id: None, event: Some(name), data: b"" };
            assert_eq!(encode(&mut buf, &event), Err(EncodeError::LineBreakInEventName));
        }
        assert_eq!(&buf[..], b"x");
    }
}
