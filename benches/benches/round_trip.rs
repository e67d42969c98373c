//! Loopback round trips of every transport through the real server and the real clients: a push from its due
//! time to its delivery, and an echo there and back. Each sample is a short trial; its mean is what is timed.

use std::sync::mpsc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use wirecost_loadgen::workload::Script;
use wirecost_loadgen::{Fleet, FleetPlan, Target};
use wirecost_model::control::Begin;
use wirecost_model::scenario::{Arm, ArmOptions, Echo, Push, Workload};
use wirecost_model::schedule::Arrivals;
use wirecost_model::units::{Rate, Size, Span};
use wirecost_model::{ArmConfig, TransportKind};
use wirecost_probe::clock::now_ns;
use wirecost_server::ServerOptions;

/// Length of a sample's window.
const WINDOW_NS: u64 = 200_000_000;

/// A server on a thread of its own, for as long as it is not dropped.
struct Server {
    desk: std::sync::Arc<wirecost_server::Desk>,
    address: std::net::SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    fn start() -> Server {
        let (send, receive) = mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let running = wirecost_server::start(ServerOptions::default()).await.expect("a server");
                let ready = running.ready();
                send.send((running.desk().clone(), ready.address)).expect("the bench waits");
                let _ = stopped.await;
                running.stop().await;
            });
        });
        let (desk, address) = receive.recv().expect("a server");
        Server { desk, address, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The mean delivery of one short trial.
fn sample(kind: TransportKind, workload: &Workload) -> Duration {
    let server = Server::start();
    let options = ArmOptions { interval: kind.takes("interval").then(|| Span::ms(5)), ..ArmOptions::default() };
    let arm = ArmConfig::resolve(&Arm { transport: kind, options }, &ArmOptions::default());
    let script = Script::new(workload, 1, 1);
    let target = Target::new(server.address, arm);
    let plan = FleetPlan::on_one_thread(target, script.clone(), 1, 1);
    let fleet = Fleet::connect(&plan, |_| true).expect("connected");
    let begin = Begin {
        start_ns: now_ns() + 20_000_000,
        window_from_ns: 0,
        window_to_ns: WINDOW_NS,
        publish: script.publish,
        relay_rooms: None,
        cut: None,
    };
    server.desk.begin(begin.clone()).expect("the server begins");
    fleet.begin(begin);
    std::thread::sleep(Duration::from_nanos(WINDOW_NS + 40_000_000));
    let report = fleet.close();
    let mut all = wirecost_model::Histogram::default();
    report.delivery.iter().for_each(|histogram| all.merge(histogram));
    Duration::from_nanos(all.mean_ns().expect("deliveries") as u64)
}

fn round_trips(c: &mut Criterion) {
    let push = Workload::Push(Push {
        rate: Rate(500.0).into(),
        arrivals: Arrivals::Periodic,
        payload: Size(128),
        audience: Default::default(),
    });
    let echo = Workload::Echo(Echo { outstanding: 1, payload: Size(128) });
    let mut group = c.benchmark_group("round trip");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    for kind in TransportKind::all() {
        let name = kind.row().name;
        group.bench_function(format!("push/{name}"), |b| b.iter_custom(|iterations| sample(kind, &push) * iterations as u32));
    }
    for (kind, name) in [(TransportKind::Sse, "POST"), (TransportKind::Websocket, "websocket")] {
        group.bench_function(format!("echo/{name}"), |b| b.iter_custom(|iterations| sample(kind, &echo) * iterations as u32));
    }
    group.finish();
}

criterion_group!(benches, round_trips);
criterion_main!(benches);
