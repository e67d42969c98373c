//! What the kernel knows about one TCP connection, read from either end's socket. Raw counters only; what they add up
//! to on the wire is [`crate::segments`].
#![allow(unsafe_code)]

use std::{
    io, mem,
    net::IpAddr,
    os::fd::{AsRawFd, BorrowedFd},
};

use crate::syscall::check;

/// The state of a TCP socket, as `tcpi_state` gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // RFC 9293, section 3.3.2, under the same names
pub enum TcpState {
    Established,
    SynSent,
    SynReceived,
    FinWait1,
    FinWait2,
    TimeWait,
    /// The end of every connection. The end that closed first gets here too: the kernel hands TIME-WAIT to a stand-in
    /// and marks the socket itself closed.
    Close,
    CloseWait,
    LastAck,
    Listen,
    Closing,
}

impl TcpState {
    /// The state with the kernel's number (`include/net/tcp_states.h`).
    fn from_kernel(number: u8) -> io::Result<Self> {
        use TcpState::{
            Close, CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynReceived, SynSent, TimeWait,
        };
        Ok(match number {
            1 => Established,
            2 => SynSent,
            // 12 is TCP_NEW_SYN_RECV, a request not yet a socket.
            3 | 12 => SynReceived,
            4 => FinWait1,
            5 => FinWait2,
            6 => TimeWait,
            7 => Close,
            8 => CloseWait,
            9 => LastAck,
            10 => Listen,
            11 => Closing,
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, format!("unknown TCP state {number}"))),
        })
    }
}

/// Counters and estimates of one TCP connection, as one end sees it (`getsockopt(TCP_INFO)`, Linux ≥ 4.19).
///
/// "Out" is what this end sent, "in" what it received. Segments are frames of at most one MSS: the kernel counts the
/// pieces a large segment is cut into, not the large segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpInfo {
    /// Where the connection is in its life.
    pub state: TcpState,
    /// Bytes of IP header a segment of this connection carries: 20 for IPv4 (mapped addresses included), 40 for IPv6.
    pub ip_header_bytes: u32,
    /// Whether both ends agreed on timestamps (12 bytes of options in every segment but some RSTs).
    pub timestamps: bool,
    /// Whether both ends agreed on selective acknowledgements.
    pub sack: bool,
    /// Whether both ends agreed on window scaling.
    pub window_scaling: bool,
    /// Segments sent, of every kind. On the accepting end the SYN-ACK is missing: it was sent before this socket
    /// existed.
    pub segs_out: u32,
    /// Segments received, of every kind. On the accepting end the SYN is included.
    pub segs_in: u32,
    /// Segments sent that carried payload, retransmissions included.
    pub data_segs_out: u32,
    /// Segments received that carried payload, duplicates included.
    pub data_segs_in: u32,
    /// Payload bytes sent, retransmissions included.
    pub bytes_sent: u64,
    /// Payload bytes received in order, each counted once — *plus one* when the peer's FIN has arrived, because the
    /// kernel counts sequence numbers.
    pub bytes_received: u64,
    /// Payload bytes among [`bytes_sent`](Self::bytes_sent) that were sent again.
    pub bytes_retrans: u64,
    /// Sequence numbers the peer has acknowledged: payload, plus one for our SYN on the connecting end, plus one for
    /// our FIN.
    pub bytes_acked: u64,
    /// Segments sent again, SYN-ACKs and FINs included.
    pub total_retrans: u32,
    /// Segments the peer reported (by DSACK) as having received twice.
    pub dsack_dups: u32,
    /// Segments that arrived out of order.
    pub ooo_segs_in: u32,
    /// Largest payload of a segment sent, bytes.
    pub snd_mss: u32,
}

const OPTION_TIMESTAMPS: u8 = 1;
const OPTION_SACK: u8 = 2;
const OPTION_WINDOW_SCALING: u8 = 4;

impl TcpInfo {
    /// Reads the counters of the connection behind `fd`. They stay readable, and final, after the connection has ended,
    /// for as long as some descriptor of the socket is open.
    ///
    /// # Errors
    /// `ENOTSOCK`, `EOPNOTSUPP` or `ENOPROTOOPT` for anything but a TCP socket; [`io::ErrorKind::Unsupported`] where
    /// the kernel is too old to count what is needed here.
    pub fn read(fd: BorrowedFd<'_>) -> io::Result<Self> {
        // SAFETY: tcp_info is plain integers, for which all-zero is a value.
        let mut raw: libc::tcp_info = unsafe { mem::zeroed() };
        let mut length = size_of_val(&raw) as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes to `raw`, and says in `length` how many it did.
        check(unsafe {
            libc::getsockopt(fd.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, (&raw mut raw).cast(), &raw mut length)
        })?;
        // An older kernel fills a shorter struct and leaves zeros behind it, which would pass for counters.
        let needed = mem::offset_of!(libc::tcp_info, tcpi_rcv_ooopack) + size_of::<u32>();
        if (length as usize) < needed {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("TCP_INFO has {length} bytes of the {needed} needed: Linux 5.4 or newer is required"),
            ));
        }
        Ok(Self {
            state: TcpState::from_kernel(raw.tcpi_state)?,
            ip_header_bytes: ip_header_bytes(fd)?,
            timestamps: raw.tcpi_options & OPTION_TIMESTAMPS != 0,
            sack: raw.tcpi_options & OPTION_SACK != 0,
            window_scaling: raw.tcpi_options & OPTION_WINDOW_SCALING != 0,
            segs_out: raw.tcpi_segs_out,
            segs_in: raw.tcpi_segs_in,
            data_segs_out: raw.tcpi_data_segs_out,
            data_segs_in: raw.tcpi_data_segs_in,
            bytes_sent: raw.tcpi_bytes_sent,
            bytes_received: raw.tcpi_bytes_received,
            bytes_retrans: raw.tcpi_bytes_retrans,
            bytes_acked: raw.tcpi_bytes_acked,
            total_retrans: raw.tcpi_total_retrans,
            dsack_dups: raw.tcpi_dsack_dups,
            ooo_segs_in: raw.tcpi_rcv_ooopack,
            snd_mss: raw.tcpi_snd_mss,
        })
    }

    /// Payload bytes sent, each counted once however often it was retransmitted.
    #[must_use]
    pub fn unique_bytes_sent(&self) -> u64 {
        self.bytes_sent - self.bytes_retrans
    }
}

