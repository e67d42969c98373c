//! TLS: what is pinned is negotiated, and handshake, records and plain bytes add up to what the client's socket carried.

mod support;

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use support::{Client, Layers, get, publish, run, subscribed};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wirecost_model::Direction;
use wirecost_model::control::ServerReport;
use wirecost_model::ledger::Layer;
use wirecost_model::scenario::{KeyExchange, TlsOptions, TlsVersion};
use wirecost_probe::meter::{Meter, MeteredStream};
use wirecost_server::options::ServerOptions;
use wirecost_server::server::{Running, start};
use wirecost_wire::tls::Protection;

type Secure = Client<TlsStream<MeteredStream<TcpStream>>>;

async fn server(tls: TlsOptions) -> Running {
    start(ServerOptions { tls: Some(tls), ..ServerOptions::default() }).await.unwrap()
}

/// What the library itself prefers, trusting the server's certificate.
fn config(server: &Running, resume: bool) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(server.certificate_der.clone().unwrap())).unwrap();
    // In another order than the server could want it: the server decides.
    let kx_groups = vec![kx_group::X25519, kx_group::X25519MLKEM768];
    let provider = CryptoProvider { kx_groups, ..default_provider() };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    if !resume {
        config.resumption = Resumption::disabled();
    }
    Arc::new(config)
}

async fn connect(server: &Running, config: Arc<ClientConfig>, meter: &Arc<Meter>) -> Secure {
    let stream = TcpStream::connect(server.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    Client::over(TlsConnector::from(config).connect(name, MeteredStream::new(stream, meter.clone())).await.unwrap())
}

/// Holds the sum against the client's socket; returns TLS bytes as (handshake up, records up, handshake down, records down).
fn add_up(report: &ServerReport, meter: &Meter) -> (u64, u64, u64, u64) {
    let counters = &report.reading.counters;
    let socket = meter.snapshot();
    let layer = |layer, direction| counters.layer(layer, direction);
    let tls = |direction| (layer(Layer::TlsHandshake, direction), layer(Layer::TlsRecord, direction));
    for (direction, carried) in [(Direction::Up, socket.written_bytes), (Direction::Down, socket.read_bytes)] {
        let (handshake, records) = tls(direction);
        assert_eq!(Layers::of(counters, direction).total() + handshake + records, carried, "{direction:?}");
    }
    assert_eq!((counters.socket_bytes.up, counters.socket_bytes.down), (socket.written_bytes, socket.read_bytes));
    let ((handshake_up, records_up), (handshake_down, records_down)) = (tls(Direction::Up), tls(Direction::Down));
    (handshake_up, records_up, handshake_down, records_down)
}

#[test]
fn every_combination_is_what_it_says_and_adds_up() {
    for (version, kx, protection, name) in [
        (TlsVersion::V13, KeyExchange::X25519, Protection::Tls13, "TLS 1.3 X25519 full"),
        (TlsVersion::V13, KeyExchange::X25519mlkem768, Protection::Tls13, "TLS 1.3 X25519MLKEM768 full"),
        (TlsVersion::V12, KeyExchange::X25519, Protection::Tls12AesGcm, "TLS 1.2 X25519 full"),
    ] {
        run(async move {
            let server = server(TlsOptions { version, kx, resume: false }).await;
            assert!(server.url.starts_with("https://127.0.0.1:"));
            publish(&server, "r", &["12345678", &"x".repeat(20_000)]);
            let meter = Meter::new();
            // A client that offers what the server wants first, so that it need not be asked again.
            let mut pinned = (*config(&server, false)).clone();
            if kx == KeyExchange::X25519mlkem768 {
                let provider = CryptoProvider { kx_groups: vec![kx_group::X25519MLKEM768], ..default_provider() };
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from(server.certificate_der.clone().unwrap())).unwrap();
                pinned = ClientConfig::builder_with_provider(Arc::new(provider))
                    .with_safe_default_protocol_versions()
                    .unwrap()
                    .with_root_certificates(roots)
                    .with_no_client_auth();
            }
            let mut client = connect(&server, Arc::new(pinned), &meter).await;
            // At once, so that the server may read it together with the end of the handshake.
            client.send(get("/poll?room=r", "")).await;
            client.answer().await;
            let handful = client.get("/poll?room=r&after=0").await;
            assert!(handful.contains("12345678"));
            let (plain_up, plain_down) = client.leave().await;
            let report = server.stop().await;
            let counters = report.reading.counters;
            assert_eq!((counters.plain_bytes.up, counters.plain_bytes.down), (plain_up, plain_down));
            let (handshake_up, records_up, handshake_down, records_down) = add_up(&report, &meter);
            // Two requests and a close; a small answer, one of two records, and a close.
            let close_bytes = protection.record_overhead_bytes() + 2;
            assert_eq!(records_up, protection.overhead_bytes(2) + close_bytes);
            assert_eq!(records_down, protection.overhead_bytes(3) + close_bytes);
            let share_bytes = if kx == KeyExchange::X25519 { 32 } else { 1216 };
            assert!((share_bytes + 100..share_bytes + 700).contains(&handshake_up), "{handshake_up}");
            assert!(handshake_down > 600, "{handshake_down}");
            assert_eq!(report.negotiated, [(name.to_string(), 1)].into());
            assert_eq!(counters.bad_clients, 0);
        });
    }
}

