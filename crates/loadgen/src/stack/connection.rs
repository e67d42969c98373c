//! One TCP connection from the client's side, opened step by step so that each step can be timed and every
//! byte counted: TCP, then TLS if the arm has it, with a meter below and above TLS.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wirecost_probe::clock::now_ns;
use wirecost_probe::meter::{Meter, MeteredStream};

use crate::session::TransportError;

/// How long the steps of connecting took, ns, by the tag of their histogram.
pub(crate) type Stages = Vec<(&'static str, u64)>;

/// A connection, plain or encrypted.
pub(crate) enum Connection {
    /// `http://`, `ws://`.
    Plain(MeteredStream<TcpStream>),
    /// `https://`, `wss://`.
    Tls(Box<TlsStream<MeteredStream<TcpStream>>>),
}

/// Opens a connection with Nagle's algorithm off.
pub(crate) async fn open(
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    socket_meter: Arc<Meter>,
    stages: &mut Stages,
) -> Result<Connection, TransportError> {
    let begun = now_ns();
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let connected = now_ns();
    stages.push(("connect_tcp", connected - begun));
    let stream = MeteredStream::new(stream, socket_meter);
    let Some(config) = tls else { return Ok(Connection::Plain(stream)) };
    let name = ServerName::from(address.ip());
    let stream = TlsConnector::from(config).connect(name, stream).await?;
    stages.push(("connect_tls", now_ns() - connected));
    Ok(Connection::Tls(Box::new(stream)))
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Connection::Plain(stream) => Pin::new(stream).poll_read(context, buf),
            Connection::Tls(stream) => Pin::new(stream).poll_read(context, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Connection::Plain(stream) => Pin::new(stream).poll_write(context, buf),
            Connection::Tls(stream) => Pin::new(stream).poll_write(context, buf),
        }
    }
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Connection::Plain(stream) => Pin::new(stream).poll_flush(context),
            Connection::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Connection::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Connection::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
