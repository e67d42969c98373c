//! Engine.IO version 3 (Socket.IO 1 and 2): WebSocket frames and both forms of polling bodies (`v3.md`, "Encoding").
//!
//! The document's example of a body of octets leaves out the type byte of the binary packet; the official parser writes and
//! expects it, and so does this.

use bytes::{BufMut, Bytes, BytesMut};

use crate::{NotUtf8, decimal};

use super::packet::{Base64Prefix, Content, check_length};
use super::{DecodeError, EncodeError, Frame, Packet};

/// The first byte of a binary packet: the type of a message, as a number and not as a digit.
const BINARY_MESSAGE: u8 = 4;

/// What ends the length of a packet in a text body.
const LENGTH_END: u8 = b':';

/// Marks a text packet in a body of octets.
const OCTETS_TEXT: u8 = 0;

/// Marks a binary packet in a body of octets.
const OCTETS_BINARY: u8 = 1;

/// What ends the length of a packet in a body of octets.
const OCTETS_LENGTH_END: u8 = 0xff;

/// A text body without packets.
const EMPTY_TEXT: &[u8] = b"0:";

/// Whether a client that polls takes binary data as they are: it does unless it asked with `b64=1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinarySupport {
    /// A body with a binary packet is octets.
    Octets,
    /// A body is text always, binary data in base64.
    Base64,
}

/// The form of a polling body, which only its `Content-Type` tells a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadForm {
    /// UTF-8.
    Text,
    /// Octets.
    Octets,
}

impl PayloadForm {
    /// The `Content-Type` to send with a body of this form.
    pub const fn content_type(self) -> &'static str {
        match self {
            PayloadForm::Text => "text/plain; charset=UTF-8",
            PayloadForm::Octets => "application/octet-stream",
        }
    }
}

/// The frame that carries `packet`.
///
/// # Errors
///
/// [`NotUtf8`] if the packet is text but not UTF-8.
pub fn encode_frame(packet: &Packet) -> Result<Frame, NotUtf8> {
    if let Packet::Binary(data) = packet {
        let mut buf = BytesMut::with_capacity(1 + data.len());
        put_binary(&mut buf, data);
        return Ok(Frame::Binary(buf.freeze()));
    }
    let mut buf = BytesMut::with_capacity(packet.text_bytes(Base64Prefix::TypeDigit));
    packet.encode_text(&mut buf, Base64Prefix::TypeDigit)?;
    Ok(Frame::Text(buf.freeze()))
}

/// The packet that a frame carries. No data are copied, unless they came as base64 in a text frame.
///
/// # Errors
///
/// [`DecodeError`] if a frame is empty, its type is unknown, or its base64 is malformed.
pub fn decode_frame(frame: &Frame) -> Result<Packet, DecodeError> {
    match frame {
        Frame::Binary(data) => decode_binary(data),
        Frame::Text(text) => Packet::decode_text(text, Base64Prefix::TypeDigit),
    }
}

fn decode_binary(packet: &Bytes) -> Result<Packet, DecodeError> {
    match packet.first() {
        Some(&BINARY_MESSAGE) => Ok(Packet::Binary(packet.slice(1..))),
        Some(&other) => Err(DecodeError::UnknownType(other)),
        None => Err(DecodeError::Empty),
    }
}

/// Appends a body of `packets` and returns its form and how many bytes it took.
///
/// # Errors
///
/// [`EncodeError::NotUtf8`] if a text packet is not UTF-8; nothing is appended then.
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use wirecost_wire::engine_io::v3::{self, BinarySupport, PayloadForm};
/// use wirecost_wire::engine_io::Packet;
/// let packets = [Packet::Message("€".into()), Packet::Binary(Bytes::from_static(&[1, 2, 3, 4]))];
/// let mut body = BytesMut::new();
/// let (form, _) = v3::encode_payload(&mut body, &packets, BinarySupport::Base64)?;
/// assert_eq!((form, &body[..]), (PayloadForm::Text, "2:4€10:b4AQIDBA==".as_bytes()));
/// # Ok::<(), wirecost_wire::engine_io::EncodeError>(())
/// ```
pub fn encode_payload(
    buf: &mut BytesMut,
    packets: &[Packet],
    support: BinarySupport,
) -> Result<(PayloadForm, usize), EncodeError> {
    let has_binary = packets.iter().any(|packet| matches!(packet, Packet::Binary(_)));
    let form = if has_binary && support == BinarySupport::Octets { PayloadForm::Octets } else { PayloadForm::Text };
    let before = buf.len();
    for packet in packets {
        let encoded = match form {
            PayloadForm::Text => encode_text_packet(buf, packet),
            PayloadForm::Octets => encode_octets_packet(buf, packet),
        };
        if let Err(error) = encoded {
            buf.truncate(before);
            return Err(error.into());
        }
    }
    if packets.is_empty() {
        buf.put_slice(EMPTY_TEXT);
    }
    Ok((form, buf.len() - before))
}

fn encode_text_packet(buf: &mut BytesMut, packet: &Packet) -> Result<(), NotUtf8> {
    let units = match packet.content() {
        Content::Text(_, data) => 1 + utf16_units(data),
        // Base64 is ASCII, so a byte is a unit.
        Content::Binary(_) => packet.text_bytes(Base64Prefix::TypeDigit),
    };
    decimal::push(buf, units as u64);
    buf.put_u8(LENGTH_END);
    packet.encode_text(buf, Base64Prefix::TypeDigit)
}

