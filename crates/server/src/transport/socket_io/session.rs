//! One session: who carries it, what it is told and what it has to say, and how it ends.
//!
//! Everything is behind one lock, which nobody holds while waiting. Room locks are taken inside it, never the other way round.

mod requests;
mod takeover;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;
use wirecost_wire::engine_io::Packet;
use wirecost_wire::engine_io::v3::BinarySupport;

use super::EngineOptions;
use super::application::{Application, Kind};
use super::heartbeat::{Beat, Heartbeat};
use super::outbox::{Outbox, Outgoing};
use super::version::Version;
use crate::context::Context;
use crate::hub::Limit;

pub use requests::{Polled, Posted};

/// How long a client may take to fetch the last word of a session that the server ends.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// A session.
#[derive(Debug)]
pub struct Session {
    id: Box<str>,
    version: Version,
    support: BinarySupport,
    kind: Kind,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    status: Status,
    carrier: Carrier,
    heartbeat: Heartbeat,
    application: Application,
    outbox: Outbox,
    /// A GET is being answered.
    polled: bool,
    /// A POST is being read.
    posted: bool,
    noops: u8,
    /// The WebSocket that probes works.
    probed: bool,
    /// What the poll is answered that comes, or is, after the end.
    last_word: Option<Packet>,
    /// Who carries the session.
    waker: Option<Waker>,
    /// A WebSocket that probes.
    prober: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Open,
    /// The server ends it, and says so after what there is to say.
    Closing {
        until: Instant,
    },
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carrier {
    Polling,
    /// Polling, while a WebSocket is tried out.
    Probing,
    Websocket,
}

/// What a client did wrong. The session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A packet that the transport cannot make sense of, or in the wrong direction.
    Packet,
    /// A message that the application cannot make sense of.
    Message,
}

