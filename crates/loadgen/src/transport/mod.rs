//! The client's side of every transport: one file each, and what HTTP transports share to send messages of
//! their own; and the null protocol beside them. Explicit modules: the formatter skips files that a macro declares.

mod asker;
pub mod foreign;
pub mod http_stream;
pub mod long_poll;
pub mod null;
pub mod posts;
mod rounds;
pub mod short_poll;
pub mod socket_io;
pub mod sse;
pub mod websocket;

use crate::client::Context;
use crate::session::{Delivery, TransportError};
use crate::stack::Http;

/// The receiving half of an HTTP transport; sending is always a POST.
pub(crate) trait Downlink: Sized {
    /// Connects, and finds out where the stream of messages stands or goes on where an earlier session was.
    async fn connect(context: &Context, http: Http, room: String) -> Result<Self, TransportError>;

    /// The number of the next message wanted, if that is known.
    fn cursor(&self) -> Option<u64>;

    /// Waits for what comes next. Must be safe to cancel.
    async fn next(&mut self) -> Result<Delivery<'_>, TransportError>;

    /// Lets a short exchange that is under way end, so that nothing is cut off.
    async fn finish(self) {}
}
