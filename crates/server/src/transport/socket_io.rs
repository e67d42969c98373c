//! Socket.IO 5 on Engine.IO 4, and Socket.IO 4 on Engine.IO 3 (clients of Socket.IO 2): polling, JSONP, WebSocket and the upgrade
//! between them, over the same hub and the same metered connections as everything else.
//!
//! | module | what it is |
//! |---|---|
//! | [`request`] | what a request asks for, and whether it may |
//! | [`refusal`] | the protocol's own errors |
//! | [`budget`] | the bounds of what all sessions together keep |
//! | [`version`] | what differs on the wire between the two versions |
//! | [`registry`] | sessions by id, bounded |
//! | [`session`], [`outbox`], [`heartbeat`] | one session: who carries it, what waits to be sent, when it ends |
//! | [`handshake`], [`polling`], [`websocket`], [`upgrade`] | how packets travel |
//! | [`application`], [`namespace`], [`event`], [`rooms`] | what packets mean: Socket.IO, or the echo that conformance suites want |
//!
//! A session is told what comes ([`Session::receive`]) and asked for what is to go ([`Session::poll_outgoing`]), by whoever
//! carries it at the moment. Messages of rooms are never queued in a session: its readers stay in the hub, so a client that is
//! slow loses what falls out of the ring, as with every transport.
//!
//! [`Session::receive`]: session::Session::receive
//! [`Session::poll_outgoing`]: session::Session::poll_outgoing

pub mod application;
pub mod budget;
pub mod event;
pub mod handshake;
pub mod heartbeat;
pub mod namespace;
pub mod outbox;
pub mod polling;
pub mod refusal;
pub mod registry;
pub mod request;
pub mod rooms;
pub mod session;
pub mod upgrade;
pub mod version;
pub mod websocket;

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::http::{Method, request as http_request};

use crate::answer::{Answer, Refusal};
use crate::context::Context;
use crate::metering::{Exchange, SampleKind};
use crate::transport::held;
use application::Kind;
use budget::{Budget, MAX_KEPT_BYTES, MAX_WAITING_TEXT_BYTES};
use refusal::EngineError;
use registry::Registry;
use request::{Asked, Transport};

/// How sessions are to be. The defaults are those of the official server.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// How long the side that pings waits between two pings.
    pub ping_interval: Duration,
    /// How long it waits for the answer.
    pub ping_timeout: Duration,
    /// The longest polling body and WebSocket message from a client.
    pub max_payload_bytes: usize,
    /// How long a client of version 4 may take to connect to a namespace.
    pub connect_timeout: Duration,
    /// What the conformance suites of the Socket.IO project expect, instead of what benchmarks do.
    pub conformance: bool,
    /// The namespace of the demonstration page.
    pub demo: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            max_payload_bytes: 1_000_000,
            connect_timeout: Duration::from_secs(45),
            conformance: false,
            demo: false,
        }
    }
}

/// The sessions of a server.
#[derive(Debug)]
pub struct Engine {
    /// How they are to be.
    pub options: EngineOptions,
    /// Those that there are.
    pub registry: Registry,
    /// For the text of packets that wait for attachments.
    pub waiting_text: Budget,
    /// For attachments that have come, and for what is to be sent.
    pub kept: Budget,
}

impl Engine {
    /// Without sessions.
    pub fn new(options: EngineOptions) -> Engine {
        Engine {
            options,
            registry: Registry::default(),
            waiting_text: Budget::new(MAX_WAITING_TEXT_BYTES),
            kept: Budget::new(MAX_KEPT_BYTES),
        }
    }
}

/// What the answer to a request may be a sample of.
pub fn sample_kinds(parts: &http_request::Parts) -> &'static [SampleKind] {
    match (Asked::of(parts).transport, &parts.method) {
        (Some(Transport::Websocket), _) => &[SampleKind::Upgrade],
        (Some(Transport::Polling), &Method::GET) => &[SampleKind::Poll, SampleKind::EmptyPoll],
        (Some(Transport::Polling), &Method::POST) => &[SampleKind::Post],
        _ => &[],
    }
}

/// Answers one request to an Engine.IO path.
///
/// # Errors
/// Those of reading a body; what the protocol has an answer for is an answer.
pub async fn answer(
    parts: &mut http_request::Parts,
    body: &mut Option<Incoming>,
    context: &Arc<Context>,
    exchange: &mut Exchange,
    kind: Kind,
) -> Result<Answer, Refusal> {
    let asked = Asked::of(parts);
    let Some(transport) = asked.transport else { return Ok(EngineError::UnknownTransport.into()) };
    let Some(sid) = asked.sid else {
        if parts.method != Method::GET {
            return Ok(EngineError::BadHandshakeMethod.into());
        }
        let Some(version) = asked.version else { return Ok(EngineError::UnsupportedProtocolVersion.into()) };
        let wanted = handshake::Wanted::of(&asked, version, kind);
        return Ok(match transport {
            Transport::Polling => handshake::polling(&wanted, asked.jsonp, context),
            Transport::Websocket => upgrade::agree(parts, context, websocket::Plan::Open(wanted)),
        });
    };
    let Some(session) = context.shared.engine.registry.find(sid).filter(|session| session.kind() == kind) else {
        return Ok(EngineError::UnknownSession.into());
    };
    // What is overdue may not have been noticed yet.
    session.beat(tokio::time::Instant::now());
    if !session.can_be_asked() {
        return Ok(EngineError::UnknownSession.into());
    }
    match (transport, &parts.method) {
        (Transport::Websocket, _) => Ok(upgrade::agree(parts, context, websocket::Plan::Upgrade(session))),
        (Transport::Polling, _) if !session.is_polling() => Ok(EngineError::BadRequest.into()),
        (Transport::Polling, &Method::GET) => {
            let jsonp = asked.jsonp;
            held::let_go(parts);
            Ok(polling::get(&session, jsonp).await)
        }
        (Transport::Polling, &Method::POST) => polling::post(&session, asked.jsonp, parts, body, context, exchange).await,
        (Transport::Polling, _) => Ok(EngineError::BadRequest.into()),
    }
}
