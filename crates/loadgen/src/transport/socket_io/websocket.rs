//! Packets by WebSocket: one packet a frame, both ways (`v4-current.md`, "WebSocket").

use std::sync::Arc;

use wirecost_probe::meter::Meter;
use wirecost_wire::engine_io::{Handshake, Packet};

use super::codec::Codec;
use crate::session::TransportError;
use crate::stack::{Stages, WebSocket};
use crate::target::Target;

/// A session by WebSocket, from its beginning or from an upgrade on.
pub(super) struct Websocket {
    socket: WebSocket,
    codec: Codec,
}

impl Websocket {
    /// Connects a WebSocket on which nothing has been said yet.
    pub async fn connect(
        target: &Target,
        codec: Codec,
        path: &str,
        meter: Arc<Meter>,
        stages: &mut Stages,
    ) -> Result<Websocket, TransportError> {
        Ok(Websocket { socket: WebSocket::connect(target, path, meter, stages).await?, codec })
    }

    /// Waits for the server to open a session.
    pub async fn handshake(&mut self) -> Result<Handshake, TransportError> {
        match self.next().await? {
            Packet::Open(data) => super::engine::handshake(&data),
            _ => Err(TransportError::Unexpected("a session that does not begin with an open packet".into())),
        }
    }

    /// The next packet. Safe to cancel.
    pub async fn next(&mut self) -> Result<Packet, TransportError> {
        self.codec.decode_frame(self.socket.next().await?)
    }

    /// Takes a packet, which leaves with the next flush at the latest. Safe to cancel: a dropped future has taken nothing.
    pub async fn feed(&mut self, packet: &Packet) -> Result<(), TransportError> {
        self.socket.feed(self.codec.encode_frame(packet)?).await
    }

    /// Gets out what was taken. Safe to cancel, if it is done again.
    pub async fn flush(&mut self) -> Result<(), TransportError> {
        self.socket.flush().await
    }

    /// Says `farewell`, then closes as WebSockets do.
    pub async fn close(mut self, farewell: Packet) -> Result<(), TransportError> {
        self.feed(&farewell).await?;
        self.flush().await?;
        self.socket.close().await;
        Ok(())
    }
}
