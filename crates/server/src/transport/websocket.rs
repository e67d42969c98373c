//! WebSocket (RFC 6455): the upgrade by hand, so that its head is ours to the byte. What is said afterwards is in [`session`],
//! and how it begins and ends in [`ends`].
//!
//! No extension and no subprotocol is negotiated, whatever the client offers.

pub mod ends;
pub mod session;

use hyper::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request};
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::answer::{Answer, Refusal};
use crate::context::Context;
use crate::metering::{Outcome, SampleKind};
use crate::query::Query;
use crate::transport::socket_io;

/// The only version there is (RFC 6455 §4.1).
const VERSION: &str = "13";

/// What a client wants to talk about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Talk {
    /// The room's messages down, its own up.
    Room,
    /// Its own, back again.
    Echo,
}

/// What a connection is to become.
#[derive(Debug)]
pub struct Upgrade {
    /// The stream, once the answer is written.
    pub on: OnUpgrade,
    /// What is to be said on it.
    pub becoming: Becoming,
}

/// What is to be said on a WebSocket.
#[derive(Debug)]
pub enum Becoming {
    /// Messages, a frame each.
    Plain(session::Plan),
    /// Engine.IO.
    Engine(socket_io::websocket::Plan),
}

/// Agrees to the upgrade and leaves word of it.
///
/// # Errors
/// 400, 426 for another version, 503 if there are too many rooms.
pub fn answer(parts: &mut request::Parts, context: &Context, talk: Talk) -> Result<Answer, Refusal> {
    let (on, answer) = match agreement(parts) {
        Ok(agreed) => agreed,
        Err(refused) => return Ok(*refused),
    };
    let query = Query::of(parts);
    let is_binary = query.is_binary()?;
    let reader = match talk {
        Talk::Room => Some(context.hub().follow(query.room(), &query.after()?)?),
        Talk::Echo => None,
    };
    context.will_become(Upgrade { on, becoming: Becoming::Plain(session::Plan { reader, is_binary }) });
    Ok(answer)
}

/// The answer that agrees to a WebSocket, and the stream that there will be behind it.
///
/// # Errors
/// The answer that does not: 400, 426 for another version.
pub fn agreement(parts: &mut request::Parts) -> Result<(OnUpgrade, Answer), Box<Answer>> {
    let bad_request = |reason: &str| Box::new(Answer::from(Refusal::bad_request(reason)));
    let on = parts.extensions.remove::<OnUpgrade>();
    let headers = &parts.headers;
    if !has_token(headers, header::CONNECTION, "upgrade") || !has_token(headers, header::UPGRADE, "websocket") {
        return Err(bad_request("this is a WebSocket: Upgrade: websocket and Connection: Upgrade are needed"));
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != VERSION) {
        let refusal = Refusal::new(StatusCode::UPGRADE_REQUIRED, "the version must be 13");
        // RFC 6455 §4.4 and RFC 9110 §15.5.22 ask for these.
        return Err(Box::new(
            Answer::from(refusal)
                .with(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION))
                .with(header::UPGRADE, HeaderValue::from_static("websocket"))
                .with(header::CONNECTION, HeaderValue::from_static("upgrade")),
        ));
    }
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let key = match (keys.next(), keys.next()) {
        (Some(key), None) if is_key(key.as_bytes()) => key.as_bytes(),
        _ => return Err(bad_request("Sec-WebSocket-Key must be 16 bytes in base64")),
    };
    let Some(on) = on else { return Err(bad_request("this connection cannot be upgraded")) };
    let accept = HeaderValue::from_str(&derive_accept_key(key))
        .map_err(|error| Box::new(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into()))?;
    let answer = Answer::empty(StatusCode::SWITCHING_PROTOCOLS)
        .with(header::CONNECTION, HeaderValue::from_static("upgrade"))
        .with(header::UPGRADE, HeaderValue::from_static("websocket"))
        .with(header::SEC_WEBSOCKET_ACCEPT, accept)
        .meaning(Outcome::Upgrade, Some(SampleKind::Upgrade));
    Ok((on, answer))
}

/// Whether a list-valued header has a token, whatever its case.
fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let lists = headers.get_all(name);
    lists
        .iter()
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|t| t.trim().eq_ignore_ascii_case(token))
}

/// Whether a key is 16 bytes in base64: 22 characters and two of padding, the last character with four bits that are zero.
fn is_key(key: &[u8]) -> bool {
    let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(is_base64) && matches!(key[21], b'A' | b'Q' | b'g' | b'w')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sixteen_bytes_in_base64() {
        assert!(is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
        let too_long: &[u8] = b"dGhlIHNhbXBsZSBub25jZSEh";
        for key in [b"".as_slice(), b"dGhlIHNhbXBsZSBub25jZQ", b"dGhlIHNhbXBsZSBub25jZR==", b"dGhlIHNhbXBs!SBub25jZQ==", too_long]
        {
            assert!(!is_key(key), "{}", String::from_utf8_lossy(key));
        }
    }

    #[test]
    fn tokens_stand_in_lists_and_have_no_case() {
        let mut headers = HeaderMap::new();
        headers.append(header::CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
        assert!(has_token(&headers, header::CONNECTION, "upgrade"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgraded"));
        assert!(!has_token(&headers, header::CONNECTION, "upgrade"));
    }
}
