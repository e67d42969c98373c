//! More clients than is usual: more than one local address has ports, and enough to tell what each takes. In a network of this
//! test's own, in which an address has few ports.

mod support;

use std::path::PathBuf;
use std::process::Command;

use wirecost_model::Record;
use wirecost_model::ledger::Phase;

/// Connects more clients than there are ports (160), by every way in which a client opens connections.
const SCENARIO: &str = "name: ports\nquestion: Do they all get in?\nworkload: { push: { rate: 10/s, audience: broadcast } }\n\
    clients: 400\nwire: host\ntrial: { warmup: 100ms, measure: 500ms, drain: 5s }\ntrials: 1\n\
    arms:\n  - sse\n  - sse: { name: lean, stack: lean }\n  - websocket\n  - websocket: { name: frames, stack: lean }\n";

#[test]
fn more_clients_than_an_address_has_ports() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(dir.path().join("scenario.yaml"), SCENARIO).expect("written");
    // Only what stands before `exec` may be impossible here: whoever may not have a network of his own, or has no `ip`.
    let script = "ip link set lo up && echo 40000 40159 >/proc/sys/net/ipv4/ip_local_port_range || exit 77
        exec \"$0\" run --no-calibrate --quiet --out results scenario.yaml";
    let output = Command::new("unshare")
        .args(["--net", "--map-root-user", "sh", "-c", script, env!("CARGO_BIN_EXE_wirecost")])
        .current_dir(dir.path())
        .env("XDG_CACHE_HOME", dir.path().join("cache"))
        .output();
    let output = match output {
        Ok(output) if output.status.code() != Some(77) => output,
        impossible => return println!("skipped: no network of one's own here: {impossible:?}"),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 100)), "{output:?}");
    let folder = dir.path().join(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let json = std::fs::read_to_string(folder.join("record.json")).unwrap_or_else(|error| panic!("{error}: {said}"));
    let record: Record = serde_json::from_str(&json).expect("a record of this version");
    assert_eq!(record.trials.len(), 4);
    for trial in &record.trials {
        assert_eq!((trial.clients_held, trial.accounting.lost), (400, 0), "{said}");
        // A half more than it is. Whatever grows with connections (a future, a buffer, a histogram for each) is seen here first.
        for (side, most_bytes, cost) in [("server", 24_000, &trial.server), ("client", 48_000, &trial.client)] {
            let memory = cost.anonymous.expect("Linux tells");
            let each_bytes = memory.window_bytes.saturating_sub(memory.before_bytes) / 400;
            assert!((1_000..most_bytes).contains(&each_bytes), "{each_bytes} B a connection, {side}, trial {}", trial.cell);
        }
    }
}

#[test]
fn clients_connect_at_the_rate_that_is_asked_for() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let run = |name: &str, text: &str| {
        std::fs::write(dir.path().join("scenario.yaml"), text).expect("written");
        Command::new(env!("CARGO_BIN_EXE_wirecost"))
            .args(["run", "--no-calibrate", "--allow-void", "--quiet", "--out", name, "scenario.yaml"])
            .current_dir(dir.path())
            .output()
            .expect("it runs")
    };
    let scenario = SCENARIO.replace("clients: 400\nwire: host\n", "clients: 60\n");
    let output = run("paced", &scenario.replace("trial: { ", "trial: { connect: 100/s, "));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let record = support::record(&dir.path().join("paced"));
    assert_eq!(record.trials.len(), 4);
    for trial in &record.trials {
        assert_eq!((trial.clients_held, trial.accounting.lost), (60, 0));
        // The last of them not before its time.
        assert!(trial.ledger.duration_ns(Phase::Setup) >= 590_000_000, "{:?}", trial.ledger.duration_ns(Phase::Setup));
        assert_eq!(trial.latencies["connect_ready"].count, 60);
    }
    // Who waits for a turn does not wait when there is nothing to wait for.
    let nobody = "{ sse: { target: { url: \"http://127.0.0.1:9\", dialect: sse } } }";
    let arms = scenario.find("arms:").expect("arms");
    let refused = format!("{}arms: [{nobody}]\n", scenario[..arms].replace("trial: { ", "trial: { connect: 1/m, "));
    let output = run("nobody", &refused);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(69) && said.contains("1 of 60 clients could not connect"), "{output:?}");
}
