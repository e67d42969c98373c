//! What one message costs on a WebSocket, to the byte: the formulas of `wirecost_wire` against what the client's own meter
//! has counted. Set-up and farewell are the same with and without messages, so the difference is the messages'.

use wirecost_model::ledger::Flow;
use wirecost_wire::socket_io::plain_text_event_framing_bytes;
use wirecost_wire::websocket::{Sender, header_bytes};

use crate::fleet::Trial;
use crate::peer::{Library, Peer, V2, V4};

const CLIENTS: u32 = 2;

/// Engine.IO's digit.
const TYPE_DIGIT_BYTES: usize = 1;

fn frame_bytes(packet_bytes: usize, sender: Sender) -> u64 {
    (header_bytes(packet_bytes, sender) + packet_bytes) as u64
}

fn event_bytes(namespace: &str, ack_id: Option<u64>, name: &str, payload_bytes: usize) -> usize {
    TYPE_DIGIT_BYTES + plain_text_event_framing_bytes(namespace, ack_id, name) + payload_bytes
}

/// Bytes of the clients' sockets beyond those of an idle trial, deliveries, and messages sent.
fn beyond_idle(peer: &mut Peer, options: &str, workload: &str) -> (Flow, u64, u64) {
    let mut run = |workload: &str| {
        peer.forget();
        let report = Trial::new(peer.address, options, workload, CLIENTS).run(peer);
        assert!(report.accounting.is_clean() && report.errors.is_empty(), "{workload}: {:?}", report.errors);
        report
    };
    let (idle, busy) = (run("idle: {}"), run(workload));
    let Flow { up, down } = busy.socket_bytes;
    let beyond = Flow { up: up - idle.socket_bytes.up, down: down - idle.socket_bytes.down };
    (beyond, busy.accounting.delivered, busy.sent)
}

fn servers() -> [(Library, &'static str); 2] {
    [(V4, "via: [websocket]"), (V2, "via: [websocket], engine: 3")]
}

#[test]
fn a_pushed_message_costs_its_payload_and_what_the_formula_says() {
    for (library, options) in servers() {
        let Some(mut peer) = Peer::start(library) else { return };
        for payload_bytes in [64, 109, 110, 128, 70_000] {
            let workload = format!("push: {{ rate: 60/s, payload: {payload_bytes}B }}");
            let (beyond, delivered, _) = beyond_idle(&mut peer, options, &workload);
            let event = event_bytes("/", None, "message", payload_bytes);
            assert_eq!(event, payload_bytes + 16, "digits, brackets, quotes, comma and the name");
            let expected = Flow { up: 0, down: delivered * frame_bytes(event, Sender::Server) };
            assert!(delivered > 0);
            assert_eq!(beyond, expected, "{options}, {payload_bytes} B, {delivered} deliveries");
        }
    }
}

#[test]
fn a_namespace_is_repeated_in_every_message() {
    for (library, options) in servers() {
        let Some(mut peer) = Peer::start(library) else { return };
        let options = format!("{options}, namespace: /chat");
        let (beyond, delivered, _) = beyond_idle(&mut peer, &options, "push: { rate: 60/s, payload: 64B }");
        let event = event_bytes("/chat", None, "message", 64);
        assert_eq!(event, 64 + 16 + "/chat,".len());
        assert_eq!(beyond, Flow { up: 0, down: delivered * frame_bytes(event, Sender::Server) }, "{options}");
    }
}

#[test]
fn an_uploaded_message_is_masked_and_answered_by_nothing() {
    for (library, options) in servers() {
        let Some(mut peer) = Peer::start(library) else { return };
        // Without a room the handshake is shorter, so idle clients are no measure of set-up here; uploads of two rates are.
        let mut run = |rate: u32| {
            peer.forget();
            let workload = format!("upload: {{ rate: {rate}/s, arrivals: periodic, payload: 100B }}");
            let report = Trial::new(peer.address, options, &workload, CLIENTS).run(&mut peer);
            assert!(report.errors.is_empty(), "{:?}", report.errors);
            (report.socket_bytes, report.sent)
        };
        let ((few, few_sent), (many, many_sent)) = (run(20), run(100));
        let sent = many_sent - few_sent;
        assert!(sent > 0);
        let expected = sent * frame_bytes(event_bytes("/", None, "message", 100), Sender::Client);
        assert_eq!((many.up - few.up, many.down - few.down), (expected, 0), "{options}, {sent} messages");
    }
}

#[test]
fn an_echo_costs_an_event_with_an_id_and_an_answer_with_the_same() {
    for (library, options) in servers() {
        let Some(mut peer) = Peer::start(library) else { return };
        let mut run = || {
            peer.forget();
            let report = Trial::new(peer.address, options, "echo: { outstanding: 2, payload: 100B }", 1).run(&mut peer);
            assert!(report.accounting.is_clean() && report.errors.is_empty(), "{:?}", report.errors);
            assert_eq!(report.accounting.delivered, report.sent);
            (report.socket_bytes, report.sent)
        };
        let cost = |ids: std::ops::Range<u64>| {
            let up = ids.clone().map(|id| frame_bytes(event_bytes("/", Some(id), "echo", 100), Sender::Client));
            // `43`, the id, `["…"]`.
            let answer = |id: u64| TYPE_DIGIT_BYTES + 1 + id.to_string().len() + 4 + 100;
            let down = ids.map(|id| frame_bytes(answer(id), Sender::Server));
            Flow { up: up.sum(), down: down.sum() }
        };
        // How many echoes fit is chance; what the set-up costs is not.
        let [(first, first_sent), (second, second_sent)] = [run(), run()];
        let set_up = |all: Flow, sent| {
            let echoes = cost(0..sent);
            (all.up - echoes.up, all.down - echoes.down)
        };
        assert_eq!(set_up(first, first_sent), set_up(second, second_sent), "{options}: {first_sent} and {second_sent} echoes");
    }
}
