//! `custom`: everything written out, for a server that speaks none of the others.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DialectRow, Find, Memory, Publish, Recipe, Source};
use crate::transport::TransportKind;

/// Its row.
pub const ROW: DialectRow = DialectRow {
    name: "custom",
    transports: &[
        TransportKind::ShortPoll,
        TransportKind::LongPoll,
        TransportKind::HttpStream,
        TransportKind::Sse,
        TransportKind::Websocket,
    ],
    summary: "addresses, headers, bodies, cursors and messages by templates and pointers",
};

/// All of a recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Custom {
    /// Where clients subscribe: path and query, with placeholders.
    pub path: String,
    /// Headers of the subscription.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// What is remembered of an answer: placeholder → where it stands. What is left out of the first request is what speaks
    /// of something that nothing is remembered of, unless `start` says otherwise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub remember: BTreeMap<String, Source>,
    /// Values before the first answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub start: BTreeMap<String, String>,
    /// Where messages stand in a body, an event or a frame.
    #[serde(default)]
    pub message: Find,
    /// What a frame that a client sends looks like.
    #[serde(default = "message")]
    pub say: String,
    /// How messages are published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<CustomPublish>,
}

/// A POST.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomPublish {
    /// Path and query.
    pub path: String,
    /// Headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Body.
    #[serde(default = "message")]
    pub body: String,
}

fn message() -> String {
    "{message}".into()
}

impl Custom {
    pub(super) fn recipe(&self, _: TransportKind) -> Option<Recipe> {
        let pairs = |map: &BTreeMap<String, String>| map.iter().map(|(k, v)| (k.to_lowercase(), v.clone())).collect();
        let memories = self.remember.iter().map(|(name, source)| Memory {
            name: name.clone(),
            source: match source {
                Source::Header(name) => Source::Header(name.to_lowercase()),
                other => other.clone(),
            },
            start: self.start.get(name).cloned(),
        });
        let publish = self.publish.as_ref().map(|publish| Publish::Post {
            path: publish.path.clone(),
            headers: pairs(&publish.headers),
            body: publish.body.clone(),
        });
        Some(Recipe {
            path: self.path.clone(),
            headers: pairs(&self.headers),
            memories: memories.collect(),
            find: self.message.clone(),
            say: self.say.clone(),
            publish,
            ..Recipe::default()
        })
    }
}
