//! Addresses to connect from. One address has some 28,000 ports towards a server's one (Linux hands out 32768 to 60999 by itself);
//! on the loopback there are sixteen million more addresses, so ports are no limit there.

use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// The setting that has an address's ports, of the current network namespace.
const RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// Of the ports of an address so many are used, in quarters: the kernel looks for a free one by trying, which takes long when
/// most are taken, and others use some.
const QUARTERS_USED: u64 = 3;

/// How many connections are made from one address.
///
/// # Errors
/// If the setting cannot be read.
pub fn connections_per_address() -> io::Result<u64> {
    let range = std::fs::read_to_string(RANGE)?;
    let mut ends = range.split_whitespace().filter_map(|end| end.parse::<u64>().ok());
    match (ends.next(), ends.next()) {
        (Some(first), Some(last)) if first <= last => Ok(((last - first + 1) * QUARTERS_USED / 4).max(1)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, format!("{RANGE} reads {range:?}"))),
    }
}

/// The addresses for so many connections to one port of `server`, in turn; none if they need no more than the one that the kernel
/// chooses. They are this process's own, so that ports which an earlier one has left in TIME-WAIT are not in its way.
///
/// # Errors
/// If more are needed and the server is not on the IPv4 loopback, where this machine has no more; or they cannot be bound.
pub fn sources(server: IpAddr, connections: u64) -> io::Result<Vec<IpAddr>> {
    let each = connections_per_address()?;
    if connections <= each {
        return Ok(Vec::new());
    }
    if !matches!(server, IpAddr::V4(server) if server.is_loopback()) {
        let text = format!("{connections} connections to {server} need more than one local address, which has ports for {each}");
        return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, text));
    }
    // 256 for each process; a last octet of 0 or 255 is nothing special within a /8. None of them is 127.0.0.1.
    let [.., high, low] = std::process::id().to_be_bytes();
    let count = u8::try_from(connections.div_ceil(each)).unwrap_or(u8::MAX);
    let addresses = (0..count).map(|last| IpAddr::V4(Ipv4Addr::new(127, high | 0x80, low, last)));
    // All of 127.0.0.0/8 is local, unless somebody has changed that.
    addresses.map(|address| UdpSocket::bind((address, 0)).map(|_| address)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_as_many_as_the_connections_need() {
        let (server, each) = (IpAddr::V4(Ipv4Addr::LOCALHOST), connections_per_address().unwrap());
        assert!(sources(server, each).unwrap().is_empty());
        let three: BTreeSet<IpAddr> = sources(server, 2 * each + 1).unwrap().into_iter().collect();
        assert!(three.len() == 3 && three.iter().all(|address| address.is_loopback() && *address != server), "{three:?}");
        let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        assert!(sources(elsewhere, each).unwrap().is_empty());
        assert!(sources(elsewhere, each + 1).unwrap_err().to_string().contains("192.0.2.1"));
    }
}
