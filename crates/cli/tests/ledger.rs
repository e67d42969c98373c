//! Constants of the wire, exactly, through real trials: what each transport adds to a message of each size, what
//! TLS adds to a record, what a poll's heads are. And that a wrong constant does not go unnoticed.

mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Output};

use wirecost_model::ledger::{Direction, Flow, Layer};
use wirecost_model::{Record, Trial};
use wirecost_wire::tls::Protection;
use wirecost_wire::websocket::{self, Sender};
use wirecost_wire::{chunked, sse};

use support::whole;

fn run(scenario: &str, flags: &[&str]) -> (Output, Option<Record>) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scenario.yaml");
    std::fs::write(&file, scenario).unwrap();
    let out = dir.path().join("results");
    let output = Command::new(env!("CARGO_BIN_EXE_wirecost"))
        .args(["run", "--quiet", "--out"])
        .arg(&out)
        .args(flags)
        .arg(&file)
        .output()
        .unwrap();
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let record = std::fs::read_to_string(folder.join("record.json")).ok().map(|text| serde_json::from_str(&text).unwrap());
    (output, record)
}

fn trials(scenario: &str) -> (Record, Vec<Trial>) {
    let (output, record) = run(scenario, &["--allow-void"]);
    let record = record.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let mut trials = record.trials.clone();
    trials.sort_by_key(|trial| trial.cell);
    (record, trials)
}

/// One client, one message at a time: a chunk is a message and a record is a chunk.
fn scenario(workload: &str, arms: &str, axes: &str) -> String {
    format!(
        "name: constants\nquestion: What exactly?\nworkload: {{ {workload} }}\nclients: 1\n\
         trial: {{ warmup: 0s, measure: 400ms, drain: 3s }}\ntrials: 1\narms: [{arms}]\naxes: {{ {axes} }}\n"
    )
}

#[test]
fn websocket_headers_are_2_4_or_10_bytes_and_4_of_mask() {
    let (record, trials) = trials(&scenario(
        "echo: { outstanding: 1, payload: 125B }",
        "websocket, { websocket: { name: b, frame: binary } }",
        "payload: [125B, 126B, 65535B, 65536B]",
    ));
    assert_eq!(trials.len(), 8);
    for trial in &trials {
        let payload = record.plan.cells[trial.cell].workload.payload().unwrap().0 as usize;
        let counted = whole(trial);
        let n = counted.messages;
        assert!(n.up > 0 && n.up == n.down, "{n:?}");
        let header = |sender| websocket::header_bytes(payload, sender) as u64;
        // The closing handshake: a close frame with a code each way.
        let close = |sender| (websocket::header_bytes(2, sender) + 2) as u64;
        assert_eq!(
            counted.layer(Layer::Framing, Direction::Up),
            n.up * header(Sender::Client) + close(Sender::Client),
            "{payload} B up"
        );
        assert_eq!(
            counted.layer(Layer::Framing, Direction::Down),
            n.down * header(Sender::Server) + close(Sender::Server),
            "{payload} B down"
        );
        let known = match payload {
            125 => 2,
            126 | 65_535 => 4,
            _ => 10,
        };
        assert_eq!((header(Sender::Server), header(Sender::Client)), (known, known + 4));
    }
}

#[test]
fn sse_and_chunk_framing_follow_their_formulas() {
    // On a machine that stalls, two messages may share a chunk, and then a chunk's framing is saved: less than the formula
    // for one message a chunk, never more. A trial without a stall shows it exactly, and there is to be one of each cell.
    let mut exact = BTreeSet::new();
    for _ in 0..10 {
        let (record, trials) =
            trials(&scenario("push: { rate: 25/s, payload: 100B }", "sse, http_stream", "payload: [32B, 100B, 5000B]"));
        exact.extend(trials.iter().filter(|trial| framing_is_exact(&record, trial)).map(|trial| trial.cell));
        if exact.len() == trials.len() {
            return;
        }
    }
    panic!("messages shared chunks in each of ten trials of a cell; only {exact:?} are exact");
}

