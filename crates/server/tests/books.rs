//! The books: for every endpoint the layers add up to exactly what a raw client sent and received, and each layer is what it
//! should be. And what else a report says.

mod support;

use std::time::Duration;

use support::websocket::{ACCEPT, close, frame, upgrade};
use support::{Client, Layers, books, get, post, publish, run, server, server_with_ring, subscribed};

const DATE_LINE: usize = 37;

/// Bytes of an answer's head, of which `undated` is the text with `DATE` for the date.
fn head_bytes(answer: &str) -> u64 {
    let end = answer.find("\r\n\r\n").unwrap() + 4;
    (end - "date: DATE\r\n".len() + DATE_LINE) as u64
}

#[test]
fn polls_full_empty_and_neither() {
    run(async {
        let server = server().await;
        publish(&server, "r", &["12345678", "1234"]);
        let mut client = Client::connect(&server).await;
        let requests = [
            get("/poll?room=r", ""),
            get("/poll?room=r&after=0", "a: padded  \r\n"),
            get("/poll?room=r&after=2", ""),
            get("/poll?room=r&after=2", "if-none-match: \"2\"\r\n"),
            get("/long-poll?room=r&after=1", ""),
            get("/long-poll?room=r&after=2&hold_ms=100", ""),
        ];
        let mut answers = Vec::new();
        for request in &requests {
            answers.push(client.ask(request).await);
        }
        let (up, down, report) = books(server, client.leave().await).await;
        let full = [0, 1, 4];
        let empty = [2, 3, 5];
        let sent = |which: [usize; 3]| which.iter().map(|&i| requests[i].len() as u64).sum::<u64>();
        let heads = |which: [usize; 3]| which.iter().map(|&i| head_bytes(&answers[i])).sum::<u64>();
        assert_eq!(up, Layers { head: sent(full), empty_head: sent(empty), ..Layers::default() });
        let bodies = [
            r#"{"next":2,"lost":0,"messages":[]}"#,
            r#"{"next":2,"lost":0,"messages":["",""]}"#,
            r#"{"next":2,"lost":0,"messages":[""]}"#,
        ];
        let framing = bodies.iter().map(|body| body.len() as u64).sum();
        assert_eq!(down, Layers { payload: 16, framing, head: heads(full), empty_head: heads(empty) });
        let counters = report.reading.counters;
        assert_eq!((counters.connections, counters.requests, counters.bad_clients), (1, 6, 0));
        assert_eq!((counters.full_answers, counters.empty_answers, counters.messages_in_answers), (2, 3, 3));
        assert_eq!((counters.messages.down, counters.messages.up), (3, 0));
        assert_eq!((counters.reads, counters.writes), (6, 6), "one system call a request and one an answer");
        let kinds: Vec<&str> = report.samples.iter().map(|sample| sample.kind.as_str()).collect();
        assert_eq!(kinds, ["poll", "empty poll"]);
        assert_eq!(report.samples[0].request, requests[1]);
        let head = &answers[1][..answers[1].find("\r\n\r\n").unwrap() + 4];
        assert_eq!(support::undated(&report.samples[0].response), head);
        assert_eq!(report.negotiated, [("no TLS".to_string(), 1)].into());
    });
}

#[test]
fn connections_of_one_request_each() {
    run(async {
        let server = server().await;
        publish(&server, "r", &["1234"]);
        let request = get("/poll?room=r&after=0", "connection: close\r\n");
        let (mut sent, mut received, mut heads) = (0, 0, 0);
        for _ in 0..3 {
            let mut client = Client::connect(&server).await;
            heads += head_bytes(&client.ask(&request).await);
            assert!(client.rest().await.is_empty(), "the server closes");
            (sent, received) = (sent + client.sent, received + client.received);
        }
        let (up, down, report) = books(server, (sent, received)).await;
        assert_eq!(up, Layers { head: 3 * request.len() as u64, ..Layers::default() });
        let framing = 3 * r#"{"next":1,"lost":0,"messages":[""]}"#.len() as u64;
        assert_eq!(down, Layers { payload: 12, framing, head: heads, empty_head: 0 });
        let counters = report.reading.counters;
        assert_eq!((counters.connections, counters.requests, counters.full_answers), (3, 3, 3));
        // SYN and FIN of both ends of each.
        assert_eq!((counters.control_segments.up, counters.control_segments.down), (6, 6));
        assert_eq!((counters.data_segments.up, counters.data_segments.down), (3, 3));
    });
}

