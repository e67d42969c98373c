//! A WebSocket after its upgrade: messages down from the room, messages up or echoed, until one side closes.
//!
//! One task and one place to wait for all three of reading, the room and writing: while a write is blocked the client is still
//! read, but nothing more is taken for it (from the room, or to echo). Frames that are ready together are written together;
//! nothing ready is ever left unflushed. What has not changed is not looked at: a message of the room costs one look at the room
//! and one write.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::ends;
use crate::context::Context;
use crate::hub::{Limit, Reader};
use crate::orders::Order;
use crate::request_body::MAX_MESSAGE_BYTES;
use crate::transport::knock::Door;

/// The most that may wait to be written: what was taken from the room at once, or an echo and what was gathered before it.
const MAX_WRITE_BUFFER_BYTES: usize = 2 * MAX_MESSAGE_BYTES;

/// Taken from the room at once.
pub const HANDFUL: Limit = Limit { messages: 1024, bytes: 64 << 10 };

/// What is to be said on a WebSocket.
#[derive(Debug)]
pub struct Plan {
    /// The room to follow; nothing but echo if absent.
    pub reader: Option<Reader>,
    /// Whether messages go in binary frames.
    pub is_binary: bool,
}

/// Serves one WebSocket until it is over, the end of the stream included. `early` is what the client sent before it had the
/// answer to its request; when it is told to stop the server says goodbye.
pub async fn serve<S>(stream: S, early: Bytes, plan: Plan, context: Arc<Context>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Plan { reader, is_binary } = plan;
    let socket = ends::begin(stream, early, MAX_MESSAGE_BYTES, MAX_WRITE_BUFFER_BYTES).await;
    let opcode = OpCode::Data(if is_binary { Data::Binary } else { Data::Text });
    let is_echo = reader.is_none();
    let client = Door::knocked_at();
    let (unread, unflushed, said_goodbye) = (false, false, false);
    let mut session = Session { socket, client, unread, reader, is_echo, opcode, context, unflushed, said_goodbye };
    let ended = poll_fn(|cx| session.poll(cx)).await;
    let Session { socket, context, .. } = session;
    ends::end(socket, ended, &context).await;
}

struct Session<S> {
    socket: WebSocketStream<S>,
    /// Where the client knocks.
    client: Door,
    /// It may have said something: it has knocked, or its echo had to wait.
    unread: bool,
    /// None for an echo, and when there is nothing more to send.
    reader: Option<Reader>,
    is_echo: bool,
    opcode: OpCode,
    context: Arc<Context>,
    /// The library may have something that the kernel has not: it was given something, or has read a ping that it answers.
    unflushed: bool,
    said_goodbye: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Does all that can be done now. Ready when the closing handshake is complete, or with the error.
    fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Error>> {
        self.unread |= self.client.was_knocked_at(cx);
        let is_stopping = self.context.meter.orders().poll_given(Order::Stop, cx).is_ready();
        loop {
            if self.unread
                && let Poll::Ready(ended) = self.poll_client(cx)
            {
                return Poll::Ready(ended);
            }
            if !self.unflushed {
                self.poll_room(cx)?;
            }
            if is_stopping && !self.said_goodbye {
                self.said_goodbye = true;
                self.reader = None;
                self.say(Message::Close(Some(CloseFrame { code: CloseCode::Away, reason: Utf8Bytes::default() })))?;
            }
            if !self.unflushed {
                return Poll::Pending;
            }
            ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
            // Once more: the room, and what an echo had held up.
            self.unflushed = false;
        }
    }

    /// Takes what the client says; pending when there is no more, or an echo has to wait for the client to read.
    fn poll_client(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Error>> {
        loop {
            if self.is_echo
                && let Poll::Pending = Pin::new(&mut self.socket).poll_ready(cx)?
            {
                self.unread = true;
                return Poll::Pending;
            }
            (self.unread, self.unflushed) = (false, true);
            let said = ready!(Pin::new(&mut self.socket).poll_next(&mut self.client.context()));
            let Some(message) = said.transpose()? else { return Poll::Ready(Ok(())) };
            let (Message::Text(_) | Message::Binary(_)) = &message else { continue };
            let payload_bytes = message.len() as u64;
            self.context.meter.received(payload_bytes);
            if self.is_echo {
                self.say(message)?;
                self.context.meter.sent(1, payload_bytes);
            } else {
                self.context.shared.ingest.receive(&message.into_data());
            }
        }
    }

    /// Hands over what the room has.
    fn poll_room(&mut self, cx: &mut TaskContext<'_>) -> Result<(), Error> {
        let Some(reader) = &mut self.reader else { return Ok(()) };
        match reader.poll_next(cx, HANDFUL) {
            Poll::Pending => Ok(()),
            Poll::Ready(Some(batch)) => {
                for message in &batch.messages {
                    // As a frame, because the hub has seen to it that the text is UTF-8 and the library would look again.
                    self.say(Message::Frame(Frame::message(message.payload.clone(), self.opcode, true)))?;
                }
                self.context.meter.sent(batch.messages.len() as u64, batch.payload_bytes());
                Ok(())
            }
            Poll::Ready(None) => {
                self.reader = None;
                Ok(())
            }
        }
    }

    fn say(&mut self, message: Message) -> Result<(), Error> {
        self.unflushed = true;
        match self.socket.start_send_unpin(message) {
            // The client has said goodbye; what the room still has is not for it.
            Err(Error::Protocol(ProtocolError::SendAfterClosing)) => {
                self.reader = None;
                Ok(())
            }
            said => said,
        }
    }
}
