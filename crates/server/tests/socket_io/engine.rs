//! Engine.IO 4 (`v4-current.md`): handshake, messages, heartbeat, end.

use crate::http::*;
use crate::support::websocket::upgrade;
use crate::support::{Client, get, post, run, undated};

const PATH: &str = "/engine.io/";

#[test]
fn a_poller_opens_a_session() {
    run(async {
        let server = suite_server().await;
        let mut client = Client::connect(&server).await;
        let answered = client.http(get("/engine.io/?EIO=4&transport=polling", "")).await;
        let json = answered.text().strip_prefix('0').unwrap();
        let sid = field(json, "sid");
        let rest = r#","upgrades":["websocket"],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}"#;
        assert_eq!(json, format!("{{\"sid\":{sid}{rest}"));
        assert_eq!(sid.len(), 22);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=UTF-8\r\ncontent-length: {}\r\ncache-control: no-store\r\ndate: DATE\r\n\r\n",
            answered.body.len()
        );
        assert_eq!(undated(&answered.head), head);
        let other = client.http(get("/engine.io/?EIO=4&transport=polling", "")).await;
        assert_ne!(field(other.text(), "sid"), sid);
        let (_, handshake) = Socket::open(&server, PATH, "EIO=4").await;
        assert_eq!(field(&handshake, "upgrades"), "[]");
        assert_eq!((field(&handshake, "pingInterval"), field(&handshake, "maxPayload")), ("300", "1000000"));
        server.stop().await;
    });
}

#[test]
fn what_is_wrong_with_a_handshake_is_said() {
    run(async {
        let server = patient_server().await;
        let polling = "/engine.io/?EIO=4&transport=polling";
        let cases = [
            (get("/engine.io/?transport=polling", ""), BAD_VERSION),
            (get("/engine.io/?EIO=abc&transport=polling", ""), BAD_VERSION),
            (get("/engine.io/?EIO=4", ""), UNKNOWN_TRANSPORT),
            (get("/engine.io/?EIO=4&transport=abc", ""), UNKNOWN_TRANSPORT),
            (get("/engine.io/", ""), UNKNOWN_TRANSPORT),
            (post(polling, ""), BAD_METHOD),
            (post(polling, "4hello"), BAD_METHOD),
            (post(polling, "").replace("POST", "PUT"), BAD_METHOD),
            (get(polling, "").replace("GET", "OPTIONS"), BAD_METHOD),
            (get(&format!("{polling}&sid=nobody"), ""), UNKNOWN_SESSION),
            (post(&format!("{polling}&sid=nobody"), "4hello"), UNKNOWN_SESSION),
            (get("/engine.io/?EIO=4&transport=websocket&sid=nobody", ""), UNKNOWN_SESSION),
            (upgrade("/engine.io/?EIO=4&transport=websocket&sid=nobody"), UNKNOWN_SESSION),
            (get("/engine.io/?EIO=4&transport=websocket", ""), BAD_REQUEST),
            (upgrade("/engine.io/?transport=websocket"), BAD_VERSION),
            (upgrade("/engine.io/?EIO=abc&transport=websocket"), BAD_VERSION),
            (upgrade("/engine.io/?EIO=4"), UNKNOWN_TRANSPORT),
            (upgrade("/engine.io/?EIO=4&transport=abc"), UNKNOWN_TRANSPORT),
        ];
        for (request, refusal) in cases {
            assert_eq!(once(&server, &request).await.refusal(), refusal, "{request}");
        }
        // A session of Socket.IO is none of Engine.IO.
        let poller = Poller::open(&server, "/socket.io/", "EIO=4").await;
        let target = poller.target.replace("socket.io", "engine.io");
        assert_eq!(once(&server, get(&target, "")).await.refusal(), UNKNOWN_SESSION);
        assert_eq!(once(&server, get(&poller.target, "").replace("GET", "PUT")).await.refusal(), BAD_REQUEST);
        server.stop().await;
    });
}

#[test]
fn pollers_send_and_receive() {
    run(async {
        let server = patient_server().await;
        let mut poller = Poller::open(&server, PATH, "EIO=4").await;
        for payload in ["4hello", "4test1\u{1e}4test2\u{1e}4test3", "4hello\u{1e}bAQIDBA==", "4", "4ä€😀\n\\"] {
            poller.say(&server, payload).await;
            assert_eq!(poller.text().await, payload);
        }
        // What comes while a poll is parked goes at once.
        poller.park().await;
        poller.say(&server, "4later").await;
        assert_eq!(poller.client.answered().await.text(), "4later");
        let said = once(&server, post(&poller.target, "4x")).await;
        assert!(said.head.contains("\r\ncontent-type: text/html\r\n"), "{}", said.head);
        drop(poller);
        server.stop().await;
    });
}

