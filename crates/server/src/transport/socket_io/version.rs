//! What differs on the wire between Engine.IO 3 and 4: frames, polling bodies, and in which form a body is.

use bytes::{Bytes, BytesMut};
use wirecost_wire::NotUtf8;
use wirecost_wire::engine_io::v3::{BinarySupport, PayloadForm};
use wirecost_wire::engine_io::{DecodeError, EncodeError, Frame, Packet, v3, v4};

/// A version of Engine.IO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Under Socket.IO 1 and 2: the client pings.
    V3,
    /// Under Socket.IO 3 and 4: the server pings.
    V4,
}

impl Version {
    /// The frame that carries a packet.
    ///
    /// # Errors
    /// The packet is text and not UTF-8.
    pub fn encode_frame(self, packet: &Packet) -> Result<Frame, NotUtf8> {
        match self {
            Version::V3 => v3::encode_frame(packet),
            Version::V4 => v4::encode_frame(packet),
        }
    }

    /// The packet that a frame carries.
    ///
    /// # Errors
    /// It is malformed.
    pub fn decode_frame(self, frame: &Frame) -> Result<Packet, DecodeError> {
        match self {
            Version::V3 => v3::decode_frame(frame),
            Version::V4 => v4::decode_frame(frame),
        }
    }

    /// Appends a polling body and tells its form.
    ///
    /// # Errors
    /// A packet cannot be carried so.
    pub fn encode_payload(
        self,
        to: &mut BytesMut,
        packets: &[Packet],
        support: BinarySupport,
    ) -> Result<PayloadForm, EncodeError> {
        match self {
            Version::V3 => v3::encode_payload(to, packets, support).map(|(form, _)| form),
            Version::V4 => v4::encode_payload(to, packets).map(|_| PayloadForm::Text),
        }
    }

    /// The packets of a polling body that is at most `max_bytes` long.
    ///
    /// # Errors
    /// It is too long, or not what this version writes. A packet that cannot be read is the last item.
    pub fn decode_payload(
        self,
        body: Bytes,
        form: PayloadForm,
        max_bytes: usize,
    ) -> Result<Box<dyn Iterator<Item = Result<Packet, DecodeError>> + Send>, DecodeError> {
        Ok(match (self, form) {
            (Version::V3, form) => Box::new(v3::decode_payload(body, form, max_bytes)?),
            // Octets are no form of version 4, and rarely text either; what is no packet is told below.
            (Version::V4, _) => Box::new(v4::decode_payload(body, max_bytes)?),
        })
    }
}
