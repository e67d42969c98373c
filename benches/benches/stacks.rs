//! What a round trip costs the client, by client stack: processor time of the load generator's process for each echo, beside a
//! bare tokio TCP echo of the same bytes (the floor) and, where it is installed, wrk.
//!
//! ```text
//! cargo bench -p wirecost-benches --bench stacks -- [--connections N] [--payload BYTES] [--seconds S] [--rounds R] [--only ARM]
//!                                                   [--address HOST:PORT]
//! ```
//!
//! With an address the peer is the reference server that runs there, which has all of it but the floor's. Else the peer is this program again, as a process of its own on another core. Arms take turns, round by round, so that what
//! the machine does meanwhile hits all alike; a ratio is the median over the rounds of the ratio within one.
//! No criterion: it measures wall time, which on loopback is mostly the peer's.

#[path = "peer/mod.rs"]
mod peer;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use wirecost_loadgen::bare::BareWebSocket;
use wirecost_loadgen::workload::Script;
use wirecost_loadgen::{Fleet, FleetPlan, Target};
use wirecost_model::control::Begin;
use wirecost_model::scenario::{Arm, ArmOptions, Stack};
use wirecost_model::units::Span;
use wirecost_model::{ArmConfig, TransportKind};
use wirecost_probe::clock::now_ns;
use wirecost_probe::{affinity, process};
use wirecost_wire::websocket::{Sender, header_bytes};

#[derive(Debug, Clone, Copy)]
struct Settings {
    connections: u32,
    payload_bytes: usize,
    seconds: u64,
    rounds: usize,
    /// Only this arm, for a profiler or for `scripts/peers`.
    only: Option<usize>,
}

