//! Connections that end by FINs on both sides, in every order, read from either end or both.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::fd::AsFd,
    sync::Barrier,
    thread,
    time::Duration,
};

use tokio::runtime::Runtime;
use wirecost_probe::{
    namespace::TcpRecovery,
    segments::{self, ConnectionAccount, End, Ending, account, combine},
    tcp_info::{TcpInfo, TcpState},
};

use crate::bench::{Bench, PATIENCE, Watch, carry, pair, settle, settle_server};

const LINUX: TcpRecovery = TcpRecovery::LINUX;

/// A request of 100 bytes and an answer of 200.
fn exchange(client: &TcpStream, server: &TcpStream) {
    carry(client, server, 100);
    carry(server, client, 200);
}

fn orderly(runtime: &Runtime, server: &TcpStream) -> ConnectionAccount {
    let account = settle_server(runtime, server, Ending::Orderly).account();
    assert!(account.doubts.is_empty());
    account
}

pub fn cases(bench: &mut Bench) {
    bench.exact("client closes first", LINUX, |runtime| {
        let (client, server) = pair();
        exchange(&client, &server);
        drop(client);
        let account = orderly(runtime, &server);
        assert_eq!((account.to_server.payload_bytes, account.to_client.payload_bytes), (100, 200));
        account
    });
    bench.exact("server closes first", LINUX, |runtime| {
        let (mut client, server) = pair();
        exchange(&client, &server);
        let reader = thread::spawn(move || assert_eq!(client.read(&mut [0; 1]).unwrap(), 0));
        let account = orderly(runtime, &server);
        reader.join().unwrap();
        account
    });
    bench.exact("server closes first, client has more to say", LINUX, |runtime| {
        let (mut client, server) = pair();
        exchange(&client, &server);
        let talker = thread::spawn(move || {
            assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
            client.write_all(&[7; 10_000]).unwrap();
        });
        let settled = settle_server(runtime, &server, Ending::Orderly);
        talker.join().unwrap();
        assert_eq!(settled.drained_bytes, 10_000);
        settled.account()
    });
    bench.exact("both close at once, 300 times", LINUX, |runtime| {
        let mut sum = ConnectionAccount::default();
        for _ in 0..300 {
            let (client, server) = pair();
            exchange(&client, &server);
            let start = Barrier::new(2);
            thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    drop(client);
                });
                start.wait();
                sum += orderly(runtime, &server);
            });
        }
        sum
    });
    bench.exact("client closes with a request parked", LINUX, |runtime| {
        let (client, server) = pair();
        carry(&client, &server, 100);
        drop(client);
        orderly(runtime, &server)
    });
    bench.exact("client closes with a request unread by the server", LINUX, |runtime| {
        let (mut client, server) = pair();
        client.write_all(&[7; 100]).unwrap();
        drop(client);
        let settled = settle_server(runtime, &server, Ending::Orderly);
        assert_eq!(settled.drained_bytes, 100);
        settled.account()
    });
    bench.exact("a connection without a byte", LINUX, |runtime| {
        let (client, server) = pair();
        drop(client);
        let account = orderly(runtime, &server);
        assert_eq!((account.segments(), account.total_bytes()), (6, 2 * 60 + 4 * 52));
        account
    });
    bench.exact("closed before it was accepted", LINUX, |runtime| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        drop(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        orderly(runtime, &listener.accept().unwrap().0)
    });
    bench.exact("the last data and the FIN together", LINUX, |runtime| {
        let (mut client, mut server) = pair();
        client.set_nodelay(false).unwrap();
        client.write_all(&[7; 3_000]).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        server.write_all(&[7; 100_000]).unwrap();
        let reader = thread::spawn(move || client.read_to_end(&mut Vec::new()).unwrap());
        let account = orderly(runtime, &server);
        assert_eq!(reader.join().unwrap(), 100_000);
        account
    });
    bench.exact("settled by a duplicate after the owner has dropped it", LINUX, |runtime| {
        let (client, server) = pair();
        let duplicate = TcpStream::from(server.as_fd().try_clone_to_owned().unwrap());
        exchange(&client, &server);
        server.shutdown(Shutdown::Write).unwrap();
        drop(server);
        drop(client);
        orderly(runtime, &duplicate)
    });
    bench.exact("a client that never closes is aborted", LINUX, |runtime| {
        let (client, server) = pair();
        exchange(&client, &server);
        let settled = runtime.block_on(segments::settle(&server, End::Server, None, Duration::from_millis(5))).unwrap();
        assert_eq!(settled.ending, Ending::Open);
        assert_eq!(settled.account().doubts.open_connections, 1);
        let aborted = segments::abort(&server, End::Server).unwrap();
        assert_eq!(aborted.ending, Ending::Aborted);
        // The client's kernel may still be delaying the ACK of our FIN, which it then never sends.
        assert!(matches!(aborted.info.state, TcpState::FinWait1 | TcpState::FinWait2));
        drop(client);
        aborted.account()
    });
    bench.exact("an established connection is aborted", LINUX, |_| {
        let watch = Watch::start();
        let (client, server) = pair();
        exchange(&client, &server);
        let aborted = segments::abort(&server, End::Server).unwrap();
        assert_eq!((watch.stack().resets_sent, watch.stack().resets_by_sockets), (1, 0), "only closing counts as by a socket");
        drop(client);
        aborted.account()
    });
    bench.case("readings in between match the interface phase by phase", |runtime| {
        let watch = Watch::start();
        let (client, server) = pair();
        let now = || account(&TcpInfo::read(server.as_fd()).unwrap(), Ending::Open, End::Server);
        watch.compare(&now());
        for _ in 0..10 {
            exchange(&client, &server);
            // The last ACK may be delayed; the counters lack it as long as the interface does.
            watch.compare(&now());
        }
        client.shutdown(Shutdown::Write).unwrap();
        watch.compare(&now());
        server.shutdown(Shutdown::Write).unwrap();
        watch.compare(&orderly(runtime, &server));
    });
    from_the_client(bench);
    options(bench);
}

