//! Running cases and the comparison they all end in. No case is here.

use std::{
    env,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::fd::AsRawFd,
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
    thread,
    time::Duration,
};

use tokio::runtime::{Builder, Runtime};
use wirecost_probe::{
    interface::Counters,
    namespace::{self, TcpRecovery},
    netstat::StackCounters,
    segments::{self, ConnectionAccount, End, Ending, Settled},
};

/// Enough for any connection to end, and never used up where a case goes well.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Runs cases one after another and counts.
pub struct Bench {
    runtime: Runtime,
    /// Cases to run have one of these in their names; all do if there is none. What `cargo test NAME` hands on.
    filters: Vec<String>,
    passed: u32,
    failed: u32,
}

impl Bench {
    pub fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let filters = env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
        Self { runtime, filters, passed: 0, failed: 0 }
    }

    /// A case that passes if it does not panic.
    pub fn case(&mut self, name: &str, case: impl FnOnce(&Runtime)) {
        if !self.filters.is_empty() && !self.filters.iter().any(|filter| name.contains(filter)) {
            return;
        }
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| case(&self.runtime)));
        if outcome.is_ok() {
            println!("ok     {name}");
            self.passed += 1;
        } else {
            println!("FAILED {name}");
            self.failed += 1;
        }
    }

    /// A case whose account must be what the interface counted, to the byte and the frame.
    pub fn exact(&mut self, name: &str, recovery: TcpRecovery, case: impl FnOnce(&Runtime) -> ConnectionAccount) {
        self.case(name, |runtime| {
            namespace::set_tcp_recovery(recovery).unwrap();
            let watch = Watch::start();
            let account = case(runtime);
            watch.compare(&account);
        });
    }

    /// Prints the closing line.
    pub fn close(self) -> ExitCode {
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// The counters before a case.
pub struct Watch {
    interface: Counters,
    stack: StackCounters,
}

/// What an account lacks beside the interface; negative if it has too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Residual {
    pub bytes: i64,
    pub frames: i64,
}

impl Residual {
    pub const NONE: Self = Self { bytes: 0, frames: 0 };
}

impl Watch {
    pub fn start() -> Self {
        Self { interface: Counters::read("lo").unwrap(), stack: StackCounters::read().unwrap() }
    }

    pub fn interface(&self) -> Counters {
        Counters::read("lo").unwrap() - self.interface
    }

    pub fn stack(&self) -> StackCounters {
        StackCounters::read().unwrap() - self.stack
    }

    pub fn residual(&self, account: &ConnectionAccount) -> Residual {
        let seen = self.interface();
        assert_eq!((seen.sent_bytes, seen.sent_packets), (seen.received_bytes, seen.received_packets), "lo has two ends");
        Residual {
            bytes: seen.sent_bytes as i64 - account.total_bytes() as i64,
            frames: seen.sent_packets as i64 - account.segments() as i64,
        }
    }

    /// Insists that the account is what the interface counted.
    ///
    /// But for one thing that no account can know of and nobody can prevent, if only the stack's counters show that it
    /// happened: a last ACK overtaken by the FIN after it, which costs three frames and ends in a RST.
    pub fn compare(&self, account: &ConnectionAccount) {
        let (residual, stack) = (self.residual(account), self.stack());
        let strays = stack.resets_sent as i64 - (account.to_server.rst + account.to_client.rst) as i64;
        if strays > 0 {
            println!("       (an ACK overtaken by a FIN, {strays} times: {residual:?})");
        }
        let expected = Residual { bytes: (52 + 52 + 40) * strays.max(0), frames: 3 * strays.max(0) };
        assert_eq!(residual, expected, "{account:#?}\n{stack:?}");
    }
}

/// A connection over loopback with Nagle's algorithm off: the client's end and the server's.
pub fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    (client, server)
}

/// Gives a listener an accept queue of another length.
pub fn listen_again(listener: &TcpListener, backlog: i32) {
    // SAFETY: listen takes two integers. On a socket that listens it changes the queue's length.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), backlog) }, 0);
}

/// Sends `bytes` bytes one way and waits until they are there.
pub fn carry(mut from: &TcpStream, mut to: &TcpStream, bytes: usize) {
    from.write_all(&vec![7; bytes]).unwrap();
    to.read_exact(&mut vec![0; bytes]).unwrap();
}

/// Settles the server's end and insists on the ending.
pub fn settle_server(runtime: &Runtime, server: &TcpStream, expected: Ending) -> Settled {
    settle(runtime, server, End::Server, expected)
}

/// Settles either end and insists on the ending.
pub fn settle(runtime: &Runtime, socket: &TcpStream, end: End, expected: Ending) -> Settled {
    let settled = runtime.block_on(segments::settle(socket, end, None, PATIENCE)).unwrap();
    assert_eq!(settled.ending, expected, "{settled:?}");
    settled
}

/// Settles the server's end, then the client's, of a connection whose client has closed or half-closed; their accounts.
pub fn settle_both(runtime: &Runtime, server: &TcpStream, client: &TcpStream) -> (ConnectionAccount, ConnectionAccount) {
    let at = |socket, end| settle(runtime, socket, end, Ending::Orderly).account();
    (at(server, End::Server), at(client, End::Client))
}

/// Waits until nothing has gone over the interface for longer than any core takes to deliver what it holds.
pub fn wait_for_quiet() {
    let mut before = Counters::read("lo").unwrap();
    loop {
        // An ACK may be delayed by 40 ms.
        thread::sleep(Duration::from_millis(60));
        let now = Counters::read("lo").unwrap();
        if now == before {
            return;
        }
        before = now;
    }
}
