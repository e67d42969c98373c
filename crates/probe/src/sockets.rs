//! Assertions about every connection of this process, whoever opened it: libraries that seal their sockets
//! cannot be asked, but the kernel can. And whether anyone listens on a port, without knocking. What is asserted, and what
//! follows, is the caller's.
#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{BorrowedFd, RawFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::tcp_info::{TcpInfo, TcpState, nodelay};

/// How long a connection may take from being established to having its options set: libraries do the one after the other,
/// and a thread may wait for a core in between.
const PATIENCE: Duration = Duration::from_millis(500);

/// How many established TCP connections of this process have Nagle's algorithm on, and keep it on: where there are any,
/// waits up to 500 ms for their owners to switch it off.
///
/// # Errors
/// `/proc/self/fd` cannot be read.
pub fn nagle_connections() -> io::Result<u64> {
    let since = Instant::now();
    let mut found = with_nagle()?;
    while !found.is_empty() && since.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(10));
        let still = with_nagle()?;
        found.retain(|socket| still.contains(socket));
    }
    Ok(found.len() as u64)
}

/// The established connections with Nagle's algorithm on, each by the name of its inode, which is not reused while it is open.
fn with_nagle() -> io::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let Some(socket) = entry.path().read_link().ok().filter(|to| to.to_string_lossy().starts_with("socket:")) else {
            continue;
        };
        let Some(fd) = entry.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()) else { continue };
        // SAFETY: getsockopt is harmless on whatever the number means by now: if the descriptor was closed since it was
        // listed, the call fails, and if it was reused, it is another socket of ours.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        // Not TCP: both fail.
        let established = TcpInfo::read(fd).is_ok_and(|info| info.state == TcpState::Established);
        if established && nodelay(fd).is_ok_and(|off| !off) {
            found.insert(socket);
        }
    }
    Ok(found)
}

/// Where TCP sockets of the calling thread's network listen. Nothing is sent: a connection made to find out would be the
/// server's to deal with, and in everybody's counters.
///
/// # Errors
/// `/proc` cannot be read.
pub fn listening() -> io::Result<BTreeSet<SocketAddr>> {
    let mut found = listening_in(&std::fs::read_to_string("/proc/thread-self/net/tcp")?);
    // Without IPv6 there is no such table.
    found.extend(listening_in(&std::fs::read_to_string("/proc/thread-self/net/tcp6").unwrap_or_default()));
    Ok(found)
}

/// Whether one of these takes connections to an address of IPv4: it is there, or everywhere. IPv6 everywhere takes IPv4 too,
/// unless it was told not to, which only whoever connects finds out.
pub fn listens(at: &BTreeSet<SocketAddr>, address: SocketAddr) -> bool {
    let fits = |own: IpAddr| own.is_unspecified() || own.to_canonical() == address.ip();
    at.iter().any(|own| own.port() == address.port() && fits(own.ip()))
}

/// Lines are `0: 0100007F:46A0 00000000:0000 0A …`: number, own address, peer, state.
fn listening_in(table: &str) -> BTreeSet<SocketAddr> {
    let own = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (ip, port) = fields.next()?.rsplit_once(':')?;
        fields.nth(1).filter(|state| *state == "0A")?;
        Some(SocketAddr::new(ip_of(ip)?, u16::from_str_radix(port, 16).ok()?))
    };
    table.lines().skip(1).filter_map(own).collect()
}

/// Words of four bytes in the order of the network, each printed as a number of this machine.
fn ip_of(hex: &str) -> Option<IpAddr> {
    let word = |n: usize| Some(u32::from_str_radix(hex.get(8 * n..8 * n + 8)?, 16).ok()?.to_ne_bytes());
    match hex.len() {
        8 => Some(IpAddr::from(word(0)?)),
        32 => {
            let mut all = [0; 16];
            for (n, part) in all.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(n)?);
            }
            Some(IpAddr::from(all))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn who_listens_is_seen_without_knocking() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(listening().unwrap().contains(&address) && listens(&listening().unwrap(), address));
        drop(listener);
        assert!(!listens(&listening().unwrap(), address));
    }

    #[test]
    fn everywhere_is_here_and_the_loopback_of_ipv6_is_not() {
        let here: SocketAddr = "127.0.0.1:9000".parse().unwrap();
        for (own, is_here) in [
            ("127.0.0.1:9000", true),
            ("0.0.0.0:9000", true),
            ("[::]:9000", true),
            ("[::ffff:127.0.0.1]:9000", true),
            ("[::1]:9000", false),
            ("127.0.0.1:9001", false),
        ] {
            assert_eq!(listens(&[own.parse().unwrap()].into(), here), is_here, "{own}");
        }
        // As this machine, which counts from the little end, prints them.
        if cfg!(target_endian = "little") {
            let line = |own: &str, state: &str| format!("head\n 0: {own} 00000000:0000 {state} 0:0");
            assert_eq!(listening_in(&line("0100007F:2328", "0A")), ["127.0.0.1:9000".parse().unwrap()].into());
            let six = line("00000000000000000000000001000000:2328", "0A");
            assert_eq!(listening_in(&six), ["[::1]:9000".parse().unwrap()].into());
            assert!(listening_in(&line("0100007F:2328", "01")).is_empty() && listening_in(&line("01:x", "0A")).is_empty());
        }
    }

    #[test]
    fn sees_a_connection_that_nobody_told_it_about() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        // Other tests of this process have connections too, so only the change is certain.
        let before = nagle_connections().unwrap();
        assert!(before >= 2);
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        assert!(nodelay(std::os::fd::AsFd::as_fd(&client)).unwrap());
    }

    #[test]
    fn a_connection_whose_option_is_set_a_moment_later_is_not_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let name = std::fs::read_link(format!("/proc/self/fd/{}", client.as_raw_fd())).unwrap();
        assert!(with_nagle().unwrap().contains(&name));
        client.set_nodelay(true).unwrap();
        assert!(!with_nagle().unwrap().contains(&name));
    }
}
