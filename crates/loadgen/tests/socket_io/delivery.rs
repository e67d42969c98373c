//! Every message accounted for: each way through the protocol × each workload × each official server.

use std::collections::BTreeMap;

use wirecost_model::{Envelope, StreamCheck, StreamVerdict};

use crate::fleet::Trial;
use crate::peer::{Library, Peer, V2, V4, V4_FOR_ENGINE_3};

const CLIENTS: u32 = 3;

/// Bursts fill batches and hit the gap in which no GET is held.
const WORKLOADS: &[&str] = &[
    "push: { rate: 80/s, arrivals: { burst: { size: 4 } }, payload: 200B }",
    "push: { rate: 60/s, arrivals: poisson, payload: 64B, audience: each }",
    "push: { rate: 40/s, payload: 70000B }",
    "echo: { outstanding: 3, payload: 300B }",
    "upload: { rate: 100/s, arrivals: { burst: { size: 3 } }, payload: 100B }",
    "duplex: { down: 60/s, up: 60/s, arrivals: poisson, payload: 150B }",
    "idle: {}",
];

/// The uploads that the server has seen, by client: each once, whole, in order.
pub fn check_uploads(peer: &mut Peer, expected: u64, what: &str) {
    let payloads = peer.all("message");
    let mut streams: BTreeMap<u32, StreamCheck> = BTreeMap::new();
    for payload in &payloads {
        let envelope = Envelope::read(payload.as_bytes()).unwrap_or_else(|error| panic!("{what}: {error}"));
        let verdict = streams.entry(envelope.stream).or_default().see(envelope.sequence);
        assert_eq!(verdict, StreamVerdict::New, "{what}: {envelope:?}");
    }
    assert_eq!(payloads.len() as u64, expected, "{what}");
    assert_eq!(streams.len(), CLIENTS as usize, "{what}");
}

fn every_workload(library: Library, options: &str, ends_by: &str) {
    let Some(mut peer) = Peer::start(library) else { return };
    for workload in WORKLOADS {
        peer.forget();
        let what = format!("socket.io {}, {options}, {workload}", library.version);
        let trial = Trial::new(peer.address, options, workload, CLIENTS);
        let report = trial.run(&mut peer);
        let account = report.accounting;
        assert!(report.errors.is_empty() && report.ended == 0, "{what}: {:?}", report.errors);
        assert!(account.is_clean() && account.delivered == account.expected, "{what}: {account:?}");
        let namespace = trial.plan.target.arm.namespace.clone().unwrap_or_default();
        let left = format!("left {namespace}");
        peer.wait_for(&left, CLIENTS as usize);
        if trial.plan.script.publish.is_some() || trial.plan.script.outstanding.is_some() {
            assert!(account.delivered >= u64::from(CLIENTS), "{what}: {account:?}");
        }
        if trial.plan.script.uplink.is_some() {
            assert!(report.sent > 0, "{what}");
            check_uploads(&mut peer, report.sent, &what);
        }
        // A farewell, not a broken connection; and over the transport that the arm says.
        let reasons = peer.all(&left);
        assert!(reasons.iter().all(|reason| reason == "client namespace disconnect"), "{what}: {reasons:?}");
        let transports = peer.all("transport");
        assert!(transports.iter().all(|name| name == ends_by), "{what}: {transports:?}");
        for stage in ["connect_open", "connect_namespace", "connect_ready"] {
            assert_eq!(report.setup.get(stage).map(|times| times.count()), Some(u64::from(CLIENTS)), "{what}: {stage}");
        }
        let upgrades = report.setup.get("connect_upgrade").map_or(0, |times| times.count());
        assert_eq!(upgrades, if trial.plan.target.arm.via.len() > 1 { u64::from(CLIENTS) } else { 0 }, "{what}");
    }
}

#[test]
fn engine_4_by_polling() {
    every_workload(V4, "via: [polling]", "polling");
}

#[test]
fn engine_4_by_websocket() {
    every_workload(V4, "via: [websocket]", "websocket");
}

#[test]
fn engine_4_by_upgrade() {
    every_workload(V4, "via: [polling, websocket]", "websocket");
}

#[test]
fn engine_4_in_a_namespace_with_the_headers_of_a_browser() {
    every_workload(V4, "namespace: /chat, headers: browser", "websocket");
}

#[test]
fn engine_3_by_polling() {
    every_workload(V2, "engine: 3, via: [polling]", "polling");
}

#[test]
fn engine_3_by_websocket() {
    every_workload(V2, "engine: 3, via: [websocket]", "websocket");
}

#[test]
fn engine_3_by_upgrade() {
    every_workload(V2, "engine: 3", "websocket");
}

#[test]
fn engine_3_in_a_namespace() {
    every_workload(V2, "engine: 3, namespace: /chat", "websocket");
}

#[test]
fn engine_3_by_jsonp() {
    every_workload(V2, "engine: 3, via: [jsonp]", "polling");
}

#[test]
fn engine_3_from_jsonp_to_websocket() {
    every_workload(V2, "engine: 3, via: [jsonp, websocket]", "websocket");
}

#[test]
fn engine_3_of_socket_io_4_by_polling() {
    every_workload(V4_FOR_ENGINE_3, "engine: 3, via: [polling]", "polling");
}

#[test]
fn engine_3_of_socket_io_4_by_upgrade_in_a_namespace() {
    every_workload(V4_FOR_ENGINE_3, "engine: 3, namespace: /chat", "websocket");
}

#[test]
fn engine_3_of_socket_io_4_by_jsonp() {
    every_workload(V4_FOR_ENGINE_3, "engine: 3, via: [jsonp]", "polling");
}

/// Base64 in polling bodies, octets in those of version 3, binary frames.
#[test]
fn a_binary_payload_comes_as_it_was() {
    for (library, engine) in [(V4, "4"), (V2, "3"), (V4_FOR_ENGINE_3, "3")] {
        let Some(mut peer) = Peer::start(library) else { return };
        for via in ["[polling]", "[websocket]", "[polling, websocket]", "[jsonp]"] {
            if via == "[jsonp]" && engine == "4" {
                continue;
            }
            peer.forget();
            let options = format!("engine: {engine}, via: {via}");
            // Of every remainder by three, as base64 has it.
            for payload_bytes in [64, 65, 66] {
                let workload = format!("push: {{ rate: 60/s, arrivals: {{ burst: {{ size: 2 }} }}, payload: {payload_bytes}B }}");
                let mut trial = Trial::new(peer.address, &options, &workload, CLIENTS);
                trial.publish = "publish-binary";
                let report = trial.run(&mut peer);
                let account = report.accounting;
                let what = format!("socket.io {}, {options}: {account:?}, {:?}", library.version, report.errors);
                assert!(account.is_clean() && account.delivered == account.expected && account.expected > 0, "{what}");
                assert!(report.errors.is_empty(), "{what}");
            }
        }
    }
}

/// What queues while a POST is under way goes in one body, but in none that is larger than the server takes.
#[test]
fn a_batch_stays_within_what_the_server_takes() {
    let library = Library { version: "4", arguments: &["max_bytes=1000"] };
    let Some(mut peer) = Peer::start(library) else { return };
    let workload = "upload: { rate: 200/s, arrivals: { burst: { size: 20 } }, payload: 100B }";
    let report = Trial::new(peer.address, "via: [polling]", workload, CLIENTS).run(&mut peer);
    assert!(report.errors.is_empty() && report.sent >= 20, "{:?}", report.errors);
    peer.wait_for("left /", CLIENTS as usize);
    check_uploads(&mut peer, report.sent, workload);
}
