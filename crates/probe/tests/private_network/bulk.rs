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

use crate::bench::{Bench, listen_again, pair, settle_both, settle_server, wait_for_quiet};

const WITHOUT_SACK: TcpRecovery = TcpRecovery::WITHOUT_SACK;
const MIB: usize = 1 << 20;

/// Both ends write `bytes` and read what the other writes, all at once. When all is still the client closes, then the
/// server. Both ends' accounts.
pub fn cross(runtime: &Runtime, bytes: usize, read_pause: Duration) -> (ConnectionAccount, ConnectionAccount) {
    const CHUNK: usize = 16384;
    let (client, server) = pair();
    let write = |mut stream: &TcpStream| {
        for _ in 0..bytes / CHUNK {
            stream.write_all(&[7; CHUNK]).unwrap();
        }
    };
    let read = |mut stream: &TcpStream| {
        let (mut buffer, mut left) = ([0; CHUNK], bytes / CHUNK * CHUNK);
        while left > 0 {
            left -= stream.read(&mut buffer).unwrap();
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
    wait_for_quiet();
    client.shutdown(Shutdown::Write).unwrap();
    settle_both(runtime, &server, &client)
}

pub fn cases(bench: &mut Bench) {
    for round in 1..=3 {
        bench.exact(&format!("1 MiB each way at once, from the server's end, round {round}"), WITHOUT_SACK, |runtime| {
            let (server, client) = cross(runtime, MIB, Duration::ZERO);
            assert_eq!(server.to_client.payload_bytes, MIB as u64);
            from_one(End::Server, server, client)
        });
        bench.exact(&format!("1 MiB each way at once, from the client's end, round {round}"), WITHOUT_SACK, |runtime| {
            let (server, client) = cross(runtime, MIB, Duration::ZERO);
            from_one(End::Client, server, client)
        });
    }
    bench.exact("16 MiB each way at once, from both ends", WITHOUT_SACK, |runtime| {
        let (server, client) = cross(runtime, 16 * MIB, Duration::ZERO);
        combine(&server, &client)
    });
    bench.exact("1 MiB each way to slow readers: windows close and open", WITHOUT_SACK, |runtime| {
        let (server, client) = cross(runtime, MIB, Duration::from_millis(2));
        from_one(End::Server, server, client)
    });
    bench.exact("a window stays shut until it is probed", WITHOUT_SACK, |runtime| {
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
    bench.exact(
        "small messages to a client that does not read, from the server's end",
        TcpRecovery::WITHOUT_PROBES,
        trickle_down,
    );
    bench.exact("the same with loss probes: what arrived twice was reported", TcpRecovery::LINUX, |runtime| {
        let account = trickle_down(runtime);
        assert!(account.doubts.is_empty());
        // Whether the kernel probes depends on when it gets to run.
        println!("       (sent again: {} segments)", account.to_client.retransmitted_segments);
        account
    });
    bench.exact("small messages to a server that does not read, from the server's end", TcpRecovery::WITHOUT_PROBES, |runtime| {
        trickle_up(runtime).0
    });
    bench.exact("the same with loss probes, from both ends", TcpRecovery::LINUX, |runtime| {
        let (server, client) = trickle_up(runtime);
        combine(&server, &client)
    });
    bench.exact("200 connections at once, requests and answers of all sizes", WITHOUT_SACK, many);
}

/// One end's account, unless something was sent again: that is a case of its own (see `inexact`), which two cores that
/// deliver out of order bring about now and then even here.
fn from_one(end: End, server: ConnectionAccount, client: ConnectionAccount) -> ConnectionAccount {
    let sent_again = server.to_client.retransmitted_segments + client.to_server.retransmitted_segments;
    if sent_again == 0 {
        return match end {
            End::Server => server,
            End::Client => client,
        };
    }
    println!("       ({sent_again} segments were sent again: taken from both ends)");
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
    settle_both(runtime, &server, &client)
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
