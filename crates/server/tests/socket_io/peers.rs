//! Foreign clients: the official ones of JavaScript, that of Python, and a browser with the demonstration page. They are installed by hand or by the test command, with
//! `npm ci` in `tests/peers` and `pip install 'python-socketio[client]'`; without them these tests say that they were skipped.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use wirecost_server::options::ServerOptions;
use wirecost_server::start;

use crate::http::conformance;
use crate::support::{run, server};

/// A browser beside them takes both cores, and the official clients have timeouts of their own.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers")
}

/// Runs a client on a thread of its own, so that the server can serve it.
async fn client(program: PathBuf, arguments: Vec<String>) -> std::io::Result<Output> {
    let running = move || Command::new(program).args(arguments).current_dir(folder()).output();
    tokio::task::spawn_blocking(running).await.unwrap()
}

fn check(output: &Output) {
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.ends_with("done\n"), "{}\n{said}{complained}", output.status);
}

#[test]
fn javascript() {
    let _turn = turn();
    if !folder().join("node_modules/socket.io-client").exists() {
        println!("skipped: the JavaScript clients are not installed; run npm ci in {}", folder().display());
        return;
    }
    run(async {
        let benchmark = server().await;
        // Many heartbeats, and long for each: what a busy machine leaves of a core is nobody's fault.
        let suites = ServerOptions { ping_timeout: ServerOptions::default().ping_timeout, ..conformance() };
        let suites = start(suites).await.unwrap();
        let arguments = ["clients.mjs", &benchmark.url, &suites.url].map(str::to_owned).to_vec();
        match client("node".into(), arguments).await {
            Ok(output) => check(&output),
            Err(error) => println!("skipped: node cannot be run: {error}"),
        }
        for server in [benchmark, suites] {
            let report = server.stop().await;
            assert_eq!(report.reading.counters.bad_clients, 0);
        }
    });
}

/// Where distributions put it.
const CHROMIUM: &str = "/usr/bin/chromium";

/// The demonstration page, used as a person would; what is done there stands in `demo.mjs`.
#[test]
fn a_person_at_the_demonstration_page() {
    let _turn = turn();
    if !folder().join("node_modules/playwright-core").exists() || !Path::new(CHROMIUM).exists() {
        println!("skipped: this needs {CHROMIUM}, and playwright-core; run npm ci in {}", folder().display());
        return;
    }
    run(async {
        // Browsers open connections in stock, and say nothing on them.
        let head_timeout = std::time::Duration::from_secs(86_400);
        let server = start(ServerOptions { demo: true, head_timeout, ..ServerOptions::default() }).await.unwrap();
        // Pictures, if somebody wants to look.
        let pictures = std::env::var("WIRECOST_PICTURES").ok();
        let arguments = ["demo.mjs", &server.url, CHROMIUM].map(str::to_owned).into_iter().chain(pictures).collect();
        match client("node".into(), arguments).await {
            Ok(output) => check(&output),
            Err(error) => println!("skipped: node cannot be run: {error}"),
        }
        assert_eq!(server.stop().await.reading.counters.bad_clients, 0);
    });
}

#[test]
fn python() {
    let _turn = turn();
    let ours = folder().join("venv/bin/python");
    let python = if ours.exists() { ours } else { "python3".into() };
    run(async {
        let server = server().await;
        match client(python.clone(), vec!["-c".into(), "import socketio, websocket, requests".into()]).await {
            Ok(output) if output.status.success() => {
                check(&client(python, vec!["client.py".into(), server.url.clone()]).await.unwrap());
            }
            _ => println!("skipped: python-socketio[client] is not installed"),
        }
        assert_eq!(server.stop().await.reading.counters.bad_clients, 0);
    });
}