#[test]
fn websockets_send_and_receive() {
    run(async {
        let server = patient_server().await;
        let (mut socket, _) = Socket::open(&server, PATH, "EIO=4").await;
        socket.say("4hello").await;
        assert_eq!(socket.text().await, "4hello");
        socket.say_binary(&[1, 2, 3, 4]).await;
        assert_eq!(socket.binary().await, [1, 2, 3, 4]);
        socket.say_binary(&[]).await;
        assert!(socket.binary().await.is_empty());
        socket.say("bAQIDBA==").await;
        assert_eq!(socket.binary().await, [1, 2, 3, 4]);
        for packet in ["abc", "", "7", "2", "b!"] {
            let (mut socket, _) = Socket::open(&server, PATH, "EIO=4").await;
            socket.say(packet).await;
            socket.must_close().await;
        }
        server.stop().await;
    });
}

#[test]
fn malformed_packets_end_the_session_of_a_poller() {
    run(async {
        let server = patient_server().await;
        for body in ["abc", "", "4hello\u{1e}", "4hello\u{1e}abc", "bAQIDBA", "2"] {
            let mut poller = Poller::open(&server, PATH, "EIO=4").await;
            assert_eq!(poller.post(&server, body).await.refusal(), BAD_REQUEST, "{body:?}");
            assert_eq!(poller.poll().await.refusal(), UNKNOWN_SESSION, "{body:?}");
            assert_eq!(poller.post(&server, "4x").await.refusal(), UNKNOWN_SESSION, "{body:?}");
        }
        let mut poller = Poller::open(&server, PATH, "EIO=4").await;
        let not_utf8 = [post(&poller.target, "xx").trim_end_matches("xx").as_bytes(), &[b'4', 0xff]].concat();
        assert_eq!(once(&server, not_utf8).await.refusal(), BAD_REQUEST);
        assert_eq!(poller.poll().await.refusal(), UNKNOWN_SESSION);
        drop(poller);
        server.stop().await;
    });
}

#[test]
fn one_poll_and_one_post_at_a_time() {
    run(async {
        let server = patient_server().await;
        let mut poller = Poller::open(&server, PATH, "EIO=4").await;
        poller.park().await;
        parked(&mut poller, &server).await;
        assert_eq!(once(&server, get(&poller.target, "")).await.refusal(), BAD_REQUEST);
        assert_eq!(poller.client.answered().await.refusal(), (200, "1"));
        assert_eq!(poller.poll().await.refusal(), UNKNOWN_SESSION);

        let mut poller = Poller::open(&server, PATH, "EIO=4").await;
        let mut first = Client::connect(&server).await;
        let request = post(&poller.target, "4hello");
        first.send(&request[..request.len() - 3]).await;
        // Until the second of two finds the first.
        while poller.post(&server, "4second").await.status == 200 {}
        assert_eq!(poller.poll().await.refusal(), UNKNOWN_SESSION);
        drop(poller);
        server.stop().await;
    });
}

/// Waits until the server has a poll that was sent: it takes what is said now.
async fn parked(poller: &mut Poller, server: &wirecost_server::Running) {
    // Requests of one connection are read in the order in which they were sent; of two connections not.
    poller.say(server, "4ready").await;
    assert_eq!(poller.client.answered().await.text(), "4ready");
    poller.park().await;
    while server.counters().requests < requests_with(poller) {
        tokio::task::yield_now().await;
    }
}

/// Handshake, two polls, one post.
fn requests_with(_: &Poller) -> u64 {
    4
}

#[test]
fn a_poll_that_is_given_up_ends_the_session() {
    run(async {
        let server = patient_server().await;
        let mut poller = Poller::open(&server, PATH, "EIO=4").await;
        poller.park().await;
        parked(&mut poller, &server).await;
        let target = poller.target.clone();
        drop(poller);
        while once(&server, post(&target, "4x")).await.status == 200 {}
        assert_eq!(once(&server, get(&target, "")).await.refusal(), UNKNOWN_SESSION);
        server.stop().await;
    });
}

