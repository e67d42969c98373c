//! Streaming, server-sent events, WebSocket: a message leaves as soon as it is there.

use wirecost_model::TransportKind;
use wirecost_wire::{chunked, tcp, websocket};

/// Latency: s + d, in seconds. A message larger than a segment adds size/bandwidth, which is nothing on one host.
pub fn delivery_s(server_s: f64, delay_s: f64) -> f64 {
    server_s + delay_s
}

/// Bytes a message: P + h + F·(1 + α). P payload, h the transport's own framing, F the headers of a segment, α pure
/// acknowledgements per message. For one message a segment.
pub fn bytes_per_message(payload_bytes: f64, framing_bytes: f64, segment_bytes: f64, acks_per_message: f64) -> f64 {
    payload_bytes + framing_bytes + segment_bytes * (1.0 + acks_per_message)
}

/// The same with the set-up spread over a session: h + set-up/(λ·session), per message.
pub fn amortised_bytes_per_message(per_message: f64, set_up_bytes: f64, rate_per_s: f64, session_s: f64) -> f64 {
    per_message + set_up_bytes / (rate_per_s * session_s)
}

/// Least framing of a message from server to client that the protocol allows: a WebSocket frame's header, or for server-sent
/// events `data:` with two line ends (the blank that is customary between is left out; WHATWG HTML §9.2.6) and the chunk around
/// them. `None` for transports whose framing is the application's.
pub fn least_framing_bytes(kind: TransportKind, payload_bytes: usize) -> Option<f64> {
    match kind {
        TransportKind::Websocket => Some(websocket::header_bytes(payload_bytes, websocket::Sender::Server) as f64),
        TransportKind::Sse => {
            let event = payload_bytes + "data:\n\n".len();
            Some((event - payload_bytes + chunked::chunk_framing_bytes(event)) as f64)
        }
        _ => None,
    }
}

/// F: headers of a data segment from IP up, IPv4 and TCP with timestamps. The ledger counts IP packets, so no link header is in
/// it: a real Ethernet adds 14 bytes to each.
pub const SEGMENT_BYTES: u64 = tcp::SEGMENT_HEADER_BYTES;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framing_is_the_protocols_own() {
        assert_eq!(least_framing_bytes(TransportKind::Websocket, 125), Some(2.0));
        assert_eq!(least_framing_bytes(TransportKind::Websocket, 128), Some(4.0));
        assert_eq!(least_framing_bytes(TransportKind::Websocket, 70_000), Some(10.0));
        // 7 for the event, and a chunk's size in hexadecimal with two line ends.
        assert_eq!(least_framing_bytes(TransportKind::Sse, 128), Some(7.0 + 6.0));
        assert_eq!(least_framing_bytes(TransportKind::LongPoll, 128), None);
    }

    #[test]
    fn a_small_message_is_mostly_headers() {
        let bytes = bytes_per_message(128.0, 4.0, SEGMENT_BYTES as f64, 1.0);
        assert_eq!(bytes, 128.0 + 4.0 + 104.0);
        assert_eq!(amortised_bytes_per_message(bytes, 2640.0, 1.0, 10.0), bytes + 264.0);
        assert_eq!(delivery_s(0.001, 0.002), 0.003);
    }
}