impl Session {
    /// A session that has just been opened, carried by polling or by a WebSocket.
    pub fn new(
        id: &str,
        (version, support): (Version, BinarySupport),
        kind: Kind,
        by_websocket: bool,
        options: &EngineOptions,
    ) -> Arc<Session> {
        let now = Instant::now();
        let state = State {
            status: Status::Open,
            carrier: if by_websocket { Carrier::Websocket } else { Carrier::Polling },
            heartbeat: Heartbeat::new(version, options, now),
            application: Application::new(kind, version, options, now),
            outbox: Outbox::default(),
            polled: false,
            posted: false,
            noops: 0,
            probed: false,
            last_word: None,
            waker: None,
            prober: None,
        };
        Arc::new(Session { id: id.into(), version, support, kind, state: Mutex::new(state), changed: Notify::new() })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Of the protocol.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether polling bodies may be octets.
    pub fn support(&self) -> BinarySupport {
        self.support
    }

    /// What it speaks above Engine.IO.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether a request on it makes sense: it is open, or a last word is left for a poll.
    pub fn can_be_asked(&self) -> bool {
        let state = self.lock();
        state.status != Status::Closed || state.last_word.is_some()
    }

    /// Whether polling carries it, perhaps while a WebSocket probes.
    pub fn is_polling(&self) -> bool {
        self.lock().carrier != Carrier::Websocket
    }

    /// The opening: `open` is the handshake. `room` is what a client of version 3 wants to listen to.
    pub fn open(&self, open: Bytes, room: Option<&str>, context: &Context) {
        let mut state = self.lock();
        let State { application, outbox, .. } = &mut *state;
        outbox.push(Outgoing::packet(Packet::Open(open)));
        application.opened(room, outbox, context);
    }

    /// What there is to say from the opening on, without waiting.
    pub fn take_opening(&self) -> Vec<Outgoing> {
        self.lock().outbox.take(usize::MAX)
    }

    /// Takes a packet from the client. What it gives rise to waits to be sent; after [`Session::wake`] a parked poll takes it.
    ///
    /// # Errors
    /// [`Fault`]; the session has ended, or is about to.
    pub fn receive(&self, packet: Packet, context: &Context) -> Result<(), Fault> {
        let mut state = self.lock();
        if state.status != Status::Open {
            return Ok(());
        }
        let State { heartbeat, application, outbox, .. } = &mut *state;
        if self.version == Version::V3 {
            heartbeat.heard(Instant::now());
        }
        let fault = match packet {
            Packet::Ping(data) if self.version == Version::V3 => {
                outbox.push(Outgoing::packet(Packet::Pong(data)));
                None
            }
            Packet::Pong(_) if self.version == Version::V4 => {
                heartbeat.answered(Instant::now());
                // The next ping may be due before the answer was.
                self.changed.notify_one();
                None
            }
            Packet::Ping(_) | Packet::Pong(_) => Some(Fault::Packet),
            Packet::Message(text) => application.text(text, outbox, context).err(),
            Packet::Binary(data) => application.binary(data, outbox, context).err(),
            Packet::Close => {
                // Polls that were sent before it may still come.
                self.close(&mut state, Some(Packet::Noop));
                return Ok(());
            }
            Packet::Open(_) | Packet::Upgrade | Packet::Noop => None,
        };
        match fault {
            Some(Fault::Packet) => self.close(&mut state, None),
            Some(Fault::Message) => self.begin_to_close(&mut state),
            None if state.outbox.overflowed() => self.close(&mut state, None),
            None => return Ok(()),
        }
        Err(fault.unwrap_or(Fault::Message))
    }

    /// Has whoever carries the session look again.
    pub fn wake(&self) {
        self.lock().wake();
    }

    /// Does what is due, and tells when to come again; `None` when the session has ended.
    pub fn beat(&self, now: Instant) -> Option<Instant> {
        let mut state = self.lock();
        loop {
            match state.status {
                Status::Closed => return None,
                Status::Closing { until } if until <= now => self.close(&mut state, None),
                Status::Closing { until } => return Some(until),
                Status::Open => {}
            }
            let connect_due = state.application.connect_due();
            if connect_due.is_some_and(|due| due <= now) {
                self.begin_to_close(&mut state);
                continue;
            }
            match state.heartbeat.beat(now) {
                Beat::Wait(at) => return Some(connect_due.map_or(at, |due| due.min(at))),
                Beat::Ping => {
                    state.outbox.push(Outgoing::packet(Packet::Ping(Bytes::new())));
                    state.wake();
                }
                Beat::End => self.close(&mut state, None),
            }
        }
    }

    /// Ready when [`Session::beat`] should be asked again before its time.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Ends it, whatever it is doing. A poll that is parked is told.
    pub fn end(&self) {
        self.close(&mut self.lock(), None);
    }

    /// For a WebSocket: what there is to send; `None` when all is said and the session has ended.
    pub fn poll_outgoing(&self, cx: &mut TaskContext<'_>, limit: Limit) -> Poll<Option<Vec<Outgoing>>> {
        let mut state = self.lock();
        if state.status == Status::Closed {
            return Poll::Ready(None);
        }
        let taken = state.take(cx, limit);
        if !taken.is_empty() {
            return Poll::Ready(Some(taken));
        }
        if let Status::Closing { .. } = state.status {
            self.close(&mut state, None);
            return Poll::Ready(None);
        }
        state.wait(cx);
        Poll::Pending
    }

    /// Whether a WebSocket should write before it reads on.
    pub fn is_high(&self) -> bool {
        self.lock().outbox.is_high()
    }

    fn begin_to_close(&self, state: &mut State) {
        state.status = Status::Closing { until: Instant::now() + CLOSE_TIMEOUT };
        state.application.leave();
        state.wake();
        self.changed.notify_one();
    }

    fn close(&self, state: &mut State, last_word: Option<Packet>) {
        if state.status == Status::Closed {
            return;
        }
        state.status = Status::Closed;
        state.last_word = last_word;
        state.application.leave();
        state.outbox = Outbox::default();
        state.wake();
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing here panics halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self) {
        self.waker.take().into_iter().chain(self.prober.take()).for_each(Waker::wake);
    }

    fn wait(&mut self, cx: &TaskContext<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// What is queued, and behind it what the rooms have.
    fn take(&mut self, cx: &mut TaskContext<'_>, limit: Limit) -> Vec<Outgoing> {
        let mut taken = self.outbox.take(limit.bytes);
        if self.outbox.is_empty() && self.status == Status::Open {
            self.application.poll_rooms(cx, limit, &mut taken);
        }
        taken
    }
}
