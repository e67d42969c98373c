//! `sse`: a stream of server-sent events at one address, and a POST to another that makes one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DialectRow, Find, PublishBy, Recipe};
use crate::transport::TransportKind;

/// Its row.
pub const ROW: DialectRow = DialectRow {
    name: "sse",
    transports: &[TransportKind::Sse],
    summary: "text/event-stream at one address, published by POST to another",
};

/// Addresses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sse {
    /// Where the stream is.
    pub path: String,
    /// How messages are published.
    pub publish: PublishBy,
    /// Where the message stands in an event's data.
    pub message: Find,
}

impl Default for Sse {
    fn default() -> Self {
        Sse { path: "/events".into(), publish: PublishBy::Post("/publish".into()), message: Find::Whole }
    }
}

impl Sse {
    pub(super) fn recipe(&self, _: TransportKind) -> Option<Recipe> {
        let publish = Some(self.publish.recipe("{message}"));
        Some(Recipe { path: self.path.clone(), publish, find: self.message.clone(), ..Recipe::default() })
    }
}
