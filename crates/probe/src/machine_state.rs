//! What the rest of the machine was doing while something was measured on it: processor time by kind, swapping, the
//! memory TCP holds. Whether that spoils a measurement is for a gate to say.
#![allow(unsafe_code)]

use std::{fs, io};

use crate::{
    process::page_bytes,
    procfs::{missing, number_after},
};

/// The machine at one moment. Times and pages are totals since it started, for all cores together: take two and use
/// [`since`](Self::since). The TCP figures are of the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MachineState {
    /// Processor time of every kind, idle included, ns in steps of 10 ms a core (`/proc/stat`).
    pub total_ns: u64,
    /// Processor time nobody wanted, waiting for disks included, ns.
    pub idle_ns: u64,
    /// Processor time in software interrupts, which is where the kernel receives from the network, ns. Some of it also
    /// stands in the bill of whichever process it interrupted.
    pub softirq_ns: u64,
    /// Processor time the hypervisor gave to others, ns.
    pub steal_ns: u64,
    /// Pages read back from swap.
    pub swapped_in_pages: u64,
    /// Pages written to swap.
    pub swapped_out_pages: u64,
    /// Memory in TCP's buffers, bytes, machine-wide, counted by the kernel in pages.
    pub tcp_buffer_bytes: u64,
    /// Memory of the socket structures themselves (slab caches `TCP`, `TCPv6`, `request_sock_TCP`, `tw_sock_TCP`, …),
    /// bytes, machine-wide. Root only: `None` where `/proc/slabinfo` cannot be read.
    pub tcp_slab_bytes: Option<u64>,
}

impl MachineState {
    /// Now.
    ///
    /// # Errors
    /// If `/proc` is not there, or does not read as documented in proc(5).
    pub fn read() -> io::Result<Self> {
        let slab = fs::read_to_string("/proc/slabinfo").ok();
        Self::parse(
            &fs::read_to_string("/proc/stat")?,
            &fs::read_to_string("/proc/vmstat")?,
            &fs::read_to_string("/proc/thread-self/net/sockstat")?,
            slab.as_deref(),
            Units { tick_ns: tick_ns(), page_bytes: page_bytes() },
        )
    }

    fn parse(stat: &str, vmstat: &str, sockstat: &str, slab: Option<&str>, units: Units) -> io::Result<Self> {
        let cpu = stat.lines().find_map(|line| line.strip_prefix("cpu ")).ok_or_else(|| missing("cpu", "/proc/stat"))?;
        let ticks: Vec<u64> = cpu.split_ascii_whitespace().map_while(|ticks| ticks.parse().ok()).collect();
        // user nice system idle iowait irq softirq steal guest guest_nice. The last two are part of the first two.
        let Some(&[_, _, _, idle, iowait, _, softirq, steal]) = ticks.first_chunk() else {
            return Err(missing("eight columns", "/proc/stat"));
        };
        let total: u64 = ticks.iter().take(8).sum();
        let tcp =
            sockstat.lines().find_map(|line| line.strip_prefix("TCP:")).ok_or_else(|| missing("TCP", "/proc/net/sockstat"))?;
        Ok(Self {
            total_ns: total * units.tick_ns,
            idle_ns: (idle + iowait) * units.tick_ns,
            softirq_ns: softirq * units.tick_ns,
            steal_ns: steal * units.tick_ns,
            swapped_in_pages: number_after(vmstat, "pswpin").unwrap_or(0),
            swapped_out_pages: number_after(vmstat, "pswpout").unwrap_or(0),
            tcp_buffer_bytes: labelled(tcp, "mem").unwrap_or(0) * units.page_bytes,
            tcp_slab_bytes: slab.map(tcp_slab_bytes),
        })
    }

    /// What happened between `earlier` and this: times and pages as differences, the TCP figures as they are now.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            // Idle and steal have been seen to go back by a tick.
            total_ns: self.total_ns.saturating_sub(earlier.total_ns),
            idle_ns: self.idle_ns.saturating_sub(earlier.idle_ns),
            softirq_ns: self.softirq_ns.saturating_sub(earlier.softirq_ns),
            steal_ns: self.steal_ns.saturating_sub(earlier.steal_ns),
            swapped_in_pages: self.swapped_in_pages.saturating_sub(earlier.swapped_in_pages),
            swapped_out_pages: self.swapped_out_pages.saturating_sub(earlier.swapped_out_pages),
            ..*self
        }
    }

    /// Share of processor time that was not idle, 0 to 1; 0 of no time.
    #[must_use]
    pub fn busy_fraction(&self) -> f64 {
        self.fraction(self.total_ns - self.idle_ns.min(self.total_ns))
    }

    /// Share of processor time in software interrupts, 0 to 1; 0 of no time.
    #[must_use]
    pub fn softirq_fraction(&self) -> f64 {
        self.fraction(self.softirq_ns)
    }

    /// Share of processor time the hypervisor gave to others, 0 to 1; 0 of no time.
    #[must_use]
    pub fn steal_fraction(&self) -> f64 {
        self.fraction(self.steal_ns)
    }

    fn fraction(&self, part_ns: u64) -> f64 {
        if self.total_ns == 0 { 0.0 } else { part_ns as f64 / self.total_ns as f64 }
    }
}

