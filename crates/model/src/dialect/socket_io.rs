//! `socket_io`: an application on Socket.IO, with the names of its events. Versions and transports are the arm's options.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DialectRow, Events, Publish, PublishBy, Recipe};
use crate::transport::TransportKind;

/// Its row.
pub const ROW: DialectRow = DialectRow {
    name: "socket_io",
    transports: &[TransportKind::SocketIo],
    summary: "an application on Socket.IO 2 to 4, its events by name",
};

/// Names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SocketIo {
    /// Where the server is mounted.
    pub path: String,
    /// The event that a client emits.
    pub send: String,
    /// The event that clients listen to.
    pub receive: String,
    /// The argument of what is emitted: JSON with `{message}` in it.
    pub argument: String,
    /// Where the message stands in the argument of what is heard (RFC 6901); empty = the argument is the message.
    pub pointer: String,
    /// How an echo comes back.
    pub echo: Answered,
    /// How messages are published: emitted by a client of the publisher's own if absent, which hears them too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish: Option<PublishBy>,
}

/// How an echo comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answered {
    /// As the event that clients listen to.
    #[default]
    Event,
    /// As an acknowledgement.
    Ack,
}

impl Default for SocketIo {
    fn default() -> Self {
        SocketIo {
            path: "/socket.io/".into(),
            send: "message".into(),
            receive: "message".into(),
            argument: "\"{message}\"".into(),
            pointer: String::new(),
            echo: Answered::Event,
            publish: None,
        }
    }
}

impl SocketIo {
    pub(super) fn recipe(&self, _: TransportKind) -> Option<Recipe> {
        Some(Recipe {
            path: self.path.clone(),
            publish: Some(self.publish.as_ref().map_or(Publish::Emit, |publish| publish.recipe("{message}"))),
            events: Some(Events {
                send: self.send.clone(),
                receive: self.receive.clone(),
                argument: self.argument.clone(),
                pointer: self.pointer.clone(),
                acknowledged: self.echo == Answered::Ack,
            }),
            ..Recipe::default()
        })
    }
}
