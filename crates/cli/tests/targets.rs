//! Servers that are not ours, in real processes: measured by writing only YAML, and named when they are wrong. The servers
//! are written in the standard library of Python, a few lines each, as a newcomer's would be. No timing is asserted.

mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use wirecost_model::ledger::Phase;
use wirecost_model::record::{GateOutcome, Trial};
use wirecost_model::{Record, TransportKind};
use wirecost_probe::process::{self, Signal};

use support::{record_if_any, said, wait_for, whole};

/// A broadcast in the standard library: `/publish` takes a message, `/poll?after=N` tells what came after N and what N is
/// now, `/held` does the same and waits for it, `/events` is an event stream. The first argument is what is wrong with it.
const SERVER: &str = r#"
import json, os, socketserver, sys, threading, time
from http.server import BaseHTTPRequestHandler
wrong = sys.argv[1]
messages, news = [], threading.Condition()

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def answer(self, status, body=b"", kind="application/json"):
        self.send_response_only(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def batch(self, after):
        with news:
            return json.dumps({"next": len(messages), "messages": [{"text": m} for m in messages[after:]]}).encode()

    def do_GET(self):
        path, _, after = self.path.partition("?after=")
        if wrong == "mute":
            time.sleep(600)
        if wrong == "html":
            return self.answer(200, b"<!doctype html><title>Welcome!</title>", "text/html")
        after = int(after or len(messages))
        if path == "/held":
            with news:
                news.wait_for(lambda: len(messages) > after, 5)
        if path in ("/poll", "/held"):
            return self.answer(200, self.batch(after))
        if path == "/events":
            self.send_response_only(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(b"data: welcome\n\n" if wrong == "welcomes" else b"")
            self.wfile.flush()
            while True:
                with news:
                    if not news.wait_for(lambda: len(messages) > after, 5):
                        continue
                    new, after = messages[after:], len(messages)
                for message in new:
                    if wrong == "hangs-up" and len(messages) > 12:
                        return
                    if wrong == "wraps":
                        message = json.dumps({"text": message})
                    self.wfile.write(f"data: {message}\n\n".encode())
                self.wfile.flush()
        self.answer(404, b'{"error": "no such thing"}')

    def do_POST(self):
        message = self.rfile.read(int(self.headers["content-length"])).decode()
        if self.path == "/nowhere":
            return self.answer(204)
        if self.path != "/publish":
            return self.answer(404, b'{"error": "no such thing"}')
        if wrong == "dies" and len(messages) > 12:
            print("out of cheese", file=sys.stderr, flush=True)
            os._exit(7)
        if wrong == "deaf":
            time.sleep(600)
        if wrong == "slow":
            time.sleep(0.4)
        with news:
            messages.append(message)
            news.notify_all()
        self.answer(204)

    def log_message(self, *_):
        pass

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads, request_queue_size = True, True, 128

    def process_request(self, request, address):
        if wrong == "closes":
            return self.shutdown_request(request)
        super().process_request(request, address)

if wrong == "small":
    Server.request_queue_size = 1
if wrong == "never":
    print("looking for the database", flush=True)
    time.sleep(60)
server = Server(("127.0.0.1", 18180), Handler)
print("listening", flush=True)
server.serve_forever()
"#;

/// An echo over WebSocket, down to the handshake and the frames, in the standard library.
const ECHO: &str = r#"
import base64, hashlib, socketserver, struct
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.rfile.readline()
        key = ""
        for line in iter(self.rfile.readline, b"\r\n"):
            if not line:
                return
            name, _, value = line.decode().partition(":")
            key = value.strip() if name.lower() == "sec-websocket-key" else key
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        self.wfile.write(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          f"Sec-WebSocket-Accept: {accept}\r\n\r\n").encode())
        while True:
            head = self.rfile.read(2)
            if len(head) < 2:
                return
            size = head[1] & 127
            size = struct.unpack(">H", self.rfile.read(2))[0] if size == 126 else size
            mask = self.rfile.read(4)
            data = bytes(byte ^ mask[n % 4] for n, byte in enumerate(self.rfile.read(size)))
            length = struct.pack("B", size) if size < 126 else b"\x7e" + struct.pack(">H", size)
            self.wfile.write(head[:1] + length + data)
            if head[0] & 15 == 8:
                return
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads, request_queue_size = True, True, 128
Server(("127.0.0.1", 18181), Handler).serve_forever()
"#;

/// A broadcast of as many processes as the argument says, which take connections in turn and tell one another what is published.
const WORKERS: &str = r#"
import os, selectors, socket, sys
listener = socket.create_server(("127.0.0.1", 18184), backlog=1024)
listener.setblocking(False)
pipes = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(int(sys.argv[1]))]

