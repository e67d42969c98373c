//! Wire formats as pure functions: no I/O, no clock, no sockets.
//!
//! Everything a server and a client have to agree on to the byte lives here, once: how a message is written, how it is
//! read back, and how many bytes a protocol adds to it. Whatever is *behaviour* — sessions, heartbeats, timers,
//! buffering, recovery — deliberately does not: the server and the load generator each write that alone, so that a
//! mistake on one side cannot cancel out on the other.
//!
//! | module | what it knows |
//! |---|---|
//! | [`batch`] | the body of a poll's answer: a JSON object with a cursor and any number of messages |
//! | [`ndjson`] | one JSON object a line, for HTTP streaming |
//! | [`sse`] | `text/event-stream` (WHATWG HTML §9.2) |
//! | [`chunked`], [`http1`] | sizes of HTTP/1.1 chunk framing and heads |
//! | [`decimal`] | unsigned decimal numbers |
//! | [`engine_io`], [`socket_io`] | packets of Engine.IO 3 and 4 on every transport, and of Socket.IO 4 and 5 above them |
//! | [`websocket`] | sizes of frame headers, and close codes |
//! | [`tls`] | what records add below the application |
//!
//! # Conventions
//!
//! - **Encoders** append to a [`bytes::BytesMut`] and return how many bytes they appended. On an error the buffer is as it
//!   was before.
//! - **Incremental decoders** take complete units off the front of a caller's [`bytes::BytesMut`] and leave the rest: the
//!   caller reads from its socket straight into that buffer. How the bytes were cut into reads never changes the result.
//! - **Every decoder is bounded** by limits the caller states, and no input makes one panic.
//! - **Payloads are bytes that hold UTF-8.** All text formats here carry only UTF-8, so an encoder that is given anything
//!   else answers [`NotUtf8`] instead of corrupting it.
//! - Sizes of single messages are `usize`; totals over a connection ([`tls`]) are `u64`.
//!
//! # Example
//!
//! ```
//! use bytes::BytesMut;
//! use wirecost_wire::sse;
//!
//! let mut wire = BytesMut::new();
//! let appended = sse::encode_message(&mut wire, 7, b"hello")?;
//! assert_eq!(&wire[..], b"id: 7\ndata: hello\n\n");
//! assert_eq!(appended, 5 + sse::message_framing_bytes(7));
//!
//! let mut parser = sse::Parser::new(sse::Limits::default());
//! let event = parser.next_event(&mut wire)?.expect("one whole event was written");
//! assert_eq!(event.id, Some("7"));
//! assert_eq!(&event.data[..], b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod batch;
pub mod chunked;
pub mod engine_io;
pub mod find;
pub mod http1;
pub mod ndjson;
pub mod socket_io;
pub mod sse;
pub mod tls;
pub mod websocket;

mod base64;
pub mod decimal;
mod json_text;

pub use json_text::NotUtf8;
