//! One TCP connection from the client's side, opened step by step so that each step can be timed and every
//! byte counted: TCP, then TLS if the arm has it, with a meter below and above TLS.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wirecost_probe::clock::now_ns;
use wirecost_probe::meter::{Meter, MeteredStream};
use wirecost_probe::shared_stream::SharedStream;

use crate::books::Place;
use crate::session::TransportError;
use crate::target::Target;

/// How long the steps of connecting took, ns, by the tag of their histogram.
pub(crate) type Stages = Vec<(&'static str, u64)>;

/// Where a stack puts the stages of connections that it opens by itself.
pub(crate) type StageSink = Rc<dyn Fn(Stages)>;

/// A step of connecting that is under way. It reads the clock, so that a transport with steps of its own need not.
pub(crate) struct Step {
    tag: &'static str,
    begun_ns: u64,
}

impl Step {
    /// Begins now.
    pub fn begin(tag: &'static str) -> Step {
        Step { tag, begun_ns: now_ns() }
    }

    /// Ends now; how long it took is one more stage.
    pub fn end(self, stages: &mut Stages) {
        stages.push((self.tag, now_ns() - self.begun_ns));
    }
}

/// A connection, plain or encrypted.
pub(crate) enum Connection {
    /// `http://`, `ws://`.
    Plain(MeteredStream<TcpStream>),
    /// The same to a server that is not ours. Its place in the books is given up when it goes.
    Foreign(MeteredStream<SharedStream>, #[expect(dead_code, reason = "what counts is when it is dropped")] Place),
    /// `https://`, `wss://`.
    Tls(Box<TlsStream<MeteredStream<TcpStream>>>),
}

/// Opens a connection with Nagle's algorithm off. One towards a server that is not ours is entered in the books.
pub(crate) async fn open(
    target: &Target,
    tls: Option<Arc<ClientConfig>>,
    socket_meter: Arc<Meter>,
    stages: &mut Stages,
) -> Result<Connection, TransportError> {
    let step = Step::begin("connect_tcp");
    let stream = match target.source {
        None => TcpStream::connect(target.address).await?,
        Some(source) => {
            let socket = if source.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.bind(SocketAddr::new(source, 0))?;
            socket.connect(target.address).await?
        }
    };
    stream.set_nodelay(true)?;
    step.end(stages);
    if let Some(foreign) = &target.foreign {
        let (stream, place) = foreign.books.enter(stream);
        return Ok(Connection::Foreign(stream, place));
    }
    let stream = MeteredStream::new(stream, socket_meter);
    let Some(config) = tls else { return Ok(Connection::Plain(stream)) };
    let step = Step::begin("connect_tls");
    let name = ServerName::from(target.address.ip());
    let stream = TlsConnector::from(config).connect(name, stream).await?;
    step.end(stages);
    Ok(Connection::Tls(Box::new(stream)))
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Connection::Plain(stream) => Pin::new(stream).poll_read(context, buf),
            Connection::Foreign(stream, _) => Pin::new(stream).poll_read(context, buf),
            Connection::Tls(stream) => Pin::new(stream).poll_read(context, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Connection::Plain(stream) => Pin::new(stream).poll_write(context, buf),
            Connection::Foreign(stream, _) => Pin::new(stream).poll_write(context, buf),
            Connection::Tls(stream) => Pin::new(stream).poll_write(context, buf),
        }
    }
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Connection::Plain(stream) => Pin::new(stream).poll_write_vectored(context, bufs),
            Connection::Foreign(stream, _) => Pin::new(stream).poll_write_vectored(context, bufs),
            Connection::Tls(stream) => Pin::new(stream).poll_write_vectored(context, bufs),
        }
    }
    fn is_write_vectored(&self) -> bool {
        match self {
            Connection::Plain(stream) => stream.is_write_vectored(),
            Connection::Foreign(stream, _) => stream.is_write_vectored(),
            Connection::Tls(stream) => stream.is_write_vectored(),
        }
    }
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Connection::Plain(stream) => Pin::new(stream).poll_flush(context),
            Connection::Foreign(stream, _) => Pin::new(stream).poll_flush(context),
            Connection::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Connection::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Connection::Foreign(stream, _) => Pin::new(stream).poll_shutdown(context),
            Connection::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
