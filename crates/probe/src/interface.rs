//! A network interface's own counters, which are the truth the ledgers are held against. Nothing here knows of
//! connections.

use std::{fs, io, ops::Sub};

use crate::procfs::missing;

/// Where the counters of the calling thread's network namespace are (`/proc/net` would be the main thread's).
const TABLE: &str = "/proc/thread-self/net/dev";

/// Frames and bytes of one interface since it came up (`/proc/net/dev`).
///
/// `lo` counts a frame's IP packet without its 14-byte Ethernet header, and counts each frame once as sent and once as
/// received: there the two pairs are equal and either is the sum of *both* directions of every connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bytes received.
    pub received_bytes: u64,
    /// Frames received.
    pub received_packets: u64,
    /// Frames dropped on the way in.
    pub received_dropped: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Frames sent.
    pub sent_packets: u64,
    /// Frames dropped on the way out.
    pub sent_dropped: u64,
}

impl Counters {
    /// The counters of `interface` (`"lo"`) in the calling thread's network namespace, now.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is no such interface; [`io::ErrorKind::InvalidData`] if the table does not
    /// read as documented in proc(5).
    pub fn read(interface: &str) -> io::Result<Self> {
        Self::parse(&fs::read_to_string(TABLE)?, interface)
    }

    fn parse(table: &str, interface: &str) -> io::Result<Self> {
        // The first two lines are headings: without a colon after the first word, or with a `|` before it.
        let row = table
            .lines()
            .find_map(|line| line.split_once(':').filter(|(name, _)| name.trim() == interface))
            .map(|(_, row)| row)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no interface {interface}")))?;
        let numbers: Vec<u64> = row.split_ascii_whitespace().map_while(|number| number.parse().ok()).collect();
        // bytes packets errs drop fifo frame compressed multicast, then bytes packets errs drop … for sending
        let &[received_bytes, received_packets, _, received_dropped, _, _, _, _, sent_bytes, sent_packets, _, sent_dropped, ..] =
            numbers.as_slice()
        else {
            return Err(missing("twelve columns", TABLE));
        };
        Ok(Self { received_bytes, received_packets, received_dropped, sent_bytes, sent_packets, sent_dropped })
    }
}

impl Sub for Counters {
    type Output = Self;

    /// Counts between `earlier` and `self`. Wraps as the kernel's own counters do.
    fn sub(self, earlier: Self) -> Self {
        Self {
            received_bytes: self.received_bytes.wrapping_sub(earlier.received_bytes),
            received_packets: self.received_packets.wrapping_sub(earlier.received_packets),
            received_dropped: self.received_dropped.wrapping_sub(earlier.received_dropped),
            sent_bytes: self.sent_bytes.wrapping_sub(earlier.sent_bytes),
            sent_packets: self.sent_packets.wrapping_sub(earlier.sent_packets),
            sent_dropped: self.sent_dropped.wrapping_sub(earlier.sent_dropped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     836      10    0    1    0     0          0         0      837      11    0    2    0     0       0          0
  eth0:99999999999  7    0    0    0     0          0         0        5       6    0    0    0     0       0          0
";

    #[test]
    fn reads_the_row_by_name() {
        let lo = Counters::parse(SAMPLE, "lo").unwrap();
        assert_eq!((lo.received_bytes, lo.received_packets, lo.received_dropped), (836, 10, 1));
        assert_eq!((lo.sent_bytes, lo.sent_packets, lo.sent_dropped), (837, 11, 2));
        // A large number leaves no blank after the colon.
        assert_eq!(Counters::parse(SAMPLE, "eth0").unwrap().received_bytes, 99_999_999_999);
        assert_eq!(Counters::parse(SAMPLE, "eth").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(Counters::parse("lo: 1 2 3", "lo").unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn the_difference_is_what_went_by() {
        let before = Counters::read("lo").unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(&[0; 1000], socket.local_addr().unwrap()).unwrap();
        socket.recv(&mut [0; 1000]).unwrap();
        let between = Counters::read("lo").unwrap() - before;
        // At least: other tests use the same interface.
        assert!(between.sent_packets >= 1 && between.sent_bytes >= 1028, "{between:?}");
        assert_eq!(before - before, Counters::default());
    }
}
