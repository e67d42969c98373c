//! Dialects: how servers that are not ours want to be spoken to. One file each holds its options, as YAML writes them, and
//! turns them into a [`Recipe`]: where to subscribe, where the message and its cursor stand, how to publish.
//!
//! Data only. The load generator follows recipes and knows no dialect; a dialect knows no socket and no clock.
//!
//! Placeholders in paths, headers and bodies: `{room}` (`all`, or `c0`, `c1` … where each client has a stream of its own),
//! `{message}` (the payload: letters, digits, `-` and `_`, so it needs no escaping anywhere), and what a recipe remembers of
//! earlier answers, by name (`{cursor}`).

pub mod custom;
pub mod nchan;
pub mod socket_io;
pub mod sockjs;
pub mod sse;
pub mod websocket;
pub mod wirecost;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::transport::TransportKind;

pub use custom::Custom;
pub use nchan::Nchan;
pub use socket_io::SocketIo;
pub use sockjs::Sockjs;
pub use sse::Sse;
pub use websocket::Websocket;
pub use wirecost::Wirecost;

/// What a server speaks. A bare name takes the dialect's defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// That of the reference server.
    Wirecost(Wirecost),
    /// nginx with the nchan module.
    Nchan(Nchan),
    /// Socket.IO, with the names of the application's events.
    SocketIo(SocketIo),
    /// Events from one address, published to another.
    Sse(Sse),
    /// Messages in frames at one address.
    Websocket(Websocket),
    /// SockJS: frames of JSON arrays over four transports.
    Sockjs(Sockjs),
    /// Everything written out.
    Custom(Box<Custom>),
}

/// What a client does, for one transport.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recipe {
    /// Where to subscribe: path and query, a template.
    pub path: String,
    /// Headers of the subscription, templates. One that speaks of something not remembered yet is left out.
    pub headers: Vec<(String, String)>,
    /// What is remembered of an answer for the next request.
    pub memories: Vec<Memory>,
    /// Where messages stand in what comes.
    pub find: Find,
    /// How what a client sends looks around the message, a template; empty = the message alone.
    pub say: String,
    /// How messages get into the server, where it can publish.
    pub publish: Option<Publish>,
    /// The names of a Socket.IO application.
    pub events: Option<Events>,
    /// Frames are SockJS's.
    pub sockjs: bool,
}

/// Something of an answer that is sent back with the next request.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    /// Its placeholder.
    pub name: String,
    /// Where it stands.
    pub source: Source,
    /// Its value before the first answer; none = what speaks of it is left out.
    pub start: Option<String>,
}

/// Where in an answer something stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// In a header, by name.
    Header(String),
    /// In the JSON of the body, by pointer (RFC 6901).
    Json(String),
}

/// Where messages stand in a body, an event or a frame.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Find {
    /// All of it is one message; nothing is none.
    #[default]
    Whole,
    /// Each line that is not empty.
    Lines,
    /// In JSON, by pointer; `*` as a part of it means each element of an array: `/messages/*/text`.
    Json(String),
}

/// How a message gets into the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publish {
    /// A POST for each.
    Post {
        /// Path and query, a template.
        path: String,
        /// Headers, templates.
        headers: Vec<(String, String)>,
        /// Body, a template.
        body: String,
    },
    /// A frame on a WebSocket of the publisher's own.
    Send {
        /// Where it connects, a template.
        path: String,
        /// What the frame says, a template.
        body: String,
    },
    /// An event from a Socket.IO client of the publisher's own.
    Emit,
}

/// The names of a Socket.IO application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// What a client emits.
    pub send: String,
    /// What it listens to.
    pub receive: String,
    /// Its argument, a template of JSON; `"{message}"` = the message as a text.
    pub argument: String,
    /// Where the message stands in the argument of what it hears; empty = the argument is the message.
    pub pointer: String,
    /// Whether an echo comes back as an acknowledgement instead of an event.
    pub acknowledged: bool,
}

/// How a scenario says that messages are published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublishBy {
    /// A POST of the message to this path.
    Post(String),
    /// A frame on a WebSocket at this path.
    Send(String),
}

impl PublishBy {
    /// The recipe's part; `say` is what a frame or body looks like.
    pub(crate) fn recipe(&self, say: &str) -> Publish {
        match self {
            PublishBy::Post(path) => Publish::Post { path: path.clone(), headers: Vec::new(), body: say.into() },
            PublishBy::Send(path) => Publish::Send { path: path.clone(), body: say.into() },
        }
    }
}

