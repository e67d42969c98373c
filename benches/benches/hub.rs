//! Fan-out: what publishing one message costs when 1, 100 or 1,000 subscribers wait, and each reads it.

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use wirecost_server::hub::{Hub, HubOptions, Limit};

fn fan_out(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut group = c.benchmark_group("hub");
    for subscribers in [1u64, 100, 1000] {
        group.throughput(Throughput::Elements(subscribers));
        group.bench_with_input(BenchmarkId::new("fan-out", subscribers), &subscribers, |b, &subscribers| {
            let hub = Hub::new(HubOptions::default());
            let room = hub.room("all").expect("a room");
            let mut readers: Vec<_> = (0..subscribers).map(|_| hub.reader("all", None).expect("a reader")).collect();
            let payload = Bytes::from(vec![b'x'; 128]);
            b.iter(|| {
                room.publish(payload.clone()).expect("published").wake();
                runtime.block_on(async {
                    for reader in &mut readers {
                        reader.next(Limit::default()).await.expect("the message");
                    }
                });
            });
        });
    }
    group.finish();
}

criterion_group!(benches, fan_out);
criterion_main!(benches);
