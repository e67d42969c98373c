//! Opening a session (`engine.io-protocol`, "Handshake").

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use wirecost_wire::engine_io::Handshake;
use wirecost_wire::engine_io::v3::BinarySupport;

use super::application::Kind;
use super::refusal::EngineError;
use super::registry::new_id;
use super::request::Asked;
use super::session::Session;
use super::version::Version;
use super::{heartbeat, polling};
use crate::answer::Answer;
use crate::context::Context;
use crate::metering::Outcome;

/// The session that is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    version: Version,
    support: BinarySupport,
    kind: Kind,
    room: Option<String>,
}

impl Wanted {
    /// What a request asks for.
    pub fn of(asked: &Asked<'_>, version: Version, kind: Kind) -> Wanted {
        // A script can carry nothing but text.
        let is_text = asked.base64 || asked.jsonp.is_some();
        let support = if is_text { BinarySupport::Base64 } else { BinarySupport::Octets };
        Wanted { version, support, kind, room: asked.room.map(str::to_owned) }
    }

    /// Opens it. Nothing is sent yet. `None`: there are too many, or they keep too much.
    pub fn open(&self, by_websocket: bool, context: &Context) -> Option<Arc<Session>> {
        let engine = &context.shared.engine;
        let sid = new_id()?;
        let session = Session::new(&sid, (self.version, self.support), self.kind, by_websocket, engine);
        if !engine.registry.add(session.clone()) {
            return None;
        }
        let ms = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let handshake = Handshake {
            sid,
            upgrades: if by_websocket { Vec::new() } else { vec!["websocket".into()] },
            ping_interval_ms: ms(engine.options.ping_interval),
            ping_timeout_ms: ms(engine.options.ping_timeout),
            // In version 3 as well, as the official server of today does.
            max_payload_bytes: Some(engine.options.max_payload_bytes as u64),
        };
        if !session.open(encode(&handshake), self.room.as_deref(), context) {
            engine.registry.forget(session.id());
            return None;
        }
        tokio::spawn(heartbeat::tend(session.clone(), context.shared.clone()));
        Some(session)
    }
}

fn encode(handshake: &Handshake) -> Bytes {
    let mut json = BytesMut::new();
    handshake.encode(&mut json);
    json.freeze()
}

/// Answers a GET that opens a session.
pub fn polling(wanted: &Wanted, jsonp: Option<u64>, context: &Context) -> Answer {
    let Some(session) = wanted.open(false, context) else { return EngineError::TooManySessions.into() };
    polling::payload(&session, jsonp, &session.take_opening()).meaning(Outcome::Other, None)
}
