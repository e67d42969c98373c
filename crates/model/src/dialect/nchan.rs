//! `nchan`: nginx with the nchan module. A channel is a room. Its cursor is two headers: `Last-Modified`, to the second, and
//! `Etag`, which tells messages of one second apart. An answer to a poll carries one message and its body is the message.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DialectRow, Memory, Publish, Recipe, Source};
use crate::transport::TransportKind;

/// Its row.
pub const ROW: DialectRow = DialectRow {
    name: "nchan",
    transports: &[TransportKind::ShortPoll, TransportKind::LongPoll, TransportKind::Sse, TransportKind::Websocket],
    summary: "nginx with libnginx-mod-nchan: interval poll, long poll, EventSource, WebSocket",
};

/// Where the configuration has its locations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Nchan {
    /// `nchan_publisher`.
    pub publish: String,
    /// `nchan_subscriber intervalpoll`.
    pub short_poll: String,
    /// `nchan_subscriber longpoll`.
    pub long_poll: String,
    /// `nchan_subscriber eventsource`.
    pub sse: String,
    /// `nchan_subscriber websocket`.
    pub websocket: String,
}

impl Default for Nchan {
    fn default() -> Self {
        let at = |location: &str| format!("/{location}?id={{room}}");
        Nchan { publish: at("pub"), short_poll: at("poll"), long_poll: at("lp"), sse: at("sse"), websocket: at("ws") }
    }
}

impl Nchan {
    pub(super) fn recipe(&self, transport: TransportKind) -> Option<Recipe> {
        let publish = Publish::Post { path: self.publish.clone(), headers: Vec::new(), body: "{message}".into() };
        let recipe = Recipe { publish: Some(publish), ..Recipe::default() };
        Some(match transport {
            TransportKind::ShortPoll => polled(&self.short_poll, recipe),
            TransportKind::LongPoll => polled(&self.long_poll, recipe),
            TransportKind::Sse => Recipe { path: self.sse.clone(), ..recipe },
            _ => Recipe { path: self.websocket.clone(), ..recipe },
        })
    }
}

fn polled(path: &str, recipe: Recipe) -> Recipe {
    let memory = |name: &str, header: &str| Memory { name: name.into(), source: Source::Header(header.into()), start: None };
    Recipe {
        path: path.into(),
        headers: vec![("if-modified-since".into(), "{since}".into()), ("if-none-match".into(), "{tag}".into())],
        memories: vec![memory("since", "last-modified"), memory("tag", "etag")],
        ..recipe
    }
}
