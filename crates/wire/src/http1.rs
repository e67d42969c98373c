//! Sizes of HTTP/1.1 heads as a writer puts them on the wire, and where a head ends in a buffer (RFC 9112 §2.1, §3, §4, §5).
//!
//! Not a parser: an HTTP implementation reads heads. A ledger needs to know how long a head was or would be, and a raw
//! connection needs to know where the head stops and the body begins.

use thiserror::Error;

/// The empty line that ends a head, together with the end of the line before it.
const HEAD_END: &[u8] = b"\r\n\r\n";

const CRLF_BYTES: usize = 2;

/// Bytes of a request head: `METHOD target HTTP/1.1`, the header lines, the empty line.
///
/// `headers` are the names and values that are really sent, the ones an implementation adds included.
///
/// ```
/// use wirecost_wire::http1::request_head_bytes;
/// let head = "GET /poll HTTP/1.1\r\naccept: */*\r\nhost: x:80\r\n\r\n";
/// assert_eq!(request_head_bytes("GET", "/poll", [("accept", "*/*"), ("host", "x:80")]), head.len());
/// ```
pub fn request_head_bytes<N, V>(method: &str, target: &str, headers: impl IntoIterator<Item = (N, V)>) -> usize
where
    N: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    method.len() + " ".len() + target.len() + " HTTP/1.1\r\n".len() + header_lines_bytes(headers) + CRLF_BYTES
}

/// Bytes of a response head: `HTTP/1.1 code reason`, the header lines, the empty line.
///
/// A status code has three digits always. The space before the reason is sent even if `reason` is empty (RFC 9112 §4).
///
/// ```
/// use wirecost_wire::http1::response_head_bytes;
/// let head = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
/// assert_eq!(response_head_bytes("OK", [("content-length", "5")]), head.len());
/// ```
pub fn response_head_bytes<N, V>(reason: &str, headers: impl IntoIterator<Item = (N, V)>) -> usize
where
    N: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    "HTTP/1.1 200 ".len() + reason.len() + CRLF_BYTES + header_lines_bytes(headers) + CRLF_BYTES
}

/// Bytes of header lines, each `name: value\r\n` (RFC 9112 §5).
pub fn header_lines_bytes<N, V>(headers: impl IntoIterator<Item = (N, V)>) -> usize
where
    N: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    headers.into_iter().map(|(name, value)| name.as_ref().len() + ": ".len() + value.as_ref().len() + CRLF_BYTES).sum()
}

/// A head went on past the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no end of the HTTP head within {max_bytes} bytes")]
pub struct HeadTooLong {
    /// The limit that was given.
    pub max_bytes: usize,
}

/// Finds the end of the head that `bytes` begin with.
///
/// Returns the length of the head, its empty line included, which is where the body begins; `None` if the head is not
/// complete yet. Only CRLF ends a line: a lone LF, which RFC 9112 §2.2 lets a recipient accept, does not.
///
/// # Errors
///
/// [`HeadTooLong`] if the head is longer than `max_bytes`, whether or not its end is in `bytes`.
pub fn find_head_end(bytes: &[u8], max_bytes: usize) -> Result<Option<usize>, HeadTooLong> {
    let within = &bytes[..bytes.len().min(max_bytes)];
    match within.windows(HEAD_END.len()).position(|window| window == HEAD_END) {
        Some(at) => Ok(Some(at + HEAD_END.len())),
        None if bytes.len() >= max_bytes => Err(HeadTooLong { max_bytes }),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_of_heads_without_headers() {
        let none: [(&str, &str); 0] = [];
        assert_eq!(request_head_bytes("GET", "/", none), "GET / HTTP/1.1\r\n\r\n".len());
        assert_eq!(response_head_bytes("", none), "HTTP/1.1 204 \r\n\r\n".len());
        assert_eq!(header_lines_bytes([(&b"a"[..], &b""[..])]), "a: \r\n".len());
    }

    #[test]
    fn end_of_a_head() {
        let head = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        let mut stream = head.to_vec();
        stream.extend_from_slice(b"body\r\n\r\n");
        assert_eq!(find_head_end(&stream, 100), Ok(Some(head.len())));
        assert_eq!(find_head_end(&stream, head.len()), Ok(Some(head.len())));
        assert_eq!(find_head_end(&stream, head.len() - 1), Err(HeadTooLong { max_bytes: head.len() - 1 }));
        assert_eq!(find_head_end(&head[..head.len() - 1], 100), Ok(None));
        assert_eq!(find_head_end(b"", 0), Err(HeadTooLong { max_bytes: 0 }));
    }

    proptest! {
        #[test]
        fn every_prefix_waits_and_then_agrees(
            value in "[ -~]{0,40}",
            body in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let head = format!("HTTP/1.1 200 OK\r\nx: {value}\r\n\r\n");
            prop_assert_eq!(response_head_bytes("OK", [("x", &value)]), head.len());
            let mut stream = head.clone().into_bytes();
            stream.extend_from_slice(&body);
            for cut in 0..stream.len() {
                let expected = if cut < head.len() { None } else { Some(head.len()) };
                prop_assert_eq!(find_head_end(&stream[..cut], 1000), Ok(expected));
            }
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), max_bytes in 0usize..300) {
            if let Ok(Some(end)) = find_head_end(&bytes, max_bytes) {
                prop_assert!(end <= max_bytes && bytes[..end].ends_with(HEAD_END));
            }
        }
    }
}
