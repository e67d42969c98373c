//! The process around a server: commands on stdin, events on stdout, one JSON object a line; or, without control, one line when
//! it is ready.
//!
//! Commands are read and readings are made on a thread of their own: a reading asks the kernel about every connection, and must
//! not stand in the way of those that are being served.

use std::future::Future;
use std::io::{BufRead, BufReader, Read, Write};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use wirecost_model::control::{ServerCommand, ServerEvent};
use wirecost_probe::{affinity, limits};

use crate::options::{ServerError, ServerOptions};
use crate::server::{Desk, Running, start};

/// The longest command.
const MAX_COMMAND_BYTES: u64 = 1 << 20;

/// Where events go; two threads write.
type Events = Arc<Mutex<dyn Write + Send>>;

/// Serves, on this thread, until `shutdown` is ready; with [`ServerOptions::control`], until a stop command or the end of
/// stdin. Called before the process has other threads it pins the process to [`ServerOptions::cores`].
///
/// # Errors
/// [`ServerError`]. Nothing was written to stdout then, or everything up to the error.
pub fn run(options: ServerOptions, shutdown: impl Future) -> Result<(), ServerError> {
    if !options.cores.is_empty() {
        affinity::pin(&options.cores).map_err(|source| ServerError::Cores { cores: options.cores.clone(), source })?;
    }
    // A sandbox may forbid it; then there are fewer connections, which is seen when they are refused.
    let _ = limits::raise_nofile();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let control = options.control;
        let running = start(options).await?;
        let events: Events = Arc::new(Mutex::new(std::io::stdout()));
        if control {
            return obey(running, std::io::stdin(), events, shutdown).await;
        }
        let ready = serde_json::to_string(&running.ready()).map_err(std::io::Error::from)?;
        write_line(&events, &ready)?;
        shutdown.await;
        running.stop().await;
        Ok(())
    })
}

/// Serves under control.
///
/// The thread that reads commands ends with them; if `shutdown` comes first it is left waiting for the next one.
///
/// # Errors
/// A command that is none, or nobody to tell.
async fn obey(
    running: Running,
    commands: impl Read + Send + 'static,
    events: Events,
    shutdown: impl Future,
) -> Result<(), ServerError> {
    emit(&events, &ServerEvent::Ready(running.ready()))?;
    let (told, stop) = oneshot::channel();
    let (desk, answers) = (running.desk().clone(), events.clone());
    std::thread::Builder::new().name("control".into()).spawn(move || {
        let obeyed = obey_each(&desk, BufReader::new(commands), &answers);
        // Nobody listens if the server is on its way out already.
        let _ = told.send(obeyed);
    })?;
    let mut shutdown = pin!(shutdown);
    let obeyed = tokio::select! {
        obeyed = stop => obeyed.unwrap_or(Ok(())),
        _ = shutdown.as_mut() => Ok(()),
    };
    let report = running.stop().await;
    // After a bad command too: what was measured until then is true.
    emit(&events, &ServerEvent::Report(Box::new(report)))?;
    obeyed
}

/// Obeys until the stop command or the end.
fn obey_each(desk: &Desk, mut commands: impl BufRead, events: &Events) -> Result<(), ServerError> {
    loop {
        let mut line = Vec::new();
        let read = commands.by_ref().take(MAX_COMMAND_BYTES).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        match serde_json::from_slice(&line).map_err(|error| ServerError::Command(error.to_string()))? {
            ServerCommand::Begin(begin) => {
                desk.begin(begin)?;
                emit(events, &ServerEvent::Begun)?;
            }
            ServerCommand::Read => emit(events, &ServerEvent::Reading(Box::new(desk.reading())))?,
            ServerCommand::Stop => return Ok(()),
        }
    }
}

fn emit(events: &Events, event: &ServerEvent) -> Result<(), ServerError> {
    let line = serde_json::to_string(event).map_err(std::io::Error::from)?;
    write_line(events, &line)
}

