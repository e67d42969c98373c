//! The lean stack below TLS: the same answers, both stages timed, and a proper end.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use wirecost_model::ArmConfig;
use wirecost_model::scenario::{Stack, TlsOptions};

use super::{Peer, arm, read_request};
use crate::stack::Message;
use crate::stack::lean::http::Http;
use crate::stack::lean::websocket::WebSocket;
use crate::target::Target;

fn acceptor() -> (TlsAcceptor, Vec<u8>) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate =
        rcgen::CertificateParams::new(vec!["127.0.0.1".to_string()]).and_then(|p| p.self_signed(&key)).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).expect("a key"))
        .expect("a server");
    (TlsAcceptor::from(Arc::new(config)), certificate.der().to_vec())
}

fn target(peer: &Peer, certificate: Vec<u8>) -> Target {
    let arm = ArmConfig { tls: Some(TlsOptions::default()), ..arm(Stack::Lean) };
    Target { certificate_der: Some(certificate), ..peer.target(arm) }
}

#[tokio::test]
async fn requests_over_tls_on_one_connection() {
    let peer = Peer::new().await;
    let (acceptor, certificate) = acceptor();
    let http = Http::new(&Rc::new(target(&peer, certificate)), peer.meter.clone(), peer.sink()).expect("a client");
    let large = Bytes::from(vec![b'y'; 200_000]);
    let client = async {
        for body in [Bytes::from_static(b"m"), large.clone()] {
            assert_eq!(http.post("/echo", &[], &body).await.expect("answered").body, body);
        }
        assert_eq!(http.get("/", &[], Duration::ZERO).await.expect("answered").body, "");
        drop(http);
    };
    let server = async {
        let mut stream = acceptor.accept(peer.accept().await).await.expect("a handshake");
        while let Some(request) = read_request(&mut stream).await {
            let body = request.split_once("\r\n\r\n").expect("a head").1;
            stream
                .write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes())
                .await
                .expect("written");
        }
        // read_request saw close_notify: without it, rustls reports an unexpected end.
    };
    tokio::join!(client, server);
    assert_eq!(*peer.stages.borrow(), ["connect_tcp", "connect_tls"]);
    assert!(peer.meter.snapshot().written_bytes > 200_000);
}

#[tokio::test]
async fn messages_over_tls() {
    let peer = Peer::new().await;
    let (acceptor, certificate) = acceptor();
    let target = target(&peer, certificate);
    let mut stages = Vec::new();
    let client = async {
        let mut socket = WebSocket::connect(&target, "/", peer.meter.clone(), &mut stages).await.expect("connected");
        for bytes in [1usize, 200_000] {
            let message = Message::Text(Bytes::from(vec![b'x'; bytes]));
            socket.send(message.clone()).await.expect("sent");
            assert_eq!(socket.next().await.expect("echoed"), message);
        }
        socket.close().await;
    };
    let server = async {
        use futures_util::{SinkExt, StreamExt};
        let stream = acceptor.accept(peer.accept().await).await.expect("a handshake");
        let mut socket = tokio_tungstenite::accept_async(stream).await.expect("an upgrade");
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() {
                socket.send(message).await.expect("sent");
            }
        }
        let _ = socket.get_mut().shutdown().await;
        assert_eq!(socket.get_mut().read(&mut [0]).await.expect("a proper end"), 0);
    };
    tokio::join!(client, server);
    assert_eq!(stages.iter().map(|(stage, _)| *stage).collect::<Vec<_>>(), ["connect_tcp", "connect_tls"]);
}