/// A competitor: its name, and a run of it that returns processor ns and echoes.
type Competitor = (&'static str, fn(SocketAddr, Settings) -> Option<(u64, u64)>);

const ARMS: [Competitor; 13] = [
    ("tcp floor", floor),
    ("websocket lean", |peer, settings| fleet(peer, settings, TransportKind::Websocket, Stack::Lean)),
    ("websocket standard", |peer, settings| fleet(peer, settings, TransportKind::Websocket, Stack::Standard)),
    ("wrk post", |peer, settings| wrk(peer, settings, true)),
    ("http lean", |peer, settings| fleet(peer, settings, TransportKind::ShortPoll, Stack::Lean)),
    ("http standard", |peer, settings| fleet(peer, settings, TransportKind::ShortPoll, Stack::Standard)),
    ("wrk get", |peer, settings| wrk(peer, settings, false)),
    ("short_poll lean", |peer, settings| polls(peer, settings, Stack::Lean)),
    ("short_poll standard", |peer, settings| polls(peer, settings, Stack::Standard)),
    ("lean stack alone", lean_alone),
    // Configured as the stack has it.
    ("tungstenite alone", |peer, settings| {
        tungstenite_alone(peer, settings, WebSocketConfig::default().read_buffer_size(8 << 10).write_buffer_size(0))
    }),
    ("reqwest alone", reqwest_alone),
    // As it comes.
    ("tungstenite as it is", |peer, settings| tungstenite_alone(peer, settings, WebSocketConfig::default())),
];

/// Numerators and denominators that the project promises something about, or that say what a library costs.
const RATIOS: [(usize, usize); 11] = [(9, 0), (10, 0), (1, 0), (2, 10), (2, 12), (2, 1), (4, 3), (5, 11), (5, 4), (7, 6), (8, 7)];

fn main() {
    let mut settings = Settings { connections: 16, payload_bytes: 128, seconds: 2, rounds: 5, only: None };
    let mut running: Option<SocketAddr> = None;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--address" {
            running = Some(args.next().and_then(|value| value.parse().ok()).expect("an address and port after --address"));
            continue;
        }
        let mut number = || args.next().and_then(|value| value.parse::<u64>().ok()).expect("a number after an option");
        match arg.as_str() {
            "--peer" => return peer::run(),
            "--connections" => settings.connections = number() as u32,
            "--payload" => settings.payload_bytes = number() as usize,
            "--seconds" => settings.seconds = number(),
            "--rounds" => settings.rounds = number() as usize,
            "--only" => settings.only = Some(number() as usize),
            _ => {}
        }
    }
    let cores = affinity::available_cores();
    let (mut child, address) = match running {
        Some(address) => (None, address),
        None => {
            let (child, address) = start_peer();
            (Some(child), address)
        }
    };
    if let [ours, .., _] = cores[..] {
        affinity::pin(&[ours]).expect("one of our own cores");
    }
    println!("{settings:?}, peer {address}");
    let mut samples = vec![Vec::new(); ARMS.len()];
    let mut operations = 0;
    for round in 0..=settings.rounds {
        for (number, ((_, run), samples)) in ARMS.iter().zip(&mut samples).enumerate() {
            if settings.only.is_some_and(|only| only != number) {
                continue;
            }
            let (cpu_ns, echoes) = run(address, settings).unwrap_or_default();
            operations += echoes;
            let sample = if echoes == 0 { f64::NAN } else { cpu_ns as f64 / 1000.0 / echoes as f64 };
            // The first round warms up caches, buffers and the frequency.
            if round > 0 {
                samples.push(sample);
            }
        }
    }
    for ((name, _), samples) in ARMS.iter().zip(&samples) {
        println!("{name:<20} {} us of processor time an echo", spread(samples.clone()));
    }
    for (numerator, denominator) in RATIOS.into_iter().filter(|_| settings.only.is_none()) {
        let ratios = samples[numerator].iter().zip(&samples[denominator]).map(|(a, b)| a / b).collect();
        println!("{:>20} / {:<20} {}", ARMS[numerator].0, ARMS[denominator].0, spread(ratios));
    }
    if settings.only.is_some() {
        // Of all rounds, for whoever measures this process from outside.
        println!("operations {operations}");
    }
    if let Some(child) = &mut child {
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn spread(mut samples: Vec<f64>) -> String {
    samples.sort_by(f64::total_cmp);
    match samples[..] {
        [least, .., most] => format!("{:6.3} ({least:.3} to {most:.3})", samples[samples.len() / 2]),
        _ => format!("{samples:?}"),
    }
}

fn start_peer() -> (Child, SocketAddr) {
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program).arg("--peer").stdout(Stdio::piped()).spawn().expect("this program again");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("an address");
    (child, line.trim().parse().expect("an address"))
}

/// Runs one task for each connection on a thread and a runtime like a shard's: the processor time that `echo` takes once all
/// are connected, and how often it was done.
fn tasks<C, T>(settings: Settings, connect: C) -> Option<(u64, u64)>
where
    C: AsyncFn() -> T + Send + Clone + 'static,
    T: Echo + 'static,
{
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        LocalSet::new().block_on(&runtime, async {
            let mut clients = Vec::new();
            for _ in 0..settings.connections {
                clients.push(connect().await);
            }
            let begun_ns = process::cpu_ns(None).expect("a clock");
            let end_ns = now_ns() + settings.seconds * 1_000_000_000;
            let running = clients.into_iter().map(|mut client| {
                tokio::task::spawn_local(async move {
                    let mut echoes = 0u64;
                    while now_ns() < end_ns {
                        client.echo().await;
                        echoes += 1;
                    }
                    echoes
                })
            });
            let running: Vec<_> = running.collect();
            let mut echoes = 0;
            for task in running {
                echoes += task.await.expect("an echo");
            }
            (process::cpu_ns(None).expect("a clock") - begun_ns, echoes)
        })
    });
    Some(thread.join().expect("a thread"))
}

trait Echo {
    async fn echo(&mut self);
}

/// Bytes as a WebSocket echo has them, by the least that can be done about them.
struct Floor {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
    down: usize,
}

impl Echo for Floor {
    async fn echo(&mut self) {
        self.stream.write_all(&self.request).await.expect("written");
        let mut left = self.down;
        while left > 0 {
            left -= self.stream.read(&mut self.answer).await.expect("readable").clamp(1, left);
        }
    }
}

