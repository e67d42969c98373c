//! What a server tells a client when it opens a session (`v4-current.md`, "Handshake").
//!
//! What the numbers mean for either side's timers is behaviour and is not here.

use bytes::{BufMut, BytesMut};
use serde::Deserialize;
use thiserror::Error;

use crate::{decimal, json_text};

/// The data of an open packet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handshake {
    /// The id of the session.
    pub sid: String,
    /// The transports that the client may upgrade to: `["websocket"]` on polling, nothing on WebSocket.
    pub upgrades: Vec<String>,
    /// How long the side that pings waits between two pings, in milliseconds.
    #[serde(rename = "pingInterval")]
    pub ping_interval_ms: u64,
    /// How long it waits for the answer, in milliseconds.
    #[serde(rename = "pingTimeout")]
    pub ping_timeout_ms: u64,
    /// The longest polling body that the server takes, in bytes. Sent in version 4; `None` from Socket.IO 2.
    #[serde(rename = "maxPayload")]
    pub max_payload_bytes: Option<u64>,
}

/// The data of an open packet are not a handshake.
#[derive(Debug, Error)]
#[error("the handshake is malformed: {0}")]
pub struct MalformedHandshake(#[from] serde_json::Error);

impl Handshake {
    /// Appends the JSON and returns how many bytes that took.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use wirecost_wire::engine_io::Handshake;
    /// let handshake = Handshake {
    ///     sid: "lv_VI97HAXpY6yYWAAAC".into(),
    ///     upgrades: vec!["websocket".into()],
    ///     ping_interval_ms: 25_000,
    ///     ping_timeout_ms: 20_000,
    ///     max_payload_bytes: Some(1_000_000),
    /// };
    /// let mut json = BytesMut::new();
    /// handshake.encode(&mut json);
    /// assert_eq!(
    ///     &json[..],
    ///     br#"{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#
    /// );
    /// ```
    pub fn encode(&self, buf: &mut BytesMut) -> usize {
        let before = buf.len();
        buf.put_slice(b"{\"sid\":");
        json_text::push_str(buf, &self.sid);
        buf.put_slice(b",\"upgrades\":[");
        for (at, upgrade) in self.upgrades.iter().enumerate() {
            if at > 0 {
                buf.put_u8(b',');
            }
            json_text::push_str(buf, upgrade);
        }
        buf.put_slice(b"],\"pingInterval\":");
        decimal::push(buf, self.ping_interval_ms);
        buf.put_slice(b",\"pingTimeout\":");
        decimal::push(buf, self.ping_timeout_ms);
        if let Some(max_payload_bytes) = self.max_payload_bytes {
            buf.put_slice(b",\"maxPayload\":");
            decimal::push(buf, max_payload_bytes);
        }
        buf.put_u8(b'}');
        buf.len() - before
    }

    /// Reads the data of an open packet, whose length bounds what is allocated. Fields nobody knows are ignored.
    ///
    /// # Errors
    ///
    /// [`MalformedHandshake`] if the data are not JSON, or a field is missing or of another type.
    pub fn decode(json: &[u8]) -> Result<Self, MalformedHandshake> {
        Ok(serde_json::from_slice(json)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn without_max_payload_as_from_socket_io_2() {
        let json = r#"{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":5000}"#;
        let handshake = Handshake::decode(json.as_bytes()).expect("the example of the document");
        assert_eq!(handshake.max_payload_bytes, None);
        let mut buf = BytesMut::new();
        assert_eq!(handshake.encode(&mut buf), buf.len());
        assert_eq!(&buf[..], json.as_bytes());
    }

    #[test]
    fn malformed() {
        for json in ["", "[]", "{}", r#"{"sid":1,"upgrades":[],"pingInterval":1,"pingTimeout":1}"#] {
            assert!(Handshake::decode(json.as_bytes()).is_err(), "{json}");
        }
        let json = r#"{"sid":"a","upgrades":[],"pingInterval":1,"pingTimeout":1,"more":[1,{}]}"#;
        assert!(Handshake::decode(json.as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn round_trip(
            sid: String,
            upgrades: Vec<String>,
            ping_interval_ms: u64,
            ping_timeout_ms: u64,
            max_payload_bytes: Option<u64>,
        ) {
            let handshake = Handshake { sid, upgrades, ping_interval_ms, ping_timeout_ms, max_payload_bytes };
            let mut buf = BytesMut::new();
            handshake.encode(&mut buf);
            prop_assert_eq!(Handshake::decode(&buf).expect("our own JSON"), handshake);
        }

        #[test]
        fn garbage_never_panics(json in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = Handshake::decode(&json);
        }
    }
}
