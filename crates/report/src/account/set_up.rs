//! Set-up as an account of its own: bytes, segments, connections, handshakes, round trips and time, before the first message.
//!
//! Bytes and segments are those of the phase in which clients connect. Connections that come later (a poller without
//! keep-alive has one for each poll) are counted in connections per client, and their bytes are in the measured window's.

use wirecost_model::record::Trial;
use wirecost_model::{Cell, Layer, Phase, Record};

use super::median;
use crate::format;
use crate::stats::counting;
use crate::table::{Column, Table};
use crate::theory;
use crate::view::{self, Group};

/// Bytes of set-up by what they are for.
pub const GROUPS: [(&str, &[Layer]); 4] = [
    ("TCP/IP headers, handshake, ACKs", &[Layer::TcpControl, Layer::TcpAck, Layer::TcpData, Layer::Retransmit]),
    ("TLS", &[Layer::TlsHandshake, Layer::TlsRecord]),
    ("HTTP headers", &[Layer::RequestHead, Layer::ResponseHead, Layer::EmptyRequestHead, Layer::EmptyResponseHead]),
    ("framing and payload", &[Layer::Framing, Layer::Payload]),
];

/// The same, short enough for the head of a table.
const HEADS: [&str; GROUPS.len()] = ["TCP/IP", "TLS", "HTTP headers", "the rest"];

/// Bytes of a connection by [`GROUPS`], medians over trials that count. `None` if no connection was counted.
pub fn bytes_per_connection(record: &Record, cell: &Cell) -> Option<[f64; GROUPS.len()]> {
    let mut bytes = [0.0; GROUPS.len()];
    for (sum, (_, layers)) in bytes.iter_mut().zip(&GROUPS) {
        *sum = median(record, cell, |trial| {
            let all = trial.ledger.bytes(|e| e.phase == Phase::Setup && layers.contains(&e.layer));
            per(all, trial.ledger.phase(Phase::Setup).connections)
        })?;
    }
    Some(bytes)
}

