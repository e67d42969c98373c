//! `run --live`: what a viewer with a plain socket sees of a run, and what the page's server refuses. No timing is asserted.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;
use wirecost_probe::process::{self, Signal};

use support::{PATIENCE, record};

const SCENARIO: &str = "name: live\nquestion: Does the page see everything?\nwire: host\nworkload: { push: { rate: 20/s } }\nclients: 2\n\
    trial: { warmup: 100ms, measure: 1s, drain: 2s }\ntrials: 2\narms: [websocket, long_poll]\n";

/// As long as whoever watches wants it.
const LONG: [&str; 2] = ["measure: 1s", "measure: 1h"];

/// A run with a page, and where it is.
struct Watched {
    run: Child,
    stderr: BufReader<ChildStderr>,
    address: SocketAddr,
}

impl Watched {
    fn start(dir: &Path, scenario: &str, options: &[&str]) -> Watched {
        let file = dir.join("scenario.yaml");
        std::fs::write(&file, scenario).expect("written");
        let mut run = Command::new(env!("CARGO_BIN_EXE_wirecost"))
            .args(["run", "--no-calibrate", "--allow-void", "--live"])
            .args(options)
            .arg("--out")
            .args([&dir.join("results"), &file])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stderr = BufReader::new(run.stderr.take().expect("piped"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("Live at http://").and_then(|rest| rest.strip_suffix('/'));
        let address = address.unwrap_or_else(|| panic!("no address in {line:?}")).parse().expect("an address");
        Watched { run, stderr, address }
    }

    /// Sends bytes as they are.
    fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        // It may be refused before it is all sent.
        let _ = stream.write_all(bytes);
        stream
    }

    /// The answer's first line; empty if there was none.
    fn status_of(&self, request: &str) -> String {
        let mut line = String::new();
        let _ = BufReader::new(self.send(request.as_bytes())).read_line(&mut line);
        line.trim().to_string()
    }

    fn get(&self, path: &str) -> String {
        let mut text = String::new();
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).read_to_string(&mut text).expect("text");
        text
    }

    fn events(&self) -> Events {
        let mut lines =
            BufReader::new(self.send(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(lines.read_line(&mut head).expect("a head") > 0, "{head}");
        }
        Events { head, lines }
    }

    /// Interrupts it, and again when that has been heard.
    fn stop(mut self) -> i32 {
        process::signal(self.run.id(), Signal::Int).expect("it runs");
        let mut said = String::new();
        while !said.contains("Once more stops now") {
            assert!(self.stderr.read_line(&mut said).expect("text") > 0, "{said}");
        }
        process::signal(self.run.id(), Signal::Int).expect("it runs");
        self.finish()
    }

    fn finish(mut self) -> i32 {
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).expect("text");
        self.run.wait().expect("it ends").code().unwrap_or_else(|| panic!("{rest}"))
    }
}

/// A stream of events. Chunks end where events do, so their sizes are lines of their own, which are no fields.
struct Events {
    head: String,
    lines: BufReader<TcpStream>,
}

impl Iterator for Events {
    type Item = (String, Value);

    fn next(&mut self) -> Option<(String, Value)> {
        let mut name = String::new();
        for line in self.lines.by_ref().lines() {
            let line = line.ok()?;
            if let Some(text) = line.strip_prefix("event: ") {
                name = text.into();
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((name, serde_json::from_str(data).expect("JSON")));
            }
        }
        None
    }
}