#[test]
fn a_client_whose_first_share_is_of_another_group_is_asked_again() {
    run(async {
        let tls = TlsOptions { kx: KeyExchange::X25519mlkem768, ..TlsOptions::default() };
        let server = server(tls).await;
        let meter = Meter::new();
        let mut client = connect(&server, config(&server, false), &meter).await;
        client.get("/health").await;
        client.leave().await;
        let report = server.stop().await;
        let (_, records_up, _, records_down) = add_up(&report, &meter);
        assert_eq!((records_up, records_down), (22 + 24, 22 + 24));
        assert_eq!(report.negotiated, [("TLS 1.3 X25519MLKEM768 full after a retry".to_string(), 1)].into());
    });
}

#[test]
fn sessions_are_resumed_only_where_that_is_wanted() {
    for (version, name) in [(TlsVersion::V13, "TLS 1.3"), (TlsVersion::V12, "TLS 1.2")] {
        for resume in [true, false] {
            run(async move {
                let server = server(TlsOptions { version, kx: KeyExchange::X25519, resume }).await;
                let (meter, config) = (Meter::new(), config(&server, true));
                for _ in 0..2 {
                    let mut client = connect(&server, config.clone(), &meter).await;
                    client.get("/health").await;
                    client.leave().await;
                }
                let report = server.stop().await;
                let (_, records_up, _, records_down) = add_up(&report, &meter);
                let overhead = if version == TlsVersion::V13 { 22 } else { 29 };
                let records = 2 * (overhead + overhead + 2);
                assert_eq!(records_up, records);
                // Tickets of TLS 1.3 come after the handshake; those of TLS 1.2 are part of it.
                assert_eq!(records_down > records, resume && version == TlsVersion::V13, "{records_down}");
                let resumed = report.negotiated.iter().any(|(protocol, _)| protocol.ends_with(" resumed"));
                assert_eq!(resumed, resume, "{:?}", report.negotiated);
                assert!(report.negotiated.keys().all(|protocol| protocol.starts_with(name)));
            });
        }
    }
}

#[test]
fn streams_and_websockets_over_tls() {
    run(async {
        let server = server(TlsOptions::default()).await;
        let meter = Meter::new();
        let mut socket = connect(&server, config(&server, false), &meter).await;
        socket.upgrade("/ws?room=r").await;
        let mut events = connect(&server, config(&server, false), &meter).await;
        events.send(get("/sse?room=r", "")).await;
        events.head().await;
        subscribed(&server, 2).await;
        publish(&server, "r", &["one", "two"]);
        assert_eq!(socket.frame().await, (0x81, b"one".to_vec()));
        assert_eq!(socket.frame().await, (0x81, b"two".to_vec()));
        assert_eq!(events.chunk().await, "22\r\nid: 0\ndata: one\n\nid: 1\ndata: two\n\n\r\n");
        socket.send(support::websocket::close(1000)).await;
        assert_eq!(socket.closed_with().await, 1000);
        socket.leave().await;
        events.leave().await;
        let report = server.stop().await;
        let (_, records_up, _, records_down) = add_up(&report, &meter);
        // Up: upgrade, close frame, request, and a close of each. Down: head, both messages in one record, close frame, close;
        // head, one chunk, and no close, because the client left in the middle of an answer.
        assert_eq!((records_up, records_down), (3 * 22 + 2 * 24, 5 * 22 + 24));
    });
}

#[test]
fn clients_that_fail_the_handshake_are_counted_and_add_up() {
    run(async {
        let server = server(TlsOptions::default()).await;
        // Plain HTTP where TLS is spoken.
        let mut plain = Client::connect(&server).await;
        plain.send(get("/health", "")).await;
        let alert = plain.rest().await;
        assert_eq!((alert[0], alert.len()), (21, 7));
        let totals = (plain.sent, plain.received);
        drop(plain);
        // One that comes and goes breaks no rule.
        Client::connect(&server).await.leave().await;
        let report = server.stop().await;
        let counters = report.reading.counters;
        assert_eq!((counters.bad_clients, counters.connections, counters.requests), (1, 2, 0));
        assert_eq!((counters.tls_handshake_bytes.up, counters.tls_handshake_bytes.down), totals);
        assert_eq!((counters.socket_bytes.up, counters.socket_bytes.down), totals);
    });
}
