//! `websocket`: frames at one address. What is sent there comes back (echo) or goes to everyone (broadcast); or a POST
//! somewhere else is what goes to everyone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DialectRow, Find, PublishBy, Recipe};
use crate::transport::TransportKind;

/// Its row.
pub const ROW: DialectRow = DialectRow {
    name: "websocket",
    transports: &[TransportKind::Websocket],
    summary: "messages in frames; published by a frame or a POST",
};

/// Addresses and shapes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Websocket {
    /// Where clients connect.
    pub path: String,
    /// How messages are published: by a frame at the same address if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish: Option<PublishBy>,
    /// What a frame that is sent looks like around `{message}`.
    pub say: String,
    /// Where the message stands in a frame.
    pub message: Find,
}

impl Default for Websocket {
    fn default() -> Self {
        Websocket { path: "/".into(), publish: None, say: "{message}".into(), message: Find::Whole }
    }
}

impl Websocket {
    pub(super) fn recipe(&self, _: TransportKind) -> Option<Recipe> {
        let publish = self.publish.clone().unwrap_or(PublishBy::Send(self.path.clone())).recipe(&self.say);
        Some(Recipe {
            path: self.path.clone(),
            publish: Some(publish),
            say: self.say.clone(),
            find: self.message.clone(),
            ..Recipe::default()
        })
    }
}
