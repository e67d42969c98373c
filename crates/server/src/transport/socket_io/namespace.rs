//! Namespaces of one session (`socket.io-protocol`, "Connection to a namespace"): which the client is connected to, and which
//! socket a packet is for.
//!
//! In version 5 the client connects to each, the main one too; in version 4 the server connects it to the main one by itself,
//! and what the client has to say stands in a query behind the name.

use std::task::Context as TaskContext;

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use wirecost_wire::engine_io::{MESSAGE_PREFIX, Packet as EnginePacket};
use wirecost_wire::socket_io::{Body, Decoder, Limits, MAIN_NAMESPACE, Packet, TextEvent, encode};

use super::Engine;
use super::budget::Share;
use super::event::{self, Behaviour};
use super::outbox::{Content, Outbox, Outgoing, PACKET_BYTES};
use super::registry::new_id;
use super::rooms::{Rooms, Shape};
use super::session::Fault;
use super::version::Version;
use crate::context::Context;
use crate::hub::{Limit, SEPARATOR};

/// Namespaces that one session may be connected to.
const MAX_NAMESPACES: usize = 32;

/// The longest name.
const MAX_NAME_BYTES: usize = 256;

/// What the suites expect to be told about a namespace that there is not.
const INVALID_NAMESPACE: &str = "Invalid namespace";

/// The namespaces of one session.
#[derive(Debug)]
pub struct Namespaces {
    version: Version,
    conformance: bool,
    demo: bool,
    decoder: Decoder,
    /// Of the server's budgets, while a packet waits for its attachments: for its text, and for those that have come.
    text: Share,
    attachments: Share,
    sockets: Vec<Socket>,
    connect_due: Option<Instant>,
}

/// A client in one namespace.
#[derive(Debug)]
pub struct Socket {
    /// Its name.
    pub namespace: String,
    /// What its events do.
    pub behaviour: Behaviour,
    /// What it listens to.
    pub rooms: Rooms,
    /// Events so far, for the demonstration.
    pub count: u64,
    /// The answer after which it is to be disconnected.
    pub last_ack: Option<u64>,
}

impl Namespaces {
    /// At the opening of a session.
    pub fn new(version: Version, engine: &Engine, now: Instant) -> Namespaces {
        let options = &engine.options;
        let max = options.max_payload_bytes;
        Namespaces {
            version,
            conformance: options.conformance,
            demo: options.demo,
            decoder: Decoder::new(Limits { text_bytes: max, attachments_bytes: max, ..Limits::default() }),
            text: engine.waiting_text.share(),
            attachments: engine.kept.share(),
            sockets: Vec::new(),
            connect_due: match version {
                Version::V3 => None,
                Version::V4 => Some(now + options.connect_timeout),
            },
        }
    }

    /// When the client must have connected, if it has not yet.
    pub fn connect_due(&self) -> Option<Instant> {
        self.connect_due
    }

    /// The session is open: in version 4 the client is in the main namespace by that.
    pub fn opened(&mut self, room: Option<&str>, outbox: &mut Outbox, context: &Context) {
        if self.version == Version::V3 {
            let auth = room.map(|room| ("room".to_owned(), Value::from(room))).into_iter().collect();
            self.connect(MAIN_NAMESPACE, auth, outbox, context);
        }
    }

    /// A text message has come.
    ///
    /// # Errors
    /// [`Fault::Message`].
    pub fn text(&mut self, text: &Bytes, outbox: &mut Outbox, context: &Context) -> Result<(), Fault> {
        if !self.decoder.is_waiting()
            && let Some(said) = TextEvent::parse(text)
        {
            let at = self.find(said.namespace).ok_or(Fault::Message)?;
            if event::plain(&mut self.sockets[at], &said, outbox, context) {
                return Ok(());
            }
        }
        match self.decoder.text(text) {
            Ok(Some(packet)) => self.packet(packet, outbox, context),
            Ok(None) => {
                // Without room for it the session ends, and what was parsed with it.
                if self.text.grow(text.len()) { Ok(()) } else { Err(Fault::Message) }
            }
            Err(_) => Err(Fault::Message),
        }
    }

    /// A binary message has come.
    ///
    /// # Errors
    /// [`Fault::Message`].
    pub fn binary(&mut self, data: Bytes, outbox: &mut Outbox, context: &Context) -> Result<(), Fault> {
        // Here too the session ends without room.
        if !self.attachments.grow(data.len() + PACKET_BYTES) {
            return Err(Fault::Message);
        }
        // Copied, because a slice would keep all of the body or the buffer that it came in.
        match self.decoder.binary(Bytes::copy_from_slice(&data)) {
            Ok(Some(packet)) => {
                self.text.clear();
                self.attachments.clear();
                self.packet(packet, outbox, context)
            }
            Ok(None) => Ok(()),
            Err(_) => Err(Fault::Message),
        }
    }

    /// Takes what the rooms of all namespaces have, up to a limit for them together.
    pub fn poll_rooms(&mut self, cx: &mut TaskContext<'_>, limit: Limit, to: &mut Vec<Outgoing>) {
        let mut limit = Some(limit);
        for Socket { namespace, rooms, .. } in &mut self.sockets {
            rooms.poll(cx, &mut limit, namespace, to);
        }
    }

