//! Polling bodies wrapped for JSONP: a call in JavaScript down, a form field up (`v3.md`, "JSONP").
//!
//! The wrapped body is one of [`v3`](super::v3) (with base64) or [`v4`](super::v4): the official server speaks JSONP for
//! both. Only clients of Socket.IO 1 and 2 ever did.

use bytes::{BufMut, BytesMut};
use thiserror::Error;

use crate::{NotUtf8, decimal, json_text};

const RESPONSE_START: &[u8] = b"___eio[";
const RESPONSE_MIDDLE: &[u8] = b"](";
const RESPONSE_END: &[u8] = b");";

/// The `Content-Type` of a form.
pub const FORM_CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// The name of the form field and its `=`.
const FIELD: &[u8] = b"d=";

/// Appends the response to a poll with `j=index`: `___eio[index]("payload");`. Returns how many bytes that took.
///
/// Besides what JSON escapes, U+2028 and U+2029 are escaped: they end a line in JavaScript before 2019, even in a string.
///
/// # Errors
///
/// [`NotUtf8`] if the payload is not UTF-8; nothing is appended then.
pub fn encode_response(buf: &mut BytesMut, index: u64, payload: &[u8]) -> Result<usize, NotUtf8> {
    let mut rest = std::str::from_utf8(payload)?;
    let before = buf.len();
    buf.reserve(payload.len() + 32);
    buf.put_slice(RESPONSE_START);
    decimal::push(buf, index);
    buf.put_slice(RESPONSE_MIDDLE);
    buf.put_u8(b'"');
    while let Some((at, escape)) = find_line_separator(rest) {
        json_text::push_escaped(buf, &rest[..at]);
        buf.put_slice(escape);
        rest = &rest[at + '\u{2028}'.len_utf8()..];
    }
    json_text::push_escaped(buf, rest);
    buf.put_u8(b'"');
    buf.put_slice(RESPONSE_END);
    Ok(buf.len() - before)
}

fn find_line_separator(text: &str) -> Option<(usize, &'static [u8])> {
    let at = text.find(['\u{2028}', '\u{2029}'])?;
    Some((at, if text[at..].starts_with('\u{2028}') { b"\\u2028" } else { b"\\u2029" }))
}

/// Why a response or a form cannot be read.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The body is longer than the limit.
    #[error("the body is longer than {max_bytes} bytes")]
    TooLong {
        /// The limit.
        max_bytes: usize,
    },
    /// The body is not a call of `___eio[n]`.
    #[error("the body is not a JSONP response")]
    NotAResponse,
    /// The argument of the call is not a string.
    #[error("the argument of a JSONP response is malformed: {0}")]
    Argument(#[from] serde_json::Error),
    /// The form has not exactly one field `d`.
    #[error("the form must have one field `d`")]
    NotOneField,
    /// The field is not UTF-8.
    #[error(transparent)]
    NotUtf8(#[from] NotUtf8),
}

/// Reads a response of at most `max_bytes`: the index and the payload.
///
/// # Errors
///
/// [`DecodeError`] if the body is too long or is not what [`encode_response`] writes.
pub fn decode_response(body: &[u8], max_bytes: usize) -> Result<(u64, String), DecodeError> {
    if body.len() > max_bytes {
        return Err(DecodeError::TooLong { max_bytes });
    }
    let call =
        body.strip_prefix(RESPONSE_START).and_then(|rest| rest.strip_suffix(RESPONSE_END)).ok_or(DecodeError::NotAResponse)?;
    let digits = call.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(call.len());
    let index = std::str::from_utf8(&call[..digits]).ok().and_then(|index| index.parse().ok());
    let argument = call[digits..].strip_prefix(RESPONSE_MIDDLE);
    let (Some(index), Some(argument)) = (index, argument) else { return Err(DecodeError::NotAResponse) };
    Ok((index, serde_json::from_slice(argument)?))
}

/// Why a form cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EncodeFormError {
    /// The payload is not UTF-8.
    #[error(transparent)]
    NotUtf8(#[from] NotUtf8),
    /// The payload has a backslash before a line feed. The escape of line feeds cannot tell that from a backslash before
    /// the letter `n`, so the server would read something else.
    #[error("the payload has a backslash before a line feed, which JSONP cannot carry")]
    BackslashBeforeLineFeed,
}

/// Appends the form that posts `payload`, and returns how many bytes that took.
///
/// As the official client of version 3 does it, a line feed is sent as `\n` (because browsers normalise line feeds of forms)
/// and what reads `\n` already as `\\n`, before the usual encoding of forms.
///
/// # Errors
///
/// [`EncodeFormError`] if the payload cannot be carried; nothing is appended then.
///
/// ```
/// use bytes::BytesMut;
/// use wirecost_wire::engine_io::jsonp::encode_form;
/// let mut form = BytesMut::new();
/// encode_form(&mut form, b"4:4a\nb")?;
/// assert_eq!(&form[..], b"d=4%3A4a%5Cnb");
/// # Ok::<(), wirecost_wire::engine_io::jsonp::EncodeFormError>(())
/// ```
pub fn encode_form(buf: &mut BytesMut, payload: &[u8]) -> Result<usize, EncodeFormError> {
    std::str::from_utf8(payload).map_err(NotUtf8::from)?;
    if payload.windows(2).any(|pair| pair == b"\\\n") {
        return Err(EncodeFormError::BackslashBeforeLineFeed);
    }
    let before = buf.len();
    buf.put_slice(FIELD);
    let mut previous = None;
    for &byte in payload {
        match byte {
            b'\n' => put_form_encoded(buf, b"\\n"),
            b'n' if previous == Some(b'\\') => put_form_encoded(buf, b"\\n"),
            byte => put_form_encoded(buf, &[byte]),
        }
        previous = Some(byte);
    }
    Ok(buf.len() - before)
}

/// `application/x-www-form-urlencoded` (WHATWG URL §5.2).
fn put_form_encoded(buf: &mut BytesMut, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        match byte {
            b' ' => buf.put_u8(b'+'),
            b'*' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => buf.put_u8(byte),
            _ => buf.put_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0xf)]]),
        }
    }
}

