//! What becomes of a request while its answer is held. What is waited for is the adapters' business.

use hyper::http::{HeaderMap, Uri, request};

/// Lets go of the head: its target and its headers are slices of the buffer that it was read into, 8 KiB, which would be kept for
/// as long as nothing happens.
pub fn let_go(parts: &mut request::Parts) {
    parts.uri = Uri::default();
    parts.headers = HeaderMap::new();
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::http::{HeaderValue, Request};

    use super::*;

    #[test]
    fn nothing_keeps_the_buffer() {
        let buffer = Bytes::from(b"/long-poll?room=all x".to_vec());
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.uri = Uri::from_maybe_shared(buffer.slice(..19)).unwrap();
        parts.headers.insert("host", HeaderValue::from_maybe_shared(buffer.slice(20..)).unwrap());
        assert!(!buffer.is_unique());
        let_go(&mut parts);
        assert!(buffer.is_unique());
    }
}
