//! A scenario: a question and everything needed to answer it, as the YAML file says it.
//!
//! `node` reads YAML into a tree that knows where everything stands, `de` turns the tree into the
//! types below, `load` does both, sweeps the axes and collects every problem at once. What the values
//! mean together is checked in `check`. None of it touches a file.
//!
//! Longer than other files on purpose: it is the whole vocabulary of a scenario, one short documented type after another,
//! and a reader looks words up in one place.

mod at_scale;
mod check;
mod de;
mod load;
mod node;
mod search;
pub mod target;
mod traces;

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use at_scale::{AtScale, Many};
pub use load::{Loaded, Problem, Variant, hash, load, load_with, tls_options};
pub use search::{ClientRange, RateRange, Search};
pub use target::{Target, TargetChoice};
pub use traces::ReadFile;

use crate::faults::Faults;
use crate::pace::Pace;
use crate::schedule::Arrivals;
use crate::transport::{COMMON_OPTIONS, TRANSPORTS, TransportKind};
use crate::units::{Size, Span};

/// One YAML file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Short name, `[a-z0-9-]`; part of the name of the results folder.
    pub name: String,
    /// The question that the report answers.
    pub question: String,
    /// What the application does.
    pub workload: Workload,
    /// How many clients are connected.
    #[serde(default = "one")]
    pub clients: u32,
    /// The phases of a trial.
    #[serde(default)]
    pub trial: TrialTiming,
    /// Trials of each cell. Six is the least for which a 95 % interval of the median exists.
    #[serde(default = "six")]
    pub trials: u32,
    /// The source of all chance in the plan.
    #[serde(default = "one_seed")]
    pub seed: u64,
    /// The competitors.
    pub arms: Vec<Arm>,
    /// The arm that others are compared to; the first if absent.
    #[serde(default)]
    pub baseline: Option<String>,
    /// The server that is measured: the reference server if absent. An arm's own comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetChoice>,
    /// Parameters to sweep: `clients: [10, 50]`, `interval: [100ms, 1s]`, `workload.push.rate: […]`.
    #[serde(default)]
    pub axes: BTreeMap<String, Vec<Scalar>>,
    /// Options for every arm that takes them; an arm's own come first.
    #[serde(default)]
    pub defaults: ArmOptions,
    /// What the reference server does wrong on purpose, to see that it is noticed.
    #[serde(default, skip_serializing_if = "Faults::is_none")]
    pub faults: Faults,
    /// Where the trial's network is.
    #[serde(default)]
    pub wire: Wire,
    /// Largest IP packet of a private network, bytes; 1500 is Ethernet's.
    #[serde(default = "ethernet_mtu")]
    pub mtu: u32,
    /// In place of a fixed number of trials: the highest rate, or the most clients, at which a condition still holds, for each arm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// What must hold for the run to exit 0, such as `websocket.delivery.p99 < 50ms`.
    #[serde(default)]
    pub thresholds: Vec<String>,
    /// The size of a service that the report extrapolates to: `{ clients: 1M, rate: 1/s }`. Nothing of it is run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_scale: Option<AtScale>,
    /// Prose that the report prints beside the numbers.
    #[serde(default)]
    pub analysis: String,
}

/// Ethernet's.
pub(crate) fn ethernet_mtu() -> u32 {
    1500
}
fn one() -> u32 {
    1
}
fn one_seed() -> u64 {
    1
}
fn six() -> u32 {
    6
}

/// What the application does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Workload {
    /// The server publishes; clients receive. Open loop: due times are fixed beforehand.
    Push(Push),
    /// Each client sends and gets it back. Closed loop: the next waits for an answer.
    Echo(Echo),
    /// Each client sends; the server receives. Open loop.
    Upload(Upload),
    /// Both at once, open loop.
    Duplex(Duplex),
    /// Clients talk to each other in rooms, through the server. Open loop.
    Chat(Chat),
    /// The server publishes, and cuts connections off: who misses what, and for how long. Open loop.
    Reconnect(Reconnect),
    /// Clients are connected and nothing is said: what a connection costs.
    Idle(Idle),
}

/// The server publishes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = traces::brings_rates)]
pub struct Push {
    /// Messages per second of one stream; required, unless a trace brings its own.
    pub rate: Pace,
    /// The arrival process.
    #[serde(default)]
    pub arrivals: Arrivals,
    /// Payload size of a message.
    #[serde(default = "payload")]
    pub payload: Size,
    /// One stream for all, or one for each client.
    #[serde(default)]
    pub audience: Audience,
}

/// Who receives a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Every client receives every message.
    #[default]
    Broadcast,
    /// Every client has a stream of its own, at the given rate.
    Each,
}

/// Request and answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Echo {
    /// Messages on their way per client.
    #[serde(default = "one")]
    pub outstanding: u32,
    /// Payload size of a message.
    #[serde(default = "payload")]
    pub payload: Size,
}

/// Clients send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = traces::brings_rates)]
pub struct Upload {
    /// Messages per second of each client; required, unless a trace brings its own.
    pub rate: Pace,
    /// The arrival process.
    #[serde(default)]
    pub arrivals: Arrivals,
    /// Payload size of a message.
    #[serde(default = "payload")]
    pub payload: Size,
}