def work(news):
    loop, listeners = selectors.DefaultSelector(), []
    loop.register(listener, selectors.EVENT_READ, "connection")
    loop.register(news, selectors.EVENT_READ, "message")
    while True:
        for key, _ in loop.select():
            if key.data == "connection":
                try:
                    client = listener.accept()[0]
                except OSError:
                    continue
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                loop.register(client, selectors.EVENT_READ, "request")
            elif key.data == "message":
                event = b"data: " + news.recv(4096) + b"\n\n"
                for client in listeners:
                    client.sendall(event)
            else:
                client = key.fileobj
                request = client.recv(4096)
                if request.startswith(b"GET /events "):
                    client.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
                    listeners.append(client)
                elif request.startswith(b"POST "):
                    head, _, message = request.partition(b"\r\n\r\n")
                    while not message:
                        message = client.recv(4096)
                    for _, other in pipes:
                        other.send(message)
                    client.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
                else:
                    loop.unregister(client)
                    client.close()
                    if client in listeners:
                        listeners.remove(client)

for news, _ in pipes:
    if os.fork() == 0:
        work(news)
os.wait()
"#;

const CUSTOM: &str = "custom: { path: \"/poll?after={cursor}\", remember: { cursor: { json: /next } }, \
                      message: { json: /messages/*/text }, publish: { path: /publish } }";

fn target(wrong: &str, dialect: &str) -> String {
    format!("{{ command: [python3, server.py, {wrong}], ready: {{ line: listening }}, port: 18180, dialect: {{ {dialect} }} }}")
}

fn scenario(workload: &str, arms: &str) -> String {
    format!(
        "name: targets\nquestion: Does it work?\nworkload: {{ {workload} }}\nclients: 3\n\
         trial: {{ warmup: 200ms, measure: 1s, drain: 10s }}\ntrials: 1\narms: [{arms}]\n"
    )
}

const PUSH: &str = "push: { rate: 20/s, payload: 64B }";

fn run_in(dir: &Path, text: &str, flags: &[&str]) -> Output {
    std::fs::write(dir.join("server.py"), SERVER).unwrap();
    std::fs::write(dir.join("echo.py"), ECHO).unwrap();
    std::fs::write(dir.join("scenario.yaml"), text).unwrap();
    Command::new(env!("CARGO_BIN_EXE_wirecost"))
        .args(["run", "--no-calibrate", "--out"])
        .arg(dir.join("results"))
        .args(flags)
        .arg(dir.join("scenario.yaml"))
        .output()
        .unwrap()
}

/// What was said, and what is kept.
fn run(text: &str) -> (i32, String, Option<Record>) {
    let dir = tempfile::tempdir().unwrap();
    let output = run_in(dir.path(), text, &["--allow-void"]);
    (output.status.code().unwrap_or(-1), said(&output), record_if_any(&dir.path().join("results")))
}

/// A target that is wrong from the beginning: no number, and an error that names what is wrong.
fn refused(text: &str, exit: i32, says: &[&str]) {
    let (code, said, record) = run(text);
    assert_eq!(code, exit, "{said}");
    for word in says {
        assert!(said.contains(word), "{word} is not in: {said}");
    }
    assert!(record.is_none_or(|record| record.trials.is_empty()), "{said}");
}

/// Nothing lost, and every byte on the interface has its name.
fn balanced(trial: &Trial, said: &str) {
    let a = &trial.accounting;
    assert!(a.expected > 0 && a.lost + a.duplicated + a.reordered + a.corrupted == 0, "{a:?} {said}");
    assert!(trial.errors.is_empty(), "{:?}", trial.errors);
    for name in ["accounted", "clients_held", "errors", "layers", "offered_rate"] {
        let gate = trial.gates.iter().find(|gate| gate.gate == name).unwrap();
        assert_ne!(gate.outcome, GateOutcome::Failed, "{gate:?}");
    }
    if let Some(interface) = &trial.ledger.interface {
        assert!(interface.balances(), "{interface:?}");
    }
}

