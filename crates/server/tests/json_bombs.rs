//! Packets of JSON that cost far more as values than as text, and that never become whole: many sessions together take no more
//! memory than a stated bound. A binary of its own, because the memory is the process's.

mod support;

use std::time::Duration;

use support::websocket::frame;
use support::{Client, run, server};
use wirecost_probe::process;
use wirecost_server::Running;
use wirecost_server::transport::socket_io::budget::MAX_WAITING_TEXT_BYTES;

/// How many try.
const SESSIONS: usize = 60;

/// Text of each packet, about.
const TEXT_BYTES: usize = 900_000;

/// What all of it may take: values of sixteen times the text that may wait, the same again for buffers of sockets, of the one
/// packet that is being read and of the clients here, and what the allocator keeps.
const MOST_BYTES: u64 = 2 * 16 * MAX_WAITING_TEXT_BYTES as u64;

fn rss_bytes() -> u64 {
    process::Memory::of(std::process::id()).unwrap().rss_bytes
}

/// A WebSocket in the main namespace.
async fn listener(server: &Running) -> Client {
    let mut client = Client::connect(server).await;
    client.send(support::websocket::upgrade("/socket.io/?EIO=4&transport=websocket")).await;
    assert!(client.head().await.starts_with("HTTP/1.1 101 "));
    client.send(frame(0x81, b"40")).await;
    client
}

#[test]
fn many_sessions_with_bombs_that_wait_for_attachments() {
    run(async {
        let server = server().await;
        let before_bytes = rss_bytes();
        // An empty list is two characters, and a value of dozens of bytes.
        let bomb = format!("451-[\"x\",{{\"_placeholder\":true,\"num\":0}},[{}[]]]", "[],".repeat(TEXT_BYTES / 3));
        let mut sessions = Vec::new();
        for _ in 0..SESSIONS {
            let mut client = listener(&server).await;
            client.send(frame(0x81, bomb.as_bytes())).await;
            sessions.push(client);
        }
        // Those that found no room are closed; the others wait.
        let fit = MAX_WAITING_TEXT_BYTES / bomb.len();
        while server.desk().engine_sessions() > fit {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!((server.desk().engine_sessions(), fit), (4, 4));
        let waiting_bytes = server.desk().engine_waiting_bytes();
        assert!(waiting_bytes > 3 * bomb.len() && waiting_bytes <= MAX_WAITING_TEXT_BYTES, "{waiting_bytes}");
        let grown_bytes = rss_bytes().saturating_sub(before_bytes);
        println!("{SESSIONS} sessions with a bomb of {} B each take {grown_bytes} B", bomb.len());
        assert!(grown_bytes < MOST_BYTES, "{grown_bytes} B");
        // Others are served, and their small packets with attachments find room.
        let mut other = listener(&server).await;
        other.send(frame(0x81, br#"451-7["echo",{"_placeholder":true,"num":0}]"#)).await;
        other.send(frame(0x82, b"attached")).await;
        let wanted = b"461-7[{\"_placeholder\":true,\"num\":0}]";
        let mut heard = Vec::new();
        while !heard.windows(wanted.len()).any(|window| window == wanted) {
            heard.extend(other.take(1).await);
        }
        // Whoever leaves gives back what it had.
        drop((sessions, other));
        while server.desk().engine_waiting_bytes() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.stop().await;
    });
}
