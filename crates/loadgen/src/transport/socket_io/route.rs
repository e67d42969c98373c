//! Addresses: the path and query of every request of a session.
//!
//! The `t=` that the official clients append against caches is left out: these answers may not be cached, and the
//! bytes of a request are then the same each time.

use wirecost_model::ArmConfig;
use wirecost_model::scenario::{Engine, Via};
use wirecost_wire::socket_io::MAIN_NAMESPACE;

use super::codec::JSONP_INDEX;
use crate::target::Target;

/// A session id longer than this is not followed.
pub(super) const LONGEST_SID_BYTES: usize = 1024;

/// Where the server is mounted, unless somebody else's says otherwise.
const MOUNT: &str = "/socket.io/";

/// Where the target's server is mounted.
pub(super) fn mount(target: &Target) -> &str {
    target.foreign.as_ref().map_or(MOUNT, |foreign| &foreign.recipe.path)
}

/// The request that opens a session.
pub(super) fn opening(arm: &ArmConfig, via: Via, room: Option<&str>, mount: &str) -> String {
    let mut path = base(arm.engine, via, mount);
    if via == Via::Jsonp {
        // A script cannot carry octets: binary data are to be in base64.
        path.push_str("&b64=1");
    }
    // Version 3 has no credentials in its CONNECT, and the main namespace is granted before the client can ask.
    if let Some(room) = room
        && arm.engine == Engine::V3
        && arm.namespace.as_deref().unwrap_or(MAIN_NAMESPACE) == MAIN_NAMESPACE
    {
        path.push_str("&room=");
        path.push_str(&encoded(room));
    }
    path
}

/// All further requests of the session `sid`.
pub(super) fn session(version: Engine, via: Via, sid: &str, mount: &str) -> String {
    format!("{}&sid={}", base(version, via, mount), encoded(sid))
}

fn base(version: Engine, via: Via, mount: &str) -> String {
    let transport = match via {
        Via::Polling | Via::Jsonp => "polling",
        Via::Websocket => "websocket",
    };
    let mut path = format!("{mount}?EIO={}&transport={transport}", version.number());
    if via == Via::Jsonp {
        path.push_str(&format!("&j={JSONP_INDEX}"));
    }
    path
}

/// Percent-encoding of everything but unreserved characters (RFC 3986 §2.3): a server's words become part of a URL.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_session_id_stays_one_parameter() {
        let path = session(Engine::V4, Via::Polling, "a b&c=\r\n/é", MOUNT);
        assert_eq!(path, "/socket.io/?EIO=4&transport=polling&sid=a%20b%26c%3D%0D%0A%2F%C3%A9");
    }

    #[test]
    fn the_room_is_told_where_version_and_namespace_want_it() {
        let arm = |options: &str| {
            let yaml = format!("name: a\nquestion: b\nworkload: {{ idle: {{}} }}\narms: [{{ socket_io: {{ {options} }} }}]\n");
            wirecost_model::scenario::load(&yaml).unwrap().variants[0].config.clone()
        };
        let of = |options: &str, via| opening(&arm(options), via, Some("c3"), MOUNT);
        assert_eq!(of("", Via::Polling), "/socket.io/?EIO=4&transport=polling");
        assert_eq!(of("engine: 3", Via::Websocket), "/socket.io/?EIO=3&transport=websocket&room=c3");
        assert_eq!(of("engine: 3, namespace: /chat", Via::Jsonp), "/socket.io/?EIO=3&transport=polling&j=0&b64=1");
        assert_eq!(opening(&arm("engine: 3"), Via::Polling, None, MOUNT), "/socket.io/?EIO=3&transport=polling");
    }
}
