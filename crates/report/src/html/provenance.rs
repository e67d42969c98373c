//! Where the numbers come from, and what they do not show.

use wirecost_model::Record;
use wirecost_model::scenario::{Wire, Workload};

use super::written;
use crate::chart::canvas::escape;
use crate::export::markdown::command;
use crate::format;
use crate::stats::ratio::LEAST_PAIRS;

/// Command, versions, machine.
pub fn body(record: &Record) -> String {
    let p = &record.provenance;
    let machine = &p.machine;
    let cores = |list: &[usize]| {
        if list.is_empty() { "any".into() } else { list.iter().map(usize::to_string).collect::<Vec<_>>().join(", ") }
    };
    let blocks = match record.plan.search {
        Some(_) => "rounds, each".into(),
        None => format!("{} blocks", record.plan.trials_per_cell),
    };
    let facts = [
        ("Started", p.started_utc.clone()),
        ("Finished", p.finished_utc.clone()),
        ("wirecost", format!("{}, commit {}, {} build", p.version, p.commit, p.profile)),
        ("Compiler", p.rustc.clone()),
        ("Scenario", format!("{}, hash {}", record.plan.scenario, p.scenario_hash)),
        ("Seed", format!("{}, {blocks} in a seeded random order", record.plan.seed)),
        (
            "Processor",
            format!(
                "{}, {} online, {} allowed",
                machine.cpu_model,
                format::plural(machine.cores_online as u64, "core"),
                machine.cores_allowed
            ),
        ),
        ("Server on cores", cores(&p.server_cores)),
        ("Load generator on cores", cores(&p.client_cores)),
        ("Governor", machine.governor.clone().unwrap_or_else(|| "none seen".into())),
        ("Memory", format::bytes(machine.memory_bytes as f64)),
        ("System", format!("{}, Linux {}", machine.os, machine.kernel)),
        ("Virtualised", machine.virtualised.clone().unwrap_or_else(|| "no hypervisor seen".into())),
        ("Clock source", machine.clock_source.clone().unwrap_or_else(|| "unknown".into())),
        ("File descriptors", format!("{} soft, {} hard", format::count(machine.nofile[0]), format::count(machine.nofile[1]))),
    ];
    let row = |name: &str, value: &str| format!("<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
    let list: String = facts.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| row(name, value)).collect();
    let more = |summary: &str, entries: Vec<(&String, &String)>| {
        if entries.is_empty() {
            return String::new();
        }
        let entries: String = entries.into_iter().map(|(name, value)| row(name, value)).collect();
        format!("<details><summary>{summary}</summary><dl class=\"facts\">{entries}</dl></details>")
    };
    let mut negotiated: Vec<String> = record.trials.iter().flat_map(|t| t.negotiated.keys().cloned()).collect();
    negotiated.sort();
    negotiated.dedup();
    format!(
        "<p>The exact command:</p><pre>wirecost {}</pre><dl class=\"facts\">{list}{}</dl>{}{}{}",
        escape(&command(&p.argv)),
        if negotiated.is_empty() { String::new() } else { row("Negotiated", &negotiated.join("; ")) },
        more("Libraries", p.dependencies.iter().collect()),
        more("Kernel settings", machine.sysctls.iter().collect()),
        more("Environment", p.environment.iter().collect())
    )
}

/// What a reader might conclude and should not.
pub fn limits(record: &Record) -> String {
    let mut items: Vec<String> = vec![
        "Both ends run on one host: there is no distance, no loss and no competing traffic. A network adds its delay to every arm and more to those that need more round trips.".into(),
        "CPU and latency contain one implementation of each protocol at either end. Another server or client library has other numbers; bytes depend on it least.".into(),
        "Browsers, proxies and load balancers are not in the path. They limit connections, buffer streams and time out idle ones.".into(),
    ];
    let wires: Vec<Wire> = record.trials.iter().map(|trial| trial.wire).collect();
    if wires.contains(&Wire::Host) {
        items.push("The host's loopback carries segments of up to 64 KiB, which understates header bytes of large messages; and its bytes were not reconciled with an interface.".into());
    }
    if record.plan.trials_per_cell < LEAST_PAIRS as u32 && record.search.is_none() {
        items.push(format!(
            "{} of each cell bear no interval: a difference may be chance.",
            format::plural(u64::from(record.plan.trials_per_cell), "trial")
        ));
    }
    if record.provenance.server_cores.is_empty() || record.provenance.server_cores == record.provenance.client_cores {
        items.push("Server and load generator share cores and so disturb each other.".into());
    }
    match record.plan.cells.first().map(|cell| &cell.workload) {
        Some(Workload::Echo(_)) => items.push("The loop is closed: a slow answer lowers the rate, so latencies under a fixed load are worse than these.".into()),
        Some(Workload::Idle(_)) => items.push("Nothing is sent, so nothing is said about messages.".into()),
        Some(_) => items.push("The rate is far from what the server could bear unless an axis says otherwise: this is cost at a given load, not a maximum.".into()),
        None => {}
    }
    if record.plan.cells.iter().all(|cell| cell.config.tls.is_none()) {
        items.push("Without TLS: with it every record adds 22 bytes (TLS 1.3) and every new connection a handshake.".into());
    }
    if record.plan.cells.iter().any(|cell| cell.config.headers == wirecost_model::scenario::Headers::Minimal) {
        items.push("Requests carry only the headers that the protocol needs. A browser sends several hundred bytes more with each, cookies not counted, which polling pays again and again.".into());
    }
    let items: String = items.iter().map(|item| format!("<li>{}</li>", written(item))).collect();
    format!("<ul class=\"plain\">{items}</ul>")
}
