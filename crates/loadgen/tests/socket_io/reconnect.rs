//! A connection that is lost: the end of the client, or, with `reconnect: on`, a wait and another one.

use std::time::{Duration, Instant};

use crate::delivery::check_uploads;
use crate::fleet::Trial;
use crate::peer::{Library, Peer, V2, V4};

const CLIENTS: u32 = 3;

/// The first delay is one second, half of it more or less; a second attempt may follow.
const LEAST_DELAY: Duration = Duration::from_millis(500);

/// The server dies and another takes its place before the clock starts: what is published then arrives, and nothing that was
/// sent meanwhile is lost.
fn comes_back(library: Library, options: &str) {
    let Some(peer) = Peer::start(library) else { return };
    let options = format!("{options}, reconnect: on");
    let trial = Trial::new(peer.address, &options, "duplex: { down: 60/s, up: 60/s, payload: 100B }", CLIENTS);
    let fleet = trial.connect().unwrap_or_else(|error| panic!("{options}: {error}"));
    let address = peer.address;
    let died = Instant::now();
    drop(peer);
    let Some(mut peer) = Peer::start_at(library, address.port()) else { return };
    trial.wait_until_joined(&mut peer);
    assert!(died.elapsed() >= LEAST_DELAY, "{options}: back after {:?}", died.elapsed());
    let begin = trial.begin();
    fleet.begin(begin.clone());
    trial.publish(&mut peer, &begin);
    trial.wait_until_complete(&fleet, &mut peer);
    let report = fleet.close();
    let account = report.accounting;
    assert_eq!(report.ended, 0, "{options}: {:?}", report.errors);
    assert!(account.is_clean() && account.delivered == account.expected && account.expected > 0, "{options}: {account:?}");
    // It is told, so that no trial hides it.
    assert_eq!(report.errors.get("reconnected"), Some(&u64::from(CLIENTS)), "{options}: {:?}", report.errors);
    assert!(report.errors.keys().any(|text| text.starts_with("reconnecting: ")), "{options}: {:?}", report.errors);
    // Of the ramp only.
    assert_eq!(report.setup["connect_open"].count(), u64::from(CLIENTS), "{options}");
    peer.wait_for("left /", CLIENTS as usize);
    check_uploads(&mut peer, report.sent, &options);
}

#[test]
fn engine_4_by_polling_comes_back() {
    comes_back(V4, "via: [polling]");
}

#[test]
fn engine_4_by_websocket_comes_back() {
    comes_back(V4, "via: [websocket]");
}

#[test]
fn engine_3_by_upgrade_comes_back() {
    comes_back(V2, "engine: 3");
}

#[test]
fn what_is_sent_without_a_connection_is_kept_and_sent_in_order() {
    let Some(peer) = Peer::start(V4) else { return };
    let options = "via: [websocket], reconnect: on";
    let trial = Trial::new(peer.address, options, "upload: { rate: 100/s, payload: 100B }", CLIENTS);
    let fleet = trial.connect().unwrap_or_else(|error| panic!("{error}"));
    let address = peer.address;
    drop(peer);
    while fleet.status().errors < u64::from(CLIENTS) {
        std::thread::sleep(Duration::from_millis(5));
    }
    // The whole window passes without a server.
    fleet.begin(trial.begin());
    std::thread::sleep(Duration::from_millis(300));
    let Some(mut peer) = Peer::start_at(V4, address.port()) else { return };
    trial.wait_until_joined(&mut peer);
    trial.wait_until_complete(&fleet, &mut peer);
    let report = fleet.close();
    peer.wait_for("left /", CLIENTS as usize);
    assert!(report.sent > 0);
    check_uploads(&mut peer, report.sent, options);
}

#[test]
fn without_the_option_a_lost_connection_is_the_end() {
    for options in ["via: [websocket]", "via: [polling]"] {
        let Some(peer) = Peer::start(V4) else { return };
        let trial = Trial::new(peer.address, options, "idle: {}", CLIENTS);
        let fleet = trial.connect().unwrap_or_else(|error| panic!("{error}"));
        drop(peer);
        let died = Instant::now();
        while fleet.status().ended < CLIENTS && died.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let report = fleet.close();
        assert_eq!(report.ended, CLIENTS, "{options}: {:?}", report.errors);
        assert_eq!(report.errors.values().sum::<u64>(), u64::from(CLIENTS), "{options}: {:?}", report.errors);
    }
}

#[test]
fn whom_the_server_throws_out_does_not_come_back() {
    for (library, options) in [(V4, "reconnect: on"), (V4, "via: [polling], reconnect: on"), (V2, "engine: 3, reconnect: on")] {
        let Some(mut peer) = Peer::start(library) else { return };
        let trial = Trial::new(peer.address, options, "idle: {}", CLIENTS);
        let fleet = trial.connect().unwrap_or_else(|error| panic!("{error}"));
        trial.wait_until_joined(&mut peer);
        peer.tell("kick");
        let kicked = Instant::now();
        while fleet.status().ended < CLIENTS && kicked.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let report = fleet.close();
        let text = "the server refused: the server has disconnected namespace /";
        assert_eq!(report.errors.get(text), Some(&u64::from(CLIENTS)), "{options}: {:?}", report.errors);
        assert_eq!((report.ended, report.errors.len()), (CLIENTS, 1), "{options}: {:?}", report.errors);
    }
}
