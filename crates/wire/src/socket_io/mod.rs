//! Socket.IO packets, versions 4 (on Engine.IO 3) and 5 (on Engine.IO 4): text, attachments, re-assembly.
//!
//! Sources: `socket.io-protocol/v4.md` and `v5-current.md` of the Socket.IO project, "Packet encoding". The two versions
//! write packets alike; they differ in what a CONNECT and a refusal may carry, and both are read here. Who connects first,
//! acknowledgement tables and reconnection are behaviour and are not here.
//!
//! ```text
//! <type>[<attachments>-][<namespace>,][<acknowledgement id>][<JSON>]
//! ```
//!
//! Each packet is one Engine.IO message: its text goes behind a [`MESSAGE_PREFIX`](crate::engine_io::MESSAGE_PREFIX), and
//! each attachment follows as a binary message, in order, with no other message of the connection between them.
//!
//! There are two ways through this module. [`Packet`] with [`encode()`] and [`Decoder`] is all of the protocol, through
//! [`serde_json::Value`]. [`encode_text_event`] and [`TextEvent`] are the one case that a delivery benchmark repeats — an
//! event with one text argument — without building a value.

mod decoder;
mod encode;
mod event;
mod header;
mod packet;

pub use decoder::{Decoder, Limits};
pub use encode::{EncodeError, encode};
pub use event::{TextEvent, encode_json_event, encode_text_event, plain_text_event_framing_bytes};
pub use header::{HeaderError, Kind};
pub use packet::{Body, DecodeError, Packet, placeholder};

/// The namespace that needs no name on the wire.
pub const MAIN_NAMESPACE: &str = "/";
