//! The ledger: bytes by layer, phase and direction, in a shape in which the layers add up.
//!
//! Counting happens elsewhere (metering streams and the kernel, in `probe`; heads and payloads where
//! they are written, in `server`). This file holds the shape and the one subtraction that turns raw
//! counters into layers, the same for every transport; what the kernel counted on the interface is in `interface`.

mod interface;

use std::ops::{AddAssign, Sub};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use interface::{Carried, Explanation, InterfaceAccount};

/// Which way bytes went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// Which part of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Clients connect; nothing is published.
    Setup,
    /// Messages flow, nothing is recorded in histograms.
    Warmup,
    /// The measured window.
    Steady,
    /// Nothing more is published; what is on its way may arrive.
    Drain,
    /// Connections end.
    Close,
}

impl Phase {
    /// In the order of time.
    pub const ALL: [Phase; 5] = [Phase::Setup, Phase::Warmup, Phase::Steady, Phase::Drain, Phase::Close];
}

/// A layer of the ledger. Disjoint: every byte is in exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// What the application sends.
    Payload,
    /// What the transport wraps around a message: JSON, SSE lines, chunk and WebSocket headers.
    Framing,
    /// Request line and headers, of requests whose answer carried something.
    RequestHead,
    /// Status line and headers of answers that carried something.
    ResponseHead,
    /// Request line and headers of polls that brought nothing.
    EmptyRequestHead,
    /// Status line and headers of answers to polls that brought nothing.
    EmptyResponseHead,
    /// TLS handshake messages.
    TlsHandshake,
    /// TLS record headers, tags, tickets and alerts.
    TlsRecord,
    /// IP and TCP headers of segments that carry data.
    TcpData,
    /// Segments that only acknowledge.
    TcpAck,
    /// SYN, SYN-ACK, FIN and RST segments.
    TcpControl,
    /// Data sent again, with its headers.
    Retransmit,
}

impl Layer {
    /// From the application down to the wire.
    pub const ALL: [Layer; 12] = [
        Layer::Payload,
        Layer::Framing,
        Layer::RequestHead,
        Layer::ResponseHead,
        Layer::EmptyRequestHead,
        Layer::EmptyResponseHead,
        Layer::TlsHandshake,
        Layer::TlsRecord,
        Layer::TcpData,
        Layer::TcpAck,
        Layer::TcpControl,
        Layer::Retransmit,
    ];

    /// Its name in prose and charts.
    pub fn label(self) -> &'static str {
        match self {
            Layer::Payload => "payload",
            Layer::Framing => "message framing",
            Layer::RequestHead => "request headers",
            Layer::ResponseHead => "response headers",
            Layer::EmptyRequestHead => "request headers of empty polls",
            Layer::EmptyResponseHead => "response headers of empty polls",
            Layer::TlsHandshake => "TLS handshake",
            Layer::TlsRecord => "TLS records",
            Layer::TcpData => "TCP/IP headers of data",
            Layer::TcpAck => "pure ACKs",
            Layer::TcpControl => "SYN, FIN, RST",
            Layer::Retransmit => "retransmits",
        }
    }

    /// Below the socket: what the kernel adds to the bytes that a program writes.
    pub fn is_kernel(self) -> bool {
        matches!(self, Layer::TcpData | Layer::TcpAck | Layer::TcpControl | Layer::Retransmit)
    }
}

/// A number for each direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Flow {
    /// Client to server.
    pub up: u64,
    /// Server to client.
    pub down: u64,
}

impl Flow {
    /// One of the two.
    pub fn get(self, direction: Direction) -> u64 {
        match direction {
            Direction::Up => self.up,
            Direction::Down => self.down,
        }
    }
    fn get_mut(&mut self, direction: Direction) -> &mut u64 {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
    /// Both.
    pub fn total(self) -> u64 {
        self.up + self.down
    }
}

impl AddAssign for Flow {
    fn add_assign(&mut self, other: Flow) {
        self.up += other.up;
        self.down += other.down;
    }
}

impl Sub for Flow {
    type Output = Flow;
    fn sub(self, other: Flow) -> Flow {
        Flow { up: self.up.saturating_sub(other.up), down: self.down.saturating_sub(other.down) }
    }
}

/// Declares [`Counters`] once, so that adding, subtracting and the field list cannot drift apart.
macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)*) => {
        /// Everything that is counted at the server's end of every connection since it started.
        /// All cumulative: a phase is the difference of two readings.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub struct Counters { $($(#[$doc])* pub $field: $type,)* }

        impl AddAssign for Counters {
            fn add_assign(&mut self, other: Counters) { $(self.$field += other.$field;)* }
        }

        impl Counters {
            /// The lesser of each pair.
            fn least(self, later: Counters) -> Counters {
                Counters { $($field: Minus::least(self.$field, later.$field),)* }
            }
        }

        impl Sub for Counters {
            type Output = Counters;
            /// What happened between two readings.
            fn sub(self, other: Counters) -> Counters {
                Counters { $($field: Minus::minus(self.$field, other.$field),)* }
            }
        }
    };
}

