//! What HTTP/1.1's chunked transfer coding (RFC 9112 §7.1) adds to a body.
//!
//! Sizes only: the coding itself is written and read by the HTTP implementation. No chunk extensions and no trailers,
//! which nothing here sends.

/// Bytes of the last chunk with an empty trailer section: `0\r\n\r\n`.
pub const LAST_CHUNK_BYTES: usize = 5;

/// Bytes that framing adds to one chunk of `data_bytes`: the length in hexadecimal and two CRLF.
///
/// 0 for no data, because an empty chunk would end the body and so is never written.
///
/// ```
/// use wirecost_wire::chunked::chunk_framing_bytes;
/// assert_eq!(chunk_framing_bytes(0x18), "18\r\n".len() + "\r\n".len());
/// ```
pub const fn chunk_framing_bytes(data_bytes: usize) -> usize {
    match data_bytes.checked_ilog2() {
        Some(log) => log as usize / 4 + 1 + 4,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn borders_of_each_length() {
        for (data_bytes, framing_bytes) in [(0, 0), (1, 5), (15, 5), (16, 6), (255, 6), (256, 7), (65_535, 8), (65_536, 9)] {
            assert_eq!(chunk_framing_bytes(data_bytes), framing_bytes, "{data_bytes} B");
        }
    }

    proptest! {
        #[test]
        fn is_the_length_of_what_is_written(data_bytes in 1usize..) {
            prop_assert_eq!(chunk_framing_bytes(data_bytes), format!("{data_bytes:x}\r\n\r\n").len());
        }
    }
}
