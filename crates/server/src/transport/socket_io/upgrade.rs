//! From polling to a WebSocket (`engine.io-protocol`, "Upgrade"), and the HTTP part that every WebSocket begins with.
//!
//! ```text
//! client    2probe           5
//! server            3probe        from here on the WebSocket carries the session
//! polling           noop
//! ```

use hyper::http::request;
use wirecost_wire::engine_io::{PROBE, Packet};

use super::refusal::EngineError;
use super::session::Session;
use super::websocket::Plan;
use crate::answer::Answer;
use crate::context::Context;
use crate::transport::websocket::{Becoming, Upgrade, agreement};

/// Agrees to a WebSocket and leaves word of it. Whether a session can be taken over is decided on the WebSocket, which is closed
/// if not: so does the official server, and browsers tell a page no more than that either way.
pub fn agree(parts: &mut request::Parts, context: &Context, plan: Plan) -> Answer {
    if context.meter.is_last() {
        return EngineError::BadRequest.into();
    }
    match agreement(parts) {
        Ok((on, answer)) => {
            context.will_become(Upgrade { on, becoming: Becoming::Engine(plan) });
            answer
        }
        Err(_) => EngineError::BadRequest.into(),
    }
}

/// How far an upgrade has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Another session, or none: there is nothing to upgrade.
    Carrying,
    /// The probe has not come.
    Silent,
    /// The probe was answered.
    Probed,
}

/// What is to be done with a packet that came before the upgrade is complete.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Answer the probe.
    Answer(Packet),
    /// It is complete.
    Complete,
    /// Give up; polling goes on.
    GiveUp,
}

/// Takes one step.
pub fn step(stage: Stage, packet: Packet, session: &Session) -> Step {
    match packet {
        Packet::Ping(data) if &data[..] == PROBE => {
            session.probed();
            Step::Answer(Packet::Pong(data))
        }
        // The official server wants no probe before it either, but a client that has not probed cannot know that this works.
        Packet::Upgrade if stage == Stage::Probed && session.complete_upgrade() => Step::Complete,
        _ => Step::GiveUp,
    }
}