fn floor(peer: SocketAddr, settings: Settings) -> Option<(u64, u64)> {
    let up = settings.payload_bytes + header_bytes(settings.payload_bytes, Sender::Client);
    let down = settings.payload_bytes + header_bytes(settings.payload_bytes, Sender::Server);
    tasks(settings, async move || {
        let mut stream = TcpStream::connect(peer).await.expect("connected");
        stream.set_nodelay(true).expect("a TCP socket");
        stream.write_all(format!("RAW {up} {down}\n").as_bytes()).await.expect("written");
        Floor { stream, request: vec![b'x'; up], answer: vec![0; 8 << 10], down }
    })
}

/// The lean stack with nothing around it.
struct LeanAlone {
    socket: BareWebSocket,
    message: Bytes,
}

impl Echo for LeanAlone {
    async fn echo(&mut self) {
        let answer = self.socket.echo(&self.message).await.expect("an echo");
        assert_eq!(answer.len(), self.message.len());
    }
}

fn lean_alone(peer: SocketAddr, settings: Settings) -> Option<(u64, u64)> {
    tasks(settings, async move || {
        let options = ArmOptions { stack: Some(Stack::Lean), ..ArmOptions::default() };
        let arm = ArmConfig::resolve(&Arm { transport: TransportKind::Websocket, options }, &ArmOptions::default());
        let target = Target::new(peer, arm);
        let socket = BareWebSocket::connect(&target).await.expect("connected");
        LeanAlone { socket, message: Bytes::from(vec![b'x'; settings.payload_bytes]) }
    })
}

/// The standard stack's WebSocket library in a loop of its own.
struct TungsteniteAlone {
    socket: WebSocketStream<TcpStream>,
    message: Utf8Bytes,
}

impl Echo for TungsteniteAlone {
    async fn echo(&mut self) {
        self.socket.send(Message::Text(self.message.clone())).await.expect("sent");
        let answer = self.socket.next().await.expect("more").expect("an echo");
        assert_eq!(answer.len(), self.message.len());
    }
}

fn tungstenite_alone(peer: SocketAddr, settings: Settings, config: WebSocketConfig) -> Option<(u64, u64)> {
    tasks(settings, async move || {
        let stream = TcpStream::connect(peer).await.expect("connected");
        stream.set_nodelay(true).expect("a TCP socket");
        let url = format!("ws://{peer}/ws/echo");
        let (socket, _) = client_async_with_config(url, stream, Some(config)).await.expect("upgraded");
        TungsteniteAlone { socket, message: "x".repeat(settings.payload_bytes).into() }
    })
}

/// The standard stack's HTTP library in a loop of its own, its address parsed beforehand as the stack's is.
struct ReqwestAlone {
    client: reqwest::Client,
    url: reqwest::Url,
    message: Bytes,
}

impl Echo for ReqwestAlone {
    async fn echo(&mut self) {
        let answer =
            self.client.post(self.url.clone()).header("accept", "*/*").body(self.message.clone()).send().await.expect("answered");
        assert_eq!(answer.bytes().await.expect("an echo").len(), self.message.len());
    }
}

fn reqwest_alone(peer: SocketAddr, settings: Settings) -> Option<(u64, u64)> {
    tasks(settings, async move || {
        let builder = reqwest::Client::builder().no_proxy().http1_only().tcp_nodelay(true);
        // Nothing is encrypted here; a library that looked for the system's certificates would do it for each client.
        let tls = rustls::ClientConfig::builder().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
        let client = builder.tls_backend_preconfigured(tls).build().expect("a client");
        let message = Bytes::from(vec![b'x'; settings.payload_bytes]);
        let mut alone = ReqwestAlone { client, url: format!("http://{peer}/echo").parse().expect("an address"), message };
        alone.echo().await;
        alone
    })
}

