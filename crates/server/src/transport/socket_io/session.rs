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

use super::Engine;
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
        engine: &Engine,
    ) -> Arc<Session> {
        let now = Instant::now();
        let state = State {
            status: Status::Open,
            carrier: if by_websocket { Carrier::Websocket } else { Carrier::Polling },
            heartbeat: Heartbeat::new(version, &engine.options, now),
            application: Application::new(kind, version, engine, now),
            outbox: Outbox::new(&engine.kept),
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

    /// The opening: `open` is the handshake. `room` is what a client of version 3 wants to listen to. `false` if all sessions
    /// together keep so much that there is no room for what is to be said first; the session has ended then.
    pub fn open(&self, open: Bytes, room: Option<&str>, context: &Context) -> bool {
        let mut state = self.lock();
        let State { application, outbox, .. } = &mut *state;
        outbox.push(Outgoing::packet(Packet::Open(open)));
        application.opened(room, outbox, context);
        let has_room = !outbox.overflowed();
        if !has_room {
            self.close(&mut state, None);
        }
        has_room
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
                    if state.outbox.overflowed() {
                        self.close(&mut state, None);
                    } else {
                        state.wake();
                    }
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
        state.outbox.clear();
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

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::super::EngineOptions;
    use super::super::budget::Budget;
    use super::super::outbox::PACKET_BYTES;
    use super::*;
    use crate::context::Shared;
    use crate::hub::held::CLIENTS_PART;
    use crate::hub::{Hub, HubOptions};

    const TWO_ATTACHMENTS: &str = r#"52-7["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;

    /// Tests with the sessions of a server that keep `kept_bytes` together.
    fn run(kept_bytes: usize, test: impl FnOnce(&Context)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let engine = Engine { kept: Budget::new(kept_bytes), ..Engine::new(EngineOptions::default()) };
            let shared = Shared {
                hub: Hub::new(HubOptions { max_rooms: CLIENTS_PART, ..HubOptions::default() }),
                ingest: Default::default(),
                metering: Default::default(),
                fan_out: Default::default(),
                engine,
                body_timeout: Duration::MAX,
                cut_connections: Default::default(),
            };
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let meter = shared.metering.open(Arc::new(stream), false);
            test(&Context::new(Arc::new(shared), meter));
        });
    }

    fn session(kind: Kind, version: Version, context: &Context) -> Arc<Session> {
        let session = Session::new("s", (version, BinarySupport::Octets), kind, false, &context.shared.engine);
        assert!(session.open(Bytes::new(), None, context));
        session.take_opening();
        session
    }

    /// One in the main namespace.
    fn connected(context: &Context) -> Arc<Session> {
        let session = session(Kind::SocketIo, Version::V4, context);
        session.receive(Packet::Message("0".into()), context).unwrap();
        session.take_opening();
        session
    }

    /// One from which a packet has come that has two attachments.
    fn waiting(context: &Context) -> Arc<Session> {
        let session = connected(context);
        session.receive(Packet::Message(TWO_ATTACHMENTS.into()), context).unwrap();
        session
    }

    #[test]
    fn what_is_kept_of_a_body_does_not_keep_the_body() {
        run(1 << 20, |context| {
            type OfData = fn(Bytes) -> Packet;
            let all: [(Arc<Session>, OfData); 4] = [
                (session(Kind::Echo, Version::V4, context), Packet::Message),
                (session(Kind::Echo, Version::V4, context), Packet::Binary),
                (session(Kind::Echo, Version::V3, context), Packet::Ping),
                (waiting(context), Packet::Binary),
            ];
            for (session, packet) in all {
                // Twice, for the two attachments.
                for _ in 0..2 {
                    let body: Arc<[u8]> = Arc::new([b'x'; 1000]);
                    session.receive(packet(Bytes::from_owner(body.clone()).slice(3..10)), context).unwrap();
                    assert_eq!(Arc::strong_count(&body), 1, "{:?}", packet(Bytes::new()));
                }
                let kept = session.take_opening();
                let kept = kept.iter().map(Outgoing::to_packet).filter(|packet| match packet {
                    Packet::Pong(data) | Packet::Message(data) | Packet::Binary(data) => data == "xxxxxxx",
                    _ => false,
                });
                assert_eq!(kept.count(), 2, "{:?}", packet(Bytes::new()));
            }
        });
    }

    #[test]
    fn what_clients_say_is_bounded_by_the_hub() {
        run(1 << 20, |context| {
            let session = connected(context);
            for (room, answer) in [("one", "31[]"), ("two", r#"31[{"error":"there are 1 rooms already"}]"#)] {
                let said = format!(r#"21["say","{room}","x"]"#);
                session.receive(Packet::Message(said.into()), context).unwrap();
                let answers: Vec<Packet> = session.take_opening().iter().map(Outgoing::to_packet).collect();
                assert_eq!(answers, [Packet::Message(answer.into())], "{room}");
            }
        });
    }

    #[test]
    fn sessions_together_keep_no_more_than_they_may() {
        const DATA_BYTES: usize = 1000;
        run(3 * (DATA_BYTES + PACKET_BYTES) + PACKET_BYTES, |context| {
            let kept_bytes = || context.shared.engine.kept.taken_bytes();
            let data = || Packet::Binary(vec![0; DATA_BYTES].into());
            let (greedy, other) = (session(Kind::Echo, Version::V4, context), session(Kind::Echo, Version::V4, context));
            let (patient, late) = (waiting(context), waiting(context));
            let silent = session(Kind::Echo, Version::V4, context);
            (0..2).for_each(|_| greedy.receive(data(), context).unwrap());
            patient.receive(data(), context).unwrap();
            assert_eq!(kept_bytes(), 3 * (DATA_BYTES + PACKET_BYTES));
            // What finds no room ends its session, be it an answer or an attachment, and none can be opened.
            other.receive(data(), context).unwrap_err();
            assert!(!other.can_be_asked());
            late.receive(data(), context).unwrap_err();
            let mut cx = TaskContext::from_waker(Waker::noop());
            assert!(matches!(late.poll_outgoing(&mut cx, Limit::default()), Poll::Ready(None)));
            let refused = Session::new("s", (Version::V4, BinarySupport::Octets), Kind::Echo, false, &context.shared.engine);
            assert!(!refused.open(vec![0; DATA_BYTES].into(), None, context) && !refused.can_be_asked());
            assert_eq!(kept_bytes(), 3 * (DATA_BYTES + PACKET_BYTES));
            // Nor does a session go on whose ping finds none.
            greedy.receive(Packet::Message(Bytes::new()), context).unwrap();
            assert!(silent.beat(Instant::now() + Duration::from_secs(3600)).is_none() && !silent.can_be_asked());
            // All of it comes back: by being read, by being whole, by the end.
            assert_eq!((greedy.take_opening().len(), kept_bytes()), (3, DATA_BYTES + PACKET_BYTES));
            patient.receive(data(), context).unwrap();
            assert_eq!(patient.take_opening().len(), 3);
            assert_eq!(kept_bytes(), 0);
            let again = waiting(context);
            again.receive(data(), context).unwrap();
            greedy.receive(data(), context).unwrap();
            assert_eq!(kept_bytes(), 2 * (DATA_BYTES + PACKET_BYTES));
            greedy.end();
            again.end();
            assert_eq!(kept_bytes(), 0);
        });
    }
}
