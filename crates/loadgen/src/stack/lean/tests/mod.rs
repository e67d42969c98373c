//! The lean stack on real sockets: against the standard stack's bytes, against answers in every form cut at every byte, and
//! against a WebSocket server that is not ours. No clock: a scripted peer goes on when the client's meter shows that it has read.

mod frames;
mod http;
mod same_bytes;
mod tls;
mod websocket;

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wirecost_model::ArmConfig;
use wirecost_model::TransportKind;
use wirecost_model::scenario::{Arm, ArmOptions, Stack};
use wirecost_probe::meter::Meter;

use super::http::Http;
use super::websocket::WebSocket;
use crate::session::TransportError;
use crate::stack::Message;
use crate::stack::connection::StageSink;
use crate::target::Target;

/// An arm of the stack, with its other options at their defaults.
fn arm(stack: Stack) -> ArmConfig {
    let options = ArmOptions { stack: Some(stack), ..ArmOptions::default() };
    ArmConfig::resolve(&Arm { transport: TransportKind::ShortPoll, options }, &ArmOptions::default())
}

impl WebSocket {
    /// As the seam above both stacks does it.
    async fn send(&mut self, message: Message) -> Result<(), TransportError> {
        let mut message = Some(message.parts());
        poll_fn(|context| self.poll_send(context, &mut message)).await
    }

    async fn next(&mut self) -> Result<Message, TransportError> {
        poll_fn(|context| self.poll_next(context)).await?;
        Ok(self.take())
    }
}

/// The other end of a client's connections.
struct Peer {
    listener: TcpListener,
    meter: Arc<Meter>,
    stages: Rc<RefCell<Vec<&'static str>>>,
}

impl Peer {
    async fn new() -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Peer { listener, meter: Meter::new(), stages: Rc::default() }
    }

    fn target(&self, arm: ArmConfig) -> Target {
        Target::new(self.listener.local_addr().expect("bound"), arm)
    }

    fn sink(&self) -> StageSink {
        let stages = Rc::clone(&self.stages);
        Rc::new(move |new| stages.borrow_mut().extend(new.into_iter().map(|(stage, _)| stage)))
    }

    /// A client of this peer.
    fn client(&self) -> Http {
        self.client_with(arm(Stack::Lean))
    }

    fn client_with(&self, arm: ArmConfig) -> Http {
        Http::new(&Rc::new(self.target(arm)), Arc::clone(&self.meter), self.sink()).expect("a plain client")
    }

    async fn accept(&self) -> TcpStream {
        let (stream, _) = self.listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a TCP socket");
        stream
    }

    /// Writes `bytes` in two parts, the second when the client has read the first.
    async fn write_cut(&self, stream: &mut TcpStream, bytes: &[u8], cut: usize) {
        let before = self.meter.snapshot().read_bytes;
        stream.write_all(&bytes[..cut]).await.expect("the client reads");
        while self.meter.snapshot().read_bytes - before < cut as u64 {
            tokio::task::yield_now().await;
        }
        stream.write_all(&bytes[cut..]).await.expect("the client reads");
    }
}

/// Reads one request, head and body; `None` at the end of the connection.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut request = Vec::new();
    let head_bytes = loop {
        if let Some(at) = request.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut request).await.expect("readable") == 0 {
            assert!(request.is_empty(), "half a request: {request:?}");
            return None;
        }
    };
    let head = String::from_utf8(request[..head_bytes].to_vec()).expect("ASCII");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().expect("a number"));
    while request.len() < head_bytes + length {
        assert!(stream.read_buf(&mut request).await.expect("readable") > 0, "half a body");
    }
    assert_eq!(request.len(), head_bytes + length, "one request at a time");
    Some(String::from_utf8(request).expect("text bodies in tests"))
}
