//! A WebSocket of a server that is not ours.

use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use wirecost_model::dialect::{self, Recipe};
use wirecost_model::scenario::Frame;

use super::{Finder, filled, recipe};
use crate::client::{Connect, Context};
use crate::session::{Delivery, Session, TransportError};
use crate::stack::WebSocket;

/// A client with one WebSocket.
pub(crate) struct Frames {
    socket: WebSocket,
    frame: Frame,
    recipe: Rc<Recipe>,
    finder: Finder,
    ready: VecDeque<Delivery<'static>>,
}

impl Frames {
    /// Connects to a path of the recipe's that is not the subscription's.
    pub async fn connect_to(context: &Context, path: &str) -> Result<Self, TransportError> {
        let recipe = recipe(context)?;
        let path = filled(context, path)?;
        let mut stages = Vec::new();
        let socket = WebSocket::connect(&context.target, &path, context.socket_meter.clone(), &mut stages)
            .await
            .map_err(|error| at(&path, error))?;
        context.stages(stages);
        let finder = Finder::new(Rc::clone(&recipe));
        let frame = context.target.arm.frame;
        let mut frames = Frames { socket, frame, recipe, finder, ready: VecDeque::new() };
        if frames.recipe.sockjs {
            let opening = frames.socket.next().await?.into_payload();
            if opening != "o" {
                let what = super::quoted(&opening);
                return Err(TransportError::Unexpected(format!("a SockJS session that begins with {what}")));
            }
        }
        Ok(frames)
    }

    /// Sends a frame as it is.
    pub async fn say(&mut self, text: &[u8]) -> Result<(), TransportError> {
        self.socket.send(self.frame, text).await
    }
}

/// Which address it was.
fn at(path: &str, error: TransportError) -> TransportError {
    match error {
        TransportError::Websocket(text) => TransportError::Websocket(format!("{text}, at {path}")),
        other => other,
    }
}

impl Connect for Frames {
    const ECHO_IN_ORDER: bool = true;

    async fn connect(context: &Context) -> Result<Self, TransportError> {
        let path = recipe(context)?.path.clone();
        Frames::connect_to(context, &path).await
    }

    fn confirms(&self) -> bool {
        false
    }

    /// Servers that are not ours are not cut off, so nothing goes on.
    fn cursor(&self) -> Option<u64> {
        None
    }
}

impl Session for Frames {
    async fn send(&mut self, message: &[u8]) -> Result<(), TransportError> {
        match self.recipe.say.as_str() {
            "" | "{message}" => self.say(message).await,
            template => {
                let text = said(template, message)?;
                self.say(&text).await
            }
        }
    }

    async fn next(&mut self) -> Result<Delivery<'_>, TransportError> {
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                return Ok(delivery);
            }
            let unit = self.socket.next().await?.into_payload();
            self.finder.find(None, &unit, &mut self.ready)?;
        }
    }

    async fn close(self) {
        self.socket.close().await;
    }
}

/// A template with the message in it.
pub(crate) fn said(template: &str, message: &[u8]) -> Result<Bytes, TransportError> {
    let text = std::str::from_utf8(message).map_err(|e| TransportError::Malformed(e.to_string()))?;
    let said = dialect::fill(template, |name| (name == "message").then(|| text.to_string()));
    said.map(Bytes::from).ok_or_else(|| TransportError::Unexpected(format!("`{template}` has parts without a value")))
}
