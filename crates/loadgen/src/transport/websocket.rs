//! WebSocket: one Upgrade, then messages both ways on one connection (RFC 6455).

use std::future::poll_fn;

use wirecost_model::scenario::Frame;

use crate::client::{Connect, Context};
use crate::session::{Delivery, Payload, Session, TransportError};
use crate::stack::WebSocket;

/// A client with one WebSocket.
pub(crate) struct Websocket {
    socket: WebSocket,
    frame: Frame,
    /// The number of the next message, where nothing was lost.
    next: u64,
}

impl Connect for Websocket {
    const ECHO_IN_ORDER: bool = true;

    async fn connect(context: &Context) -> Result<Self, TransportError> {
        let frame = match context.target.arm.frame {
            Frame::Text => "",
            Frame::Binary => "&frame=binary",
        };
        let path = match context.room() {
            None if context.echo => "/ws/echo".to_string(),
            room => format!("/ws?room={}{frame}", room.as_deref().unwrap_or("all")),
        };
        let path = context.cursor().map_or(path.clone(), |next| format!("{path}&after={next}"));
        let mut stages = Vec::new();
        let socket = WebSocket::connect(&context.target, &path, context.socket_meter.clone(), &mut stages).await?;
        context.stages(stages);
        Ok(Websocket { socket, frame: context.target.arm.frame, next: context.cursor().unwrap_or(0) })
    }

    fn confirms(&self) -> bool {
        false
    }

    /// Frames have no numbers, so it counts: a client is connected before the first message of its room.
    fn cursor(&self) -> Option<u64> {
        Some(self.next)
    }
}

impl Session for Websocket {
    fn send(&mut self, message: &[u8]) -> impl Future<Output = Result<(), TransportError>> {
        self.socket.send(self.frame, message)
    }

    async fn next(&mut self) -> Result<Delivery<'_>, TransportError> {
        poll_fn(|context| self.socket.poll_next(context)).await?;
        self.next += 1;
        Ok(Delivery::Message(Payload::Lent(self.socket.message())))
    }

    async fn close(self) {
        self.socket.close().await;
    }
}