#[test]
fn a_viewer_sees_every_trial_and_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let run = Watched::start(dir.path(), SCENARIO, &[]);
    let mut events = run.events();
    assert!(events.head.starts_with("HTTP/1.1 200 ") && events.head.contains("text/event-stream"), "{}", events.head);
    let (mut marks, mut lines, mut end) = (Vec::new(), 0, None);
    let mut last = Value::Null;
    for (name, data) in events.by_ref() {
        match name.as_str() {
            "board" => {
                marks.push(data["marks"].as_str().unwrap().to_string());
                last = data;
            }
            "now" => lines += 1,
            "end" => end = Some(data),
            other => panic!("an event that nobody knows: {other}"),
        }
    }
    assert_eq!(run.finish(), 0);
    let record = record(&dir.path().join("results"));
    assert!(record.complete && record.trials.len() == 4, "the run is what it is without a page");
    // Each was seen running or ended, in the plan's order, and in the end all are there.
    assert!(lines > 0 && marks.windows(2).all(|pair| marked(&pair[0]) <= marked(&pair[1])), "{marks:?}");
    let void = |trial: &wirecost_model::record::Trial| if trial.is_void() { 'v' } else { 'o' };
    assert_eq!(*marks.last().unwrap(), record.trials.iter().map(void).collect::<String>());
    assert_eq!((last["done"].as_u64(), last["planned"].as_u64()), (Some(4), Some(4)));
    let rows = last["table"]["sections"][0]["rows"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["done"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 2]);
    for row in rows {
        assert_eq!(row["values"].as_array().unwrap().len(), last["table"]["columns"].as_array().unwrap().len());
    }
    let end = end.expect("the end was told");
    assert!(Path::new(end["records"][0]["report"].as_str().unwrap()).is_file(), "{end}");
    assert_eq!(end["records"][0]["complete"], true);
}

fn marked(marks: &str) -> usize {
    marks.chars().filter(|&mark| mark != '-').count()
}

#[test]
fn failed_gates_are_told_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    // Where there is a private network the ledger's gate fails; where there is none nothing is reconciled.
    let run = Watched::start(dir.path(), SCENARIO, &["--miscount", "--wire", "auto"]);
    let boards: Vec<Value> = run.events().filter(|(name, _)| name == "board").map(|(_, data)| data).collect();
    assert_eq!(run.finish(), 0, "void trials are allowed here");
    let failed = record(&dir.path().join("results")).trials.iter().filter(|trial| trial.is_void()).count() as u64;
    let last = boards.last().unwrap();
    assert_eq!(last["void"].as_u64(), Some(failed));
    assert_eq!(last["gates"].as_array().unwrap().is_empty(), failed == 0);
    for gate in last["gates"].as_array().unwrap() {
        assert!(!gate["advice"].as_str().unwrap().is_empty() && gate["trials"].as_u64() > Some(0), "{gate}");
    }
}

#[test]
fn what_is_no_viewer_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let run = Watched::start(dir.path(), &SCENARIO.replace(LONG[0], LONG[1]), &[]);
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 421 Misdirected Request"),
        ("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 421 Misdirected Request"),
        ("GET /events HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n", "HTTP/1.1 421 Misdirected Request"),
        ("GET /events HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n\r\n", "HTTP/1.1 403 Forbidden"),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 405 Method Not Allowed"),
        ("GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 404 Not Found"),
        ("garbage\r\n\r\n", "HTTP/1.1 400 Bad Request"),
    ] {
        assert_eq!(run.status_of(request), status, "{request}");
    }
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(64 * 1024));
    assert!(!run.status_of(&long).contains("200"), "a head without end");

    let page = run.get("/");
    assert!(page.contains("default-src 'none'; script-src 'self'") && page.contains("<script src=\"/page.js\""), "{page}");
    assert!(!page.contains("style=\"") && !page.contains("<style"), "the policy would not let it");
    assert!(run.get("/page.js").contains("EventSource") && run.get("/page.css").contains("prefers-color-scheme"));

    // Viewers that never read take the places that there are, and nothing else.
    let viewers: Vec<Events> = (0..16).map(|_| run.events()).collect();
    assert!(viewers.iter().all(|viewer| viewer.head.starts_with("HTTP/1.1 200 ")));
    assert_eq!(run.status_of("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"), "HTTP/1.1 503 Service Unavailable");
    assert!(run.get("/").starts_with("HTTP/1.1 200 "), "the page itself is still there");
    // They are there when the run is told to stop, twice: no viewer keeps it from its end.
    assert_eq!(run.stop(), 130);
    drop(viewers);
}

#[test]
fn a_port_that_is_taken_is_told_before_anything_is_started() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let file = dir.path().join("scenario.yaml");
    std::fs::write(&file, SCENARIO).unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = Command::new(env!("CARGO_BIN_EXE_wirecost"))
        .args(["run", "--no-calibrate", &format!("--live={port}"), "--out"])
        .args([&dir.path().join("results"), &file])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(69), "{text}");
    assert!(text.contains("--live") && text.contains(&port.to_string()), "{text}");
    assert!(!dir.path().join("results").exists(), "something was started");
}
