//! What TLS records add to application data once a connection is set up (RFC 8446 §5, RFC 5246 §6.2.3.3).
//!
//! Handshakes are not here: their size depends on certificates and key shares and is measured, not computed.

/// Bytes of the header of every record: type, version, length (RFC 8446 §5.1).
pub const RECORD_HEADER_BYTES: u64 = 5;

/// Bytes of the authentication tag of every AEAD in use (AES-GCM, ChaCha20-Poly1305).
pub const TAG_BYTES: u64 = 16;

/// The most plaintext that one record may carry (RFC 8446 §5.1).
pub const MAX_FRAGMENT_BYTES: u64 = 16_384;

/// How a record is protected, as far as its size goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protection {
    /// TLS 1.3 with any of its cipher suites, without padding: header, one byte of inner content type, tag (RFC 8446 §5.2).
    Tls13,
    /// TLS 1.2 with AES-GCM: header, 8 bytes of explicit nonce, tag (RFC 5288 §3).
    Tls12AesGcm,
    /// TLS 1.2 with ChaCha20-Poly1305: header and tag, since the nonce is implicit (RFC 7905 §2).
    Tls12ChaCha20Poly1305,
}

impl Protection {
    /// Bytes that one record adds to its plaintext: 22, 29 or 21.
    pub const fn record_overhead_bytes(self) -> u64 {
        const INNER_TYPE_BYTES: u64 = 1;
        const EXPLICIT_NONCE_BYTES: u64 = 8;
        let extra_bytes = match self {
            Protection::Tls13 => INNER_TYPE_BYTES,
            Protection::Tls12AesGcm => EXPLICIT_NONCE_BYTES,
            Protection::Tls12ChaCha20Poly1305 => 0,
        };
        RECORD_HEADER_BYTES + extra_bytes + TAG_BYTES
    }

    /// Bytes that `records` records add to the plaintext they carry, however it is shared among them.
    pub const fn overhead_bytes(self, records: u64) -> u64 {
        records.saturating_mul(self.record_overhead_bytes())
    }

    /// Bytes on the wire of `plaintext_bytes` handed to TLS in one write, cut into as few records as the limit allows.
    pub const fn write_bytes(self, plaintext_bytes: u64) -> u64 {
        plaintext_bytes.saturating_add(self.overhead_bytes(min_records(plaintext_bytes)))
    }
}

/// The fewest records that carry `plaintext_bytes`; none for nothing.
pub const fn min_records(plaintext_bytes: u64) -> u64 {
    plaintext_bytes.div_ceil(MAX_FRAGMENT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overhead_of_a_record() {
        assert_eq!(Protection::Tls13.record_overhead_bytes(), 22);
        assert_eq!(Protection::Tls12AesGcm.record_overhead_bytes(), 29);
        assert_eq!(Protection::Tls12ChaCha20Poly1305.record_overhead_bytes(), 21);
    }

    #[test]
    fn ten_bytes_as_measured_with_rustls() {
        assert_eq!(Protection::Tls13.write_bytes(10), 32);
        assert_eq!(Protection::Tls12AesGcm.write_bytes(10), 39);
    }

    #[test]
    fn records_at_every_border() {
        for (plaintext_bytes, records) in [(0, 0), (1, 1), (16_384, 1), (16_385, 2), (32_768, 2), (32_769, 3)] {
            assert_eq!(min_records(plaintext_bytes), records, "{plaintext_bytes} B");
        }
        assert_eq!(Protection::Tls13.write_bytes(u64::MAX), u64::MAX);
    }
}
