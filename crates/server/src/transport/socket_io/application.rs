//! What is spoken above Engine.IO: Socket.IO, or an echo of every message, which the Engine.IO suites expect.

use std::task::Context as TaskContext;

use bytes::Bytes;
use tokio::time::Instant;
use wirecost_wire::engine_io::Packet;

use super::Engine;
use super::namespace::Namespaces;
use super::outbox::{Outbox, Outgoing};
use super::session::Fault;
use super::version::Version;
use crate::context::Context;
use crate::hub::Limit;

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Every message comes back.
    Echo,
    /// Socket.IO.
    SocketIo,
}

/// What a session speaks.
#[derive(Debug)]
pub enum Application {
    /// Every message comes back.
    Echo,
    /// Socket.IO.
    SocketIo(Box<Namespaces>),
}

impl Application {
    /// At the opening of a session.
    pub fn new(kind: Kind, version: Version, engine: &Engine, now: Instant) -> Application {
        match kind {
            Kind::Echo => Application::Echo,
            Kind::SocketIo => Application::SocketIo(Box::new(Namespaces::new(version, engine, now))),
        }
    }

    /// The session is open.
    pub fn opened(&mut self, room: Option<&str>, outbox: &mut Outbox, context: &Context) {
        if let Application::SocketIo(namespaces) = self {
            namespaces.opened(room, outbox, context);
        }
    }

    /// A text message has come.
    ///
    /// # Errors
    /// [`Fault::Message`].
    pub fn text(&mut self, text: Bytes, outbox: &mut Outbox, context: &Context) -> Result<(), Fault> {
        match self {
            Application::Echo => echo(text.len(), Packet::Message(text), outbox, context),
            Application::SocketIo(namespaces) => return namespaces.text(&text, outbox, context),
        }
        Ok(())
    }

    /// A binary message has come.
    ///
    /// # Errors
    /// [`Fault::Message`].
    pub fn binary(&mut self, data: Bytes, outbox: &mut Outbox, context: &Context) -> Result<(), Fault> {
        match self {
            Application::Echo => echo(data.len(), Packet::Binary(data), outbox, context),
            Application::SocketIo(namespaces) => return namespaces.binary(data, outbox, context),
        }
        Ok(())
    }

    /// Takes what the rooms have; registers for what they will have.
    pub fn poll_rooms(&mut self, cx: &mut TaskContext<'_>, limit: Limit, to: &mut Vec<Outgoing>) {
        if let Application::SocketIo(namespaces) = self {
            namespaces.poll_rooms(cx, limit, to);
        }
    }

    /// When the client must have connected to a namespace, if it has not yet.
    pub fn connect_due(&self) -> Option<Instant> {
        match self {
            Application::Echo => None,
            Application::SocketIo(namespaces) => namespaces.connect_due(),
        }
    }

    /// The session ends: nothing is listened to any more.
    pub fn leave(&mut self) {
        if let Application::SocketIo(namespaces) = self {
            namespaces.leave();
        }
    }
}

fn echo(payload_bytes: usize, packet: Packet, outbox: &mut Outbox, context: &Context) {
    context.meter.received(payload_bytes as u64);
    outbox.push(Outgoing { payload_bytes: Some(payload_bytes as u64), ..Outgoing::packet(packet) });
}
