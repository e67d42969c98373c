//! Servers that misbehave: a handler for requests and one for WebSockets. Their threads end with the test process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use tokio_tungstenite::tungstenite;

/// A WebSocket from the server's side.
pub type Socket = tungstenite::WebSocket<TcpStream>;

/// One request.
pub struct Request {
    /// `GET` or `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
}

impl Request {
    /// Whether it belongs to a session that is open already.
    pub fn has_sid(&self) -> bool {
        self.path.contains("&sid=")
    }
}

/// What is done about a request.
pub enum Reply {
    /// A proper answer.
    Answer(u16, String),
    /// These bytes, then the end of the connection.
    Raw(Vec<u8>),
    /// Nothing, for ever.
    Never,
}

/// A proper answer with status 200.
pub fn ok(body: &str) -> Reply {
    Reply::Answer(200, body.to_string())
}

/// The data of a sound open packet.
pub fn handshake(upgrades: &str, ping_interval_ms: u64, ping_timeout_ms: u64) -> String {
    format!(
        r#"0{{"sid":"abc","upgrades":[{upgrades}],"pingInterval":{ping_interval_ms},"pingTimeout":{ping_timeout_ms},"maxPayload":1000000}}"#
    )
}

/// Starts a server; requests for a WebSocket go to `websocket`.
pub fn serve(
    answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    websocket: impl Fn(Socket) + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let (answer, websocket) = (Arc::new(answer), Arc::new(websocket));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (answer, websocket) = (Arc::clone(&answer), Arc::clone(&websocket));
            std::thread::spawn(move || {
                let mut start = [0; 80];
                let seen = stream.peek(&mut start).unwrap_or(0);
                if String::from_utf8_lossy(&start[..seen]).contains("transport=websocket") {
                    if let Ok(socket) = tungstenite::accept(stream) {
                        websocket(socket);
                    }
                } else {
                    let _ = requests(stream, &*answer);
                }
            });
        }
    });
    address
}

fn requests(stream: TcpStream, answer: &dyn Fn(&Request) -> Reply) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split(' ').map(str::to_string);
        let request = Request { method: words.next().unwrap_or_default(), path: words.next().unwrap_or_default() };
        let mut body_bytes = 0;
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header)? <= 2 {
                break;
            }
            if let Some(length) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                body_bytes = length.trim().parse().unwrap_or(0);
            }
        }
        reader.read_exact(&mut vec![0; body_bytes])?;
        match answer(&request) {
            Reply::Answer(status, body) => {
                write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
            }
            Reply::Raw(bytes) => return stream.write_all(&bytes),
            // Until the client has had enough.
            Reply::Never => {
                let _ = stream.read(&mut [0; 1]);
            }
        }
    }
}
