//! What the same work costs a thread that has rested before it: processor time of a write of 128 B to each of 20 loopback
//! connections, by the time between two rounds of writes. Nothing of wirecost is in it but its clock, so that what it shows is the
//! machine's: the account that METHODOLOGY.md gives of why costs per message fall when the rate rises.
//!
//! ```text
//! cargo bench -p wirecost-benches --bench rested
//! ```
//!
//! Gaps take turns, so that what the machine does meanwhile hits all alike. No criterion: it repeats at once, and so never rests.

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use tokio::io::AsyncReadExt;
use wirecost_probe::affinity;
use wirecost_probe::clock::{now_ns, set_timer_slack_ns, sleep_until, thread_cpu_ns};

const CONNECTIONS: usize = 20;
const PAYLOAD_BYTES: usize = 128;
const GAPS_NS: [u64; 6] = [100_000_000, 31_600_000, 10_000_000, 3_160_000, 1_000_000, 0];
const TURNS: usize = 5;

/// How long a gap has its turn, ns.
const TURN_NS: u64 = 1_000_000_000;

fn main() {
    let cores = affinity::available_cores();
    let (Some(&ours), Some(&theirs)) = (cores.first(), cores.last()) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let readers: Vec<TcpStream> = (0..CONNECTIONS).map(|_| TcpStream::connect(address).expect("connected")).collect();
    let mut writers: Vec<TcpStream> = (0..CONNECTIONS).map(|_| listener.accept().expect("accepted").0).collect();
    writers.iter().for_each(|stream| stream.set_nodelay(true).expect("a TCP socket"));
    std::thread::spawn(move || {
        affinity::pin(&[theirs]).expect("one of our own cores");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            for reader in readers {
                reader.set_nonblocking(true).expect("a TCP socket");
                let mut reader = tokio::net::TcpStream::from_std(reader).expect("registered");
                tokio::spawn(async move {
                    let mut buffer = [0; 8 << 10];
                    while matches!(reader.read(&mut buffer).await, Ok(1..)) {}
                });
            }
            std::future::pending::<()>().await;
        });
    });
    affinity::pin(&[ours]).expect("one of our own cores");
    let _ = set_timer_slack_ns(1);
    let mut costs_us = [[0.0; TURNS]; GAPS_NS.len()];
    for turn in 0..TURNS {
        for (gap_ns, costs_us) in GAPS_NS.iter().zip(&mut costs_us) {
            costs_us[turn] = cost_us(&mut writers, *gap_ns);
        }
    }
    for (gap_ns, mut costs_us) in GAPS_NS.into_iter().zip(costs_us) {
        costs_us.sort_by(f64::total_cmp);
        let [least, .., most] = costs_us;
        let gap_ms = gap_ns as f64 / 1e6;
        println!(
            "{gap_ms:6.2} ms between rounds: {:6.2} ({least:.2} to {most:.2}) us of processor time a write",
            costs_us[TURNS / 2]
        );
    }
}

/// Processor time of a write, µs, when rounds of writes begin `gap_ns` from each other. What waiting takes is not in it.
fn cost_us(writers: &mut [TcpStream], gap_ns: u64) -> f64 {
    let payload = [b'x'; PAYLOAD_BYTES];
    let (mut cpu_ns, mut writes) = (0, 0);
    let mut due_ns = now_ns();
    let end_ns = due_ns + TURN_NS;
    while due_ns < end_ns {
        due_ns = (due_ns + gap_ns).max(now_ns());
        sleep_until(due_ns);
        let begun_ns = thread_cpu_ns();
        for stream in &mut *writers {
            stream.write_all(&payload).expect("written");
            writes += 1;
        }
        cpu_ns += thread_cpu_ns() - begun_ns;
    }
    cpu_ns as f64 / 1e3 / f64::from(writes)
}
