//! How the cells of a plan are laid before a reader: what they are called, and which of them stand side by side.
//!
//! Axes that concern every arm (clients, rate, TLS) make **groups**: cells of one group were measured under the same condition
//! and may be compared. An option of one transport (a poll interval) makes several cells of its arms in one group.

use std::collections::BTreeMap;

use wirecost_model::pace::Pace;
use wirecost_model::record::Trial;
use wirecost_model::scenario::{Audience, Pacing, Scalar, Stack, TlsVersion, Wire, Workload};
use wirecost_model::schedule::Arrivals;
use wirecost_model::transport::TRANSPORTS;
use wirecost_model::{Cell, Plan, Record, TransportKind};

use crate::format;

/// Cells that were measured under the same condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Values of the shared axes; empty if there are none.
    pub point: BTreeMap<String, Scalar>,
    /// Indices of the cells, in the order of the plan.
    pub cells: Vec<usize>,
}

impl Group {
    /// `clients 50, rate 5/s`; empty if there are no shared axes.
    pub fn label(&self) -> String {
        let parts: Vec<String> = self
            .point
            .iter()
            .map(|(axis, value)| format!("{} {}", axis_label(axis), format::spaced(&value.to_string())))
            .collect();
        parts.join(", ")
    }
}

/// The last word of an axis: `workload.push.rate` is called `rate`.
pub fn axis_label(axis: &str) -> String {
    axis.rsplit('.').next().unwrap_or(axis).replace('_', " ")
}

/// Axes that make groups: all but the options of single transports.
pub fn shared_axes(plan: &Plan) -> Vec<String> {
    let mut axes: Vec<String> = Vec::new();
    for axis in plan.cells.iter().flat_map(|cell| cell.point.keys()) {
        let own = TRANSPORTS.iter().any(|row| row.options.contains(&axis.as_str()));
        if !own && !axes.contains(axis) {
            axes.push(axis.clone());
        }
    }
    axes.sort();
    axes
}

/// The cells by the values of the shared axes, in the order of the plan.
pub fn groups(plan: &Plan) -> Vec<Group> {
    let shared = shared_axes(plan);
    let mut groups: Vec<Group> = Vec::new();
    for cell in &plan.cells {
        let point: BTreeMap<String, Scalar> =
            cell.point.iter().filter(|(axis, _)| shared.contains(axis)).map(|(a, v)| (a.clone(), v.clone())).collect();
        match groups.iter_mut().find(|group| group.point == point) {
            Some(group) => group.cells.push(cell.index),
            None => groups.push(Group { point, cells: vec![cell.index] }),
        }
    }
    groups
}

/// The same without second runs of an arm, which compete with nobody: what sentences and charts speak of.
pub fn rivals(plan: &Plan) -> Vec<Group> {
    let mut groups = groups(plan);
    groups.iter_mut().for_each(|group| group.cells.retain(|&index| plan.cells[index].config.twin_of.is_none()));
    groups
}

/// What an arm is called in prose and charts: the transport's label, or the name that the scenario gives it; its second run too.
pub fn arm_title(cell: &Cell) -> String {
    let row = cell.config.transport.row();
    let name = own_name(cell);
    if name == row.name { row.label.to_string() } else { name.to_string() }
}

/// The name of an arm; of its second run too.
fn own_name(cell: &Cell) -> &str {
    cell.config.twin_of.as_deref().unwrap_or(&cell.config.name)
}

/// What a cell is called within its group: the arm, and the values of axes that are its own.
pub fn title(plan: &Plan, cell: &Cell) -> String {
    let shared = shared_axes(plan);
    let own: Vec<(&String, &Scalar)> = cell.point.iter().filter(|(axis, _)| !shared.contains(axis)).collect();
    let mut title = arm_title(cell);
    let named = own_name(cell) != cell.config.transport.row().name;
    let swept = own.iter().any(|(axis, _)| axis_label(axis) == "interval");
    // A poller's interval is its most important property, so it is named even where nothing sweeps it.
    if let Some(interval) = cell.config.interval.filter(|_| !named || swept) {
        let pause = if cell.config.pacing == Pacing::Pause { "pause " } else { "" };
        title = format!("{title} {pause}{}", format::spaced(&interval.to_string()));
    }
    let rest: Vec<String> = own
        .iter()
        .filter(|(axis, _)| axis_label(axis) != "interval")
        .map(|(axis, value)| format!("{} {}", axis_label(axis), format::spaced(&value.to_string())))
        .collect();
    if !rest.is_empty() {
        title = format!("{title} ({})", rest.join(", "));
    }
    if cell.config.twin_of.is_some() { format!("{title} (A/A)") } else { title }
}

