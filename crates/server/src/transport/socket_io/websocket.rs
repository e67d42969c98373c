//! A WebSocket that carries a session: from its first frame, or from the end of an upgrade on.
//!
//! One task and one place to wait for reading, what there is to say, and writing. While a write is blocked the client is read
//! only as far as what that gives rise to has room ([`Session::is_high`]), and nothing is taken from the rooms.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Sleep, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use wirecost_wire::engine_io;

use super::handshake::Wanted;
use super::outbox::{Content, tally};
use super::session::Session;
use super::upgrade::{Stage, Step, step};
use crate::context::Context;
use crate::orders::Order;
use crate::transport::knock::Door;
use crate::transport::websocket::ends::{self, FAREWELL_TIMEOUT};
use crate::transport::websocket::session::HANDFUL;

/// How long an upgrade may take.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a WebSocket is for.
#[derive(Debug)]
pub enum Plan {
    /// A session of its own.
    Open(Wanted),
    /// The session that polling carries.
    Upgrade(Arc<Session>),
}

/// Serves one WebSocket until it is over, the end of the stream included; the session ends with it. `early` is what the client
/// sent before it had the answer to its request; when it is told to stop the server says goodbye.
pub async fn serve<S>(stream: S, early: Bytes, plan: Plan, context: Arc<Context>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let max_bytes = context.shared.engine.options.max_payload_bytes;
    // Numbers may be longer when they are written again.
    let socket = ends::begin(stream, early, max_bytes, 8 * max_bytes + (1 << 20)).await;
    let (session, stage) = match plan {
        Plan::Open(wanted) => (wanted.open(true, &context), Stage::Carrying),
        Plan::Upgrade(session) => (Some(session).filter(|session| session.begin_upgrade()), Stage::Silent),
    };
    let timer = (stage == Stage::Silent).then(|| Box::pin(sleep(UPGRADE_TIMEOUT)));
    let grip = Grip { session, stage };
    let client = Door::knocked_at();
    let (unread, unflushed, said_goodbye) = (false, false, false);
    let mut carrier = Carrier { socket, client, unread, grip, context, timer, unflushed, said_goodbye };
    let ended = poll_fn(|cx| carrier.poll(cx)).await;
    let Carrier { socket, context, grip, .. } = carrier;
    drop(grip);
    ends::end(socket, ended, &context).await;
}