fn write_line(events: &Events, line: &str) -> Result<(), ServerError> {
    let mut events = events.lock().unwrap_or_else(PoisonError::into_inner);
    events.write_all(line.as_bytes())?;
    events.write_all(b"\n")?;
    Ok(events.flush()?)
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::io::PipeWriter;

    use wirecost_model::control::{Begin, Publish, ServerReport};
    use wirecost_model::schedule::Arrivals;
    use wirecost_model::units::Rate;
    use wirecost_probe::clock;

    use super::*;

    /// Serves while `client` talks to it, in a thread, by the two pipes; returns how that ended.
    fn talk<T: Send + 'static>(
        client: impl FnOnce(PipeWriter, Box<dyn Iterator<Item = ServerEvent>>) -> T + Send + 'static,
    ) -> (T, Result<(), ServerError>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (commands, to_server) = std::io::pipe().unwrap();
        let (from_server, events) = std::io::pipe().unwrap();
        let client = std::thread::spawn(move || {
            let lines = BufReader::new(from_server).lines();
            client(to_server, Box::new(lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap())))
        });
        let ended = runtime.block_on(async {
            let running = start(ServerOptions::default()).await.unwrap();
            obey(running, commands, Arc::new(Mutex::new(events)), pending::<()>()).await
        });
        (client.join().unwrap(), ended)
    }

    fn say(commands: &mut PipeWriter, command: &ServerCommand) {
        writeln!(commands, "{}", serde_json::to_string(command).unwrap()).unwrap();
    }

    fn get(address: std::net::SocketAddr, target: &str) -> String {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        std::io::read_to_string(stream).unwrap()
    }

    fn report(events: &mut dyn Iterator<Item = ServerEvent>) -> ServerReport {
        let last = std::iter::from_fn(|| events.next()).find(|event| !matches!(event, ServerEvent::Begun));
        let Some(ServerEvent::Report(report)) = last else { panic!("a report must come") };
        assert!(events.next().is_none(), "the report is the last word");
        *report
    }

    #[test]
    fn ready_readings_and_a_report() {
        let (report, ended) = talk(|mut commands, mut events| {
            let Some(ServerEvent::Ready(ready)) = events.next() else { panic!("the first word is ready") };
            assert_eq!((ready.url, ready.pid), (format!("http://{}", ready.address), std::process::id()));
            let publish = Publish {
                each_of: None,
                rate: Rate(1000.0).into(),
                arrivals: Arrivals::Periodic,
                payload_bytes: 32,
                seed: 1,
                faults: Default::default(),
            };
            let start_ns = clock::now_ns();
            let begin = Begin {
                start_ns,
                window_from_ns: 0,
                window_to_ns: 20_000_000,
                publish: Some(publish),
                relay_rooms: None,
                cut: None,
            };
            say(&mut commands, &ServerCommand::Begin(begin));
            assert!(matches!(events.next(), Some(ServerEvent::Begun)));
            // Until the last of twenty is there.
            while !get(ready.address, "/poll?room=all").contains(r#"{"next":20,"#) {
                std::thread::yield_now();
            }
            say(&mut commands, &ServerCommand::Read);
            let Some(ServerEvent::Reading(reading)) = events.next() else { panic!("a reading must come") };
            assert!(reading.at_ns > start_ns && reading.rss_bytes > 0);
            say(&mut commands, &ServerCommand::Stop);
            report(&mut events)
        });
        ended.unwrap();
        let published = report.published;
        assert_eq!((published.messages, published.in_window, published.lag.count()), (20, 20, 20));
        let counters = report.reading.counters;
        assert!(counters.connections > 0 && counters.connections == counters.requests);
        assert_eq!(report.reading.open_connections, 0);
    }

    #[test]
    fn the_end_of_commands_is_a_stop() {
        let (_, ended) = talk(|commands, mut events| {
            assert!(matches!(events.next(), Some(ServerEvent::Ready(_))));
            drop(commands);
            report(&mut events)
        });
        ended.unwrap();
    }

    #[test]
    fn what_is_no_command_ends_the_server_with_an_error_and_its_report() {
        let begin = Begin { start_ns: 0, window_from_ns: 0, window_to_ns: 0, publish: None, relay_rooms: None, cut: None };
        let begin = serde_json::to_string(&ServerCommand::Begin(begin)).unwrap();
        for (lines, reason) in [
            ("hello\n".to_string(), "bad command: expected value at line 1 column 1".to_string()),
            (format!("{begin}\n{begin}\n"), "bad command: publishing has begun before".to_string()),
            ("x".repeat(2 << 20), "bad command: expected value at line 1 column 1".to_string()),
        ] {
            let (_, ended) = talk(move |mut commands, mut events| {
                assert!(matches!(events.next(), Some(ServerEvent::Ready(_))));
                // The server may stop reading before the end.
                let _ = commands.write_all(lines.as_bytes());
                report(&mut events)
            });
            assert_eq!(ended.unwrap_err().to_string(), reason);
        }
    }
}