/// One row of the registry.
#[derive(Debug)]
pub struct DialectRow {
    /// Its YAML name.
    pub name: &'static str,
    /// Transports that it can speak.
    pub transports: &'static [TransportKind],
    /// One line for lists.
    pub summary: &'static str,
}

/// The registry, in the order of [`Dialect`].
pub const DIALECTS: &[DialectRow] =
    &[wirecost::ROW, nchan::ROW, socket_io::ROW, sse::ROW, websocket::ROW, sockjs::ROW, custom::ROW];

impl Dialect {
    /// Its row.
    pub fn row(&self) -> &'static DialectRow {
        let n = match self {
            Dialect::Wirecost(_) => 0,
            Dialect::Nchan(_) => 1,
            Dialect::SocketIo(_) => 2,
            Dialect::Sse(_) => 3,
            Dialect::Websocket(_) => 4,
            Dialect::Sockjs(_) => 5,
            Dialect::Custom(_) => 6,
        };
        &DIALECTS[n]
    }

    /// What a client of this transport does; `None` where the dialect has no words for it.
    pub fn recipe(&self, transport: TransportKind) -> Option<Recipe> {
        if !self.row().transports.contains(&transport) {
            return None;
        }
        match self {
            Dialect::Wirecost(options) => options.recipe(transport),
            Dialect::Nchan(options) => options.recipe(transport),
            Dialect::SocketIo(options) => options.recipe(transport),
            Dialect::Sse(options) => options.recipe(transport),
            Dialect::Websocket(options) => options.recipe(transport),
            Dialect::Sockjs(options) => options.recipe(transport),
            Dialect::Custom(options) => options.recipe(transport),
        }
    }
}

/// A template with its placeholders filled in; `None` if one of them has no value.
pub fn fill(template: &str, value: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let name_end = rest[open + 1..].find(|c: char| !(c.is_ascii_lowercase() || c == '_')).map(|n| open + 1 + n);
        match name_end {
            // Braces of JSON are not placeholders: those hold one word of small letters and nothing else.
            Some(end) if end > open + 1 && rest[end..].starts_with('}') => {
                out.push_str(&rest[..open]);
                out.push_str(&value(&rest[open + 1..end])?);
                rest = &rest[end + 1..];
            }
            _ => {
                out.push_str(&rest[..=open]);
                rest = &rest[open + 1..];
            }
        }
    }
    out.push_str(rest);
    Some(out)
}

/// The placeholders of a template.
pub fn placeholders(template: &str) -> Vec<String> {
    let found = std::cell::RefCell::new(Vec::new());
    let _ = fill(template, |name| {
        found.borrow_mut().push(name.to_string());
        Some(String::new())
    });
    found.into_inner()
}

/// What is wrong with a path: it goes into a request line as it is.
pub(crate) fn path_fault(path: &str) -> Option<String> {
    let fits = path.starts_with('/') && path.len() <= 1000 && path.bytes().all(|b| b.is_ascii_graphic());
    (!fits).then(|| format!("`{}` is no path; write `/path?query` without blanks", path.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_words_in_braces_and_json_is_not() {
        let value = |name: &str| (name == "room").then(|| "c3".to_string());
        assert_eq!(fill("/a?id={room}&x={room}", value).as_deref(), Some("/a?id=c3&x=c3"));
        assert_eq!(fill("{\"data\": \"{room}\", \"n\": {}}", value).as_deref(), Some("{\"data\": \"c3\", \"n\": {}}"));
        assert_eq!(fill("{cursor}", value), None);
        assert_eq!(fill("{", value).as_deref(), Some("{"));
        assert_eq!(placeholders("/{room}?a={cursor}"), ["room", "cursor"]);
    }

    #[test]
    fn every_dialect_has_its_row_and_a_recipe_for_each_of_its_transports() {
        for row in DIALECTS {
            let yaml = if row.name == "custom" {
                "{\"custom\": {\"path\": \"/x\", \"publish\": {\"path\": \"/p\"}}}".to_string()
            } else {
                format!("{{\"{}\": {{}}}}", row.name)
            };
            let dialect: Dialect = serde_json::from_str(&yaml).unwrap_or_else(|error| panic!("{}: {error}", row.name));
            assert_eq!(dialect.row().name, row.name);
            for transport in TransportKind::all() {
                let recipe = dialect.recipe(transport);
                assert_eq!(recipe.is_some(), row.transports.contains(&transport), "{} {transport:?}", row.name);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_template_makes_it_panic(template in "[{}a-z\"é ]{0,40}") {
            let _ = fill(&template, |_| None);
            let _ = placeholders(&template);
        }
    }
}
