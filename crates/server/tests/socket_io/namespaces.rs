//! Socket.IO 5 (`v5-current.md`): namespaces, events, acknowledgements, binary data.

use crate::http::*;
use crate::support::run;

const PATH: &str = "/socket.io/";

async fn socket(server: &wirecost_server::Running) -> Socket {
    Socket::open(server, PATH, "EIO=4").await.0
}

/// In the main namespace, greeted.
async fn connected(server: &wirecost_server::Running) -> Socket {
    let mut socket = socket(server).await;
    socket.say("40").await;
    is_granted(&socket.word().await, "");
    assert_eq!(socket.word().await, r#"42["auth",{}]"#);
    socket
}

fn is_granted(packet: &str, namespace: &str) {
    let sid = packet.strip_prefix(&format!("40{namespace}{{\"sid\":\"")).and_then(|rest| rest.strip_suffix("\"}"));
    assert_eq!(sid.map(str::len), Some(20), "{packet}");
}

#[test]
fn clients_connect_to_namespaces() {
    run(async {
        let server = patient_server().await;
        for (asked, namespace, auth) in [
            ("40", "", "{}"),
            (r#"40{"token":"123"}"#, "", r#"{"token":"123"}"#),
            ("40/custom,", "/custom,", "{}"),
            ("40/custom", "/custom,", "{}"),
            (r#"40/custom,{"token":"abc"}"#, "/custom,", r#"{"token":"abc"}"#),
        ] {
            let mut socket = socket(&server).await;
            socket.say(asked).await;
            is_granted(&socket.word().await, namespace);
            assert_eq!(socket.word().await, format!("42{namespace}[\"auth\",{auth}]"));
        }
        let mut socket = socket(&server).await;
        socket.say("40/random").await;
        assert_eq!(socket.word().await, r#"44/random,{"message":"Invalid namespace"}"#);
        // By polling.
        let mut poller = Poller::open(&server, PATH, "EIO=4").await;
        poller.say(&server, "40").await;
        let (granted, greeting) = poller.text().await.split_once('\u{1e}').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        is_granted(&granted, "");
        assert_eq!(greeting, r#"42["auth",{}]"#);
        drop(poller);
        drop(socket);
        server.stop().await;
    });
}

#[test]
fn who_says_something_else_is_shown_out() {
    run(async {
        let server = patient_server().await;
        // The last one says nothing in time.
        for said in ["4abc", r#"42["message"]"#, "40[]", "41", "43", "4", r#"40"x""#, "44", ""] {
            let mut socket = socket(&server).await;
            if !said.is_empty() {
                socket.say(said).await;
            }
            socket.must_close().await;
        }
        for said in
            ["4abc", "42{}", r#"42abc["message-with-ack",1]"#, "40", "42[]", "451-[\"message\"]x", r#"42/custom,["x"]"#, "49"]
        {
            let mut socket = connected(&server).await;
            socket.say(said).await;
            socket.must_close().await;
        }
        let mut socket = connected(&server).await;
        socket.say_binary(b"nobody waits for it").await;
        socket.must_close().await;
        let mut socket = connected(&server).await;
        socket.say(r#"451-["message",{"_placeholder":true,"num":0}]"#).await;
        socket.say(r#"42["message","in between"]"#).await;
        socket.must_close().await;
        // A poller learns it with its next poll.
        let mut poller = Poller::open(&server, PATH, "EIO=4").await;
        poller.say(&server, "4abc").await;
        assert_eq!(poller.text().await, "1");
        assert_eq!(poller.poll().await.refusal(), UNKNOWN_SESSION);
        drop(poller);
        server.stop().await;
    });
}

#[test]
fn clients_leave_namespaces() {
    run(async {
        let server = pinging_server().await;
        let mut left = connected(&server).await;
        left.say("41").await;
        for _ in 0..5 {
            assert_eq!(left.text().await, "2", "the connection stays");
            left.say("3").await;
        }
        let mut socket = connected(&server).await;
        socket.say("40/custom").await;
        is_granted(&socket.word().await, "/custom,");
        assert_eq!(socket.word().await, r#"42/custom,["auth",{}]"#);
        socket.say("41/custom").await;
        socket.say(r#"42["message","message to main namespace"]"#).await;
        assert_eq!(socket.word().await, r#"42["message-back","message to main namespace"]"#);
        socket.say("40/custom,").await;
        is_granted(&socket.word().await, "/custom,");
        drop(socket);
        drop(left);
        server.stop().await;
    });
}

#[test]
fn events_and_acknowledgements() {
    run(async {
        let server = patient_server().await;
        let mut socket = connected(&server).await;
        for (said, answer) in [
            (r#"42["message",1,"2",{"3":[true]}]"#, r#"42["message-back",1,"2",{"3":[true]}]"#),
            (r#"42456["message-with-ack",1,"2",{"3":[false]}]"#, r#"43456[1,"2",{"3":[false]}]"#),
            (r#"42["message","ä\n\"\\"]"#, r#"42["message-back","ä\n\"\\"]"#),
            (r#"420["message-with-ack"]"#, "430[]"),
        ] {
            socket.say(said).await;
            assert_eq!(socket.word().await, answer);
        }
        let placeholders = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
        for (said, answer) in [("452-[\"message\",", "452-[\"message-back\","), ("452-789[\"message-with-ack\",", "462-789[")] {
            socket.say(&format!("{said}{placeholders}")).await;
            socket.say_binary(&[1, 2, 3]).await;
            socket.say_binary(&[4, 5, 6]).await;
            assert_eq!(socket.word().await, format!("{answer}{placeholders}"));
            assert_eq!((socket.binary().await, socket.binary().await), (vec![1, 2, 3], vec![4, 5, 6]));
        }
        let mut poller = Poller::open(&server, PATH, "EIO=4").await;
        poller.say(&server, "40").await;
        poller.text().await;
        poller.say(&server, "451-[\"message\",{\"_placeholder\":true,\"num\":0}]\u{1e}bAQIDBA==").await;
        assert_eq!(poller.text().await, "451-[\"message-back\",{\"_placeholder\":true,\"num\":0}]\u{1e}bAQIDBA==");
        drop(poller);
        drop(socket);
        server.stop().await;
    });
}
