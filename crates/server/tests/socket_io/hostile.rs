//! Clients that mean harm: refused by the protocol's own codes, bounded, and no harm to others.

use std::time::Duration;

use wirecost_model::Direction;
use wirecost_server::Running;
use wirecost_server::options::ServerOptions;
use wirecost_server::server::start;

use crate::contract::{listener, polling_listener};
use crate::http::*;
use crate::support::{Client, Layers, get, post, publish, run, server, subscribed};

async fn others_are_served(server: &Running) {
    let mut socket = listener(server, "").await;
    socket.say(r#"421["echo","still there"]"#).await;
    assert_eq!(socket.text().await, r#"431["still there"]"#);
    let mut poller = polling_listener(server, "").await;
    poller.say(server, r#"421["echo","still there"]"#).await;
    assert_eq!(poller.text().await, r#"431["still there"]"#);
    poller.say(server, "1").await;
    assert_eq!(poller.text().await, "6");
}

#[test]
fn malformed_messages_end_nobody_else() {
    run(async {
        let server = server().await;
        let deep = format!("42[\"message\",{}1{}]", "[".repeat(400_000), "]".repeat(400_000));
        let wide = format!("42[\"x\",{}0]", "{\"a\":0},".repeat(100_000));
        let long_name = format!("40/{},{{}}", "n".repeat(100_000));
        for said in [
            deep.as_str(),
            "42[\"message\",\"\\ud800\"]",
            "499999999999-[\"x\"]",
            "459999999999999999999-[\"x\"]",
            "4599-[\"x\"]",
            "451-[\"x\",{\"_placeholder\":true,\"num\":7}]",
            "451-[\"x\",{\"_placeholder\":true,\"num\":-1}]",
            "42/unknown,[\"message\",\"x\"]",
            "4299999999999999999999999[\"echo\",1]",
            "0{}",
            "42[\"message\",\"x\"",
            "42\u{0}",
        ] {
            let mut socket = listener(&server, "").await;
            socket.say(said).await;
            if said != "0{}" {
                socket.must_close().await;
            }
            let mut poller = polling_listener(&server, "").await;
            poller.say(&server, said).await;
            if said != "0{}" {
                assert_eq!(poller.text().await, "1", "{}", &said[..said.len().min(50)]);
                assert_eq!(poller.poll().await.refusal(), UNKNOWN_SESSION);
            }
        }
        // Large and in order.
        let mut socket = listener(&server, "").await;
        socket.say(&wide).await;
        socket.say(&long_name).await;
        let refusal = socket.text().await;
        assert!(refusal.ends_with(r#",{"message":"Invalid namespace"}"#), "{}", &refusal[refusal.len() - 50..]);
        others_are_served(&server).await;
        drop(socket);
        server.stop().await;
    });
}

#[test]
fn namespaces_and_rooms_of_a_session_are_bounded() {
    run(async {
        let server = server().await;
        let mut socket = listener(&server, "").await;
        let mut refused = 0;
        for at in 0..100 {
            socket.say(&format!("40/n{at},{{\"room\":\"r{at}\"}}")).await;
            refused += u32::from(socket.text().await.starts_with("44"));
        }
        assert_eq!(refused, 100 - 31);
        for at in 0..100 {
            socket.say(&format!("42{at}[\"join\",\"r{at}\"]")).await;
            refused += u32::from(socket.text().await.contains("at most"));
        }
        assert_eq!(refused, 100 - 31 + 100 - 64);
        subscribed(&server, 31 + 64).await;
        drop(socket);
        subscribed(&server, 0).await;
        assert_eq!(server.hub().room_count(), 0);
        server.stop().await;
    });
}

#[test]
fn who_asks_and_does_not_read_is_bounded() {
    run(async {
        let server = server().await;
        let mut poller = polling_listener(&server, "").await;
        let said = format!("421[\"echo\",\"{}\"]", "x".repeat(400_000));
        let (mut posts, mut most_bytes) = (0, 0);
        while poller.post(&server, &said).await.status == 200 {
            posts += 1;
            assert!(posts < 100);
            most_bytes = server.desk().engine_kept_bytes().max(most_bytes);
        }
        assert!(posts > 10 && most_bytes > 4_000_000, "{posts} posts, {most_bytes} B");
        assert_eq!(poller.poll().await.refusal(), UNKNOWN_SESSION);
        // Of version 3: a hundred thousand pings in one body.
        let mut pinger = Poller::open(&server, "/socket.io/", "EIO=3").await;
        pinger.post(&server, &"1:2".repeat(100_000)).await;
        assert_eq!(pinger.poll().await.refusal(), UNKNOWN_SESSION);
        assert_eq!(server.desk().engine_kept_bytes(), 0, "it ends with the session");
        others_are_served(&server).await;
        drop(poller);
        server.stop().await;
    });
}

#[test]
fn a_websocket_that_asks_and_does_not_read_is_not_read_any_more() {
    run(async {
        let server = start(ServerOptions { write_timeout: Duration::from_secs(1), ..ServerOptions::default() }).await.unwrap();
        let mut socket = listener(&server, "").await;
        let said = crate::support::websocket::frame(0x81, format!("421[\"echo\",\"{}\"]", "x".repeat(100_000)).as_bytes());
        let flood = tokio::spawn(async move {
            use tokio::io::AsyncWriteExt;
            // Until the server gives the connection up.
            while socket.client.stream.write_all(&said).await.is_ok() {}
        });
        while server.counters().bad_clients == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        others_are_served(&server).await;
        flood.await.unwrap();
        server.stop().await;
    });
}

#[test]
fn many_half_open_polls_and_sessions_that_nobody_comes_to() {
    run(async {
        let day = Duration::from_secs(86_400);
        let options = ServerOptions { ping_interval: day, ping_timeout: day, connect_timeout: day, ..ServerOptions::default() };
        let server = start(options).await.unwrap();
        let mut parked = Vec::new();
        for _ in 0..200 {
            let mut poller = Poller::open(&server, "/socket.io/", "EIO=4").await;
            poller.say(&server, r#"40{"room":"r"}"#).await;
            poller.text().await;
            poller.park().await;
            parked.push(poller);
        }
        subscribed(&server, 200).await;
        let mut client = Client::connect(&server).await;
        for _ in 0..2000 {
            assert_eq!(client.http(get("/socket.io/?EIO=4&transport=polling", "")).await.status, 200);
        }
        assert_eq!(server.desk().engine_sessions(), 2200);
        others_are_served(&server).await;
        publish(&server, "r", &["all of you"]);
        for poller in &mut parked {
            assert_eq!(poller.client.answered().await.text(), r#"42["message","all of you"]"#);
        }
        drop(parked);
        server.stop().await;
    });
}

#[test]
fn sessions_that_nobody_comes_back_to_are_forgotten() {
    run(async {
        let soon = Duration::from_millis(50);
        let server = start(ServerOptions { ping_interval: soon, ping_timeout: soon, ..ServerOptions::default() }).await.unwrap();
        let mut client = Client::connect(&server).await;
        for _ in 0..500 {
            assert_eq!(client.http(get("/socket.io/?EIO=4&transport=polling", "")).await.status, 200);
        }
        while server.desk().engine_sessions() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.stop().await;
    });
}

#[test]
fn ids_of_others_and_dead_ones() {
    run(async {
        let server = server().await;
        let too_long = "s".repeat(10_000);
        for sid in ["x", "../../etc", "%00", &too_long, "undefined"] {
            let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
            assert_eq!(once(&server, get(&target, "")).await.refusal(), UNKNOWN_SESSION);
            assert_eq!(once(&server, post(&target, "40")).await.refusal(), UNKNOWN_SESSION);
            let socket = crate::support::websocket::upgrade(&target.replace("polling", "websocket"));
            assert_eq!(once(&server, socket).await.refusal(), UNKNOWN_SESSION);
        }
        // An upgrade to a WebSocket that dies, again and again.
        let mut poller = polling_listener(&server, r#"{"room":"r"}"#).await;
        for _ in 0..20 {
            drop(Socket::at(&server, &poller.target.replace("polling", "websocket")).await);
        }
        poller.park().await;
        subscribed(&server, 1).await;
        publish(&server, "r", &["x"]);
        assert_eq!(poller.client.answered().await.text(), r#"42["message","x"]"#);
        let report = server.stop().await;
        let counters = &report.reading.counters;
        for direction in [Direction::Up, Direction::Down] {
            assert_eq!(Layers::of(counters, direction).total(), counters.socket_bytes.get(direction));
        }
    });
}
