//! What waits to be sent in one session, apart from the messages of rooms, which wait in the hub. Bounded: a client that asks
//! without reading the answers is not served for ever. All sessions together are bounded too ([`super::budget`]).

use std::collections::VecDeque;

use bytes::Bytes;
use wirecost_wire::engine_io::Packet;

use super::budget::{Budget, Share};

/// Packets that may wait.
const MAX_PACKETS: usize = 16_384;

/// Bytes that may wait.
const MAX_BYTES: usize = 8 << 20;

/// What a packet takes up beside its data: its place in the queue, and an allowance for the places that a queue has in reserve and
/// for the allocator.
pub const PACKET_BYTES: usize = size_of::<Outgoing>() + 64;

/// What a WebSocket is still read with: behind this the client has to read first.
const HIGH_WATER_BYTES: usize = 256 << 10;
const HIGH_WATER_PACKETS: usize = 1024;

/// One packet to be sent.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// What.
    pub content: Content,
    /// The payload of the application's message that it carries, if it carries one.
    pub payload_bytes: Option<u64>,
}

/// A packet, or its text.
#[derive(Debug, Clone)]
pub enum Content {
    /// Any packet.
    Packet(Packet),
    /// A text message with its digit: encoded once, for however many it is sent to.
    Message(Bytes),
}

impl Outgoing {
    /// A packet that carries no message. Its data are copied, because what came from a client is a slice of a body or a buffer,
    /// all of which would be kept along with it.
    pub fn packet(packet: Packet) -> Outgoing {
        let owned = |data: Bytes| Bytes::copy_from_slice(&data);
        let packet = match packet {
            Packet::Open(data) => Packet::Open(owned(data)),
            Packet::Ping(data) => Packet::Ping(owned(data)),
            Packet::Pong(data) => Packet::Pong(owned(data)),
            Packet::Message(data) => Packet::Message(owned(data)),
            Packet::Binary(data) => Packet::Binary(owned(data)),
            Packet::Close | Packet::Upgrade | Packet::Noop => packet,
        };
        Outgoing { content: Content::Packet(packet), payload_bytes: None }
    }

    /// As a packet, whichever it is.
    pub fn to_packet(&self) -> Packet {
        match &self.content {
            Content::Packet(packet) => packet.clone(),
            // Behind the digit, which is always there.
            Content::Message(text) => Packet::Message(text.slice(text.len().min(1)..)),
        }
    }

    /// Whether it is there for the connection's sake only.
    pub fn is_heartbeat(&self) -> bool {
        matches!(self.content, Content::Packet(Packet::Ping(_) | Packet::Pong(_) | Packet::Noop))
    }

    fn bytes(&self) -> usize {
        match &self.content {
            Content::Message(data)
            | Content::Packet(
                Packet::Open(data) | Packet::Ping(data) | Packet::Pong(data) | Packet::Message(data) | Packet::Binary(data),
            ) => data.len(),
            Content::Packet(Packet::Close | Packet::Upgrade | Packet::Noop) => 0,
        }
    }
}

/// Messages and payload bytes of some packets.
pub fn tally(packets: &[Outgoing]) -> (u64, u64) {
    let payloads = packets.iter().filter_map(|outgoing| outgoing.payload_bytes);
    payloads.fold((0, 0), |(messages, bytes), payload| (messages + 1, bytes + payload))
}

/// The queue.
#[derive(Debug)]
pub struct Outbox {
    queue: VecDeque<Outgoing>,
    bytes: usize,
    /// Of the server's budget, for what is in the queue.
    share: Share,
    overflowed: bool,
}

impl Outbox {
    /// A queue with nothing in it.
    pub fn new(budget: &Budget) -> Outbox {
        Outbox { queue: VecDeque::new(), bytes: 0, share: budget.share(), overflowed: false }
    }

