//! What waits to be sent in one session, apart from the messages of rooms, which wait in the hub. Bounded: a client that asks
//! without reading the answers is not served for ever.

use std::collections::VecDeque;

use bytes::Bytes;
use wirecost_wire::engine_io::Packet;

/// Packets that may wait.
const MAX_PACKETS: usize = 16_384;

/// Bytes that may wait.
const MAX_BYTES: usize = 8 << 20;

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
    /// A packet of the protocol's own.
    pub fn packet(packet: Packet) -> Outgoing {
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
#[derive(Debug, Default)]
pub struct Outbox {
    queue: VecDeque<Outgoing>,
    bytes: usize,
    overflowed: bool,
}

impl Outbox {
    /// Adds a packet, unless there are too many, which is remembered.
    pub fn push(&mut self, outgoing: Outgoing) {
        if self.queue.len() >= MAX_PACKETS || self.bytes >= MAX_BYTES {
            self.overflowed = true;
            return;
        }
        self.bytes += outgoing.bytes();
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
        let mut taken_bytes = 0;
        let mut taken = Vec::new();
        while taken_bytes < bytes.max(1)
            && let Some(outgoing) = self.queue.pop_front()
        {
            taken_bytes += outgoing.bytes();
            taken.push(outgoing);
        }
        self.bytes -= taken_bytes;
        if self.queue.is_empty() {
            // The memory of a burst is not kept.
            self.queue = VecDeque::new();
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &'static str) -> Outgoing {
        Outgoing { content: Content::Packet(Packet::Message(text.into())), payload_bytes: Some(text.len() as u64) }
    }

    #[test]
    fn is_taken_in_order_and_in_parts() {
        let mut outbox = Outbox::default();
        ["one", "two", "three"].into_iter().for_each(|text| outbox.push(message(text)));
        assert_eq!(outbox.take(4).len(), 2);
        assert_eq!(tally(&outbox.take(0)), (1, 5));
        assert!(outbox.is_empty() && outbox.bytes == 0 && outbox.take(9).is_empty());
    }

    #[test]
    fn is_bounded() {
        let mut outbox = Outbox::default();
        let large = Bytes::from(vec![b'x'; 1 << 20]);
        for _ in 0..20 {
            outbox.push(Outgoing::packet(Packet::Message(large.clone())));
        }
        assert!(outbox.overflowed() && outbox.is_high());
        assert_eq!(outbox.queue.len(), 8);
        let mut outbox = Outbox::default();
        (0..20_000).for_each(|_| outbox.push(Outgoing::packet(Packet::Noop)));
        assert!(outbox.overflowed() && outbox.queue.len() == MAX_PACKETS);
    }
}
