//! Bringing a connection to the end at which its counters are final, in bounded time. What the counters then mean is the
//! parent module's business.
#![allow(unsafe_code)]

use std::{
    io, mem,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    ptr,
    time::{Duration, Instant},
};

use super::{ConnectionAccount, End, Ending, account, own_fin_acknowledged};
use crate::{
    syscall::check,
    tcp_info::{TcpInfo, TcpState},
};

/// The last reading of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The counters; final unless `ending` is [`Ending::Open`].
    pub info: TcpInfo,
    /// How it ended.
    pub ending: Ending,
    /// Which end was read.
    pub end: End,
    /// Payload that was read and thrown away on the way, bytes.
    pub drained_bytes: u64,
}

impl Settled {
    /// What the connection put on the interface.
    #[must_use]
    pub fn account(&self) -> ConnectionAccount {
        account(&self.info, self.ending, self.end)
    }
}

/// Closes the sending side of a connection, throws away what still comes, and waits, at most for `within`, until the
/// kernel has seen the last segment of it; then reads its counters.
///
/// Call it when the protocol above has nothing left to say and *before* the descriptor is closed. Closing it afterwards
/// sends nothing. Where a library owns the stream and drops it when it likes, give it a
/// [`SharedStream`](crate::shared_stream::SharedStream), or keep a duplicate of the descriptor, and settle the other handle: the
/// connection lives as long as one of them.
///
/// `read_bytes` is what was read from the socket so far (a [`Meter`](crate::meter::Meter) directly on it knows). It is
/// needed to tell an orderly end from a reset if an earlier read or write may have met the error already, since the
/// kernel reports it once; `None` if none has.
///
/// If the time is up the result says [`Ending::Open`], with the counters as they were; the connection is half closed. A
/// peer that does not close in its turn is the usual reason, and [`abort`] the usual answer.
///
/// The end of a connection raises no event that can be told from those before it, so the state is looked at after 50 µs,
/// 100 µs and so on up to every 20 ms. Over loopback it is mostly there at the first look.
///
/// ```
/// use std::time::Duration;
/// use wirecost_probe::segments::{End, Ending, settle};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let client = tokio::net::TcpStream::connect(listener.local_addr()?).await?;
/// let (server, _) = listener.accept().await?;
/// drop(client);
/// let settled = settle(&server, End::Server, None, Duration::from_secs(1)).await?;
/// assert_eq!(settled.ending, Ending::Orderly);
/// // SYN, ACK, FIN and the last ACK one way; SYN-ACK and FIN the other.
/// assert_eq!(settled.account().segments(), 6);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// # Errors
/// Those of [`TcpInfo::read`]. Errors of the connection itself are endings.
///
/// # Panics
/// Outside a tokio runtime with timers.
pub async fn settle(socket: &(impl AsFd + Sync), end: End, read_bytes: Option<u64>, within: Duration) -> io::Result<Settled> {
    const FIRST_LOOK: Duration = Duration::from_micros(50);
    const SELDOM: Duration = Duration::from_millis(20);

    let deadline = Instant::now() + within;
    let mut drained = Drained::default();
    let mut pause = FIRST_LOOK;
    // Refused if the connection is already over, which is what is wanted.
    // SAFETY: shutdown takes two integers.
    unsafe { libc::shutdown(socket.as_fd().as_raw_fd(), libc::SHUT_WR) };
    loop {
        drained.drain(socket.as_fd());
        let info = TcpInfo::read(socket.as_fd())?;
        if info.state == TcpState::Close {
            // Between the two calls above the last data may have come. Now none can.
            drained.drain(socket.as_fd());
            let ending = ending(&info, end, read_bytes, &drained);
            return Ok(Settled { info, ending, end, drained_bytes: drained.bytes });
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Settled { info, ending: Ending::Open, end, drained_bytes: drained.bytes });
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 2).min(SELDOM);
    }
}

