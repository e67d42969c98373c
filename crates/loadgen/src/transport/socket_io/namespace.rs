//! One Socket.IO namespace on an Engine.IO session: connected, spoken in, left.
//!
//! Engine.IO 4 carries version 5 of this protocol: the client asks for its namespace and brings its credentials along,
//! here the room that it listens to. Engine.IO 3 carries version 4: the main namespace is granted unasked, and others are
//! asked for with a query.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use wirecost_model::dialect::Events;
use wirecost_model::scenario::{Engine as Version, Via};
use wirecost_wire::engine_io::Packet as EnginePacket;
use wirecost_wire::find;
use wirecost_wire::socket_io::{
    Body, Decoder, Limits, MAIN_NAMESPACE, Packet, TextEvent, encode, encode_json_event, encode_text_event,
};

use super::engine::{Event, Session};
use super::upgrade;
use super::websocket::Websocket;
use crate::client::Context;
use crate::session::TransportError;
use crate::stack::{MAX_BODY_BYTES, Stages, Step};
use crate::transport::foreign::frames::said;

/// The event that carries a message of a workload, both ways.
pub(super) const MESSAGE: &str = "message";

/// The event whose acknowledgement carries its argument back.
pub(super) const ECHO: &str = "echo";

/// What is read at most: the largest payload, with every character of it escaped.
const LIMITS: Limits = Limits { text_bytes: 8 << 20, attachments: 10, attachments_bytes: 8 << 20 };

/// How much of a refusal an error quotes, characters.
const QUOTED: usize = 120;

/// What comes in a namespace.
pub(super) enum Incoming {
    /// A message of a workload.
    Message(Bytes),
    /// The answer to one of this client's events.
    Answer {
        /// Its acknowledgement id.
        ack_id: u64,
        /// The only argument.
        payload: Bytes,
    },
    /// The server has confirmed so many of this client's events.
    Taken(u64),
}

impl Incoming {
    /// What it takes up.
    fn bytes(&self) -> usize {
        size_of::<Incoming>()
            + match self {
                Incoming::Message(payload) | Incoming::Answer { payload, .. } => payload.len(),
                Incoming::Taken(_) => 0,
            }
    }
}

/// What a message of the session means here.
enum Said {
    Connected,
    Incoming(Incoming),
    /// It is for others.
    Nothing,
}

type Probe = Pin<Box<dyn Future<Output = Result<(Websocket, Stages), TransportError>>>>;

fn malformed(error: impl std::fmt::Display) -> TransportError {
    TransportError::Malformed(error.to_string())
}

/// A connected namespace.
pub(super) struct Namespace {
    session: Session,
    name: String,
    /// The names of an application that is not ours.
    events: Option<Events>,
    decoder: Decoder,
    /// Packets of the protocol's own, sent and not yet confirmed. They come first, so they are confirmed first.
    unconfirmed: u64,
}