/// Whether the framing is that of one message a chunk; panics if it is more, or of no chunking at all.
fn framing_is_exact(record: &Record, trial: &Trial) -> bool {
    let cell = &record.plan.cells[trial.cell];
    let payload = cell.workload.payload().unwrap().0 as usize;
    let counted = whole(trial);
    let line = |id| match cell.config.name.as_str() {
        "sse" => sse::message_framing_bytes(id),
        _ => wirecost_wire::ndjson::plain_framing_bytes(id),
    };
    let lines: usize = (0..counted.messages.down).map(line).sum();
    let chunks: usize = (0..counted.messages.down).map(|id| chunked::chunk_framing_bytes(line(id) + payload)).sum();
    assert!(counted.messages.down > 5);
    assert_eq!(counted.payload_bytes, Flow { up: 0, down: counted.messages.down * payload as u64 });
    // The server ends the stream when it is told to, or the client leaves first: with the last chunk or without.
    let framing = counted.layer(Layer::Framing, Direction::Down) as usize;
    let most = lines + chunks + chunked::LAST_CHUNK_BYTES;
    assert!(
        framing > lines && framing <= most,
        "{} at {payload} B: {framing}, lines alone are {lines}, the most is {most}",
        cell.config.name
    );
    framing == most || framing == lines + chunks
}

#[test]
fn a_tls_record_costs_22_bytes_in_1_3_and_29_in_1_2() {
    let arms = "{ websocket: { name: new, tls: on } }, { websocket: { name: old, tls: { version: \"1.2\" } } }";
    let (record, trials) = trials(&scenario("echo: { outstanding: 1, payload: 500B }", arms, ""));
    for trial in &trials {
        let (protection, known) = match record.plan.cells[trial.cell].config.name.as_str() {
            "new" => (Protection::Tls13, 22),
            _ => (Protection::Tls12AesGcm, 29),
        };
        assert_eq!(protection.record_overhead_bytes(), known);
        let counted = whole(trial);
        for direction in [Direction::Up, Direction::Down] {
            // A record for each message, for the head of the Upgrade, and for the close frame; and perhaps the two bytes of
            // the alert that ends TLS, in a record of its own.
            let records = counted.messages.get(direction) + 2;
            assert!(records > 2);
            let overhead = counted.layer(Layer::TlsRecord, direction);
            let exact = [records * known, records * known + known + 2];
            assert!(exact.contains(&overhead), "{direction:?}: {overhead} for {records} records of {known}");
        }
    }
}

#[test]
fn the_headers_that_were_sent_are_the_bytes_that_were_counted() {
    let (_, trials) = trials(&scenario("push: { rate: 20/s }", "{ short_poll: { interval: 20ms } }", ""));
    let counted = whole(&trials[0]);
    let empty = trials[0].samples.iter().find(|sample| sample.kind == "empty poll").expect("an empty poll was kept");
    assert!(empty.request.starts_with("GET /poll?room=all&after=") && empty.request.ends_with("\r\n\r\n"), "{empty:?}");
    assert!(empty.response.starts_with("HTTP/1.1 204 No Content\r\n"), "{empty:?}");
    // The answer to an empty poll is the same bytes each time; the request grows with the digits of its cursor.
    assert_eq!(counted.empty_head_bytes.down, counted.empty_answers * empty.response.len() as u64);
    let base = empty.request.len() as u64;
    let per_request = counted.empty_head_bytes.up as f64 / counted.empty_answers as f64;
    assert!(per_request >= base as f64 && per_request <= base as f64 + 2.0, "{per_request} against {base}");
}

#[test]
fn a_wrong_constant_voids_the_trial_with_both_sides_of_the_account() {
    if let Err(error) = wirecost_probe::namespace::private_support() {
        println!("skipped: no private network here: {error}");
        return;
    }
    let (output, record) = run(&scenario("push: { rate: 20/s }", "websocket", ""), &["--miscount"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(100), "{said}");
    let trial = &record.unwrap().trials[0];
    let gate = trial.gates.iter().find(|gate| gate.gate == "ledger_residual").unwrap();
    let account = trial.ledger.interface.unwrap();
    assert_eq!(account.residual_bytes(), -(account.frames as i64));
    assert!(trial.is_void() && gate.seen.contains("residual"), "{gate:?}");
}
