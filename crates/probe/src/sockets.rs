//! Assertions about every connection of this process, whoever opened it: libraries that seal their sockets
//! cannot be asked, but the kernel can. What is asserted, and what follows, is the caller's.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{BorrowedFd, RawFd};

use crate::tcp_info::{TcpInfo, TcpState, nodelay};

/// How many established TCP connections of this process have Nagle's algorithm on.
///
/// # Errors
/// `/proc/self/fd` cannot be read.
pub fn nagle_connections() -> io::Result<u64> {
    let mut count = 0;
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let is_socket = entry.path().read_link().is_ok_and(|to| to.to_string_lossy().starts_with("socket:"));
        let Some(fd) = entry.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()).filter(|_| is_socket) else {
            continue;
        };
        // SAFETY: getsockopt is harmless on whatever the number means by now: if the descriptor was closed since it was
        // listed, the call fails, and if it was reused, it is another socket of ours.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        // Not TCP: both fail.
        let established = TcpInfo::read(fd).is_ok_and(|info| info.state == TcpState::Established);
        count += u64::from(established && nodelay(fd).is_ok_and(|off| !off));
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

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
}
