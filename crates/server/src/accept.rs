//! Listening and accepting. What becomes of a connection is [`crate::connection`].

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::connection::{self, Wiring};
use crate::context::Shared;
use crate::options::ServerError;

/// Connections that the kernel may have ready before they are accepted: a ramp of thousands comes faster than one core accepts.
const BACKLOG: i32 = 4096;

/// How long to wait when there is no descriptor left.
const PAUSE: Duration = Duration::from_millis(50);

/// EAFNOSUPPORT of Linux, which the standard library has no name for: a machine without IPv6.
const NO_SUCH_FAMILY: i32 = 97;

/// Listens.
///
/// # Errors
/// [`ServerError::AddressInUse`], [`ServerError::Bind`].
pub fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    let listener = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // Connections of an earlier server in TIME-WAIT do not keep a port; one that listens does.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    listener().map_err(|source: std::io::Error| match source.kind() {
        ErrorKind::AddrInUse => ServerError::AddressInUse(address),
        _ => ServerError::Bind { address, source },
    })
}

/// Listens on the loopback address of the other family at the same port. `None` where there is no such address.
///
/// # Errors
/// [`ServerError::AddressInUse`], [`ServerError::Bind`].
pub fn listen_on_other_loopback(address: SocketAddr) -> Result<Option<TcpListener>, ServerError> {
    let other: IpAddr = if address.is_ipv4() { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
    match listen(SocketAddr::new(other, address.port())) {
        Ok(listener) => Ok(Some(listener)),
        Err(ServerError::Bind { source, .. })
            if source.kind() == ErrorKind::AddrNotAvailable || source.raw_os_error() == Some(NO_SUCH_FAMILY) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Accepts for as long as it is polled. `alive` is handed to every connection, so that its end can be waited for.
pub async fn accept(listener: TcpListener, shared: Arc<Shared>, wiring: Arc<Wiring>, alive: mpsc::Sender<()>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without a permit the connection is dropped, and the client sees at once that it is one too many.
                let Ok(permit) = wiring.room.clone().try_acquire_owned() else { continue };
                let (shared, wiring, alive) = (shared.clone(), wiring.clone(), alive.clone());
                tokio::spawn(async move {
                    connection::run(stream, shared, wiring).await;
                    drop((permit, alive));
                });
            }
            // Of a client that left before it was accepted, or of a process without descriptors.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
