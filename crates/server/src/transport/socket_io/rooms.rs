//! The rooms that one socket listens to: a reader in the hub for each, and what a message looks like to it.

use std::task::{Context as TaskContext, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use wirecost_wire::engine_io::MESSAGE_PREFIX;
use wirecost_wire::socket_io::{MAIN_NAMESPACE, encode_text_event};

use super::outbox::{Content, Outgoing};
use crate::context::Context;
use crate::hub::{Limit, Message, Reader};

/// Rooms of one socket.
const MAX_ROOMS: usize = 64;

/// The slot of [`Message::encoded`] for a message in the main namespace.
const SLOT: usize = 2;

/// The event that carries messages of rooms.
const EVENT: &str = "message";

/// What a message of a room is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The argument of an event.
    Argument,
    /// An event with all its arguments, as JSON.
    Event,
}

/// Why a room is not listened to.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The hub says no.
    #[error(transparent)]
    Hub(#[from] crate::hub::HubError),
    /// Too many.
    #[error("a client listens to {MAX_ROOMS} rooms at most")]
    TooMany,
}

#[derive(Debug)]
struct Subscription {
    name: Box<str>,
    reader: Reader,
    shape: Shape,
}

/// The rooms of one socket.
#[derive(Debug, Default)]
pub struct Rooms {
    subscriptions: Vec<Subscription>,
    /// Which is asked first; another one each time, so that a busy room does not keep a quiet one waiting.
    first: usize,
}

impl Rooms {
    /// Listens to a room from now on. Joining twice is joining once.
    ///
    /// # Errors
    /// [`JoinError`].
    pub fn join(&mut self, name: &str, shape: Shape, context: &Context) -> Result<(), JoinError> {
        if self.subscriptions.iter().any(|subscription| &*subscription.name == name) {
            return Ok(());
        }
        if self.subscriptions.len() >= MAX_ROOMS {
            return Err(JoinError::TooMany);
        }
        let reader = context.hub().reader(name, None)?;
        self.subscriptions.push(Subscription { name: name.into(), reader, shape });
        Ok(())
    }

    /// Listens no longer.
    pub fn leave(&mut self, name: &str) {
        self.subscriptions.retain(|subscription| &*subscription.name != name);
    }

    /// Takes what there is for a socket of `namespace`; registers with the rooms that have nothing.
    pub fn poll(&mut self, cx: &mut TaskContext<'_>, limit: &mut Option<Limit>, namespace: &str, to: &mut Vec<Outgoing>) {
        let count = self.subscriptions.len();
        self.first = self.first.wrapping_add(1);
        let mut ended = false;
        for at in 0..count {
            // Whoever has taken that much comes again, and then it is another room's turn to be first.
            let Some(left) = *limit else { break };
            let Subscription { reader, shape, .. } = &mut self.subscriptions[self.first.wrapping_add(at) % count];
            match reader.poll_next(cx, left) {
                Poll::Pending => {}
                Poll::Ready(Some(batch)) => {
                    *limit = left.after(&batch);
                    to.extend(batch.messages.iter().map(|message| outgoing(message, *shape, namespace)));
                }
                Poll::Ready(None) => ended = true,
            }
        }
        if ended {
            // The hub is closed, and with it every room.
            self.subscriptions.clear();
        }
    }
}

fn outgoing(message: &Message, shape: Shape, namespace: &str) -> Outgoing {
    let text = match shape {
        Shape::Argument if namespace == MAIN_NAMESPACE => message.encoded(SLOT, |message| argument(message, namespace)).clone(),
        Shape::Argument => argument(message, namespace),
        Shape::Event => event(message, namespace),
    };
    Outgoing { content: Content::Message(text), payload_bytes: Some(message.payload.len() as u64) }
}

fn argument(message: &Message, namespace: &str) -> Bytes {
    let mut text = BytesMut::with_capacity(message.payload.len() + namespace.len() + 24);
    text.put_u8(MESSAGE_PREFIX);
    // The hub takes nothing but text, and a namespace with a comma cannot be read.
    let _ = encode_text_event(&mut text, namespace, None, EVENT, &message.payload);
    text.freeze()
}

fn event(message: &Message, namespace: &str) -> Bytes {
    let mut text = BytesMut::with_capacity(message.payload.len() + namespace.len() + 4);
    text.put_slice(b"42");
    if namespace != MAIN_NAMESPACE {
        text.put_slice(namespace.as_bytes());
        text.put_u8(b',');
    }
    text.put_slice(&message.payload);
    text.freeze()
}
