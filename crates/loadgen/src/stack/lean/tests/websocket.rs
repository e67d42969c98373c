//! WebSocket on sockets: against tokio-tungstenite's server, and against a peer that breaks the rules.

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wirecost_model::ArmConfig;
use wirecost_model::scenario::{Frame, Stack};

use super::{Peer, arm, read_request};
use crate::session::TransportError;
use crate::stack;
use crate::stack::lean::websocket::WebSocket;

fn text(payload: &'static [u8]) -> stack::Message {
    stack::Message::Text(Bytes::from_static(payload))
}

fn binary(payload: &'static [u8]) -> stack::Message {
    stack::Message::Binary(Bytes::from_static(payload))
}

async fn connect(peer: &Peer, frame: Frame) -> Result<WebSocket, TransportError> {
    let target = peer.target(ArmConfig { frame, ..arm(Stack::Lean) });
    WebSocket::connect(&target, "/ws", peer.meter.clone(), &mut Vec::new()).await
}

/// Accepts and upgrades by hand; `extra` goes out in the same write as the answer.
async fn accept(peer: &Peer, extra: &[u8]) -> TcpStream {
    let mut stream = peer.accept().await;
    let request = read_request(&mut stream).await.expect("a request");
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
    let accept = derive_accept_key(key.as_bytes());
    let head = format!("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n");
    stream.write_all(&[head.as_bytes(), extra].concat()).await.expect("written");
    stream
}

/// Reads one frame of a client with less than 126 bytes: its first byte, and its payload unmasked.
async fn read_frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut header = [0; 6];
    stream.read_exact(&mut header).await.expect("a header");
    assert!(header[1] & 0x80 != 0 && header[1] < 0x80 + 126, "masked and short");
    let mut payload = vec![0; usize::from(header[1] & 0x7F)];
    stream.read_exact(&mut payload).await.expect("a payload");
    payload.iter_mut().zip(header[2..].iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    (header[0], payload)
}

#[tokio::test]
async fn echoes_of_every_size_from_a_foreign_server() {
    for frame in [Frame::Text, Frame::Binary] {
        let peer = Peer::new().await;
        let client = async {
            let mut socket = connect(&peer, frame).await.expect("connected");
            for bytes in [0usize, 1, 125, 126, 65_535, 65_536, 300_000, 2] {
                let message = Bytes::from_iter((0..bytes).map(|n| b' ' + (n % 90) as u8));
                let message = stack::Message::new(frame, message);
                socket.send(message.clone()).await.expect("sent");
                assert_eq!(socket.next().await.expect("echoed"), message);
            }
            socket.close().await;
        };
        let server = async {
            let mut socket = tokio_tungstenite::accept_async(peer.accept().await).await.expect("an upgrade");
            let mut close = None;
            while let Some(Ok(message)) = socket.next().await {
                match message {
                    Message::Close(frame) => close = frame,
                    Message::Pong(payload) => assert_eq!(payload, "?"),
                    message => {
                        assert_eq!(message.is_text(), frame == Frame::Text);
                        socket.send(Message::Ping(Bytes::from_static(b"?"))).await.expect("sent");
                        socket.send(message).await.expect("sent");
                    }
                }
            }
            assert_eq!(close.map(|frame| u16::from(frame.code)), Some(1000));
        };
        tokio::join!(client, server);
    }
}

#[tokio::test]
async fn text_that_is_not_utf8_is_not_sent() {
    let peer = Peer::new().await;
    let (socket, mut stream) = tokio::join!(connect(&peer, Frame::Text), accept(&peer, b""));
    let mut socket = socket.expect("connected");
    assert!(matches!(socket.send(text(b"\xFF")).await, Err(TransportError::Malformed(_))));
    socket.send(text(b"fine")).await.expect("sent");
    assert_eq!(read_frame(&mut stream).await, (0x81, b"fine".to_vec()));
}

#[tokio::test]
async fn frames_that_come_with_the_upgrade_are_not_lost_and_masks_differ() {
    let peer = Peer::new().await;
    let (socket, mut stream) = tokio::join!(connect(&peer, Frame::Binary), accept(&peer, b"\x82\x02hi\x89\x01p\x82"));
    let mut socket = socket.expect("connected");
    assert_eq!(socket.next().await.expect("a message"), binary(b"hi"));
    let (next, ()) = tokio::join!(socket.next(), async {
        assert_eq!(
            read_frame(&mut stream).await,
            (0x8A, b"p".to_vec()),
            "the ping is answered while the next message is awaited"
        );
        stream.write_all(b"\x01x").await.expect("written");
    });
    assert_eq!(next.expect("a message"), binary(b"x"));
    let mut masks = HashSet::new();
    for _ in 0..100 {
        socket.send(binary(b"")).await.expect("sent");
        let mut frame = [0; 6];
        stream.read_exact(&mut frame).await.expect("a frame");
        masks.insert(frame[2..].to_vec());
    }
    assert!(masks.len() > 90, "{} different masks", masks.len());
}

#[tokio::test]
async fn a_broken_rule_is_answered_with_its_code_and_the_client_stops() {
    for (wire, code) in [(&b"\x83\x00"[..], 1002u16), (b"\x81\x01\xFF", 1007), (b"\x82\x7F\0\0\0\0\x10\0\0\0", 1009)] {
        let peer = Peer::new().await;
        let (socket, mut stream) = tokio::join!(connect(&peer, Frame::Text), accept(&peer, wire));
        let mut socket = socket.expect("connected");
        assert!(matches!(socket.next().await, Err(TransportError::Websocket(_))));
        assert!(matches!(socket.next().await, Err(TransportError::Ended)), "nothing is read after a fault");
        assert!(matches!(socket.send(text(b"")).await, Err(TransportError::Ended)), "nothing follows a close frame");
        tokio::join!(socket.close(), async {
            assert_eq!(read_frame(&mut stream).await, (0x88, code.to_be_bytes().to_vec()));
            drop(stream);
        });
    }
}