#[test]
fn a_newcomers_broadcast_is_measured_by_writing_only_yaml() {
    let arms = [
        ("short_poll: { interval: 50ms, target: ", target("nothing", CUSTOM)),
        ("long_poll: { target: ", target("nothing", &CUSTOM.replace("/poll?", "/held?"))),
        ("sse: { target: ", target("nothing", "sse: { path: /events }")),
        ("sse: { name: greets, target: ", target("welcomes", "sse: { path: /events }")),
        ("sse: { name: wraps, target: ", target("wraps", "sse: { path: /events, message: { json: /text } }")),
    ];
    let arms: Vec<String> = arms.iter().map(|(arm, target)| format!("{{ {arm}{target} }} }}")).collect();
    let (code, said, record) = run(&scenario(PUSH, &format!("websocket, {}", arms.join(", "))));
    assert_eq!(code, 0, "{said}");
    let record = record.expect("a record");
    assert_eq!(record.trials.len(), 6, "{said}");
    for trial in &record.trials {
        balanced(trial, &said);
        let cell = &record.plan.cells[trial.cell];
        let counted = whole(trial);
        assert_eq!(trial.publisher.is_some(), cell.config.target.is_some());
        // Probes are messages: a poll that was answered by one, or an event, is no part of setting up. A greeting is.
        let set_up = trial.ledger.phase(Phase::Setup);
        let greetings = if cell.config.name == "greets" { 3 } else { 0 };
        assert_eq!((set_up.messages.down, set_up.full_answers), (greetings, 0), "{set_up:?}");
        // Nor is what it takes to publish part of what the clients cost.
        assert!(trial.client.waiting_cpu_ns > 0 && trial.client.cpu_ns > 0, "{:?}", trial.client);
        match cell.config.transport {
            TransportKind::ShortPoll => assert!(counted.empty_answers > 0 && counted.full_answers > 0, "{counted:?}"),
            TransportKind::LongPoll => assert!(counted.full_answers > 0, "{counted:?}"),
            _ => assert!(counted.messages.down >= trial.accounting.delivered, "{counted:?}"),
        }
        assert!(trial.server.cpu_ns > 0 && trial.server.rss_bytes > 0, "{:?}", trial.server);
    }
}

#[test]
fn one_with_the_shortest_backlog_lets_clients_in_one_by_one_and_balances_all_the_same() {
    let arm = format!("{{ sse: {{ target: {} }} }}", target("small", "sse: { path: /events }"));
    let (code, said, record) = run(&scenario(PUSH, &arm).replace("clients: 3", "clients: 12"));
    assert_eq!(code, 0, "{said}");
    let trial = &record.expect("a record").trials[0];
    balanced(trial, &said);
    let residual = trial.gates.iter().find(|gate| gate.gate == "ledger_residual").unwrap();
    assert_ne!(residual.outcome, GateOutcome::Failed, "{residual:?}");
}

#[test]
fn its_version_is_in_the_record_or_nothing_is_started() {
    let arm = |version: &str| {
        let with = format!("{{ version: {version},");
        format!("{{ sse: {{ target: {} }} }}", target("nothing", "sse: { path: /events }").replacen('{', &with, 1))
    };
    let (code, said, record) = run(&scenario("idle: {}", &arm("[sh, -c, \"echo hub 3; ls server.py\"]")));
    assert_eq!(code, 0, "{said}");
    let record = record.expect("a record");
    assert_eq!(record.provenance.target_versions.get("sse").map(String::as_str), Some("hub 3, server.py"));
    refused(&scenario("idle: {}", &arm("[sh, -c, \"exit 3\"]")), 78, &["`sse` does not tell its `version`", "exit status: 3"]);
}

#[test]
fn a_newcomers_echo_is_measured_and_balances_by_a_count_by_hand() {
    let arm = "{ websocket: { target: { command: [python3, echo.py], port: 18181, dialect: websocket } } }";
    let (code, said, record) = run(&scenario("echo: { payload: 64B }", arm));
    assert_eq!(code, 0, "{said}");
    let record = record.expect("a record");
    let trial = &record.trials[0];
    balanced(trial, &said);
    let counted = whole(trial);
    // 64 B in a frame of 2 and a mask of 4; a close frame with a code each way at the end.
    assert_eq!(counted.messages.up, counted.messages.down);
    assert_eq!(counted.socket_bytes.up - counted.head_bytes.up, counted.messages.up * (64 + 6) + 3 * 8);
    assert_eq!(counted.socket_bytes.down - counted.head_bytes.down, counted.messages.down * (64 + 2) + 3 * 4);
    assert_eq!((counted.connections, counted.requests), (3, 3));
}

