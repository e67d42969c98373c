//! Whatever a server does, the client ends with an error that names it, in bounded time.

use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::Message;

use crate::faulty::{Reply, Request, Socket, handshake, ok, serve};
use crate::fleet::Trial;

/// Longest life of a client whose server misbehaves at once: long enough for any machine, and far from for ever.
const BOUND: Duration = Duration::from_secs(120);

/// How a client of this arm ends: what it says, and when.
fn end(address: std::net::SocketAddr, options: &str) -> (String, Duration) {
    let begun = Instant::now();
    let trial = Trial::new(address, options, "push: { rate: 10/s }", 1);
    let text = match trial.connect() {
        Err(error) => error.to_string(),
        Ok(fleet) => {
            while fleet.status().ended == 0 && begun.elapsed() < 2 * BOUND {
                std::thread::sleep(Duration::from_millis(5));
            }
            let report = fleet.close();
            assert!(report.errors.values().sum::<u64>() <= 1, "{options}: {:?}", report.errors);
            report.errors.into_keys().collect()
        }
    };
    (text, begun.elapsed())
}

fn check(address: std::net::SocketAddr, options: &str, says: &str, case: &str) {
    let (text, took) = end(address, options);
    assert!(text.contains(says), "{case}: {text}");
    assert!(took < BOUND, "{case}: {took:?}");
}

fn no_websocket(_: Socket) {}

const POLLING: &str = "via: [polling]";
const OLD_POLLING: &str = "via: [polling], engine: 3";

