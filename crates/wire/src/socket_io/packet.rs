//! A whole packet: what the protocol says, checked, with its JSON as values.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::header::{Header, HeaderError, Kind};

const PLACEHOLDER_MARK: &str = "_placeholder";
const PLACEHOLDER_NUMBER: &str = "num";

/// One packet with all its attachments.
#[derive(Debug, Clone, PartialEq)]
pub struct Packet {
    /// The namespace, beginning with `/`. In version 4 a client may add a query to it: `/admin?token=1`.
    pub namespace: String,
    /// The rest.
    pub body: Body,
}

/// What a packet says. Binary arguments stand in `args` as [`placeholder`]s of the attachments.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A namespace is asked for or granted.
    Connect {
        /// Version 5: an object, with the credentials of the client or the session id from the server. Version 4: none.
        data: Option<Map<String, Value>>,
    },
    /// A namespace is left.
    Disconnect,
    /// An event.
    Event {
        /// Set if the other side is to answer with an [`Body::Ack`].
        ack_id: Option<u64>,
        /// The name, which is a string or a number, and the arguments.
        args: Vec<Value>,
        /// The binary arguments.
        attachments: Vec<Bytes>,
    },
    /// The answer to an event.
    Ack {
        /// That of the event.
        ack_id: u64,
        /// The arguments; there may be none.
        args: Vec<Value>,
        /// The binary arguments.
        attachments: Vec<Bytes>,
    },
    /// A namespace is refused.
    ConnectError {
        /// Version 5: an object with a `message`. Version 4: a string as a rule, or nothing.
        data: Option<Value>,
    },
}

/// The argument that stands for attachment `number`: `{"_placeholder":true,"num":number}`.
pub fn placeholder(number: usize) -> Value {
    json!({ PLACEHOLDER_MARK: true, PLACEHOLDER_NUMBER: number })
}

/// Why a packet cannot be read. The connection is to be closed, as the protocol demands.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The text is longer than the limit.
    #[error("a packet is longer than {max_bytes} bytes")]
    TextTooLong {
        /// The limit.
        max_bytes: usize,
    },
    /// The text is not UTF-8.
    #[error(transparent)]
    NotUtf8(#[from] crate::NotUtf8),
    /// The part before the JSON is malformed.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The JSON is malformed, or nested deeper than 127 levels.
    #[error("the data of a packet are malformed: {0}")]
    Json(#[from] serde_json::Error),
    /// The data are missing, or not of the type that the packet's type demands.
    #[error("the data do not fit the type of the packet ({0:?})")]
    Data(Kind),
    /// An answer has no acknowledgement id, or a packet that is neither event nor answer has one.
    #[error("the acknowledgement id does not fit the type of the packet ({0:?})")]
    AckId(Kind),
    /// More attachments are announced than the limit.
    #[error("a packet has more than {max} attachments")]
    TooManyAttachments {
        /// The limit.
        max: usize,
    },
    /// The attachments of one packet are longer than the limit together.
    #[error("the attachments of a packet are longer than {max_bytes} bytes")]
    AttachmentsTooLong {
        /// The limit.
        max_bytes: usize,
    },
    /// A placeholder names an attachment that the packet does not have.
    #[error("a placeholder names an attachment that does not exist")]
    Placeholder,
    /// Text came where an attachment was due.
    #[error("a text message came instead of an attachment")]
    UnexpectedText,
    /// Binary data came where no attachment was due.
    #[error("a binary message came, but no packet was waiting for attachments")]
    UnexpectedBinary,
}

impl Packet {
    /// Reads text without its attachments, of which `header` says how many will come.
    pub(super) fn parse(header: &Header<'_>) -> Result<Self, DecodeError> {
        let kind = header.kind;
        let data = match header.json {
            "" => None,
            json => Some(serde_json::from_str::<Value>(json)?),
        };
        if header.ack_id.is_some() && !matches!(kind, Kind::Event | Kind::BinaryEvent | Kind::Ack | Kind::BinaryAck) {
            return Err(DecodeError::AckId(kind));
        }
        let body = match (kind, data) {
            (Kind::Connect, None) => Body::Connect { data: None },
            (Kind::Connect, Some(Value::Object(data))) => Body::Connect { data: Some(data) },
            (Kind::Disconnect, None) => Body::Disconnect,
            (Kind::Event | Kind::BinaryEvent, Some(Value::Array(args))) if is_event(&args) => {
                Body::Event { ack_id: header.ack_id, args, attachments: Vec::new() }
            }
            (Kind::Ack | Kind::BinaryAck, Some(Value::Array(args))) => {
                let ack_id = header.ack_id.ok_or(DecodeError::AckId(kind))?;
                Body::Ack { ack_id, args, attachments: Vec::new() }
            }
            (Kind::ConnectError, data @ (None | Some(Value::String(_) | Value::Object(_)))) => Body::ConnectError { data },
            _ => return Err(DecodeError::Data(kind)),
        };
        if kind.is_binary() && !body.placeholders_fit(header.attachments) {
            return Err(DecodeError::Placeholder);
        }
        Ok(Self { namespace: header.namespace.to_owned(), body })
    }

    pub(super) fn attachments_mut(&mut self) -> Option<&mut Vec<Bytes>> {
        match &mut self.body {
            Body::Event { attachments, .. } | Body::Ack { attachments, .. } => Some(attachments),
            Body::Connect { .. } | Body::Disconnect | Body::ConnectError { .. } => None,
        }
    }
}

/// Whether these can be the name and the arguments of an event.
pub(super) fn is_event(args: &[Value]) -> bool {
    matches!(args.first(), Some(Value::String(_) | Value::Number(_)))
}

impl Body {
    /// Whether every placeholder names one of the first `attachments` attachments.
    pub(super) fn placeholders_fit(&self, attachments: usize) -> bool {
        match self {
            Body::Event { args, .. } | Body::Ack { args, .. } => args.iter().all(|arg| placeholders_fit(arg, attachments)),
            Body::Connect { .. } | Body::Disconnect | Body::ConnectError { .. } => true,
        }
    }
}

fn placeholders_fit(value: &Value, attachments: usize) -> bool {
    match value {
        Value::Object(fields) if fields.get(PLACEHOLDER_MARK) == Some(&Value::Bool(true)) => fields
            .get(PLACEHOLDER_NUMBER)
            .and_then(Value::as_u64)
            .is_some_and(|number| usize::try_from(number).is_ok_and(|number| number < attachments)),
        Value::Object(fields) => fields.values().all(|field| placeholders_fit(field, attachments)),
        Value::Array(items) => items.iter().all(|item| placeholders_fit(item, attachments)),
        _ => true,
    }
}
