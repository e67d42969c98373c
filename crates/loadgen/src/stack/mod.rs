//! Client libraries behind one seam: requests, streams of bytes and WebSocket messages. No transport's
//! behaviour here: no polling, no cursors, no formats.
//!
//! There is one stack, `standard`. Another takes its place here, as an enum with one variant a stack
//! behind the same three types, and no transport changes.

pub mod connection;
pub mod headers;
pub mod standard;

use bytes::Bytes;

pub(crate) use standard::http::{ByteStream, Http};
pub(crate) use standard::websocket::WebSocket;

/// A whole answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Status code.
    pub status: u16,
    /// The `ETag` header, if there was one.
    pub etag: Option<String>,
    /// The body.
    pub body: Bytes,
}
