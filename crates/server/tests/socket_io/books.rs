//! The books: for Socket.IO too the layers add up to exactly what a raw client sent and received, and each is what it should be.

use std::time::Duration;

use wirecost_server::options::ServerOptions;
use wirecost_server::server::start;

use crate::http::*;
use crate::support::websocket::{close, frame, upgrade};
use crate::support::{Client, Layers, books, get, post, publish, run, server, subscribed};

#[test]
fn polling() {
    run(async {
        let server = server().await;
        let mut client = Client::connect(&server).await;
        let open = get("/socket.io/?EIO=4&transport=polling", "");
        let opened = client.http(&open).await;
        let target = format!("/socket.io/?EIO=4&transport=polling&sid={}", field(opened.text(), "sid").trim_matches('"'));
        let poll = get(&target, "");
        let connect = post(&target, r#"40{"room":"r"}"#);
        let connected = client.http(&connect).await;
        let granted = client.http(&poll).await;
        publish(&server, "r", &["1234\"", "12345678"]);
        let full = client.http(&poll).await;
        assert_eq!(full.text(), "42[\"message\",\"1234\\\"\"]\u{1e}42[\"message\",\"12345678\"]");
        let up = post(&target, "42[\"message\",\"123\"]\u{1e}421[\"echo\",\"1234567\"]");
        let said = client.http(&up).await;
        let echoed = client.http(&poll).await;
        assert_eq!(echoed.text(), r#"431["1234567"]"#);
        let refused = client.http(get("/socket.io/?EIO=4&transport=carrier-pigeon", "")).await;
        let refused_bytes = get("/socket.io/?EIO=4&transport=carrier-pigeon", "").len() as u64;
        let (up_layers, down, report) = books(server, client.leave().await).await;
        let bodies_up = (connect.len() - post(&target, "").len() - 1) as u64;
        let head = |request: &str| (request.find("\r\n\r\n").unwrap() + 4) as u64;
        let heads_up = open.len() as u64 + head(&connect) + 3 * poll.len() as u64 + head(&up) + refused_bytes;
        assert!(bodies_up > 0);
        let framing_up = (connect.len() as u64 - head(&connect)) + (up.len() as u64 - head(&up)) - 10;
        assert_eq!(up_layers, Layers { payload: 10, framing: framing_up, head: heads_up, empty_head: 0 });
        let answers = [&opened, &connected, &granted, &full, &said, &echoed, &refused];
        let heads_down = answers.iter().map(|answer| answer.head.len() as u64).sum();
        let payload = 5 + 8 + 7;
        let bodies_down = answers.iter().map(|answer| answer.body.len() as u64).sum::<u64>();
        assert_eq!(down, Layers { payload, framing: bodies_down - payload, head: heads_down, empty_head: 0 });
        let counters = report.reading.counters;
        assert_eq!((counters.full_answers, counters.messages_in_answers, counters.empty_answers), (2, 3, 0));
        assert_eq!((counters.messages.up, counters.messages.down, counters.requests), (2, 3, 7));
        let kinds: Vec<&str> = report.samples.iter().map(|sample| sample.kind.as_str()).collect();
        assert_eq!(kinds, ["post", "poll"]);
        assert_eq!(report.samples[1].request, poll);
    });
}

#[test]
fn a_poll_that_brings_a_ping_is_empty() {
    run(async {
        let ping_interval = Duration::from_millis(1);
        let server = start(ServerOptions { ping_interval, ..ServerOptions::default() }).await.unwrap();
        let mut client = Client::connect(&server).await;
        let open = get("/socket.io/?EIO=4&transport=polling", "");
        let opened = client.http(&open).await;
        let poll = get(&format!("/socket.io/?EIO=4&transport=polling&sid={}", field(opened.text(), "sid").trim_matches('"')), "");
        let ping = client.http(&poll).await;
        assert_eq!(ping.text(), "2");
        let (up, down, report) = books(server, client.leave().await).await;
        assert_eq!(up, Layers { head: open.len() as u64, empty_head: poll.len() as u64, ..Layers::default() });
        let (head, empty_head) = (opened.head.len() as u64, ping.head.len() as u64);
        assert_eq!(down, Layers { framing: opened.body.len() as u64 + 1, head, empty_head, ..Layers::default() });
        let counters = report.reading.counters;
        assert_eq!((counters.full_answers, counters.empty_answers, counters.requests), (0, 1, 2));
        assert_eq!(report.samples.iter().map(|sample| sample.kind.as_str()).collect::<Vec<_>>(), ["empty poll"]);
    });
}

#[test]
fn websocket() {
    run(async {
        let server = server().await;
        let mut client = Client::connect(&server).await;
        let target = "/socket.io/?EIO=4&transport=websocket";
        let head = client.upgrade(target).await;
        let mut socket = Socket { client };
        let open = socket.text().await;
        socket.say(r#"40{"room":"r"}"#).await;
        let granted = socket.text().await;
        subscribed(&server, 1).await;
        publish(&server, "r", &["12345"]);
        let message = socket.text().await;
        socket.say(r#"421["echo","123"]"#).await;
        let echoed = socket.text().await;
        let mut client = socket.client;
        client.send(close(1000)).await;
        assert_eq!(client.closed_with().await, 1000);
        let totals = (client.sent, client.received);
        drop(client);
        let (up, down, report) = books(server, totals).await;
        let request = upgrade(target).len() as u64;
        assert_eq!(up, Layers { payload: 3, framing: totals.0 - request - 3, head: request, empty_head: 0 });
        let framing = [&open, &granted, &message, &echoed].iter().map(|text| text.len() as u64 + 2).sum::<u64>() + 4 - 8;
        assert_eq!(down, Layers { payload: 8, framing, head: head.len() as u64, empty_head: 0 });
        let counters = report.reading.counters;
        assert_eq!((counters.messages.up, counters.messages.down, counters.bad_clients), (1, 2, 0));
        assert_eq!(report.samples[0].kind, "upgrade");
    });
}

#[test]
fn upgrade_and_binary_data() {
    run(async {
        let server = patient_server().await;
        let mut poller = Poller::open(&server, "/engine.io/", "EIO=4").await;
        let body = post(&poller.target, "bAQIDBA==");
        assert_eq!(poller.client.http(&body).await.text(), "ok");
        assert_eq!(poller.text().await, "bAQIDBA==");
        let mut socket = Socket::at(&server, &poller.target.replace("polling", "websocket")).await;
        poller.park().await;
        socket.say("2probe").await;
        assert_eq!(socket.text().await, "3probe");
        assert_eq!(poller.client.answered().await.text(), "6");
        socket.say("5").await;
        socket.say_binary(&[1; 100]).await;
        assert_eq!(socket.binary().await.len(), 100);
        socket.client.send(frame(0x88, b"")).await;
        let _ = socket.client.rest().await;
        let (sent, received) = (socket.client.sent, socket.client.received);
        drop(socket);
        let (poller_sent, poller_received) = poller.client.leave().await;
        let (up, down, report) = books(server, (sent + poller_sent, received + poller_received)).await;
        assert_eq!((up.payload, down.payload), (104, 104));
        let counters = report.reading.counters;
        assert_eq!((counters.full_answers, counters.empty_answers), (1, 1), "a noop is an empty poll");
        assert_eq!(up.empty_head, get(&poller.target, "").len() as u64);
        assert!(down.empty_head > 0);
    });
}