/// The size of the IP header by the family of the socket's own address.
fn ip_header_bytes(fd: BorrowedFd<'_>) -> io::Result<u32> {
    // SAFETY: sockaddr_storage is plain integers, for which all-zero is a value.
    let mut address: libc::sockaddr_storage = unsafe { mem::zeroed() };
    let mut length = size_of_val(&address) as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `address`.
    check(unsafe { libc::getsockname(fd.as_raw_fd(), (&raw mut address).cast(), &raw mut length) })?;
    let ipv6 = libc::c_int::from(address.ss_family) == libc::AF_INET6 && {
        // SAFETY: the family says that this is a sockaddr_in6, and a sockaddr_storage is large and aligned enough.
        let address = unsafe { &*(&raw const address).cast::<libc::sockaddr_in6>() };
        // A dual-stack socket speaks IPv4 under a mapped address.
        IpAddr::from(address.sin6_addr.s6_addr).to_canonical().is_ipv6()
    };
    Ok(if ipv6 { 40 } else { 20 })
}

/// Whether Nagle's algorithm is off (`TCP_NODELAY` set) on the connection behind `fd`.
///
/// # Errors
/// Those of `getsockopt`: not a TCP socket.
pub fn nodelay(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mut value: libc::c_int = 0;
    let mut length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `value`.
    check(unsafe {
        libc::getsockopt(fd.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_NODELAY, (&raw mut value).cast(), &raw mut length)
    })?;
    Ok(value != 0)
}

/// Switches Nagle's algorithm off (`true`) or on for the connection behind `fd`.
///
/// # Errors
/// Those of `setsockopt`: not a TCP socket.
pub fn set_nodelay(fd: BorrowedFd<'_>, nodelay: bool) -> io::Result<()> {
    let value = libc::c_int::from(nodelay);
    // SAFETY: the kernel reads `size_of(value)` bytes from `value`.
    check(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_NODELAY,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    })
    .map(drop)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
        os::fd::AsFd,
    };

    use super::*;

    fn pair(address: &str) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(address).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    #[test]
    fn counts_an_exchange_from_both_ends() {
        let (mut client, mut server) = pair("127.0.0.1:0");
        client.write_all(&[1; 100]).unwrap();
        server.read_exact(&mut [0; 100]).unwrap();
        server.write_all(&[2; 200]).unwrap();
        client.read_exact(&mut [0; 200]).unwrap();
        let (ours, theirs) = (TcpInfo::read(client.as_fd()).unwrap(), TcpInfo::read(server.as_fd()).unwrap());
        assert_eq!((ours.state, theirs.state), (TcpState::Established, TcpState::Established));
        assert_eq!((ours.bytes_sent, ours.bytes_received, ours.data_segs_out, ours.data_segs_in), (100, 200, 1, 1));
        assert_eq!((theirs.bytes_sent, theirs.bytes_received), (200, 100));
        assert_eq!(ours.unique_bytes_sent(), 100);
        assert_eq!(ours.ip_header_bytes, 20);
        assert!(theirs.snd_mss > 500);

        drop(client);
        assert_eq!(server.read(&mut [0; 1]).unwrap(), 0);
        let closing = TcpInfo::read(server.as_fd()).unwrap();
        assert_eq!(closing.state, TcpState::CloseWait);
        assert_eq!(closing.bytes_received, 101, "a FIN counts as a byte received");
    }

    #[test]
    fn tells_ipv6_from_mapped_ipv4() {
        let listener = TcpListener::bind("[::]:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        for (address, bytes) in [("127.0.0.1", 20), ("::1", 40)] {
            let client = TcpStream::connect((address, port)).unwrap();
            let server = listener.accept().unwrap().0;
            assert_eq!(TcpInfo::read(client.as_fd()).unwrap().ip_header_bytes, bytes);
            assert_eq!(TcpInfo::read(server.as_fd()).unwrap().ip_header_bytes, bytes);
        }
    }

    #[test]
    fn nodelay_is_what_was_set() {
        let (client, _server) = pair("127.0.0.1:0");
        assert!(!nodelay(client.as_fd()).unwrap());
        set_nodelay(client.as_fd(), true).unwrap();
        assert!(nodelay(client.as_fd()).unwrap() && client.nodelay().unwrap());
        set_nodelay(client.as_fd(), false).unwrap();
        assert!(!client.nodelay().unwrap());
    }

    #[test]
    fn other_descriptors_are_refused() {
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        TcpInfo::read(udp.as_fd()).unwrap_err();
        let file = std::fs::File::open("/proc/self/stat").unwrap();
        assert_eq!(TcpInfo::read(file.as_fd()).unwrap_err().raw_os_error(), Some(libc::ENOTSOCK));
        nodelay(udp.as_fd()).unwrap_err();
        set_nodelay(udp.as_fd(), true).unwrap_err();
    }
}