#[tokio::test]
async fn a_close_is_answered_with_its_own_code_and_only_once() {
    let peer = Peer::new().await;
    let (socket, mut stream) = tokio::join!(connect(&peer, Frame::Text), accept(&peer, b"\x88\x02\x03\xE9"));
    let mut socket = socket.expect("connected");
    assert!(matches!(socket.next().await, Err(TransportError::Ended)));
    tokio::join!(socket.close(), async {
        assert_eq!(read_frame(&mut stream).await, (0x88, 1001u16.to_be_bytes().to_vec()));
        stream.shutdown().await.expect("ended");
        assert_eq!(stream.read(&mut [0]).await.expect("readable"), 0, "and then the client ends");
    });
}

#[tokio::test]
async fn a_dropped_receive_loses_nothing_at_any_byte() {
    let wire = b"\x01\x02he\x89\x01p\x80\x03llo\x81\x02hi";
    for cut in 0..wire.len() {
        let peer = Peer::new().await;
        let (socket, mut stream) = tokio::join!(connect(&peer, Frame::Text), accept(&peer, b""));
        let mut socket = socket.expect("connected");
        let mut came = Vec::new();
        let before = peer.meter.snapshot().read_bytes;
        tokio::select! { biased;
            // Receives until the first part was read, and is then dropped in the middle of a frame.
            () = async { loop { came.push(socket.next().await.expect("a message")); } } => unreachable!(),
            () = async {
                stream.write_all(&wire[..cut]).await.expect("written");
                while peer.meter.snapshot().read_bytes - before < cut as u64 {
                    tokio::task::yield_now().await;
                }
            } => {}
        }
        stream.write_all(&wire[cut..]).await.expect("written");
        while came.len() < 2 {
            came.push(socket.next().await.expect("a message"));
        }
        assert_eq!(came, [text(b"hello"), text(b"hi")], "{cut}");
        socket.send(text(b"!")).await.expect("sent");
        assert_eq!(read_frame(&mut stream).await, (0x8A, b"p".to_vec()));
        assert_eq!(read_frame(&mut stream).await, (0x81, b"!".to_vec()));
    }
}

#[tokio::test]
async fn a_message_cut_off_while_it_is_sent_goes_out_whole() {
    let peer = Peer::new().await;
    let (socket, mut stream) = tokio::join!(connect(&peer, Frame::Binary), accept(&peer, b""));
    let mut socket = socket.expect("connected");
    let large = Bytes::from(vec![7u8; 32 << 20]);
    // More than the sockets' buffers hold, and nobody reads: one poll writes a part of it.
    let sending = std::future::poll_fn(|context| {
        let mut send = Box::pin(socket.send(stack::Message::Binary(large.clone())));
        std::task::Poll::Ready(send.as_mut().poll(context).is_pending())
    });
    assert!(sending.await, "the buffers were larger than thought");
    let receive = async {
        let mut received = vec![0; 14 + large.len()];
        stream.read_exact(&mut received).await.expect("the whole frame");
        assert_eq!(read_frame(&mut stream).await, (0x82, b"next".to_vec()));
    };
    let (sent, ()) = tokio::join!(socket.send(binary(b"next")), receive);
    sent.expect("sent");
}

#[tokio::test]
async fn answers_that_do_not_upgrade() {
    for wire in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "garbage\r\n\r\n",
        "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
    ] {
        let peer = Peer::new().await;
        let (socket, _) = tokio::join!(connect(&peer, Frame::Text), async {
            let mut stream = peer.accept().await;
            read_request(&mut stream).await.expect("a request");
            stream.write_all(wire.as_bytes()).await.expect("written");
            stream
        });
        assert!(matches!(socket.err(), Some(TransportError::Websocket(_))), "{wire:?}");
    }
    let peer = Peer::new().await;
    let (socket, ()) = tokio::join!(connect(&peer, Frame::Text), async {
        let mut stream = peer.accept().await;
        read_request(&mut stream).await.expect("a request");
    });
    assert!(matches!(socket.err(), Some(TransportError::Ended)));
}

#[tokio::test]
async fn a_server_that_only_pings_does_not_fill_the_memory() {
    let peer = Peer::new().await;
    let (socket, mut stream) = tokio::join!(connect(&peer, Frame::Text), accept(&peer, b""));
    let mut socket = socket.expect("connected");
    let ping = [&[0x89, 125][..], &[b'p'; 125]].concat();
    let mut flood = ping.repeat(40_000);
    flood.extend_from_slice(b"\x81\x04done");
    let (mut reading, mut writing) = stream.split();
    let (message, (), read) = tokio::join!(
        async {
            let message = socket.next().await;
            socket.close().await;
            message
        },
        async { writing.write_all(&flood).await.expect("the client reads on") },
        async {
            let mut pongs = Vec::new();
            // Only now and then, and to the end only when everything was written.
            reading.read_buf(&mut pongs).await.expect("readable")
        }
    );
    assert_eq!(message.expect("a message"), text(b"done"));
    assert!(read > 0);
}