#[test]
fn a_target_that_is_wrong_from_the_beginning_is_named() {
    let arm = |transport: &str, target: String| scenario(PUSH, &format!("{{ {transport}: {{ target: {target} }} }}"));
    // The wrong path, the wrong protocol, and one that closes every connection.
    refused(&arm("short_poll", target("nothing", &CUSTOM.replace("/poll?", "/pol?"))), 69, &["status 404 to GET /pol?"]);
    refused(&arm("short_poll", target("html", CUSTOM)), 69, &["HTML where messages were expected", "Welcome!"]);
    refused(&arm("sse", target("html", "sse: { path: /events }")), 69, &["text/html", "where text/event-stream was expected"]);
    refused(&arm("short_poll", target("closes", CUSTOM)), 69, &["could not connect", "the server ended the connection"]);
    let posts = CUSTOM.replace("/publish", "/publsh").replace("/poll?", "/held?");
    refused(&arm("long_poll", target("nothing", &posts)), 69, &["cannot publish", "status 404 to POST /publsh"]);
    refused(&arm("websocket", target("nothing", "websocket: {}")), 69, &["did not upgrade", "404"]);
    // What comes is not what was published, or nothing comes.
    refused(&arm("sse", target("wraps", "sse: { path: /events }")), 69, &["0 of 3 clients have heard", "is `{\\\"text\\\": "]);
    let nowhere = "sse: { path: /events, publish: { post: /nowhere } }";
    refused(&arm("sse", target("nowhere", nowhere)), 69, &["0 of 3 clients have heard", "nothing came to them"]);
}

#[test]
fn one_that_is_not_there_is_named() {
    let arm = |target: &str| scenario(PUSH, &format!("{{ sse: {{ target: {target} }} }}"));
    // Not listening, by URL; nothing that was installed; no such program; dead before it is ready.
    refused(&arm("{ url: \"http://127.0.0.1:9\", dialect: sse }"), 69, &["refused"]);
    let install = "{ command: [python3], port: 1, install: { script: install-it, creates: not/here }, dialect: sse }";
    refused(&arm(install), 78, &["nothing was started", "is not installed: not/here is not there", "install-it"]);
    let elsewhere = target("nothing", "sse").replace("18180", "18183").replace("line: listening", "port: 18183");
    refused(&arm(&elsewhere), 69, &["nothing listens on 127.0.0.1:18183"]);
    refused(&arm("{ command: [no-such-program], port: 1, dialect: sse }"), 78, &["`no-such-program` is not there"]);
    let dead = "{ command: [sh, -c, \"echo no licence >&2; exit 4\"], port: 18182, dialect: sse }";
    refused(&arm(dead), 69, &["the target died", "exit status: 4", "no licence"]);
}

#[test]
fn one_that_never_gets_ready_is_given_up_with_its_last_words() {
    let arm = format!("{{ sse: {{ target: {} }} }}", target("never", "sse: {}"));
    refused(&scenario(PUSH, &arm), 69, &["did not get ready", "no line with `listening`", "looking for the database"]);
}

#[test]
fn one_that_takes_connections_and_never_answers_is_given_up() {
    let arm = |wrong: &str| scenario(PUSH, &format!("{{ sse: {{ target: {} }} }}", target(wrong, "sse: { path: /events }")));
    refused(&arm("mute"), 69, &["only 0 of 3 clients were connected"]);
    refused(&arm("deaf"), 69, &["cannot publish", "no answer"]);
}

#[test]
fn one_that_hangs_up_in_the_middle_fails_gates_and_gives_no_number() {
    let arm = format!("{{ sse: {{ target: {} }} }}", target("hangs-up", "sse: { path: /events }"));
    let (code, said, record) = run(&scenario(PUSH, &arm));
    assert_eq!(code, 0, "{said}");
    let record = record.expect("a record");
    let trial = &record.trials[0];
    for name in ["lost", "clients_held", "errors"] {
        assert_eq!(trial.gates.iter().find(|gate| gate.gate == name).unwrap().outcome, GateOutcome::Failed, "{name} {said}");
    }
    assert!(trial.errors.keys().any(|text| text.contains("the server ended the connection")), "{:?}", trial.errors);
    assert!(record.cells.iter().all(|cell| cell.metrics.is_empty()), "{said}");
    // What was due after a client had gone did not arrive at once: it counts with its age at the window's end.
    assert!(trial.latencies["delivery"].quantile(0.5).unwrap() > 1_000_000, "{:?}", trial.latencies["delivery"]);
}

