//! The head of an answer (RFC 9112 §4, §5, §6.3), parsed where it lies by httparse: what it means for the body and for the
//! connection, and nothing else of it.

use std::mem::MaybeUninit;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Bytes of the head, its empty line included.
    pub bytes: usize,
    /// Status code.
    pub status: u16,
    /// Where the body ends.
    pub framing: Framing,
    /// Whether the connection may be used again after the body.
    pub keep_alive: bool,
}

fn malformed(what: impl Into<String>) -> TransportError {
    TransportError::Malformed(what.into())
}

/// The head that `input` begins with; `None` if it is not complete.
pub(super) fn parse(input: &[u8]) -> Result<Option<Head>, TransportError> {
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
    let (mut length, mut chunked) = (None, None);
    let (mut close, mut stay) = (false, response.version == Some(1));
    for header in response.headers {
        // Lengths differ, so most headers are told apart without comparing.
        match header.name.len() {
            10 if header.name.eq_ignore_ascii_case("connection") => {
                close |= has_token(header.value, "close");
                stay |= has_token(header.value, "keep-alive");
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
    Ok(Some(Head { bytes, status, framing, keep_alive }))
}

/// The value of the last header of this name in a head that was parsed before, if it is visible ASCII and so can be sent back as it
/// came. A pass over the lines, and no second parsing: what they are is known.
pub(crate) fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let lines = head.split(|&byte| byte == b'\n').skip(1);
    let values = lines.filter_map(|line| {
        let (found, rest) = line.split_at_checked(name.len())?;
        let value = rest.strip_prefix(b":").filter(|_| found.eq_ignore_ascii_case(name.as_bytes()))?;
        Some(value.trim_ascii())
    });
    let value = values.last().filter(|value| value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')))?;
    std::str::from_utf8(value).ok()
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
        parse(text.as_bytes()).expect("well-formed").expect("complete")
    }

    #[test]
    fn what_a_head_means() {
        let plain = head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"7\"\r\n\r\nhello");
        assert_eq!((plain.status, plain.framing, plain.keep_alive), (200, Framing::Length(5), true));
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
    fn what_a_header_says() {
        let head = b"HTTP/1.1 200 OK\r\nETag:\"7\"\r\nx: a: b \r\nX-Y: one\r\nx-y:\ttwo\r\nodd: \xe9\r\nempty:\r\n\r\n";
        assert!(parse(head).expect("well-formed").is_some_and(|parsed| parsed.bytes == head.len()));
        for (name, value) in
            [("etag", Some("\"7\"")), ("x", Some("a: b")), ("x-y", Some("two")), ("odd", None), ("empty", Some("")), ("ta", None)]
        {
            assert_eq!(header(head, name), value, "{name}");
        }
        assert_eq!(header(b"", "etag"), None);
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
            let error = parse(text.as_bytes()).expect_err(text).to_string();
            assert!(error.contains(why), "{text:?}: {error}");
        }
        let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(MAX_HEAD_BYTES));
        assert!(parse(endless.as_bytes()).is_err());
        assert!(parse(format!("{endless}\r\n\r\n").as_bytes()).is_err());
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        assert!(parse(many.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn every_prefix_waits_for_the_rest(value in "[!-~]{0,40}", body in "[ -~]{0,20}") {
            let head = format!("HTTP/1.1 200 OK\r\nx: {value}\r\ncontent-length: {}\r\n\r\n", body.len());
            let whole = format!("{head}{body}");
            for cut in 0..whole.len() {
                let parsed = parse(&whole.as_bytes()[..cut]).expect("well-formed").map(|head| head.bytes);
                prop_assert_eq!(parsed, (cut >= head.len()).then_some(head.len()));
            }
        }

        #[test]
        fn headers_are_what_the_parser_sees(fields in prop::collection::vec(("[a-cA-C]{1,2}", "[ \t]{0,2}", "[ -~]{0,9}"), 0..6)) {
            let lines: String = fields.iter().map(|(name, space, value)| format!("{name}:{space}{value}\r\n")).collect();
            let head = format!("HTTP/1.1 200 OK\r\n{lines}\r\n");
            let mut headers = [httparse::EMPTY_HEADER; 8];
            let mut parsed = httparse::Response::new(&mut headers);
            parsed.parse(head.as_bytes()).expect("well-formed");
            for (name, ..) in &fields {
                let seen = parsed.headers.iter().rfind(|seen| seen.name.eq_ignore_ascii_case(name)).map(|seen| seen.value);
                prop_assert_eq!(header(head.as_bytes(), &name.to_ascii_lowercase()).map(str::as_bytes), seen);
            }
        }

        #[test]
        fn garbage_never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..300), status in any::<bool>()) {
            if status {
                bytes.splice(0..0, *b"HTTP/1.1 200 OK\r\n");
            }
            if let Ok(Some(head)) = parse(&bytes) {
                prop_assert!(head.bytes <= bytes.len());
            }
        }
    }
}
