//! Requests of Engine.IO clients, by hand.

use std::time::Duration;

use wirecost_server::options::ServerOptions;
use wirecost_server::server::{Running, start};

use crate::support::websocket::frame;
use crate::support::{Client, get, post};

/// What a client that does what it should never needs, and a test can wait for.
const LONG: Duration = Duration::from_secs(3);

/// What the suites of the Socket.IO project assume, but for the port.
pub fn conformance() -> ServerOptions {
    ServerOptions {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        connect_timeout: Duration::from_millis(1000),
        conformance: true,
        ..ServerOptions::default()
    }
}

/// A server as the suites want it.
pub async fn suite_server() -> Running {
    start(conformance()).await.unwrap()
}

/// As the suites want it, with heartbeats that no test waits for, and longer for whoever connects than a machine stands still.
pub async fn patient_server() -> Running {
    let day = Duration::from_secs(86_400);
    let options = ServerOptions { ping_interval: day, ping_timeout: day, connect_timeout: LONG, ..conformance() };
    start(options).await.unwrap()
}

/// As the suites want it, with many pings and long for the answers.
pub async fn pinging_server() -> Running {
    let often = Duration::from_millis(100);
    let options = ServerOptions { ping_interval: often, ping_timeout: LONG, connect_timeout: LONG, ..conformance() };
    start(options).await.unwrap()
}

/// Status, head and body.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answered {
    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// What a refusal says, with its status.
    pub fn refusal(&self) -> (u16, &str) {
        (self.status, self.text())
    }
}

pub const UNKNOWN_TRANSPORT: (u16, &str) = (400, r#"{"code":0,"message":"Transport unknown"}"#);
pub const UNKNOWN_SESSION: (u16, &str) = (400, r#"{"code":1,"message":"Session ID unknown"}"#);
pub const BAD_METHOD: (u16, &str) = (400, r#"{"code":2,"message":"Bad handshake method"}"#);
pub const BAD_REQUEST: (u16, &str) = (400, r#"{"code":3,"message":"Bad request"}"#);
pub const BAD_VERSION: (u16, &str) = (400, r#"{"code":5,"message":"Unsupported protocol version"}"#);

impl Client {
    /// A whole answer, whatever is in it.
    pub async fn answered(&mut self) -> Answered {
        let head = self.head().await;
        let status = head[9..12].parse().unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |l| l.parse().unwrap());
        Answered { status, body: self.take(length).await, head }
    }

    /// Asks and gets the whole answer.
    pub async fn http(&mut self, request: impl AsRef<[u8]>) -> Answered {
        self.send(request).await;
        self.answered().await
    }
}

/// One request on a connection of its own.
pub async fn once(server: &Running, request: impl AsRef<[u8]>) -> Answered {
    let mut client = Client::connect(server).await;
    client.http(request).await
}

/// The value of a field of the handshake, as it stands there.
pub fn field<'a>(json: &'a str, name: &str) -> &'a str {
    let key = format!("\"{name}\":");
    let value = &json[json.find(&key).unwrap_or_else(|| panic!("{name} in {json}")) + key.len()..];
    let end = match value.as_bytes()[0] {
        b'"' => value[1..].find('"').unwrap() + 2,
        b'[' => value.find(']').unwrap() + 1,
        _ => value.find([',', '}']).unwrap(),
    };
    &value[..end]
}

/// A session of a poller.
pub struct Poller {
    /// The connection of its polls; what it posts goes by connections of their own.
    pub client: Client,
    pub target: String,
    pub sid: String,
    /// What came behind the handshake.
    pub opening: String,
}

impl Poller {
    /// Opens a session at `path` with the query `query`, which names version and more.
    pub async fn open(server: &Running, path: &str, query: &str) -> Poller {
        let mut client = Client::connect(server).await;
        let answered = client.http(get(&format!("{path}?transport=polling&{query}"), "")).await;
        assert_eq!(answered.status, 200, "{answered:?}");
        let opening = answered.text().to_string();
        let sid = field(&opening, "sid").trim_matches('"').to_string();
        Poller { client, target: format!("{path}?transport=polling&{query}&sid={sid}"), sid, opening }
    }

    /// Sends a poll and does not wait.
    pub async fn park(&mut self) {
        self.client.send(get(&self.target, "")).await;
    }

    /// A poll and what it brings.
    pub async fn poll(&mut self) -> Answered {
        self.client.http(get(&self.target, "")).await
    }

    /// The body of a poll that must succeed.
    pub async fn text(&mut self) -> String {
        let answered = self.poll().await;
        assert_eq!(answered.status, 200, "{answered:?}");
        answered.text().to_string()
    }

    /// Posts, on another connection.
    pub async fn post(&self, server: &Running, body: &str) -> Answered {
        once(server, post(&self.target, body)).await
    }

    /// Posts what must be accepted.
    pub async fn say(&self, server: &Running, body: &str) {
        let answered = self.post(server, body).await;
        assert_eq!((answered.status, answered.text()), (200, "ok"), "{body}");
    }
}

/// A WebSocket that speaks Engine.IO.
pub struct Socket {
    pub client: Client,
}

impl Socket {
    /// A WebSocket at a path with a query.
    pub async fn at(server: &Running, target: &str) -> Socket {
        let mut client = Client::connect(server).await;
        client.upgrade(target).await;
        Socket { client }
    }

    /// Opens a session, and gives its handshake.
    pub async fn open(server: &Running, path: &str, query: &str) -> (Socket, String) {
        let mut socket = Socket::at(server, &format!("{path}?transport=websocket&{query}")).await;
        let handshake = socket.text().await;
        assert!(handshake.starts_with("0{"), "{handshake}");
        (socket, handshake)
    }

    pub async fn say(&mut self, text: &str) {
        self.client.send(frame(0x81, text.as_bytes())).await;
    }

    pub async fn say_binary(&mut self, data: &[u8]) {
        self.client.send(frame(0x82, data)).await;
    }

    /// The next text.
    pub async fn text(&mut self) -> String {
        let (first_byte, payload) = self.client.frame().await;
        assert_eq!(first_byte, 0x81, "{payload:?}");
        String::from_utf8(payload).unwrap()
    }

    /// The next text that is no ping.
    pub async fn word(&mut self) -> String {
        loop {
            let text = self.text().await;
            if text != "2" {
                return text;
            }
            self.say("3").await;
        }
    }

    /// The next frame, which must be binary.
    pub async fn binary(&mut self) -> Vec<u8> {
        let (first_byte, payload) = self.client.frame().await;
        assert_eq!(first_byte, 0x82, "{payload:?}");
        payload
    }

    /// The server closes, after pings at most.
    pub async fn must_close(mut self) {
        loop {
            match self.client.frame().await {
                (0x81, ping) if ping == b"2" => {}
                (first_byte, payload) => {
                    assert_eq!((first_byte, &payload[..]), (0x88, &b""[..]));
                    break;
                }
            }
        }
        self.client.send(frame(0x88, b"")).await;
        assert!(self.client.rest().await.is_empty());
    }
}
