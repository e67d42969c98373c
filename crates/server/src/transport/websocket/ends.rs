//! How a WebSocket begins and how it ends, whatever is said on it in between: plain messages or Engine.IO.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::context::Context;

/// Read at once. The library's default of 128 KiB costs every connection that much memory, and is slower.
const READ_BUFFER_BYTES: usize = 4 << 10;

/// Gathered before a write: a TLS record's worth.
const WRITE_BUFFER_BYTES: usize = 16 << 10;

/// How long the last words may take.
pub const FAREWELL_TIMEOUT: Duration = Duration::from_secs(5);

/// A stream becomes a WebSocket, on which messages have at most `message_bytes` and at most `waiting_bytes` wait to be written.
/// `early` is what the client sent before it had the answer to its request.
pub async fn begin<S>(stream: S, early: Bytes, message_bytes: usize, waiting_bytes: usize) -> WebSocketStream<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(waiting_bytes)
        .max_message_size(Some(message_bytes))
        .max_frame_size(Some(message_bytes));
    // `early` must not live on: it keeps the buffer that the HTTP library read into, 8 KiB a connection.
    match early.is_empty() {
        true => WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await,
        false => WebSocketStream::from_partially_read(stream, early.to_vec(), Role::Server, Some(config)).await,
    }
}

/// Says what the client did wrong, if it did, and ends the stream.
pub async fn end<S>(mut socket: WebSocketStream<S>, ended: Result<(), Error>, context: &Context)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // The kernel has the close frame, or never will: nobody waits for a client that does not read.
    let _ = tokio::time::timeout(FAREWELL_TIMEOUT, async {
        if let Err(error) = ended
            && let Some(code) = code_for(&error)
        {
            context.meter.blame_client();
            let _ = socket.close(Some(CloseFrame { code, reason: Utf8Bytes::default() })).await;
        }
        // RFC 6455 §7.1.1: the server closes the connection first.
        socket.get_mut().shutdown().await
    })
    .await;
}

/// The close code that tells a client what it did (RFC 6455 §7.4.1); none if nobody is left to be told.
fn code_for(error: &Error) -> Option<CloseCode> {
    match error {
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(CloseCode::Protocol),
        Error::Utf8(_) => Some(CloseCode::Invalid),
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Some(CloseCode::Size),
        _ => None,
    }
}
