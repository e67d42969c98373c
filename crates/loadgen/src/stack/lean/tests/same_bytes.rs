//! What a server sees of the two stacks is the same, to the byte: captured from both on one socket.

use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use wirecost_model::scenario::{Headers, Stack};

use super::{Peer, arm, read_request};
use crate::stack::{Http, WebSocket};

/// What a client asks for.
#[derive(Debug, Clone, Copy)]
enum Ask {
    Get,
    GetIfNoneMatch,
    OpenEvents,
    OpenLines,
    Post(usize),
}

const ASKS: [Ask; 8] = [
    Ask::Get,
    Ask::GetIfNoneMatch,
    Ask::OpenEvents,
    Ask::OpenLines,
    Ask::Post(0),
    Ask::Post(1),
    Ask::Post(300),
    Ask::Post(70_000),
];

async fn ask(http: &Http, what: Ask) {
    let path = "/poll?room=all&after=17";
    match what {
        Ask::Get => _ = http.get(path, &[], Duration::ZERO).await.expect("an answer"),
        Ask::GetIfNoneMatch => _ = http.get(path, &[("if-none-match", "\"17\"")], Duration::ZERO).await.expect("an answer"),
        Ask::OpenEvents => _ = http.open(path, &[("accept", "text/event-stream")]).await.expect("a stream"),
        Ask::OpenLines => _ = http.open(path, &[("accept", "application/x-ndjson")]).await.expect("a stream"),
        Ask::Post(bytes) => _ = http.post("/messages", &[], &vec![b'x'; bytes]).await.expect("an answer"),
    }
}

/// The request that `stack` sends for `what`, as it stood on the wire.
async fn sent(peer: &Peer, stack: Stack, headers: Headers, keep_alive: bool, what: Ask) -> String {
    let arm = wirecost_model::ArmConfig { headers, keep_alive, ..arm(stack) };
    let http = Http::new(&Rc::new(peer.target(arm)), peer.meter.clone(), peer.sink()).expect("a client");
    let (request, ()) = tokio::join!(
        async {
            let mut stream = peer.accept().await;
            let request = read_request(&mut stream).await.expect("a request");
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.expect("written");
            request
        },
        ask(&http, what)
    );
    request
}

#[tokio::test]
async fn of_every_request_with_every_option() {
    let peer = Peer::new().await;
    let host = peer.listener.local_addr().expect("bound").to_string();
    for what in ASKS {
        for headers in [Headers::Minimal, Headers::Browser] {
            for keep_alive in [true, false] {
                let standard = sent(&peer, Stack::Standard, headers, keep_alive, what).await;
                let lean = sent(&peer, Stack::Lean, headers, keep_alive, what).await;
                assert_eq!(lean, standard, "{what:?} {headers:?} keep_alive {keep_alive}");
            }
        }
    }
    // And so that the two cannot drift together:
    let lean = sent(&peer, Stack::Lean, Headers::Minimal, true, Ask::Get).await;
    assert_eq!(lean, format!("GET /poll?room=all&after=17 HTTP/1.1\r\naccept: */*\r\nhost: {host}\r\n\r\n"));
    let lean = sent(&peer, Stack::Lean, Headers::Minimal, false, Ask::Post(1)).await;
    let common = format!("accept: */*\r\nconnection: close\r\nhost: {host}\r\n");
    assert_eq!(lean, format!("POST /messages HTTP/1.1\r\n{common}content-length: 1\r\n\r\nx"));
}

/// The opening handshake of `stack`, without the value of its key, and that value.
async fn upgrade(peer: &Peer, stack: Stack, headers: Headers) -> (String, String) {
    let target = peer.target(wirecost_model::ArmConfig { headers, ..arm(stack) });
    let mut stages = Vec::new();
    tokio::select! {
        _ = WebSocket::connect(&target, "/ws?room=all", peer.meter.clone(), &mut stages) => unreachable!("no answer was sent"),
        request = async {
            let mut stream = peer.accept().await;
            read_request(&mut stream).await.expect("a request")
        } => {
            let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key").to_string();
            (request.replace(&key, "KEY"), key)
        }
    }
}

#[tokio::test]
async fn of_the_opening_handshake() {
    let peer = Peer::new().await;
    let (standard, _) = upgrade(&peer, Stack::Standard, Headers::Minimal).await;
    let (lean, key) = upgrade(&peer, Stack::Lean, Headers::Minimal).await;
    assert_eq!(lean, standard);
    assert_ne!(key, upgrade(&peer, Stack::Lean, Headers::Minimal).await.1, "a key is used once");
    // tungstenite shuffles headers that are not its own: the same lines, in an order that means nothing.
    let sorted = |request: String| {
        let mut lines: Vec<String> = request.lines().map(str::to_string).collect();
        lines.sort();
        lines
    };
    let (standard, _) = upgrade(&peer, Stack::Standard, Headers::Browser).await;
    let (lean, _) = upgrade(&peer, Stack::Lean, Headers::Browser).await;
    assert_eq!(lean.len(), standard.len());
    assert_eq!(sorted(lean), sorted(standard));
}
