//! Which server stands behind each arm, where not all are the reference server: what starts it, which version it says it is, and
//! how it is spoken to. Without this a comparison of servers is one of names.

use wirecost_model::scenario::{Engine, Via};
use wirecost_model::{ArmConfig, Record, TransportKind};

use crate::table::{Column, Table};
use crate::view;

/// A row an arm; `None` if every arm is against the reference server.
pub fn table(record: &Record) -> Option<Table> {
    record.plan.cells.iter().find(|cell| cell.config.target.is_some())?;
    let mut table = Table::new(["arm", "server", "version", "spoken to by"].map(Column::words).into());
    for cell in record.plan.cells.iter().filter(|cell| cell.config.twin_of.is_none()) {
        let version = record.provenance.target_versions.get(&cell.config.name);
        let (server, version) = match &cell.config.target {
            None => ("the reference server".into(), format!("wirecost {}", record.provenance.version)),
            Some(target) => (
                // Several servers may be started by the same words, each in its folder.
                target.url.clone().unwrap_or_else(|| {
                    let dir = target.cwd.iter().map(|dir| format!(" in {dir}")).collect::<String>();
                    target.command.join(" ") + &dir
                }),
                version.cloned().unwrap_or_else(|| "not asked".into()),
            ),
        };
        let row = vec![view::title(&record.plan, cell), server, version, spoken(&cell.config)];
        // Axes that all arms share make many cells of one arm.
        if !table.rows.contains(&row) {
            table.push(row);
        }
    }
    Some(table)
}

/// The transport with what its name leaves open, and the dialect.
fn spoken(config: &ArmConfig) -> String {
    let mut words = config.transport.row().label.to_string();
    if config.transport == TransportKind::SocketIo {
        let via: Vec<&str> = config.via.iter().map(|via| via_name(*via)).collect();
        let (engine, application) = match config.engine {
            Engine::V4 => (4, "3 and 4"),
            Engine::V3 => (3, "1 and 2"),
        };
        words += &format!(" {application} (EIO={engine}) over {}", via.join(", then "));
        words += &config.namespace.iter().filter(|n| *n != "/").map(|n| format!(", namespace {n}")).collect::<String>();
    }
    match &config.target {
        Some(target) => format!("{words}; dialect {}", target.dialect.row().name),
        None => words,
    }
}

fn via_name(via: Via) -> &'static str {
    match via {
        Via::Polling => "polling",
        Via::Jsonp => "JSONP polling",
        Via::Websocket => "WebSocket",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn arms_against_the_reference_server_alone_need_no_table() {
        assert_eq!(table(&fixture::run().record), None);
    }

    #[test]
    fn servers_have_their_versions_and_protocols() {
        let mut record = fixture::run().record.clone();
        let target = |text: &str| Some(serde_json::from_str(text).unwrap());
        let config = &mut record.plan.cells[2].config;
        config.target = target(r#"{"command": ["nginx", "-p", "."], "cwd": "nchan", "port": 1, "dialect": {"nchan": {}}}"#);
        record.provenance.target_versions = [(config.name.clone(), "nginx/1.22.1".into())].into();
        let config = &mut record.plan.cells[4].config;
        config.target = target(r#"{"url": "http://127.0.0.1:1", "dialect": {"socket_io": {}}}"#);
        (config.transport, config.engine) = (TransportKind::SocketIo, Engine::V3);
        (config.via, config.namespace) = (vec![Via::Polling, Via::Websocket], Some("/test".into()));
        insta::assert_snapshot!(table(&record).unwrap().markdown());
    }
}
