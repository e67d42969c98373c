//! Packets, and their text form, which the two versions share but for binary data.

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

use crate::NotUtf8;
use crate::base64::{self, InvalidBase64};

use super::MESSAGE_PREFIX;

/// One packet. Text is UTF-8 always.
///
/// Data on a packet whose type has no use for any — close, upgrade, noop — are dropped when it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// 0: the server opens a session; the data are a [`Handshake`](super::Handshake).
    Open(Bytes),
    /// 1: a transport is to be closed.
    Close,
    /// 2: a heartbeat's question (from the client in version 3, from the server in version 4), or a
    /// [`PROBE`](super::PROBE).
    Ping(Bytes),
    /// 3: the answer, with the data of the ping.
    Pong(Bytes),
    /// 4: a text message.
    Message(Bytes),
    /// 4: a binary message.
    Binary(Bytes),
    /// 5: the client has upgraded to this transport.
    Upgrade,
    /// 6: nothing, to end a poll.
    Noop,
}

/// What a WebSocket frame carries: one packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The payload of a text frame. That it is UTF-8 is checked where frames are read (RFC 6455 §8.1).
    Text(Bytes),
    /// The payload of a binary frame.
    Binary(Bytes),
}

/// Why a packet cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// Text is not UTF-8.
    #[error(transparent)]
    NotUtf8(#[from] NotUtf8),
    /// Text holds the byte `1e`, which separates packets in a polling body of version 4 and cannot be escaped.
    #[error("a text packet contains the separator of packets (byte 1e)")]
    Separator,
}

/// Why a frame or a body cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// A body is longer than the limit.
    #[error("the payload is longer than {max_bytes} bytes")]
    TooLong {
        /// The limit.
        max_bytes: usize,
    },
    /// A packet, or a body that must hold one, is empty.
    #[error("a packet is empty")]
    Empty,
    /// No packet begins with this byte.
    #[error("unknown packet type (byte {0:#04x})")]
    UnknownType(u8),
    /// Text is not UTF-8.
    #[error(transparent)]
    NotUtf8(#[from] NotUtf8),
    /// Binary data are not base64.
    #[error(transparent)]
    Base64(#[from] InvalidBase64),
    /// In a body of version 3, the length before a packet is missing, is not a number, or does not fit what follows.
    #[error("the length of a packet is malformed or does not fit the payload")]
    Length,
}

/// How a binary packet begins where only text can go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Base64Prefix {
    /// Version 3: `b` and the type digit.
    TypeDigit,
    /// Version 4: `b`.
    Bare,
}

impl Base64Prefix {
    const fn bytes(self) -> &'static [u8] {
        match self {
            Base64Prefix::TypeDigit => b"b4",
            Base64Prefix::Bare => b"b",
        }
    }
}

/// What a packet holds, as far as writing it goes.
pub(super) enum Content<'a> {
    /// Type digit and data.
    Text(u8, &'a [u8]),
    /// The data of a binary message.
    Binary(&'a Bytes),
}

impl Packet {
    pub(super) fn content(&self) -> Content<'_> {
        match self {
            Packet::Open(data) => Content::Text(b'0', data),
            Packet::Close => Content::Text(b'1', b""),
            Packet::Ping(data) => Content::Text(b'2', data),
            Packet::Pong(data) => Content::Text(b'3', data),
            Packet::Message(data) => Content::Text(MESSAGE_PREFIX, data),
            Packet::Binary(data) => Content::Binary(data),
            Packet::Upgrade => Content::Text(b'5', b""),
            Packet::Noop => Content::Text(b'6', b""),
        }
    }

    /// Bytes of the packet where only text can go.
    pub(super) fn text_bytes(&self, prefix: Base64Prefix) -> usize {
        match self.content() {
            Content::Text(_, data) => 1 + data.len(),
            Content::Binary(data) => prefix.bytes().len() + base64::encoded_bytes(data.len()),
        }
    }

    /// Appends the packet as text, binary data as base64.
    pub(super) fn encode_text(&self, buf: &mut BytesMut, prefix: Base64Prefix) -> Result<(), NotUtf8> {
        match self.content() {
            Content::Text(digit, data) => {
                std::str::from_utf8(data)?;
                buf.put_u8(digit);
                buf.put_slice(data);
            }
            Content::Binary(data) => {
                buf.put_slice(prefix.bytes());
                base64::push(buf, data);
            }
        }
        Ok(())
    }

    /// Reads a packet that is text and known to be UTF-8; its data are slices of `text` unless they are base64.
    pub(super) fn decode_text(text: &Bytes, prefix: Base64Prefix) -> Result<Self, DecodeError> {
        let &first = text.first().ok_or(DecodeError::Empty)?;
        Ok(match first {
            b'0' => Packet::Open(text.slice(1..)),
            b'1' => Packet::Close,
            b'2' => Packet::Ping(text.slice(1..)),
            b'3' => Packet::Pong(text.slice(1..)),
            b'4' => Packet::Message(text.slice(1..)),
            b'5' => Packet::Upgrade,
            b'6' => Packet::Noop,
            _ => match text.strip_prefix(prefix.bytes()) {
                Some(data) => Packet::Binary(base64::decode(data)?.into()),
                None => return Err(DecodeError::UnknownType(first)),
            },
        })
    }
}

/// Refuses a body that is longer than the limit.
pub(super) fn check_length(body: &[u8], max_bytes: usize) -> Result<(), DecodeError> {
    if body.len() > max_bytes { Err(DecodeError::TooLong { max_bytes }) } else { Ok(()) }
}
