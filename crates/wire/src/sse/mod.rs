//! Server-sent events: `text/event-stream` written and read (WHATWG HTML §9.2.5 and §9.2.6).
//!
//! Reconnecting — when, with which `Last-Event-ID`, and when not to — is behaviour and is not here. The parser remembers the
//! last id, which only the stream knows. It reads over `retry:`, because clients of all transports wait by one rule before they
//! come back.

mod encode;
mod parse;

pub use encode::{EncodeError, KEEP_ALIVE, Outgoing, encode, encode_message, message_framing_bytes};
pub use parse::{Event, Limits, ParseError, Parser};

/// The type of an event that names none (WHATWG HTML §9.2.6).
pub const DEFAULT_EVENT: &str = "message";

/// Where the first line of `bytes` ends: CR, LF and CRLF all end lines (WHATWG HTML §9.2.5).
fn find_line_break(bytes: &[u8]) -> Option<usize> {
    memchr::memchr2(b'\n', b'\r', bytes)
}