#[test]
fn one_that_dies_in_the_middle_is_named_with_its_last_words() {
    let arm = format!("{{ sse: {{ target: {} }} }}", target("dies", "sse: { path: /events }"));
    refused(&scenario(PUSH, &arm), 69, &["the target died", "exit status: 7", "out of cheese"]);
}

#[test]
fn one_that_answers_slowly_fails_a_gate_and_gives_no_number() {
    let arm = format!("{{ sse: {{ target: {} }} }}", target("slow", "sse: { path: /events }"));
    let (code, said, record) = run(&scenario(PUSH, &arm).replace("drain: 10s", "drain: 1s"));
    assert_eq!(code, 0, "{said}");
    let record = record.expect("a record");
    let failed: Vec<&str> =
        record.trials[0].gates.iter().filter(|gate| gate.outcome == GateOutcome::Failed).map(|gate| gate.gate.as_str()).collect();
    assert!(failed.contains(&"publish_lag") || failed.contains(&"offered_rate"), "{failed:?} {said}");
    assert!(record.cells.iter().all(|cell| cell.metrics.is_empty()), "{said}");
}

/// A run in which every process may have so few files that 250 clients have no room in one.
fn with_few_files(dir: &Path, workers: &str, measure: &str) -> Command {
    std::fs::write(dir.join("workers.py"), WORKERS).unwrap();
    let dialect = "{ sse: { path: /events } }";
    let target = format!("{{ command: [python3, workers.py, \"{workers}\"], port: 18184, dialect: {dialect} }}");
    let text = scenario(PUSH, &format!("{{ sse: {{ target: {target} }} }}"));
    let text = text.replace("clients: 3", "clients: 250").replace("measure: 1s", measure);
    std::fs::write(dir.join("scenario.yaml"), text).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 164 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_wirecost")]);
    command.args(["run", "--no-calibrate", "--allow-void", "--quiet", "--out"]);
    command.args([dir.join("results"), dir.join("scenario.yaml")]);
    command
}

#[test]
fn clients_that_need_more_files_than_a_process_may_have_are_in_several() {
    let run = |workers: &str| {
        let dir = tempfile::tempdir().unwrap();
        let output = with_few_files(dir.path(), workers, "measure: 1s").output().unwrap();
        (output.status.code(), said(&output), record_if_any(&dir.path().join("results")))
    };
    let (code, text, record) = run("4");
    assert_eq!(code, Some(0), "{text}");
    let trial = &record.expect("a record").trials[0];
    balanced(trial, &text);
    let counted = whole(trial);
    // Three where they have one core; threads on more of them have files, too.
    assert!(trial.client_processes >= 3, "{}", trial.client_processes);
    assert_eq!((trial.clients_held, counted.connections), (250, 250));
    assert_eq!(trial.accounting.delivered, 250 * (trial.accounting.expected / 250), "{:?}", trial.accounting);
    // Every message, every probe and nothing else has come out of the target's processes, with its head and its frame.
    assert_eq!(counted.socket_bytes.down - counted.head_bytes.down, counted.messages.down * (64 + 8));
    // All processes' memory, and all their work.
    let memory = trial.client.anonymous.expect("Linux tells");
    assert!(memory.before_bytes < memory.window_bytes && trial.client.cpu_ns > 0 && trial.client.waiting_cpu_ns > 0);
    assert!(trial.latencies["connect_ready"].count >= 250 && trial.departures.contains_key("publisher"), "{:?}", trial.latencies);
    // One process of the target has no room for them; who is at the other end of this is not the load generator.
    let (code, text, _) = run("1");
    assert_eq!(code, Some(69), "{text}");
    assert!(
        text.contains("of 250 clients were connected") && text.contains("a process of the target has a limit, too"),
        "{text}"
    );
}

