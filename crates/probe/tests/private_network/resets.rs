//! Connections that end by a RST, where its size and number can be known.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    os::fd::{AsFd, AsRawFd},
    thread,
};

use wirecost_probe::{
    namespace::TcpRecovery,
    process::{self, Signal},
    segments::{self, End, Ending},
    tcp_info::{TcpInfo, TcpState},
};

use crate::{
    bench::{Bench, PATIENCE, carry, pair, settle, settle_server},
    victim,
};

const LINUX: TcpRecovery = TcpRecovery::LINUX;
const BEFORE_FIN: Ending = Ending::ResetByPeer { after_fin: false };
const AFTER_FIN: Ending = Ending::ResetByPeer { after_fin: true };

/// Waits until the connection is in `state`, as the kernel brings it there without our doing.
fn wait_for(socket: &TcpStream, state: TcpState) {
    while TcpInfo::read(socket.as_fd()).unwrap().state != state {
        thread::yield_now();
    }
}

/// Makes closing the socket send a RST.
fn linger_zero(socket: &TcpStream) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: the kernel reads one linger.
    let returned = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of_val(&linger) as libc::socklen_t,
        )
    };
    assert_eq!(returned, 0);
}

pub fn cases(bench: &mut Bench) {
    bench.exact("client closes with the answer unread", LINUX, |runtime| {
        let (client, mut server) = pair();
        carry(&client, &server, 100);
        server.write_all(&[7; 200]).unwrap();
        // Over loopback the data is there when the write returns.
        drop(client);
        settle_server(runtime, &server, BEFORE_FIN).account()
    });
    bench.exact("client closes with a large answer unread", LINUX, |runtime| {
        let (client, mut server) = pair();
        carry(&client, &server, 100);
        server.write_all(&[7; 50_000]).unwrap();
        while TcpInfo::read(server.as_fd()).unwrap().bytes_acked < 50_000 {
            thread::yield_now();
        }
        drop(client);
        settle_server(runtime, &server, BEFORE_FIN).account()
    });
    bench.exact("client lingers zero", LINUX, |runtime| {
        let (client, server) = pair();
        carry(&client, &server, 100);
        linger_zero(&client);
        drop(client);
        settle_server(runtime, &server, BEFORE_FIN).account()
    });
    bench.exact("client closes a parked request, and is answered", LINUX, |runtime| {
        let (client, mut server) = pair();
        carry(&client, &server, 100);
        drop(client);
        wait_for(&server, TcpState::CloseWait);
        server.write_all(&[7; 200]).unwrap();
        settle_server(runtime, &server, AFTER_FIN).account()
    });
    bench.exact("client closes a parked request, and is answered at length", LINUX, |runtime| {
        let (client, mut server) = pair();
        carry(&client, &server, 100);
        drop(client);
        wait_for(&server, TcpState::CloseWait);
        server.write_all(&[7; 50_000]).unwrap();
        let account = settle_server(runtime, &server, AFTER_FIN).account();
        assert!(account.to_server.rst > 1);
        account
    });
    bench.exact("client closes a parked request, and is answered twice", LINUX, |runtime| {
        let (client, mut server) = pair();
        carry(&client, &server, 100);
        drop(client);
        wait_for(&server, TcpState::CloseWait);
        server.write_all(&[7; 200]).unwrap();
        assert_eq!(server.write(&[7; 200]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        // The error was met above, so the reading count must tell what it was.
        let settled = runtime.block_on(segments::settle(&server, End::Server, Some(100), PATIENCE)).unwrap();
        assert_eq!(settled.ending, AFTER_FIN);
        settled.account()
    });
    bench.exact("a reset whose error was met before is known by the bytes read", LINUX, |runtime| {
        let (client, mut server) = pair();
        carry(&client, &server, 100);
        server.write_all(&[7; 200]).unwrap();
        drop(client);
        assert_eq!(server.read(&mut [0; 1]).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(server.read(&mut [0; 1]).unwrap(), 0, "the second time it looks like an end");
        let settled = runtime.block_on(segments::settle(&server, End::Server, Some(100), PATIENCE)).unwrap();
        assert_eq!(settled.ending, BEFORE_FIN);
        settled.account()
    });
    bench.exact("client half-closes, then gives up with the answer unread", LINUX, |runtime| {
        let (client, mut server) = pair();
        carry(&client, &server, 100);
        client.shutdown(Shutdown::Write).unwrap();
        server.write_all(&[7; 200]).unwrap();
        while TcpInfo::read(server.as_fd()).unwrap().bytes_acked < 200 {
            thread::yield_now();
        }
        drop(client);
        settle_server(runtime, &server, AFTER_FIN).account()
    });
    bench.exact("client is killed with a request parked", LINUX, |runtime| {
        let (mut client, mut server) = victim::start().unwrap();
        server.read_exact(&mut [0; 100]).unwrap();
        process::signal(client.id(), Signal::Kill).unwrap();
        client.wait().unwrap();
        settle_server(runtime, &server, Ending::Orderly).account()
    });
    bench.exact("client is killed with the answer unread", LINUX, |runtime| {
        let (mut client, mut server) = victim::start().unwrap();
        server.read_exact(&mut [0; 100]).unwrap();
        server.write_all(&[7; 200]).unwrap();
        process::signal(client.id(), Signal::Kill).unwrap();
        client.wait().unwrap();
        settle_server(runtime, &server, BEFORE_FIN).account()
    });
    bench.exact("client is stopped, then killed", LINUX, |runtime| {
        let (mut client, mut server) = victim::start().unwrap();
        server.read_exact(&mut [0; 100]).unwrap();
        process::signal(client.id(), Signal::Stop).unwrap();
        // The kernel acknowledges for it.
        server.write_all(&[7; 20_000]).unwrap();
        while TcpInfo::read(server.as_fd()).unwrap().bytes_acked < 20_000 {
            thread::yield_now();
        }
        process::signal(client.id(), Signal::Kill).unwrap();
        client.wait().unwrap();
        settle_server(runtime, &server, BEFORE_FIN).account()
    });
    bench.exact("from the client's end: server closes with the request unread", LINUX, |runtime| {
        let (mut client, server) = pair();
        client.write_all(&[7; 100]).unwrap();
        drop(server);
        settle(runtime, &client, End::Client, BEFORE_FIN).account()
    });
    bench.exact("from the client's end: a request to a server that has closed", LINUX, |runtime| {
        let (mut client, server) = pair();
        carry(&client, &server, 100);
        drop(server);
        wait_for(&client, TcpState::CloseWait);
        client.write_all(&[7; 100]).unwrap();
        settle(runtime, &client, End::Client, AFTER_FIN).account()
    });
}
