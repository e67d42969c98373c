//! Events with one argument, written and read without building JSON values: what a delivery benchmark sends all day.

use bytes::{BufMut, BytesMut};

use crate::json_text;

use super::encode::EncodeError;
use super::header::{Header, Kind, header_bytes, is_writable_namespace, put_header};

const ARGS_START: &[u8] = b"[";
const ARGS_MIDDLE: &[u8] = b",";
const ARGS_END: &[u8] = b"]";

/// Appends the event `name` with the text argument `payload` and returns how many bytes that took.
///
/// # Errors
///
/// [`EncodeError`] if the namespace cannot be written or the payload is not UTF-8; nothing is appended then.
///
/// ```
/// use bytes::BytesMut;
/// use wirecost_wire::socket_io::encode_text_event;
/// let mut text = BytesMut::new();
/// encode_text_event(&mut text, "/", None, "hey", b"Jude")?;
/// encode_text_event(&mut text, "/admin", Some(12), "hey", b"\"")?;
/// assert_eq!(&text[..], br#"2["hey","Jude"]2/admin,12["hey","\""]"#);
/// # Ok::<(), wirecost_wire::socket_io::EncodeError>(())
/// ```
pub fn encode_text_event(
    buf: &mut BytesMut,
    namespace: &str,
    ack_id: Option<u64>,
    name: &str,
    payload: &[u8],
) -> Result<usize, EncodeError> {
    if !is_writable_namespace(namespace) {
        return Err(EncodeError::Namespace);
    }
    let before = buf.len();
    buf.reserve(header_bytes(namespace, ack_id) + name.len() + payload.len() + 8);
    put_header(buf, Kind::Event, 0, namespace, ack_id);
    buf.put_slice(ARGS_START);
    json_text::push_str(buf, name);
    buf.put_slice(ARGS_MIDDLE);
    if let Err(error) = json_text::push(buf, payload) {
        buf.truncate(before);
        return Err(error.into());
    }
    buf.put_slice(ARGS_END);
    Ok(buf.len() - before)
}

/// Appends the text of the event `name` with one argument that is JSON already, and returns how many bytes that took.
///
/// # Errors
///
/// [`EncodeError::Namespace`] if the namespace cannot be written; nothing is appended then.
///
/// ```
/// use bytes::BytesMut;
/// use wirecost_wire::socket_io::encode_json_event;
/// let mut text = BytesMut::new();
/// encode_json_event(&mut text, "/test", None, "my_event", r#"{"data":"hi"}"#)?;
/// assert_eq!(&text[..], br#"2/test,["my_event",{"data":"hi"}]"#);
/// # Ok::<(), wirecost_wire::socket_io::EncodeError>(())
/// ```
pub fn encode_json_event(
    buf: &mut BytesMut,
    namespace: &str,
    ack_id: Option<u64>,
    name: &str,
    argument: &str,
) -> Result<usize, EncodeError> {
    if !is_writable_namespace(namespace) {
        return Err(EncodeError::Namespace);
    }
    let before = buf.len();
    buf.reserve(header_bytes(namespace, ack_id) + name.len() + argument.len() + 8);
    put_header(buf, Kind::Event, 0, namespace, ack_id);
    buf.put_slice(ARGS_START);
    json_text::push_str(buf, name);
    buf.put_slice(ARGS_MIDDLE);
    buf.put_slice(argument.as_bytes());
    buf.put_slice(ARGS_END);
    Ok(buf.len() - before)
}

/// Bytes that [`encode_text_event`] adds to a payload without anything to escape, if the name has nothing either.
///
/// Engine.IO's digit is not counted. With escapes, framing is what was appended less the length of the payload.
pub const fn plain_text_event_framing_bytes(namespace: &str, ack_id: Option<u64>, name: &str) -> usize {
    header_bytes(namespace, ack_id)
        + ARGS_START.len()
        + json_text::QUOTES_BYTES
        + name.len()
        + ARGS_MIDDLE.len()
        + json_text::QUOTES_BYTES
        + ARGS_END.len()
}

/// An event with one text argument, none of whose parts needs unescaping; all are slices of the packet.
///
/// With a packet in a [`bytes::Bytes`], [`slice_ref`](bytes::Bytes::slice_ref) makes the payload an owner of it without a
/// copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextEvent<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// Set if the other side asks for an answer.
    pub ack_id: Option<u64>,
    /// The name of the event.
    pub name: &'a str,
    /// The argument.
    pub payload: &'a str,
}

impl<'a> TextEvent<'a> {
    /// Reads a packet that is exactly such an event as [`encode_text_event`] and `JSON.stringify` write it.
    ///
    /// `None` for every other packet, good or bad: give it to a [`Decoder`](super::Decoder), which knows. Not to be asked
    /// while a decoder [is waiting](super::Decoder::is_waiting).
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        // The digit and the least possible arguments decide quickly for everything that is no such event.
        if text.first() != Some(&Kind::Event.digit()) || !text.ends_with(b"\"]") {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        let header = Header::parse(text).ok()?;
        let args = header.json.strip_prefix("[\"")?.strip_suffix("\"]")?;
        let (name, after) = args.split_at(memchr::memchr(b'"', args.as_bytes())?);
        let payload = after.strip_prefix("\",\"")?;
        let plain = json_text::is_plain(name.as_bytes()) && json_text::is_plain(payload.as_bytes());
        plain.then_some(Self { namespace: header.namespace, ack_id: header.ack_id, name, payload })
    }
}
