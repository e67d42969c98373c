//! A server in this process, and clients that know every byte they send and receive. No assertions about time: everything
//! waits for what it wants, within a bound that only a hang exceeds.
#![allow(dead_code)] // each test binary uses a part of it

pub mod websocket;

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use wirecost_model::control::ServerReport;
use wirecost_model::ledger::{Counters, Direction, Layer};
use wirecost_server::options::ServerOptions;
use wirecost_server::server::{Running, start};

/// Runs a test on a runtime of its own, and fails it if it hangs.
pub fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(within(test));
}

/// The bound of everything: only a hang gets there, however little of a core there is.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(600), future).await.expect("hangs")
}

/// A server with default options.
pub async fn server() -> Running {
    start(ServerOptions::default()).await.unwrap()
}

/// A server with a small ring.
pub async fn server_with_ring(ring_messages: usize) -> Running {
    start(ServerOptions { ring_messages, ..ServerOptions::default() }).await.unwrap()
}

/// Publishes in a room.
pub fn publish(server: &Running, room: &str, texts: &[&str]) {
    let room = server.hub().room(room).unwrap();
    for text in texts {
        room.publish(Bytes::from(text.to_string())).unwrap().wake();
    }
}

/// Waits until so many readers wait.
pub async fn subscribed(server: &Running, readers: u64) {
    while server.hub().subscribers() != readers {
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A client that counts.
pub struct Client<S = TcpStream> {
    pub stream: S,
    pub sent: u64,
    pub received: u64,
    pending: Vec<u8>,
}

impl Client {
    pub async fn connect(server: &Running) -> Client {
        let stream = TcpStream::connect(server.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Client::over(stream)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub fn over(stream: S) -> Client<S> {
        Client { stream, sent: 0, received: 0, pending: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
        self.sent += bytes.len() as u64;
    }

    async fn more(&mut self) -> usize {
        let mut buffer = [0; 16 << 10];
        let bytes = self.stream.read(&mut buffer).await.unwrap_or(0);
        self.received += bytes as u64;
        self.pending.extend_from_slice(&buffer[..bytes]);
        bytes
    }

    /// Exactly so many bytes.
    pub async fn take(&mut self, bytes: usize) -> Vec<u8> {
        while self.pending.len() < bytes {
            assert!(self.more().await > 0, "ended after {:?}", String::from_utf8_lossy(&self.pending));
        }
        self.pending.drain(..bytes).collect()
    }

    /// Everything up to and with the end of a head.
    pub async fn head(&mut self) -> String {
        loop {
            if let Some(at) = self.pending.windows(4).position(|w| w == b"\r\n\r\n") {
                return String::from_utf8(self.take(at + 4).await).unwrap();
            }
            assert!(self.more().await > 0, "ended after {:?}", String::from_utf8_lossy(&self.pending));
        }
    }

    /// A whole answer with a body of stated length, the date replaced.
    pub async fn answer(&mut self) -> String {
        let head = self.head().await;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |l| l.parse().unwrap());
        let body = self.take(length).await;
        undated(&head) + &String::from_utf8(body).unwrap()
    }

    /// Asks and gets the whole answer.
    pub async fn ask(&mut self, request: &str) -> String {
        self.send(request).await;
        self.answer().await
    }

    /// GET with the least of headers.
    pub async fn get(&mut self, target: &str) -> String {
        self.ask(&get(target, "")).await
    }

    /// A whole chunk, its framing included.
    pub async fn chunk(&mut self) -> String {
        loop {
            if let Some(at) = self.pending.windows(2).position(|w| w == b"\r\n") {
                let size = usize::from_str_radix(std::str::from_utf8(&self.pending[..at]).unwrap(), 16).unwrap();
                return String::from_utf8(self.take(at + 2 + size + 2).await).unwrap();
            }
            assert!(self.more().await > 0, "ended after {:?}", String::from_utf8_lossy(&self.pending));
        }
    }

    /// What comes until the server closes.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await > 0 {}
        std::mem::take(&mut self.pending)
    }

    /// Closes in order: says so, and waits for the server to do the same.
    pub async fn leave(mut self) -> (u64, u64) {
        self.stream.shutdown().await.unwrap();
        self.rest().await;
        (self.sent, self.received)
    }
}

/// A GET request.
pub fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: x\r\n{headers}\r\n")
}

/// A POST request.
pub fn post(target: &str, body: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A head with `DATE` in the place of a well-formed date.
pub fn undated(head: &str) -> String {
    let Some(at) = head.find("date: ").map(|at| at + 6) else { return head.to_string() };
    let date = &head[at..at + 29];
    assert!(date.ends_with(" GMT") && head[at + 29..].starts_with("\r\n"), "{head}");
    head.replace(date, "DATE")
}

/// Bytes above the kernel, by layer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Layers {
    pub payload: u64,
    pub framing: u64,
    pub head: u64,
    pub empty_head: u64,
}

impl Layers {
    pub fn of(counters: &Counters, direction: Direction) -> Layers {
        let layer = |layer| counters.layer(layer, direction);
        Layers {
            payload: layer(Layer::Payload),
            framing: layer(Layer::Framing),
            head: layer(Layer::RequestHead) + layer(Layer::ResponseHead),
            empty_head: layer(Layer::EmptyRequestHead) + layer(Layer::EmptyResponseHead),
        }
    }

    pub fn total(&self) -> u64 {
        self.payload + self.framing + self.head + self.empty_head
    }
}

/// Stops the server and holds its books against what a plain client sent and received.
pub async fn books(server: Running, (sent, received): (u64, u64)) -> (Layers, Layers, ServerReport) {
    let report = server.stop().await;
    let counters = &report.reading.counters;
    assert_eq!((counters.socket_bytes.up, counters.socket_bytes.down), (sent, received));
    assert_eq!(counters.plain_bytes, counters.socket_bytes);
    let (up, down) = (Layers::of(counters, Direction::Up), Layers::of(counters, Direction::Down));
    assert_eq!((up.total(), down.total()), (sent, received));
    assert_eq!(report.reading.open_connections, 0);
    (up, down, report)
}
