//! Reading any packet: the messages of a connection in, packets with their attachments out.

use bytes::Bytes;

use crate::NotUtf8;

use super::header::Header;
use super::packet::{DecodeError, Packet};

/// What a [`Decoder`] accepts at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the text of one packet. Values parsed from it can take about sixteen times as much memory.
    pub text_bytes: usize,
    /// Attachments of one packet.
    pub attachments: usize,
    /// Bytes of all attachments of one packet together.
    pub attachments_bytes: usize,
}

impl Default for Limits {
    /// What the official server accepts: 1,000,000 bytes of text and ten attachments; and 10,000,000 bytes of those.
    fn default() -> Self {
        Self { text_bytes: 1_000_000, attachments: 10, attachments_bytes: 10_000_000 }
    }
}

/// A packet that waits for attachments.
#[derive(Debug)]
struct Partial {
    packet: Packet,
    missing: usize,
    room_bytes: usize,
}

/// Puts packets together from the text and binary messages of one connection, given in the order of their arrival.
///
/// After an error the connection is to be closed; the decoder then has forgotten what it was waiting for.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    partial: Option<Partial>,
}

impl Decoder {
    /// A decoder at the start of a connection.
    pub fn new(limits: Limits) -> Self {
        Self { limits, partial: None }
    }

    /// Whether an attachment is due.
    pub fn is_waiting(&self) -> bool {
        self.partial.is_some()
    }

    /// Takes a text message (without Engine.IO's digit). `None` if the packet waits for attachments.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if an attachment was due, or the text is too long or malformed.
    pub fn text(&mut self, text: &[u8]) -> Result<Option<Packet>, DecodeError> {
        if self.partial.take().is_some() {
            return Err(DecodeError::UnexpectedText);
        }
        if text.len() > self.limits.text_bytes {
            return Err(DecodeError::TextTooLong { max_bytes: self.limits.text_bytes });
        }
        let header = Header::parse(std::str::from_utf8(text).map_err(NotUtf8::from)?)?;
        if header.attachments > self.limits.attachments {
            return Err(DecodeError::TooManyAttachments { max: self.limits.attachments });
        }
        let packet = Packet::parse(&header)?;
        if header.attachments == 0 {
            return Ok(Some(packet));
        }
        self.partial = Some(Partial { packet, missing: header.attachments, room_bytes: self.limits.attachments_bytes });
        Ok(None)
    }

    /// Takes a binary message. `None` if the packet waits for more.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if no attachment was due, or the attachments are too long.
    pub fn binary(&mut self, attachment: Bytes) -> Result<Option<Packet>, DecodeError> {
        let Some(mut partial) = self.partial.take() else { return Err(DecodeError::UnexpectedBinary) };
        let Some(room_bytes) = partial.room_bytes.checked_sub(attachment.len()) else {
            return Err(DecodeError::AttachmentsTooLong { max_bytes: self.limits.attachments_bytes });
        };
        if let Some(attachments) = partial.packet.attachments_mut() {
            attachments.push(attachment);
        }
        partial.room_bytes = room_bytes;
        partial.missing -= 1;
        if partial.missing == 0 {
            return Ok(Some(partial.packet));
        }
        self.partial = Some(partial);
        Ok(None)
    }
}
