//! Writing any packet.

use bytes::{BufMut, BytesMut};
use serde_json::Value;
use thiserror::Error;

use crate::NotUtf8;

use super::header::{Kind, is_writable_namespace, put_header};
use super::packet::{Body, Packet, is_event};

/// Why a packet cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// A namespace begins with `/` and cannot contain a comma, for which there is no escape.
    #[error("a namespace must begin with a slash and must not contain a comma")]
    Namespace,
    /// The first argument of an event is its name, a string or a number.
    #[error("an event must have a name, which is a string or a number")]
    EventName,
    /// A refusal carries a string, an object or nothing.
    #[error("a refusal must carry a string or an object, if anything")]
    ErrorData,
    /// A placeholder names an attachment that the packet does not have.
    #[error("a placeholder names an attachment that does not exist")]
    Placeholder,
    /// A text argument is not UTF-8.
    #[error(transparent)]
    NotUtf8(#[from] NotUtf8),
}

/// Appends the text of `packet` and returns how many bytes that took. Its attachments are to follow as binary messages.
///
/// An event or answer with attachments becomes a BINARY_EVENT or BINARY_ACK.
///
/// # Errors
///
/// [`EncodeError`] if the other side could not read the packet; nothing is appended then.
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use serde_json::json;
/// use wirecost_wire::socket_io::{Body, Packet, encode, placeholder};
/// let packet = Packet {
///     namespace: "/admin".into(),
///     body: Body::Event {
///         ack_id: None,
///         args: vec![json!("baz"), placeholder(0), placeholder(1)],
///         attachments: vec![Bytes::from_static(&[1, 2]), Bytes::from_static(&[3, 4])],
///     },
/// };
/// let mut text = BytesMut::new();
/// encode(&mut text, &packet)?;
/// assert_eq!(
///     &text[..],
///     br#"52-/admin,["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#
/// );
/// # Ok::<(), wirecost_wire::socket_io::EncodeError>(())
/// ```
pub fn encode(buf: &mut BytesMut, packet: &Packet) -> Result<usize, EncodeError> {
    let namespace = packet.namespace.as_str();
    if !is_writable_namespace(namespace) {
        return Err(EncodeError::Namespace);
    }
    let before = buf.len();
    match &packet.body {
        Body::Connect { data } => {
            put_header(buf, Kind::Connect, 0, namespace, None);
            if let Some(data) = data {
                put_object(buf, data);
            }
        }
        Body::Disconnect => put_header(buf, Kind::Disconnect, 0, namespace, None),
        Body::Event { ack_id, args, attachments } => {
            if !is_event(args) {
                return Err(EncodeError::EventName);
            }
            check_placeholders(&packet.body, attachments.len())?;
            let kind = if attachments.is_empty() { Kind::Event } else { Kind::BinaryEvent };
            put_header(buf, kind, attachments.len(), namespace, *ack_id);
            put_args(buf, args);
        }
        Body::Ack { ack_id, args, attachments } => {
            check_placeholders(&packet.body, attachments.len())?;
            let kind = if attachments.is_empty() { Kind::Ack } else { Kind::BinaryAck };
            put_header(buf, kind, attachments.len(), namespace, Some(*ack_id));
            put_args(buf, args);
        }
        Body::ConnectError { data } => {
            if !matches!(data, None | Some(Value::String(_) | Value::Object(_))) {
                return Err(EncodeError::ErrorData);
            }
            put_header(buf, Kind::ConnectError, 0, namespace, None);
            if let Some(data) = data {
                put_value(buf, data);
            }
        }
    }
    Ok(buf.len() - before)
}

/// Without attachments nothing is a placeholder: an argument that looks like one is only data.
fn check_placeholders(body: &Body, attachments: usize) -> Result<(), EncodeError> {
    if attachments > 0 && !body.placeholders_fit(attachments) {
        return Err(EncodeError::Placeholder);
    }
    Ok(())
}

fn put_args(buf: &mut BytesMut, args: &[Value]) {
    buf.put_u8(b'[');
    for (at, arg) in args.iter().enumerate() {
        if at > 0 {
            buf.put_u8(b',');
        }
        put_value(buf, arg);
    }
    buf.put_u8(b']');
}

fn put_object(buf: &mut BytesMut, fields: &serde_json::Map<String, Value>) {
    buf.put_u8(b'{');
    for (at, (name, value)) in fields.iter().enumerate() {
        if at > 0 {
            buf.put_u8(b',');
        }
        crate::json_text::push_str(buf, name);
        buf.put_u8(b':');
        put_value(buf, value);
    }
    buf.put_u8(b'}');
}

fn put_value(buf: &mut BytesMut, value: &Value) {
    // Through `Display`, which cannot fail where a writer could, at the price of a copy.
    buf.put_slice(value.to_string().as_bytes());
}
