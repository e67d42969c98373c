//! An official server as a process, and what it says.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Longest wait for a word of the server.
const PATIENCE: Duration = Duration::from_secs(120);

/// Which package, with which arguments.
#[derive(Debug, Clone, Copy)]
pub struct Library {
    /// Of the package `socket.io`.
    pub version: &'static str,
    /// Beyond the version.
    pub arguments: &'static [&'static str],
}

/// socket.io 4: Engine.IO 4.
pub const V4: Library = Library { version: "4", arguments: &[] };

/// socket.io 4 that also speaks Engine.IO 3.
pub const V4_FOR_ENGINE_3: Library = Library { version: "4", arguments: &["engine3=yes"] };

/// socket.io 2: Engine.IO 3.
pub const V2: Library = Library { version: "2", arguments: &[] };

/// A running server.
pub struct Peer {
    process: Child,
    stdin: Option<ChildStdin>,
    words: Receiver<String>,
    seen: Vec<String>,
    pub address: SocketAddr,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers")
}

/// Says once a test that it did nothing; past the capture of the test harness, so that it is seen.
fn skip() {
    let _ = writeln!(std::io::stderr(), "skipped: node or npm packages missing (run `npm ci` in {})", folder().display());
}

impl Peer {
    /// Starts a server; `None` where it cannot run.
    pub fn start(library: Library) -> Option<Peer> {
        Peer::start_at(library, 0)
    }

    /// Starts a server on a port.
    pub fn start_at(library: Library, port: u16) -> Option<Peer> {
        let packages = ["socket.io", "socket.io2"].map(|package| folder().join("node_modules").join(package).is_dir());
        if packages != [true, true] || Command::new("node").arg("--version").stdout(Stdio::null()).status().is_err() {
            skip();
            return None;
        }
        let mut process = Command::new("node")
            .arg(folder().join("socket-io-server.mjs"))
            .arg(library.version)
            .args(library.arguments)
            .arg(format!("port={port}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Not ours: Node would make it non-blocking for everyone who writes to it.
            .stderr(Stdio::piped())
            .spawn()
            .expect("node starts");
        let (sender, words) = channel();
        let lines = BufReader::new(process.stdout.take().expect("stdout is piped")).lines();
        let complaints = BufReader::new(process.stderr.take().expect("stderr is piped")).lines();
        let complain = sender.clone();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        std::thread::spawn(move || complaints.map_while(Result::ok).try_for_each(|line| complain.send(format!("stderr {line}"))));
        let stdin = process.stdin.take();
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut peer = Peer { process, stdin, words, seen: Vec::new(), address: unknown };
        peer.wait_for("ready", 1);
        let port = peer.all("ready")[0].parse().expect("a port");
        peer.address.set_port(port);
        Some(peer)
    }

    /// Tells the server something.
    pub fn tell(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("open until the end");
        stdin.write_all(format!("{line}\n").as_bytes()).expect("the server reads");
    }

    /// Waits until the server has said `word` so many times.
    pub fn wait_for(&mut self, word: &str, times: usize) {
        let give_up = Instant::now() + PATIENCE;
        while self.all(word).len() < times {
            let left = give_up.saturating_duration_since(Instant::now());
            match self.words.recv_timeout(left) {
                Ok(line) => self.seen.push(line),
                Err(error) => panic!("{word} {} of {times} times: {error}; it said {:#?}", self.all(word).len(), self.counts()),
            }
        }
    }

    /// Begins anew: what was said until now no longer counts.
    pub fn forget(&mut self) {
        self.seen.clear();
    }

    /// What followed each `word` until now.
    pub fn all(&mut self, word: &str) -> Vec<String> {
        self.seen.extend(self.words.try_iter());
        let after = |line: &String| {
            let rest = line.strip_prefix(word)?;
            (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim_start().to_string())
        };
        self.seen.iter().filter_map(after).collect()
    }

    fn counts(&mut self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for line in &self.seen {
            *counts.entry(line.chars().take(60).collect()).or_default() += 1;
        }
        counts
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
