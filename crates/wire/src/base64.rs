//! Base64 (RFC 4648 §4: standard alphabet, padded), which Engine.IO's polling transport uses for binary data.
//!
//! Only the canonical form is read: padding in its place, no white space, no stray bits. A peer that writes anything else
//! has a bug that should show.

use bytes::{BufMut, BytesMut};
use thiserror::Error;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const PADDING: u8 = b'=';

/// Marks a byte outside the alphabet in [`VALUES`].
const INVALID: u8 = 0xff;

/// What each byte of the alphabet stands for.
static VALUES: [u8; 256] = {
    let mut values = [INVALID; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        values[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    values
};

/// Text that is not canonical base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not canonical base64")]
pub struct InvalidBase64;

/// Bytes of the encoding of `data_bytes`: four for every three begun.
pub(crate) const fn encoded_bytes(data_bytes: usize) -> usize {
    data_bytes.div_ceil(3).saturating_mul(4)
}

/// Appends the encoding of `data` and returns how many bytes that took.
pub(crate) fn push(buf: &mut BytesMut, data: &[u8]) -> usize {
    let appended = encoded_bytes(data.len());
    buf.reserve(appended);
    let digit = |bits: u32, shift: u32| ALPHABET[(bits >> shift & 0x3f) as usize];
    let (groups, rest) = data.as_chunks::<3>();
    for &[a, b, c] in groups {
        let bits = u32::from_be_bytes([0, a, b, c]);
        buf.put_slice(&[digit(bits, 18), digit(bits, 12), digit(bits, 6), digit(bits, 0)]);
    }
    match *rest {
        [a] => {
            let bits = u32::from_be_bytes([0, a, 0, 0]);
            buf.put_slice(&[digit(bits, 18), digit(bits, 12), PADDING, PADDING]);
        }
        [a, b] => {
            let bits = u32::from_be_bytes([0, a, b, 0]);
            buf.put_slice(&[digit(bits, 18), digit(bits, 12), digit(bits, 6), PADDING]);
        }
        _ => {}
    }
    appended
}

/// Decodes `text`, which bounds the result: three bytes for four.
///
/// # Errors
///
/// [`InvalidBase64`] unless `text` is exactly what [`push`] writes for some data.
pub(crate) fn decode(text: &[u8]) -> Result<Vec<u8>, InvalidBase64> {
    let (groups, []) = text.as_chunks::<4>() else { return Err(InvalidBase64) };
    let Some((&last, groups)) = groups.split_last() else { return Ok(Vec::new()) };
    let mut data = Vec::with_capacity(text.len() / 4 * 3);
    for &group in groups {
        let [_, a, b, c] = group_bits(group)?.to_be_bytes();
        data.extend_from_slice(&[a, b, c]);
    }
    let padding = match last {
        [_, _, PADDING, PADDING] => 2,
        [_, _, _, PADDING] => 1,
        _ => 0,
    };
    let mut digits = last;
    // Padding stands for nothing, which is what `A` stands for.
    digits[4 - padding..].fill(ALPHABET[0]);
    let [_, group @ ..] = group_bits(digits)?.to_be_bytes();
    let (bytes, stray) = group.split_at(3 - padding);
    if stray.iter().any(|&byte| byte != 0) {
        return Err(InvalidBase64);
    }
    data.extend_from_slice(bytes);
    Ok(data)
}

/// The 24 bits of four digits.
fn group_bits(group: [u8; 4]) -> Result<u32, InvalidBase64> {
    let mut bits = 0;
    for digit in group {
        let value = VALUES[usize::from(digit)];
        if value == INVALID {
            return Err(InvalidBase64);
        }
        bits = bits << 6 | u32::from(value);
    }
    Ok(bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(data: &[u8]) -> String {
        let mut buf = BytesMut::new();
        assert_eq!(push(&mut buf, data), buf.len());
        assert_eq!(buf.len(), encoded_bytes(data.len()));
        String::from_utf8(buf.to_vec()).expect("the alphabet is ASCII")
    }

    #[test]
    fn vectors_of_rfc_4648_section_10() {
        for (data, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(data.as_bytes()), text);
            assert_eq!(decode(text.as_bytes()).as_deref(), Ok(data.as_bytes()));
        }
        assert_eq!(encode(&[0xfb, 0xff, 0xbf]), "+/+/");
    }

    #[test]
    fn what_is_not_canonical_is_refused() {
        for text in [
            "Z", "Zg", "Zg=", "Zm8", "====", "Z===", "=Zg=", "Zg==Zg==", "Zm=v", "Zh==", "Zm9=", "Zm9v\n", "Zm 9", "-_-_",
            "Z\u{e9}=",
        ] {
            assert_eq!(decode(text.as_bytes()), Err(InvalidBase64), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(data in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(decode(encode(&data).as_bytes()), Ok(data));
        }

        #[test]
        fn what_is_read_is_what_would_be_written(text in "[A-D/+=\\-]{0,12}") {
            if let Ok(data) = decode(text.as_bytes()) {
                prop_assert_eq!(encode(&data), text);
            }
        }

        #[test]
        fn garbage_never_panics(text in prop::collection::vec(any::<u8>(), 0..50)) {
            let _ = decode(&text);
        }
    }
}
