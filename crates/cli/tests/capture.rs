//! The ledger against the wire: a capture of a trial of every transport, plain and encrypted, has exactly
//! the frames and bytes in each direction that the ledger names. Needs tshark and a private network.

use std::path::{Path, PathBuf};
use std::process::Command;

use wirecost_model::transport::{TRANSPORTS, TransportRow};
use wirecost_model::{Direction, Record, Trial};

/// A capture that lost packets says nothing; it is taken again, with a message, this often.
const ATTEMPTS: u32 = 3;

/// Of an Ethernet frame, as the loopback has it too.
const LINK_HEADER_BYTES: u64 = 14;

/// Polls are parked for so short that some come back empty, and phases begin and end while requests are under way.
fn scenario(row: &TransportRow) -> String {
    let own = match row.options {
        options if options.contains(&"interval") => "interval: 60ms, ",
        options if options.contains(&"hold") => "hold: 100ms, ",
        _ => "",
    };
    let arm = |name: &str, tls: &str| format!("  - {}: {{ {own}name: {name}{tls} }}\n", row.name);
    let arms = arm("plain", "") + &arm("tls 1.3", ", tls: on") + &arm("tls 1.2", ", tls: { version: \"1.2\" }");
    format!(
        "name: capture\nquestion: Do the packets agree?\nwire: private\n\
         workload: {{ duplex: {{ down: 20/s, up: 10/s, arrivals: poisson, payload: 2000B }} }}\nclients: 3\n\
         trial: {{ warmup: 100ms, measure: 600ms, drain: 3s }}\ntrials: 1\narms:\n{arms}"
    )
}

/// Frames and bytes by direction, as tshark reads them. The server is where the first SYN goes.
fn captured(file: &Path) -> [(u64, u64); 2] {
    let output = Command::new("tshark")
        .args(["-n", "-r"])
        .arg(file)
        .args(["-T", "fields", "-e", "frame.len", "-e", "tcp.srcport", "-e", "tcp.dstport"])
        .output()
        .expect("tshark runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut server = None;
    let mut sums = [(0, 0); 2];
    for line in text.lines() {
        let mut fields = line.split('\t').map(|field| field.parse::<u64>().unwrap_or(0));
        let (length, from, to) = (fields.next().unwrap_or(0), fields.next().unwrap_or(0), fields.next().unwrap_or(0));
        let server = *server.get_or_insert(to);
        assert!(from == server || to == server, "someone else talks in the private network: {line}");
        let way = usize::from(from == server);
        sums[way].0 += 1;
        // The ledger counts IP packets; a captured frame has the link's header in front.
        sums[way].1 += length - LINK_HEADER_BYTES;
    }
    sums
}

fn ledger(trial: &Trial, direction: Direction) -> (u64, u64) {
    let mut frames = 0;
    for phase in &trial.ledger.phases {
        let c = phase.counters;
        frames += [c.data_segments, c.ack_segments, c.control_segments, c.retransmit_segments]
            .map(|flow| flow.get(direction))
            .iter()
            .sum::<u64>();
    }
    (frames, trial.ledger.bytes(|entry| entry.direction == direction))
}

#[test]
fn every_packet_of_every_transport_is_in_the_ledger() {
    if Command::new("tshark").arg("--version").output().is_err() {
        println!("skipped: tshark is not installed");
        return;
    }
    if let Err(error) = wirecost_probe::namespace::private_support() {
        println!("skipped: no private network here: {error}");
        return;
    }
    for row in TRANSPORTS {
        let whole = (0..ATTEMPTS).any(|attempt| one(row, attempt));
        assert!(whole, "{}: the capture lost packets {ATTEMPTS} times", row.name);
    }
}

/// Whether the capture was whole; if it was, it agreed.
fn one(row: &TransportRow, attempt: u32) -> bool {
    let name = row.name;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("capture.yaml");
    std::fs::write(&file, scenario(row)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_wirecost"))
        .args(["run", "--no-calibrate", "--quiet", "--allow-void", "--capture", "--out"])
        .arg(dir.path().join("results"))
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let record: Record = serde_json::from_str(&std::fs::read_to_string(folder.join("record.json")).unwrap()).unwrap();
    for trial in &record.trials {
        let arm = &record.plan.cells[trial.cell].config.name;
        if let Some(dropped) = trial.errors.get("packets missing in the capture") {
            println!("{name}, {arm}, attempt {attempt}: the capture lost {dropped} packets");
            return false;
        }
        let stem = wirecost_model::record::trial_file_stem(trial.index, arm);
        let [up, down] = captured(&folder.join("trials").join(format!("{stem}.pcapng")));
        assert!(up.0 > 10 && down.0 > 10, "{name}, {arm}: an empty capture");
        assert_eq!(up, ledger(trial, Direction::Up), "{name}, {arm}: frames and bytes to the server");
        assert_eq!(down, ledger(trial, Direction::Down), "{name}, {arm}: frames and bytes to the clients");
        let interface = trial.ledger.interface.expect("a private network has its own count");
        assert_eq!((interface.frames, interface.bytes), (up.0 + down.0, up.1 + down.1), "{name}, {arm}: capture and interface");
    }
    true
}