/// Subtraction that stops at zero: readings of live connections may be a few bytes apart.
trait Minus {
    fn minus(self, other: Self) -> Self;
    fn least(self, other: Self) -> Self;
}
impl Minus for u64 {
    fn least(self, other: u64) -> u64 {
        self.min(other)
    }
    fn minus(self, other: u64) -> u64 {
        self.saturating_sub(other)
    }
}
impl Minus for Flow {
    fn least(self, other: Flow) -> Flow {
        Flow { up: self.up.min(other.up), down: self.down.min(other.down) }
    }
    fn minus(self, other: Flow) -> Flow {
        self - other
    }
}

counters! {
    /// Connections accepted.
    connections: u64,
    /// Requests, of every kind.
    requests: u64,
    /// Polls answered with nothing.
    empty_answers: u64,
    /// Polls answered with at least one message.
    full_answers: u64,
    /// Messages in those answers (the batching factor's numerator).
    messages_in_answers: u64,
    /// How long polls have been held at the server, ns, over all of them; of those that wait at the moment, so far.
    #[serde(default)]
    parked_ns: u64,
    /// Of those that were held when a message came: how many were answered.
    #[serde(default)]
    woken_polls: u64,
    /// From that message until the answer was taken, ns, over all of them: their task had to wake.
    #[serde(default)]
    waking_ns: u64,
    /// Messages.
    messages: Flow,
    /// Payload bytes of messages.
    payload_bytes: Flow,
    /// Heads of requests (up) and responses (down), except of empty polls.
    head_bytes: Flow,
    /// Heads of empty polls and of their answers.
    empty_head_bytes: Flow,
    /// Bytes above TLS.
    plain_bytes: Flow,
    /// Bytes below TLS: what the sockets carried. Equal to `plain_bytes` without TLS.
    socket_bytes: Flow,
    /// Of `socket_bytes`, those until each TLS handshake was complete.
    tls_handshake_bytes: Flow,
    /// Segments that carry data for the first time.
    data_segments: Flow,
    /// Segments that only acknowledge.
    ack_segments: Flow,
    /// SYN, SYN-ACK, FIN (without data), RST.
    control_segments: Flow,
    /// Headers of data segments.
    data_header_bytes: Flow,
    /// Whole pure ACKs.
    ack_bytes: Flow,
    /// Of `ack_bytes`, 12 for each segment that arrived twice: the DSACK blocks that said so (RFC 2883).
    #[serde(default)]
    dsack_bytes: Flow,
    /// Whole SYN, SYN-ACK, FIN and RST segments.
    control_bytes: Flow,
    /// Segments sent again.
    retransmit_segments: Flow,
    /// Of these, segments without payload that the reading end sent. All are taken for SYN or SYN-ACK, as nobody tells; a FIN
    /// is 8 bytes shorter.
    #[serde(default)]
    retransmit_control_segments: u64,
    /// Of the control segments, RSTs that are taken for answers of a host without a socket, which carry no timestamps and are 12
    /// bytes shorter than those of a socket that gives up.
    #[serde(default)]
    bare_resets: u64,
    /// Bytes sent again, with their headers.
    retransmit_bytes: Flow,
    /// read(2)-like calls of the server on its sockets.
    reads: u64,
    /// write(2)-like calls of the server on its sockets.
    writes: u64,
    /// Connections that ended in a protocol error of the client's.
    bad_clients: u64,
}

impl Counters {
    /// A reading held to a `later` one, so that phases add up to the whole. Taken while requests are under way it may be ahead
    /// in a layer: by a head whose class was not known yet; by bytes that were read but not yet told to be a head, which a
    /// subtraction would call framing; and by a head that was named but not yet written. What is ahead is left to the phase in which
    /// it was both.
    #[must_use]
    pub fn at_most(self, later: Counters) -> Counters {
        let mut held = self.least(later);
        for direction in [Direction::Up, Direction::Down] {
            let of = |flow: Flow| flow.get(direction);
            let named = |held: &Counters| of(held.head_bytes) + of(held.empty_head_bytes) + of(held.payload_bytes);
            let not_written = named(&held).saturating_sub(of(held.plain_bytes));
            *held.head_bytes.get_mut(direction) = of(held.head_bytes).saturating_sub(not_written);
            let named = named(&held);
            let plain = of(held.plain_bytes).min(named + later.layer(Layer::Framing, direction));
            let below = plain + of(held.tls_handshake_bytes) + later.layer(Layer::TlsRecord, direction);
            let socket = of(held.socket_bytes).min(below);
            *held.plain_bytes.get_mut(direction) = plain;
            *held.socket_bytes.get_mut(direction) = socket;
        }
        held
    }