struct Carrier<S> {
    socket: WebSocketStream<S>,
    /// Where the client knocks.
    client: Door,
    /// It may have said something: it has knocked, or what it says gave rise to too much.
    unread: bool,
    grip: Grip,
    context: Arc<Context>,
    /// For an upgrade to be complete, and then for the client to answer a goodbye.
    timer: Option<Pin<Box<Sleep>>>,
    /// The library may have something that the kernel has not.
    unflushed: bool,
    said_goodbye: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Carrier<S> {
    /// Does all that can be done now. Ready when the closing handshake is complete, with the error, or when it takes too long.
    fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Error>> {
        self.unread |= self.client.was_knocked_at(cx);
        let is_stopping = self.context.meter.orders().poll_given(Order::Stop, cx).is_ready();
        loop {
            if self.unread
                && let Poll::Ready(ended) = self.poll_client()
            {
                return Poll::Ready(ended);
            }
            if !self.unflushed {
                self.poll_session(cx)?;
            }
            if is_stopping && !self.said_goodbye {
                self.say_goodbye(Some(CloseCode::Away))?;
            }
            if let Some(timer) = &mut self.timer
                && timer.as_mut().poll(cx).is_ready()
            {
                if self.said_goodbye {
                    return Poll::Ready(Ok(()));
                }
                self.say_goodbye(None)?;
            }
            if !self.unflushed {
                return Poll::Pending;
            }
            ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
            self.unflushed = false;
        }
    }

    /// Takes what the client says.
    fn poll_client(&mut self) -> Poll<Result<(), Error>> {
        loop {
            if self.grip.stage == Stage::Carrying && self.grip.session.as_ref().is_some_and(|session| session.is_high()) {
                self.unread = true;
                return Poll::Pending;
            }
            (self.unread, self.unflushed) = (false, true);
            let said = ready!(Pin::new(&mut self.socket).poll_next(&mut self.client.context()));
            let Some(message) = said.transpose()? else { return Poll::Ready(Ok(())) };
            let frame = match message {
                Message::Text(text) => engine_io::Frame::Text(text.into()),
                Message::Binary(data) => engine_io::Frame::Binary(data),
                _ => continue,
            };
            let Some(session) = self.grip.session.clone() else { continue };
            match (session.version().decode_frame(&frame), self.grip.stage) {
                (Ok(packet), Stage::Carrying) => {
                    if session.receive(packet, &self.context).is_err() {
                        self.context.meter.blame_client();
                    }
                }
                (Ok(packet), stage) => match step(stage, packet, &session) {
                    Step::Answer(packet) => {
                        self.grip.stage = Stage::Probed;
                        self.say_packet(&session, &packet)?;
                    }
                    Step::Complete => (self.grip.stage, self.timer) = (Stage::Carrying, None),
                    Step::GiveUp => self.say_goodbye(None)?,
                },
                (Err(_), _) => {
                    self.context.meter.blame_client();
                    self.say_goodbye(None)?;
                }
            }
        }
    }

    /// Hands over what there is to say.
    fn poll_session(&mut self, cx: &mut TaskContext<'_>) -> Result<(), Error> {
        let Some(session) = self.grip.session.clone() else {
            // Never had one: it cannot be taken over, or there are too many.
            return if self.said_goodbye { Ok(()) } else { self.say_goodbye(None) };
        };
        if self.grip.stage != Stage::Carrying {
            return if session.poll_ended(cx).is_ready() { self.say_goodbye(None) } else { Ok(()) };
        }
        match session.poll_outgoing(cx, HANDFUL) {
            Poll::Pending => Ok(()),
            Poll::Ready(None) => self.say_goodbye(None),
            Poll::Ready(Some(taken)) => {
                for outgoing in &taken {
                    match &outgoing.content {
                        // Made here, from text that is UTF-8; the library would look again.
                        Content::Message(text) => {
                            self.say(Message::Frame(Frame::message(text.clone(), OpCode::Data(Data::Text), true)))?;
                        }
                        Content::Packet(packet) => self.say_packet(&session, packet)?,
                    }
                }
                let (messages, payload_bytes) = tally(&taken);
                if messages > 0 {
                    self.context.meter.sent(messages, payload_bytes);
                }
                Ok(())
            }
        }
    }

    fn say_packet(&mut self, session: &Session, packet: &engine_io::Packet) -> Result<(), Error> {
        match session.version().encode_frame(packet) {
            Ok(engine_io::Frame::Text(text)) => self.say(Message::Frame(Frame::message(text, OpCode::Data(Data::Text), true))),
            Ok(engine_io::Frame::Binary(data)) => self.say(Message::Binary(data)),
            // What came as text was UTF-8.
            Err(_) => Ok(()),
        }
    }

    /// The close frame, after which nothing is said and the client has some time to answer.
    fn say_goodbye(&mut self, code: Option<CloseCode>) -> Result<(), Error> {
        self.grip.let_go();
        self.said_goodbye = true;
        self.timer = Some(Box::pin(sleep(FAREWELL_TIMEOUT)));
        self.say(Message::Close(code.map(|code| CloseFrame { code, reason: Utf8Bytes::default() })))
    }

    fn say(&mut self, message: Message) -> Result<(), Error> {
        self.unflushed = true;
        match self.socket.start_send_unpin(message) {
            // The client has said goodbye.
            Err(Error::Protocol(ProtocolError::SendAfterClosing)) => {
                self.grip.let_go();
                Ok(())
            }
            said => said,
        }
    }
}

/// The hold on a session. It lets go when it is dropped, also when the connection is killed.
struct Grip {
    /// None from the goodbye on.
    session: Option<Arc<Session>>,
    stage: Stage,
}

impl Grip {
    /// The session ends, or polling goes on.
    fn let_go(&mut self) {
        if let Some(session) = self.session.take() {
            match self.stage {
                Stage::Carrying => session.end(),
                Stage::Silent | Stage::Probed => session.abort_upgrade(),
            }
        }
    }
}

impl Drop for Grip {
    fn drop(&mut self) {
        self.let_go();
    }
}