/// What the kernel's numbers are multiples of.
#[derive(Clone, Copy)]
struct Units {
    tick_ns: u64,
    page_bytes: u64,
}

fn tick_ns() -> u64 {
    // SAFETY: sysconf takes an integer; this name is known everywhere.
    let ticks_per_s = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    1_000_000_000 / u64::try_from(ticks_per_s).unwrap_or(100).max(1)
}

/// The number after a word, as in `inuse 5 orphan 0`.
fn labelled(row: &str, label: &str) -> Option<u64> {
    let mut words = row.split_ascii_whitespace();
    words.find(|word| *word == label)?;
    words.next()?.parse().ok()
}

/// Allocated objects times their size, over the caches of TCP's sockets.
fn tcp_slab_bytes(slabinfo: &str) -> u64 {
    let caches = ["TCP", "TCPv6", "request_sock_TCP", "request_sock_TCPv6", "tw_sock_TCP", "tw_sock_TCPv6", "tcp_bind_bucket"];
    slabinfo
        .lines()
        .filter_map(|line| {
            // name, active objects, objects, object size, …
            let mut columns = line.split_ascii_whitespace();
            let name = columns.next()?;
            caches.contains(&name).then_some(())?;
            let _active = columns.next()?;
            let (objects, bytes): (u64, u64) = (columns.next()?.parse().ok()?, columns.next()?.parse().ok()?);
            Some(objects * bytes)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  100 10 50 800 20 1 15 4 60 0\ncpu0 50 5 25 400 10 0 7 2 30 0\nctxt 1\n";
    const VMSTAT: &str = "pgpgin 7\npswpin 3\npswpout 5\n";
    const SOCKSTAT: &str = "sockets: used 300\nTCP: inuse 5 orphan 1 tw 2 alloc 7 mem 4\nUDP: inuse 1 mem 9\n";
    const SLAB: &str = "slabinfo - version: 2.1\n\
        # name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>\n\
        tw_sock_TCP           10     16    256   16    1 : tunables\n\
        TCPv6                  2     10   2752   10    8 : tunables\n\
        TCPother               2     10   2752   10    8 : tunables\n";
    const UNITS: Units = Units { tick_ns: 10_000_000, page_bytes: 4096 };

    #[test]
    fn reads_the_kernels_tables() {
        let state = MachineState::parse(STAT, VMSTAT, SOCKSTAT, Some(SLAB), UNITS).unwrap();
        assert_eq!(state.total_ns, 1_000 * 10_000_000, "guest time is not counted twice");
        assert_eq!((state.idle_ns, state.softirq_ns, state.steal_ns), (8_200_000_000, 150_000_000, 40_000_000));
        assert_eq!((state.swapped_in_pages, state.swapped_out_pages), (3, 5));
        assert_eq!(state.tcp_buffer_bytes, 4 * 4096);
        assert_eq!(state.tcp_slab_bytes, Some(16 * 256 + 10 * 2752));
        MachineState::parse("cpu  1 2 3\n", VMSTAT, SOCKSTAT, None, UNITS).unwrap_err();
        MachineState::parse(STAT, VMSTAT, "UDP: inuse 1\n", None, UNITS).unwrap_err();
    }

    #[test]
    fn differences_and_shares() {
        let earlier = MachineState::parse(STAT, VMSTAT, SOCKSTAT, None, UNITS).unwrap();
        let later = "cpu  130 10 70 840 20 1 20 9 60 0\n";
        let later = MachineState::parse(later, "pswpin 4\npswpout 5\n", SOCKSTAT, None, UNITS).unwrap();
        let between = later.since(&earlier);
        assert_eq!((between.total_ns, between.swapped_in_pages, between.swapped_out_pages), (1_000_000_000, 1, 0));
        assert!((between.busy_fraction() - 0.6).abs() < 1e-9);
        assert!((between.softirq_fraction() - 0.05).abs() < 1e-9);
        assert!((between.steal_fraction() - 0.05).abs() < 1e-9);
        assert_eq!(between.tcp_buffer_bytes, 4 * 4096, "of the moment, not a difference");
        let nothing = earlier.since(&earlier);
        assert!(nothing.busy_fraction() == 0.0 && nothing.steal_fraction() == 0.0);
    }

    #[test]
    fn this_machine_is_running() {
        let state = MachineState::read().unwrap();
        assert!(state.total_ns > 1_000_000_000 && state.idle_ns <= state.total_ns);
    }
}
