//! Sessions outlive many heartbeats, asked for by the right side.

use crate::fleet::Trial;
use crate::peer::{Library, Peer};

const CLIENTS: u32 = 2;

/// Whoever answers late is waited for: the server counts what it was answered or asked, and a busy machine drops nobody.
const OFTEN: &[&str] = &["ping_interval_ms=300"];
const OFTEN_FOR_ENGINE_3: &[&str] = &["engine3=yes", "ping_interval_ms=300"];

fn lives_on(library: Library, options: &str) {
    // The closed loop and the open one must both keep the session while they wait for the clock.
    for workload in ["echo: {}", "idle: {}"] {
        let Some(mut peer) = Peer::start(library) else { return };
        let trial = Trial::new(peer.address, options, workload, CLIENTS);
        let fleet = trial.connect().unwrap_or_else(|error| panic!("{options}: {error}"));
        peer.wait_for("heartbeat /", 3 * CLIENTS as usize);
        assert_eq!(fleet.status().ended, 0, "{options}, {workload}");
        let report = fleet.close();
        assert!(report.errors.is_empty(), "{options}, {workload}: {:?}", report.errors);
        peer.wait_for("left /", CLIENTS as usize);
        let reasons = peer.all("left /");
        assert!(reasons.iter().all(|reason| reason == "client namespace disconnect"), "{options}, {workload}: {reasons:?}");
    }
}

#[test]
fn engine_4_answers() {
    let library = Library { version: "4", arguments: OFTEN };
    ["via: [polling]", "via: [websocket]", "via: [polling, websocket]"].iter().for_each(|via| lives_on(library, via));
}

#[test]
fn engine_3_asks() {
    let library = Library { version: "2", arguments: OFTEN };
    for via in ["[polling]", "[websocket]", "[polling, websocket]", "[jsonp]"] {
        lives_on(library, &format!("engine: 3, via: {via}"));
    }
}

#[test]
fn engine_3_asks_socket_io_4() {
    let library = Library { version: "4", arguments: OFTEN_FOR_ENGINE_3 };
    ["[polling]", "[websocket]"].iter().for_each(|via| lives_on(library, &format!("engine: 3, via: {via}")));
}
