//! The `lean` stack: the least client that is still correct, so that what is measured is the protocol and
//! not a library. Same connection, meters and answers as the standard stack, and the same bytes sent
//! (tested against it on a socket); what it leaves out is work, never checks.
//!
//! | file | what it knows |
//! |---|---|
//! | `request` | the bytes of a request |
//! | `head`, `body` | an answer's head and body, as pure functions over a buffer |
//! | `input` | reading into one buffer that is used again |
//! | `http` | connections kept alive, requests, answers and streams |
//! | `upgrade`, `frame` | WebSocket's opening handshake and frames, as pure functions over a buffer |
//! | `websocket` | messages over them |
//!
//! On the steady path, which is a request on a kept connection or a message on an open one, nothing here
//! takes a lock, reads a clock or allocates, as long as the caller drops an answer before it asks for the
//! next: the buffer is then taken back. Nor does a whole message allocate, or a poll, as `tests/allocations.rs` counts for each
//! transport; ARCHITECTURE has the list of what does.

pub mod http;
pub mod websocket;

mod body;
mod frame;
mod head;
mod input;
mod request;
mod upgrade;

#[cfg(test)]
mod tests;

pub(crate) use head::header;

/// A head that is longer is refused.
const MAX_HEAD_BYTES: usize = 64 << 10;
