//! The books against the wire: in a network where nobody else talks, everything that the loopback carried is in the ledger, to
//! the byte and to the frame, whoever ended a connection and how.
//!
//! Without libtest, because a process must enter such a network before it has a second thread.

mod support;

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use support::websocket::{close, frame};
use support::{Client, get, post, publish, run, subscribed};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use wirecost_model::ledger::Counters;
use wirecost_probe::interface;
use wirecost_probe::namespace::{PrivateNetwork, TcpRecovery, enter_private, private_support, set_tcp_recovery};
use wirecost_server::{Running, ServerOptions, start};

/// Longer than an acknowledgement may be delayed.
const QUIET: Duration = Duration::from_millis(120);

fn main() {
    if let Err(error) = private_support() {
        println!("skipped: {error}. {}", error.remedy());
        return;
    }
    enter_private(&PrivateNetwork::default()).unwrap();
    set_tcp_recovery(TcpRecovery::WITHOUT_PROBES).unwrap();
    for tls in [false, true] {
        run(async move {
            let before = carried();
            let options = ServerOptions { tls: tls.then(Default::default), ..ServerOptions::default() };
            let server = start(options).await.unwrap();
            let clients = Clients { config: server.certificate_der.as_deref().map(trust) };
            everything(&server, &clients).await;
            let report = server.stop().await;
            assert_eq!((report.reading.open_connections, report.reading.counters.bad_clients), (0, 1));
            assert_same("at the end", &report.reading.counters, before);
        });
    }
    println!("ok");
}

/// Bytes and frames of the loopback.
fn carried() -> (u64, u64) {
    let counters = interface::Counters::read("lo").unwrap();
    (counters.sent_bytes, counters.sent_packets)
}

fn assert_same(when: &str, counters: &Counters, (bytes, frames): (u64, u64)) {
    let (bytes_now, frames_now) = carried();
    let Counters { socket_bytes, data_header_bytes, ack_bytes, control_bytes, retransmit_bytes, .. } = counters;
    let ledger_bytes = [socket_bytes, data_header_bytes, ack_bytes, control_bytes, retransmit_bytes].map(|flow| flow.total());
    let Counters { data_segments, ack_segments, control_segments, retransmit_segments, .. } = counters;
    let ledger_frames = [data_segments, ack_segments, control_segments, retransmit_segments].map(|flow| flow.total());
    let ledger = (ledger_bytes.iter().sum::<u64>(), ledger_frames.iter().sum::<u64>());
    assert_eq!(ledger, (bytes_now - bytes, frames_now - frames), "bytes and frames {when}: {counters:#?}");
}

fn trust(certificate_der: &[u8]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(certificate_der.to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

/// How clients connect.
struct Clients {
    config: Option<Arc<ClientConfig>>,
}

trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send {}
impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send> Stream for S {}

impl Clients {
    async fn connect(&self, server: &Running) -> Client<Box<dyn Stream>> {
        let stream = TcpStream::connect(server.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let Some(config) = &self.config else { return Client::over(Box::new(stream)) };
        let name = ServerName::try_from("localhost").unwrap();
        Client::over(Box::new(TlsConnector::from(config.clone()).connect(name, stream).await.unwrap()))
    }
}

/// Every transport and every way to end.
async fn everything(server: &Running, clients: &Clients) {
    let before = carried();
    let large = "x".repeat(100_000);
    publish(server, "r", &["one", "two", &large]);

    let mut poller = clients.connect(server).await;
    for after in [0, 1, 3, 3] {
        poller.get(&format!("/poll?room=r&after={after}")).await;
    }
    poller.ask(&post("/echo", &large)).await;
    // With a pause in which acknowledgements travel alone.
    tokio::time::sleep(QUIET).await;
    poller.get("/long-poll?room=r&after=3&hold_ms=100").await;
    tokio::time::sleep(QUIET).await;
    assert_same("while a connection is open", &server.counters(), before);

    for _ in 0..3 {
        let mut once = clients.connect(server).await;
        once.ask(&get("/poll?room=r&after=0", "connection: close\r\n")).await;
        once.rest().await;
    }
    let mut events = clients.connect(server).await;
    events.send(get("/sse?room=r&after=2", "")).await;
    events.head().await;
    events.chunk().await;
    let mut stream = clients.connect(server).await;
    stream.send(get("/stream?room=r", "")).await;
    stream.head().await;
    let mut socket = clients.connect(server).await;
    socket.upgrade("/ws?room=r&after=0").await;
    for _ in 0..3 {
        socket.frame().await;
    }
    let mut echo = clients.connect(server).await;
    echo.upgrade("/ws/echo").await;
    echo.send(frame(0x82, &vec![1; 70_000])).await;
    assert_eq!(echo.frame().await.1.len(), 70_000);
    subscribed(server, 3).await;
    publish(server, "r", &["three"]);
    events.chunk().await;
    stream.chunk().await;
    socket.frame().await;

    let carried = socket_io(server, clients).await;

    // The client leaves in the middle of an answer, in order; another leaves after it has said so.
    events.leave().await;
    echo.send(close(1000)).await;
    assert_eq!(echo.closed_with().await, 1000);
    drop(echo);
    // One that the server refuses.
    let mut bad = clients.connect(server).await;
    bad.send("no request\r\n\r\n").await;
    assert!(bad.head().await.starts_with("HTTP/1.1 400 "));
    bad.rest().await;
    drop(bad);
    // One that comes and goes without a word, and two that are still there when the server stops, which must not wait long.
    drop(clients.connect(server).await);
    poller.leave().await;
    tokio::spawn(async move {
        let mut carried = carried;
        assert_eq!(carried.frame().await.0, 0x88);
        carried.send(close(1001)).await;
        carried.rest().await;
    });
    tokio::spawn(async move {
        stream.rest().await;
    });
    tokio::spawn(async move {
        assert_eq!(socket.frame().await.0, 0x88);
        socket.send(close(1001)).await;
        socket.rest().await;
    });
    tokio::time::sleep(QUIET).await;
}

/// A session by polling, and another that goes over to a WebSocket, which is left open.
async fn socket_io(server: &Running, clients: &Clients) -> Client<Box<dyn Stream>> {
    let mut poller = clients.connect(server).await;
    let mut carried = clients.connect(server).await;
    let opened = poller.get("/socket.io/?EIO=4&transport=polling").await;
    let sid = &opened[opened.find("\"sid\":\"").unwrap() + 7..][..20];
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    poller.ask(&post(&target, r#"40{"room":"io"}"#)).await;
    assert!(poller.get(&target).await.contains("40{\"sid\":"));
    publish(server, "io", &["one", &"x".repeat(50_000)]);
    assert!(poller.get(&target).await.contains(r#"42["message","one"]"#));
    poller.ask(&post(&target, r#"421["echo","two"]"#)).await;
    assert!(poller.get(&target).await.ends_with(r#"431["two"]"#));
    carried.upgrade(&target.replace("polling", "websocket")).await;
    poller.send(get(&target, "")).await;
    carried.send(frame(0x81, b"2probe")).await;
    assert_eq!(carried.frame().await.1, b"3probe");
    assert!(poller.answer().await.ends_with("\r\n\r\n6"));
    carried.send(frame(0x81, b"5")).await;
    publish(server, "io", &["three"]);
    assert_eq!(carried.frame().await.1, br#"42["message","three"]"#);
    assert!(poller.get(&target).await.starts_with("HTTP/1.1 400 "), "polling is over");
    poller.leave().await;
    carried
}
