//! Sizes of WebSocket frame headers and the close codes (RFC 6455 §5.2 and §7.4).
//!
//! Frames themselves are written and read by a WebSocket library on either side; this is what the ledger needs to tell
//! framing from payload, and what a check needs to tell a legal close from an illegal one.

/// Bytes of the masking key that every frame from a client carries (RFC 6455 §5.3).
pub const MASKING_KEY_BYTES: usize = 4;

/// The most payload a control frame (close, ping, pong) may carry (RFC 6455 §5.5).
pub const MAX_CONTROL_PAYLOAD_BYTES: usize = 125;

/// The end of a connection that sends a frame, which decides whether the frame is masked (RFC 6455 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    /// Never masks.
    Server,
    /// Always masks.
    Client,
}

/// Bytes of the header of one frame with `payload_bytes` of payload (RFC 6455 §5.2): 2, 4 or 10, and 4 more from a client.
///
/// ```
/// use wirecost_wire::websocket::{Sender, header_bytes};
/// assert_eq!(header_bytes(125, Sender::Server), 2);
/// assert_eq!(header_bytes(126, Sender::Client), 8);
/// ```
pub const fn header_bytes(payload_bytes: usize, sender: Sender) -> usize {
    let length_bytes = match payload_bytes {
        0..=125 => 2,
        126..=65_535 => 4,
        _ => 10,
    };
    match sender {
        Sender::Server => length_bytes,
        Sender::Client => length_bytes + MASKING_KEY_BYTES,
    }
}

/// The close codes that are sent here, and which may be sent at all (RFC 6455 §7.4.1 and the IANA WebSocket Close Code Number
/// Registry).
pub mod close {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: u16 = 1000;
    /// A protocol error.
    pub const PROTOCOL_ERROR: u16 = 1002;
    /// Data that do not fit their type, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: u16 = 1007;
    /// A message too big to process.
    pub const MESSAGE_TOO_BIG: u16 = 1009;

    /// Whether `code` may stand in a close frame (RFC 6455 §7.4.1, §7.4.2).
    ///
    /// True for the codes defined for the wire (1000–1003, 1007–1014), for libraries and frameworks (3000–3999) and for
    /// private use (4000–4999); false for 1004 (reserved), 1005, 1006 and 1015, and for all that nobody has defined.
    pub const fn may_be_sent(code: u16) -> bool {
        matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_at_every_border() {
        for (payload_bytes, down, up) in
            [(0, 2, 6), (125, 2, 6), (126, 4, 8), (65_535, 4, 8), (65_536, 10, 14), (usize::MAX, 10, 14)]
        {
            assert_eq!(header_bytes(payload_bytes, Sender::Server), down, "{payload_bytes} B down");
            assert_eq!(header_bytes(payload_bytes, Sender::Client), up, "{payload_bytes} B up");
        }
    }

    #[test]
    fn codes_on_the_wire() {
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
            assert!(close::may_be_sent(code), "{code}");
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999] {
            assert!(!close::may_be_sent(code), "{code}");
        }
        assert!(!close::may_be_sent(5000) && !close::may_be_sent(u16::MAX));
    }
}