/// One arm along an axis.
#[derive(Debug, Clone)]
pub struct Series<'a> {
    /// What its cells are called within their groups.
    pub title: String,
    /// Its cells, in the order of the plan.
    pub cells: Vec<&'a Cell>,
}

/// The arms along an axis, all other shared axes held at their last value.
pub fn along<'a>(plan: &'a Plan, axis: &str) -> Vec<Series<'a>> {
    let groups = groups(plan);
    let Some(last) = groups.last() else { return Vec::new() };
    let mut all: Vec<Series<'a>> = Vec::new();
    for cell in plan.cells.iter().filter(|cell| cell.point.contains_key(axis) && cell.config.twin_of.is_none()) {
        if last.point.iter().any(|(name, value)| name != axis && cell.point.get(name) != Some(value)) {
            continue;
        }
        let title = title(plan, cell);
        match all.iter_mut().find(|series| series.title == title) {
            Some(series) => series.cells.push(cell),
            None => all.push(Series { title, cells: vec![cell] }),
        }
    }
    all
}

/// The axis of rates, if the plan has one.
pub fn rate_axis(plan: &Plan) -> Option<&str> {
    let is_rate = |axis: &&String| axis.rsplit('.').next().is_some_and(|last| matches!(last, "rate" | "down" | "up"));
    plan.cells.iter().flat_map(|cell| cell.point.keys()).find(is_rate).map(String::as_str)
}

/// The axis of the window's length, if the plan has one.
pub fn window_axis(plan: &Plan) -> Option<&str> {
    let is_window = |axis: &&String| matches!(axis.as_str(), "measure" | "trial.measure");
    plan.cells.iter().flat_map(|cell| cell.point.keys()).find(is_window).map(String::as_str)
}

/// What a cell is called anywhere: its title and its group.
pub fn full_title(plan: &Plan, cell: &Cell) -> String {
    let group =
        groups(plan).into_iter().find(|group| group.cells.contains(&cell.index)).map(|group| group.label()).unwrap_or_default();
    let title = title(plan, cell);
    if group.is_empty() { title } else { format!("{title}, {group}") }
}

/// The condition that numbers were measured under, in one line: workload, clients, transport settings, network, plan.
pub fn condition(record: &Record, cell: &Cell) -> String {
    let connecting = cell.timing.connect.map(|rate| format!("connecting at {rate}"));
    let mut parts = vec![workload(cell)];
    parts.extend(connecting);
    parts.extend([settings(&record.plan), network(record)]);
    let trials = match &record.plan.search {
        // How many trials a level has was found on the way.
        Some(_) => "trials".into(),
        None => format::plural(u64::from(record.plan.trials_per_cell), "trial"),
    };
    parts.push(format!("{trials} of {}, seed {}", format::spaced(&cell.timing.measure.to_string()), record.plan.seed));
    parts.join("; ")
}

fn arrivals(arrivals: &Arrivals) -> String {
    match arrivals {
        Arrivals::Periodic => "periodic".into(),
        Arrivals::Poisson => "Poisson".into(),
        Arrivals::Burst { size } => format!("in bursts of {size}"),
        Arrivals::Trace(trace) => format!("as recorded in {}", trace.file()),
    }
}

/// A rate as people read it; that of a trace is computed and has as many digits as there are.
fn rate(pace: Pace, arrivals: &Arrivals) -> String {
    match arrivals {
        Arrivals::Trace(_) => format!("{}/s", format::number(pace.0)),
        _ => pace.to_string(),
    }
}