    /// The bytes of all layers, both directions.
    pub fn all_layers_bytes(&self) -> u64 {
        let of = |direction| Layer::ALL.map(|layer| self.layer(layer, direction)).iter().sum::<u64>();
        of(Direction::Up) + of(Direction::Down)
    }

    /// The bytes of one layer and direction. The one place where overhead is a subtraction.
    pub fn layer(&self, layer: Layer, direction: Direction) -> u64 {
        let get = |flow: Flow| flow.get(direction);
        let head = |up: bool, flow: Flow| if up == (direction == Direction::Up) { get(flow) } else { 0 };
        match layer {
            Layer::Payload => get(self.payload_bytes),
            Layer::Framing => {
                get(self.plain_bytes).saturating_sub(get(self.head_bytes) + get(self.empty_head_bytes) + get(self.payload_bytes))
            }
            Layer::RequestHead => head(true, self.head_bytes),
            Layer::ResponseHead => head(false, self.head_bytes),
            Layer::EmptyRequestHead => head(true, self.empty_head_bytes),
            Layer::EmptyResponseHead => head(false, self.empty_head_bytes),
            Layer::TlsHandshake => get(self.tls_handshake_bytes),
            Layer::TlsRecord => get(self.socket_bytes).saturating_sub(get(self.plain_bytes) + get(self.tls_handshake_bytes)),
            Layer::TcpData => get(self.data_header_bytes),
            Layer::TcpAck => get(self.ack_bytes),
            Layer::TcpControl => get(self.control_bytes),
            Layer::Retransmit => get(self.retransmit_bytes),
        }
    }
}

/// Bytes of one layer in one phase and direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// When.
    pub phase: Phase,
    /// Which way.
    pub direction: Direction,
    /// Which layer.
    pub layer: Layer,
    /// How many.
    pub bytes: u64,
}

/// What was counted in one phase, beside the bytes by layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseCounters {
    /// When.
    pub phase: Phase,
    /// How long it lasted, ns.
    pub duration_ns: u64,
    /// The differences over the phase.
    pub counters: Counters,
    /// What the interface of the private network carried meanwhile. Read a few µs apart from the counters while traffic
    /// goes on, so a phase may differ by what was on its way; the whole trial may not.
    #[serde(default)]
    pub interface: Option<Carried>,
}

/// Holds every reading to those after it ([`Counters::at_most`]): then the differences add up to the last.
pub fn hold(readings: &mut [Counters]) {
    for earlier in (0..readings.len().saturating_sub(1)).rev() {
        readings[earlier] = readings[earlier].at_most(readings[earlier + 1]);
    }
}

/// Bytes by layer, phase and direction, and the counts beside them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ledger {
    /// Non-zero entries only.
    pub entries: Vec<Entry>,
    /// One per phase that took place.
    pub phases: Vec<PhaseCounters>,
    /// Where the trial ran in a private network: the interface's counters. Else "not reconciled".
    pub interface: Option<InterfaceAccount>,
}

impl Ledger {
    /// Builds the entries of one phase from the difference of two readings.
    pub fn add_phase(&mut self, phase: Phase, duration_ns: u64, counters: Counters) {
        for direction in [Direction::Up, Direction::Down] {
            for layer in Layer::ALL {
                let bytes = counters.layer(layer, direction);
                if bytes > 0 {
                    self.entries.push(Entry { phase, direction, layer, bytes });
                }
            }
        }
        self.phases.push(PhaseCounters { phase, duration_ns, counters, interface: None });
    }

    /// Σ bytes of the entries that the filter keeps.
    pub fn bytes(&self, keep: impl Fn(&Entry) -> bool) -> u64 {
        self.entries.iter().filter(|e| keep(e)).map(|e| e.bytes).sum()
    }

    /// The counters of a phase; zeros if it did not take place.
    pub fn phase(&self, phase: Phase) -> Counters {
        self.phases.iter().find(|p| p.phase == phase).map(|p| p.counters).unwrap_or_default()
    }

