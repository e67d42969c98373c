//! What counting every byte costs: the same echo over loopback with the meters of a real connection and
//! without, pair by pair. The ratio printed at the end is the claim; it is to be at least 0.97.

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wirecost_probe::meter::{Meter, MeteredStream};

const PAYLOAD_BYTES: usize = 128;
const EXCHANGES: u32 = 2_000;
const PAIRS: usize = 15;

async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut buffer = [0; PAYLOAD_BYTES];
    while stream.read_exact(&mut buffer).await.is_ok() {
        if stream.write_all(&buffer).await.is_err() {
            return;
        }
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, exchanges: u32) -> Duration {
    let mut buffer = [7; PAYLOAD_BYTES];
    let begun = Instant::now();
    for _ in 0..exchanges {
        stream.write_all(&buffer).await.expect("written");
        stream.read_exact(&mut buffer).await.expect("echoed");
    }
    begun.elapsed()
}

/// A meter below TLS and one above, as every connection here has.
fn metered(stream: TcpStream) -> MeteredStream<MeteredStream<TcpStream>> {
    MeteredStream::new(MeteredStream::new(stream, Arc::new(Meter::default())), Arc::new(Meter::default()))
}

/// Time of some exchanges on one connection, both ends on one thread: nothing but CPU.
fn run(with_meters: bool, exchanges: u32) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let client = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("connected");
        let (server, _) = listener.accept().await.expect("accepted");
        client.set_nodelay(true).expect("set");
        server.set_nodelay(true).expect("set");
        if with_meters {
            tokio::spawn(echo(metered(server)));
            exchange(metered(client), exchanges).await
        } else {
            tokio::spawn(echo(server));
            exchange(client, exchanges).await
        }
    })
}

fn metering(c: &mut Criterion) {
    let mut group = c.benchmark_group("metering");
    group.sample_size(20);
    for (name, with_meters) in [("without", false), ("with", true)] {
        group.bench_function(name, |b| b.iter_custom(|iterations| run(with_meters, iterations.max(1) as u32)));
    }
    group.finish();
    let mut ratios: Vec<f64> =
        (0..PAIRS).map(|_| run(false, EXCHANGES).as_secs_f64() / run(true, EXCHANGES).as_secs_f64()).collect();
    ratios.sort_by(f64::total_cmp);
    println!(
        "throughput with meters / without, {PAIRS} pairs: median {:.3}, {:.3} to {:.3}",
        ratios[PAIRS / 2],
        ratios[0],
        ratios[PAIRS - 1]
    );
}

criterion_group!(benches, metering);
criterion_main!(benches);
