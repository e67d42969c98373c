//! An Engine.IO session from the client's side: opened over the first transport, upgraded to the next, kept alive,
//! closed. What the messages say is the namespace's business.

use bytes::Bytes;
use wirecost_model::scenario::Engine as Version;
use wirecost_wire::engine_io::{Handshake, Packet};

use super::codec::{Codec, Packets};
use super::heartbeat::Heartbeat;
use super::polling::Polling;
use super::websocket::Websocket;
use super::{Via, route, upgrade};
use crate::client::Context;
use crate::session::TransportError;
use crate::stack::{Http, Stages, Step};

/// What a transport tells its session, and a session its namespace (no other packets but messages).
pub(super) enum Event {
    /// A packet has come.
    Packet(Packet),
    /// The server has confirmed so many messages: polling only.
    Taken(u64),
}

enum Carrier {
    Polling(Box<Polling>),
    Websocket(Box<Websocket>),
    /// Between two transports, or after a failed change of them.
    None,
}

impl Carrier {
    async fn next(&mut self) -> Result<Event, TransportError> {
        match self {
            Carrier::Polling(polling) => polling.next().await,
            Carrier::Websocket(socket) => socket.next().await.map(Event::Packet),
            Carrier::None => Err(TransportError::Ended),
        }
    }

    /// Takes a packet, which leaves with the next flush at the latest. Safe to cancel: a dropped future has taken nothing.
    async fn feed(&mut self, packet: &Packet) -> Result<(), TransportError> {
        match self {
            Carrier::Polling(polling) => polling.send(packet.clone()),
            Carrier::Websocket(socket) => socket.feed(packet).await,
            Carrier::None => Err(TransportError::Ended),
        }
    }

    async fn flush(&mut self) -> Result<(), TransportError> {
        match self {
            Carrier::Websocket(socket) => socket.flush().await,
            Carrier::Polling(_) | Carrier::None => Ok(()),
        }
    }
}

/// Reads the data of an open packet.
pub(super) fn handshake(data: &Bytes) -> Result<Handshake, TransportError> {
    let handshake = Handshake::decode(data).map_err(|e| TransportError::Malformed(e.to_string()))?;
    if handshake.sid.is_empty() || handshake.sid.len() > route::LONGEST_SID_BYTES {
        return Err(TransportError::Malformed(format!("a session id of {} bytes", handshake.sid.len())));
    }
    Ok(handshake)
}

/// A session.
pub(super) struct Session {
    codec: Codec,
    carrier: Carrier,
    heartbeat: Heartbeat,
    /// As the server opened it.
    pub handshake: Handshake,
    /// What came by polling before an upgrade.
    before: Option<Packets>,
    /// A heartbeat that this side has to send.
    owed: Option<Packet>,
    /// Something was taken and perhaps not all of it is out.
    unflushed: bool,
}

impl Session {
    /// Opens a session over the first transport of the arm.
    pub async fn open(context: &Context, stages: &mut Stages) -> Result<Session, TransportError> {
        let arm = &context.target.arm;
        let via = *arm.via.first().unwrap_or(&Via::Polling);
        let codec = Codec { version: arm.engine, jsonp: via == Via::Jsonp };
        let path = route::opening(arm, via, context.asked_room().as_deref(), route::mount(&context.target));
        // Making a client of the HTTP library is not what a session costs.
        let http = if via == Via::Websocket {
            None
        } else {
            Some(Http::new(&context.target, context.socket_meter.clone(), context.stage_sink())?)
        };
        let step = Step::begin("connect_open");
        let (carrier, handshake) = match http {
            Some(http) => {
                let (polling, handshake) = Polling::open(http, codec, &path, route::mount(&context.target)).await?;
                (Carrier::Polling(Box::new(polling)), handshake)
            }
            None => {
                let meter = context.socket_meter.clone();
                let mut socket = Websocket::connect(&context.target, codec, &path, meter, stages).await?;
                let handshake = socket.handshake().await?;
                (Carrier::Websocket(Box::new(socket)), handshake)
            }
        };
        step.end(stages);
        let heartbeat = Heartbeat::new(codec.version, &handshake)?;
        Ok(Session { codec, carrier, heartbeat, handshake, before: None, owed: None, unflushed: false })
    }