#[test]
fn a_process_of_clients_that_is_killed_is_the_end_of_the_trial_and_of_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let run = with_few_files(dir.path(), "4", "measure: 60s").stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let is_fleet = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default().contains("\0fleet\0");
    let fleets = wait_for("several processes of clients", || {
        let fleets: Vec<u32> = process::children(run.id()).ok()?.into_iter().filter(is_fleet).collect();
        (fleets.len() >= 3).then_some(fleets)
    });
    process::signal(fleets[1], Signal::Kill).unwrap();
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("a process of the load generator died (signal: 9"), "{}", said(&output));
    wait_for("the end of all", || (!fleets.iter().any(is_fleet)).then_some(()));
}

#[test]
fn somebody_elses_machine_is_asked_only_with_leave() {
    let arm = "{ sse: { target: { url: \"http://192.0.2.1:80\", dialect: sse } } }";
    refused(
        &scenario(PUSH, arm),
        78,
        &["not this machine", "connects 3 clients of sse to http://192.0.2.1:80", "--allow-remote 192.0.2.1"],
    );
    let dir = tempfile::tempdir().unwrap();
    let output = run_in(dir.path(), &scenario(PUSH, arm), &["--allow-remote", "192.0.2.1", "--dry-run"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn nothing_of_a_target_outlives_a_run_that_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let command = "{ command: [sh, -c, \"sleep 4711 & exec python3 server.py nothing\"], port: 18180, dialect: { sse: { path: /events } } }";
    let text = scenario(PUSH, &format!("{{ sse: {{ target: {command} }} }}")).replace("measure: 1s", "measure: 60s");
    std::fs::write(dir.path().join("server.py"), SERVER).unwrap();
    std::fs::write(dir.path().join("scenario.yaml"), text).unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_wirecost"))
        .args(["run", "--no-calibrate", "--quiet", "--out"])
        .arg(dir.path().join("results"))
        .arg(dir.path().join("scenario.yaml"))
        .spawn()
        .unwrap();
    let command_line = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    // What the target has started, and what has been started in its place.
    let of_target = |pid: &u32| command_line(pid).contains("4711") || command_line(pid).contains("server.py");
    let tree = wait_for("the target and its child", || {
        let tree: Vec<u32> = process::children(run.id()).ok()?.into_iter().filter(of_target).collect();
        (tree.len() == 2 && tree.iter().all(|pid| !command_line(pid).starts_with("sh\0"))).then_some(tree)
    });
    process::signal(run.id(), Signal::Kill).unwrap();
    run.wait().unwrap();
    wait_for("the end of both", || tree.iter().all(|pid| command_line(pid).is_empty()).then_some(()));
}

#[test]
fn what_cannot_be_measured_is_refused_where_it_stands() {
    for (text, says) in [
        (scenario(PUSH, "{ sse: { target: { dialect: sse } } }"), "needs a `command`"),
        (scenario(PUSH, "{ sse: { target: { command: [x], dialect: sse } } }"), "where does it listen?"),
        (scenario(PUSH, "{ sse: { target: { url: \"https://a\", dialect: sse } } }"), "TLS towards a target"),
        (scenario(PUSH, "{ sse: { stack: standard, target: { url: \"http://a\", dialect: sse } } }"), "stack: lean"),
        (scenario(PUSH, "{ long_poll: { target: { url: \"http://a\", dialect: sse } } }"), "the dialect sse has no long_poll"),
        (scenario(PUSH, "{ websocket: { target: { url: \"http://a\", dialect: wirecost } } }"), "nothing can be published"),
        (
            scenario("upload: { rate: 5/s }", "{ sse: { target: { url: \"http://a\", dialect: sse } } }"),
            "counts what it receives",
        ),
        (scenario(PUSH, "{ sse: { target: { url: \"http://a\", dialect: { sse: { path: nix } } } } }"), "is no path"),
        (scenario(PUSH, "{ sse: { target: { url: \"http://a\", dialect: { sse: { pth: /x } } } } }"), "did you mean `path`"),
        (scenario("push: { rate: 5/s, audience: each }", "{ sse: { target: { url: \"http://a\", dialect: sse } } }"), "{room}"),
    ] {
        let (code, said, _) = run(&text);
        assert_eq!(code, 78, "{text}{said}");
        assert!(said.contains(says) && said.contains("scenario.yaml:"), "{says} is not in: {said}");
    }
}
