//! How late the two timers wake: the publisher's, which sleeps and spins, and the pacer's, a timerfd in the load generator's
//! kind of runtime.

use wirecost_model::Histogram;
use wirecost_probe::clock::{now_ns, set_timer_slack_ns, sleep_until};
use wirecost_probe::{affinity, timer};

use super::bench::{Bench, Stop};
use super::{Finding, Rung, time};

/// The publisher spins to its deadline.
const MOST_SPUN_NS: u64 = 10_000;

/// The pacer is woken by the kernel; a lag beyond this would void trials.
const MOST_WOKEN_NS: u64 = 100_000;

/// Between deadlines, ns.
const PERIOD_NS: u64 = 1_000_000;

/// The rung.
pub(super) const TIMER_LAG: Rung =
    Rung { name: "timer_lag", what: "how late the publisher and the pacer wake", timing: true, check };

fn check(bench: &mut Bench<'_>) -> Result<Finding, Stop> {
    let deadlines = if bench.is_full() { 2_000 } else { 200 };
    let [server, client] = bench.cores();
    let spun = on_core(server, move || Ok(spin_lag(deadlines)))?;
    let woken = on_core(client, move || timer::lag(deadlines, PERIOD_NS))?;
    let [spun_p50_ns, woken_p50_ns] = [&spun, &woken].map(|lag| lag.value_at(0.5));
    let both = |lag: &Histogram| format!("p50 {}, p95 {}", time(lag.value_at(0.5) as f64), time(lag.value_at(0.95) as f64));
    let expected =
        format!("p50 at most {} sleeping and spinning, {} by timerfd", time(MOST_SPUN_NS as f64), time(MOST_WOKEN_NS as f64));
    let seen = format!("sleeping and spinning {}; timerfd {}", both(&spun), both(&woken));
    let finding = Finding::judge(spun_p50_ns <= MOST_SPUN_NS && woken_p50_ns <= MOST_WOKEN_NS, expected, seen);
    Ok(finding
        .with("spin_p50_ns", spun_p50_ns as f64)
        .with("spin_p95_ns", spun.value_at(0.95) as f64)
        .with("timerfd_p50_ns", woken_p50_ns as f64)
        .with("timerfd_p95_ns", woken.value_at(0.95) as f64))
}

fn spin_lag(deadlines: u32) -> Histogram {
    // Refused nowhere that is known; the lag would show it.
    let _ = set_timer_slack_ns(1);
    let (mut lag, start_ns) = (Histogram::default(), now_ns());
    for number in 1..=u64::from(deadlines) {
        let deadline_ns = start_ns + number * PERIOD_NS;
        lag.record(sleep_until(deadline_ns) - deadline_ns);
    }
    lag
}

/// Does something on a thread of its own, on one core; pinning and timer slack end with the thread.
pub(super) fn on_core<T: Send + 'static>(
    core: usize,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    let thread = std::thread::Builder::new().name("calibrate".into()).spawn(move || {
        affinity::pin(&[core])?;
        work()
    })?;
    thread.join().unwrap_or_else(|_| Err(std::io::Error::other("a thread of the calibration panicked")))
}