/// What the application does, in words.
pub fn workload(cell: &Cell) -> String {
    let clients = format::plural(u64::from(cell.clients), "client");
    match &cell.workload {
        Workload::Push(push) => {
            let to = match push.audience {
                Audience::Broadcast => format!("each to all of {clients}"),
                Audience::Each => format!("to each of {clients}, a stream of its own"),
            };
            format!(
                "push of {} ({}), {} payload, {to}",
                rate(push.rate, &push.arrivals),
                arrivals(&push.arrivals),
                format::spaced(&push.payload.to_string())
            )
        }
        Workload::Echo(echo) => {
            format!(
                "echo of {} payload by {clients}, {} outstanding each (closed loop)",
                format::spaced(&echo.payload.to_string()),
                echo.outstanding
            )
        }
        Workload::Upload(up) => {
            format!(
                "upload of {} ({}), {} payload, by each of {clients}",
                rate(up.rate, &up.arrivals),
                arrivals(&up.arrivals),
                format::spaced(&up.payload.to_string())
            )
        }
        Workload::Duplex(duplex) => {
            let process = arrivals(&duplex.arrivals);
            format!(
                "duplex with {clients}, {} down and {} up each ({process}), {} payload",
                rate(duplex.down, &duplex.arrivals),
                rate(duplex.up, &duplex.arrivals),
                format::spaced(&duplex.payload.to_string())
            )
        }
        Workload::Chat(chat) => {
            format!(
                "chat of {clients} in {} of {} each, {} by each ({}), {} payload",
                chat.joins,
                format::plural(u64::from(chat.rooms), "room"),
                rate(chat.rate, &chat.arrivals),
                arrivals(&chat.arrivals),
                format::spaced(&chat.payload.to_string())
            )
        }
        Workload::Reconnect(reconnect) => {
            let when = match reconnect.at {
                Some(at) => format!("{} into the window", format::spaced(&at.to_string())),
                None => "in the middle of the window".into(),
            };
            format!(
                "push of {} ({}), {} payload, to all of {clients}; {} of the connections cut {when}, back after about {}",
                rate(reconnect.rate, &reconnect.arrivals),
                arrivals(&reconnect.arrivals),
                format::spaced(&reconnect.payload.to_string()),
                format::percent(reconnect.share),
                format::spaced(&reconnect.delay.to_string())
            )
        }
        Workload::Idle(_) => format!("{clients} connected and idle"),
    }
}

/// Settings that all arms share; those that differ between arms are said to differ.
fn settings(plan: &Plan) -> String {
    let tls = |cell: &Cell| match cell.config.tls {
        None => "no TLS".to_string(),
        Some(options) => match options.version {
            TlsVersion::V13 => "TLS 1.3".to_string(),
            TlsVersion::V12 => "TLS 1.2".to_string(),
        },
    };
    let mut encryption: Vec<String> = plan.cells.iter().map(tls).collect();
    encryption.dedup();
    let encryption = if encryption.len() == 1 { encryption.remove(0) } else { "TLS as each arm says".into() };
    let all = |stack: Stack| plan.cells.iter().all(|cell| cell.config.stack == stack);
    let stack = match (all(Stack::Standard), all(Stack::Lean)) {
        (true, _) => "standard client libraries",
        (_, true) => "lean client",
        _ => "client libraries as each arm says",
    };
    format!("HTTP/1.1, {encryption}, {stack}")
}

/// The host of a cell's server, if that is not this one.
pub fn remote_host(cell: &Cell) -> Option<String> {
    cell.config.target.as_deref()?.remote_host()
}

/// Hosts beside this one on which servers are, each once, and whether no server is here.
pub fn remote_hosts(plan: &Plan) -> (Vec<String>, bool) {
    let mut hosts: Vec<String> = plan.cells.iter().filter_map(remote_host).collect();
    let all = !hosts.is_empty() && hosts.len() == plan.cells.len();
    hosts.sort();
    hosts.dedup();
    (hosts, all)
}

/// Where the packets of trials went whose both ends are here, each way once.
pub fn wires(record: &Record) -> Vec<Wire> {
    let is_here = |trial: &&Trial| record.plan.cells.get(trial.cell).is_none_or(|cell| remote_host(cell).is_none());
    let mut wires: Vec<Wire> = Vec::new();
    for wire in record.trials.iter().filter(is_here).map(|trial| trial.wire) {
        if !wires.contains(&wire) {
            wires.push(wire);
        }
    }
    wires
}