#[test]
fn streams_until_the_client_leaves_and_until_the_server_stops() {
    run(async {
        let server = server_with_ring(2).await;
        let mut stream = Client::connect(&server).await;
        stream.send(get("/stream?room=r", "")).await;
        let stream_head = support::undated(&stream.head().await);
        let mut events = Client::connect(&server).await;
        events.send(get("/sse?room=r", "")).await;
        let event_head = support::undated(&events.head().await);
        subscribed(&server, 2).await;
        publish(&server, "r", &["12345678"]);
        let mut framing = stream.chunk().await.len() as u64 - 8;
        framing += events.chunk().await.len() as u64 - 8;
        publish(&server, "r", &["1", "2", "3"]);
        framing += stream.chunk().await.len() as u64 - 2;
        framing += events.chunk().await.len() as u64 - 2;
        let sent = stream.sent + events.sent;
        let (_, received) = stream.leave().await;
        // The other one is ended by the server.
        let (books, received) = tokio::join!(
            async {
                let report = server.stop().await;
                let counters = report.reading.counters;
                let up = Layers::of(&counters, wirecost_model::Direction::Up);
                (up, Layers::of(&counters, wirecost_model::Direction::Down), report)
            },
            async move {
                assert_eq!(events.rest().await, b"0\r\n\r\n");
                received + events.received
            }
        );
        let (up, down, report) = books;
        assert_eq!(up, Layers { head: sent, ..Layers::default() });
        let head = head_bytes(&stream_head) + head_bytes(&event_head);
        assert_eq!(down, Layers { payload: 2 * 10, framing: framing + 5, head, empty_head: 0 });
        assert_eq!(down.total(), received);
        assert_eq!((report.reading.counters.messages.down, report.overrun), (6, 2));
        let kinds: Vec<&str> = report.samples.iter().map(|sample| sample.kind.as_str()).collect();
        assert_eq!(kinds, ["stream"]);
        assert_eq!(support::undated(&report.samples[0].response), stream_head);
    });
}

#[test]
fn posts_with_and_without_chunks_and_with_leave_to_send() {
    run(async {
        let server = server().await;
        let mut client = Client::connect(&server).await;
        let plain = post("/messages", "12345");
        let echo = post("/echo", "1234567");
        let chunked_head = "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunks = "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let mut heads = 0;
        for request in [&plain, &echo, &format!("{chunked_head}{chunks}")] {
            heads += head_bytes(&client.ask(request).await);
        }
        let expecting = "POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
        client.send(expecting).await;
        heads += client.head().await.len() as u64;
        client.send("ok").await;
        heads += head_bytes(&client.answer().await);
        let (up, down, report) = books(server, client.leave().await).await;
        let head = (plain.len() - 5 + echo.len() - 7 + chunked_head.len() + expecting.len()) as u64;
        assert_eq!(up, Layers { payload: 5 + 7 + 5 + 2, framing: chunks.len() as u64 - 5, head, empty_head: 0 });
        assert_eq!(down, Layers { payload: 7 + 5 + 2, framing: 0, head: heads, empty_head: 0 });
        let counters = report.reading.counters;
        assert_eq!((counters.messages.up, counters.messages.down, counters.requests), (4, 3, 4));
        assert_eq!(report.samples[0].request, &plain[..plain.len() - 5]);
    });
}

