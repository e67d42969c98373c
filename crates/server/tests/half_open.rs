//! Ten thousand requests that are begun and never finished: memory stays within a stated bound, others are served meanwhile, and
//! who is asked to finish is told by the protocol's own codes. A binary of its own, because the memory is the process's.

mod support;

use std::net::{Ipv4Addr, SocketAddr};

use support::{Client, get};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use wirecost_probe::{limits, process};
use wirecost_server::options::ServerOptions;
use wirecost_server::server::start;

/// How many there are to be.
const WANTED: usize = 10_000;

/// Descriptors of one in this process: the server's and the client's.
const DESCRIPTORS_EACH: usize = 2;

/// Descriptors for everything else.
const DESCRIPTORS_SPARE: usize = 200;

/// From one address: there are some 28,000 ports, and other tests need some.
const EACH_SOURCE: usize = 2_000;

/// What one may take of the process's memory, both ends together and in a build without optimisation: a buffer of 8 KiB that
/// the HTTP library reads into, the connection's task and its books, the session, and the client here.
const BYTES_EACH: u64 = 40 << 10;

/// Beside that: what the allocator keeps.
const BYTES_SPARE: u64 = 32 << 20;

fn rss_bytes() -> u64 {
    process::Memory::of(std::process::id()).unwrap().rss_bytes
}

async fn connect(to: SocketAddr, number: usize) -> TcpStream {
    let source = Ipv4Addr::new(127, 0, 1, 1 + (number / EACH_SOURCE) as u8);
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((source, 0))).unwrap();
    socket.connect(to).await.unwrap()
}

#[test]
fn ten_thousand_half_open_polls() {
    let descriptors = limits::raise_nofile().unwrap_or(1024) as usize;
    let count = WANTED.min(descriptors.saturating_sub(DESCRIPTORS_SPARE) / DESCRIPTORS_EACH);
    if count < WANTED {
        println!("only {count} half-open polls: the limit on open files is {descriptors}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let day = std::time::Duration::from_secs(86_400);
        let server = start(ServerOptions {
            head_timeout: day,
            body_timeout: day,
            ping_interval: day,
            ping_timeout: day,
            connect_timeout: day,
            ..ServerOptions::default()
        });
        let server = server.await.unwrap();
        let mut other = Client::connect(&server).await;
        other.get("/health").await;
        let before_bytes = rss_bytes();
        let mut sids = Vec::new();
        for _ in 0..count / 2 {
            let opened = other.get("/socket.io/?EIO=4&transport=polling").await;
            sids.push(opened.split('"').nth(3).unwrap().to_owned());
        }
        let (mut heads, mut bodies) = (Vec::new(), Vec::new());
        for number in 0..count - sids.len() {
            let mut stream = connect(server.address, number).await;
            // Of several kinds, cut at several places.
            let request = get(["/long-poll?room=r", "/socket.io/?EIO=4&transport=polling"][number % 2], "");
            stream.write_all(&request.as_bytes()[..1 + number % (request.len() - 1)]).await.unwrap();
            heads.push(stream);
        }
        for sid in sids {
            let mut stream = connect(server.address, heads.len() + bodies.len()).await;
            let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
            let head = format!("POST {target} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            bodies.push((stream, target));
        }
        while server.desk().reading().open_connections < count as u64 + 1 {
            assert_eq!(server.counters().bad_clients, 0, "all of them are open together");
            tokio::task::yield_now().await;
        }
        // Somebody else does not notice.
        for _ in 0..100 {
            assert!(other.get("/poll?room=r").await.starts_with("HTTP/1.1 200 OK\r\n"));
        }
        assert_eq!(server.desk().engine_sessions(), bodies.len());
        let grown_bytes = rss_bytes().saturating_sub(before_bytes);
        println!("{count} half-open polls take {} B each", grown_bytes / count.max(1) as u64);
        assert!(grown_bytes <= BYTES_SPARE + BYTES_EACH * count as u64, "{grown_bytes} B for {count}");
        // One that says that nothing more will come is told so, and its session is at an end: what it had begun to say is lost.
        for (mut stream, target) in bodies {
            stream.shutdown().await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(["HTTP/1.1 400 ", "HTTP/1.1 408 "].iter().any(|status| answer.starts_with(status)), "{answer}");
            assert!(other.get(&target).await.ends_with(r#"{"code":1,"message":"Session ID unknown"}"#));
        }
        assert_eq!(server.desk().engine_sessions(), 0);
        drop(heads);
        while server.desk().reading().open_connections > 1 {
            tokio::task::yield_now().await;
        }
        assert!(other.get("/health").await.starts_with("HTTP/1.1 204 "));
        drop(other);
        let report = server.stop().await;
        assert_eq!(report.reading.counters.connections, count as u64 + 1);
    });
}
