//! What the lean stack promises of its steady path, counted: once everything is warm, neither a message nor a poll allocates
//! anything on a thread of clients. ARCHITECTURE has the list of what is not promised; of Socket.IO, messages to a client over
//! WebSocket are. Peers are threads of this process and are not counted.
#![allow(unsafe_code, reason = "an allocator that counts is one")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio_tungstenite::tungstenite;
use wirecost_loadgen::books::Books;
use wirecost_loadgen::workload::Script;
use wirecost_loadgen::{Fleet, FleetPlan, Foreign, Target};
use wirecost_model::control::Begin;
use wirecost_model::dialect::Recipe;
use wirecost_model::scenario::{Arm, ArmOptions, EmptyAnswer, Stack, Via};
use wirecost_model::units::Span;
use wirecost_model::{ArmConfig, Envelope, TransportKind};
use wirecost_probe::clock::now_ns;
use wirecost_wire::{batch, ndjson, sse};

/// Operations before counting begins: every buffer has had its largest size by then, and the histograms are there.
const WARM: u64 = 500;

/// Operations that are counted, at least.
const COUNTED: u64 = 5_000;

const PAYLOAD_BYTES: usize = 128;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// Answers of [`http_peer`]s.
static ANSWERS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static IS_PEER: Cell<bool> = const { Cell::new(false) };
}

struct Counting;

// SAFETY: whatever is asked is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !IS_PEER.get() {
            ALLOCATIONS.fetch_add(1, Relaxed);
        }
        // SAFETY: the caller keeps to the same terms.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: likewise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A server on a thread of its own, for connections each on another.
fn peer(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        IS_PEER.set(true);
        for stream in listener.incoming() {
            let (stream, serve) = (stream.expect("a client"), Arc::clone(&serve));
            stream.set_nodelay(true).expect("a socket");
            thread::spawn(move || {
                IS_PEER.set(true);
                serve(stream);
            });
        }
    });
    address
}

/// A server of HTTP: `answer` is given each request as it came, and a place for what to write.
fn http_peer(answer: impl Fn(&[u8], &mut Vec<u8>) + Send + Sync + 'static) -> SocketAddr {
    peer(move |mut stream| {
        let (mut request, mut length, mut wire) = ([0; 4096], 0, Vec::new());
        while let Ok(read @ 1..) = stream.read(&mut request[length..]) {
            length += read;
            // The bodies of these clients have no line ends and come with their heads.
            if request[..length].windows(4).any(|end| end == b"\r\n\r\n") {
                wire.clear();
                answer(&request[..length], &mut wire);
                length = 0;
                if stream.write_all(&wire).is_ok() {
                    ANSWERS.fetch_add(1, Relaxed);
                }
            }
        }
    })
}

/// Message `sequence` of the stream that everybody listens to.
fn message(sequence: u64) -> Vec<u8> {
    let now = now_ns();
    Envelope { stream: 0, sequence: sequence as u32, due_ns: now, sent_ns: now }.to_vec(PAYLOAD_BYTES)
}