#[test]
fn websockets() {
    run(async {
        let server = server().await;
        let mut client = Client::connect(&server).await;
        let head = client.upgrade("/ws?room=r").await;
        let expected = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {ACCEPT}\r\ndate: DATE\r\n\r\n"
        );
        assert_eq!(support::undated(&head), expected);
        subscribed(&server, 1).await;
        publish(&server, "r", &["12345", &"x".repeat(300)]);
        assert_eq!(client.frame().await, (0x81, b"12345".to_vec()));
        assert_eq!(client.frame().await.1.len(), 300);
        client.send(frame(0x89, b"?")).await;
        assert_eq!(client.frame().await, (0x8A, b"?".to_vec()), "pong");
        // A message in two frames.
        client.send(frame(0x01, b"abc")).await;
        client.send(frame(0x80, b"de")).await;
        client.send(close(1000)).await;
        assert_eq!(client.closed_with().await, 1000);
        let mut echo = Client::connect(&server).await;
        let echo_head = echo.upgrade("/ws/echo").await;
        echo.send(frame(0x82, b"\xff\xfe")).await;
        assert_eq!(echo.frame().await, (0x82, b"\xff\xfe".to_vec()));
        echo.send(close(1000)).await;
        assert_eq!(echo.closed_with().await, 1000);
        let totals = (client.sent + echo.sent, client.received + echo.received);
        drop((client, echo));
        let (up, down, report) = books(server, totals).await;
        let requests = (upgrade("/ws?room=r").len() + upgrade("/ws/echo").len()) as u64;
        // Ping, two fragments, close; message, close.
        assert_eq!(up, Layers { payload: 5 + 2, framing: 7 + 6 + 6 + 8 + 6 + 8, head: requests, empty_head: 0 });
        let heads = (head.len() + echo_head.len()) as u64;
        // Two messages, pong, close; message, close.
        assert_eq!(down, Layers { payload: 305 + 2, framing: 2 + 4 + 3 + 4 + 2 + 4, head: heads, empty_head: 0 });
        let counters = report.reading.counters;
        assert_eq!((counters.messages.up, counters.messages.down), (2, 3));
        assert_eq!((counters.requests, counters.bad_clients), (2, 0));
        assert_eq!(report.samples[0].request, upgrade("/ws?room=r"));
        assert_eq!(report.samples[0].response, head);
        assert_eq!(report.upload_accounting.corrupted, 1, "what is no envelope");
    });
}

#[test]
fn refusals_and_what_the_http_library_says_itself() {
    run(async {
        let server = server().await;
        let mut client = Client::connect(&server).await;
        let asked = [get("/nothing", ""), get("/poll?after=x", ""), post("/poll", "")];
        let (mut heads, mut bodies) = (0, 0);
        for request in &asked {
            let answer = client.ask(request).await;
            heads += head_bytes(&answer);
            bodies += (answer.len() - answer.find("\r\n\r\n").unwrap() - 4) as u64;
        }
        client.send("GET / HTTP/1.1\r\nbad header\r\n\r\n").await;
        let refusal = client.head().await;
        assert!(refusal.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{refusal}");
        heads += refusal.len() as u64;
        assert!(client.rest().await.is_empty());
        let totals = (client.sent, client.received);
        drop(client);
        let (up, down, report) = books(server, totals).await;
        assert_eq!(up, Layers { head: totals.0, ..Layers::default() });
        assert_eq!(down, Layers { framing: bodies, head: heads, ..Layers::default() });
        assert_eq!((report.reading.counters.requests, report.reading.counters.bad_clients), (3, 1));
    });
}

/// Whoever closes a page asks for something and is gone, and a busy server sees both at once.
#[test]
fn a_whole_request_and_the_end_of_its_connection_at_once() {
    run(async {
        let server = server().await;
        let mut client = Client::connect(&server).await;
        client.get("/health").await;
        let (sent, received) = (client.sent, client.received);
        let poll = get("/long-poll?room=r&after=0", "");
        // No waiting between the two: the server, on this thread, has its turn when both have come.
        assert_eq!(client.stream.try_write(poll.as_bytes()).unwrap(), poll.len());
        drop(client);
        while server.desk().reading().open_connections > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let (up, _, report) = books(server, (sent + poll.len() as u64, received)).await;
        assert_eq!(up.head, sent + poll.len() as u64);
        let counters = report.reading.counters;
        assert_eq!((counters.connections, counters.requests, counters.bad_clients), (1, 2, 0));
    });
}

#[test]
fn a_reading_while_connections_are_open() {
    run(async {
        let server = server().await;
        let mut client = Client::connect(&server).await;
        client.get("/health").await;
        let reading = server.desk().reading();
        assert_eq!((reading.open_connections, reading.nagle_connections, reading.subscribers), (1, 0, 0));
        assert!(reading.rss_bytes > 0 && reading.at_ns > 0);
        let counters = reading.counters;
        assert_eq!((counters.socket_bytes.up, counters.socket_bytes.down), (client.sent, client.received));
        assert_eq!((counters.data_segments.up, counters.data_segments.down), (1, 1));
        assert_eq!((counters.control_segments.up, counters.control_segments.down), (1, 1));
        client.send(get("/long-poll?room=r&after=0", "")).await;
        subscribed(&server, 1).await;
        assert_eq!(server.desk().reading().subscribers, 1);
        assert_eq!(server.counters().requests, 2);
        drop(client);
        let report = server.stop().await;
        assert_eq!(report.reading.open_connections, 0);
        assert_eq!(report.reading.counters.connections, 1);
    });
}
