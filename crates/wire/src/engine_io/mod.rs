//! Engine.IO packets, versions 3 and 4: as WebSocket frames, as polling bodies, as JSONP, and the handshake.
//!
//! Sources: the protocol documents `engine.io-protocol/v3.md` and `v4-current.md` of the Socket.IO project, and its own
//! parsers where a document says less than they do. Sessions, heartbeats, upgrades and which request may be outstanding
//! are behaviour and are not here.
//!
//! | | version 3 (Socket.IO 1, 2) | version 4 (Socket.IO 3, 4) |
//! |---|---|---|
//! | text packet | type digit, data | the same |
//! | binary packet, WebSocket | type byte `04`, data | data alone |
//! | binary packet, text body | `b4`, base64 | `b`, base64 |
//! | polling body | length in UTF-16 code units, `:`, packet; or octets if a packet is binary | packets joined with `1e` |
//!
//! In both versions a text message is the digit `4` and the text, so what goes above may be written straight behind a
//! [`MESSAGE_PREFIX`] without building a [`Packet`] first.

mod handshake;
pub mod jsonp;
mod packet;
pub mod v3;
pub mod v4;

pub use crate::base64::InvalidBase64;
pub use handshake::{Handshake, MalformedHandshake};
pub use packet::{DecodeError, EncodeError, Frame, Packet};

/// What a text message begins with, in every transport of both versions.
pub const MESSAGE_PREFIX: u8 = b'4';

/// The data of the ping and pong that probe a WebSocket during an upgrade.
pub const PROBE: &[u8] = b"probe";

/// The body of the answer to a POST that was accepted (`v4-current.md`, "Sending data").
pub const POST_ACCEPTED: &[u8] = b"ok";
