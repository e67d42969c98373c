//! A packet capture of a trial, for people who want to see the packets and for the test that holds the
//! ledger against them. dumpcap does it (part of Wireshark and tshark); it costs CPU, so the numbers of a
//! captured trial are for bytes, not for latency. The ledger never reads a capture: a capture can lose packets.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wirecost_probe::process::{self, Signal};

use crate::child::{self, Lines};

/// The kernel's buffer, MiB: large enough for a burst that the program cannot follow.
const BUFFER_MIB: &str = "64";

/// A capture stops here, kB.
const MOST_KB: &str = "filesize:2000000";

/// How long dumpcap may take to begin, and to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// The kernel hands packets over in blocks, and a block that is not full only after a while; what it has not handed over
/// when the program is told to stop is not in the file.
const HAND_OVER: Duration = Duration::from_millis(600);

/// A running capture of the loopback interface.
pub(crate) struct Capture {
    child: Child,
    said: Lines,
}

impl Capture {
    /// Begins to capture into `file`, and returns once packets are being seen.
    pub fn start(file: &Path) -> std::io::Result<Capture> {
        let mut command = Command::new("dumpcap");
        command.args(["-i", "lo", "-B", BUFFER_MIB, "-a", MOST_KB, "-w"]).arg(file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        process::die_with_parent(&mut command);
        let mut child = command.spawn().map_err(|error| {
            std::io::Error::other(format!(
                "dumpcap cannot be started ({error}); install tshark or wireshark, or leave --capture out"
            ))
        })?;
        let said = Lines::of(child.stderr.take().ok_or_else(|| std::io::Error::other("no pipe to dumpcap"))?);
        let mut capture = Capture { child, said };
        capture.until("File:")?;
        Ok(capture)
    }

    fn until(&mut self, mark: &str) -> std::io::Result<String> {
        let mut last = String::new();
        loop {
            match self.said.next(PATIENCE) {
                Ok(line) if line.contains(mark) => return Ok(line),
                Ok(line) => last = line,
                Err(_) => return Err(std::io::Error::other(format!("dumpcap did not get to `{mark}`: {last}"))),
            }
        }
    }

    /// Ends it; returns how many packets were dropped. Call it when nothing moves any more.
    pub fn stop(mut self) -> std::io::Result<u64> {
        std::thread::sleep(HAND_OVER);
        // One that still waits for a core has not taken what was handed over.
        let give_up = Instant::now() + PATIENCE;
        while process::state(self.child.id())? != 'S' && Instant::now() < give_up {
            std::thread::sleep(Duration::from_millis(1));
        }
        process::signal(self.child.id(), Signal::Int)?;
        // `Packets received/dropped on interface 'Loopback: lo': 123/0 (pcap:0/dumpcap:0/flushed:0/ps_ifdrop:0) (100.0%)`
        let line = self.until("received/dropped")?;
        child::end(&mut self.child);
        let counts = line.rsplit("': ").next().and_then(|rest| rest.split(' ').next());
        let dropped = counts.and_then(|counts| counts.split_once('/')).and_then(|(_, dropped)| dropped.parse().ok());
        dropped.ok_or_else(|| std::io::Error::other(format!("dumpcap said something unexpected: {line}")))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