/// Which message a poll asks for.
fn after(request: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(request).ok()?;
    text.split_once("after=")?.1.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A poll's answer with what it asks for, one message: as a batch, with its entity tag.
fn one_message(request: &[u8], wire: &mut Vec<u8>) {
    let mut body = BytesMut::new();
    match after(request) {
        Some(sequence) => batch::encode(&mut body, sequence + 1, 0, [message(sequence)]),
        None => batch::encode(&mut body, 0, 0, [b""; 0]),
    }
    .expect("text");
    let next = after(request).map_or(0, |sequence| sequence + 1);
    let head = format!(
        "HTTP/1.1 200 OK\r\netag: \"{next}\"\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    wire.extend_from_slice(head.as_bytes());
    wire.extend_from_slice(&body);
}

/// A server that answers the first request with a stream of messages in chunks, as long as somebody reads it.
fn stream_peer(content_type: &'static str, encode: impl Fn(&mut BytesMut, u64, &[u8]) + Send + Sync + 'static) -> SocketAddr {
    peer(move |mut stream| {
        let mut request = [0; 4096];
        let _ = stream.read(&mut request);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n");
        let (mut wire, mut chunk) = (BytesMut::from(head.as_bytes()), BytesMut::new());
        for sequence in 0.. {
            chunk.clear();
            encode(&mut chunk, sequence, &message(sequence));
            wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            wire.extend_from_slice(&chunk);
            wire.extend_from_slice(b"\r\n");
            // At first very many at once, so that no later read of the client's finds more than it had room for before.
            if sequence < WARM {
                continue;
            }
            if stream.write_all(&wire).is_err() {
                return;
            }
            wire.clear();
        }
    })
}

/// A server of Socket.IO over WebSocket, for one session.
fn socket_io_peer() -> SocketAddr {
    peer(|stream| {
        let mut socket = tungstenite::accept(stream).expect("a handshake");
        let open = r#"0{"sid":"a","upgrades":[],"pingInterval":3600000,"pingTimeout":3600000,"maxPayload":1000000}"#;
        socket.send(open.into()).expect("sent");
        while !socket.read().expect("a namespace").to_text().expect("text").starts_with("40") {}
        socket.send(r#"40{"sid":"b"}"#.into()).expect("sent");
        for sequence in 0.. {
            let payload = String::from_utf8(message(sequence)).expect("text");
            let event = tungstenite::Message::from(format!(r#"42["message","{payload}"]"#));
            // As of streams: at first many at once.
            let sent = if sequence < WARM { socket.write(event) } else { socket.send(event) };
            if sent.is_err() {
                return;
            }
        }
    })
}

/// An arm of the lean stack.
fn lean(transport: TransportKind) -> Arm {
    let interval = transport.takes("interval").then_some(Span(20_000));
    Arm { transport, options: ArmOptions { stack: Some(Stack::Lean), interval, ..ArmOptions::default() } }
}

/// Messages of the window that have come to the client.
fn messages(fleet: &Fleet) -> u64 {
    fleet.look().latencies.total()
}

/// Requests that were answered.
fn answers(_: &Fleet) -> u64 {
    ANSWERS.load(Relaxed)
}

/// Sees to it that a client of this arm allocates nothing during at least [`COUNTED`] operations, of which `done` says how many there
/// were so far.
fn allocates_nothing(what: &str, address: SocketAddr, arm: &Arm, script: &Script, done: fn(&Fleet) -> u64) {
    let target = Target::new(address, ArmConfig::resolve(arm, &ArmOptions::default()));
    allocates_nothing_towards(target, what, script, done);
}

fn allocates_nothing_towards(target: Target, what: &str, script: &Script, done: fn(&Fleet) -> u64) {
    let script = Script { payload_bytes: PAYLOAD_BYTES, ..script.clone() };
    let fleet = Fleet::connect(&FleetPlan::on_one_thread(target, script, 1, 1), |_| true).expect("connected");
    let begin =
        Begin { start_ns: now_ns(), window_from_ns: 0, window_to_ns: 3_600 << 30, publish: None, relay_rooms: None, cut: None };
    fleet.begin(begin);
    // This thread only looks.
    IS_PEER.set(true);
    let reached = |until: u64| {
        let begun = Instant::now();
        loop {
            let now = done(&fleet);
            if now >= until {
                return now;
            }
            assert!(begun.elapsed() < PATIENCE, "{what}: {now} of {until}: {:?}", fleet.look());
            thread::sleep(Duration::from_millis(1));
        }
    };
    let from = reached(done(&fleet) + WARM);
    let before = ALLOCATIONS.load(Relaxed);
    let to = reached(from + COUNTED);
    let allocated = ALLOCATIONS.load(Relaxed) - before;
    IS_PEER.set(false);
    let report = fleet.close();
    let faults = (report.accounting.corrupted, report.accounting.duplicated, report.accounting.reordered);
    assert!(report.errors.is_empty() && faults == (0, 0, 0), "{what}: {:?} {:?}", report.errors, report.accounting);
    assert_eq!(allocated, 0, "{what}: of {} operations", to - from);
}

/// One test, because all threads of a process are counted together.
#[test]
fn neither_a_message_nor_a_poll_allocates() {
    let sends = Script { outstanding: Some(1), ..Script::default() };
    let listens = Script { subscribe: true, ..Script::default() };

    let echo = peer(|stream| {
        let mut socket = tungstenite::accept(stream).expect("a handshake");
        while let Ok(message) = socket.read() {
            if message.is_text() && socket.send(message).is_err() {
                return;
            }
        }
    });
    allocates_nothing("WebSocket messages", echo, &lean(TransportKind::Websocket), &sends, messages);

    // The same of a server that is not ours, with books at this end.
    let recipe = Recipe { path: "/".into(), ..Recipe::default() };
    let arm = ArmConfig::resolve(&lean(TransportKind::Websocket), &ArmOptions::default());
    let foreign = Some(Foreign { recipe: Arc::new(recipe), books: Books::open().expect("a thread") });
    let target = Target { foreign, ..Target::new(echo, arm) };
    allocates_nothing_towards(target, "WebSocket messages of a target", &sends, messages);

    let echo = http_peer(|request, wire| {
        let text = String::from_utf8_lossy(request);
        let (_, body) = text.split_once("\r\n\r\n").expect("a head");
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n", body.len());
        wire.extend_from_slice(head.as_bytes());
        wire.extend_from_slice(body.as_bytes());
    });
    allocates_nothing("POSTs", echo, &lean(TransportKind::ShortPoll), &sends, messages);

    let nothing = http_peer(|_, wire| wire.extend_from_slice(b"HTTP/1.1 204 No Content\r\n\r\n"));
    allocates_nothing("empty polls", nothing, &lean(TransportKind::ShortPoll), &listens, answers);

    let unchanged = http_peer(|_, wire| wire.extend_from_slice(b"HTTP/1.1 304 Not Modified\r\netag: \"0\"\r\n\r\n"));
    let mut conditional = lean(TransportKind::ShortPoll);
    conditional.options.empty = Some(EmptyAnswer::NotModified);
    allocates_nothing("empty polls with a condition", unchanged, &conditional, &listens, answers);

    allocates_nothing("polls", http_peer(one_message), &lean(TransportKind::ShortPoll), &listens, messages);
    allocates_nothing("polls with a condition", http_peer(one_message), &conditional, &listens, messages);
    allocates_nothing("long polls", http_peer(one_message), &lean(TransportKind::LongPoll), &listens, messages);

    let events = stream_peer("text/event-stream", |chunk, id, data| {
        sse::encode_message(chunk, id, data).expect("an event");
    });
    allocates_nothing("server-sent events", events, &lean(TransportKind::Sse), &listens, messages);

    let mut socket_io = lean(TransportKind::SocketIo);
    socket_io.options.via = Some(vec![Via::Websocket]);
    allocates_nothing("Socket.IO events", socket_io_peer(), &socket_io, &listens, messages);

    let lines = stream_peer("application/x-ndjson", |chunk, id, data| {
        ndjson::encode_message(chunk, id, data).expect("a line");
    });
    allocates_nothing("lines of a stream", lines, &lean(TransportKind::HttpStream), &listens, messages);
}
