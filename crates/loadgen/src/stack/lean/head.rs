//! The head of an answer (RFC 9112 §4, §5, §6.3), parsed where it lies by httparse: what it means for the body and for the
//! connection, and nothing else of it.

use std::mem::MaybeUninit;
use std::rc::Rc;

use super::super::MAX_BODY_BYTES;
use super::MAX_HEAD_BYTES;
use crate::session::TransportError;

/// Header lines that are read, as many as hyper reads.
const MAX_HEADERS: usize = 100;

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes; 0 if there is no body.
    Length(usize),
    /// After the last chunk.
    Chunked,
    /// With the connection.
    UntilClose,
}

/// What matters of a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// Bytes of the head, its empty line included.
    pub bytes: usize,
    /// Status code.
    pub status: u16,
    /// Where the body ends.
    pub framing: Framing,
    /// Whether the connection may be used again after the body.
    pub keep_alive: bool,
    /// The `ETag`, if there was one in visible ASCII.
    pub etag: Option<Box<str>>,
    /// The `Content-Type`, likewise, of an answer that has a body.
    pub content_type: Option<Box<str>>,
}

fn malformed(what: impl Into<String>) -> TransportError {
    TransportError::Malformed(what.into())
}

/// Headers that somebody wants to know, and what they were in the latest head.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// By their names in small letters.
    pub names: Rc<[String]>,
    /// In that order.
    pub values: Vec<Option<Box<str>>>,
}

/// The head that `input` begins with; `None` if it is not complete.
pub(super) fn parse(input: &[u8], kept: &mut Kept) -> Result<Option<Head>, TransportError> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut response, input, &mut headers);
    let bytes = match parsed {
        Ok(httparse::Status::Complete(bytes)) if bytes <= MAX_HEAD_BYTES => bytes,
        Ok(httparse::Status::Partial) if input.len() < MAX_HEAD_BYTES => return Ok(None),
        Ok(_) => return Err(malformed(format!("no end of the HTTP head within {MAX_HEAD_BYTES} bytes"))),
        Err(error) => return Err(malformed(format!("HTTP head: {error}"))),
    };
    let status = response.code.unwrap_or_default();
    let (mut length, mut chunked, mut etag, mut content_type) = (None, None, None, None);
    let (mut close, mut stay) = (false, response.version == Some(1));
    kept.values.clear();
    kept.values.resize(kept.names.len(), None);
    for header in response.headers {
        for (name, kept) in kept.names.iter().zip(&mut kept.values) {
            if header.name.eq_ignore_ascii_case(name) {
                *kept = std::str::from_utf8(header.value).ok().filter(visible).map(Box::from);
            }
        }
        // Lengths differ, so most headers are told apart without comparing.
        match header.name.len() {
            4 if header.name.eq_ignore_ascii_case("etag") => etag = std::str::from_utf8(header.value).ok().filter(visible),
            10 if header.name.eq_ignore_ascii_case("connection") => {
                close |= has_token(header.value, "close");
                stay |= has_token(header.value, "keep-alive");
            }
            12 if header.name.eq_ignore_ascii_case("content-type") => {
                content_type = std::str::from_utf8(header.value).ok().filter(visible);
            }
            14 if header.name.eq_ignore_ascii_case("content-length") => {
                let value = decimal(header.value).ok_or_else(|| malformed("a content-length that is no number"))?;
                if length.is_some_and(|before| before != value) {
                    return Err(malformed("two content-lengths"));
                }
                length = Some(value);
            }
            17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                if chunked.is_some() || !header.value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                    return Err(malformed("a transfer coding that was not asked for"));
                }
                chunked = Some(());
            }
            _ => {}
        }
    }
    let framing = match (status, length, chunked) {
        // A head and no body, whatever its headers say.
        (100..=199 | 204 | 304, ..) => Framing::Length(0),
        // RFC 9112 §6.3: ought to be handled as an error, because two readers may disagree.
        (_, Some(_), Some(())) => return Err(malformed("both a content-length and a transfer coding")),
        (_, None, Some(())) => Framing::Chunked,
        (_, Some(length), None) if length > MAX_BODY_BYTES as u64 => {
            return Err(malformed(format!("a body of {length} bytes, more than {MAX_BODY_BYTES}")));
        }
        (_, Some(length), None) => Framing::Length(length as usize),
        (_, None, None) => Framing::UntilClose,
    };
    let keep_alive = stay && !close && framing != Framing::UntilClose;
    let (etag, content_type) = (etag.map(Box::from), content_type.map(Box::from));
    Ok(Some(Head { bytes, status, framing, keep_alive, etag, content_type }))
}