fn per(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Segments of a connection while clients connect, both directions.
fn segments(trial: &Trial) -> Option<f64> {
    let c = trial.ledger.phase(Phase::Setup);
    let all = [c.data_segments, c.ack_segments, c.control_segments, c.retransmit_segments];
    per(all.iter().map(|flow| flow.total()).sum(), c.connections)
}

/// Connections of a client over the whole trial.
fn connections(trial: &Trial) -> Option<f64> {
    let all = trial.ledger.phases.iter().map(|phase| phase.counters.connections).sum();
    per(all, u64::from(trial.clients_held))
}

/// Full and resumed TLS handshakes of a trial; `None` without TLS.
fn handshakes(trial: &Trial) -> Option<[f64; 2]> {
    let words = |text: &str| text.to_lowercase().split_whitespace().map(String::from).collect::<Vec<_>>();
    let mut counts = [0.0; 2];
    let mut any = false;
    for (text, number) in &trial.negotiated {
        let words = words(text);
        if words.first().is_some_and(|word| word == "tls") {
            any = true;
            counts[usize::from(words.iter().any(|word| word == "resumed"))] += *number as f64;
        }
    }
    any.then_some(counts)
}

/// The median time of a stage, ms; or in words why there is none: some client libraries tell when they are
/// ready and nothing of the way there.
fn time(record: &Record, cell: &Cell, tag: &str) -> String {
    let there = counting(cell.index, &record.trials).iter().any(|trial| trial.latencies.contains_key(tag));
    match median(record, cell, |trial| Some(trial.latencies.get(tag)?.quantile(0.5)? as f64)) {
        Some(ns) => format::number(ns / 1e6),
        None if there => "too few".into(),
        None if counting(cell.index, &record.trials).iter().any(|trial| trial.latencies.contains_key("connect_ready")) => {
            "not shown".into()
        }
        None => "not measured".into(),
    }
}

/// The account of a group, a row an arm; `None` if no trial that counts has connections.
pub fn table(record: &Record, group: &Group) -> Option<Table> {
    let mut columns = vec![Column::words("arm")];
    columns.extend(HEADS.iter().map(|head| Column::numbers(head, "B")));
    columns.extend([
        Column::numbers("sum", "B"),
        Column::numbers("segments", ""),
        Column::numbers("connections", "a client"),
        Column::numbers("TLS full", "a trial"),
        Column::numbers("resumed", "a trial"),
        Column::numbers("round trips", "theory"),
        Column::numbers("TCP p50", "ms"),
        Column::numbers("TLS p50", "ms"),
        Column::numbers("ready p50", "ms"),
    ]);
    let mut table = Table::new(columns);
    let number = |value: Option<f64>| value.map_or("–".to_string(), format::number);
    for &index in &group.cells {
        let cell = record.plan.cells.get(index)?;
        let Some(bytes) = bytes_per_connection(record, cell) else { continue };
        let mut row = vec![view::title(&record.plan, cell)];
        row.extend(bytes.iter().map(|part| format::number(*part)));
        row.push(format::number(bytes.iter().sum()));
        row.extend([number(median(record, cell, segments)), number(median(record, cell, connections))]);
        row.extend([0, 1].map(|kind| number(median(record, cell, |trial| Some(handshakes(trial)?[kind])))));
        row.push(theory::set_up::first_byte(&cell.config).to_string());
        row.push(time(record, cell, "connect_tcp"));
        row.push(if cell.config.tls.is_none() { "–".into() } else { time(record, cell, "connect_tls") });
        row.push(time(record, cell, "connect_ready"));
        table.push(row);
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Arms that open a connection for each request: the table has what one costs, and not how often it is paid.
pub fn sentences(record: &Record, group: &Group) -> Vec<String> {
    let cells = group.cells.iter().filter_map(|&index| record.plan.cells.get(index));
    let often = |cell: &&Cell| {
        let a_request = median(record, cell, |trial| {
            let window = trial.ledger.phase(Phase::Steady);
            per(window.connections, window.requests)
        });
        a_request.is_some_and(|share| share > 0.9)
    };
    let say = |cell: &Cell| {
        let all = median(record, cell, connections).map_or("–".into(), format::number);
        format!(
            "{} opens a connection for each request, {all} a client over the trial: what they cost is in its bytes per message.",
            format::capital(&view::title(&record.plan, cell))
        )
    };
    cells.filter(often).map(say).collect()
}

/// What the table's words mean.
pub const READING: &str = "Both directions, medians over trials. Bytes and segments are those of a connection in the phase in which clients connect; connections are those of the whole trial. Full and resumed handshakes are as the server negotiated them. Round trips until the first byte are what theory asks of a first connection. \"Not shown\": this client library tells when it is ready, but not when that step was done; \"too few\": not ten samples lie beyond the median. Ready means that a message could come: for a poller after its first poll, whose answer is \"the rest\".";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use wirecost_model::scenario::TlsOptions;

    #[test]
    fn plain_arms_have_no_tls_to_speak_of() {
        let record = &fixture::run().record;
        let table = table(record, &view::groups(&record.plan)[0]).unwrap();
        insta::assert_snapshot!(table.markdown());
    }

    #[test]
    fn handshakes_connections_and_stages_that_nobody_saw() {
        let mut record = fixture::run().record.clone();
        record.plan.cells[0].config.tls = Some(TlsOptions::default());
        for trial in record.trials.iter_mut().filter(|trial| trial.cell == 0) {
            trial.negotiated = [("TLS 1.3 X25519 full".into(), 50), ("TLS 1.3 X25519 resumed".into(), 200)].into();
            trial.latencies.remove("connect_tcp");
            trial.latencies.get_mut("connect_ready").unwrap().quantiles.clear();
            trial.ledger.phases.iter_mut().find(|p| p.phase == Phase::Steady).unwrap().counters.connections = 200;
        }
        let group = &view::groups(&record.plan)[0];
        assert_eq!(sentences(&record, group), Vec::<String>::new());
        for trial in record.trials.iter_mut().filter(|trial| trial.cell == 1) {
            let window = &mut trial.ledger.phases.iter_mut().find(|p| p.phase == Phase::Steady).unwrap().counters;
            (window.connections, window.requests) = (2000, 2000);
        }
        let said = sentences(&record, group);
        assert!(said.len() == 1 && said[0].starts_with("Fast polling opens a connection for each request"), "{said:?}");
        let table = table(&record, group).unwrap();
        assert_eq!(table.rows[0][7..], ["5.00", "50.0", "200", "3", "not shown", "not shown", "too few"]);
        record.trials.clear();
        assert_eq!(super::table(&record, &view::groups(&record.plan)[0]), None);
    }
}
