//! WebSocket's opening handshake (RFC 6455 §4.1, §4.2.2): the request, and what the answer must say.

use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::super::headers;
use super::MAX_HEAD_BYTES;
use super::head::has_token;
use super::request::line;
use crate::session::TransportError;
use crate::target::Target;

/// Header lines that are read, as many as tungstenite reads.
const MAX_HEADERS: usize = 124;

/// Appends the request; returns the `Sec-WebSocket-Accept` that answers it. Names, order and case are tungstenite's.
pub(super) fn request(out: &mut Vec<u8>, target: &Target, path: &str) -> String {
    let key = generate_key();
    for part in ["GET ", path, " HTTP/1.1\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    line(out, "Host", &target.address.to_string());
    line(out, "Connection", "Upgrade");
    line(out, "Upgrade", "websocket");
    line(out, "Sec-WebSocket-Version", "13");
    line(out, "Sec-WebSocket-Key", &key);
    for (name, value) in headers::preset(target.arm.headers) {
        line(out, name, value);
    }
    out.extend_from_slice(b"\r\n");
    derive_accept_key(key.as_bytes())
}

/// Bytes of the answer's head, after which frames begin; `None` if it is not complete.
pub(super) fn answer_bytes(input: &[u8], accept: &str) -> Result<Option<usize>, TransportError> {
    let refused = |why: &str| Err(TransportError::Websocket(format!("the server did not upgrade: {why}")));
    let mut lines = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut lines);
    let bytes = match response.parse(input) {
        Ok(httparse::Status::Complete(bytes)) if bytes <= MAX_HEAD_BYTES => bytes,
        Ok(httparse::Status::Partial) if input.len() < MAX_HEAD_BYTES => return Ok(None),
        Ok(_) => return refused("its answer does not end"),
        Err(error) => return refused(&error.to_string()),
    };
    if response.code != Some(101) {
        return refused(&format!("status {}", response.code.unwrap_or_default()));
    }
    let (mut upgrade, mut connection, mut accepted) = (false, false, false);
    for header in response.headers {
        let named = |name: &str| header.name.eq_ignore_ascii_case(name);
        if named("upgrade") {
            upgrade = header.value.trim_ascii().eq_ignore_ascii_case(b"websocket");
        } else if named("connection") {
            connection |= has_token(header.value, "upgrade");
        } else if named("sec-websocket-accept") {
            accepted = header.value.trim_ascii() == accept.as_bytes();
        } else if named("sec-websocket-extensions") || named("sec-websocket-protocol") {
            return refused("it chose an extension or a subprotocol that was not offered");
        }
    }
    match (upgrade, connection, accepted) {
        (true, true, true) => Ok(Some(bytes)),
        (false, ..) => refused("no Upgrade: websocket"),
        (_, false, _) => refused("no Connection: Upgrade"),
        (_, _, false) => refused("a Sec-WebSocket-Accept that is not the key's"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: keep-alive, Upgrade\r\n\
                        sec-websocket-accept: abc=\r\n\r\n";

    #[test]
    fn only_a_whole_and_right_answer_will_do() {
        for cut in 0..HEAD.len() {
            assert_eq!(answer_bytes(&HEAD.as_bytes()[..cut], "abc=").expect("well-formed"), None, "{cut}");
        }
        assert_eq!(answer_bytes(format!("{HEAD}\u{1}").as_bytes(), "abc=").unwrap(), Some(HEAD.len()));
        for (from, to) in [
            ("101", "200"),
            ("WebSocket", "h2c"),
            ("Upgrade\r\n", "close\r\n"),
            ("abc=", "ABC="),
            ("\r\n\r\n", "\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n"),
            ("\r\n\r\n", "\r\nsec-websocket-protocol: chat\r\n\r\n"),
            ("HTTP/1.1", "SIP/2.0"),
        ] {
            let error = answer_bytes(HEAD.replacen(from, to, 1).as_bytes(), "abc=").expect_err(to).to_string();
            assert!(error.contains("did not upgrade"), "{error}");
        }
        assert!(answer_bytes(format!("HTTP/1.1 101 X\r\na: {}", "b".repeat(MAX_HEAD_BYTES)).as_bytes(), "").is_err());
    }
}
