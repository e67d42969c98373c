//! Clients that mean harm, or know no better: they are bounded and counted, and others are served meanwhile.

mod support;

use std::time::Duration;

use support::websocket::{frame, upgrade};
use support::{Client, Layers, books, get, publish, run, server, subscribed};
use tokio::io::AsyncWriteExt;
use wirecost_model::Direction;
use wirecost_model::rng::Rng;
use wirecost_server::options::ServerOptions;
use wirecost_server::server::{Running, start};

/// A server that loses patience within a test's time.
async fn impatient() -> Running {
    let options =
        ServerOptions { write_timeout: Duration::from_secs(1), head_timeout: Duration::from_secs(1), ..ServerOptions::default() };
    start(options).await.unwrap()
}

async fn others_are_served(server: &Running) {
    let mut client = Client::connect(server).await;
    assert!(client.get("/poll?room=r").await.starts_with("HTTP/1.1 200 OK\r\n"));
    client.leave().await;
}

#[test]
fn garbage_is_refused() {
    run(async {
        let server = server().await;
        let mut rng = Rng::new(7, 7);
        let mut garbage: Vec<Vec<u8>> = (0..20).map(|_| (0..200).map(|_| rng.next_u64() as u8).collect()).collect();
        garbage.push(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec());
        garbage.push(vec![0; 1000]);
        garbage.push(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec());
        garbage.push(b"GET /poll HTTP/9.9\r\n\r\n".to_vec());
        garbage.push(b"GET /poll HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n".to_vec());
        garbage.push(b"POST /echo HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n".to_vec());
        let (mut sent, mut received) = (0, 0);
        let count = garbage.len() as u64;
        for bytes in garbage {
            let mut client = Client::connect(&server).await;
            client.send(&bytes).await;
            // Some of it could be the beginning of a request.
            client.stream.shutdown().await.unwrap();
            client.rest().await;
            (sent, received) = (sent + client.sent, received + client.received);
        }
        others_are_served(&server).await;
        let report = server.stop().await;
        assert_eq!(report.reading.counters.bad_clients, count);
        assert!(report.reading.counters.socket_bytes.up > sent && report.reading.counters.socket_bytes.down > received);
    });
}