impl Namespace {
    /// Opens a session, connects the arm's namespace and completes the upgrade, if the arm has one; the last two at the same
    /// time, as the official clients do. With it comes what arrived before all of that was done.
    pub async fn connect(context: &Context, stages: &mut Stages) -> Result<(Namespace, VecDeque<Incoming>), TransportError> {
        let arm = &context.target.arm;
        let session = Session::open(context, stages).await?;
        let name = arm.namespace.clone().unwrap_or_else(|| MAIN_NAMESPACE.to_string());
        let events = context.target.foreign.as_ref().and_then(|foreign| foreign.recipe.events.clone());
        let mut namespace = Namespace { session, name, events, decoder: Decoder::new(LIMITS), unconfirmed: 0 };

        let connecting = Step::begin("connect_namespace");
        namespace.ask(arm.engine, context.asked_room()).await?;
        let mut probe: Option<(Step, Probe)> = (arm.via.len() > 1 && arm.via.last() == Some(&Via::Websocket)).then(|| {
            let (codec, handshake) = (namespace.session.codec(), namespace.session.handshake.clone());
            (Step::begin("connect_upgrade"), Box::pin(upgrade::probe(context.clone(), codec, handshake)) as Probe)
        });
        let mut connecting = Some(connecting);
        let (mut early, mut early_bytes) = (VecDeque::new(), 0);
        while connecting.is_some() || probe.is_some() {
            let probed = async {
                match &mut probe {
                    Some((_, probe)) => probe.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! { biased;
                said = namespace.hear() => match said? {
                    Said::Connected => {
                        if let Some(step) = connecting.take() {
                            step.end(stages);
                        }
                    }
                    Said::Incoming(incoming) => {
                        early_bytes += incoming.bytes();
                        if early_bytes > MAX_BODY_BYTES {
                            return Err(TransportError::Unexpected("more messages before the client is connected than it keeps".into()));
                        }
                        early.push_back(incoming);
                    }
                    Said::Nothing => {}
                },
                probed = probed => {
                    let (socket, steps) = probed?;
                    namespace.session.upgrade(socket).await?;
                    stages.extend(steps);
                    if let Some((step, _)) = probe.take() {
                        step.end(stages);
                    }
                }
            }
        }
        Ok((namespace, early))
    }

    /// Asks for the namespace, unless the server grants it unasked.
    async fn ask(&mut self, version: Version, room: Option<String>) -> Result<(), TransportError> {
        let (namespace, data) = match version {
            Version::V4 => (self.name.clone(), room.map(|room| [("room".to_string(), room.into())].into_iter().collect())),
            Version::V3 if self.name == MAIN_NAMESPACE => return Ok(()),
            Version::V3 => (room.map_or(self.name.clone(), |room| format!("{}?room={room}", self.name)), None),
        };
        let mut text = BytesMut::new();
        encode(&mut text, &Packet { namespace, body: Body::Connect { data } }).map_err(malformed)?;
        self.unconfirmed += 1;
        self.session.send(&EnginePacket::Message(text.freeze())).await
    }

    /// The packet of an event with one text argument.
    pub fn event(name: &str, namespace: &str, ack_id: Option<u64>, payload: &[u8]) -> Result<EnginePacket, TransportError> {
        let mut text = BytesMut::new();
        encode_text_event(&mut text, namespace, ack_id, name, payload).map_err(malformed)?;
        Ok(EnginePacket::Message(text.freeze()))
    }

    /// The same with the names and the argument of an application that is not ours.
    pub fn foreign_event(
        events: &Events,
        namespace: &str,
        ack_id: Option<u64>,
        payload: &[u8],
    ) -> Result<EnginePacket, TransportError> {
        let mut text = BytesMut::new();
        let argument = said(&events.argument, payload)?;
        let argument = std::str::from_utf8(&argument).map_err(malformed)?;
        encode_json_event(&mut text, namespace, ack_id, &events.send, argument).map_err(malformed)?;
        Ok(EnginePacket::Message(text.freeze()))
    }

    /// Sends a packet that [`event`](Self::event) has made.
    pub async fn send(&mut self, packet: &EnginePacket) -> Result<(), TransportError> {
        self.session.send(packet).await
    }

    /// Takes such a packet without waiting until it is out. Safe to cancel: a dropped future has taken nothing.
    pub async fn feed(&mut self, packet: &EnginePacket) -> Result<(), TransportError> {
        self.session.feed(packet).await
    }

    /// Whether the server confirms messages.
    pub fn confirms(&self) -> bool {
        self.session.confirms()
    }

    /// What comes next. Safe to cancel.
    pub async fn next(&mut self) -> Result<Incoming, TransportError> {
        loop {
            match self.hear().await? {
                Said::Incoming(incoming) => return Ok(incoming),
                Said::Connected => return Err(TransportError::Unexpected("a namespace was granted twice".into())),
                Said::Nothing => {}
            }
        }
    }

    /// The event that carries messages.
    fn heard(&self) -> &str {
        self.events.as_ref().map_or(MESSAGE, |events| &events.receive)
    }

    async fn hear(&mut self) -> Result<Said, TransportError> {
        match self.session.next().await? {
            Event::Taken(messages) => {
                let own = messages.min(self.unconfirmed);
                self.unconfirmed -= own;
                Ok(if messages > own { Said::Incoming(Incoming::Taken(messages - own)) } else { Said::Nothing })
            }
            Event::Packet(EnginePacket::Message(text)) => self.read_text(&text),
            Event::Packet(EnginePacket::Binary(data)) => {
                let packet = self.decoder.binary(data).map_err(malformed)?;
                packet.map_or(Ok(Said::Nothing), |packet| self.understand(packet))
            }
            Event::Packet(_) => Ok(Said::Nothing),
        }
    }

    fn read_text(&mut self, text: &Bytes) -> Result<Said, TransportError> {
        // The one packet that comes all day; its payload is a slice of what came.
        if !self.decoder.is_waiting()
            && let Some(event) = TextEvent::parse(text)
            && event.namespace == self.name
            && self.events.as_ref().is_none_or(|events| events.pointer.is_empty())
            && event.name == self.heard()
        {
            return Ok(Said::Incoming(Incoming::Message(text.slice_ref(event.payload.as_bytes()))));
        }
        let packet = self.decoder.text(text).map_err(malformed)?;
        packet.map_or(Ok(Said::Nothing), |packet| self.understand(packet))
    }

    fn understand(&self, packet: Packet) -> Result<Said, TransportError> {
        // In version 4 an answer may repeat the query; and the main namespace speaks to everyone.
        if packet.namespace.split('?').next() != Some(self.name.as_str()) {
            return Ok(Said::Nothing);
        }
        match packet.body {
            Body::Connect { .. } => Ok(Said::Connected),
            Body::Disconnect => Err(TransportError::Refused(format!("the server has disconnected namespace {}", self.name))),
            Body::ConnectError { data } => {
                let why: String = data.map_or_else(String::new, |data| data.to_string()).chars().take(QUOTED).collect();
                Err(TransportError::Refused(format!("no namespace {}: {why}", self.name)))
            }
            Body::Event { args, attachments, .. } => match args.first().and_then(|name| name.as_str()) {
                Some(name) if name == self.heard() => {
                    if let Some(events) = self.events.as_ref().filter(|events| !events.pointer.is_empty()) {
                        let texts = args.get(1).map(|argument| find::texts_in(argument, &events.pointer));
                        let text = texts.transpose().map_err(malformed)?.and_then(|texts| texts.into_iter().next());
                        let payload = text.ok_or_else(|| malformed("an event without an argument"))?;
                        return Ok(Said::Incoming(Incoming::Message(payload.into())));
                    }
                    let payload = only_payload(args.get(1..).unwrap_or_default().iter().map(|arg| arg.as_str()), attachments);
                    payload.map(|payload| Said::Incoming(Incoming::Message(payload)))
                }
                // Nobody listens to other events.
                _ => Ok(Said::Nothing),
            },
            Body::Ack { ack_id, args, attachments } => {
                let payload = only_payload(args.iter().map(|arg| arg.as_str()), attachments)?;
                Ok(Said::Incoming(Incoming::Answer { ack_id, payload }))
            }
        }
    }

    /// Leaves the namespace and ends the session.
    pub async fn close(self) -> Result<(), TransportError> {
        let mut text = BytesMut::new();
        encode(&mut text, &Packet { namespace: self.name, body: Body::Disconnect }).map_err(malformed)?;
        self.session.close(EnginePacket::Message(text.freeze())).await
    }
}

/// The one argument that a message or an answer has: a text, or an attachment.
fn only_payload<'a>(
    mut args: impl Iterator<Item = Option<&'a str>>,
    mut attachments: Vec<Bytes>,
) -> Result<Bytes, TransportError> {
    match (args.next(), args.next(), attachments.len()) {
        (Some(Some(text)), None, 0) => Ok(Bytes::copy_from_slice(text.as_bytes())),
        (Some(None), None, 1) => Ok(attachments.swap_remove(0)),
        _ => Err(TransportError::Malformed("a message or an answer without exactly one text or binary argument".into())),
    }
}
