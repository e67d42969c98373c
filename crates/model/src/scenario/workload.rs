//! What the application does: the workloads with their parameters, and what can be asked of any of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{one, traces};
use crate::pace::Pace;
use crate::schedule::Arrivals;
use crate::units::{Size, Span};

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