fn encode_octets_packet(buf: &mut BytesMut, packet: &Packet) -> Result<(), NotUtf8> {
    match packet.content() {
        Content::Text(_, data) => {
            put_octets_header(buf, OCTETS_TEXT, 1 + data.len());
            packet.encode_text(buf, Base64Prefix::TypeDigit)
        }
        Content::Binary(data) => {
            put_octets_header(buf, OCTETS_BINARY, 1 + data.len());
            put_binary(buf, data);
            Ok(())
        }
    }
}

fn put_binary(buf: &mut BytesMut, data: &[u8]) {
    buf.put_u8(BINARY_MESSAGE);
    buf.put_slice(data);
}

fn put_octets_header(buf: &mut BytesMut, kind: u8, packet_bytes: usize) {
    buf.put_u8(kind);
    let digits_at = buf.len();
    decimal::push(buf, packet_bytes as u64);
    for digit in &mut buf[digits_at..] {
        *digit -= b'0';
    }
    buf.put_u8(OCTETS_LENGTH_END);
}

/// UTF-16 code units of text that is UTF-8: what JavaScript calls its length.
fn utf16_units(text: &[u8]) -> usize {
    text.iter().map(|&byte| units_begun_by(byte)).sum()
}

/// UTF-16 code units of the character that this byte of UTF-8 begins; 0 if it only continues one.
const fn units_begun_by(byte: u8) -> usize {
    match byte {
        0x80..=0xbf => 0,
        // A character of four bytes lies beyond the basic plane: a surrogate pair.
        0xf0.. => 2,
        _ => 1,
    }
}

/// Bytes of the first `units` UTF-16 code units of `text`; `None` if it is shorter or they would split a character.
fn bytes_of_units(text: &[u8], units: usize) -> Option<usize> {
    // Nearly all text is ASCII, where a byte is a unit.
    if text.get(..units)?.is_ascii() {
        return Some(units);
    }
    let mut left = units;
    for (at, &byte) in text.iter().enumerate() {
        let begun = units_begun_by(byte);
        if left == 0 && begun > 0 {
            return Some(at);
        }
        left = left.checked_sub(begun)?;
    }
    (left == 0).then_some(text.len())
}

/// Reads a body of at most `max_bytes`, packet by packet. `form` is what its `Content-Type` says.
///
/// # Errors
///
/// [`DecodeError`] if the body is too long, or is text and empty or not UTF-8. A packet that cannot be read is the
/// iterator's last item.
pub fn decode_payload(body: Bytes, form: PayloadForm, max_bytes: usize) -> Result<Packets, DecodeError> {
    check_length(&body, max_bytes)?;
    if form == PayloadForm::Text {
        if body.is_empty() {
            return Err(DecodeError::Empty);
        }
        std::str::from_utf8(&body).map_err(NotUtf8::from)?;
    }
    Ok(Packets { rest: body, form })
}

/// The packets of a body; what is not base64 is sliced from it, not copied. Ends after the first error.
#[derive(Debug, Clone)]
pub struct Packets {
    rest: Bytes,
    form: PayloadForm,
}

impl Iterator for Packets {
    type Item = Result<Packet, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let packet = match self.form {
            PayloadForm::Text => self.next_text(),
            PayloadForm::Octets => self.next_octets(),
        };
        if packet.is_err() {
            self.rest.clear();
        }
        packet.transpose()
    }
}

impl std::iter::FusedIterator for Packets {}

impl Packets {
    fn next_text(&mut self) -> Result<Option<Packet>, DecodeError> {
        while !self.rest.is_empty() {
            let units = self.take_length(LENGTH_END, b'0')?;
            // The official parser skips a packet of length 0, which is how it writes a body without packets.
            if units > 0 {
                let packet_bytes = bytes_of_units(&self.rest, units).ok_or(DecodeError::Length)?;
                let packet = self.rest.split_to(packet_bytes);
                return Packet::decode_text(&packet, Base64Prefix::TypeDigit).map(Some);
            }
        }
        Ok(None)
    }

    fn next_octets(&mut self) -> Result<Option<Packet>, DecodeError> {
        let Some(&kind) = self.rest.first() else { return Ok(None) };
        let _kind = self.rest.split_to(1);
        let packet_bytes = self.take_length(OCTETS_LENGTH_END, 0)?;
        if packet_bytes > self.rest.len() {
            return Err(DecodeError::Length);
        }
        let packet = self.rest.split_to(packet_bytes);
        match kind {
            OCTETS_TEXT => {
                std::str::from_utf8(&packet).map_err(NotUtf8::from)?;
                Packet::decode_text(&packet, Base64Prefix::TypeDigit).map(Some)
            }
            OCTETS_BINARY => decode_binary(&packet).map(Some),
            other => Err(DecodeError::UnknownType(other)),
        }
    }

    /// Takes a decimal length and what ends it off the front; `zero` is how a 0 is written.
    fn take_length(&mut self, end: u8, zero: u8) -> Result<usize, DecodeError> {
        let digits = memchr::memchr(end, &self.rest).ok_or(DecodeError::Length)?;
        if digits == 0 {
            return Err(DecodeError::Length);
        }
        let mut length = 0usize;
        for byte in self.rest.split_to(digits + 1).slice(..digits) {
            let digit = byte.checked_sub(zero).filter(|digit| *digit < 10).ok_or(DecodeError::Length)?;
            length =
                length.checked_mul(10).and_then(|length| length.checked_add(usize::from(digit))).ok_or(DecodeError::Length)?;
        }
        Ok(length)
    }
}
