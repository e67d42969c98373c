//! Sizes below the application: TCP and IP headers, and the link header that loopback counts (RFC 9293 §3.1, RFC 791 §3.1,
//! RFC 7323 §3.2).
//!
//! IPv4 and the options Linux sends by default. Nothing here guesses how many segments the kernel made of a stream:
//! that is read from the kernel, except in [`min_segments`], which is the floor that theory compares with.

/// Bytes of an IPv4 header without options.
pub const IPV4_HEADER_BYTES: u64 = 20;

/// Bytes of a TCP header without options.
pub const TCP_HEADER_BYTES: u64 = 20;

/// Bytes of the timestamps option in every segment after the handshake, padding included (RFC 7323 §3.2, appendix A).
pub const TIMESTAMPS_BYTES: u64 = 12;

/// Bytes of the options of a SYN or SYN-ACK: maximum segment size 4, selective acknowledgements permitted 2, timestamps 10,
/// padding 1, window scale 3.
pub const SYN_OPTIONS_BYTES: u64 = 20;

/// Bytes of an Ethernet header, which the counters of a loopback interface include.
pub const ETHERNET_HEADER_BYTES: u64 = 14;

/// Bytes of headers of a segment after the handshake, from IP up: 52.
pub const SEGMENT_HEADER_BYTES: u64 = IPV4_HEADER_BYTES + TCP_HEADER_BYTES + TIMESTAMPS_BYTES;

/// Bytes of headers of a SYN or SYN-ACK, from IP up: 60.
pub const SYN_HEADER_BYTES: u64 = IPV4_HEADER_BYTES + TCP_HEADER_BYTES + SYN_OPTIONS_BYTES;

/// The lowest layer whose header is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CountFrom {
    /// IP packets, as on any path.
    Ip,
    /// Ethernet frames, as the counters of a loopback interface.
    Ethernet,
}

impl CountFrom {
    /// Bytes of the link header of each segment: 0 or 14.
    pub const fn link_header_bytes(self) -> u64 {
        match self {
            CountFrom::Ip => 0,
            CountFrom::Ethernet => ETHERNET_HEADER_BYTES,
        }
    }
}

/// Bytes of all headers of `segments` segments in one direction, of which `syns` are a SYN or SYN-ACK.
///
/// `segments` counts every segment: data, pure acknowledgements, SYN, FIN, RST. With Linux's `tcpi_segs_out` and
/// `tcpi_bytes_sent`, the bytes of one direction are `bytes_sent + header_bytes(segs_out, syns, from)`.
///
/// ```
/// use wirecost_wire::tcp::{CountFrom, header_bytes};
/// // An interface counted 566,156 bytes for 530,000 bytes of payload in 695 segments, two of them SYNs.
/// assert_eq!(530_000 + header_bytes(695, 2, CountFrom::Ip), 566_156);
/// ```
pub const fn header_bytes(segments: u64, syns: u64, from: CountFrom) -> u64 {
    segments
        .saturating_mul(SEGMENT_HEADER_BYTES + from.link_header_bytes())
        .saturating_add(syns.saturating_mul(SYN_HEADER_BYTES - SEGMENT_HEADER_BYTES))
}

/// The most payload bytes of a segment on a path of `mtu_bytes`: 1448 for 1500. 0 if the headers leave no room.
pub const fn max_segment_payload_bytes(mtu_bytes: u64) -> u64 {
    mtu_bytes.saturating_sub(SEGMENT_HEADER_BYTES)
}

/// The fewest segments that carry `payload_bytes` at `segment_payload_bytes` each; none for nothing.
///
/// `None` if `segment_payload_bytes` is 0 and there is something to carry.
pub const fn min_segments(payload_bytes: u64, segment_payload_bytes: u64) -> Option<u64> {
    if payload_bytes == 0 {
        Some(0)
    } else if segment_payload_bytes == 0 {
        None
    } else {
        Some(payload_bytes.div_ceil(segment_payload_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_as_measured_on_loopback() {
        assert_eq!(header_bytes(1, 0, CountFrom::Ethernet), 66);
        assert_eq!(header_bytes(1, 0, CountFrom::Ip), 52);
        assert_eq!(header_bytes(1, 1, CountFrom::Ethernet), 74);
        assert_eq!(header_bytes(1, 1, CountFrom::Ip), 60);
        assert_eq!(header_bytes(0, 0, CountFrom::Ethernet), 0);
    }

    #[test]
    fn segments_at_every_border() {
        let segment = max_segment_payload_bytes(1500);
        assert_eq!(segment, 1448);
        assert_eq!(min_segments(0, segment), Some(0));
        assert_eq!(min_segments(1, segment), Some(1));
        assert_eq!(min_segments(1448, segment), Some(1));
        assert_eq!(min_segments(1449, segment), Some(2));
        assert_eq!(max_segment_payload_bytes(10), 0);
        assert_eq!(min_segments(1, 0), None);
        assert_eq!(min_segments(0, 0), Some(0));
    }
}
