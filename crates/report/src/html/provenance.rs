//! Where the numbers come from, and what they do not show.

use wirecost_model::Record;
use wirecost_model::scenario::{Wire, Workload};

use super::written;
use crate::chart::canvas::escape;
use crate::export::markdown::command;
use crate::format;
use crate::stats::ratio::LEAST_PAIRS;
use crate::view;

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
        ("Load generator processes", processes(record)),
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

/// How many processes clients were in, if in any trial there was more than one: empty else.
fn processes(record: &Record) -> String {
    match record.trials.iter().map(|trial| trial.client_processes).max() {
        Some(most @ 2..) => format!("up to {most}, since one may not have as many files as its clients have connections"),
        _ => String::new(),
    }
}

/// What a reader might conclude and should not.
pub fn limits(record: &Record) -> String {
    let (hosts, all_remote) = view::remote_hosts(&record.plan);
    let hosts = format::list(&hosts);
    let place = match (hosts.is_empty(), all_remote) {
        (true, _) => "Both ends run on one host: there is no distance, no loss and no competing traffic. A network adds its delay to every arm and more to those that need more round trips.".into(),
        (_, true) => format!("Servers run on {hosts}: the network to there is in every number, with its delay, its losses and other traffic, and cannot be told apart. Bytes were not reconciled with an interface."),
        _ => format!("Some servers run on {hosts}, the others beside the load generator: between these arms the network is part of what is compared, with its delay, its losses and other traffic. Bytes of the former were not reconciled with an interface."),
    };
    let mut items: Vec<String> = vec![
        place,
        "CPU and latency contain one implementation of each protocol at either end. Another server or client library has other numbers; bytes depend on it least.".into(),
        "Browsers, proxies and load balancers are not in the path. They limit connections, buffer streams and time out idle ones.".into(),
    ];
    if view::wires(record).contains(&Wire::Host) {
        items.push("The host's loopback carries segments of up to 64 KiB, which understates header bytes of large messages; and its bytes were not reconciled with an interface.".into());
    }
    if record.plan.trials_per_cell < LEAST_PAIRS as u32 && record.search.is_none() {
        items.push(format!(
            "{} of each cell bear no interval: a difference may be chance.",
            format::plural(u64::from(record.plan.trials_per_cell), "trial")
        ));
    }
    let server_cores = &record.provenance.server_cores;
    if !all_remote && (server_cores.is_empty() || *server_cores == record.provenance.client_cores) {
        items.push("Server and load generator share cores and so disturb each other.".into());
    }
    match record.plan.cells.first().map(|cell| &cell.workload) {
        Some(Workload::Echo(_)) => items.push("The loop is closed: a slow answer lowers the rate, so latencies under a fixed load are worse than these.".into()),
        Some(Workload::Idle(_)) => items.push("Nothing is sent, so nothing is said about messages.".into()),
        Some(_) if record.search.is_none() => items.push("The rate is far from what the server could bear unless an axis says otherwise: this is cost at a given load, not a maximum.".into()),
        Some(_) | None => {}
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_page_of_a_search_does_not_call_its_maximum_none() {
        assert!(limits(&fixture::run().record).contains("not a maximum"));
        assert!(!limits(&fixture::run_of_a_search().record).contains("not a maximum"));
    }

    #[test]
    fn both_ends_are_on_one_host_only_where_they_are() {
        let mut record = fixture::run().record.clone();
        assert!(limits(&record).contains("Both ends run on one host"));
        record.trials.iter_mut().for_each(|trial| trial.wire = Wire::Host);
        record.provenance.server_cores.clear();
        let mut say = |cells: std::ops::Range<usize>| {
            let target: Option<Box<_>> = serde_json::from_str(r#"{"url": "http://a.example", "dialect": {"sse": {}}}"#).unwrap();
            record.plan.cells[cells].iter_mut().for_each(|cell| cell.config.target = target.clone());
            limits(&record)
        };
        let some = say(1..5);
        assert!(some.contains("Some servers run on a.example") && !some.contains("Both ends run on one host"), "{some}");
        assert!(some.contains("The host's loopback") && some.contains("share cores"), "{some}");
        let all = say(0..5);
        assert!(all.contains("Servers run on a.example: the network to there is in every number"), "{all}");
        assert!(!all.contains("loopback") && !all.contains("share cores"), "{all}");
    }
}