fn network(record: &Record) -> String {
    let (hosts, all) = remote_hosts(&record.plan);
    let there = format!("the network to {}", format::list(&hosts));
    let here = match wires(record).as_slice() {
        [Wire::Private] => format!("private network on one host, MTU {}", record.plan.mtu),
        [Wire::Host] => "loopback of one host (segments of up to 64 KiB)".into(),
        _ => "one host".into(),
    };
    match (hosts.is_empty(), all) {
        (true, _) => here,
        (_, true) => there,
        _ => format!("{here}, for arms with their server elsewhere {there}"),
    }
}

/// Cells that poll at an interval, in the order of their intervals; they make a line in charts.
pub fn pollers<'a>(plan: &'a Plan, group: &Group) -> Vec<&'a Cell> {
    let mut pollers: Vec<&Cell> = group
        .cells
        .iter()
        .map(|&index| &plan.cells[index])
        .filter(|cell| cell.config.transport == TransportKind::ShortPoll)
        .collect();
    pollers.sort_by_key(|cell| (cell.config.interval, cell.index));
    pollers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn one_group_without_axes_and_named_cells() {
        let record = fixture::run().record.clone();
        let groups = groups(&record.plan);
        assert_eq!((groups.len(), groups[0].label().as_str()), (1, ""));
        let titles: Vec<String> = record.plan.cells.iter().map(|cell| title(&record.plan, cell)).collect();
        assert_eq!(titles, ["Short polling 1 s", "fast polling", "Long polling", "Server-sent events", "WebSocket"]);
        let intervals: Vec<_> =
            pollers(&record.plan, &groups[0]).iter().map(|cell| cell.config.interval.unwrap().to_string()).collect();
        assert_eq!(intervals, ["100ms", "1s"]);
        assert_eq!(
            condition(&record, &record.plan.cells[0]),
            "push of 20/s (Poisson), 128 B payload, each to all of 50 clients; HTTP/1.1, no TLS, standard client libraries; private network on one host, MTU 1500; 6 trials of 5 s, seed 7"
        );
    }

    #[test]
    fn the_condition_has_the_mtu_that_was() {
        let mut record = fixture::run().record.clone();
        record.plan.mtu = 9000;
        assert!(condition(&record, &record.plan.cells[0]).contains("private network on one host, MTU 9000;"));
    }

    #[test]
    fn a_server_elsewhere_is_not_on_the_loopback() {
        let mut record = fixture::run().record.clone();
        let target = |url: &str| serde_json::from_str(&format!(r#"{{"url": "{url}", "dialect": {{"sse": {{}}}}}}"#)).unwrap();
        let mut at = |cells: &[usize], url: &str| {
            for &cell in cells {
                record.plan.cells[cell].config.target = Some(target(url));
                record.trials.iter_mut().filter(|trial| trial.cell == cell).for_each(|trial| trial.wire = Wire::Host);
            }
            network(&record)
        };
        // At a URL, and on this machine all the same.
        assert_eq!(at(&[3], "http://127.0.0.1:80"), "one host");
        assert_eq!(
            at(&[3], "http://b.example:80"),
            "private network on one host, MTU 1500, for arms with their server elsewhere the network to b.example"
        );
        assert_eq!(at(&[0, 1, 2, 4], "http://a.example"), "the network to a.example and b.example");
    }

    #[test]
    fn shared_axes_make_groups_and_own_axes_make_cells() {
        let record = fixture::run_over_axes().record.clone();
        assert_eq!(shared_axes(&record.plan), ["clients", "workload.push.rate"]);
        let groups = groups(&record.plan);
        assert_eq!(groups.len(), 6);
        assert!(groups.iter().all(|group| group.cells.len() == 5));
        assert_eq!(groups[0].label(), "clients 10, rate 5/s");
        let poller = &record.plan.cells[groups[0].cells[0]];
        assert_eq!(title(&record.plan, poller), "Short polling 100 ms");
        assert_eq!(full_title(&record.plan, poller), "Short polling 100 ms, clients 10, rate 5/s");
    }
}
