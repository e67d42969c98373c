//! What a request to an Engine.IO path asks for (`engine.io-protocol`, "Handshake": the query).

use hyper::http::request;

use super::version::Version;
use crate::query::Query;

/// How packets are to travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// GET and POST.
    Polling,
    /// A WebSocket.
    Websocket,
}

/// The query of a request.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// `EIO`; `None` if it is neither 3 nor 4.
    pub version: Option<Version>,
    /// `transport`; `None` if it is unknown.
    pub transport: Option<Transport>,
    /// `sid`.
    pub sid: Option<&'a str>,
    /// `j`: answers are to be calls of the function with this number. As the official server does, everything but digits is
    /// passed over.
    pub jsonp: Option<u64>,
    /// `b64`: binary data as base64 even where octets could go.
    pub base64: bool,
    /// `room`: the room to listen to, for clients that cannot say it any other way.
    pub room: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// Of a request.
    pub fn of(parts: &'a request::Parts) -> Asked<'a> {
        let query = Query::of(parts);
        let jsonp = |j: &str| j.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0);
        Asked {
            version: match query.get("EIO") {
                Some("3") => Some(Version::V3),
                Some("4") => Some(Version::V4),
                _ => None,
            },
            transport: match query.get("transport") {
                Some("polling") => Some(Transport::Polling),
                Some("websocket") => Some(Transport::Websocket),
                _ => None,
            },
            sid: query.get("sid").filter(|sid| !sid.is_empty()),
            jsonp: query.get("j").map(jsonp),
            base64: query.get("b64").is_some_and(|b64| !b64.is_empty()),
            room: query.get("room").filter(|room| !room.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(target: &str, check: impl FnOnce(Asked<'_>)) {
        let (parts, ()) = hyper::Request::builder().uri(target).body(()).unwrap().into_parts();
        check(Asked::of(&parts));
    }

    #[test]
    fn queries() {
        asked("/socket.io/?EIO=4&transport=polling&t=abc&sid=xyz", |asked| {
            assert_eq!((asked.version, asked.transport), (Some(Version::V4), Some(Transport::Polling)));
            assert_eq!((asked.sid, asked.jsonp, asked.base64, asked.room), (Some("xyz"), None, false, None));
        });
        asked("/socket.io/?EIO=3&transport=websocket&j=1;alert(2)&b64=1&room=c3&sid=", |asked| {
            assert_eq!((asked.version, asked.transport), (Some(Version::V3), Some(Transport::Websocket)));
            assert_eq!((asked.sid, asked.jsonp, asked.base64, asked.room), (None, Some(12), true, Some("c3")));
        });
        for target in ["/", "/?EIO=5&transport=webtransport", "/?EIO=44&transport=Polling&j"] {
            asked(target, |asked| {
                assert_eq!((asked.version, asked.transport, asked.jsonp), (None, None, None), "{target}");
            });
        }
    }
}
