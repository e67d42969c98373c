//! Cases of the network itself: what was entered, as whom, and that it is quiet and shaped like Ethernet.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr, TcpListener},
    os::fd::AsFd,
    os::unix::fs::MetadataExt,
    thread,
    time::Duration,
};

use tokio::net::TcpSocket;
use wirecost_probe::{
    interface::Counters,
    namespace::{self, Entered, PrivateNetwork},
    sources::sources,
    tcp_info::TcpInfo,
};

use crate::bench::{Bench, carry, pair};

/// The id of "nobody", who owns nothing.
const NOBODY: u32 = 65534;

/// What became of an attempt to enter without privileges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsNobody {
    /// It went well.
    Entered,
    /// Only root can become nobody.
    NotTried,
    /// The kernel's settings forbid it to users.
    Refused,
    /// It went wrong inside.
    Broken,
}

/// Enters in a child process that has first become nobody, so that the unprivileged way is tried even by root.
pub fn enter_as_nobody() -> AsNobody {
    // SAFETY: this process has one thread, so its child may do all that it could.
    match unsafe { libc::fork() } {
        0 => {
            let outcome = try_as_nobody();
            // SAFETY: leaves at once, without running the parent's destructors.
            unsafe { libc::_exit(outcome as i32) }
        }
        child => {
            let mut status = 0;
            // SAFETY: waits for our own child and writes one integer.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            [AsNobody::Entered, AsNobody::NotTried, AsNobody::Refused]
                .into_iter()
                .find(|outcome| libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == *outcome as i32)
                .unwrap_or(AsNobody::Broken)
        }
    }
}

fn try_as_nobody() -> AsNobody {
    // SAFETY: all take integers only. Becoming somebody else makes /proc/self root's until the process is marked
    // dumpable again.
    unsafe {
        if libc::geteuid() != 0 || libc::setresgid(NOBODY, NOBODY, NOBODY) != 0 || libc::setresuid(NOBODY, NOBODY, NOBODY) != 0 {
            return AsNobody::NotTried;
        }
        libc::prctl(libc::PR_SET_DUMPABLE, 1);
    }
    match namespace::enter_private(&PrivateNetwork::default()) {
        Ok(Entered::Unprivileged) => {
            // SAFETY: no preconditions.
            let same_user = unsafe { libc::geteuid() } == NOBODY;
            let file = std::env::temp_dir().join(format!("wirecost-nobody-{}", std::process::id()));
            let owner = fs::write(&file, "").and_then(|()| fs::metadata(&file)).map(|data| data.uid());
            let _ = fs::remove_file(&file);
            let recovery = namespace::set_tcp_recovery(namespace::TcpRecovery::WITHOUT_SACK);
            let (client, server) = pair();
            carry(&client, &server, 1000);
            if same_user && owner.is_ok_and(|owner| owner == NOBODY) && recovery.is_ok() {
                AsNobody::Entered
            } else {
                AsNobody::Broken
            }
        }
        Ok(Entered::Privileged) => AsNobody::Broken,
        Err(_) => AsNobody::Refused,
    }
}

pub fn cases(bench: &mut Bench, entered: Entered, as_nobody: AsNobody) {
    bench.case(&format!("entered {entered:?}; as nobody: {as_nobody:?}"), |_| assert_ne!(as_nobody, AsNobody::Broken));
    bench.case("the network is quiet", |_| {
        let seen = Counters::read("lo").unwrap();
        thread::sleep(Duration::from_millis(50));
        assert_eq!(Counters::read("lo").unwrap(), seen);
    });
    bench.case("there is no other interface", |_| {
        let table = fs::read_to_string("/proc/self/net/dev").unwrap();
        for line in table.lines().skip(2).filter(|line| !line.trim_start().starts_with("lo:")) {
            // Some kernels put idle tunnel devices into every namespace.
            assert!(line.split_once(':').unwrap().1.split_ascii_whitespace().all(|number| number == "0"), "{line}");
        }
    });
    bench.case("segments are those of Ethernet", |_| {
        let (client, server) = pair();
        carry(&server, &client, 100_000);
        let info = TcpInfo::read(server.as_fd()).unwrap();
        assert_eq!((info.snd_mss, info.data_segs_out), (1448, 100_000_u32.div_ceil(1448)));
    });
    bench.case("more connections than one address has ports", |runtime| {
        let range = "/proc/sys/net/ipv4/ip_local_port_range";
        let usual = fs::read_to_string(range).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = listener.local_addr().unwrap();
        // Forty ports, of which thirty are used.
        fs::write(range, "40000 40039").unwrap();
        let from = sources(server.ip(), 100).unwrap();
        let connect = async |source: &IpAddr| {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind((*source, 0).into()).unwrap();
            socket.connect(server).await.unwrap()
        };
        let clients: Vec<_> = from.iter().cycle().take(100).map(|source| runtime.block_on(connect(source))).collect();
        let local: BTreeSet<IpAddr> = clients.iter().map(|client| client.local_addr().unwrap().ip()).collect();
        assert_eq!((from.len(), local.len()), (4, 4));
        fs::write(range, usual).unwrap();
    });
}
