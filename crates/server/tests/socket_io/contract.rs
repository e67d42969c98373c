//! What benchmarks rely on: rooms down, messages up, echoes, rooms that are joined and left.

use wirecost_model::Envelope;
use wirecost_server::Running;

use crate::http::*;
use crate::support::{publish, run, server, server_with_ring, subscribed};

const PATH: &str = "/socket.io/";

/// A WebSocket in the main namespace that listens to a room, if one is named.
pub async fn listener(server: &Running, auth: &str) -> Socket {
    let (mut socket, _) = Socket::open(server, PATH, "EIO=4").await;
    socket.say(&format!("40{auth}")).await;
    assert!(socket.text().await.starts_with("40{\"sid\":"));
    socket
}

/// The same by polling.
pub async fn polling_listener(server: &Running, auth: &str) -> Poller {
    let mut poller = Poller::open(server, PATH, "EIO=4").await;
    poller.say(server, &format!("40{auth}")).await;
    assert!(poller.text().await.starts_with("40{\"sid\":"));
    poller
}

#[test]
fn rooms_are_heard_over_every_carrier_and_version() {
    run(async {
        let server = server().await;
        let mut socket = listener(&server, r#"{"room":"r"}"#).await;
        let mut poller = polling_listener(&server, r#"{"room":"r"}"#).await;
        let (mut old_socket, _) = Socket::open(&server, PATH, "EIO=3&room=r").await;
        assert_eq!(old_socket.text().await, "40");
        let mut old_poller = Poller::open(&server, PATH, "EIO=3&b64=1&room=r").await;
        assert!(old_poller.opening.ends_with("2:40"));
        let (mut named, _) = Socket::open(&server, PATH, "EIO=4").await;
        named.say(r#"40/feed,{"room":"r"}"#).await;
        named.text().await;
        let (mut old_named, _) = Socket::open(&server, PATH, "EIO=3").await;
        assert_eq!(old_named.text().await, "40");
        old_named.say("40/feed?room=r").await;
        assert_eq!(old_named.text().await, "40/feed,");
        let mut deaf = listener(&server, "").await;
        poller.park().await;
        old_poller.park().await;
        subscribed(&server, 6).await;
        publish(&server, "r", &["hello \"you\"\n"]);
        let text = r#"42["message","hello \"you\"\n"]"#;
        let named_text = text.replace("42", "42/feed,");
        assert_eq!(socket.text().await, text);
        assert_eq!(old_socket.text().await, text);
        assert_eq!(poller.client.answered().await.text(), text);
        assert_eq!(old_poller.client.answered().await.text(), format!("{}:{text}", text.len()));
        assert_eq!((named.text().await, old_named.text().await), (named_text.clone(), named_text));
        // What is published between two polls is not missed.
        publish(&server, "r", &["a", "b"]);
        assert_eq!(poller.text().await, "42[\"message\",\"a\"]\u{1e}42[\"message\",\"b\"]");
        deaf.say(r#"427["echo","nothing else"]"#).await;
        assert_eq!(deaf.text().await, r#"437["nothing else"]"#);
        drop(poller);
        drop(old_poller);
        drop(socket);
        drop(old_socket);
        drop(named);
        drop(old_named);
        drop(deaf);
        server.stop().await;
    });
}

#[test]
fn a_room_is_followed_through_an_upgrade() {
    run(async {
        let server = server().await;
        let mut poller = polling_listener(&server, r#"{"room":"r"}"#).await;
        publish(&server, "r", &["1"]);
        assert_eq!(poller.text().await, r#"42["message","1"]"#);
        let mut socket = Socket::at(&server, &format!("{PATH}?EIO=4&transport=websocket&sid={}", poller.sid)).await;
        publish(&server, "r", &["2"]);
        socket.say("2probe").await;
        assert_eq!(socket.text().await, "3probe");
        publish(&server, "r", &["3"]);
        socket.say("5").await;
        assert_eq!((socket.text().await, socket.text().await), (r#"42["message","2"]"#.into(), r#"42["message","3"]"#.into()));
        subscribed(&server, 1).await;
        publish(&server, "r", &["4"]);
        assert_eq!(socket.text().await, r#"42["message","4"]"#);
        socket.say("41").await;
        subscribed(&server, 0).await;
        drop(poller);
        drop(socket);
        server.stop().await;
    });
}

#[test]
fn a_poller_that_is_slow_loses_what_falls_out_of_the_ring() {
    run(async {
        let server = server_with_ring(2).await;
        let mut poller = polling_listener(&server, r#"{"room":"r"}"#).await;
        publish(&server, "r", &["1", "2", "3", "4", "5"]);
        assert_eq!(poller.text().await, "42[\"message\",\"4\"]\u{1e}42[\"message\",\"5\"]");
        assert_eq!(server.stop().await.overrun, 3);
    });
}

#[test]
fn messages_go_up_and_echoes_come_back() {
    run(async {
        let server = server().await;
        let envelope = |sequence| {
            let payload = Envelope { stream: 1, sequence, due_ns: 1, sent_ns: 2 }.to_vec(40);
            String::from_utf8(payload).unwrap()
        };
        let mut socket = listener(&server, "").await;
        let poller = polling_listener(&server, "").await;
        socket.say(&format!("42[\"message\",\"{}\"]", envelope(0))).await;
        socket.say(&format!("421[\"message\",\"{}\"]", envelope(1))).await;
        assert_eq!(socket.text().await, "431[]");
        poller.say(&server, &format!("42[\"message\",\"{}\"]\u{1e}42[\"message\",\"{}\"]", envelope(2), envelope(3))).await;
        socket.say(r#"451-["message",{"_placeholder":true,"num":0}]"#).await;
        socket.say_binary(envelope(4).as_bytes()).await;
        socket.say(r#"425["echo","a\\\"ä"]"#).await;
        assert_eq!(socket.text().await, r#"435["a\\\"ä"]"#);
        socket.say(r#"451-6["echo",{"_placeholder":true,"num":0},null]"#).await;
        socket.say_binary(b"\xff\x00").await;
        assert_eq!(socket.text().await, r#"461-6[{"_placeholder":true,"num":0},null]"#);
        assert_eq!(socket.binary().await, b"\xff\x00");
        let report = server.stop().await;
        assert_eq!((report.upload_accounting.delivered, report.upload_accounting.corrupted), (5, 0));
    });
}

#[test]
fn clients_talk_in_rooms() {
    run(async {
        let server = server().await;
        let mut speaker = listener(&server, "").await;
        let mut hearer = listener(&server, "").await;
        hearer.say(r#"421["join","lobby"]"#).await;
        assert_eq!(hearer.text().await, "431[]");
        hearer.say(r#"422["join","attic"]"#).await;
        assert_eq!(hearer.text().await, "432[]");
        subscribed(&server, 2).await;
        speaker.say(r#"429["say","lobby","hi"]"#).await;
        assert_eq!(speaker.text().await, "439[]");
        assert_eq!(hearer.text().await, r#"42["message","hi"]"#);
        hearer.say(r#"423["leave","lobby"]"#).await;
        assert_eq!(hearer.text().await, "433[]");
        speaker.say(r#"42["say","lobby","again"]"#).await;
        speaker.say(r#"42["say","attic","upstairs"]"#).await;
        assert_eq!(hearer.text().await, r#"42["message","upstairs"]"#);
        for (said, answer) in [
            (r#"421["join","no such/name"]"#, r#"431[{"error":"a room's name has 1 to 64 of a-z A-Z 0-9 - _"}]"#),
            (r#"422["say","ä","x"]"#, r#"432[{"error":"a room's name has 1 to 64 of a-z A-Z 0-9 - _"}]"#),
            (r#"423["sing"]"#, r#"433[{"error":"there is no such event"}]"#),
        ] {
            speaker.say(said).await;
            assert_eq!(speaker.text().await, answer);
        }
        speaker.say(r#"40/x,{"room":"ä"}"#).await;
        assert_eq!(speaker.text().await, r#"44/x,{"message":"a room's name has 1 to 64 of a-z A-Z 0-9 - _"}"#);
        drop(speaker);
        drop(hearer);
        server.stop().await;
    });
}
