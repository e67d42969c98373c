//! Socket.IO: events in packets, over polling, over WebSocket, or over one and then the other; in version 5 on
//! Engine.IO 4 and version 4 on Engine.IO 3.
//!
//! ```text
//! SocketIo (events, acknowledgements, reconnection) ── Namespace ── engine::Session (heartbeat, upgrade) ── Polling | Websocket ── stack
//! ```
//!
//! A message is the event `message` with one text argument, both ways. An echo is the event `echo`, whose
//! acknowledgement carries its argument. A client that listens names its room when it connects.
//!
//! What the official client has and this has not: connection state recovery (off in servers by default), more than one
//! namespace a client, WebTransport.

mod codec;
mod engine;
mod heartbeat;
mod namespace;
mod polling;
mod route;
mod upgrade;
mod websocket;

use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use wirecost_model::rng::Rng;
use wirecost_model::scenario::Via;
use wirecost_wire::engine_io::Packet;
use wirecost_wire::socket_io::MAIN_NAMESPACE;

use self::namespace::{ECHO, Incoming, MESSAGE, Namespace};
use crate::backoff::{self, BACKOFF_LANE, Backoff};
use crate::client::{Connect, Context};
use crate::deadline::Deadline;
use crate::session::{Delivery, Session, TransportError};
use crate::stack::{MAX_BODY_BYTES, Stages};

/// How long connecting may take (socket.io-client 4.8, `timeout`).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a farewell may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

type Connected = (Namespace, VecDeque<Incoming>);

enum Link {
    Up(Box<Namespace>),
    /// Kept here so that dropping `next` does not start it again.
    Reconnecting(Pin<Box<dyn Future<Output = Result<Connected, TransportError>>>>),
    Down,
}

/// A client of one namespace.
pub(crate) struct SocketIo {
    context: Context,
    link: Link,
    /// What came while the client was connecting.
    early: VecDeque<Incoming>,
    /// Confirmations not yet told.
    confirmed: u64,
    next_ack_id: u64,
    /// Acknowledgements that are due. Those of a lost connection never come.
    unanswered: BTreeSet<u64>,
    /// Events of the time without a connection.
    waiting: VecDeque<Packet>,
    waiting_bytes: usize,
}

async fn establish(context: &Context, stages: &mut Stages) -> Result<Connected, TransportError> {
    match tokio::time::timeout(CONNECT_TIMEOUT, Namespace::connect(context, stages)).await {
        Ok(connected) => connected,
        Err(_) => Err(TransportError::Timeout(CONNECT_TIMEOUT.as_secs())),
    }
}

/// Connects again and again until it works, or the server says no.
async fn reconnect(context: Context) -> Result<Connected, TransportError> {
    let mut backoff = Backoff::new(Rng::new(context.seed, BACKOFF_LANE + u64::from(context.number)), backoff::FIRST);
    loop {
        Deadline::after(backoff.delay()).passed().await;
        // The stages of later connections are not those of the ramp, and are not recorded.
        match establish(&context, &mut Stages::new()).await {
            Ok(connected) => return Ok(connected),
            Err(refused @ TransportError::Refused(_)) => return Err(refused),
            Err(error) => context.error(format!("could not reconnect: {error}")),
        }
    }
}

impl SocketIo {
    fn namespace(&self) -> &str {
        self.context.target.arm.namespace.as_deref().unwrap_or(MAIN_NAMESPACE)
    }

    /// What follows from an error of the connection: the end, or a new one.
    fn broken(&mut self, error: TransportError) -> Result<(), TransportError> {
        // Where the workload is about it, every client connects again by the same rule. Asked to leave, the official client does not come back either.
        if !self.context.target.arm.reconnect
            || self.context.script.recovery.is_some()
            || matches!(error, TransportError::Refused(_))
        {
            self.link = Link::Down;
            return Err(error);
        }
        self.context.error(format!("reconnecting: {error}"));
        self.link = Link::Reconnecting(Box::pin(reconnect(self.context.clone())));
        Ok(())
    }

    /// What an incoming packet means to the client; `None` if nothing.
    fn deliver(&mut self, incoming: Incoming) -> Result<Option<Delivery<'static>>, TransportError> {
        match incoming {
            Incoming::Message(payload) => Ok(Some(Delivery::shared(payload))),
            Incoming::Answer { ack_id, payload } => {
                // The official client ignores it; here nothing may come twice unseen.
                if !self.unanswered.remove(&ack_id) {
                    return Err(TransportError::Unexpected(format!("acknowledgement {ack_id}, for which nobody waits")));
                }
                Ok(Some(Delivery::shared(payload)))
            }
            Incoming::Taken(messages) => {
                self.confirmed += messages;
                Ok(None)
            }
        }
    }
}

