//! Cases in which an account cannot be exact: that it says so, and is right as far as it can be.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::fd::AsRawFd,
    thread,
    time::Duration,
};

use wirecost_probe::{
    namespace::{self, TcpRecovery},
    segments::{self, End, Ending, combine},
};

use crate::{
    bench::{Bench, PATIENCE, Residual, Watch, carry, listen_again, pair, settle_both, settle_server},
    bulk::{cross, trickle_up},
};

pub fn cases(bench: &mut Bench) {
    bench.case("inexact: the peer's loss probes, from one end", |runtime| {
        namespace::set_tcp_recovery(TcpRecovery::LINUX).unwrap();
        let watch = Watch::start();
        let (server, client) = trickle_up(runtime);
        let (residual, stack, twice) = (watch.residual(&server), watch.stack(), client.to_server);
        assert_eq!(residual.frames, 0);
        assert_eq!(residual.bytes as u64, twice.retransmitted_bytes + twice.retransmitted_segments * 12);
        // What betrays it is the namespace's counters.
        assert_eq!(stack.retransmitted_segments, twice.retransmitted_segments);
        assert_eq!(stack.dsacks_sent, twice.retransmitted_segments);
    });
    bench.case("inexact: bulk transfers that two cores may deliver out of order", |runtime| {
        namespace::set_tcp_recovery(TcpRecovery::LINUX).unwrap();
        let slow = (1 << 20, Duration::from_millis(2));
        for (bytes, read_pause) in [(16 << 20, Duration::ZERO), (16 << 20, Duration::ZERO), slow] {
            let watch = Watch::start();
            let (server, client) = cross(runtime, bytes, read_pause);
            let both = combine(&server, &client);
            let residual = watch.residual(&both);
            assert_eq!(residual.frames, 0);
            // Only SACK blocks can be missing: none where nothing was out of order, and whole ones elsewhere.
            if both.doubts.is_empty() {
                assert_eq!(residual, Residual::NONE);
            }
            assert_eq!(residual.bytes % 4, 0, "{residual:?} {:?}", both.doubts);
        }
    });
    bench.case("inexact: a client that closes while it is being written to, 20 times", |runtime| {
        namespace::set_tcp_recovery(TcpRecovery::WITHOUT_SACK).unwrap();
        for round in 1..=20 {
            let watch = Watch::start();
            let (client, mut server) = pair();
            carry(&client, &server, 100);
            let reader = thread::spawn(move || {
                let mut client = client;
                client.read_exact(&mut vec![0; 1000 * round]).unwrap();
            });
            // Far more than the buffers hold, so the client is gone before it is written.
            server.write_all(&vec![7; 16 << 20]).unwrap_err();
            let settled = runtime.block_on(segments::settle(&server, End::Server, Some(100), PATIENCE)).unwrap();
            reader.join().unwrap();
            assert_eq!(settled.ending, Ending::ResetByPeer { after_fin: false });
            let account = settled.account();
            assert_eq!(account.doubts.reset_connections, 1);
            let (residual, stack) = (watch.residual(&account), watch.stack());
            // One RST is the closing socket's; the others answer what was still on its way, and are 12 bytes smaller
            // than the ACKs they are taken for, or found our socket gone and are not counted at all.
            let bare = (stack.resets_sent - stack.resets_by_sockets) as i64;
            assert_eq!(residual.bytes, 40 * residual.frames - 12 * (bare - residual.frames), "{residual:?} {stack:?}");
        }
    });
    bench.case("inexact: a client that half-closes and gives up before it has acknowledged the answer, 20 times", |runtime| {
        namespace::set_tcp_recovery(TcpRecovery::LINUX).unwrap();
        let mut mistaken = 0;
        for _ in 0..20 {
            let watch = Watch::start();
            let (client, mut server) = pair();
            carry(&client, &server, 100);
            client.shutdown(Shutdown::Write).unwrap();
            set(&client, libc::TCP_QUICKACK, 0);
            server.write_all(&[7; 200]).unwrap();
            client.peek(&mut [0; 1]).unwrap();
            drop(client);
            let account = settle_server(runtime, &server, Ending::ResetByPeer { after_fin: true }).account();
            let (residual, stack) = (watch.residual(&account), watch.stack());
            // The stack knows whether a socket sent it.
            let taken = account.to_server.bare_rst - (stack.resets_sent - stack.resets_by_sockets);
            assert_eq!(residual, Residual { bytes: 12 * taken as i64, frames: 0 });
            mistaken += taken;
        }
        assert!(mistaken > 0);
    });
    bench.case("inexact: a SYN that a full accept queue dropped, from the server's end", |runtime| {
        namespace::set_tcp_recovery(TcpRecovery::LINUX).unwrap();
        let watch = Watch::start();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // A queue of one.
        listen_again(&listener, 0);
        let address = listener.local_addr().unwrap();
        let first = TcpStream::connect(address).unwrap();
        let second = thread::spawn(move || TcpStream::connect(address).unwrap());
        while watch.stack().listen_drops == 0 {
            thread::yield_now();
        }
        let accepted = listener.accept().unwrap().0;
        first.shutdown(Shutdown::Write).unwrap();
        let (mut server, mut client) = settle_both(runtime, &accepted, &first);
        let (accepted, second) = (listener.accept().unwrap().0, second.join().unwrap());
        second.shutdown(Shutdown::Write).unwrap();
        let (server_of_second, client_of_second) = settle_both(runtime, &accepted, &second);
        server += server_of_second;
        client += client_of_second;
        let sent_again = client.doubts.retransmitted_control_segments;
        assert!(sent_again >= 1 && server.doubts.is_empty());
        assert_eq!(watch.residual(&server), Residual { bytes: 60 * sent_again as i64, frames: sent_again as i64 });
        watch.compare(&client);
        watch.compare(&combine(&server, &client));
    });
    bench.case("inexact: a SYN-ACK that was sent again, from either end alone", |runtime| {
        namespace::set_tcp_recovery(TcpRecovery::LINUX).unwrap();
        let watch = Watch::start();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        defer_accept(&listener);
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let server = listener.accept().unwrap().0;
        client.shutdown(Shutdown::Write).unwrap();
        let (server, client) = settle_both(runtime, &server, &client);
        let sent_again = server.doubts.retransmitted_control_segments as i64;
        assert!(sent_again >= 1);
        // The server did not see the ACK it dropped; the client took the second SYN-ACK for an ACK.
        assert_eq!(watch.residual(&server), Residual { bytes: 52 * sent_again, frames: sent_again });
        assert_eq!(watch.residual(&client), Residual { bytes: 8 * sent_again, frames: 0 });
        watch.compare(&combine(&server, &client));
    });
}

/// Makes the kernel drop a handshake's last ACK, as it does when the accept queue is full, and wait for data or a second one.
fn defer_accept(listener: &TcpListener) {
    let one_second = 1;
    set(listener, libc::TCP_DEFER_ACCEPT, one_second);
}

/// Sets one of the kernel's options of TCP sockets.
fn set(socket: &impl AsRawFd, option: libc::c_int, value: libc::c_int) {
    // SAFETY: the kernel reads one integer.
    let returned = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            option,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    assert_eq!(returned, 0);
}