    /// How packets look here.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Goes on over a WebSocket that was probed. Not safe to cancel: an upgrade cut off in the middle ends the session.
    pub async fn upgrade(&mut self, mut socket: Websocket) -> Result<(), TransportError> {
        let Carrier::Polling(polling) = std::mem::replace(&mut self.carrier, Carrier::None) else {
            return Err(TransportError::Ended);
        };
        self.before = upgrade::complete(*polling, &mut socket).await?.received;
        self.carrier = Carrier::Websocket(Box::new(socket));
        Ok(())
    }

    /// Whether the server confirms messages: it does by answering POSTs.
    pub fn confirms(&self) -> bool {
        matches!(self.carrier, Carrier::Polling(_))
    }

    /// Sends one packet: over a WebSocket it is out when this returns; by polling it is queued.
    pub async fn send(&mut self, packet: &Packet) -> Result<(), TransportError> {
        self.feed(packet).await?;
        self.flush().await
    }

    /// Takes a packet without waiting until it is out. Safe to cancel: a dropped future has taken nothing.
    pub async fn feed(&mut self, packet: &Packet) -> Result<(), TransportError> {
        self.carrier.feed(packet).await?;
        self.unflushed = true;
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), TransportError> {
        if self.unflushed {
            self.carrier.flush().await?;
            self.unflushed = false;
        }
        Ok(())
    }

    /// The next message, or the confirmation of some. Heartbeats are kept up meanwhile. Safe to cancel.
    pub async fn next(&mut self) -> Result<Event, TransportError> {
        loop {
            // Step by step, so that wherever this is dropped, nothing is lost and nothing is sent twice.
            if let Some(packet) = &self.owed {
                self.carrier.feed(packet).await?;
                self.owed = None;
                self.unflushed = true;
            }
            self.flush().await?;
            let packet = match self.before.as_mut().and_then(Iterator::next) {
                Some(packet) => packet?,
                None => {
                    self.before = None;
                    let (ping_due, silence) = self.heartbeat.waits();
                    // What has come is read before the server is called silent: it may be us who were late.
                    let event = tokio::select! { biased;
                        () = ping_due => None,
                        event = self.carrier.next() => Some(event?),
                        () = silence => return Err(TransportError::Silent(self.heartbeat.patience())),
                    };
                    match event {
                        Some(Event::Packet(packet)) => packet,
                        Some(taken @ Event::Taken(_)) => return Ok(taken),
                        None => {
                            self.heartbeat.pinged();
                            self.owed = Some(Packet::Ping(Bytes::new()));
                            continue;
                        }
                    }
                }
            };
            self.heartbeat.heard();
            match (packet, self.codec.version) {
                (message @ (Packet::Message(_) | Packet::Binary(_)), _) => return Ok(Event::Packet(message)),
                (Packet::Ping(data), Version::V4) => self.owed = Some(Packet::Pong(data)),
                (Packet::Pong(_), Version::V3) if self.heartbeat.answered() => {}
                (Packet::Noop, _) => {}
                (Packet::Close, _) => return Err(TransportError::Ended),
                (Packet::Ping(_), Version::V3) => {
                    return Err(TransportError::Unexpected("a ping from the server, where the client pings".into()));
                }
                (Packet::Pong(_), _) => return Err(TransportError::Unexpected("a pong that nobody asked for".into())),
                (Packet::Open(_) | Packet::Upgrade, _) => {
                    return Err(TransportError::Unexpected("a packet that only begins a session, in the middle of one".into()));
                }
            }
        }
    }

    /// Says `farewell` and closes.
    pub async fn close(self, farewell: Packet) -> Result<(), TransportError> {
        match self.carrier {
            Carrier::Polling(polling) => polling.close(farewell).await,
            Carrier::Websocket(socket) => socket.close(farewell).await,
            Carrier::None => Ok(()),
        }
    }
}
