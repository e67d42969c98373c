//! The WebSocket protocol's rules (RFC 6455), by frames made by hand.

mod support;

use support::websocket::{KEY, close, frame, header, upgrade};
use support::{Client, publish, run, server, server_with_ring, subscribed};
use wirecost_server::request_body::MAX_MESSAGE_BYTES;

/// What announces so many bytes, none of which will come.
fn masked_header(first_byte: u8, length: u64) -> Vec<u8> {
    [header(first_byte, length, 0x80), vec![0; 4]].concat()
}

#[test]
fn a_client_that_breaks_a_rule_is_told_which() {
    let too_large = MAX_MESSAGE_BYTES as u64 + 1;
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("not masked", [header(0x81, 2, 0), b"hi".to_vec()].concat(), 1002),
        ("not UTF-8", frame(0x81, b"\xff"), 1007),
        ("cut within a character", frame(0x81, "ä".as_bytes()[..1].as_ref()), 1007),
        ("reserved bit", frame(0xC1, b"x"), 1002),
        ("reserved opcode", frame(0x83, b"x"), 1002),
        ("reserved control opcode", frame(0x8B, b"x"), 1002),
        ("fragmented ping", frame(0x09, b"x"), 1002),
        ("ping of 126 bytes", frame(0x89, &[b'x'; 126]), 1002),
        ("continuation of nothing", frame(0x80, b"x"), 1002),
        ("new message within a message", [frame(0x01, b"a"), frame(0x81, b"b")].concat(), 1002),
        ("close with one byte", frame(0x88, b"x"), 1002),
        ("close with a code that is never sent", close(1005), 1002),
        ("close with a reason that is not UTF-8", frame(0x88, b"\x03\xe8\xff"), 1007),
        ("frame beyond the limit", masked_header(0x82, too_large), 1009),
        ("frame of 2^63 bytes", masked_header(0x82, 1 << 63), 1009),
        ("frame of 2^64 - 1 bytes", masked_header(0x82, u64::MAX), 1009),
        ("message beyond the limit in two frames", [frame(0x02, &vec![0; MAX_MESSAGE_BYTES]), frame(0x80, b"x")].concat(), 1009),
    ];
    run(async move {
        let server = server().await;
        let mut bad = 0;
        for (what, frames, code) in cases {
            for target in ["/ws/echo", "/ws?room=r"] {
                let mut client = Client::connect(&server).await;
                client.upgrade(target).await;
                client.send(&frames).await;
                assert_eq!(client.closed_with().await, code, "{what} at {target}");
                // A close frame with a bad code is answered, not failed.
                bad += u64::from(!what.starts_with("close with a code"));
            }
        }
        let mut well = Client::connect(&server).await;
        well.upgrade("/ws/echo").await;
        well.send(frame(0x81, b"still there")).await;
        assert_eq!(well.frame().await, (0x81, b"still there".to_vec()));
        drop(well);
        let report = server.stop().await;
        assert_eq!(report.reading.counters.bad_clients, bad);
    });
}

#[test]
fn an_upgrade_must_be_one() {
    run(async {
        let server = server().await;
        let good = upgrade("/ws");
        let cases = [
            (good.replace("upgrade: websocket\r\n", ""), "400"),
            (good.replace("connection: Upgrade\r\n", ""), "400"),
            (good.replace("connection: Upgrade", "connection: close"), "400"),
            (good.replace("connection: Upgrade", "connection: upgrade, close"), "400"),
            (good.replace(KEY, "too short"), "400"),
            (good.replace(&format!("sec-websocket-key: {KEY}\r\n"), ""), "400"),
            (good.replace(&format!("sec-websocket-key: {KEY}\r\n"), &format!("sec-websocket-key: {KEY}\r\n").repeat(2)), "400"),
            (good.replace("version: 13", "version: 8"), "426"),
            (good.replace("sec-websocket-version: 13\r\n", ""), "426"),
            (good.replace("/ws", "/ws?frame=x"), "400"),
            (good.replace("/ws", "/ws?room=%"), "400"),
            (good.replace("GET", "POST"), "405"),
        ];
        for (request, status) in cases {
            let answer = Client::connect(&server).await.ask(&request).await;
            assert_eq!(answer.split(' ').nth(1), Some(status), "{request}{answer}");
            if status == "426" {
                assert!(answer.contains("\r\nsec-websocket-version: 13\r\n") && answer.contains("\r\nupgrade: websocket\r\n"));
            }
        }
        // Tokens have no case and stand in lists; extensions and subprotocols are not taken up.
        let mut client = Client::connect(&server).await;
        client
            .send(good.replace("connection: Upgrade", "Connection: keep-alive, upgrade").replace(
                "upgrade: websocket",
                "Upgrade: WebSocket\r\nsec-websocket-extensions: permessage-deflate\r\nsec-websocket-protocol: x",
            ))
            .await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 101 ") && !head.contains("extensions") && !head.contains("protocol:"), "{head}");
        drop(client);
        server.stop().await;
    });
}