/// Both directions at once: each client receives the broadcast stream and sends one of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = traces::brings_rates)]
pub struct Duplex {
    /// Messages per second from the server; required, unless a trace brings its own.
    pub down: Pace,
    /// Messages per second from each client; required, unless a trace brings its own.
    pub up: Pace,
    /// The arrival process of both.
    #[serde(default)]
    pub arrivals: Arrivals,
    /// Payload size of a message.
    #[serde(default = "payload")]
    pub payload: Size,
}

/// Each client sends to the rooms that it is in, in turn, and everyone in a room receives what is said there, the sender too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = traces::brings_rates)]
pub struct Chat {
    /// How many rooms there are.
    #[serde(default = "one")]
    pub rooms: u32,
    /// How many rooms each client is in.
    #[serde(default = "one")]
    pub joins: u32,
    /// Messages per second of each client, over all its rooms; required, unless a trace brings its own.
    pub rate: Pace,
    /// The arrival process.
    #[serde(default)]
    pub arrivals: Arrivals,
    /// Payload size of a message.
    #[serde(default = "payload")]
    pub payload: Size,
}

impl Chat {
    /// The rooms of a client: as many neighbours in the ring of rooms as it joins, so that rooms are equally large or nearly so.
    pub fn rooms_of(&self, client: u32) -> impl Iterator<Item = u32> + Clone + use<> {
        let rooms = self.rooms.max(1);
        (0..self.joins.min(rooms)).map(move |nth| (client % rooms + nth) % rooms)
    }

    /// The clients of a room.
    pub fn members_of(&self, room: u32, clients: u32) -> impl Iterator<Item = u32> + use<'_> {
        (0..clients).filter(move |&client| self.rooms_of(client).any(|one| one == room))
    }

    /// The number of the stream of what a client says in a room: the rest by the number of rooms is the room, so that whoever
    /// passes a message on can read from it where it belongs.
    pub fn stream(&self, client: u32, room: u32) -> u32 {
        client * self.rooms.max(1) + room
    }
}

/// The server publishes one stream for all, and cuts a share of the connections off at one moment of the measured window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = traces::brings_rates)]
pub struct Reconnect {
    /// Messages per second; required, unless a trace brings its own.
    pub rate: Pace,
    /// The arrival process.
    #[serde(default)]
    pub arrivals: Arrivals,
    /// Payload size of a message.
    #[serde(default = "payload")]
    pub payload: Size,
    /// Share of the connections that are cut off, more than 0 and up to 1.
    #[serde(default = "all_of_them")]
    pub share: f64,
    /// When, from the beginning of the measured window; in its middle if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Span>,
    /// How long a client waits before it connects again: half of this to one and a half times as long, at random; if that
    /// fails, twice as long each time, up to 5 s.
    #[serde(default = "one_second")]
    pub delay: Span,
}

fn all_of_them() -> f64 {
    1.0
}

fn one_second() -> Span {
    Span::ms(1000)
}

/// Nothing is said.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Idle {}

fn payload() -> Size {
    Size(128)
}

/// The phases of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialTiming {
    /// Messages flow, nothing is recorded.
    #[serde(default = "TrialTiming::default_warmup")]
    pub warmup: Span,
    /// The measured window.
    #[serde(default = "TrialTiming::default_measure")]
    pub measure: Span,
    /// How long to wait, at most, for what is still on its way.
    #[serde(default = "TrialTiming::default_drain")]
    pub drain: Span,
}

impl TrialTiming {
    fn default_warmup() -> Span {
        Span::ms(1000)
    }
    fn default_measure() -> Span {
        Span::ms(5000)
    }
    fn default_drain() -> Span {
        Span::ms(2000)
    }
}

impl TrialTiming {
    /// How long messages flow.
    pub fn flow(&self) -> Span {
        Span(self.warmup.ns() + self.measure.ns())
    }
}

impl Default for TrialTiming {
    fn default() -> Self {
        TrialTiming { warmup: Self::default_warmup(), measure: Self::default_measure(), drain: Self::default_drain() }
    }
}

/// Where the packets of a trial go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wire {
    /// Private if the machine allows it, else host.
    #[default]
    Auto,
    /// A network namespace of the trial's own: every packet is the trial's, MTU 1500, counted by the kernel.
    Private,
    /// The host's loopback.
    Host,
}

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
pub(crate) const TWIN: &str = " (A/A)";

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

/// `off`, `on`, or a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// `http://`, `ws://`.
    Off,
    /// `https://`, `wss://`.
    #[serde(untagged)]
    On(TlsOptions),
}

/// TLS, pinned and named, because the defaults of libraries differ by kilobytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsOptions {
    /// Protocol version (default "1.3").
    #[serde(default)]
    pub version: TlsVersion,
    /// Key exchange group (default x25519).
    #[serde(default)]
    pub kx: KeyExchange,
    /// Whether later connections of a client may resume its session (default off).
    #[serde(default)]
    pub resume: bool,
}