#[test]
fn what_is_no_session_is_refused() {
    let sound = || handshake("", 25_000, 20_000);
    let cases: Vec<(&str, &str, Reply, &str)> = vec![
        ("garbage", POLLING, ok("\u{1}\u{2}garbage"), "malformed answer: unknown packet type (byte 0x01)"),
        ("an empty body", POLLING, ok(""), "malformed answer"),
        ("a message first", POLLING, ok("4hello"), "does not begin with an open packet"),
        ("half a handshake", POLLING, ok(r#"0{"sid":"abc""#), "malformed answer: the handshake is malformed"),
        ("no session id", POLLING, ok(&sound().replace("abc", "")), "a session id of 0 bytes"),
        ("no ping interval", POLLING, ok(&handshake("", 0, 1)), "ping interval or timeout of 0"),
        ("the body of version 3", POLLING, ok(&format!("{}:{}", sound().len(), sound())), "malformed answer"),
        ("the body of version 4", OLD_POLLING, ok(&sound()), "malformed answer: the length of a packet"),
        ("a length too long", OLD_POLLING, ok(&format!("999:{}", sound())), "malformed answer: the length of a packet"),
        ("a length too short", OLD_POLLING, ok(&format!("3:{}", sound())), "malformed answer: the handshake is malformed"),
        ("a length of no number", OLD_POLLING, ok(&format!("-1:{}", sound())), "malformed answer: the length of a packet"),
        ("no script", "via: [jsonp], engine: 3", ok("alert(1)"), "malformed answer: the body is not a JSONP response"),
        ("another script", "via: [jsonp], engine: 3", ok(r#"___eio[7]("");"#), "an answer to the JSONP request 7"),
        (
            "an unknown version",
            POLLING,
            Reply::Answer(400, r#"{"code":5,"message":"Unsupported protocol version"}"#.into()),
            "status 400 to a handshake: {\\\"code\\\":5,\\\"message\\\":\\\"Unsupported protocol version\\\"}",
        ),
        ("no HTTP", POLLING, Reply::Raw(b"SSH-2.0-OpenSSH_9\r\n".to_vec()), "HTTP client: "),
        (
            "an end in the middle",
            POLLING,
            Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n0{".to_vec()),
            "HTTP client: ",
        ),
    ];
    for (case, options, reply, says) in cases {
        let reply = std::sync::Mutex::new(Some(reply));
        let once = move |_: &Request| reply.lock().ok().and_then(|mut reply| reply.take()).unwrap_or(Reply::Never);
        check(serve(once, no_websocket), options, says, case);
    }
}

/// A server whose session opens well; `later` decides about the rest.
fn opened(later: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> std::net::SocketAddr {
    serve(move |request| if request.has_sid() { later(request) } else { ok(&handshake("", 25_000, 20_000)) }, no_websocket)
}

fn poll_or_post(request: &Request, poll: Reply) -> Reply {
    if request.method == "POST" { ok("ok") } else { poll }
}

#[test]
fn what_goes_wrong_in_a_session_ends_it() {
    type Later = Box<dyn Fn(&Request) -> Reply + Send + Sync>;
    let unknown = r#"{"code":1,"message":"Session ID unknown"}"#;
    let cases: Vec<(&str, Later, &str)> = vec![
        ("an unknown session", Box::new(move |_| Reply::Answer(400, unknown.into())), "Session ID unknown"),
        ("garbage", Box::new(|r| poll_or_post(r, ok("x"))), "malformed answer: unknown packet type (byte 0x78)"),
        ("bad base64", Box::new(|r| poll_or_post(r, ok("b!!"))), "malformed answer: "),
        ("a bad packet", Box::new(|r| poll_or_post(r, ok("49"))), "malformed answer: unknown packet type"),
        ("half an event", Box::new(|r| poll_or_post(r, ok("42[\"message\""))), "malformed answer: the data of a packet"),
        ("an attachment of nothing", Box::new(|r| poll_or_post(r, ok("bAQID"))), "no packet was waiting for attachments"),
        ("too many attachments", Box::new(|r| poll_or_post(r, ok("4599-[\"message\"]"))), "malformed answer: "),
        ("a refusal", Box::new(|r| poll_or_post(r, ok(r#"44{"message":"no"}"#))), r#"refused: no namespace /: {"message":"no"}"#),
        ("a farewell", Box::new(|r| poll_or_post(r, ok("41"))), "the server has disconnected namespace /"),
        ("the end of the session", Box::new(|r| poll_or_post(r, ok("1"))), "the server ended the connection"),
        ("a second opening", Box::new(|r| poll_or_post(r, ok("0{}"))), "a packet that only begins a session"),
        ("a pong of version 3", Box::new(|r| poll_or_post(r, ok("3"))), "a pong that nobody asked for"),
        (
            "no confirmation",
            Box::new(|r| if r.method == "POST" { ok("no") } else { Reply::Never }),
            "a POST was answered with no",
        ),
        (
            "too large",
            Box::new(|r| if r.method == "POST" { Reply::Answer(413, String::new()) } else { Reply::Never }),
            "status 413 to a POST",
        ),
        (
            "an end in the middle",
            Box::new(|r| poll_or_post(r, Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n40".to_vec()))),
            "HTTP client: ",
        ),
        (
            "an event without a payload",
            Box::new(|r| poll_or_post(r, ok("40{\"sid\":\"x\"}\u{1e}42[\"message\"]"))),
            "without exactly one text or binary argument",
        ),
        (
            "an answer that nobody waits for",
            Box::new(|r| poll_or_post(r, ok("40{\"sid\":\"x\"}\u{1e}430[\"x\"]"))),
            "acknowledgement 0, for which nobody waits",
        ),
        (
            "a namespace twice",
            Box::new(|r| poll_or_post(r, ok("40{\"sid\":\"x\"}\u{1e}40{\"sid\":\"x\"}"))),
            "a namespace was granted twice",
        ),
    ];
    for (case, later, says) in cases {
        check(opened(later), POLLING, says, case);
    }
}

#[test]
fn other_events_and_namespaces_are_not_for_this_client() {
    let later = |request: &Request| {
        poll_or_post(request, ok("40{\"sid\":\"x\"}\u{1e}42[\"news\",1]\u{1e}42/other,[\"message\",\"x\"]\u{1e}6\u{1e}1"))
    };
    check(opened(later), POLLING, "the server ended the connection", "the last packet, and no earlier one");
}

#[test]
fn a_heartbeat_of_aeons_is_no_overflow() {
    for (options, body) in [(POLLING, String::new()), (OLD_POLLING, "2:40".into())] {
        let opening = move |request: &Request| match (request.has_sid(), body.is_empty()) {
            (true, _) => poll_or_post(request, Reply::Answer(400, "gone".into())),
            (false, true) => ok(&handshake("", u64::MAX, u64::MAX)),
            (false, false) => {
                let open = handshake("", u64::MAX, u64::MAX);
                ok(&format!("{}:{open}{body}", open.len()))
            }
        };
        check(serve(opening, no_websocket), options, "status 400 to a poll: gone", options);
    }
}

#[test]
fn pings_without_end_do_not_fill_the_memory() {
    // Each is answered with what it says, so these are fewer than empty ones would have to be, and read sooner.
    let ping = format!("2{}", "x".repeat(126));
    let pings = format!("{ping}\u{1e}").repeat(480 << 10) + &ping;
    let later = move |request: &Request| if request.method == "POST" { ok("ok") } else { ok(&pings) };
    check(opened(later), POLLING, "the server takes messages too slowly", "60 MiB of pings");
}

#[test]
fn silence_is_given_up() {
    let opening = |request: &Request| match (request.has_sid(), request.method.as_str()) {
        (false, _) => ok(&handshake("", 200, 200)),
        (true, "POST") => ok("ok"),
        (true, _) => Reply::Never,
    };
    check(serve(opening, no_websocket), POLLING, "the server was silent for 400ms", "polling");

    let opening = |mut socket: Socket| {
        let _ = socket.send(Message::text(handshake("", 200, 200)));
        while socket.read().is_ok() {}
    };
    let address = serve(|_| Reply::Never, opening);
    check(address, "via: [websocket]", "the server was silent for 400ms", "websocket");
    // The main namespace is granted unasked; pings are not answered.
    let opening = |mut socket: Socket| {
        let _ = socket.send(Message::text(handshake("", 300, 200)));
        let _ = socket.send(Message::text("40"));
        let mut pings = 0;
        while let Ok(message) = socket.read() {
            pings += usize::from(message == Message::text("2"));
            if pings == 1 {
                let _ = socket.send(Message::text("3"));
            }
        }
    };
    let address = serve(|_| Reply::Never, opening);
    check(address, "via: [websocket], engine: 3", "the server was silent for 200ms", "the second ping");
}

#[test]
fn what_goes_wrong_on_a_websocket_ends_it() {
    type Later = Box<dyn Fn(&mut Socket) + Send + Sync>;
    let say = |text: &'static str| -> Later {
        Box::new(move |socket| {
            let _ = socket.send(Message::text(text));
            while socket.read().is_ok() {}
        })
    };
    let raw = |bytes: &'static [u8]| -> Later {
        Box::new(move |socket| {
            use std::io::Write;
            let _ = socket.get_mut().write_all(bytes);
        })
    };
    let cases: Vec<(&str, &str, Later, &str)> = vec![
        ("garbage", "", say("garbage"), "malformed answer: unknown packet type (byte 0x67)"),
        ("an empty frame", "", say(""), "malformed answer: a packet is empty"),
        ("a ping of version 4", "engine: 3, ", say("2"), "a ping from the server, where the client pings"),
        ("a reserved opcode", "", raw(b"\x83\x00"), "WebSocket: "),
        ("half a frame", "", raw(b"\x81\x7d4"), ""),
        ("half a header", "", raw(b"\x81"), ""),
        ("a mask", "", raw(b"\x81\x82abcdef"), "WebSocket: "),
        ("no UTF-8", "", raw(b"\x81\x03\x34\xff\xff"), "WebSocket: "),
        ("a frame of an exabyte", "", raw(b"\x82\x7f\x0f\xff\xff\xff\xff\xff\xff\xff"), "WebSocket: "),
        ("an end without a word", "", raw(b""), ""),
    ];
    for (case, version, later, says) in cases {
        let address = serve(
            |_| Reply::Never,
            move |mut socket| {
                let _ = socket.send(Message::text(handshake("", 25_000, 20_000)));
                later(&mut socket);
            },
        );
        let (text, took) = end(address, &format!("{version}via: [websocket]"));
        assert!(!text.is_empty() && text.contains(says), "{case}: {text}");
        assert!(took < BOUND, "{case}: {took:?}");
    }
    check(serve(|_| Reply::Never, no_websocket), "via: [websocket]", "", "no session");
    let refuses = |_: &Request| Reply::Never;
    let address = serve(refuses, |mut socket| {
        let _ = socket.send(Message::text("4hello"));
        while socket.read().is_ok() {}
    });
    check(address, "via: [websocket]", "does not begin with an open packet", "a message first");
}

#[test]
fn an_upgrade_that_fails_is_not_hidden_by_polling_on() {
    let polls = |upgrades: &'static str| {
        move |request: &Request| match (request.has_sid(), request.method.as_str()) {
            (false, _) => ok(&handshake(upgrades, 25_000, 20_000)),
            (true, "POST") => ok("ok"),
            (true, _) => Reply::Never,
        }
    };
    check(serve(polls(""), no_websocket), "", "the server offers no upgrade to websocket", "none offered");
    check(serve(polls("\"websocket\""), no_websocket), "", "", "a WebSocket that ends at once");
    let wrong = |mut socket: Socket| {
        let _ = socket.send(Message::text("3"));
        while socket.read().is_ok() {}
    };
    check(serve(polls("\"websocket\""), wrong), "", "the probe of a WebSocket was not answered", "a pong without the probe");
}

fn never_answered(options: &str) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    // Connections are taken by the kernel, and that is all.
    let (text, took) = end(listener.local_addr().expect("bound"), options);
    // The fleet waits as long as the client does.
    assert!(text.contains("no answer within 20 s") || text.contains("none more within 20 s"), "{options}: {text}");
    assert!(took < BOUND, "{options}: {took:?}");
}

#[test]
fn who_never_answers_a_request_is_given_up() {
    never_answered("via: [polling]");
}

#[test]
fn who_never_answers_a_websocket_is_given_up() {
    never_answered("via: [websocket]");
}

#[test]
fn nobody_there() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    for options in ["via: [polling]", "via: [websocket]"] {
        check(address, options, "onnection refused", options);
    }
}
