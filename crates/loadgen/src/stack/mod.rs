//! Client libraries behind one seam: requests, streams of bytes and WebSocket messages. No transport's
//! behaviour here: no polling, no cursors, no formats.
//!
//! Two stacks take their turn here: `standard` is what an application would use, `lean` the least client
//! that is still correct. Both send the same bytes; what differs between their arms is the library's doing.

pub mod connection;
pub mod headers;
pub mod lean;
mod patience;
pub mod standard;
mod watchdog;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use wirecost_model::ledger::Flow;
use wirecost_model::scenario::{Frame, Stack};
use wirecost_probe::meter::Meter;

use crate::session::TransportError;
use crate::target::Target;
pub(crate) use connection::{StageSink, Stages, Step};

/// How long an answer that is not held by the server may take.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A whole answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Status code.
    pub status: u16,
    /// What else its head says, where the client keeps it.
    pub headers: Headers,
    /// Bytes of the heads of request and answer, where the stack can say.
    pub heads: Flow,
    /// The body.
    pub body: Bytes,
}

/// The headers of an answer. Nothing is taken out of them before somebody asks: most have nobody who does.
#[derive(Debug, Clone)]
pub(crate) enum Headers {
    /// As a library has read them; behind a pointer, because every request's future would carry them.
    Read(Box<HeaderMap>),
    /// The head as it has come, checked; empty where it is not kept. It keeps the memory that it came in, so a body that is longer
    /// than the room there needs new memory.
    Head(Bytes),
}

impl Headers {
    /// The last header of this name, which is written in small letters, if its value is visible ASCII.
    pub fn get(&self, name: &str) -> Option<&str> {
        match self {
            Headers::Read(headers) => headers.get_all(name).iter().next_back().and_then(|value| value.to_str().ok()),
            Headers::Head(head) => lean::header(head, name),
        }
    }
}

/// A WebSocket message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// Opcode 1; UTF-8.
    Text(Bytes),
    /// Opcode 2.
    Binary(Bytes),
}

impl Message {
    /// A payload in the frame that an arm asks for.
    pub fn new(frame: Frame, payload: Bytes) -> Message {
        match frame {
            Frame::Text => Message::Text(payload),
            Frame::Binary => Message::Binary(payload),
        }
    }

    /// Which kind of frame, and what it carries.
    pub fn parts(&self) -> (Frame, &[u8]) {
        match self {
            Message::Text(payload) => (Frame::Text, payload),
            Message::Binary(payload) => (Frame::Binary, payload),
        }
    }

    /// What it carries.
    pub fn into_payload(self) -> Bytes {
        let (Message::Text(payload) | Message::Binary(payload)) = self;
        payload
    }
}

/// Bodies larger than this are refused: a batch of the largest messages fits, a broken server does not.
pub(crate) const MAX_BODY_BYTES: usize = 64 << 20;

/// A request under way, kept by whoever sent it so that a dropped `next` does not break it off.
pub(crate) type Exchange = Pin<Box<dyn Future<Output = Result<Answer, TransportError>>>>;

/// An HTTP client. Clones share the connections.
#[derive(Clone)]
pub(crate) enum Http {
    /// reqwest.
    Standard(standard::http::Http),
    /// Ours.
    Lean(lean::http::Http),
}

impl Http {
    /// A client of the target's server, configured as its arm says. A stack whose connections can be looked at counts
    /// them into `meter` and tells `stages` how long they took to open.
    pub fn new(target: &Rc<Target>, meter: Arc<Meter>, stages: StageSink) -> Result<Http, TransportError> {
        Ok(match target.arm.stack {
            Stack::Standard => Http::Standard(standard::http::Http::new(target)?),
            Stack::Lean => Http::Lean(lean::http::Http::new(target, meter, stages)?),
        })
    }

    /// Wants the heads of answers kept, on a stack that does not do so anyway.
    pub fn keep_heads(&self) {
        if let Http::Lean(http) = self {
            http.keep_heads();
        }
    }