/// What a load generator must do alone if the server is somebody else's.
fn from_the_client(bench: &mut Bench) {
    bench.exact("from the client's end: client closes first", LINUX, |runtime| {
        let (client, mut server) = pair();
        exchange(&client, &server);
        let foreign = thread::spawn(move || assert_eq!(server.read(&mut [0; 1]).unwrap(), 0));
        let account = settle(runtime, &client, End::Client, Ending::Orderly).account();
        foreign.join().unwrap();
        account
    });
    bench.exact("from the client's end: server closes first", LINUX, |runtime| {
        let (client, server) = pair();
        exchange(&client, &server);
        drop(server);
        settle(runtime, &client, End::Client, Ending::Orderly).account()
    });
    bench.exact("from the client's end: both close at once, 300 times", LINUX, |runtime| {
        let mut sum = ConnectionAccount::default();
        for _ in 0..300 {
            let (client, server) = pair();
            exchange(&client, &server);
            let start = Barrier::new(2);
            thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    drop(server);
                });
                start.wait();
                sum += settle(runtime, &client, End::Client, Ending::Orderly).account();
            });
        }
        sum
    });
    bench.exact("both ends give the same account", LINUX, |runtime| {
        let (client, server) = pair();
        exchange(&client, &server);
        let (ours, theirs) = runtime.block_on(async {
            tokio::join!(
                segments::settle(&server, End::Server, None, PATIENCE),
                segments::settle(&client, End::Client, None, PATIENCE)
            )
        });
        let (ours, theirs) = (ours.unwrap().account(), theirs.unwrap().account());
        assert_eq!(ours, theirs);
        assert_eq!(combine(&ours, &theirs), ours);
        ours
    });
}

/// Header sizes follow what the kernel's settings let the ends agree on.
fn options(bench: &mut Bench) {
    for (timestamps, sack, scaling) in [(1, 1, 1), (1, 0, 1), (0, 1, 1), (0, 0, 1), (1, 1, 0), (0, 1, 0), (0, 0, 0)] {
        bench.case(&format!("tcp_timestamps {timestamps}, tcp_sack {sack}, tcp_window_scaling {scaling}"), |runtime| {
            let set = |name, value: i32| fs::write(format!("/proc/sys/net/ipv4/{name}"), value.to_string()).unwrap();
            let set_all = |timestamps, sack, scaling| {
                set("tcp_timestamps", timestamps);
                set("tcp_sack", sack);
                set("tcp_window_scaling", scaling);
            };
            set_all(timestamps, sack, scaling);
            let watch = Watch::start();
            let (client, server) = pair();
            exchange(&client, &server);
            drop(client);
            let account = settle_server(runtime, &server, Ending::Orderly).account();
            // Back first: a failure must not spoil the cases that follow.
            set_all(1, 1, 1);
            watch.compare(&account);
        });
    }
    bench.exact("IPv6", LINUX, |runtime| {
        let Ok(listener) = TcpListener::bind("[::1]:0") else {
            println!("       (there is no IPv6 here)");
            return ConnectionAccount::default();
        };
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let server = listener.accept().unwrap().0;
        exchange(&client, &server);
        drop(client);
        orderly(runtime, &server)
    });
}