/// Reads the counters of a connection and then ends it with a RST, which is added to the account.
///
/// For connections that would not [`settle`]. Exact if nothing is on its way at that moment. Does nothing but read if
/// the connection is over. The descriptor stays open, but is a fresh, unconnected socket afterwards.
///
/// # Errors
/// Those of [`TcpInfo::read`], and of `connect(AF_UNSPEC)`, of which none is known on a TCP socket.
pub fn abort(socket: &impl AsFd, end: End) -> io::Result<Settled> {
    use TcpState::{CloseWait, Established, FinWait1, FinWait2, SynReceived};
    let info = TcpInfo::read(socket.as_fd())?;
    // The states in which disconnecting sends a RST (tcp_need_reset).
    let ending = match info.state {
        Established | CloseWait | FinWait1 | FinWait2 | SynReceived => Ending::Aborted,
        _ => Ending::Open,
    };
    if ending == Ending::Aborted {
        // SAFETY: sockaddr is plain integers, for which all-zero is a value (and AF_UNSPEC is 0).
        let nowhere: libc::sockaddr = unsafe { mem::zeroed() };
        // SAFETY: the kernel reads `size_of(nowhere)` bytes from `nowhere`.
        check(unsafe {
            libc::connect(socket.as_fd().as_raw_fd(), &raw const nowhere, size_of_val(&nowhere) as libc::socklen_t)
        })?;
    }
    Ok(Settled { info, ending, end, drained_bytes: 0 })
}

/// What came in while a connection was being brought to its end.
#[derive(Debug, Default)]
struct Drained {
    bytes: u64,
    /// Whether the stream's end was met, and no error before it.
    end_of_stream: bool,
    /// Whether the connection's error was met.
    failed: bool,
}

impl Drained {
    /// Throws away all there is. Left unread, data would turn the closing of the descriptor into a RST, and keep the
    /// window shut on a peer that has its FIN queued behind more of it.
    fn drain(&mut self, fd: BorrowedFd<'_>) {
        while !(self.end_of_stream || self.failed) {
            // MSG_TRUNC makes TCP discard instead of copy (tcp(7)).
            // SAFETY: with MSG_TRUNC the kernel does not write to the buffer of a TCP socket, which may be null.
            let got =
                check_size(unsafe { libc::recv(fd.as_raw_fd(), ptr::null_mut(), 1 << 30, libc::MSG_TRUNC | libc::MSG_DONTWAIT) });
            match got {
                Ok(0) => self.end_of_stream = true,
                Ok(bytes) => self.bytes += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.failed = true,
            }
        }
    }
}

fn check_size(returned: libc::ssize_t) -> io::Result<u64> {
    u64::try_from(returned).map_err(|_| io::Error::last_os_error())
}

/// How a connection in the state `Close` got there.
fn ending(info: &TcpInfo, end: End, read_bytes: Option<u64>, drained: &Drained) -> Ending {
    // A FIN counts as a byte received, so with everything read it is the one byte nobody has seen.
    let peer_fin = match read_bytes {
        Some(read_bytes) => info.bytes_received > read_bytes + drained.bytes,
        None => drained.end_of_stream,
    };
    if peer_fin && own_fin_acknowledged(info, end) { Ending::Orderly } else { Ending::ResetByPeer { after_fin: peer_fin } }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        net::{TcpListener, TcpStream},
    };

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn what_is_left_unread_is_drained_and_counted() {
        let (mut client, server) = pair();
        client.write_all(&[7; 1000]).unwrap();
        drop(client);
        let settled = block_on(settle(&server, End::Server, None, Duration::from_secs(10))).unwrap();
        assert_eq!((settled.ending, settled.drained_bytes), (Ending::Orderly, 1000));
        assert_eq!(settled.info.state, TcpState::Close);
        assert_eq!(settled.account().to_server.payload_bytes, 1000);
    }

    #[test]
    fn a_peer_that_does_not_close_costs_the_time_allowed_and_no_more() {
        let (client, server) = pair();
        let before = Instant::now();
        let settled = block_on(settle(&server, End::Server, None, Duration::from_millis(30))).unwrap();
        assert!(before.elapsed() >= Duration::from_millis(30));
        assert_eq!(settled.ending, Ending::Open);
        assert_ne!(settled.info.state, TcpState::Close);
        let aborted = abort(&server, End::Server).unwrap();
        assert_eq!((aborted.ending, aborted.account().to_client.rst), (Ending::Aborted, 1));
        // Aborting is final: there is nothing left to abort.
        assert_eq!(abort(&server, End::Server).unwrap().ending, Ending::Open);
        drop(client);
    }

    #[test]
    fn no_time_at_all_is_a_reading() {
        let (_client, server) = pair();
        assert_eq!(block_on(settle(&server, End::Server, None, Duration::ZERO)).unwrap().ending, Ending::Open);
    }

    #[test]
    fn a_settling_connection_may_change_threads() {
        fn is_send(_: &impl Send) {}
        let (_client, server) = pair();
        is_send(&settle(&server, End::Server, None, Duration::ZERO));
    }

    #[test]
    fn anything_else_is_refused() {
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        block_on(settle(&udp, End::Server, None, Duration::from_secs(10))).unwrap_err();
        abort(&udp, End::Client).unwrap_err();
    }
}
