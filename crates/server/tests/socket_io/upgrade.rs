//! From polling to a WebSocket.

use wirecost_server::Running;

use crate::http::*;
use crate::support::{get, run};

const PATH: &str = "/engine.io/";

async fn prober(server: &Running, version: u8, sid: &str) -> Socket {
    Socket::at(server, &format!("{PATH}?EIO={version}&transport=websocket&sid={sid}")).await
}

async fn upgraded(server: &Running, version: u8) -> (Poller, Socket) {
    let poller = Poller::open(server, PATH, &format!("EIO={version}")).await;
    let mut socket = prober(server, version, &poller.sid).await;
    socket.say("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    socket.say("5").await;
    socket.say("4hello").await;
    assert_eq!(socket.text().await, "4hello");
    (poller, socket)
}

#[test]
fn probe_and_upgrade() {
    run(async {
        let server = patient_server().await;
        for version in [3, 4] {
            let (mut poller, mut socket) = upgraded(&server, version).await;
            assert_eq!(poller.poll().await.refusal(), BAD_REQUEST, "polling is over");
            assert_eq!(poller.post(&server, "4x").await.refusal(), BAD_REQUEST);
            prober(&server, version, &poller.sid).await.must_close().await;
            socket.say("4still here").await;
            assert_eq!(socket.text().await, "4still here");
            drop(socket);
            while poller.poll().await.refusal() != UNKNOWN_SESSION {
                poller.client = crate::support::Client::connect(&server).await;
            }
        }
        server.stop().await;
    });
}

#[test]
fn nothing_is_lost_on_the_way() {
    run(async {
        let server = patient_server().await;
        let mut poller = Poller::open(&server, PATH, "EIO=4").await;
        let mut socket = prober(&server, 4, &poller.sid).await;
        poller.park().await;
        socket.say("2probe").await;
        assert_eq!(socket.text().await, "3probe");
        // The parked poll is ended, and so is one that was on its way.
        assert_eq!(poller.client.answered().await.text(), "6");
        assert_eq!(poller.text().await, "6");
        assert_eq!(poller.text().await, "6", "a poll is not held for long while a WebSocket is tried out");
        poller.say(&server, "4by post").await;
        socket.say("5").await;
        assert_eq!(socket.text().await, "4by post");
        drop(poller);
        drop(socket);
        server.stop().await;
    });
}

#[test]
fn a_probe_that_goes_wrong_leaves_polling_as_it_was() {
    run(async {
        let server = patient_server().await;
        let mut poller = Poller::open(&server, PATH, "EIO=4").await;
        for wrong in ["5", "4hello", "2", "2prob", "abc", "1"] {
            let mut socket = prober(&server, 4, &poller.sid).await;
            // Until the one before has let go.
            socket.say(wrong).await;
            socket.must_close().await;
        }
        let mut first = prober(&server, 4, &poller.sid).await;
        first.say("2probe").await;
        assert_eq!(first.text().await, "3probe");
        prober(&server, 4, &poller.sid).await.must_close().await;
        drop(first);
        poller.say(&server, "4hello").await;
        assert_eq!(poller.text().await, "4hello");
        // The session ends while a WebSocket probes.
        let mut socket = prober(&server, 4, &poller.sid).await;
        loop {
            socket.say("2probe").await;
            match socket.client.frame().await {
                (0x81, pong) if pong == b"3probe" => break,
                _ => socket = prober(&server, 4, &poller.sid).await,
            }
        }
        poller.say(&server, "1").await;
        socket.must_close().await;
        assert_eq!(
            once(&server, crate::support::websocket::upgrade(&poller.target.replace("polling", "websocket"))).await.status,
            101
        );
        assert_eq!(poller.text().await, "6");
        assert_eq!(once(&server, get(&poller.target, "")).await.refusal(), UNKNOWN_SESSION);
        drop(poller);
        server.stop().await;
    });
}