    /// The session ends.
    pub fn leave(&mut self) {
        self.sockets = Vec::new();
        self.connect_due = None;
        // What waits for attachments waits no longer.
        self.decoder = Decoder::new(Limits { text_bytes: 0, attachments: 0, attachments_bytes: 0 });
        self.text.clear();
        self.attachments.clear();
    }

    fn find(&self, namespace: &str) -> Option<usize> {
        self.sockets.iter().position(|socket| socket.namespace == namespace)
    }

    /// A whole packet. As with the official server, one that does not fit the state of its namespace ends the session.
    fn packet(&mut self, packet: Packet, outbox: &mut Outbox, context: &Context) -> Result<(), Fault> {
        let Packet { namespace, body } = packet;
        let (name, query) = match self.version {
            Version::V3 => namespace.split_once('?').unwrap_or((&namespace, "")),
            Version::V4 => (&*namespace, ""),
        };
        match (self.find(name), body) {
            (None, Body::Connect { data }) => {
                let auth = match self.version {
                    Version::V3 => of_query(query),
                    Version::V4 => data.unwrap_or_default(),
                };
                self.connect(name, auth, outbox, context);
            }
            // The main namespace of version 4 needs no asking for, and some clients ask.
            (Some(_), Body::Connect { .. }) if self.version == Version::V3 && name == MAIN_NAMESPACE => {}
            (Some(at), Body::Disconnect) => {
                self.sockets.swap_remove(at);
            }
            (Some(at), Body::Event { ack_id, args, attachments }) => {
                event::any(&mut self.sockets[at], ack_id, args, attachments, outbox, context);
            }
            (Some(at), Body::Ack { ack_id, .. }) => {
                if self.sockets[at].last_ack == Some(ack_id) {
                    self.sockets.swap_remove(at);
                    send(outbox, &Packet { namespace: name.to_owned(), body: Body::Disconnect }, None);
                }
            }
            _ => return Err(Fault::Message),
        }
        Ok(())
    }

    fn connect(&mut self, name: &str, auth: Map<String, Value>, outbox: &mut Outbox, context: &Context) {
        let (socket, sid) = match self.admit(name, &auth, context) {
            Ok(admitted) => admitted,
            Err(reason) => {
                let data = match self.version {
                    Version::V3 => Value::from(reason),
                    Version::V4 => json!({ "message": reason }),
                };
                let refusal = Packet { namespace: name.to_owned(), body: Body::ConnectError { data: Some(data) } };
                return send(outbox, &refusal, None);
            }
        };
        self.connect_due = None;
        let data = match self.version {
            Version::V3 => None,
            Version::V4 => Some(Map::from_iter([("sid".to_owned(), Value::from(sid))])),
        };
        send(outbox, &Packet { namespace: name.to_owned(), body: Body::Connect { data } }, None);
        self.sockets.push(socket);
        if let Some(socket) = self.sockets.last_mut() {
            event::connected(socket, auth, outbox, context);
        }
    }

    /// The socket and its id, or the reason why not.
    fn admit(&self, name: &str, auth: &Map<String, Value>, context: &Context) -> Result<(Socket, String), String> {
        let behaviour = Behaviour::of(name, self.conformance, self.demo).ok_or(INVALID_NAMESPACE)?;
        if self.sockets.len() >= MAX_NAMESPACES || name.len() > MAX_NAME_BYTES {
            return Err(INVALID_NAMESPACE.into());
        }
        let mut rooms = Rooms::default();
        match auth.get("room") {
            Some(Value::String(room)) if behaviour == Behaviour::Benchmark => {
                for room in room.split(SEPARATOR) {
                    rooms.join(room, Shape::Argument, context).map_err(|error| error.to_string())?;
                }
            }
            _ => {}
        }
        let sid = new_id().ok_or("no id could be made")?;
        Ok((Socket { namespace: name.to_owned(), behaviour, rooms, count: 0, last_ack: None }, sid))
    }
}

/// Names and values of a query.
fn of_query(query: &str) -> Map<String, Value> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

/// Sends a packet with all that belongs to it; `payload_bytes` is that of the application's message in it, if it has one.
pub fn send(outbox: &mut Outbox, packet: &Packet, payload_bytes: Option<u64>) {
    let mut text = BytesMut::new();
    text.put_u8(MESSAGE_PREFIX);
    // Only what was read before is written, or what is written here: both can be.
    if encode(&mut text, packet).is_err() {
        return;
    }
    let attachments = match &packet.body {
        Body::Event { attachments, .. } | Body::Ack { attachments, .. } => &attachments[..],
        Body::Connect { .. } | Body::Disconnect | Body::ConnectError { .. } => &[],
    };
    let parts = std::iter::once(Content::Message(text.freeze()))
        .chain(attachments.iter().map(|data| Content::Packet(EnginePacket::Binary(data.clone()))));
    // The message is sent when its last part is.
    for (left, content) in (0..=attachments.len()).rev().zip(parts) {
        outbox.push(Outgoing { content, payload_bytes: payload_bytes.filter(|_| left == 0) });
    }
}
