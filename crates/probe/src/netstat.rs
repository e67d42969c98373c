//! The TCP stack's counters of a network namespace: what one connection's counters cannot show, and so the explanation
//! when a ledger has a residual. Not a source of bytes; those are [`crate::segments`] and [`crate::interface`].

use std::{fs, io, ops::Sub};

use crate::procfs::{column, missing};

/// Events of the TCP stack of one network namespace (`/proc/net/snmp` and `/proc/net/netstat`).
///
/// Counters a kernel does not have read as 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StackCounters {
    /// Segments sent again, by anyone in the namespace.
    pub retransmitted_segments: u64,
    /// Of these, sent on suspicion after two round trips without an answer (tail loss probes).
    pub loss_probes: u64,
    /// Acknowledgements that reported a segment received twice: their DSACK blocks are 12 bytes no socket counts.
    pub dsacks_sent: u64,
    /// Segments queued because an earlier one was missing: each is answered by an acknowledgement with SACK blocks.
    pub out_of_order_segments: u64,
    /// RST segments sent.
    pub resets_sent: u64,
    /// Of these, sent by a socket that was closed with data unread or that lingered zero: they carry timestamps. The
    /// others answer a segment nobody wanted, and do not.
    pub resets_by_sockets: u64,
    /// Connection attempts and final acknowledgements dropped because an accept queue was full.
    pub listen_drops: u64,
    /// Segments dropped because a socket's backlog or receive queue was full.
    pub queue_drops: u64,
}

impl StackCounters {
    /// The counters of the calling thread's network namespace, now.
    ///
    /// # Errors
    /// If `/proc` is not there, or has no `Tcp` table.
    pub fn read() -> io::Result<Self> {
        let snmp = fs::read_to_string("/proc/thread-self/net/snmp")?;
        let netstat = fs::read_to_string("/proc/thread-self/net/netstat")?;
        Self::parse(&snmp, &netstat)
    }

    fn parse(snmp: &str, netstat: &str) -> io::Result<Self> {
        let tcp = |name| column(snmp, "Tcp", name).ok_or_else(|| missing(name, "/proc/net/snmp"));
        let extended = |names: &[&str]| names.iter().filter_map(|name| column(netstat, "TcpExt", name)).sum();
        Ok(Self {
            retransmitted_segments: tcp("RetransSegs")?,
            loss_probes: extended(&["TCPLossProbes"]),
            dsacks_sent: extended(&["TCPDSACKOldSent", "TCPDSACKOfoSent"]),
            out_of_order_segments: extended(&["TCPOFOQueue"]),
            resets_sent: tcp("OutRsts")?,
            resets_by_sockets: extended(&["TCPAbortOnClose", "TCPAbortOnLinger"]),
            listen_drops: extended(&["ListenDrops"]),
            queue_drops: extended(&["TCPBacklogDrop", "TCPRcvQDrop", "TCPZeroWindowDrop"]),
        })
    }
}

impl Sub for StackCounters {
    type Output = Self;

    /// Events between `earlier` and `self`. Wraps as the kernel's own counters do.
    fn sub(self, earlier: Self) -> Self {
        Self {
            retransmitted_segments: self.retransmitted_segments.wrapping_sub(earlier.retransmitted_segments),
            loss_probes: self.loss_probes.wrapping_sub(earlier.loss_probes),
            dsacks_sent: self.dsacks_sent.wrapping_sub(earlier.dsacks_sent),
            out_of_order_segments: self.out_of_order_segments.wrapping_sub(earlier.out_of_order_segments),
            resets_sent: self.resets_sent.wrapping_sub(earlier.resets_sent),
            resets_by_sockets: self.resets_by_sockets.wrapping_sub(earlier.resets_by_sockets),
            listen_drops: self.listen_drops.wrapping_sub(earlier.listen_drops),
            queue_drops: self.queue_drops.wrapping_sub(earlier.queue_drops),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_by_name_and_forgives_what_is_not_there() {
        let snmp = "Tcp: MaxConn RetransSegs OutRsts\nTcp: -1 3 5\n";
        let netstat = "TcpExt: TCPAbortOnLinger TCPLossProbes TCPAbortOnClose\nTcpExt: 1 7 2\n";
        let read = StackCounters::parse(snmp, netstat).unwrap();
        assert_eq!((read.retransmitted_segments, read.resets_sent), (3, 5));
        assert_eq!((read.loss_probes, read.resets_by_sockets, read.dsacks_sent), (7, 3, 0));
        StackCounters::parse("Ip: A\nIp: 1\n", netstat).unwrap_err();
    }

    #[test]
    fn a_reset_shows() {
        let before = StackCounters::read().unwrap();
        // Nobody listens on a port that was just given up.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        std::net::TcpStream::connect(("127.0.0.1", port)).unwrap_err();
        assert!((StackCounters::read().unwrap() - before).resets_sent >= 1);
    }
}
