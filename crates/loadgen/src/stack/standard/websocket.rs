//! WebSocket by tokio-tungstenite, on a metered connection of our own.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Error, Utf8Bytes, protocol};
use wirecost_probe::meter::Meter;

use super::super::connection::{Connection, Stages, open};
use super::super::{ANSWER_TIMEOUT, Message, headers};
use crate::session::TransportError;
use crate::target::Target;

/// The library's default of 128 KiB a connection costs memory and time; measured, 8 KiB is faster.
const BUFFER_BYTES: usize = 8 << 10;

/// How long the server may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A connected WebSocket, and what is to be said at its end if the server has broken the rules: the library leaves that to us.
pub(crate) struct WebSocket(WebSocketStream<Connection>, Option<CloseCode>);

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

async fn in_time(sent: impl Future<Output = Result<(), Error>>) -> Result<(), TransportError> {
    match tokio::time::timeout(ANSWER_TIMEOUT, sent).await {
        Ok(sent) => sent.map_err(failed),
        Err(_) => Err(TransportError::Timeout(ANSWER_TIMEOUT.as_secs())),
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
        let tls = target.tls().map_err(|e| TransportError::Websocket(e.to_string()))?;
        let scheme = if tls.is_some() { "wss" } else { "ws" };
        let connection = open(target, tls, meter, stages).await?;
        let mut request = format!("{scheme}://{}{path}", target.address).into_client_request().map_err(failed)?;
        for (name, value) in headers::preset(target.arm.headers) {
            request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let config = WebSocketConfig::default().read_buffer_size(BUFFER_BYTES).write_buffer_size(0);
        let (socket, _) = tokio_tungstenite::client_async_with_config(request, connection, Some(config)).await.map_err(failed)?;
        Ok(WebSocket(socket, None))
    }

    /// Sends one message in one frame. A server that reads nothing any more is an error in time.
    pub async fn send(&mut self, message: Message) -> Result<(), TransportError> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Takes one message, which is out after the next [`flush`](Self::flush) at the latest. Safe to cancel: a dropped
    /// future has taken nothing.
    pub async fn feed(&mut self, message: Message) -> Result<(), TransportError> {
        let message = match message {
            Message::Binary(payload) => protocol::Message::Binary(payload),
            Message::Text(text) => {
                protocol::Message::Text(Utf8Bytes::try_from(text).map_err(|e| TransportError::Malformed(e.to_string()))?)
            }
        };
        in_time(self.0.feed(message)).await
    }

    /// Gets out what was taken. Safe to cancel, if it is done again.
    pub async fn flush(&mut self) -> Result<(), TransportError> {
        in_time(self.0.flush()).await
    }

    /// The next message. Pings are answered by the library. Safe to cancel.
    pub async fn next(&mut self) -> Result<Message, TransportError> {
        loop {
            match self.0.next().await {
                Some(Ok(protocol::Message::Binary(payload))) => return Ok(Message::Binary(payload)),
                Some(Ok(protocol::Message::Text(text))) => return Ok(Message::Text(text.into())),
                Some(Ok(protocol::Message::Close(_))) => {
                    // The library has its answer ready and waits to be asked to write it.
                    let _ = self.flush().await;
                    return Err(TransportError::Ended);
                }
                None => return Err(TransportError::Ended),
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    self.1 = code_for(&error);
                    return Err(failed(error));
                }
            }
        }
    }

    /// The closing handshake, then the end of the connection (RFC 6455 §7.1: the server closes TCP first).
    pub async fn close(mut self) {
        let farewell = CloseFrame { code: self.1.unwrap_or(CloseCode::Normal), reason: Utf8Bytes::default() };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, async {
            // Refused if the server was first; then too the end of the connection is the server's.
            let _ = self.0.close(Some(farewell)).await;
            while let Some(Ok(_)) = self.0.next().await {}
        })
        .await;
    }
}
