//! The load generator with nothing behind it: the null protocol through the same runtime, client loop and recorder as any
//! transport. What it takes longer than bare TCP is the harness's own; how much it can take in bounds every rate that is
//! measured with it.

use wirecost_loadgen::workload::Script;
use wirecost_loadgen::{Fleet, FleetPlan, Target};
use wirecost_model::control::{Begin, Publish};
use wirecost_model::schedule::Arrivals;
use wirecost_model::units::Rate;
use wirecost_model::{ClientReport, Faults, Histogram};
use wirecost_probe::clock::{now_ns, sleep_until};

use super::bench::{Bench, Stop};
use super::floor::{PAUSE_NS, round_trips};
use super::null_server::{NullServer, PAYLOAD_BYTES};
use super::timer::on_core;
use super::{Finding, Rung, time};

/// More than this on top of TCP would drown what transports differ by.
const MOST_OVERHEAD_NS: f64 = 100_000.0;

/// A load generator that takes in less is the bottleneck of ordinary scenarios.
const LEAST_PER_S: f64 = 20_000.0;

/// Until the server and the clients know when to begin, ns.
const LEAD_NS: u64 = 30_000_000;

/// Before the window, ns: sockets' buffers are full by then.
const WARMUP_NS: u64 = 100_000_000;

/// How long what is still on its way is waited for, ns.
const DRAIN_NS: u64 = 500_000_000;

/// The rung of the overhead.
pub(super) const NULL_PROTOCOL: Rung =
    Rung { name: "null_protocol", what: "length-prefixed TCP through the load generator", timing: true, check: overhead };

/// The rung of the rate.
pub(super) const MAX_NULL_RATE: Rung =
    Rung { name: "max_null_rate", what: "deliveries that the load generator can take in", timing: true, check: rate };

fn overhead(bench: &mut Bench<'_>) -> Result<Finding, Stop> {
    let [server, client] = bench.cores();
    let (window_ns, round_trip_count) = if bench.is_full() { (2_000_000_000, 2_000) } else { (400_000_000, 200) };
    let rate = Rate(1e9 / PAUSE_NS as f64).into();
    let publish = Publish {
        each_of: None,
        rate,
        arrivals: Arrivals::Periodic,
        payload_bytes: PAYLOAD_BYTES,
        seed: 1,
        faults: Faults::default(),
    };
    // The floor anew, at the same rate and in the same minute.
    let floor = round_trips(server, client, round_trip_count, PAUSE_NS)?;
    let (report, _) = exchange(server, client, Some(publish), window_ns)?;
    let service = merged(&report.service);
    let one_way_ns = floor.value_at(0.5) as f64 / 2.0;
    let overhead_ns = service.value_at(0.5) as f64 - one_way_ns;
    let whole = report.accounting.is_clean() && report.negative_latencies == 0 && service.count() > 0;
    let expected = format!("every message once, and p50 at most {} above half a TCP round trip", time(MOST_OVERHEAD_NS));
    let seen = format!(
        "{} of {} messages, service p50 {}, p99 {}; half a round trip {}; overhead {}",
        report.accounting.delivered,
        report.accounting.expected,
        time(service.value_at(0.5) as f64),
        time(service.value_at(0.99) as f64),
        time(one_way_ns),
        time(overhead_ns)
    );
    Ok(Finding::judge(whole && overhead_ns <= MOST_OVERHEAD_NS, expected, seen)
        .with("service_p50_ns", service.value_at(0.5) as f64)
        .with("service_p99_ns", service.value_at(0.99) as f64)
        .with("tcp_one_way_p50_ns", one_way_ns)
        .with("overhead_ns", overhead_ns))
}

fn rate(bench: &mut Bench<'_>) -> Result<Finding, Stop> {
    let [server, client] = bench.cores();
    let window_ns = if bench.is_full() { 2_000_000_000 } else { 300_000_000 };
    let (report, sent) = exchange(server, client, None, window_ns)?;
    // What the connection takes in a window that begins with full buffers is what the other end takes out.
    let per_s = sent as f64 / (window_ns as f64 / 1e9);
    let account = report.accounting;
    let whole = account.corrupted + account.duplicated + account.reordered == 0;
    let seen = format!("{per_s:.0}/s through one client on one core{}", if whole { "" } else { ", some of them wrong" });
    let expected = format!("at least {LEAST_PER_S:.0}/s; a run wants twice its own rate");
    Ok(Finding::judge(whole && per_s >= LEAST_PER_S, expected, seen).with("deliveries_per_s", per_s))
}

/// One client of a null server, each on its core: what the client knows at the end, and how many messages the server sent in the
/// window.
fn exchange(
    server_core: usize,
    client_core: usize,
    publish: Option<Publish>,
    window_ns: u64,
) -> std::io::Result<(ClientReport, u64)> {
    let server = NullServer::start(server_core)?;
    on_core(client_core, move || {
        let script = Script { publish: publish.clone(), subscribe: true, payload_bytes: PAYLOAD_BYTES, ..Script::default() };
        let plan = FleetPlan::on_one_thread(Target::null(server.address), script, 1, 1);
        let fleet = Fleet::connect(&plan, |_| true).map_err(std::io::Error::other)?;
        let (start_ns, window_to_ns) = (now_ns() + LEAD_NS, WARMUP_NS + window_ns);
        let begin = Begin { start_ns, window_from_ns: WARMUP_NS, window_to_ns, publish, relay_rooms: None, cut: None };
        fleet.begin(begin.clone());
        server.begin(&begin);
        sleep_until(start_ns + window_to_ns);
        let give_up_ns = now_ns() + DRAIN_NS;
        while !fleet.is_complete() && now_ns() < give_up_ns {
            sleep_until(now_ns() + 2_000_000);
        }
        let report = fleet.close();
        Ok((report, server.finish()?))
    })
}

fn merged(intervals: &[Histogram]) -> Histogram {
    let mut all = Histogram::default();
    intervals.iter().for_each(|interval| all.merge(interval));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use wirecost_probe::affinity::available_cores;

    #[test]
    fn every_message_of_the_schedule_arrives_and_a_flood_is_intact() {
        let core = available_cores()[0];
        let (rate, arrivals) = (Rate(500.0).into(), Arrivals::Poisson);
        let publish = Publish { each_of: None, rate, arrivals, payload_bytes: PAYLOAD_BYTES, seed: 3, faults: Faults::default() };
        let (report, sent) = exchange(core, core, Some(publish), 100_000_000).unwrap();
        assert!(report.accounting.is_clean() && report.accounting.delivered == report.accounting.expected, "{report:?}");
        assert_eq!(merged(&report.service).count(), sent);
        // How much comes through is the machine's affair; that it comes whole and in order is not.
        let (report, _) = exchange(core, core, None, 50_000_000).unwrap();
        let account = report.accounting;
        assert_eq!(account.corrupted + account.duplicated + account.reordered, 0);
    }
}