    /// Length of a phase, ns.
    pub fn duration_ns(&self, phase: Phase) -> u64 {
        self.phases.iter().find(|p| p.phase == phase).map_or(0, |p| p.duration_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_add_up_even_if_a_reading_was_ahead() {
        let reading = |head, empty| Counters {
            head_bytes: Flow { up: head, down: 0 },
            empty_head_bytes: Flow { up: empty, down: 0 },
            plain_bytes: Flow { up: 175, down: 0 },
            socket_bytes: Flow { up: 175, down: 0 },
            ..Counters::default()
        };
        // A parked request of 75 bytes counts as a head until its answer is known to be empty.
        let (early, late) = (reading(175, 0), reading(100, 75));
        let held = early.at_most(late);
        assert_eq!((held.head_bytes.up, held.layer(Layer::Framing, Direction::Up)), (100, 0));
        assert_eq!(held.all_layers_bytes() + (late - held).all_layers_bytes(), 175);
        // And it is framing, by subtraction, while it has been read and is not counted yet.
        let early = reading(100, 0);
        assert_eq!(early.layer(Layer::Framing, Direction::Up), 75);
        let held = early.at_most(late);
        assert_eq!(held.all_layers_bytes() + (late - held).all_layers_bytes(), 175);
        // A head that was counted before its bytes were written belongs to the phase that has both.
        let later = Counters { plain_bytes: Flow { up: 250, down: 0 }, ..reading(250, 0) };
        let later = Counters { socket_bytes: later.plain_bytes, ..later };
        let held = reading(250, 0).at_most(later);
        assert_eq!((held.head_bytes.up, (later - held).head_bytes.up), (175, 75));
        assert_eq!(held.all_layers_bytes() + (later - held).all_layers_bytes(), 250);
    }

    /// One way's `[payload, heads, empty heads, framing, TLS records, TLS handshake]`.
    fn flowing(layers: [u64; 6]) -> Counters {
        let [payload, head, empty, framing, records, handshake] = layers;
        let up = |bytes| Flow { up: bytes, down: bytes / 3 };
        let plain = [payload, head, empty, framing].map(up).into_iter().fold(Flow::default(), |mut sum, flow| {
            sum += flow;
            sum
        });
        let mut socket = plain;
        socket += up(records);
        socket += up(handshake);
        Counters {
            payload_bytes: up(payload),
            head_bytes: up(head),
            empty_head_bytes: up(empty),
            plain_bytes: plain,
            socket_bytes: socket,
            tls_handshake_bytes: up(handshake),
            ..Counters::default()
        }
    }

    proptest::proptest! {
        /// Whatever readings say, in whatever order they are ahead of each other: nothing is counted twice, nothing is left out.
        #[test]
        fn phases_add_up_to_the_last_reading(readings in proptest::collection::vec(proptest::array::uniform6(0u64..2000), 1..7)) {
            let mut readings: Vec<Counters> = readings.into_iter().map(flowing).collect();
            let last = *readings.last().unwrap();
            hold(&mut readings);
            let mut before = Counters::default();
            let mut sums = [0; Layer::ALL.len()];
            for reading in readings {
                for (sum, layer) in sums.iter_mut().zip(Layer::ALL) {
                    *sum += (reading - before).layer(layer, Direction::Up);
                }
                before = reading;
            }
            proptest::prop_assert_eq!(sums, Layer::ALL.map(|layer| last.layer(layer, Direction::Up)));
        }
    }

    #[test]
    fn the_layers_of_a_reading_add_up_to_what_the_wire_carried() {
        let counters = Counters {
            payload_bytes: Flow { up: 0, down: 100 },
            head_bytes: Flow { up: 60, down: 120 },
            empty_head_bytes: Flow { up: 55, down: 40 },
            plain_bytes: Flow { up: 115, down: 290 },
            socket_bytes: Flow { up: 500, down: 1000 },
            tls_handshake_bytes: Flow { up: 316, down: 664 },
            data_header_bytes: Flow { up: 132, down: 66 },
            ack_bytes: Flow { up: 66, down: 132 },
            control_bytes: Flow { up: 140, down: 140 },
            ..Counters::default()
        };
        let mut ledger = Ledger::default();
        ledger.add_phase(Phase::Steady, 1, counters);
        let total = ledger.bytes(|_| true);
        let wire = counters.socket_bytes.total()
            + counters.data_header_bytes.total()
            + counters.ack_bytes.total()
            + counters.control_bytes.total();
        assert_eq!(total, wire);
        assert_eq!(counters.layer(Layer::Framing, Direction::Down), 290 - 120 - 40 - 100);
    }
}