    /// Adds a packet, unless there are too many, here or in all sessions together, which is remembered.
    pub fn push(&mut self, outgoing: Outgoing) {
        let bytes = outgoing.bytes();
        let is_full = self.queue.len() >= MAX_PACKETS || self.bytes >= MAX_BYTES;
        if is_full || !self.share.grow(bytes + PACKET_BYTES) {
            self.overflowed = true;
            return;
        }
        self.bytes += bytes;
        self.queue.push_back(outgoing);
    }

    /// Whether anything did not fit. The session is to be closed then: a gap would go unnoticed.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Whether the client should read before it is listened to again.
    pub fn is_high(&self) -> bool {
        self.bytes > HIGH_WATER_BYTES || self.queue.len() > HIGH_WATER_PACKETS
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The first packets, of `bytes` together or a little more; at least one if there is one.
    pub fn take(&mut self, bytes: usize) -> Vec<Outgoing> {
        // As it mostly is: what comes from rooms is not queued here.
        if self.queue.is_empty() {
            return Vec::new();
        }
        let mut taken_bytes = 0;
        let mut taken = Vec::new();
        while taken_bytes < bytes.max(1)
            && let Some(outgoing) = self.queue.pop_front()
        {
            taken_bytes += outgoing.bytes();
            taken.push(outgoing);
        }
        self.bytes -= taken_bytes;
        self.share.shrink(taken_bytes + taken.len() * PACKET_BYTES);
        if self.queue.is_empty() {
            // The memory of a burst is not kept.
            self.queue = VecDeque::new();
        }
        taken
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.queue = VecDeque::new();
        self.share.clear();
        (self.bytes, self.overflowed) = (0, false);
    }
}

#[cfg(test)]
mod tests {
    use super::super::budget::MAX_KEPT_BYTES;
    use super::*;

    fn outbox() -> Outbox {
        Outbox::new(&Budget::new(MAX_KEPT_BYTES))
    }

    fn message(text: &'static str) -> Outgoing {
        Outgoing { content: Content::Packet(Packet::Message(text.into())), payload_bytes: Some(text.len() as u64) }
    }

    #[test]
    fn is_taken_in_order_and_in_parts() {
        let mut outbox = outbox();
        ["one", "two", "three"].into_iter().for_each(|text| outbox.push(message(text)));
        assert_eq!(outbox.take(4).len(), 2);
        assert_eq!(tally(&outbox.take(0)), (1, 5));
        assert!(outbox.is_empty() && outbox.bytes == 0 && outbox.take(9).is_empty());
    }

    #[test]
    fn is_bounded() {
        let (mut large_ones, mut small_ones) = (outbox(), outbox());
        let large = Bytes::from(vec![b'x'; 1 << 20]);
        for _ in 0..20 {
            large_ones.push(Outgoing::packet(Packet::Message(large.clone())));
        }
        assert!(large_ones.overflowed() && large_ones.is_high());
        assert_eq!(large_ones.queue.len(), 8);
        (0..20_000).for_each(|_| small_ones.push(Outgoing::packet(Packet::Noop)));
        assert!(small_ones.overflowed() && small_ones.queue.len() == MAX_PACKETS);
    }

    #[test]
    fn all_together_are_bounded_and_give_back_what_is_taken_or_forgotten() {
        let each = "twelve bytes".len() + PACKET_BYTES;
        let budget = Budget::new(5 * each);
        let (mut one, mut other) = (Outbox::new(&budget), Outbox::new(&budget));
        (0..4).for_each(|_| one.push(message("twelve bytes")));
        other.push(message("twelve bytes"));
        assert!(!one.overflowed() && !other.overflowed() && budget.taken_bytes() == 5 * each);
        other.push(Outgoing::packet(Packet::Noop));
        assert!(other.overflowed() && other.queue.len() == 1);
        assert_eq!((one.take(20).len(), budget.taken_bytes()), (2, 3 * each));
        other.clear();
        assert!(!other.overflowed() && other.is_empty() && budget.taken_bytes() == 2 * each);
        drop(one);
        assert_eq!(budget.taken_bytes(), 0);
    }
}
