//! The contract between a client and its transport, small enough to remember: `send`, `next`, `close`.
//! Poll intervals, hold times and frame types are options of a transport, not methods.

use std::ops::Deref;

use bytes::Bytes;

/// What a message carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload<'a> {
    /// A share of the body that it came in with others.
    Shared(Bytes),
    /// Where it has arrived: the transport has it back with its next `next`.
    Lent(&'a [u8]),
}

impl Deref for Payload<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Payload::Shared(payload) => payload,
            Payload::Lent(payload) => payload,
        }
    }
}

/// What a transport yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery<'a> {
    /// A message.
    Message(Payload<'a>),
    /// The server said that so many messages were gone before this client asked for them.
    Lost(u64),
    /// A poll brought nothing.
    Nothing,
    /// The server has confirmed one message of this client's.
    Accepted,
}

impl Delivery<'_> {
    /// A message that is one of several.
    pub fn shared(payload: Bytes) -> Delivery<'static> {
        Delivery::Message(Payload::Shared(payload))
    }
}

/// Why a client stopped.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No connection, or it broke.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// TCP connection, TLS or request failed inside the HTTP library.
    #[error("HTTP client: {0}")]
    Http(String),
    /// The server answered something else than the transport expects.
    #[error("unexpected answer: {0}")]
    Unexpected(String),
    /// What arrived is not the transport's format.
    #[error("malformed answer: {0}")]
    Malformed(String),
    /// The WebSocket library gave up.
    #[error("WebSocket: {0}")]
    Websocket(String),
    /// The server ended a stream that should not end.
    #[error("the server ended the connection")]
    Ended,
    /// Nothing came in time.
    #[error("no answer within {0} s")]
    Timeout(u64),
    /// Neither a message nor a heartbeat came for too long.
    #[error("the server was silent for {0:?}")]
    Silent(std::time::Duration),
    /// The server understood, and does not want to.
    #[error("the server refused: {0}")]
    Refused(String),
    /// Messages pile up that the server does not take.
    #[error("the server takes messages too slowly: {0} bytes wait to be sent")]
    Backlog(usize),
}

impl TransportError {
    /// Whether it is the connection that went, and not something that came over it, or did not come.
    pub(crate) fn is_of_connection(&self) -> bool {
        match self {
            TransportError::Io(_) | TransportError::Http(_) | TransportError::Websocket(_) | TransportError::Ended => true,
            TransportError::Unexpected(_)
            | TransportError::Malformed(_)
            | TransportError::Timeout(_)
            | TransportError::Silent(_)
            | TransportError::Refused(_)
            | TransportError::Backlog(_) => false,
        }
    }
}

/// A connected client.
pub(crate) trait Session {
    /// Sends one message to the server. Returns when the library has taken it; whether it was confirmed
    /// is told by a [`Delivery::Accepted`] where the transport has such a thing. Whoever needs the message for longer copies it:
    /// the fastest put it straight into their frame.
    async fn send(&mut self, message: &[u8]) -> Result<(), TransportError>;

    /// Waits for what comes next. Must be safe to cancel: a dropped future loses nothing.
    async fn next(&mut self) -> Result<Delivery<'_>, TransportError>;

    /// Ends the session as a well-behaved client would, in bounded time.
    async fn close(self);
}
