//! What TCP itself costs here: a message of 128 bytes back and forth between two threads with nothing around it, on one core and
//! on two, back to back and with a pause between. The pause matters: a core that has gone idle takes longer to answer, and a
//! trial at a moderate rate meets idle cores.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use wirecost_model::Histogram;
use wirecost_probe::affinity;
use wirecost_probe::clock::{now_ns, set_timer_slack_ns, sleep_until};

use super::bench::{Bench, Stop};
use super::timer::on_core;
use super::{Finding, Rung, time};

/// Bytes of the message.
const MESSAGE_BYTES: usize = 128;

/// Between two exchanges that are not back to back, ns.
pub(super) const PAUSE_NS: u64 = 1_000_000;

/// A round trip that takes longer is not that of an idle machine's loopback.
const MOST_NS: f64 = 1_000_000.0;

/// The rung.
pub(super) const TCP_FLOOR: Rung =
    Rung { name: "tcp_floor", what: "128 bytes there and back over bare TCP", timing: true, check };

fn check(bench: &mut Bench<'_>) -> Result<Finding, Stop> {
    let [server, client] = bench.cores();
    let (many, few) = if bench.is_full() { (20_000, 2_000) } else { (2_000, 150) };
    let same = round_trips(client, client, many, 0)?;
    let mut seen = format!("same core {}", time(same.value_at(0.5) as f64));
    let mut finding = Finding::judge(true, "", "").with("same_core_rtt_p50_ns", same.value_at(0.5) as f64);
    let mut slowest_ns = same.value_at(0.5);
    if server == client {
        seen += "; there is no second core";
    } else {
        let across = round_trips(server, client, many, 0)?.value_at(0.5);
        let paced = round_trips(server, client, few, PAUSE_NS)?.value_at(0.5);
        seen += &format!(", two cores {}, with a pause of {} {}", time(across as f64), time(PAUSE_NS as f64), time(paced as f64));
        slowest_ns = slowest_ns.max(across).max(paced);
        finding = finding.with("cross_core_rtt_p50_ns", across as f64).with("cross_core_paced_rtt_p50_ns", paced as f64);
    }
    let values = finding.values;
    let expected = format!("round trips with p50 at most {}", time(MOST_NS));
    Ok(Finding { values, ..Finding::judge(slowest_ns as f64 <= MOST_NS, expected, format!("p50 {seen}")) })
}

/// Round-trip times between two pinned threads, `pause_ns` between the starts of two if it is not 0.
pub(super) fn round_trips(server: usize, client: usize, count: u32, pause_ns: u64) -> std::io::Result<Histogram> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let echo = std::thread::Builder::new().name("echo".into()).spawn(move || {
        affinity::pin(&[server])?;
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut message = [0; MESSAGE_BYTES];
        while stream.read_exact(&mut message).is_ok() {
            stream.write_all(&message)?;
        }
        std::io::Result::Ok(())
    })?;
    let times = on_core(client, move || {
        let _ = set_timer_slack_ns(1);
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let (mut times, mut message) = (Histogram::default(), [b'x'; MESSAGE_BYTES]);
        // The first exchanges open the window and warm the caches.
        for number in 0..count + 10 {
            let begun_ns = now_ns();
            stream.write_all(&message)?;
            stream.read_exact(&mut message)?;
            if number >= 10 {
                times.record(now_ns() - begun_ns);
            }
            if pause_ns > 0 {
                sleep_until(begun_ns + pause_ns);
            }
        }
        Ok(times)
    });
    let echoed = echo.join().unwrap_or_else(|_| Err(std::io::Error::other("the echoing thread panicked")));
    times.and_then(|times| echoed.map(|()| times))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_its_round_trips() {
        let core = affinity::available_cores()[0];
        assert_eq!(round_trips(core, core, 20, 0).unwrap().count(), 20);
        assert_eq!(round_trips(core, core, 3, 100_000).unwrap().count(), 3);
    }
}
