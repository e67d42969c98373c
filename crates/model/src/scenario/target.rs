//! What an arm is measured against: the reference server, or somebody else's, started by a command or found at a URL. How
//! it is spoken to is in [`crate::dialect`]; starting it is the runner's business.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::dialect::Dialect;
use crate::units::Span;

/// `reference`, or somebody else's server.
#[derive(Debug, Clone, PartialEq)]
pub enum TargetChoice {
    /// Ours.
    Reference,
    /// Any other.
    Foreign(Box<Target>),
}

/// A server that is not ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The command that starts it: program and arguments. Either this or `url`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Environment variables beside those of the run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Where it is started, relative to the scenario file; beside that file if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// How it is known to be ready; when its port is open if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Ready>,
    /// The port on which it listens, where `ready` does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The signal that ends it (default term). What is still there five seconds later is killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<StopSignal>,
    /// A command that tells its version: program and arguments, beside the target and with its environment. What it says is
    /// in the record and the report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub version: Vec<String>,
    /// What it needs, and the script that installs that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install: Option<Install>,
    /// `http://HOST:PORT` of a server that runs already, instead of `command`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What it speaks.
    pub dialect: Dialect,
}

/// How a server is known to be ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ready {
    /// Something listens on this port.
    Port(u16),
    /// It has written a line with this text in it, on standard output or standard error.
    Line(String),
    /// This URL is answered with a status of 200 to 399.
    Http(String),
}

/// A signal that asks a server to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopSignal {
    /// SIGTERM.
    #[default]
    Term,
    /// SIGINT, as by Ctrl-C.
    Int,
}

/// What a server needs to be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Install {
    /// The script that installs it, relative to the scenario file.
    pub script: String,
    /// What is there after it, relative to the scenario file.
    pub creates: String,
}

/// The patience with a server that is to get ready.
pub const READY_WITHIN: Span = Span::ms(20_000);

/// The address in `http://HOST:PORT[/path]`, as text, and the path.
pub fn http_url(url: &str) -> Result<(String, u16, String), String> {
    let rest = match url.split_once("://") {
        Some(("http" | "ws", rest)) => rest,
        Some(("https" | "wss", _)) => {
            return Err(format!("`{url}`: TLS towards a target is not spoken yet; measure it behind its TLS, by http://"));
        }
        _ => return Err(format!("`{url}` is no URL of a server; write http://HOST:PORT")),
    };
    let (authority, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() => (host, port.parse().map_err(|_| format!("`{url}`: `{port}` is no port"))?),
        _ => (authority, 80),
    };
    let writable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '[' | ']' | ':');
    if host.is_empty() || !host.chars().all(writable) || path.bytes().any(|b| !b.is_ascii_graphic()) {
        return Err(format!("`{}` is no URL of a server; write http://HOST:PORT", url.escape_debug()));
    }
    Ok((host.to_string(), port, path.to_string()))
}

/// Whether a host of a URL is this machine, without asking anyone.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Target {
    /// Where it listens, if it is started by a command.
    pub fn address(&self) -> Option<SocketAddr> {
        let port = self.port.or(match &self.ready {
            Some(Ready::Port(port)) => Some(*port),
            Some(Ready::Http(url)) => http_url(url).ok().map(|(_, port, _)| port),
            _ => None,
        })?;
        Some(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// The host of its URL.
    pub fn remote_host(&self) -> Option<String> {
        let (host, ..) = http_url(self.url.as_deref()?).ok()?;
        (!is_loopback(&host)).then_some(host)
    }

    /// What is wrong with it: the option at fault, and why.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        match (&self.url, self.command.is_empty()) {
            (Some(_), false) => faults.push(("url", "a target has a `command` or a `url`, not both".into())),
            (None, true) => {
                faults.push(("command", "a target needs a `command` that starts it, or the `url` of one that runs".into()))
            }
            (Some(url), true) => {
                if let Err(fault) = http_url(url) {
                    faults.push(("url", fault));
                }
            }
            (None, false) => {
                if let Some(Ready::Http(url)) = &self.ready
                    && let Err(fault) = http_url(url)
                {
                    faults.push(("ready", fault));
                }
                if self.address().is_none() {
                    let what = "where does it listen? Add `port: N`, or `ready: { port: N }`";
                    faults.push((if self.ready.is_some() { "ready" } else { "command" }, what.into()));
                }
            }
        }
        faults
    }
}

impl Serialize for TargetChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            TargetChoice::Reference => serializer.serialize_str("reference"),
            TargetChoice::Foreign(target) => target.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for TargetChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ChoiceVisitor;
        impl<'de> Visitor<'de> for ChoiceVisitor {
            type Value = TargetChoice;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`reference`, or `{ command: [...], ready: { port: N }, dialect: ... }`")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<TargetChoice, E> {
                match text {
                    "reference" => Ok(TargetChoice::Reference),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TargetChoice, A::Error> {
                let target = Target::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(TargetChoice::Foreign(Box::new(target)))
            }
        }
        deserializer.deserialize_any(ChoiceVisitor)
    }
}

impl JsonSchema for TargetChoice {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TargetChoice".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let target = generator.subschema_for::<Target>().to_value();
        json_schema!({ "description": "The server that is measured", "anyOf": [{ "const": "reference" }, target] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart_or_refused() {
        assert_eq!(http_url("http://127.0.0.1:8080"), Ok(("127.0.0.1".into(), 8080, "/".into())));
        assert_eq!(http_url("http://example.com/a?b"), Ok(("example.com".into(), 80, "/a?b".into())));
        for (url, says) in [
            ("https://example.com", "TLS"),
            ("example.com", "no URL"),
            ("http://a:b", "no port"),
            ("http://", "no URL"),
            ("http://a b/", "no URL"),
        ] {
            assert!(http_url(url).unwrap_err().contains(says), "{url}");
        }
        assert!(is_loopback("localhost") && is_loopback("127.9.9.9") && is_loopback("[::1]"));
        assert!(!is_loopback("example.com") && !is_loopback("192.168.1.1") && !is_loopback("localhost.example.com"));
    }
}
