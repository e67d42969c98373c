//! Values of an arm's options that are words: how polls are paced and answered, what Socket.IO travels by, which libraries and
//! headers clients have.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What a poll interval is measured from. Published studies mix the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pacing {
    /// From start to start; a slow answer does not lower the rate, and starts that were missed are counted.
    #[default]
    Interval,
    /// From an answer to the next request.
    Pause,
}

/// How a poll without news is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmptyAnswer {
    /// 204 No Content.
    #[default]
    NoContent,
    /// 304 Not Modified to an `If-None-Match` with the `ETag` of the last answer.
    NotModified,
}

/// The opcode of WebSocket messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Frame {
    /// Opcode 1; both ends validate UTF-8.
    #[default]
    Text,
    /// Opcode 2.
    Binary,
}

/// What Engine.IO's packets travel by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// A GET that the server holds, and POSTs.
    Polling,
    /// The same for browsers without XMLHttpRequest: scripts and forms. Engine.IO 3 only, as the official clients.
    Jsonp,
    /// WebSocket frames; after `polling` or `jsonp`, by an upgrade of their session.
    Websocket,
}

impl Via {
    /// Its YAML name.
    pub const fn name(self) -> &'static str {
        match self {
            Via::Polling => "polling",
            Via::Jsonp => "jsonp",
            Via::Websocket => "websocket",
        }
    }
}

/// Version of the Engine.IO protocol, and with it that of Socket.IO above. A number in YAML and JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub enum Engine {
    /// Socket.IO 3 and 4: the server pings.
    #[default]
    V4,
    /// Socket.IO 1 and 2: the client pings.
    V3,
}

impl Engine {
    /// As in the query of a request: `EIO=4`.
    pub const fn number(self) -> u64 {
        match self {
            Engine::V4 => 4,
            Engine::V3 => 3,
        }
    }
}

impl From<Engine> for u64 {
    fn from(engine: Engine) -> u64 {
        engine.number()
    }
}

impl TryFrom<u64> for Engine {
    type Error = String;
    fn try_from(number: u64) -> Result<Self, String> {
        match number {
            4 => Ok(Engine::V4),
            3 => Ok(Engine::V3),
            _ => Err(format!("there is no engine {number} here; use 4 (Socket.IO 3 and 4) or 3 (Socket.IO 1 and 2)")),
        }
    }
}

impl JsonSchema for Engine {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Engine".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "Version of the Engine.IO protocol: 4 (Socket.IO 3 and 4) or 3 (Socket.IO 1 and 2)", "enum": [4, 3] })
    }
}

/// HTTP version of an arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum HttpVersion {
    /// RFC 9112.
    #[default]
    #[serde(rename = "1.1")]
    H1,
}

/// Which libraries the client is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stack {
    /// reqwest and tokio-tungstenite: what an application would use.
    #[default]
    Standard,
    /// The least client that is still correct: what the protocol costs without a library.
    Lean,
}

/// Request headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Headers {
    /// Only what the protocol needs.
    #[default]
    Minimal,
    /// What a desktop browser sends with a same-origin fetch, cookie included.
    Browser,
}
