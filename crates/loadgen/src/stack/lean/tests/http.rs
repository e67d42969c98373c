//! Answers in every form, cut at every byte; connections kept, closed, broken and opened again.

use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use wirecost_model::ArmConfig;
use wirecost_model::scenario::Stack;

use super::{Peer, arm, read_request};
use crate::session::TransportError;
use crate::stack::Answer;

/// A way to answer, what a client must make of it, and whether it may use the connection again.
struct Case {
    wire: &'static str,
    /// Whether the peer ends the connection after it.
    ends: bool,
    status: u16,
    body: &'static str,
    kept: bool,
}

const fn case(wire: &'static str, status: u16, body: &'static str, kept: bool) -> Case {
    Case { wire, ends: false, status, body, kept }
}

const CASES: &[Case] = &[
    case("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true),
    case("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200, "", true),
    case("HTTP/1.1 204 No Content\r\n\r\n", 204, "", true),
    case("HTTP/1.1 304 Not Modified\r\netag: \"17\"\r\ncontent-length: 7\r\n\r\n", 304, "", true),
    case("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2;x\r\nlo\r\n0\r\n\r\n", 200, "hello", true),
    case("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\na: b\r\n\r\n", 200, "", true),
    case(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\na: b\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
        200,
        "hi",
        true,
    ),
    case("HTTP/1.1 500 Oh\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno", 500, "no", false),
    case("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi", 200, "hi", false),
    Case { wire: "HTTP/1.1 200 OK\r\n\r\nuntil the end", ends: true, status: 200, body: "until the end", kept: false },
    Case { wire: "HTTP/1.1 200 OK\r\n\r\n", ends: true, status: 200, body: "", kept: false },
];

fn etag(wire: &str) -> Option<&str> {
    wire.lines().find_map(|line| line.strip_prefix("etag: "))
}

#[tokio::test]
async fn every_answer_cut_at_every_byte() {
    for case in CASES {
        for cut in 0..case.wire.len() {
            let peer = Peer::new().await;
            let http = peer.client();
            http.keep_heads();
            let client = async {
                let answer = http.get("/a", &[], Duration::ZERO).await.expect(case.wire);
                assert_eq!((answer.status, &answer.body[..]), (case.status, case.body.as_bytes()), "{:?} {cut}", case.wire);
                assert_eq!(answer.headers.get("etag"), etag(case.wire));
                assert_eq!(http.get("/b", &[], Duration::ZERO).await.expect("the next").status, 204);
            };
            let server = async {
                let mut first = peer.accept().await;
                read_request(&mut first).await.expect("the request");
                peer.write_cut(&mut first, case.wire.as_bytes(), cut).await;
                let mut other;
                let stream = match case.kept {
                    true => &mut first,
                    false if case.ends => {
                        drop(first);
                        other = peer.accept().await;
                        &mut other
                    }
                    false => {
                        assert_eq!(read_request(&mut first).await, None, "a connection that may not be kept is closed");
                        other = peer.accept().await;
                        &mut other
                    }
                };
                assert!(read_request(stream).await.expect("the next").starts_with("GET /b "));
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("written");
                // The connection must outlive the client's last read.
                std::mem::forget(read_request(stream).await);
            };
            tokio::select! { biased; () = client => {}, () = server => panic!("the client is still there") }
        }
    }
}

/// What a client says when the peer answers `wire` and ends.
async fn refusal(wire: &[u8]) -> TransportError {
    let peer = Peer::new().await;
    let http = peer.client();
    let server = async {
        let mut stream = peer.accept().await;
        read_request(&mut stream).await.expect("the request");
        // A client that gives up early may leave the rest unread.
        let _ = stream.write_all(wire).await;
    };
    let (answer, ()) = tokio::join!(http.get("/", &[], Duration::ZERO), server);
    answer.expect_err("refused")
}

#[tokio::test]
async fn what_is_no_answer_is_an_error_with_its_reason() {
    let head = "HTTP/1.1 200 OK\r\n";
    let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    for end in 1..whole.len() {
        let error = refusal(&whole[..end]).await;
        assert!(matches!(&error, TransportError::Malformed(why) if why.contains("ended before")), "{end}: {error}");
    }
    assert!(matches!(refusal(b"").await, TransportError::Ended));
    for (wire, why) in [
        ("garbage\r\n\r\n".to_string(), "HTTP head"),
        ("\u{0}\u{1}\u{2}".to_string(), "HTTP head"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n".to_string(), "status 101"),
        (format!("{head}a: {}", "b".repeat(70_000)), "within 65536 bytes"),
        (format!("{head}content-length: 67108865\r\n\r\n"), "67108865 bytes"),
        (format!("{head}transfer-encoding: chunked\r\n\r\nx\r\n"), "no number"),
        (format!("{head}transfer-encoding: chunked\r\n\r\n1\r\nabc"), "longer than its size"),
        (format!("{head}transfer-encoding: chunked\r\n\r\n5\r\nab"), "ended before"),
        (format!("{head}transfer-encoding: br\r\n\r\n"), "not asked for"),
    ] {
        let error = refusal(wire.as_bytes()).await.to_string();
        assert!(error.contains(why), "{:?}: {error}", &wire[..wire.len().min(40)]);
    }
    let mut endless = format!("{head}transfer-encoding: chunked\r\n\r\n").into_bytes();
    for _ in 0..65 {
        endless.extend_from_slice(b"100000\r\n");
        endless.resize(endless.len() + (1 << 20), b'x');
        endless.extend_from_slice(b"\r\n");
    }
    assert!(refusal(&endless).await.to_string().contains("more than 67108864 bytes"));
}

#[tokio::test]
async fn a_stream_yields_what_comes_and_then_its_end() {
    let wire = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n";
    let head = wire.windows(4).position(|w| w == b"\r\n\r\n").expect("a head") + 4;
    for cut in head..wire.len() {
        let peer = Peer::new().await;
        let http = peer.client();
        let client = async {
            let (mut stream, _) = http.open("/stream", &[("accept", "text/event-stream")]).await.expect("a stream");
            let mut came = Vec::new();
            loop {
                match stream.chunk().await {
                    Ok(piece) => came.extend_from_slice(&piece),
                    Err(TransportError::Ended) => return came,
                    Err(error) => panic!("{cut}: {error}"),
                }
            }
        };
        let server = async {
            let mut stream = peer.accept().await;
            read_request(&mut stream).await.expect("the request");
            peer.write_cut(&mut stream, wire, cut).await;
            std::mem::forget(read_request(&mut stream).await);
        };
        let (came, ()) = tokio::join!(client, server);
        assert_eq!(came, b"hello, world", "{cut}");
    }
    let peer = Peer::new().await;
    let http = peer.client();
    let server = async {
        let mut stream = peer.accept().await;
        read_request(&mut stream).await.expect("the request");
        stream.write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").await.expect("written");
    };
    let (opened, ()) = tokio::join!(http.open("/stream", &[("accept", "text/event-stream")]), server);
    assert!(matches!(opened.err(), Some(TransportError::Unexpected(why)) if why.contains("503")));
}

/// What is asked on a connection that was used before.
enum Second {
    Get { held: Duration },
    Post,
}

/// Asks twice, the second time after the peer has closed the connection in the way that `close` says.
async fn again(second: Second, peer: &Peer, close_before: bool) -> Result<Answer, TransportError> {
    let http = peer.client();
    let client = async {
        http.get("/a", &[], Duration::ZERO).await.expect("answered");
        match second {
            Second::Get { held } => http.get("/b", &[], held).await,
            Second::Post => http.post("/b", &[], b"m").await,
        }
    };
    let server = async {
        let mut first = peer.accept().await;
        read_request(&mut first).await.expect("the first");
        let no_content = b"HTTP/1.1 204 No Content\r\n\r\n";
        first.write_all(no_content).await.expect("written");
        if !close_before {
            read_request(&mut first).await.expect("the second, in vain");
        }
        drop(first);
        let mut second = peer.accept().await;
        read_request(&mut second).await.expect("the second");
        second.write_all(no_content).await.expect("written");
        std::future::pending::<()>().await;
    };
    tokio::select! { answer = client => answer, () = server => unreachable!() }
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced_once() {
    for close_before in [true, false] {
        let peer = Peer::new().await;
        let second = Second::Get { held: Duration::ZERO };
        assert_eq!(again(second, &peer, close_before).await.expect("a GET goes out again").status, 204);
        assert_eq!(*peer.stages.borrow(), ["connect_tcp", "connect_tcp"]);
    }
    // The server took the message and ended: sending it again could deliver it twice. And who ends a poll that it holds has ended
    // what the client waited for.
    for second in [Second::Post, Second::Get { held: Duration::from_secs(1) }] {
        assert!(matches!(again(second, &Peer::new().await, false).await, Err(TransportError::Ended)));
    }
}

#[tokio::test]
async fn a_request_beside_a_parked_one_takes_a_connection_of_its_own_and_both_are_kept() {
    let peer = Peer::new().await;
    let http = peer.client();
    let client = async {
        for _ in 0..3 {
            let (parked, posted) = tokio::join!(http.get("/parked", &[], Duration::ZERO), http.post("/m", &[], b"x"));
            assert_eq!((parked.expect("parked").status, posted.expect("posted").status), (204, 204));
        }
    };
    let server = async {
        let (mut one, mut two) = (peer.accept().await, peer.accept().await);
        loop {
            let (a, b) = tokio::join!(read_request(&mut one), read_request(&mut two));
            let methods = [a, b].map(|request| request.expect("a request").starts_with("POST"));
            assert!(methods.contains(&true) && methods.contains(&false));
            for stream in [&mut one, &mut two] {
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("written");
            }
        }
    };
    tokio::select! { () = client => {}, () = server => unreachable!() }
    assert_eq!(peer.stages.borrow().len(), 2);
    let seen = peer.meter.snapshot();
    assert_eq!(seen.read_bytes, 6 * "HTTP/1.1 204 No Content\r\n\r\n".len() as u64, "every byte is counted");
    assert_eq!(seen.writes, 6, "head and body leave in one write");
}

#[tokio::test]
async fn without_keep_alive_every_request_has_a_connection() {
    let peer = Peer::new().await;
    let http = peer.client_with(ArmConfig { keep_alive: false, ..arm(Stack::Lean) });
    let client = async {
        for _ in 0..3 {
            assert_eq!(http.get("/", &[], Duration::ZERO).await.expect("answered").status, 204);
        }
    };
    let server = async {
        loop {
            let mut stream = peer.accept().await;
            assert!(read_request(&mut stream).await.expect("a request").contains("connection: close\r\n"));
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("written");
            assert_eq!(read_request(&mut stream).await, None, "the client closes, whatever the server says");
        }
    };
    tokio::select! { () = client => {}, () = server => unreachable!() }
    assert_eq!(*peer.stages.borrow(), ["connect_tcp"; 3]);
}

#[tokio::test]
async fn a_request_that_is_given_up_takes_its_connection_along() {
    let peer = Peer::new().await;
    let http = peer.client();
    let mut first = {
        let mut parked = Box::pin(http.get("/parked", &[], Duration::ZERO));
        tokio::select! {
            _ = &mut parked => unreachable!("nothing was answered"),
            stream = async { let mut stream = peer.accept().await; read_request(&mut stream).await.expect("the request"); stream } => stream,
        }
    };
    assert_eq!(read_request(&mut first).await, None);
    let server = async {
        let mut stream = peer.accept().await;
        read_request(&mut stream).await.expect("the next");
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("written");
    };
    let (answer, ()) = tokio::join!(http.get("/next", &[], Duration::ZERO), server);
    assert_eq!(answer.expect("answered").status, 204);
}

#[tokio::test]
async fn an_unsolicited_answer_is_not_taken_for_the_next() {
    let peer = Peer::new().await;
    let http = peer.client();
    let client = async {
        assert_eq!(http.get("/a", &[], Duration::ZERO).await.expect("answered").status, 204);
        assert_eq!(http.get("/b", &[], Duration::ZERO).await.expect("answered").status, 304);
    };
    let server = async {
        let mut first = peer.accept().await;
        read_request(&mut first).await.expect("the first");
        first.write_all(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.expect("written");
        let mut second = peer.accept().await;
        read_request(&mut second).await.expect("the second");
        second.write_all(b"HTTP/1.1 304 Not Modified\r\n\r\n").await.expect("written");
        std::future::pending::<()>().await;
    };
    tokio::select! { () = client => {}, () = server => unreachable!() }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_is_given_up_and_a_held_one_later() {
    for held in [0, 25] {
        let peer = Peer::new().await;
        let http = peer.client();
        let begun = tokio::time::Instant::now();
        let server = async {
            let mut stream = peer.accept().await;
            read_request(&mut stream).await.expect("the request");
            std::mem::forget(read_request(&mut stream).await);
        };
        let (answer, ()) = tokio::join!(http.get("/", &[], Duration::from_secs(held)), server);
        assert!(matches!(answer, Err(TransportError::Timeout(s)) if s == 30 + held), "{answer:?}");
        assert!(begun.elapsed() >= Duration::from_secs(30 + held));
    }
}

#[tokio::test]
async fn a_request_under_way_fits_where_allocation_is_fast() {
    let peer = Peer::new().await;
    let http =
        crate::stack::Http::new(&Rc::new(peer.target(arm(Stack::Lean))), peer.meter.clone(), peer.sink()).expect("a client");
    let bytes = [size_of_val(&http.get("/", &[], Duration::ZERO)), size_of_val(&http.post("/", &[], &[]))];
    // glibc keeps freed pieces of up to 1032 bytes at hand; transports add a path and a little of their own.
    assert!(bytes.iter().all(|&bytes| bytes < 900), "{bytes:?}");
}
