//! `wirecost`: the dialect of the reference server, for one that somebody else has started. It publishes only what its
//! operator tells it to, which a load generator cannot; so it echoes, and keeps connections.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DialectRow, Events, Recipe};
use crate::transport::TransportKind;

/// Its row.
pub const ROW: DialectRow = DialectRow {
    name: "wirecost",
    transports: &[TransportKind::Websocket, TransportKind::SocketIo],
    summary: "`wirecost serve`, started by somebody else: echo and idle",
};

/// No options.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wirecost {}

impl Wirecost {
    pub(super) fn recipe(&self, transport: TransportKind) -> Option<Recipe> {
        Some(match transport {
            TransportKind::Websocket => Recipe { path: "/ws/echo".into(), ..Recipe::default() },
            _ => Recipe {
                path: "/socket.io/".into(),
                events: Some(Events {
                    send: "echo".into(),
                    receive: "message".into(),
                    argument: "\"{message}\"".into(),
                    pointer: String::new(),
                    acknowledged: true,
                }),
                ..Recipe::default()
            },
        })
    }
}
