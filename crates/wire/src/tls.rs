//! What TLS records add to application data once a connection is set up (RFC 8446 §5, RFC 5246 §6.2.3.3).
//!
//! Handshakes are not here: their size depends on certificates and key shares and is measured, not computed.

/// Bytes of the header of every record: type, version, length (RFC 8446 §5.1).
pub const RECORD_HEADER_BYTES: u64 = 5;

/// Bytes of the authentication tag of every AEAD in use (AES-GCM, ChaCha20-Poly1305).
pub const TAG_BYTES: u64 = 16;

/// How a record is protected, as far as its size goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protection {
    /// TLS 1.3 with any of its cipher suites, without padding: header, one byte of inner content type, tag (RFC 8446 §5.2).
    Tls13,
    /// TLS 1.2 with AES-GCM: header, 8 bytes of explicit nonce, tag (RFC 5288 §3).
    Tls12AesGcm,
}

impl Protection {
    /// Bytes that one record adds to its plaintext: 22 or 29.
    pub const fn record_overhead_bytes(self) -> u64 {
        const INNER_TYPE_BYTES: u64 = 1;
        const EXPLICIT_NONCE_BYTES: u64 = 8;
        let extra_bytes = match self {
            Protection::Tls13 => INNER_TYPE_BYTES,
            Protection::Tls12AesGcm => EXPLICIT_NONCE_BYTES,
        };
        RECORD_HEADER_BYTES + extra_bytes + TAG_BYTES
    }

    /// Bytes that `records` records add to the plaintext they carry, however it is shared among them.
    pub const fn overhead_bytes(self, records: u64) -> u64 {
        records.saturating_mul(self.record_overhead_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overhead_of_a_record() {
        assert_eq!(Protection::Tls13.record_overhead_bytes(), 22);
        assert_eq!(Protection::Tls12AesGcm.record_overhead_bytes(), 29);
    }

    #[test]
    fn ten_bytes_as_measured_with_rustls() {
        assert_eq!(10 + Protection::Tls13.overhead_bytes(1), 32);
        assert_eq!(10 + Protection::Tls12AesGcm.overhead_bytes(1), 39);
    }

    #[test]
    fn overhead_of_no_records_and_of_too_many() {
        assert_eq!(Protection::Tls13.overhead_bytes(0), 0);
        assert_eq!(Protection::Tls13.overhead_bytes(u64::MAX), u64::MAX);
    }
}
