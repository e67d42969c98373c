//! Engine.IO 3 (`v3.md`): where it differs from version 4.

use crate::http::*;
use crate::support::{get, post, run};

const PATH: &str = "/engine.io/";

#[test]
fn pollers() {
    run(async {
        let server = patient_server().await;
        let mut poller = Poller::open(&server, PATH, "EIO=3&b64=1").await;
        let (length, json) = poller.opening.split_once(':').unwrap();
        assert_eq!(length.parse::<usize>().unwrap(), json.len());
        assert!(json.starts_with("0{"), "{json}");
        for payload in ["6:4hello", "6:4test16:4test26:4test3", "6:4hello10:b4AQIDBA==", "3:4ä€", "3:4😀", "1:4"] {
            poller.say(&server, payload).await;
            assert_eq!(poller.text().await, payload);
        }
        poller.say(&server, "6:2probe").await;
        assert_eq!(poller.text().await, "6:3probe");
        for body in ["abc", "", "9:4hello", "6:", "3:abc", "1:3"] {
            let mut poller = Poller::open(&server, PATH, "EIO=3").await;
            assert_eq!(poller.post(&server, body).await.refusal(), BAD_REQUEST, "{body:?}");
            assert_eq!(poller.poll().await.refusal(), UNKNOWN_SESSION, "{body:?}");
        }
        let mut poller = Poller::open(&server, PATH, "EIO=3").await;
        poller.say(&server, "1:1").await;
        assert_eq!(poller.text().await, "1:6");
        assert_eq!(poller.poll().await.refusal(), UNKNOWN_SESSION);
        drop(poller);
        server.stop().await;
    });
}

#[test]
fn octets_where_a_packet_is_binary() {
    run(async {
        let server = patient_server().await;
        let mut poller = Poller::open(&server, PATH, "EIO=3").await;
        poller.say(&server, "6:4hello10:b4AQIDBA==").await;
        let answered = poller.poll().await;
        assert!(answered.head.contains("\r\ncontent-type: application/octet-stream\r\n"), "{}", answered.head);
        let octets = [0, 6, 255, b'4', b'h', b'e', b'l', b'l', b'o', 1, 5, 255, 4, 1, 2, 3, 4];
        assert_eq!(answered.body, octets);
        let head =
            post(&poller.target, "").replace("content-length: 0", "content-type: application/octet-stream\r\ncontent-length: 17");
        let said = once(&server, [head.as_bytes(), &octets].concat()).await;
        assert_eq!((said.status, said.text()), (200, "ok"));
        assert_eq!(poller.poll().await.body, octets);
        drop(poller);
        server.stop().await;
    });
}

#[test]
fn websockets() {
    run(async {
        let server = patient_server().await;
        let (mut socket, handshake) = Socket::open(&server, PATH, "EIO=3").await;
        assert_eq!(field(&handshake, "upgrades"), "[]");
        socket.say("4hello").await;
        assert_eq!(socket.text().await, "4hello");
        socket.say_binary(&[4, 1, 2, 3, 4]).await;
        assert_eq!(socket.binary().await, [4, 1, 2, 3, 4]);
        socket.say("2").await;
        assert_eq!(socket.text().await, "3");
        for packet in ["abc", "3", ""] {
            let (mut socket, _) = Socket::open(&server, PATH, "EIO=3").await;
            socket.say(packet).await;
            socket.must_close().await;
        }
        let (mut socket, _) = Socket::open(&server, PATH, "EIO=3").await;
        socket.say_binary(&[5, 1]).await;
        socket.must_close().await;
        server.stop().await;
    });
}

#[test]
fn the_client_pings_and_silence_is_the_end() {
    run(async {
        let server = pinging_server().await;
        let mut poller = Poller::open(&server, PATH, "EIO=3").await;
        for _ in 0..3 {
            poller.say(&server, "1:2").await;
            assert_eq!(poller.text().await, "1:3");
        }
        assert_eq!(poller.text().await, "1:1");
        assert_eq!(poller.poll().await.refusal(), UNKNOWN_SESSION);
        let (mut socket, _) = Socket::open(&server, PATH, "EIO=3").await;
        for _ in 0..3 {
            socket.say("2").await;
            assert_eq!(socket.text().await, "3");
        }
        socket.must_close().await;
        drop(poller);
        server.stop().await;
    });
}

#[test]
fn the_main_namespace_is_there_by_itself() {
    run(async {
        let server = patient_server().await;
        let poller = Poller::open(&server, "/socket.io/", "EIO=3").await;
        assert!(poller.opening.ends_with("2:4013:42[\"auth\",{}]"), "{}", poller.opening);
        let (mut socket, _) = Socket::open(&server, "/socket.io/", "EIO=3").await;
        assert_eq!((socket.text().await, socket.text().await), ("40".into(), "42[\"auth\",{}]".into()));
        socket.say("40/custom?token=abc,").await;
        assert_eq!(socket.text().await, "40/custom,");
        assert_eq!(socket.text().await, r#"42/custom,["auth",{"token":"abc"}]"#);
        socket.say("40/random").await;
        assert_eq!(socket.text().await, r#"44/random,"Invalid namespace""#);
        socket.say(r#"42["message",1,"2",{"3":[true]}]"#).await;
        assert_eq!(socket.text().await, r#"42["message-back",1,"2",{"3":[true]}]"#);
        socket.say(r#"451-["message",{"_placeholder":true,"num":0}]"#).await;
        socket.say_binary(&[4, 9]).await;
        assert_eq!(socket.text().await, r#"451-["message-back",{"_placeholder":true,"num":0}]"#);
        assert_eq!(socket.binary().await, [4, 9]);
        drop(socket);
        server.stop().await;
    });
}

#[test]
fn scripts() {
    run(async {
        let server = patient_server().await;
        let opened = once(&server, get("/socket.io/?EIO=3&transport=polling&j=0", "")).await;
        let json: String =
            serde_json::from_str(opened.text().strip_prefix("___eio[0](").unwrap().strip_suffix(");").unwrap()).unwrap();
        let target = format!("/socket.io/?EIO=3&transport=polling&j=0&sid={}", field(&json, "sid").trim_matches('"'));
        let said = once(
            &server,
            post(&target, "d=45%3A451-%5B%22message%22%2C%7B%22_placeholder%22%3Atrue%2C%22num%22%3A0%7D%5D10%3Ab4AQIDBA%3D%3D"),
        )
        .await;
        assert_eq!((said.status, said.text()), (200, "ok"), "{said:?}");
        let answered = once(&server, get(&target, "")).await;
        let expected = r#"50:451-["message-back",{"_placeholder":true,"num":0}]10:b4AQIDBA=="#;
        let expected = serde_json::to_string(expected).unwrap();
        assert_eq!(answered.text(), format!("___eio[0]({expected});"));
        server.stop().await;
    });
}
