//! The registry of transports: one row each. Help texts, schema, chart colours, conformance tests and
//! the list command all read this table; nothing else enumerates transports by hand.
//!
//! How a transport talks lives on its two sides: `server/src/transport/`, `loadgen/src/transport/`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A way to get messages from a server to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransportKind {
    /// GET again and again at an interval.
    ShortPoll,
    /// GET that the server holds until there is something to say.
    LongPoll,
    /// One response that never ends: chunked lines of JSON.
    HttpStream,
    /// One response that never ends: `text/event-stream`.
    Sse,
    /// One Upgrade, then frames both ways.
    Websocket,
    /// Engine.IO and Socket.IO packets over polling, over WebSocket, or over one and then the other.
    SocketIo,
}

/// Who decides when a message crosses the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initiative {
    /// The client asks; a message waits for the next question.
    Pull,
    /// The server sends as soon as there is something.
    Push,
}

/// One row of the registry.
#[derive(Debug)]
pub struct TransportRow {
    /// The transport.
    pub kind: TransportKind,
    /// Its name in YAML, JSON, CSV and on the command line.
    pub name: &'static str,
    /// Its name in prose and charts.
    pub label: &'static str,
    /// Pull or push.
    pub initiative: Initiative,
    /// Chart colour, at least 3:1 against white and against #111418; `currentColor` = the text's.
    pub colour: &'static str,
    /// SVG `stroke-dasharray` of its lines, so that colour is never the only mark. Empty = solid.
    pub dash: &'static str,
    /// Options of its own (beside those that every arm takes), as written in YAML.
    pub options: &'static [&'static str],
    /// One line for `wirecost list transports`.
    pub summary: &'static str,
}

/// Options that every arm takes.
pub const COMMON_OPTIONS: &[&str] = &["name", "aa", "tls", "http", "stack", "headers", "target"];

/// The registry, in the order of reports.
pub const TRANSPORTS: &[TransportRow] = &[
    TransportRow {
        kind: TransportKind::ShortPoll,
        name: "short_poll",
        label: "Short polling",
        initiative: Initiative::Pull,
        colour: "#D55E00",
        dash: "",
        options: &["interval", "pacing", "empty", "keep_alive"],
        summary: "GET at an interval; stale when the interval is long, wasted requests when it is short",
    },
    TransportRow {
        kind: TransportKind::LongPoll,
        name: "long_poll",
        label: "Long polling",
        initiative: Initiative::Pull,
        colour: "#CC79A7",
        dash: "6 3",
        options: &["hold", "gap", "keep_alive"],
        summary: "GET held by the server until a message or the hold ends; messages wait while no request is parked",
    },
    TransportRow {
        kind: TransportKind::HttpStream,
        name: "http_stream",
        label: "HTTP streaming",
        initiative: Initiative::Push,
        colour: "#009E73",
        dash: "8 4",
        options: &[],
        summary: "one chunked response of JSON lines that never ends; client messages go by POST",
    },
    TransportRow {
        kind: TransportKind::Sse,
        name: "sse",
        label: "Server-sent events",
        initiative: Initiative::Push,
        colour: "#009E73",
        dash: "",
        options: &[],
        summary: "one text/event-stream response with ids and Last-Event-ID resume; client messages go by POST",
    },
    TransportRow {
        kind: TransportKind::Websocket,
        name: "websocket",
        label: "WebSocket",
        initiative: Initiative::Push,
        colour: "#0072B2",
        dash: "",
        options: &["frame"],
        summary: "one HTTP Upgrade, then frames of 2 to 14 bytes of header both ways on one connection",
    },
    TransportRow {
        kind: TransportKind::SocketIo,
        name: "socket_io",
        label: "Socket.IO",
        initiative: Initiative::Push,
        colour: "currentColor",
        dash: "2 3",
        options: &["via", "engine", "namespace", "reconnect"],
        summary: "events in Engine.IO packets over held GETs and POSTs, over WebSocket, or over the first until the second is up",
    },
];

impl TransportKind {
    /// Every transport, in the order of reports.
    pub fn all() -> impl Iterator<Item = TransportKind> {
        TRANSPORTS.iter().map(|row| row.kind)
    }

    /// This transport's row.
    pub fn row(self) -> &'static TransportRow {
        TRANSPORTS.iter().find(|row| row.kind == self).expect("every kind has a row (tested)")
    }

    /// By its YAML name.
    pub fn from_name(name: &str) -> Option<TransportKind> {
        TRANSPORTS.iter().find(|row| row.name == name).map(|row| row.kind)
    }

    /// Whether an arm of this transport takes the option.
    pub fn takes(self, option: &str) -> bool {
        COMMON_OPTIONS.contains(&option) || self.row().options.contains(&option)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_equal_to_the_serialised_form() {
        for row in TRANSPORTS {
            assert_eq!(TransportKind::from_name(row.name), Some(row.kind));
            assert_eq!(row.kind.row().name, row.name);
            let debug = format!("{:?}", row.kind);
            assert_eq!(debug.to_lowercase(), row.name.replace('_', ""), "the YAML name is the type's name");
        }
    }
}