impl Connect for SocketIo {
    const ECHO_IN_ORDER: bool = true;

    async fn connect(context: &Context) -> Result<Self, TransportError> {
        let mut stages = Stages::new();
        let (namespace, early) = establish(context, &mut stages).await?;
        context.stages(stages);
        Ok(SocketIo {
            context: context.clone(),
            link: Link::Up(Box::new(namespace)),
            early,
            confirmed: 0,
            next_ack_id: 0,
            unanswered: BTreeSet::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
        })
    }

    fn confirms(&self) -> bool {
        // Over a WebSocket what was sent is out. By polling the server tells; and without a connection, this session when
        // it has one again.
        let is_out = matches!(&self.link, Link::Up(namespace) if self.waiting.is_empty() && !namespace.confirms());
        !self.context.echo && !is_out
    }

    /// Without connection state recovery, which servers have off by default, a new session knows nothing of an old one.
    fn cursor(&self) -> Option<u64> {
        None
    }
}

impl Session for SocketIo {
    async fn send(&mut self, message: &[u8]) -> Result<(), TransportError> {
        let events = self.context.target.foreign.as_ref().and_then(|foreign| foreign.recipe.events.as_ref());
        let answered = self.context.echo && events.is_none_or(|events| events.acknowledged);
        let ack_id = answered.then_some(self.next_ack_id);
        let packet = match events {
            Some(events) => Namespace::foreign_event(events, self.namespace(), ack_id, message)?,
            None => Namespace::event(if answered { ECHO } else { MESSAGE }, self.namespace(), ack_id, message)?,
        };
        if let Some(ack_id) = ack_id {
            self.next_ack_id += 1;
            self.unanswered.insert(ack_id);
        }
        match &mut self.link {
            Link::Up(namespace) if self.waiting.is_empty() => match namespace.send(&packet).await {
                Ok(()) => Ok(()),
                // What was on its way is lost with the connection, as in the official client.
                Err(error) => self.broken(error),
            },
            Link::Up(_) | Link::Reconnecting(_) => {
                self.waiting_bytes += message.len();
                if self.waiting_bytes > MAX_BODY_BYTES {
                    return Err(TransportError::Backlog(self.waiting_bytes));
                }
                self.waiting.push_back(packet);
                Ok(())
            }
            Link::Down => Err(TransportError::Ended),
        }
    }

    async fn next(&mut self) -> Result<Delivery<'_>, TransportError> {
        loop {
            if let Some(incoming) = self.early.pop_front() {
                match self.deliver(incoming)? {
                    Some(delivery) => return Ok(delivery),
                    None => continue,
                }
            }
            if self.confirmed > 0 {
                self.confirmed -= 1;
                // An echo is confirmed by its answer.
                if !self.context.echo {
                    return Ok(Delivery::Accepted);
                }
                continue;
            }
            match &mut self.link {
                Link::Up(namespace) => {
                    // One at a time and safe to cancel: none is lost and none is sent twice.
                    if let Some(packet) = self.waiting.front() {
                        match namespace.feed(packet).await {
                            Ok(()) => {
                                self.waiting.pop_front();
                                self.confirmed += u64::from(!namespace.confirms());
                            }
                            Err(error) => self.broken(error)?,
                        }
                        continue;
                    }
                    self.waiting_bytes = 0;
                    match namespace.next().await {
                        Ok(incoming) => {
                            if let Some(delivery) = self.deliver(incoming)? {
                                return Ok(delivery);
                            }
                        }
                        Err(error) => self.broken(error)?,
                    }
                }
                Link::Reconnecting(attempts) => match attempts.await {
                    Ok((namespace, early)) => {
                        self.link = Link::Up(Box::new(namespace));
                        self.early = early;
                        self.context.error("reconnected".into());
                    }
                    Err(error) => {
                        self.link = Link::Down;
                        return Err(error);
                    }
                },
                Link::Down => return Err(TransportError::Ended),
            }
        }
    }

    async fn close(self) {
        let Link::Up(mut namespace) = self.link else { return };
        let farewell = async {
            for packet in &self.waiting {
                namespace.feed(packet).await?;
            }
            namespace.close().await
        };
        // Whether the server hears it is its own affair.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, farewell).await;
    }
}