/// The whole client: stack, transport, stamps, checks and histograms.
fn fleet(peer: SocketAddr, settings: Settings, transport: TransportKind, stack: Stack) -> Option<(u64, u64)> {
    let options = ArmOptions { stack: Some(stack), ..ArmOptions::default() };
    let arm = ArmConfig::resolve(&Arm { transport, options }, &ArmOptions::default());
    let script = Script { outstanding: Some(1), payload_bytes: settings.payload_bytes, ..Script::default() };
    let plan = FleetPlan::on_one_thread(Target::new(peer, arm), script, settings.connections, 1);
    let fleet = Fleet::connect(&plan, |_| true).expect("connected");
    let begun_ns = process::cpu_ns(None).expect("a clock");
    fleet.begin(Begin {
        start_ns: now_ns(),
        window_from_ns: 0,
        window_to_ns: settings.seconds * 1_000_000_000,
        publish: None,
        relay_rooms: None,
        cut: None,
    });
    std::thread::sleep(Duration::from_secs(settings.seconds));
    while !fleet.is_complete() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let report = fleet.close();
    let cpu_ns = process::cpu_ns(None).expect("a clock") - begun_ns;
    assert!(report.accounting.is_clean() && report.errors.is_empty(), "{:?} {:?}", report.accounting, report.errors);
    Some((cpu_ns, report.accounting.delivered))
}

/// Empty polls, as fast as they are answered: of an interval that nobody can keep, every start is due at once.
fn polls(peer: SocketAddr, settings: Settings, stack: Stack) -> Option<(u64, u64)> {
    let interval = Some(Span(20_000));
    let options = ArmOptions { stack: Some(stack), interval, ..ArmOptions::default() };
    let arm = ArmConfig::resolve(&Arm { transport: TransportKind::ShortPoll, options }, &ArmOptions::default());
    let script = Script { subscribe: true, payload_bytes: settings.payload_bytes, ..Script::default() };
    let plan = FleetPlan::on_one_thread(Target::new(peer, arm), script, settings.connections, 1);
    let fleet = Fleet::connect(&plan, |_| true).expect("connected");
    let begun_ns = process::cpu_ns(None).expect("a clock");
    fleet.begin(Begin {
        start_ns: now_ns(),
        window_from_ns: 0,
        window_to_ns: u64::MAX >> 2,
        publish: None,
        relay_rooms: None,
        cut: None,
    });
    std::thread::sleep(Duration::from_secs(settings.seconds));
    let report = fleet.close();
    let cpu_ns = process::cpu_ns(None).expect("a clock") - begun_ns;
    assert!(report.errors.is_empty(), "{:?}", report.errors);
    Some((cpu_ns, report.planned_polls - report.missed_polls))
}

/// wrk, sending the same POSTs or GETs; `None` if it is not installed.
fn wrk(peer: SocketAddr, settings: Settings, post: bool) -> Option<(u64, u64)> {
    let script = std::env::temp_dir().join(format!("wirecost-stacks-{}.lua", std::process::id()));
    let body = "x".repeat(settings.payload_bytes);
    let method = if post { format!("wrk.method = 'POST'\nwrk.body = '{body}'\n") } else { String::new() };
    std::fs::write(&script, format!("wrk.headers['accept'] = '*/*'\n{method}")).ok()?;
    let before_ns = children_cpu_ns();
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{}", settings.connections), &format!("-d{}s", settings.seconds), "-s"])
        .arg(&script)
        .arg(format!("http://{peer}/{}", if post { "echo" } else { "poll?room=all&after=0" }))
        .output();
    let _ = std::fs::remove_file(script);
    let said = String::from_utf8_lossy(&output.ok()?.stdout).into_owned();
    let requests = said.lines().find_map(|line| line.trim().split_once(" requests in "))?.0.parse().ok()?;
    Some((children_cpu_ns() - before_ns, requests))
}

/// Processor time of children that have ended, from `/proc/self/stat` (fields 16 and 17, in ticks of 10 ms).
fn children_cpu_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let after_name = stat.rsplit_once(')').expect("a name").1;
    let ticks: u64 = after_name.split_whitespace().skip(13).take(2).map(|field| field.parse::<u64>().expect("a number")).sum();
    ticks * 10_000_000
}
