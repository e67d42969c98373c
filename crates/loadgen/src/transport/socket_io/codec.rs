//! The formats of both versions and of JSONP behind one face, chosen once for a session. The formats themselves
//! are `wirecost_wire`'s.

use bytes::{Bytes, BytesMut};
use wirecost_model::scenario::Engine;
use wirecost_wire::engine_io::v3::{BinarySupport, PayloadForm};
use wirecost_wire::engine_io::{DecodeError, Frame, Packet, jsonp, v3, v4};

use crate::session::TransportError;
use crate::stack::{Answer, MAX_BODY_BYTES, Message};

/// The index of our JSONP requests. Clients that share a page need different ones; ours share nothing.
pub(super) const JSONP_INDEX: u64 = 0;

fn malformed(error: impl std::fmt::Display) -> TransportError {
    TransportError::Malformed(error.to_string())
}

/// How packets look on a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Codec {
    /// Version of the protocol.
    pub version: Engine,
    /// Whether polling bodies are wrapped in scripts and forms.
    pub jsonp: bool,
}

/// A polling body that is being read.
pub(super) enum Packets {
    /// Version 3.
    V3(v3::Packets),
    /// Version 4.
    V4(v4::Packets),
}

impl Iterator for Packets {
    type Item = Result<Packet, TransportError>;
    fn next(&mut self) -> Option<Self::Item> {
        let packet: Option<Result<Packet, DecodeError>> = match self {
            Packets::V3(packets) => packets.next(),
            Packets::V4(packets) => packets.next(),
        };
        packet.map(|packet| packet.map_err(malformed))
    }
}

impl Codec {
    /// The WebSocket message that carries a packet.
    pub fn encode_frame(self, packet: &Packet) -> Result<Message, TransportError> {
        let frame = match self.version {
            Engine::V3 => v3::encode_frame(packet),
            Engine::V4 => v4::encode_frame(packet),
        };
        Ok(match frame.map_err(malformed)? {
            Frame::Text(text) => Message::Text(text),
            Frame::Binary(data) => Message::Binary(data),
        })
    }

    /// The packet that a WebSocket message carries.
    pub fn decode_frame(self, message: Message) -> Result<Packet, TransportError> {
        let frame = match message {
            Message::Text(text) => Frame::Text(text),
            Message::Binary(data) => Frame::Binary(data),
        };
        match self.version {
            Engine::V3 => v3::decode_frame(&frame),
            Engine::V4 => v4::decode_frame(&frame),
        }
        .map_err(malformed)
    }

    /// The body of a POST, and its `Content-Type`.
    pub fn encode_body(self, packets: &[Packet]) -> Result<(&'static str, Bytes), TransportError> {
        let mut body = BytesMut::new();
        let form = match self.version {
            Engine::V4 => {
                v4::encode_payload(&mut body, packets).map_err(malformed)?;
                PayloadForm::Text
            }
            Engine::V3 => {
                let support = if self.jsonp { BinarySupport::Base64 } else { BinarySupport::Octets };
                v3::encode_payload(&mut body, packets, support).map_err(malformed)?.0
            }
        };
        if !self.jsonp {
            return Ok((form.content_type(), body.freeze()));
        }
        let mut wrapped = BytesMut::with_capacity(body.len() + body.len() / 2);
        jsonp::encode_form(&mut wrapped, &body).map_err(malformed)?;
        Ok((jsonp::FORM_CONTENT_TYPE, wrapped.freeze()))
    }

    /// Bytes that a packet adds to a body at most, for keeping within what the server takes.
    pub fn body_bytes(self, packet: &Packet) -> usize {
        // The separator. Only version 4 has a limit to keep.
        v4::payload_packet_bytes(packet) + 1
    }

    /// The packets in the answer to a poll.
    pub fn decode_body(self, answer: &Answer) -> Result<Packets, TransportError> {
        let octets = answer.headers.get("content-type").is_some_and(|kind| kind.starts_with(PayloadForm::Octets.content_type()));
        let form = if octets && !self.jsonp { PayloadForm::Octets } else { PayloadForm::Text };
        let body = if self.jsonp {
            let (index, payload) = jsonp::decode_response(&answer.body, MAX_BODY_BYTES).map_err(malformed)?;
            if index != JSONP_INDEX {
                return Err(TransportError::Unexpected(format!("an answer to the JSONP request {index}")));
            }
            Bytes::from(payload)
        } else {
            answer.body.clone()
        };
        match self.version {
            Engine::V3 => v3::decode_payload(body, form, MAX_BODY_BYTES).map(Packets::V3),
            Engine::V4 => v4::decode_payload(body, MAX_BODY_BYTES).map(Packets::V4),
        }
        .map_err(malformed)
    }
}