/// TLS protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// RFC 8446.
    #[default]
    #[serde(rename = "1.3")]
    V13,
    /// RFC 5246.
    #[serde(rename = "1.2")]
    V12,
}

/// Key exchange group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyExchange {
    /// 32-byte shares.
    #[default]
    X25519,
    /// The post-quantum hybrid: shares of 1,216 and 1,120 bytes; TLS 1.3 only.
    X25519mlkem768,
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

/// A value of an axis, as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// `true`.
    Bool(bool),
    /// `50`.
    Int(i64),
    /// `0.5`.
    Float(f64),
    /// `250ms`.
    Text(String),
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scalar::Bool(v) => write!(f, "{v}"),
            Scalar::Int(v) => write!(f, "{v}"),
            Scalar::Float(v) => write!(f, "{v}"),
            Scalar::Text(v) => f.write_str(v),
        }
    }
}

impl Workload {
    /// Its YAML name.
    pub fn name(&self) -> &'static str {
        match self {
            Workload::Push(_) => "push",
            Workload::Echo(_) => "echo",
            Workload::Upload(_) => "upload",
            Workload::Duplex(_) => "duplex",
            Workload::Chat(_) => "chat",
            Workload::Reconnect(_) => "reconnect",
            Workload::Idle(_) => "idle",
        }
    }

    /// The same with every ramp as long as `span`, where nothing else is said of it.
    #[must_use]
    pub fn over(mut self, span: Span) -> Workload {
        match &mut self {
            Workload::Push(Push { rate, .. })
            | Workload::Upload(Upload { rate, .. })
            | Workload::Chat(Chat { rate, .. })
            | Workload::Reconnect(Reconnect { rate, .. }) => {
                *rate = rate.over(span);
            }
            Workload::Duplex(Duplex { down, up, .. }) => (*down, *up) = (down.over(span), up.over(span)),
            Workload::Echo(_) | Workload::Idle(_) => {}
        }
        self
    }

    /// The process by which its messages become due; none in a closed loop and in `idle`.
    pub fn arrivals(&self) -> Option<&Arrivals> {
        match self {
            Workload::Push(w) => Some(&w.arrivals),
            Workload::Upload(w) => Some(&w.arrivals),
            Workload::Duplex(w) => Some(&w.arrivals),
            Workload::Chat(w) => Some(&w.arrivals),
            Workload::Reconnect(w) => Some(&w.arrivals),
            Workload::Echo(_) | Workload::Idle(_) => None,
        }
    }

    /// Its rates; none in a closed loop and in `idle`.
    pub fn paces(&self) -> Vec<Pace> {
        match self {
            Workload::Push(Push { rate, .. })
            | Workload::Upload(Upload { rate, .. })
            | Workload::Chat(Chat { rate, .. })
            | Workload::Reconnect(Reconnect { rate, .. }) => vec![*rate],
            Workload::Duplex(Duplex { down, up, .. }) => vec![*down, *up],
            Workload::Echo(_) | Workload::Idle(_) => Vec::new(),
        }
    }

    /// Whether a rate of it changes under way.
    pub fn is_ramp(&self) -> bool {
        self.paces().iter().any(|pace| pace.ramp().is_some())
    }

    /// Payload size of its messages; none for `idle`.
    pub fn payload(&self) -> Option<Size> {
        match self {
            Workload::Push(w) => Some(w.payload),
            Workload::Echo(w) => Some(w.payload),
            Workload::Upload(w) => Some(w.payload),
            Workload::Duplex(w) => Some(w.payload),
            Workload::Chat(w) => Some(w.payload),
            Workload::Reconnect(w) => Some(w.payload),
            Workload::Idle(_) => None,
        }
    }
}

impl Scenario {
    /// The defaults of its arms, its target among them.
    pub fn with_target(&self) -> ArmOptions {
        ArmOptions { target: self.defaults.target.clone().or_else(|| self.target.clone()), ..self.defaults.clone() }
    }
}

impl ArmOptions {
    /// Names of the options that are set.
    pub fn set(&self) -> Vec<&'static str> {
        let all: [(&'static str, bool); 17] = [
            ("name", self.name.is_some()),
            ("aa", self.aa.is_some()),
            ("interval", self.interval.is_some()),
            ("pacing", self.pacing.is_some()),
            ("empty", self.empty.is_some()),
            ("hold", self.hold.is_some()),
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

impl<'de> Deserialize<'de> for Tls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TlsVisitor;
        impl<'de> Visitor<'de> for TlsVisitor {
            type Value = Tls;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`off`, `on`, or `{ version: \"1.3\", kx: x25519, resume: off }`")
            }
            fn visit_bool<E: serde::de::Error>(self, on: bool) -> Result<Tls, E> {
                Ok(if on { Tls::On(TlsOptions::default()) } else { Tls::Off })
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Tls, E> {
                match text {
                    "on" => self.visit_bool(true),
                    "off" => self.visit_bool(false),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Tls, A::Error> {
                TlsOptions::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Tls::On)
            }
        }
        deserializer.deserialize_any(TlsVisitor)
    }
}
