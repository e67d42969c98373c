//! `sockjs`: SockJS 0.3. A session is `/PREFIX/SERVER/SESSION/…`; frames are `o`, `h`, `a["…"]` and `c[…]`, over a WebSocket,
//! an event stream, or polls by POST.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DialectRow, PublishBy, Recipe};
use crate::transport::TransportKind;

/// Its row.
pub const ROW: DialectRow = DialectRow {
    name: "sockjs",
    transports: &[TransportKind::Sse, TransportKind::Websocket],
    summary: "SockJS 0.3: its WebSocket and its event stream",
};

/// Where it is mounted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sockjs {
    /// The prefix of the service.
    pub prefix: String,
    /// How messages are published; by a frame on a session of the publisher's own if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish: Option<PublishBy>,
}

impl Default for Sockjs {
    fn default() -> Self {
        Sockjs { prefix: "/echo".into(), publish: None }
    }
}

/// What a client sends: an array with one text in it.
const SAY: &str = "[\"{message}\"]";

impl Sockjs {
    pub(super) fn recipe(&self, transport: TransportKind) -> Option<Recipe> {
        let session = |end: &str| format!("{}/000/{{session}}/{end}", self.prefix);
        let publish = match &self.publish {
            Some(publish) => publish.recipe("{message}"),
            None => PublishBy::Send(session("websocket")).recipe(SAY),
        };
        let path = session(if transport == TransportKind::Sse { "eventsource" } else { "websocket" });
        Some(Recipe { path, publish: Some(publish), say: SAY.into(), sockjs: true, ..Recipe::default() })
    }
}
