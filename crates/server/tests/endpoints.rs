//! Every endpoint over a raw socket, to the byte.

mod support;

use support::{Client, get, post, publish, run, server, server_with_ring, subscribed};
use wirecost_server::hub::Limit;
use wirecost_server::request_body::MAX_MESSAGE_BYTES;

fn json(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\ncache-control: no-store\r\ndate: DATE\r\n\r\n{body}"
    )
}

fn text(status: &str, reason: &str, more: &str) -> String {
    let length = reason.len() + 1;
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {length}\r\n{more}date: DATE\r\n\r\n{reason}\n"
    )
}

const NOTHING: &str = "HTTP/1.1 204 No Content\r\ncache-control: no-store\r\ndate: DATE\r\n\r\n";

#[test]
fn a_poll_brings_what_there_is_and_where_to_go_on() {
    run(async {
        let server = server().await;
        let mut client = Client::connect(&server).await;
        assert_eq!(client.get("/poll?room=r").await, json(r#"{"next":0,"lost":0,"messages":[]}"#));
        assert_eq!(client.get("/poll?room=r&after=0").await, NOTHING);
        assert_eq!(server.hub().room_count(), 0, "asking makes no room");
        publish(&server, "r", &["one", "tw\"o"]);
        assert_eq!(client.get("/poll?room=r").await, json(r#"{"next":2,"lost":0,"messages":[]}"#));
        assert_eq!(client.get("/poll?room=r&after=0").await, json(r#"{"next":2,"lost":0,"messages":["one","tw\"o"]}"#));
        assert_eq!(client.get("/poll?room=r&after=1").await, json(r#"{"next":2,"lost":0,"messages":["tw\"o"]}"#));
        assert_eq!(client.get("/poll?room=r&after=2").await, NOTHING);
        // A cursor of another server's life.
        assert_eq!(client.get("/poll?room=r&after=99").await, json(r#"{"next":2,"lost":0,"messages":[]}"#));
        drop(client);
        server.stop().await;
    });
}

#[test]
fn a_poll_of_several_rooms_takes_no_more_than_one_of_one_room() {
    run(async {
        let server = server().await;
        let rooms = ["a", "b", "c"];
        let padding = "x".repeat(1 << 20);
        let texts: Vec<String> = rooms.iter().flat_map(|room| (0..6).map(move |n| format!("{room}{n}"))).collect();
        for text in &texts {
            publish(&server, &text[..1], &[&format!("{text}{padding}")]);
        }
        let mut client = Client::connect(&server).await;
        let (mut cursors, mut seen, mut polls) = ("0.0.0".to_owned(), Vec::new(), 0);
        loop {
            let answer = client.get(&format!("/poll?room=a.b.c&after={cursors}")).await;
            if answer == NOTHING {
                break;
            }
            // One message more at the most than there is room for.
            assert!(answer.len() <= Limit::default().bytes + padding.len() + 1000, "{}", answer.len());
            let next = answer.split_once(r#"{"next":["#).unwrap().1.split_once("],\"lost\":0,").unwrap().0;
            cursors = next.replace(',', ".");
            let messages = answer.split_once("messages\":[").unwrap().1;
            seen.extend(
                messages.split('"').filter(|text| text.len() > padding.len()).map(|text| text.trim_end_matches('x').to_owned()),
            );
            polls += 1;
        }
        // All of it has come in order, and once.
        assert!(polls >= 3 && cursors == "6.6.6", "{polls} polls up to {cursors}");
        assert!(rooms.iter().all(|room| seen.iter().filter(|text| text.starts_with(room)).is_sorted()));
        seen.sort_unstable();
        assert_eq!(seen, texts);
        drop(client);
        server.stop().await;
    });
}

#[test]
fn a_poll_with_entity_tags() {
    run(async {
        let server = server().await;
        publish(&server, "r", &["one"]);
        let mut client = Client::connect(&server).await;
        let tagged = |body: &str, tag: &str| json(body).replace("no-store\r\n", &format!("no-cache\r\netag: \"{tag}\"\r\n"));
        assert_eq!(client.get("/poll?room=r&etag=1").await, tagged(r#"{"next":1,"lost":0,"messages":[]}"#, "1"));
        let with_tag = |after: u64, tag: &str| get(&format!("/poll?room=r&after={after}"), &format!("if-none-match: {tag}\r\n"));
        let not_modified = "HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\ncache-control: no-cache\r\ndate: DATE\r\n\r\n";
        assert_eq!(client.ask(&with_tag(1, "\"1\"")).await, not_modified);
        publish(&server, "r", &["two"]);
        assert_eq!(client.ask(&with_tag(1, "\"1\"")).await, tagged(r#"{"next":2,"lost":0,"messages":["two"]}"#, "2"));
        // An unknown tag without news is not "nothing".
        assert_eq!(client.ask(&with_tag(2, "\"x\"")).await, tagged(r#"{"next":2,"lost":0,"messages":[]}"#, "2"));
        drop(client);
        server.stop().await;
    });
}

#[test]
fn a_long_poll_is_held_until_there_is_something() {
    run(async {
        let server = server().await;
        publish(&server, "r", &["zero"]);
        let mut client = Client::connect(&server).await;
        assert_eq!(client.get("/long-poll?room=r&after=0").await, json(r#"{"next":1,"lost":0,"messages":["zero"]}"#));
        client.send(get("/long-poll?room=r&after=1", "")).await;
        subscribed(&server, 1).await;
        publish(&server, "r", &["one"]);
        assert_eq!(client.answer().await, json(r#"{"next":2,"lost":0,"messages":["one"]}"#));
        let parked_ns = || server.desk().reading().counters.parked_ns;
        let before = parked_ns();
        assert_eq!(client.get("/long-poll?room=r&after=2&hold_ms=100").await, NOTHING);
        let held = parked_ns();
        assert!(held >= before + 100_000_000, "a hold is time with a parked poll");
        assert_eq!(parked_ns(), held, "and what follows is not");
        assert_eq!(client.get("/long-poll?room=r&after=77").await, json(r#"{"next":2,"lost":0,"messages":[]}"#));
        // One who leaves while held leaves no place behind.
        client.send(get("/long-poll?room=r&after=2", "")).await;
        subscribed(&server, 1).await;
        drop(client);
        subscribed(&server, 0).await;
        server.stop().await;
    });
}

#[test]
fn a_stream_is_a_line_a_message_and_a_chunk_a_batch() {
    run(async {
        let server = server_with_ring(3).await;
        let mut client = Client::connect(&server).await;
        client.send(get("/stream?room=r", "")).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncache-control: no-store\r\ntransfer-encoding: chunked\r\ndate: DATE\r\n\r\n";
        assert_eq!(support::undated(&client.head().await), head);
        subscribed(&server, 1).await;
        publish(&server, "r", &["zero"]);
        assert_eq!(client.chunk().await, "18\r\n{\"id\":0,\"data\":\"zero\"}\n\r\n".replace("18", "17"));
        // Both before the server's task runs again.
        publish(&server, "r", &["one", "two"]);
        assert_eq!(client.chunk().await, "2C\r\n{\"id\":1,\"data\":\"one\"}\n{\"id\":2,\"data\":\"two\"}\n\r\n");
        publish(&server, "r", &["3", "4", "5", "6", "7"]);
        let lost = "{\"lost\":2,\"next\":5}\n{\"id\":5,\"data\":\"5\"}\n{\"id\":6,\"data\":\"6\"}\n{\"id\":7,\"data\":\"7\"}\n";
        assert_eq!(client.chunk().await, format!("{:X}\r\n{lost}\r\n", lost.len()));
        let mut resumed = Client::connect(&server).await;
        resumed.send(get("/stream?room=r&after=7", "")).await;
        resumed.head().await;
        assert_eq!(resumed.chunk().await, "14\r\n{\"id\":7,\"data\":\"7\"}\n\r\n");
        drop(resumed);
        // A stopping server ends its streams.
        let (report, rest) = tokio::join!(server.stop(), async move { client.rest().await });
        assert_eq!((report.overrun, &rest[..]), (2, &b"0\r\n\r\n"[..]));
    });
}

#[test]
fn server_sent_events_with_ids_loss_and_resumption() {
    run(async {
        let server = server_with_ring(2).await;
        let mut client = Client::connect(&server).await;
        client.send(get("/sse?room=r", "accept: text/event-stream\r\n")).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\ntransfer-encoding: chunked\r\ndate: DATE\r\n\r\n";
        assert_eq!(support::undated(&client.head().await), head);
        subscribed(&server, 1).await;
        publish(&server, "r", &["0123456789"]);
        assert_eq!(client.chunk().await, "18\r\nid: 0\ndata: 0123456789\n\n\r\n");
        publish(&server, "r", &["a", "b", "c", "d"]);
        let lost = "event: lost\ndata: 2\n\nid: 3\ndata: c\n\nid: 4\ndata: d\n\n";
        assert_eq!(client.chunk().await, format!("{:X}\r\n{lost}\r\n", lost.len()));
        // Resumption continues behind the last event that was seen.
        for (headers, target, expected) in [
            ("last-event-id: 3\r\n", "/sse?room=r", "id: 4\ndata: d\n\n"),
            ("Last-Event-ID: 0\r\n", "/sse?room=r&after=5", lost),
            ("last-event-id: \r\n", "/sse?room=r&after=4", "id: 4\ndata: d\n\n"),
        ] {
            let mut resumed = Client::connect(&server).await;
            resumed.send(get(target, headers)).await;
            resumed.head().await;
            assert_eq!(resumed.chunk().await, format!("{:X}\r\n{expected}\r\n", expected.len()));
        }
        let mut refused = Client::connect(&server).await;
        let answer = refused.ask(&get("/sse?room=r", "last-event-id: x\r\n")).await;
        assert_eq!(answer, text("400 Bad Request", "last-event-id must be a number", ""));
        drop((client, refused));
        server.stop().await;
    });
}

#[test]
fn messages_are_taken_and_echoed() {
    run(async {
        let server = server().await;
        let mut client = Client::connect(&server).await;
        let taken = "HTTP/1.1 204 No Content\r\ndate: DATE\r\n\r\n";
        assert_eq!(client.ask(&post("/messages", "no envelope")).await, taken);
        assert_eq!(client.ask(&post("/messages", "")).await, taken);
        let envelope = wirecost_model::Envelope { stream: 1, sequence: 0, due_ns: 5, sent_ns: 6 }.to_vec(64);
        assert_eq!(client.ask(&post("/messages", std::str::from_utf8(&envelope).unwrap())).await, taken);
        let echoed = |body: &str| {
            let length = body.len();
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: {length}\r\ndate: DATE\r\n\r\n{body}"
            )
        };
        assert_eq!(client.ask(&post("/echo", "hello")).await, echoed("hello"));
        assert_eq!(client.ask(&post("/echo", "")).await, echoed(""));
        let chunked = "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        assert_eq!(client.ask(chunked).await, echoed("abcde"));
        let large = "x".repeat(MAX_MESSAGE_BYTES);
        assert_eq!(client.ask(&post("/echo", &large)).await, echoed(&large));
        drop(client);
        let report = server.stop().await;
        assert_eq!((report.upload_accounting.delivered, report.upload_accounting.corrupted), (1, 2));
    });
}

#[test]
fn a_client_may_wait_for_leave_to_send_its_body() {
    run(async {
        let server = server().await;
        let mut client = Client::connect(&server).await;
        client.send("POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n").await;
        assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
        client.send("ok").await;
        assert!(client.answer().await.ends_with("\r\n\r\nok"));
        // And is told at once that it need not.
        let large = MAX_MESSAGE_BYTES + 1;
        client.send(format!("POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {large}\r\n\r\n")).await;
        let refusal = text("413 Payload Too Large", "a message has at most 2097152 bytes", "connection: close\r\n");
        assert_eq!(client.answer().await, refusal);
        assert!(client.rest().await.is_empty());
        drop(client);
        server.stop().await;
    });
}

#[test]
fn methods_versions_and_what_is_not_there() {
    run(async {
        let server = server().await;
        publish(&server, "r", &["one"]);
        let mut client = Client::connect(&server).await;
        let no_content = "HTTP/1.1 204 No Content\r\ndate: DATE\r\n\r\n";
        assert_eq!(client.get("/health").await, no_content);
        assert_eq!(client.ask("HEAD /health HTTP/1.1\r\nhost: x\r\n\r\n").await, no_content);
        client.send("HEAD /poll?room=r&after=0 HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let whole = json(r#"{"next":1,"lost":0,"messages":["one"]}"#);
        assert_eq!(support::undated(&client.head().await), whole[..whole.len() - 38]);
        assert_eq!(client.get("/nothing").await, text("404 Not Found", "there is nothing here", ""));
        let refused = client.ask(&post("/poll", "")).await;
        let allowed = "allow: GET, HEAD, OPTIONS\r\n";
        assert_eq!(refused, text("405 Method Not Allowed", "allowed are GET, HEAD, OPTIONS", allowed));
        let options = client.ask("OPTIONS /echo HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert_eq!(options, "HTTP/1.1 204 No Content\r\nallow: POST, OPTIONS\r\ndate: DATE\r\n\r\n");
        client.send("HEAD /sse HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 405 "));
        for (target, reason) in [
            ("/poll?after=x", "after must be a number"),
            ("/poll?room=a%20b", "a room's name has 1 to 64 of a-z A-Z 0-9 - _"),
            ("/long-poll?hold_ms=99", "hold_ms must be 100 to 120000, not 99"),
            ("/stream?room=", "a room's name has 1 to 64 of a-z A-Z 0-9 - _"),
        ] {
            // The reader of a HEAD answer would wait for a body, so these are asked on a connection of their own.
            assert_eq!(Client::connect(&server).await.get(target).await, text("400 Bad Request", reason, ""));
        }
        for hosts in ["", "host: x\r\nhost: y\r\n"] {
            let answer = Client::connect(&server).await.ask(&format!("GET /health HTTP/1.1\r\n{hosts}\r\n")).await;
            assert_eq!(answer, text("400 Bad Request", "a request needs one Host header", ""));
        }
        let mut old = Client::connect(&server).await;
        let answer = old.ask("GET /health HTTP/1.0\r\n\r\n").await;
        assert_eq!(answer, "HTTP/1.0 204 No Content\r\nconnection: close\r\ndate: DATE\r\n\r\n");
        assert!(old.rest().await.is_empty());
        let mut older = Client::connect(&server).await;
        let answer = older.ask("GET /sse HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.0 505 HTTP Version Not Supported\r\n"), "{answer}");
        let mut last = Client::connect(&server).await;
        let answer = last.ask(&get("/health", "connection: keep-alive, Close\r\n")).await;
        assert_eq!(answer, "HTTP/1.1 204 No Content\r\nconnection: close\r\ndate: DATE\r\n\r\n");
        assert!(last.rest().await.is_empty());
        // A body where none is wanted ends the connection with the answer.
        let mut with_body = Client::connect(&server).await;
        let answer = with_body.ask(&get("/health", "content-length: 3\r\n")).await;
        assert_eq!(answer, "HTTP/1.1 204 No Content\r\nconnection: close\r\ndate: DATE\r\n\r\n");
        drop((client, old, older, last, with_body));
        server.stop().await;
    });
}

#[test]
fn a_port_in_use_is_said_to_be() {
    run(async {
        let first = server().await;
        let bind = first.address;
        let options = wirecost_server::options::ServerOptions { bind, ..Default::default() };
        let refused = wirecost_server::server::start(options).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("{bind} is in use by another program; choose another port, or port 0 for any free one")
        );
        first.stop().await;
    });
}
