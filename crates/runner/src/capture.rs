//! A packet capture of a trial, for people who want to see the packets and for the test that holds the
//! ledger against them. dumpcap does it (part of Wireshark and tshark); it costs CPU, so the numbers of a
//! captured trial are for bytes, not for latency. The ledger never reads a capture: a capture can lose packets.

use std::io::{BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use wirecost_probe::interface;
use wirecost_probe::process::{self, Signal};

/// The kernel's buffer, MiB: large enough for a burst that the program cannot follow.
const BUFFER_MIB: &str = "64";

/// A capture stops here, kB.
const MOST_KB: &str = "filesize:2000000";

/// How long dumpcap may take to begin, and to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// The kernel hands packets over in blocks, and a block that is not full only after a while; what it has not handed over
/// when the program is told to stop is not in the file. In a private network it is known how many there are to be.
const HAND_OVER: Duration = Duration::from_millis(600);

/// A running capture of the loopback interface.
pub(crate) struct Capture {
    child: Child,
    said: Receiver<String>,
    /// What a private network's interface had carried when it began.
    before: Option<interface::Counters>,
}

impl Capture {
    /// Begins to capture into `file`, and returns once packets are being seen.
    pub fn start(file: &Path, private: bool) -> std::io::Result<Capture> {
        let mut command = Command::new("dumpcap");
        command.args(["-i", "lo", "-B", BUFFER_MIB, "-a", MOST_KB, "-w"]).arg(file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        process::die_with_parent(&mut command);
        let mut child = command.spawn().map_err(|error| {
            std::io::Error::other(format!(
                "dumpcap cannot be started ({error}); install tshark or wireshark, or leave --capture out"
            ))
        })?;
        let (send, said) = mpsc::channel();
        if let Some(stderr) = child.stderr.take() {
            std::thread::spawn(move || told(stderr, &send));
        }
        let before = private.then(|| interface::Counters::read("lo")).transpose()?;
        let mut capture = Capture { child, said, before };
        capture.until("File:")?;
        Ok(capture)
    }

    fn until(&mut self, mark: &str) -> std::io::Result<String> {
        let mut last = String::new();
        loop {
            match self.said.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(mark) => return Ok(line),
                Ok(line) => last = line,
                Err(_) => return Err(std::io::Error::other(format!("dumpcap did not get to `{mark}`: {last}"))),
            }
        }
    }

    /// Waits until the program has everything, if it gets everything.
    fn wait_for_packets(&self) -> std::io::Result<()> {
        let Some(before) = self.before else {
            std::thread::sleep(HAND_OVER);
            return Ok(());
        };
        let carried = (interface::Counters::read("lo")? - before).sent_packets;
        let give_up = Instant::now() + PATIENCE;
        let seen = |line: &str| line.strip_prefix("Packets: ")?.trim().parse::<u64>().ok();
        // One that drops packets never gets there, and says how many.
        while let Ok(line) = self.said.recv_timeout(give_up.saturating_duration_since(Instant::now())) {
            if seen(&line).is_some_and(|packets| packets >= carried) {
                break;
            }
        }
        Ok(())
    }

    /// Ends it; returns how many packets were dropped. Call it when nothing moves any more.
    pub fn stop(mut self) -> std::io::Result<u64> {
        self.wait_for_packets()?;
        process::signal(self.child.id(), Signal::Int)?;
        // `Packets received/dropped on interface 'Loopback: lo': 123/0 (pcap:0/dumpcap:0/flushed:0/ps_ifdrop:0) (100.0%)`
        let line = self.until("received/dropped")?;
        let _ = self.child.wait();
        let counts = line.rsplit("': ").next().and_then(|rest| rest.split(' ').next());
        let dropped = counts.and_then(|counts| counts.split_once('/')).and_then(|(_, dropped)| dropped.parse().ok());
        dropped.ok_or_else(|| std::io::Error::other(format!("dumpcap said something unexpected: {line}")))
    }
}

/// Passes lines on. How many packets there are is told again and again, each time over the number before.
fn told(stderr: impl Read, send: &Sender<String>) {
    let mut line = Vec::new();
    for byte in BufReader::new(stderr).bytes().map_while(Result::ok) {
        if !matches!(byte, b'\r' | b'\n') {
            line.push(byte);
        } else if send.send(String::from_utf8_lossy(&std::mem::take(&mut line)).into_owned()).is_err() {
            return;
        }
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
