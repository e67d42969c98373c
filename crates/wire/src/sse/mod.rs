//! Server-sent events: `text/event-stream` written and read (WHATWG HTML §9.2.5 and §9.2.6).
//!
//! Reconnecting — when, with which `Last-Event-ID`, and when not to — is behaviour and is not here; the parser only
//! remembers what the stream said about it.

mod encode;
mod parse;

pub use encode::{
    EXTRA_LINE_FRAMING_BYTES, EncodeError, KEEP_ALIVE, Outgoing, encode, encode_keep_alive, encode_message, encode_retry,
    message_framing_bytes,
};
pub use parse::{Event, Limits, ParseError, Parser};

/// The type of an event that names none (WHATWG HTML §9.2.6).
pub const DEFAULT_EVENT: &str = "message";

/// Where the first line of `bytes` ends: CR, LF and CRLF all end lines (WHATWG HTML §9.2.5).
fn find_line_break(bytes: &[u8]) -> Option<usize> {
    memchr::memchr2(b'\n', b'\r', bytes)
}