#[test]
fn bodies_are_bounded() {
    run(async {
        let server = patient_server().await;
        let mut poller = Poller::open(&server, PATH, "EIO=4").await;
        let most = format!("4{}", "x".repeat(999_999));
        poller.say(&server, &most).await;
        assert_eq!(poller.text().await, most);
        let too_large = poller.post(&server, &(most + "x")).await;
        assert_eq!(too_large.status, 413);
        poller.say(&server, "4still there").await;
        assert_eq!(poller.text().await, "4still there");
        let (mut socket, _) = Socket::open(&server, PATH, "EIO=4").await;
        socket.client.send(crate::support::websocket::header(0x81, 1_000_001, 0x80)).await;
        socket.client.send([0; 4]).await;
        assert_eq!(socket.client.closed_with().await, 1009);
        drop(poller);
        drop(socket);
        server.stop().await;
    });
}

#[test]
fn the_server_pings_and_silence_is_the_end() {
    run(async {
        let server = pinging_server().await;
        let mut poller = Poller::open(&server, PATH, "EIO=4").await;
        for _ in 0..3 {
            assert_eq!(poller.text().await, "2");
            poller.say(&server, "3").await;
        }
        // The ping is not answered; the poll that waits is told of the end.
        assert_eq!(poller.text().await, "2");
        assert_eq!(poller.text().await, "1");
        assert_eq!(poller.poll().await.refusal(), UNKNOWN_SESSION);
        // One that never polls.
        let mut silent = Poller::open(&server, PATH, "EIO=4").await;
        no_sessions(&server).await;
        assert_eq!(silent.poll().await.refusal(), UNKNOWN_SESSION);

        let (mut socket, _) = Socket::open(&server, PATH, "EIO=4").await;
        for _ in 0..3 {
            assert_eq!(socket.text().await, "2");
            socket.say("3").await;
        }
        assert_eq!(socket.text().await, "2");
        socket.must_close().await;
        no_sessions(&server).await;
        drop(poller);
        server.stop().await;
    });
}

async fn no_sessions(server: &wirecost_server::Running) {
    while server.desk().engine_sessions() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[test]
fn a_client_ends_its_session() {
    run(async {
        let server = patient_server().await;
        let mut poller = Poller::open(&server, PATH, "EIO=4").await;
        poller.park().await;
        parked(&mut poller, &server).await;
        poller.say(&server, "1").await;
        assert_eq!(poller.client.answered().await.refusal(), (200, "6"));
        assert_eq!(poller.poll().await.refusal(), UNKNOWN_SESSION);
        // The poll was sent first and comes second.
        let mut poller = Poller::open(&server, PATH, "EIO=4").await;
        poller.say(&server, "1").await;
        assert_eq!(poller.poll().await.refusal(), (200, "6"));
        assert_eq!(poller.poll().await.refusal(), UNKNOWN_SESSION);
        let (mut socket, _) = Socket::open(&server, PATH, "EIO=4").await;
        socket.say("1").await;
        socket.must_close().await;
        drop(poller);
        server.stop().await;
    });
}

#[test]
fn a_server_that_stops_tells_everybody() {
    run(async {
        let server = patient_server().await;
        let mut poller = Poller::open(&server, PATH, "EIO=4").await;
        poller.park().await;
        parked(&mut poller, &server).await;
        let (mut socket, _) = Socket::open(&server, PATH, "EIO=4").await;
        let stopping = tokio::spawn(server.stop());
        assert_eq!(poller.client.answered().await.refusal(), (200, "1"));
        assert!(poller.client.rest().await.is_empty());
        let (first_byte, _) = socket.client.frame().await;
        assert_eq!(first_byte, 0x88);
        drop((poller, socket));
        assert_eq!(stopping.await.unwrap().reading.open_connections, 0);
    });
}

#[test]
fn scripts_are_answered_as_scripts() {
    run(async {
        let server = patient_server().await;
        let mut client = Client::connect(&server).await;
        let opened = client.http(get("/engine.io/?EIO=4&transport=polling&j=7", "")).await;
        assert!(opened.head.contains("\r\ncontent-type: text/javascript; charset=UTF-8\r\n"), "{}", opened.head);
        let json: String =
            serde_json::from_str(opened.text().strip_prefix("___eio[7](").unwrap().strip_suffix(");").unwrap()).unwrap();
        let target = format!("/engine.io/?EIO=4&transport=polling&j=8&sid={}", field(&json, "sid").trim_matches('"'));
        let said = client.http(post(&target, "d=4a%5Cnb%1EbAQIDBA%3D%3D")).await;
        assert_eq!((said.status, said.text()), (200, "ok"));
        let answered = client.http(get(&target, "")).await;
        assert_eq!(answered.text(), "___eio[8](\"4a\\nb\\u001ebAQIDBA==\");");
        assert_eq!(client.http(post(&target, "x=4a")).await.refusal(), BAD_REQUEST);
        assert_eq!(client.http(get(&target, "")).await.refusal(), UNKNOWN_SESSION);
        server.stop().await;
    });
}
