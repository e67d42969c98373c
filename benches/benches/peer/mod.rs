//! The other end of the `stacks` bench: echoes raw bytes, WebSocket frames and POSTs on one port, with as little as that takes.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wirecost_probe::affinity;

/// Listens on a free port of the last core, says which on stdout, and echoes until it is killed.
pub fn run() {
    if let [_, .., last] = affinity::available_cores()[..] {
        affinity::pin(&[last]).expect("one of our own cores");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("bound"));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            tokio::task::spawn_local(async move {
                // A client that is gone is no failure of its peer.
                let _ = serve(stream).await;
            });
        }
    });
}

async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = vec![0; 256 << 10];
    let mut filled = stream.read(&mut input).await?;
    let begin = String::from_utf8_lossy(&input[..filled.min(1000)]).into_owned();
    if let Some(rest) = begin.strip_prefix("RAW ") {
        let line = rest.lines().next().unwrap_or_default();
        let (up, down) = line.split_once(' ').expect("two sizes");
        let (up, down): (usize, usize) = (up.parse().expect("a size"), down.parse().expect("a size"));
        filled -= "RAW \n".len() + line.len();
        loop {
            while filled < up {
                filled += some(stream.read(&mut input[filled..]).await?)?;
            }
            filled -= up;
            stream.write_all(&input[..down]).await?;
        }
    }
    if let Some(key) = begin.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")) {
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
        stream.write_all(format!("{head}{}\r\n\r\n", derive_accept_key(key.as_bytes())).as_bytes()).await?;
        return frames(stream, input).await;
    }
    posts(stream, input, filled).await
}

/// An end of the connection is an error here: it ends the task.
fn some(bytes: usize) -> std::io::Result<usize> {
    if bytes > 0 { Ok(bytes) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
}

/// One whole frame at a time, as a client with one echo outstanding sends them.
async fn frames(mut stream: TcpStream, mut input: Vec<u8>) -> std::io::Result<()> {
    loop {
        let mut filled = 0;
        let (header, length) = loop {
            filled += some(stream.read(&mut input[filled..]).await?)?;
            let (header, length) = match input[1] & 0x7F {
                126 => (8, usize::from(u16::from_be_bytes([input[2], input[3]]))),
                127 => (14, u64::from_be_bytes(input[2..10].try_into().expect("8 bytes")) as usize),
                short => (6, usize::from(short)),
            };
            if filled >= 14.min(header + length) && filled >= header + length {
                break (header, length);
            }
        };
        let mask = [input[header - 4], input[header - 3], input[header - 2], input[header - 1]];
        let [a, b, c, d] = mask;
        let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        let (words, rest) = input[header..header + length].as_chunks_mut::<8>();
        words.iter_mut().for_each(|word| *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes());
        rest.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        // The mask's four bytes make room: the shorter header lies right before the payload.
        input.copy_within(0..header - 4, 4);
        input[5] &= 0x7F;
        stream.write_all(&input[4..header + length]).await?;
        if input[4] & 0x0F == 8 {
            return stream.shutdown().await;
        }
    }
}

async fn posts(mut stream: TcpStream, mut input: Vec<u8>, mut filled: usize) -> std::io::Result<()> {
    let mut answer = Vec::new();
    loop {
        let head = loop {
            if let Some(at) = input[..filled].windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            filled += some(stream.read(&mut input[filled..]).await?)?;
        };
        let length = content_length(&input[..head]);
        while filled < head + length {
            filled += some(stream.read(&mut input[filled..]).await?)?;
        }
        answer.clear();
        if input.starts_with(b"GET /poll") {
            answer.extend_from_slice(b"HTTP/1.1 204 No Content\r\n\r\n");
        } else {
            answer.extend_from_slice(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").as_bytes());
        }
        answer.extend_from_slice(&input[head..head + length]);
        stream.write_all(&answer).await?;
        filled = 0;
    }
}

fn content_length(head: &[u8]) -> usize {
    let head = std::str::from_utf8(head).unwrap_or_default();
    let named = |line: &str| {
        line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).map(|(_, v)| v.trim().parse())
    };
    head.lines().find_map(named).map_or(0, |value| value.unwrap_or(0))
}