/// Whether a value can be sent back as it came.
fn visible(value: &&str) -> bool {
    value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

/// Whether a comma-separated list has the token.
pub(super) fn has_token(list: &[u8], token: &str) -> bool {
    list.split(|&byte| byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

fn decimal(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii();
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(text: &str) -> Head {
        parse(text.as_bytes(), &mut Kept::default()).expect("well-formed").expect("complete")
    }

    #[test]
    fn what_a_head_means() {
        let plain = head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"7\"\r\n\r\nhello");
        assert_eq!((plain.status, plain.framing, plain.keep_alive), (200, Framing::Length(5), true));
        assert_eq!(plain.etag.as_deref(), Some("\"7\""));
        assert_eq!(head("HTTP/1.1 200 \r\ntransfer-encoding: Chunked\r\n\r\n").framing, Framing::Chunked);
        let old = head("HTTP/1.0 200 OK\r\n\r\n");
        assert_eq!((old.framing, old.keep_alive), (Framing::UntilClose, false));
        assert!(head("HTTP/1.0 200 OK\r\nconnection: x, Keep-Alive\r\ncontent-length: 0\r\n\r\n").keep_alive);
        assert!(!head("HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 0\r\n\r\n").keep_alive);
        for status in [100, 204, 304] {
            let bare = head(&format!("HTTP/1.1 {status} X\r\ncontent-length: 9\r\n\r\n"));
            assert_eq!((bare.framing, bare.keep_alive), (Framing::Length(0), true), "{status}");
        }
        assert_eq!(head("HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\n").framing, Framing::Length(3));
    }

    #[test]
    fn what_is_refused() {
        for (text, why) in [
            ("SSH-2.0-x\r\n\r\n", "HTTP head"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 5x\r\n\r\n", "no number"),
            ("HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n", "no number"),
            ("HTTP/1.1 200 OK\r\ncontent-length: \r\n\r\n", "no number"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n", "no number"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 67108865\r\n\r\n", "67108865 bytes"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "two content-lengths"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", "both"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n", "not asked for"),
            ("HTTP/1.1 200 OK\r\na b: c\r\n\r\n", "HTTP head"),
        ] {
            let error = parse(text.as_bytes(), &mut Kept::default()).expect_err(text).to_string();
            assert!(error.contains(why), "{text:?}: {error}");
        }
        let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(MAX_HEAD_BYTES));
        assert!(parse(endless.as_bytes(), &mut Kept::default()).is_err());
        assert!(parse(format!("{endless}\r\n\r\n").as_bytes(), &mut Kept::default()).is_err());
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        assert!(parse(many.as_bytes(), &mut Kept::default()).is_err());
    }

    proptest! {
        #[test]
        fn every_prefix_waits_for_the_rest(value in "[!-~]{0,40}", body in "[ -~]{0,20}") {
            let head = format!("HTTP/1.1 200 OK\r\nx: {value}\r\ncontent-length: {}\r\n\r\n", body.len());
            let whole = format!("{head}{body}");
            for cut in 0..whole.len() {
                let parsed = parse(&whole.as_bytes()[..cut], &mut Kept::default()).expect("well-formed").map(|head| head.bytes);
                prop_assert_eq!(parsed, (cut >= head.len()).then_some(head.len()));
            }
        }

        #[test]
        fn garbage_never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..300), status in any::<bool>()) {
            if status {
                bytes.splice(0..0, *b"HTTP/1.1 200 OK\r\n");
            }
            if let Ok(Some(head)) = parse(&bytes, &mut Kept::default()) {
                prop_assert!(head.bytes <= bytes.len());
            }
        }
    }
}