#[test]
fn a_head_without_end_is_refused() {
    run(async {
        let server = server().await;
        let mut client = Client::connect(&server).await;
        client.send("GET / HTTP/1.1\r\n").await;
        let line = format!("x: {}\r\n", "y".repeat(1000));
        // A gigabyte, if it were taken.
        let mut lines = 0;
        while lines < 1_000_000 && client.stream.write_all(line.as_bytes()).await.is_ok() {
            lines += 1;
            if server.desk().reading().counters.bad_clients > 0 {
                break;
            }
        }
        assert!(lines < 20_000, "{lines} lines of 1 kB were taken");
        assert!(client.head().await.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"));
        drop(client);
        others_are_served(&server).await;
        server.stop().await;
    });
}

#[test]
fn half_requests_take_no_longer_than_they_may() {
    run(async {
        let server = impatient().await;
        let mut halves = Vec::new();
        for half in ["", "G", "GET /poll HTTP/1.1\r\nhost: x\r\n"].iter().cycle().take(150) {
            let mut client = Client::connect(&server).await;
            client.send(half).await;
            halves.push(client);
        }
        // One whole request, then half of the next.
        for _ in 0..10 {
            let mut client = Client::connect(&server).await;
            client.get("/health").await;
            client.send("GET /po").await;
            halves.push(client);
        }
        others_are_served(&server).await;
        for mut client in halves {
            client.rest().await;
        }
        let report = server.stop().await;
        assert_eq!(report.reading.counters.bad_clients, 160);
        let counters = &report.reading.counters;
        assert_eq!(Layers::of(counters, Direction::Up).total(), counters.socket_bytes.up);
        assert_eq!(Layers::of(counters, Direction::Up).framing, 0, "half a head is a head");
    });
}

#[test]
fn a_poller_that_is_slower_than_half_a_request_may_be_is_kept() {
    run(async {
        let server = impatient().await;
        let mut client = Client::connect(&server).await;
        client.get("/poll?room=r&after=0").await;
        // Longer than a head may take: the pause between polls is not part of one.
        tokio::time::sleep(Duration::from_millis(1200)).await;
        assert!(client.get("/long-poll?room=r&after=0&hold_ms=1200").await.starts_with("HTTP/1.1 204 "));
        let (_, _, report) = books(server, client.leave().await).await;
        assert_eq!((report.reading.counters.connections, report.reading.counters.bad_clients), (1, 0));
    });
}

#[test]
fn a_handshake_that_does_not_come_takes_no_longer_than_it_may() {
    run(async {
        let head_timeout = Duration::from_millis(300);
        let server = start(ServerOptions { tls: Some(Default::default()), head_timeout, ..Default::default() }).await.unwrap();
        let mut silent = Client::connect(&server).await;
        let mut half = Client::connect(&server).await;
        half.send(b"\x16\x03\x01\x02\x00\x01").await;
        assert!(silent.rest().await.is_empty() && half.rest().await.is_empty());
        drop((silent, half));
        assert_eq!(server.stop().await.reading.counters.bad_clients, 1);
    });
}

#[test]
fn clients_that_do_not_read_are_dropped_and_the_rest_gets_everything() {
    run(async {
        let server = impatient().await;
        let mut stuck = Vec::new();
        for target in ["/stream?room=r", "/sse?room=r"] {
            let mut client = Client::connect(&server).await;
            client.send(get(target, "")).await;
            client.head().await;
            stuck.push(client);
        }
        let mut socket = Client::connect(&server).await;
        socket.upgrade("/ws?room=r").await;
        stuck.push(socket);
        let mut reader = Client::connect(&server).await;
        reader.upgrade("/ws?room=r").await;
        subscribed(&server, 4).await;
        let text = "z".repeat(1 << 20);
        let mut published = 0;
        // Until all three have been given up.
        while server.counters().bad_clients < 3 {
            publish(&server, "r", &[&text]);
            published += 1;
            assert_eq!(reader.frame().await.1.len(), text.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        others_are_served(&server).await;
        drop((stuck, reader));
        let report = server.stop().await;
        let counters = &report.reading.counters;
        assert!(published > 3 && counters.bad_clients == 3, "{published}");
        assert_eq!(report.reading.open_connections, 0);
        // What was never written is nobody's payload.
        let down = Layers::of(counters, Direction::Down);
        assert_eq!(down.total(), counters.socket_bytes.down);
        assert!(down.payload <= counters.socket_bytes.down);
    });
}

#[test]
fn a_body_that_does_not_come_holds_nobody_up() {
    run(async {
        let server = server().await;
        let mut waiting = Client::connect(&server).await;
        waiting.send("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf of it").await;
        others_are_served(&server).await;
        waiting.stream.shutdown().await.unwrap();
        waiting.rest().await;
        // A chunk that is none.
        let mut broken = Client::connect(&server).await;
        broken.send("POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n").await;
        broken.rest().await;
        // More than was allowed, without having said so.
        let mut large = Client::connect(&server).await;
        large.send("POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let chunk = format!("100000\r\n{}\r\n", "x".repeat(1 << 20));
        for _ in 0..3 {
            large.send(&chunk).await;
        }
        assert!(large.answer().await.starts_with("HTTP/1.1 413 Payload Too Large\r\n"));
        drop((waiting, broken, large));
        others_are_served(&server).await;
        let counters = server.stop().await.reading.counters;
        assert_eq!(Layers::of(&counters, Direction::Up).total(), counters.socket_bytes.up);
        assert_eq!(Layers::of(&counters, Direction::Down).total(), counters.socket_bytes.down);
    });
}

#[test]
fn requests_that_do_not_wait_for_answers_are_all_answered() {
    run(async {
        let server = server().await;
        let mut client = Client::connect(&server).await;
        let requests = get("/poll?room=r", "").repeat(50);
        client.send(&requests).await;
        for _ in 0..50 {
            assert!(client.answer().await.starts_with("HTTP/1.1 200 OK\r\n"));
        }
        let (up, _, report) = books(server, client.leave().await).await;
        assert_eq!((up.head, report.reading.counters.requests), (requests.len() as u64, 50));
    });
}

#[test]
fn one_connection_too_many_is_closed_at_once() {
    run(async {
        let server = start(ServerOptions { max_connections: 2, ..ServerOptions::default() }).await.unwrap();
        let mut first = Client::connect(&server).await;
        let mut second = Client::connect(&server).await;
        first.get("/health").await;
        second.get("/health").await;
        let mut third = Client::connect(&server).await;
        assert!(third.rest().await.is_empty());
        assert!(first.get("/health").await.starts_with("HTTP/1.1 204 "));
        first.leave().await;
        while server.desk().reading().open_connections > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        others_are_served(&server).await;
        drop((second, third));
        server.stop().await;
    });
}

#[test]
fn a_client_that_vanishes_is_counted_to_its_last_byte() {
    run(async {
        let server = server().await;
        publish(&server, "r", &["x"; 500]);
        for target in ["/stream?room=r&after=0", "/sse?room=r&after=0", "/long-poll?room=r&after=500"] {
            let mut client = Client::connect(&server).await;
            client.send(get(target, "")).await;
            if !target.starts_with("/long") {
                client.head().await;
            }
            // Closed with data unread: a reset.
            drop(client);
        }
        let mut client = Client::connect(&server).await;
        client.upgrade("/ws?room=r&after=0").await;
        client.send(&frame(0x81, b"cut off")[..5]).await;
        drop(client);
        others_are_served(&server).await;
        let report = server.stop().await;
        let counters = &report.reading.counters;
        for direction in [Direction::Up, Direction::Down] {
            assert_eq!(Layers::of(counters, direction).total(), counters.socket_bytes.get(direction));
        }
        assert_eq!(report.reading.open_connections, 0);
    });
}

/// Waits until so many connections are open.
async fn open_connections(server: &Running, connections: u64) {
    while server.desk().reading().open_connections != connections {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn a_client_that_resets_its_upgrade_leaves_nothing_behind() {
    run(async {
        let server = start(ServerOptions { max_connections: 1, ..ServerOptions::default() }).await.unwrap();
        let targets = ["/ws?room=r", "/ws/echo", "/socket.io/?EIO=4&transport=websocket"];
        for target in targets {
            let client = Client::connect(&server).await;
            open_connections(&server, 1).await;
            // A byte behind the request, and a reset before anybody could have read either.
            client.stream.try_write(format!("{}x", upgrade(target)).as_bytes()).unwrap();
            client.stream.set_zero_linger().unwrap();
            drop(client);
            // The only permit comes back, and the place in the room.
            open_connections(&server, 0).await;
            assert_eq!(server.hub().room_count(), 0, "{target}");
            others_are_served(&server).await;
            open_connections(&server, 0).await;
        }
        assert_eq!(server.stop().await.reading.counters.requests, 2 * targets.len() as u64);
    });
}
