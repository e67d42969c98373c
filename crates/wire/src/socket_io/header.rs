//! What stands before the JSON of a packet: type, attachments, namespace, acknowledgement id.

use bytes::{BufMut, BytesMut};
use thiserror::Error;

use crate::decimal;

use super::MAIN_NAMESPACE;

/// The type digit of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 0: asks for a namespace, or grants it.
    Connect,
    /// 1: leaves a namespace.
    Disconnect,
    /// 2: an event.
    Event,
    /// 3: the answer to an event that had an acknowledgement id.
    Ack,
    /// 4: refuses a namespace. Version 4 calls it ERROR.
    ConnectError,
    /// 5: an event with attachments.
    BinaryEvent,
    /// 6: an answer with attachments.
    BinaryAck,
}

impl Kind {
    pub(super) const fn digit(self) -> u8 {
        match self {
            Kind::Connect => b'0',
            Kind::Disconnect => b'1',
            Kind::Event => b'2',
            Kind::Ack => b'3',
            Kind::ConnectError => b'4',
            Kind::BinaryEvent => b'5',
            Kind::BinaryAck => b'6',
        }
    }

    const fn of_digit(digit: u8) -> Option<Self> {
        Some(match digit {
            b'0' => Kind::Connect,
            b'1' => Kind::Disconnect,
            b'2' => Kind::Event,
            b'3' => Kind::Ack,
            b'4' => Kind::ConnectError,
            b'5' => Kind::BinaryEvent,
            b'6' => Kind::BinaryAck,
            _ => return None,
        })
    }

    /// Whether attachments follow.
    pub const fn is_binary(self) -> bool {
        matches!(self, Kind::BinaryEvent | Kind::BinaryAck)
    }
}

/// Why the part before the JSON cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// The packet is empty or does not begin with a digit from 0 to 6.
    #[error("unknown packet type")]
    UnknownType,
    /// The number of attachments is missing, zero, or no number.
    #[error("the number of attachments is malformed")]
    Attachments,
    /// The acknowledgement id does not fit 64 bits.
    #[error("the acknowledgement id is too large")]
    AckId,
}

/// A packet in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) kind: Kind,
    /// How many attachments follow; 0 unless the type is a binary one.
    pub(super) attachments: usize,
    pub(super) namespace: &'a str,
    pub(super) ack_id: Option<u64>,
    /// What comes after: JSON or nothing.
    pub(super) json: &'a str,
}

impl<'a> Header<'a> {
    /// Reads the header of `text`. That a namespace at the end has no comma is accepted, as the official parsers do.
    pub(super) fn parse(text: &'a str) -> Result<Self, HeaderError> {
        let kind = text.bytes().next().and_then(Kind::of_digit).ok_or(HeaderError::UnknownType)?;
        let mut rest = &text[1..];
        let mut attachments = 0;
        if kind.is_binary() {
            let (digits, after) = split_digits(rest);
            rest = after.strip_prefix('-').ok_or(HeaderError::Attachments)?;
            attachments = digits.parse().map_err(|_| HeaderError::Attachments)?;
            if attachments == 0 {
                return Err(HeaderError::Attachments);
            }
        }
        let mut namespace = MAIN_NAMESPACE;
        if rest.starts_with('/') {
            (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
        }
        let (digits, json) = split_digits(rest);
        let ack_id = match digits {
            "" => None,
            digits => Some(digits.parse().map_err(|_| HeaderError::AckId)?),
        };
        Ok(Self { kind, attachments, namespace, ack_id, json })
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    let digits = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(digits)
}

/// Whether a namespace can be written: it begins with `/` and has no comma, for which there is no escape.
pub(super) fn is_writable_namespace(namespace: &str) -> bool {
    namespace.starts_with('/') && !namespace.contains(',')
}

/// Appends a header; the namespace must be [writable](is_writable_namespace).
pub(super) fn put_header(buf: &mut BytesMut, kind: Kind, attachments: usize, namespace: &str, ack_id: Option<u64>) {
    buf.put_u8(kind.digit());
    if kind.is_binary() {
        decimal::push(buf, attachments as u64);
        buf.put_u8(b'-');
    }
    if namespace != MAIN_NAMESPACE {
        buf.put_slice(namespace.as_bytes());
        buf.put_u8(b',');
    }
    if let Some(ack_id) = ack_id {
        decimal::push(buf, ack_id);
    }
}

/// Bytes of a header without attachments.
pub(super) const fn header_bytes(namespace: &str, ack_id: Option<u64>) -> usize {
    let namespace_bytes = match namespace.as_bytes() {
        b"/" => 0,
        name => name.len() + 1,
    };
    let ack_bytes = match ack_id {
        Some(ack_id) => decimal::digits(ack_id),
        None => 0,
    };
    1 + namespace_bytes + ack_bytes
}