/// Reads a form of at most `max_bytes`: the payload of its field `d`. Other fields are ignored.
///
/// A `%` without two hexadecimal digits stands for itself (WHATWG URL §5.1).
///
/// # Errors
///
/// [`DecodeError`] if the form is too long, has no or more than one field `d`, or its value is not UTF-8.
pub fn decode_form(form: &[u8], max_bytes: usize) -> Result<String, DecodeError> {
    if form.len() > max_bytes {
        return Err(DecodeError::TooLong { max_bytes });
    }
    let mut values = form.split(|&byte| byte == b'&').filter_map(|field| field.strip_prefix(FIELD));
    let (Some(value), None) = (values.next(), values.next()) else { return Err(DecodeError::NotOneField) };
    let payload = String::from_utf8(form_decoded(value)).map_err(|error| NotUtf8::from(error.utf8_error()))?;
    Ok(unescape_line_feeds(&payload))
}

fn form_decoded(value: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'+', _) => decoded.push(b' '),
            (b'%', &[high, low, ref after @ ..]) => match (hex_value(high), hex_value(low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high << 4 | low);
                    rest = after;
                }
                _ => decoded.push(first),
            },
            _ => decoded.push(first),
        }
    }
    decoded
}

fn hex_value(digit: u8) -> Option<u8> {
    // A hexadecimal digit is below 16.
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Turns `\n` into a line feed and takes one backslash from `\\n`, as the official server does in two passes.
fn unescape_line_feeds(payload: &str) -> String {
    let mut unescaped = String::with_capacity(payload.len());
    let mut backslashes = 0;
    for character in payload.chars() {
        match (character, backslashes) {
            ('\\', _) => {
                backslashes += 1;
                continue;
            }
            ('n', 1) => unescaped.push('\n'),
            ('n', 2..) => {
                unescaped.extend(std::iter::repeat_n('\\', backslashes - 1));
                unescaped.push('n');
            }
            _ => {
                unescaped.extend(std::iter::repeat_n('\\', backslashes));
                unescaped.push(character);
            }
        }
        backslashes = 0;
    }
    unescaped.extend(std::iter::repeat_n('\\', backslashes));
    unescaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn response(index: u64, payload: &str) -> String {
        let mut buf = BytesMut::new();
        let appended = encode_response(&mut buf, index, payload.as_bytes()).expect("a str is UTF-8");
        assert_eq!(appended, buf.len());
        String::from_utf8(buf.to_vec()).expect("a response is UTF-8")
    }

    fn form(payload: &str) -> Result<String, EncodeFormError> {
        let mut buf = BytesMut::new();
        let appended = encode_form(&mut buf, payload.as_bytes())?;
        assert_eq!(appended, buf.len());
        Ok(String::from_utf8(buf.to_vec()).expect("a form is ASCII"))
    }

    #[test]
    fn responses_to_the_byte() {
        assert_eq!(response(4, "packet data"), r#"___eio[4]("packet data");"#);
        assert_eq!(response(0, "2:4\u{2028}\"\u{2029}\\"), r#"___eio[0]("2:4\u2028\"\u2029\\");"#);
        assert_eq!(response(12, "4a\u{1e}4b"), r#"___eio[12]("4a\u001e4b");"#);
    }

    #[test]
    fn malformed_responses() {
        for body in [
            "",
            "___eio[]",
            r#"___eio[](\"\");"#,
            r#"___eio[1]("a")"#,
            r#"___eio[1]("a" );x"#,
            r#"___eio[1](1);"#,
            r#"___eio[1]("a""b");"#,
            r#"___eio[99999999999999999999]("a");"#,
            r#"x___eio[1]("a");"#,
        ] {
            assert!(decode_response(body.as_bytes(), 1000).is_err(), "{body}");
        }
        assert!(matches!(decode_response(b"___eio[1](\"a\");", 14), Err(DecodeError::TooLong { max_bytes: 14 })));
    }

    #[test]
    fn forms_to_the_byte() {
        assert_eq!(form("2:4a").as_deref(), Ok("d=2%3A4a"));
        assert_eq!(form("a b+c\u{e9}").as_deref(), Ok("d=a+b%2Bc%C3%A9"));
        assert_eq!(form("a\nb").as_deref(), Ok("d=a%5Cnb"));
        assert_eq!(form("a\\nb").as_deref(), Ok("d=a%5C%5Cnb"));
        assert_eq!(form("a\\\nb"), Err(EncodeFormError::BackslashBeforeLineFeed));
    }

    #[test]
    fn forms_of_others() {
        let decoded = |form: &str| decode_form(form.as_bytes(), 100).expect("a form");
        assert_eq!(decoded("d=4%3a4a%5Cnb&x=1"), "4:4a\nb");
        assert_eq!(decoded("x=1&d=100%&e=d=2"), "100%");
        assert_eq!(decoded("d=%4&"), "%4");
        assert_eq!(decoded("d="), "");
        assert_eq!(decoded(r"d=\\\n"), r"\\n");
        assert_eq!(decoded(r"d=\a\\"), r"\a\\");
        for form in ["", "e=1", "d=1&d=2", "D=1", "d=%ff"] {
            assert!(decode_form(form.as_bytes(), 100).is_err(), "{form}");
        }
        assert!(matches!(decode_form(b"d=123", 4), Err(DecodeError::TooLong { max_bytes: 4 })));
    }

    proptest! {
        #[test]
        fn responses_round_trip(index: u64, payload: String) {
            let body = response(index, &payload);
            let (read_index, read_payload) = decode_response(body.as_bytes(), usize::MAX).expect("our own response");
            prop_assert_eq!((read_index, read_payload), (index, payload));
        }

        #[test]
        fn forms_round_trip(payload in prop_oneof![any::<String>(), r"[\\n \n+%&=a]{0,20}"]) {
            if let Ok(form) = form(&payload) {
                prop_assert_eq!(decode_form(form.as_bytes(), usize::MAX).expect("our own form"), payload);
            } else {
                prop_assert!(payload.contains("\\\n"));
            }
        }

        #[test]
        fn garbage_never_panics(body in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode_response(&body, 100);
            let _ = decode_form(&body, 100);
            let _ = decode_form(&[b"d=", &body[..]].concat(), 102);
            let _ = encode_form(&mut BytesMut::new(), &body);
            let _ = encode_response(&mut BytesMut::new(), 0, &body);
        }
    }
}
