//! Writing JSON string literals (RFC 8259 §7).
//!
//! Almost every payload of a benchmark is plain printable ASCII that needs no escaping at all, so that case is found
//! first and copied whole. Parsing is left to `serde_json`.

use bytes::{BufMut, BytesMut};
use thiserror::Error;

/// A payload that is not UTF-8 was given to a format that can carry nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the payload is not UTF-8 (first bad byte at offset {valid_bytes})")]
pub struct NotUtf8 {
    /// Length in bytes of the longest valid prefix.
    pub valid_bytes: usize,
}

impl From<std::str::Utf8Error> for NotUtf8 {
    fn from(error: std::str::Utf8Error) -> Self {
        Self { valid_bytes: error.valid_up_to() }
    }
}

/// The two quotation marks around a literal.
pub(crate) const QUOTES_BYTES: usize = 2;

/// Whether `text` is printable ASCII without `"` and `\`: its JSON form is the text itself between quotes.
pub(crate) fn is_plain(text: &[u8]) -> bool {
    // Whole blocks are folded without an early exit so that the compiler can use vector instructions.
    text.chunks(64).all(|block| {
        block.iter().fold(true, |plain, &byte| plain & (0x20..0x7f).contains(&byte) & (byte != b'"') & (byte != b'\\'))
    })
}

/// Appends `text` as a JSON string literal, quotes included, and returns how many bytes that took.
///
/// # Errors
///
/// [`NotUtf8`] if `text` is not UTF-8; nothing is appended then.
pub(crate) fn push(buf: &mut BytesMut, text: &[u8]) -> Result<usize, NotUtf8> {
    if !is_plain(text) {
        return Ok(push_str(buf, std::str::from_utf8(text)?));
    }
    buf.reserve(text.len() + QUOTES_BYTES);
    buf.put_u8(b'"');
    buf.put_slice(text);
    buf.put_u8(b'"');
    Ok(text.len() + QUOTES_BYTES)
}

/// [`push`] for text that is known to be UTF-8.
pub(crate) fn push_str(buf: &mut BytesMut, text: &str) -> usize {
    let before = buf.len();
    buf.reserve(text.len() + QUOTES_BYTES);
    buf.put_u8(b'"');
    push_escaped(buf, text);
    buf.put_u8(b'"');
    buf.len() - before
}

/// How a byte that may not stand for itself is written.
enum Escape {
    /// `\` and this letter.
    Short(u8),
    /// `\u00` and the two hexadecimal digits of this byte.
    Unicode(u8),
}

/// The shortest escape of `byte`, or `None` if it stands for itself. Bytes of multi-byte characters always do.
fn escape(byte: u8) -> Option<Escape> {
    Some(match byte {
        b'"' | b'\\' => Escape::Short(byte),
        0x08 => Escape::Short(b'b'),
        0x0c => Escape::Short(b'f'),
        b'\n' => Escape::Short(b'n'),
        b'\r' => Escape::Short(b'r'),
        b'\t' => Escape::Short(b't'),
        0x00..=0x1f => Escape::Unicode(byte),
        _ => return None,
    })
}

/// Appends what stands between the quotes of a literal of `text`.
pub(crate) fn push_escaped(buf: &mut BytesMut, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let text = text.as_bytes();
    let mut copied = 0;
    for (at, &byte) in text.iter().enumerate() {
        let Some(escape) = escape(byte) else { continue };
        buf.put_slice(&text[copied..at]);
        copied = at + 1;
        match escape {
            Escape::Short(letter) => buf.put_slice(&[b'\\', letter]),
            Escape::Unicode(byte) => {
                buf.put_slice(b"\\u00");
                buf.put_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0xf)]]);
            }
        }
    }
    buf.put_slice(&text[copied..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn literal(text: &str) -> String {
        let mut buf = BytesMut::new();
        let appended = push(&mut buf, text.as_bytes()).expect("a str is UTF-8");
        assert_eq!(appended, buf.len());
        String::from_utf8(buf.to_vec()).expect("the literal of UTF-8 is UTF-8")
    }

    #[test]
    fn every_ascii_byte_as_serde_json_writes_it() {
        for byte in 0..0x80u8 {
            let text = char::from(byte).to_string();
            assert_eq!(literal(&text), serde_json::to_string(&text).expect("a string is JSON"));
        }
    }

    #[test]
    fn not_utf8_appends_nothing() {
        let mut buf = BytesMut::from(&b"before"[..]);
        assert_eq!(push(&mut buf, b"ab\xff"), Err(NotUtf8 { valid_bytes: 2 }));
        assert_eq!(&buf[..], b"before");
    }

    #[test]
    fn plain_is_decided_beyond_the_first_block() {
        let mut text = vec![b'a'; 200];
        assert!(is_plain(&text));
        text[150] = b'"';
        assert!(!is_plain(&text));
        assert!(is_plain(b""));
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(text in any::<String>()) {
            prop_assert_eq!(literal(&text), serde_json::to_string(&text).expect("a string is JSON"));
        }

        #[test]
        fn arbitrary_bytes_are_written_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut buf = BytesMut::new();
            match push(&mut buf, &bytes) {
                Ok(appended) => prop_assert_eq!(appended, buf.len()),
                Err(_) => prop_assert!(buf.is_empty() && std::str::from_utf8(&bytes).is_err()),
            }
        }
    }
}
