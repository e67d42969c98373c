//! What the lean stack promises of its steady path, counted: once everything is warm, a message over WebSocket and an empty poll
//! allocate nothing on a thread of clients. Peers are threads of this process and are not counted.
#![allow(unsafe_code, reason = "an allocator that counts is one")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite;
use wirecost_loadgen::workload::Script;
use wirecost_loadgen::{Fleet, FleetPlan, Target};
use wirecost_model::control::Begin;
use wirecost_model::scenario::{Arm, ArmOptions, Stack};
use wirecost_model::units::Span;
use wirecost_model::{ArmConfig, TransportKind};
use wirecost_probe::clock::now_ns;

/// Operations before counting begins: every buffer has had its largest size by then.
const WARM: u64 = 500;

/// Operations that are counted, at least.
const COUNTED: u64 = 5_000;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// Answers of the peers.
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

/// A server on a thread of its own, for connections one after another.
fn peer(serve: impl Fn(std::net::TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        IS_PEER.set(true);
        listener.incoming().for_each(|stream| serve(stream.expect("a client")));
    });
    address
}

/// Allocations of the client's threads while at least [`COUNTED`] operations were answered, and how many were.
fn allocations(address: SocketAddr, transport: TransportKind, script: Script) -> (u64, u64) {
    let interval = transport.takes("interval").then_some(Span(20_000));
    let options = ArmOptions { stack: Some(Stack::Lean), interval, ..ArmOptions::default() };
    let arm = ArmConfig::resolve(&Arm { transport, options }, &ArmOptions::default());
    let fleet = Fleet::connect(&FleetPlan::on_one_thread(Target::new(address, arm), script, 1, 1), |_| true).expect("connected");
    let begin =
        Begin { start_ns: now_ns(), window_from_ns: 0, window_to_ns: 3_600 << 30, publish: None, relay_rooms: None, cut: None };
    fleet.begin(begin);
    // This thread only looks.
    IS_PEER.set(true);
    let answered = |until: u64| {
        let begun = Instant::now();
        while ANSWERS.load(Relaxed) < until {
            assert!(begun.elapsed() < PATIENCE, "{} of {until}: {:?}", ANSWERS.load(Relaxed), fleet.look());
            thread::sleep(Duration::from_millis(1));
        }
        ANSWERS.load(Relaxed)
    };
    let from = answered(ANSWERS.load(Relaxed) + WARM);
    let before = ALLOCATIONS.load(Relaxed);
    let to = answered(from + COUNTED);
    let counted = ALLOCATIONS.load(Relaxed) - before;
    IS_PEER.set(false);
    let report = fleet.close();
    assert!(report.errors.is_empty() && report.accounting.corrupted == 0, "{:?} {:?}", report.errors, report.accounting);
    (counted, to - from)
}

/// One test, because all threads of a process are counted together.
#[test]
fn a_message_over_websocket_and_an_empty_poll_allocate_nothing() {
    let echo = peer(|stream| {
        stream.set_nodelay(true).expect("a socket");
        let mut socket = tungstenite::accept(stream).expect("a handshake");
        while let Ok(message) = socket.read() {
            if message.is_text() && socket.send(message).is_ok() {
                ANSWERS.fetch_add(1, Relaxed);
            }
        }
    });
    let script = Script { outstanding: Some(1), payload_bytes: 128, ..Script::default() };
    let (allocated, messages) = allocations(echo, TransportKind::Websocket, script);
    assert_eq!(allocated, 0, "of {messages} messages");

    let nothing = peer(|mut stream| {
        stream.set_nodelay(true).expect("a socket");
        let (mut request, mut length) = ([0; 4096], 0);
        while let Ok(read @ 1..) = stream.read(&mut request[length..]) {
            length += read;
            if request[..length].ends_with(b"\r\n\r\n") && stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").is_ok() {
                (length, _) = (0, ANSWERS.fetch_add(1, Relaxed));
            }
        }
    });
    let script = Script { subscribe: true, payload_bytes: 128, ..Script::default() };
    let (allocated, polls) = allocations(nothing, TransportKind::ShortPoll, script);
    assert_eq!(allocated, 0, "of {polls} polls");
}
