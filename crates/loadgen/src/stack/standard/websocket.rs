//! WebSocket by tokio-tungstenite, on a metered connection of our own.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Error, Utf8Bytes, protocol};
use wirecost_model::scenario::Frame;
use wirecost_probe::meter::Meter;

use super::super::connection::{Connection, Stages, open};
use super::super::patience::Patience;
use super::super::{ANSWER_TIMEOUT, Message, headers};
use crate::session::TransportError;
use crate::target::Target;

/// The library's default of 128 KiB is cleared before every read, which doubles the price of an echo (`benches/benches/stacks.rs`).
const BUFFER_BYTES: usize = 8 << 10;

/// How long the server may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

const NONE: Message = Message::Binary(Bytes::new());

/// A connected WebSocket.
pub(crate) struct WebSocket {
    socket: WebSocketStream<Connection>,
    patience: Patience,
    /// The message that has come, until the next is waited for.
    latest: Message,
    /// What is to be said at the end if the server has broken the rules: the library leaves that to us.
    farewell: Option<CloseCode>,
}

fn failed(error: Error) -> TransportError {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => TransportError::Ended,
        Error::Io(error) => TransportError::Io(error),
        other => TransportError::Websocket(other.to_string()),
    }
}

/// What a close frame says of an error (RFC 6455 §7.4.1); none where there is nobody to say it to.
fn code_for(error: &Error) -> Option<CloseCode> {
    match error {
        Error::Utf8(_) => Some(CloseCode::Invalid),
        Error::Capacity(_) => Some(CloseCode::Size),
        Error::Protocol(_) => Some(CloseCode::Protocol),
        _ => None,
    }
}

impl WebSocket {
    /// Connects and upgrades.
    pub async fn connect(
        target: &Target,
        path: &str,
        meter: Arc<Meter>,
        stages: &mut Stages,
    ) -> Result<WebSocket, TransportError> {
        let timed_out = |_| TransportError::Timeout(ANSWER_TIMEOUT.as_secs());
        tokio::time::timeout(ANSWER_TIMEOUT, WebSocket::upgrade(target, path, meter, stages)).await.map_err(timed_out)?
    }

    async fn upgrade(target: &Target, path: &str, meter: Arc<Meter>, stages: &mut Stages) -> Result<WebSocket, TransportError> {
        let tls = target.tls().map_err(|e| TransportError::Websocket(e.to_string()))?;
        let scheme = if tls.is_some() { "wss" } else { "ws" };
        let connection = open(target, tls, meter, stages).await?;
        let mut request = format!("{scheme}://{}{path}", target.address).into_client_request().map_err(failed)?;
        for (name, value) in headers::preset(target.arm.headers) {
            request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let config = WebSocketConfig::default().read_buffer_size(BUFFER_BYTES).write_buffer_size(0);
        let (socket, _) = tokio_tungstenite::client_async_with_config(request, connection, Some(config)).await.map_err(failed)?;
        Ok(WebSocket { socket, patience: Patience::default(), latest: NONE, farewell: None })
    }

    /// Sends what `message` still has, in one frame. A server that reads nothing any more is an error in time.
    pub fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        message: &mut Option<(Frame, &[u8])>,
    ) -> Poll<Result<(), TransportError>> {
        // Once it is taken, room is not asked for again: that there is some would begin the patience of a blocked flush anew.
        if let Some((frame, payload)) = *message {
            ready!(self.poll_ready(context))?;
            *message = None;
            self.feed(Message::new(frame, Bytes::copy_from_slice(payload)))?;
        }
        self.poll_flush(context)
    }

    /// Waits until there is room for one message.
    pub fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let polled = self.socket.poll_ready_unpin(context);
        self.patience.bound(context, polled, failed)
    }

    /// Takes one message, for which there is room; it is out after the next flush at the latest.
    pub fn feed(&mut self, message: Message) -> Result<(), TransportError> {
        let message = match message {
            Message::Binary(payload) => protocol::Message::Binary(payload),
            Message::Text(text) => {
                protocol::Message::Text(Utf8Bytes::try_from(text).map_err(|e| TransportError::Malformed(e.to_string()))?)
            }
        };
        self.socket.start_send_unpin(message).map_err(failed)
    }

    /// Gets out what was taken.
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let polled = self.socket.poll_flush_unpin(context);
        self.patience.bound(context, polled, failed)
    }

    /// Waits for the next message. Pings are answered by the library.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        // The library's buffer is not to be kept by a message that nobody needs any more.
        self.latest = NONE;
        loop {
            self.latest = match ready!(self.socket.poll_next_unpin(context)) {
                Some(Ok(protocol::Message::Binary(payload))) => Message::Binary(payload),
                Some(Ok(protocol::Message::Text(text))) => Message::Text(text.into()),
                Some(Ok(protocol::Message::Close(_))) => {
                    // The library has its answer ready and waits to be asked to write it. What does not fit now goes when we close.
                    let _ = self.socket.poll_flush_unpin(context);
                    return Poll::Ready(Err(TransportError::Ended));
                }
                None => return Poll::Ready(Err(TransportError::Ended)),
                Some(Ok(_)) => continue,
                Some(Err(error)) => {
                    self.farewell = code_for(&error);
                    return Poll::Ready(Err(failed(error)));
                }
            };
            return Poll::Ready(Ok(()));
        }
    }

    /// The message that has come, until the next is waited for.
    pub fn message(&self) -> &[u8] {
        self.latest.parts().1
    }

    /// The same, to keep.
    pub fn take(&mut self) -> Message {
        std::mem::replace(&mut self.latest, NONE)
    }

    /// The closing handshake, then the end of the connection (RFC 6455 §7.1: the server closes TCP first).
    pub async fn close(mut self) {
        let farewell = CloseFrame { code: self.farewell.unwrap_or(CloseCode::Normal), reason: Utf8Bytes::default() };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, async {
            // Refused if the server was first; then too the end of the connection is the server's.
            let _ = self.socket.close(Some(farewell)).await;
            while let Some(Ok(_)) = self.socket.next().await {}
        })
        .await;
    }
}
