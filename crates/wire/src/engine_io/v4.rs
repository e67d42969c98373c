//! Engine.IO version 4 (Socket.IO 3 and 4): WebSocket frames and polling bodies (`v4-current.md`, "Packet encoding").

use bytes::{BufMut, Bytes, BytesMut};

use crate::NotUtf8;

use super::packet::{Base64Prefix, Content, check_length};
use super::{DecodeError, EncodeError, Frame, Packet};

/// What stands between two packets of a body.
pub const SEPARATOR: u8 = 0x1e;

/// The frame that carries `packet`.
///
/// # Errors
///
/// [`NotUtf8`] if the packet is text but not UTF-8.
pub fn encode_frame(packet: &Packet) -> Result<Frame, NotUtf8> {
    if let Packet::Binary(data) = packet {
        return Ok(Frame::Binary(data.clone()));
    }
    let mut buf = BytesMut::with_capacity(packet.text_bytes(Base64Prefix::Bare));
    packet.encode_text(&mut buf, Base64Prefix::Bare)?;
    Ok(Frame::Text(buf.freeze()))
}

/// The packet that a frame carries. No data are copied, unless they came as base64 in a text frame.
///
/// # Errors
///
/// [`DecodeError`] if a text frame is empty, its type is unknown, or its base64 is malformed.
pub fn decode_frame(frame: &Frame) -> Result<Packet, DecodeError> {
    match frame {
        Frame::Binary(data) => Ok(Packet::Binary(data.clone())),
        Frame::Text(text) => Packet::decode_text(text, Base64Prefix::Bare),
    }
}

/// Bytes of one packet in a body, separators not counted: what a client needs to keep a body within `maxPayload`.
pub fn payload_packet_bytes(packet: &Packet) -> usize {
    packet.text_bytes(Base64Prefix::Bare)
}

/// Appends a body of `packets` and returns how many bytes that took.
///
/// # Errors
///
/// [`EncodeError`] if a text packet is not UTF-8 or contains the [`SEPARATOR`]; nothing is appended then.
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use wirecost_wire::engine_io::{Packet, v4};
/// let packets = [Packet::Message("hello".into()), Packet::Binary(Bytes::from_static(&[1, 2, 3, 4]))];
/// let mut body = BytesMut::new();
/// v4::encode_payload(&mut body, &packets)?;
/// assert_eq!(&body[..], b"4hello\x1ebAQIDBA==");
/// # Ok::<(), wirecost_wire::engine_io::EncodeError>(())
/// ```
pub fn encode_payload<'a>(buf: &mut BytesMut, packets: impl IntoIterator<Item = &'a Packet>) -> Result<usize, EncodeError> {
    let before = buf.len();
    for (at, packet) in packets.into_iter().enumerate() {
        if at > 0 {
            buf.put_u8(SEPARATOR);
        }
        if let Err(error) = encode_payload_packet(buf, packet) {
            buf.truncate(before);
            return Err(error);
        }
    }
    Ok(buf.len() - before)
}

fn encode_payload_packet(buf: &mut BytesMut, packet: &Packet) -> Result<(), EncodeError> {
    if let Content::Text(_, data) = packet.content()
        && memchr::memchr(SEPARATOR, data).is_some()
    {
        return Err(EncodeError::Separator);
    }
    Ok(packet.encode_text(buf, Base64Prefix::Bare)?)
}

/// Reads a body of at most `max_bytes`, packet by packet.
///
/// # Errors
///
/// [`DecodeError`] if the body is too long or not UTF-8. A packet that cannot be read is the iterator's last item.
pub fn decode_payload(body: Bytes, max_bytes: usize) -> Result<Packets, DecodeError> {
    check_length(&body, max_bytes)?;
    std::str::from_utf8(&body).map_err(NotUtf8::from)?;
    Ok(Packets { rest: Some(body) })
}

/// The packets of a body; text is sliced from it, not copied. Ends after the first error.
#[derive(Debug, Clone)]
pub struct Packets {
    rest: Option<Bytes>,
}

impl Iterator for Packets {
    type Item = Result<Packet, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        let packet = match memchr::memchr(SEPARATOR, &rest) {
            Some(at) => {
                self.rest = Some(rest.slice(at + 1..));
                rest.slice(..at)
            }
            None => rest,
        };
        let packet = Packet::decode_text(&packet, Base64Prefix::Bare);
        if packet.is_err() {
            self.rest = None;
        }
        Some(packet)
    }
}

impl std::iter::FusedIterator for Packets {}
