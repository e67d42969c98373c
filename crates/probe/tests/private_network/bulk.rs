//! Much data, many connections, and receivers that do not read: delayed ACKs, window updates, probes.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use tokio::runtime::Runtime;
use wirecost_probe::{
    namespace::TcpRecovery,
    segments::{ConnectionAccount, End, Ending, combine},
};

use crate::bench::{Bench, listen_again, pair, settle, settle_server};

const EXACT: TcpRecovery = TcpRecovery::EXACT;
const MIB: usize = 1 << 20;

/// Both ends write `bytes` and read what the other writes, all at once; then both ends are settled.
pub fn cross(runtime: &Runtime, bytes: usize, read_pause: Duration) -> (ConnectionAccount, ConnectionAccount) {
    let (client, server) = pair();
    let write = |mut stream: &TcpStream| {
        for _ in 0..bytes / 16384 {
            stream.write_all(&[7; 16384]).unwrap();
        }
        stream.shutdown(Shutdown::Write).unwrap();
    };
    let read = |mut stream: &TcpStream| {
        let mut buffer = [0; 16384];
        while stream.read(&mut buffer).unwrap() > 0 {
            if !read_pause.is_zero() {
                thread::sleep(read_pause);
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| write(&client));
        scope.spawn(|| write(&server));
        scope.spawn(|| read(&client));
        scope.spawn(|| read(&server));
    });
    let at = |socket, end| settle(runtime, socket, end, Ending::Orderly).account();
    (at(&server, End::Server), at(&client, End::Client))
}

pub fn cases(bench: &mut Bench) {
    for round in 1..=3 {
        bench.exact(&format!("1 MiB each way at once, from the server's end, round {round}"), EXACT, |runtime| {
            let (server, client) = cross(runtime, MIB, Duration::ZERO);
            assert_eq!(server.to_client.payload_bytes, MIB as u64);
            from_one(End::Server, server, client)
        });
        bench.exact(&format!("1 MiB each way at once, from the client's end, round {round}"), EXACT, |runtime| {
            let (server, client) = cross(runtime, MIB, Duration::ZERO);
            from_one(End::Client, server, client)
        });
    }
    bench.exact("16 MiB each way at once, from both ends", EXACT, |runtime| {
        let (server, client) = cross(runtime, 16 * MIB, Duration::ZERO);
        combine(&server, &client)
    });
    bench.exact("1 MiB each way to slow readers: windows close and open", EXACT, |runtime| {
        let (server, client) = cross(runtime, MIB, Duration::from_millis(2));
        from_one(End::Server, server, client)
    });
    bench.exact("a window stays shut until it is probed", EXACT, |runtime| {
        let (mut client, mut server) = pair();
        let writer = thread::spawn(move || {
            server.write_all(&vec![7; 8 * MIB]).unwrap();
            server
        });
        // Longer than the first probes take (200 ms); the account must hold with or without them.
        thread::sleep(Duration::from_millis(700));
        client.read_exact(&mut vec![0; 8 * MIB]).unwrap();
        let server = writer.join().unwrap();
        drop(client);
        settle_server(runtime, &server, Ending::Orderly).account()
    });
    bench.exact("small messages to a client that does not read, from the server's end", EXACT, trickle_down);
    bench.exact("the same with loss probes: what arrived twice was reported", TcpRecovery::LINUX, |runtime| {
        let account = trickle_down(runtime);
        assert!(account.doubts.is_empty());
        // Whether the kernel probes depends on when it gets to run.
        println!("       (sent again: {} segments)", account.to_client.retransmitted_segments);
        account
    });
    bench.exact("small messages to a server that does not read, from the server's end", EXACT, |runtime| trickle_up(runtime).0);
    bench.exact("the same with loss probes, from both ends", TcpRecovery::LINUX, |runtime| {
        let (server, client) = trickle_up(runtime);
        combine(&server, &client)
    });
    bench.exact("200 connections at once, requests and answers of all sizes", EXACT, many);
}

/// One end's account, unless the other end sent something again: that is a case of its own (see `inexact`), which two
/// cores that deliver out of order bring about now and then even here.
fn from_one(end: End, server: ConnectionAccount, client: ConnectionAccount) -> ConnectionAccount {
    let (one, sent_again) = match end {
        End::Server => (server, client.to_server.retransmitted_segments),
        End::Client => (client, server.to_client.retransmitted_segments),
    };
    if sent_again == 0 {
        return one;
    }
    println!("       (the other end sent {sent_again} segments again: taken from both)");
    combine(&server, &client)
}

/// The server sends a small message every 10 ms to a client that reads none until the end.
fn trickle_down(runtime: &Runtime) -> ConnectionAccount {
    let (client, mut server) = pair();
    for _ in 0..50 {
        server.write_all(&[7; 60]).unwrap();
        thread::sleep(Duration::from_millis(10));
    }
    let mut reader = client;
    reader.read_exact(&mut [0; 3000]).unwrap();
    drop(reader);
    settle_server(runtime, &server, Ending::Orderly).account()
}

/// The client sends a small message every 10 ms to a server that reads none until the end. Both ends' accounts.
pub fn trickle_up(runtime: &Runtime) -> (ConnectionAccount, ConnectionAccount) {
    let (mut client, mut server) = pair();
    for _ in 0..50 {
        client.write_all(&[7; 60]).unwrap();
        thread::sleep(Duration::from_millis(10));
    }
    server.read_exact(&mut [0; 3000]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    let at = |socket, end| settle(runtime, socket, end, Ending::Orderly).account();
    (at(&server, End::Server), at(&client, End::Client))
}

fn many(runtime: &Runtime) -> ConnectionAccount {
    const CONNECTIONS: usize = 200;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // std's accept queue of 128 would overflow now and then, which is a case of its own (see `inexact`).
    listen_again(&listener, 1024);
    let address = listener.local_addr().unwrap();
    let clients = thread::spawn(move || {
        let clients: Vec<_> = (0..CONNECTIONS).map(|_| TcpStream::connect(address).unwrap()).collect();
        for round in 0..5 {
            for (number, mut client) in clients.iter().enumerate() {
                let (ask, answer) = sizes(number, round);
                client.write_all(&vec![7; ask]).unwrap();
                client.read_exact(&mut vec![0; answer]).unwrap();
            }
        }
        // Every third waits for the server to close, and the others meanwhile for it: all orders occur.
        for (number, mut client) in clients.into_iter().enumerate() {
            if number % 3 == 0 {
                assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
            }
        }
    });
    let servers: Vec<_> = (0..CONNECTIONS).map(|_| listener.accept().unwrap().0).collect();
    for round in 0..5 {
        for (number, mut server) in servers.iter().enumerate() {
            let (ask, answer) = sizes(number, round);
            server.read_exact(&mut vec![0; ask]).unwrap();
            server.write_all(&vec![7; answer]).unwrap();
        }
    }
    let mut sum = ConnectionAccount::default();
    for server in &servers {
        sum += settle_server(runtime, server, Ending::Orderly).account();
    }
    clients.join().unwrap();
    assert_eq!((sum.to_server.syn, sum.to_client.fin), (CONNECTIONS as u64, CONNECTIONS as u64));
    sum
}

/// Bytes of a request and its answer: from one to some ten thousand.
fn sizes(number: usize, round: usize) -> (usize, usize) {
    (1 + number * 7 * round, 1 + (number * 53 + round * 997) % 12_000)
}
