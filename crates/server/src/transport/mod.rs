//! One file a transport: from a request and the connection's context to an answer. What is common to two streams is in
//! [`push_body`], what is common to two polls in [`poll_answer`] and, where they wait, in [`held`]; what is common to two WebSockets
//! in [`knock`]. The rest of HTTP is not here.

pub mod held;
pub mod http_stream;
pub mod knock;
pub mod long_poll;
pub mod poll_answer;
pub mod post;
pub mod push_body;
pub mod short_poll;
pub mod socket_io;
pub mod sse;
pub mod websocket;
