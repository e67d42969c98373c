//! A client stack with nothing around it: no pacing, no stamps, no checks. What it costs beside a bare TCP echo is the stack's
//! share of a measurement, and what a whole client costs beside it is the load generator's.

use std::future::poll_fn;

use bytes::Bytes;
use wirecost_model::scenario::Frame;
use wirecost_probe::meter::Meter;

use crate::session::TransportError;
use crate::stack::{Message, WebSocket};
use crate::target::Target;

/// A WebSocket of the target's stack.
pub struct BareWebSocket(WebSocket);

impl BareWebSocket {
    /// Connects to the server's echo.
    ///
    /// # Errors
    /// No connection, or no upgrade.
    pub async fn connect(target: &Target) -> Result<BareWebSocket, TransportError> {
        WebSocket::connect(target, "/ws/echo", Meter::new(), &mut Vec::new()).await.map(BareWebSocket)
    }

    /// The same at another path: for suites that have a server of their own.
    ///
    /// # Errors
    /// No connection, or no upgrade.
    pub async fn connect_to(target: &Target, path: &str) -> Result<BareWebSocket, TransportError> {
        WebSocket::connect(target, path, Meter::new(), &mut Vec::new()).await.map(BareWebSocket)
    }

    /// Sends back what comes, in the kind of frame in which it came, until the connection ends.
    ///
    /// # Errors
    /// How it ended.
    pub async fn echo_back(&mut self) -> Result<(), TransportError> {
        loop {
            let message = self.0.next().await?;
            let (frame, payload) = message.parts();
            self.0.send(frame, payload).await?;
        }
    }

    /// The next message that comes.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn next(&mut self) -> Result<Bytes, TransportError> {
        self.0.next().await.map(Message::into_payload)
    }

    /// Closes as WebSockets do.
    pub async fn close(self) {
        self.0.close().await;
    }

    /// Sends a message and waits for the next that comes.
    ///
    /// # Errors
    /// The connection broke, or what came is no WebSocket.
    pub async fn echo(&mut self, message: &[u8]) -> Result<&[u8], TransportError> {
        self.0.send(Frame::Text, message).await?;
        poll_fn(|context| self.0.poll_next(context)).await?;
        Ok(self.0.message())
    }
}