    /// GET; the whole answer. `held` is how long the server may hold it beyond the usual time.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)], held: Duration) -> Result<Answer, TransportError> {
        match self {
            // Boxed, so that the other stack's callers do not carry a future of reqwest's size: an allocation among its many.
            Http::Standard(http) => Box::pin(http.get(path, headers, held)).await,
            Http::Lean(http) => http.get(path, headers, held).await,
        }
    }

    /// POST; the whole answer.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer, TransportError> {
        match self {
            Http::Standard(http) => Box::pin(http.post(path, headers, body)).await,
            Http::Lean(http) => http.post(path, headers, body).await,
        }
    }

    /// GET; an answer that goes on. Returns when its head is here.
    pub async fn open(&self, path: &str, headers: &[(&str, &str)]) -> Result<ByteStream, TransportError> {
        Ok(match self {
            Http::Standard(http) => ByteStream::Standard(http.open(path, headers).await?),
            Http::Lean(http) => ByteStream::Lean(http.open(path, headers).await?.0),
        })
    }
}

/// The body of an answer that does not end.
pub(crate) enum ByteStream {
    /// reqwest's.
    Standard(standard::http::ByteStream),
    /// Ours.
    Lean(lean::http::ByteStream),
}

impl ByteStream {
    /// The next bytes, as they come. Safe to cancel.
    pub async fn chunk(&mut self) -> Result<Bytes, TransportError> {
        match self {
            ByteStream::Standard(stream) => stream.chunk().await,
            ByteStream::Lean(stream) => stream.chunk().await,
        }
    }
}

/// A connected WebSocket.
pub(crate) enum WebSocket {
    /// tokio-tungstenite.
    Standard(Box<standard::websocket::WebSocket>),
    /// Ours.
    Lean(Box<lean::websocket::WebSocket>),
}

impl WebSocket {
    /// Connects and upgrades.
    pub async fn connect(
        target: &Target,
        path: &str,
        meter: Arc<Meter>,
        stages: &mut Stages,
    ) -> Result<WebSocket, TransportError> {
        Ok(match target.arm.stack {
            Stack::Standard => {
                WebSocket::Standard(Box::new(standard::websocket::WebSocket::connect(target, path, meter, stages).await?))
            }
            Stack::Lean => WebSocket::Lean(Box::new(lean::websocket::WebSocket::connect(target, path, meter, stages).await?)),
        })
    }

    /// Sends one message in one frame.
    pub fn send(&mut self, frame: Frame, payload: &[u8]) -> impl Future<Output = Result<(), TransportError>> {
        let mut message = Some((frame, payload));
        poll_fn(move |context| match self {
            WebSocket::Standard(socket) => socket.poll_send(context, &mut message),
            WebSocket::Lean(socket) => socket.poll_send(context, &mut message),
        })
    }

    /// Takes one message, which is out after the next [`flush`](Self::flush) at the latest. Safe to cancel: a dropped
    /// future has taken nothing.
    pub async fn feed(&mut self, message: Message) -> Result<(), TransportError> {
        match self {
            WebSocket::Standard(socket) => {
                poll_fn(|context| socket.poll_ready(context)).await?;
                socket.feed(message)
            }
            WebSocket::Lean(socket) => {
                let (frame, payload) = message.parts();
                socket.feed(frame, payload)
            }
        }
    }

    /// Gets out what was taken. Safe to cancel, if it is done again.
    pub async fn flush(&mut self) -> Result<(), TransportError> {
        poll_fn(|context| match self {
            WebSocket::Standard(socket) => socket.poll_flush(context),
            WebSocket::Lean(socket) => socket.poll_sent(context),
        })
        .await
    }

    /// The next message, to keep. Pings are answered on the way. Safe to cancel.
    pub async fn next(&mut self) -> Result<Message, TransportError> {
        poll_fn(|context| self.poll_next(context)).await?;
        Ok(match self {
            WebSocket::Standard(socket) => socket.take(),
            WebSocket::Lean(socket) => socket.take(),
        })
    }

    /// The same in two steps, for those who only look at every message: waits for the next one, which is then
    /// [`message`](Self::message).
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        match self {
            WebSocket::Standard(socket) => socket.poll_next(context),
            WebSocket::Lean(socket) => socket.poll_next(context),
        }
    }

    /// What has come, until the next one is waited for. Nobody has a share in it, so nothing is counted and nothing given back.
    pub fn message(&self) -> &[u8] {
        match self {
            WebSocket::Standard(socket) => socket.message(),
            WebSocket::Lean(socket) => socket.message(),
        }
    }

    /// The closing handshake, then the end of the connection, in bounded time.
    pub async fn close(self) {
        match self {
            WebSocket::Standard(socket) => socket.close().await,
            WebSocket::Lean(socket) => socket.close().await,
        }
    }
}