#[test]
fn rooms_go_down_in_the_frames_that_were_asked_for() {
    run(async {
        let server = server_with_ring(3).await;
        publish(&server, "r", &["zero", "one"]);
        let mut text = Client::connect(&server).await;
        text.upgrade("/ws?room=r&after=1").await;
        let mut binary = Client::connect(&server).await;
        binary.upgrade("/ws?room=r&after=0&frame=binary").await;
        assert_eq!(text.frame().await, (0x81, b"one".to_vec()));
        assert_eq!(binary.frame().await, (0x82, b"zero".to_vec()));
        assert_eq!(binary.frame().await, (0x82, b"one".to_vec()));
        subscribed(&server, 2).await;
        publish(&server, "r", &["2", "3", "4", "5"]);
        for client in [&mut text, &mut binary] {
            for expected in ["3", "4", "5"] {
                assert_eq!(client.frame().await.1, expected.as_bytes());
            }
        }
        drop((text, binary));
        assert_eq!(server.stop().await.overrun, 2);
    });
}

#[test]
fn frames_that_are_ready_together_are_written_together() {
    run(async {
        let server = server().await;
        let mut client = Client::connect(&server).await;
        client.upgrade("/ws?room=r").await;
        subscribed(&server, 1).await;
        let before = server.counters().writes;
        publish(&server, "r", &["a"; 100]);
        for _ in 0..100 {
            client.frame().await;
        }
        assert_eq!(server.counters().writes - before, 1);
        publish(&server, "r", &["b"]);
        client.frame().await;
        assert_eq!(server.counters().writes - before, 2);
        let mut echo = Client::connect(&server).await;
        echo.upgrade("/ws/echo").await;
        let before = server.counters().writes;
        echo.send(frame(0x81, b"x").repeat(100)).await;
        for _ in 0..100 {
            echo.frame().await;
        }
        assert_eq!(server.counters().writes - before, 1);
        drop((client, echo));
        server.stop().await;
    });
}

#[test]
fn a_stopping_server_says_goodbye_and_waits_for_the_answer() {
    run(async {
        let server = server().await;
        let mut clients = Vec::new();
        for target in ["/ws?room=r", "/ws/echo"] {
            let mut client = Client::connect(&server).await;
            client.upgrade(target).await;
            clients.push(client);
        }
        subscribed(&server, 1).await;
        let mut early = Client::connect(&server).await;
        early.upgrade("/ws/echo").await;
        early.send(close(1000)).await;
        assert_eq!(early.closed_with().await, 1000);
        drop(early);
        let (report, ()) = tokio::join!(server.stop(), async move {
            for mut client in clients {
                assert_eq!(client.frame().await, (0x88, 1001u16.to_be_bytes().to_vec()));
                client.send(close(1001)).await;
                assert!(client.rest().await.is_empty());
            }
        });
        assert_eq!((report.reading.counters.bad_clients, report.reading.open_connections), (0, 0));
    });
}

#[test]
fn a_client_that_does_not_read_its_echoes_is_not_read_either() {
    run(async {
        let server = server().await;
        let mut client = Client::connect(&server).await;
        client.upgrade("/ws/echo").await;
        // Far more than buffers of both ends hold.
        let message = frame(0x82, &vec![7; 1 << 20]);
        let writing = async {
            for _ in 0..64 {
                tokio::io::AsyncWriteExt::write_all(&mut client.stream, &message).await.unwrap();
            }
        };
        tokio::select! {
            () = writing => panic!("64 MiB were taken"),
            () = async {
                // Until the books stand still.
                let mut before = 0;
                loop {
                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                    let now = server.counters().socket_bytes.up;
                    if now == before { break }
                    before = now;
                }
            } => {}
        }
        assert!(server.counters().socket_bytes.up < 64 << 20);
        drop(client);
        server.stop().await;
    });
}
