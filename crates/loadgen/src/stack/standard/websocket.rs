//! WebSocket by tokio-tungstenite, on a metered connection of our own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use wirecost_model::scenario::Frame;
use wirecost_probe::meter::Meter;

use super::super::connection::{Connection, Stages, open};
use super::super::headers;
use crate::session::TransportError;
use crate::target::Target;

/// The library's default of 128 KiB a connection costs memory and time; measured, 8 KiB is faster.
const BUFFER_BYTES: usize = 8 << 10;

/// How long the server may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A connected WebSocket.
pub(crate) struct WebSocket {
    socket: WebSocketStream<Connection>,
    frame: Frame,
}

fn failed(error: Error) -> TransportError {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => TransportError::Ended,
        Error::Io(error) => TransportError::Io(error),
        other => TransportError::Websocket(other.to_string()),
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
        let connection = open(target.address, tls, meter, stages).await?;
        let mut request = format!("{scheme}://{}{path}", target.address).into_client_request().map_err(failed)?;
        for (name, value) in headers::preset(target.arm.headers) {
            request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let config = WebSocketConfig::default().read_buffer_size(BUFFER_BYTES).write_buffer_size(0);
        let (socket, _) = tokio_tungstenite::client_async_with_config(request, connection, Some(config)).await.map_err(failed)?;
        Ok(WebSocket { socket, frame: target.arm.frame })
    }

    /// Sends one message in one frame.
    pub async fn send(&mut self, payload: Bytes) -> Result<(), TransportError> {
        let message = match self.frame {
            Frame::Binary => Message::Binary(payload),
            Frame::Text => Message::Text(Utf8Bytes::try_from(payload).map_err(|e| TransportError::Malformed(e.to_string()))?),
        };
        self.socket.send(message).await.map_err(failed)
    }

    /// The next message. Pings are answered by the library. Safe to cancel.
    pub async fn next(&mut self) -> Result<Bytes, TransportError> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Binary(payload))) => return Ok(payload),
                Some(Ok(Message::Text(text))) => return Ok(text.into()),
                Some(Ok(Message::Close(_))) | None => return Err(TransportError::Ended),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(failed(error)),
            }
        }
    }

    /// The closing handshake, then the end of the connection (RFC 6455 §7.1: the server closes TCP first).
    pub async fn close(mut self) {
        let farewell = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, async {
            if self.socket.close(Some(farewell)).await.is_ok() {
                while let Some(Ok(_)) = self.socket.next().await {}
            }
        })
        .await;
    }
}
