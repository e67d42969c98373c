//! The competitors: a transport and its options, as they stand in YAML. What a value of an option may be is in `options` and `tls`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::options::{EmptyAnswer, Engine, Frame, Headers, HttpVersion, Pacing, Stack, Via};
use super::{TargetChoice, Tls};
use crate::transport::{COMMON_OPTIONS, TRANSPORTS, TransportKind};
use crate::units::Span;

/// A competitor: a transport and its options. In YAML a bare name, or a name with options.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// How messages travel.
    pub transport: TransportKind,
    /// What differs from the defaults.
    pub options: ArmOptions,
}

impl Arm {
    /// What the report calls it.
    pub fn name(&self) -> &str {
        self.options.name.as_deref().unwrap_or(self.transport.row().name)
    }

    /// What the copy of it is called that runs beside it, if it has one.
    pub fn twin(&self, defaults: &ArmOptions) -> Option<String> {
        self.options.aa.or(defaults.aa).unwrap_or(false).then(|| format!("{}{TWIN}", self.name()))
    }
}

/// What follows an arm's name in that of its copy.
const TWIN: &str = " (A/A)";

/// Options of an arm, or of all arms under `defaults`. Which transport takes which is in the registry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArmOptions {
    /// What the report calls it; the transport's name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Runs the arm a second time beside itself, as `NAME (A/A)`: how far apart two equals are on this machine (default off).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aa: Option<bool>,
    /// short_poll: time between polls (default 1s).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Span>,
    /// short_poll: what the interval is measured from (default interval).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pacing: Option<Pacing>,
    /// short_poll: how the server says "nothing" (default no_content).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty: Option<EmptyAnswer>,
    /// long_poll: how long the server holds a request (default 25s).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Span>,
    /// long_poll: how long a client that was answered takes before it asks again (default 0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Span>,
    /// websocket: frame type of messages (default text).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<Frame>,
    /// short_poll, long_poll: one connection for all polls, or one for each (default on).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_alive: Option<bool>,
    /// socket_io: what packets travel by, in the order of use (default [polling, websocket]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Vec<Via>>,
    /// socket_io: version of the Engine.IO protocol (default 4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// socket_io: the namespace that clients connect to (default /).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// socket_io: whether a client that loses its connection connects again (default off).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconnect: Option<bool>,
    /// Encryption (default off).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// HTTP version (default "1.1").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpVersion>,
    /// Client libraries (default standard; lean against a target, where bytes are counted at the client's end).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<Stack>,
    /// Request headers beside the necessary ones (default minimal).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<Headers>,
    /// The server that this arm is measured against (default: the scenario's).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetChoice>,
}

impl ArmOptions {
    /// Names of the options that are set.
    pub fn set(&self) -> Vec<&'static str> {
        let all: [(&'static str, bool); 18] = [
            ("name", self.name.is_some()),
            ("aa", self.aa.is_some()),
            ("interval", self.interval.is_some()),
            ("pacing", self.pacing.is_some()),
            ("empty", self.empty.is_some()),
            ("hold", self.hold.is_some()),
            ("gap", self.gap.is_some()),
            ("frame", self.frame.is_some()),
            ("keep_alive", self.keep_alive.is_some()),
            ("via", self.via.is_some()),
            ("engine", self.engine.is_some()),
            ("namespace", self.namespace.is_some()),
            ("reconnect", self.reconnect.is_some()),
            ("tls", self.tls.is_some()),
            ("http", self.http.is_some()),
            ("stack", self.stack.is_some()),
            ("headers", self.headers.is_some()),
            ("target", self.target.is_some()),
        ];
        all.into_iter().filter_map(|(name, set)| set.then_some(name)).collect()
    }
}

impl Serialize for Arm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.transport.row().name, &self.options)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Arm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ArmVisitor;
        impl<'de> Visitor<'de> for ArmVisitor {
            type Value = Arm;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "an arm: a transport's name, or one with options such as `short_poll: {{ interval: 1s }}`")
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Arm, E> {
                Ok(Arm { transport: transport(name)?, options: ArmOptions::default() })
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Arm, A::Error> {
                let name: String = map.next_key()?.ok_or_else(|| A::Error::custom("an arm needs a transport's name"))?;
                let transport = transport(&name)?;
                let options: Option<ArmOptions> = map.next_value()?;
                if let Some(second) = map.next_key::<String>()? {
                    return Err(A::Error::custom(format!("an arm names one transport; `{second}` needs a `- ` of its own")));
                }
                Ok(Arm { transport, options: options.unwrap_or_default() })
            }
        }
        deserializer.deserialize_any(ArmVisitor)
    }
}

fn transport<E: serde::de::Error>(name: &str) -> Result<TransportKind, E> {
    TransportKind::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = TRANSPORTS.iter().map(|row| row.name).collect();
        E::custom(format!("`{name}` is not a transport; there are {}", names.join(", ")))
    })
}

impl JsonSchema for Arm {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Arm".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = TRANSPORTS.iter().map(|row| row.name).collect();
        let options = generator.subschema_for::<ArmOptions>().to_value();
        let variants: Vec<serde_json::Value> = TRANSPORTS
            .iter()
            .map(|row| {
                let allowed: Vec<&str> = COMMON_OPTIONS.iter().chain(row.options).copied().collect();
                serde_json::json!({
                    "type": "object",
                    "description": row.summary,
                    "properties": { row.name: { "allOf": [options], "propertyNames": { "enum": allowed } } },
                    "required": [row.name],
                    "additionalProperties": false
                })
            })
            .collect();
        let mut any = vec![serde_json::json!({ "type": "string", "enum": names })];
        any.extend(variants);
        json_schema!({ "description": "A competitor: a transport's name, or one with options", "anyOf": any })
    }
}
