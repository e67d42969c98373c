//! What recording one delivery costs: the histogram, and the account of sequence numbers.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use wirecost_model::rng::Rng;
use wirecost_model::{Histogram, StreamCheck};

fn recording(c: &mut Criterion) {
    let mut group = c.benchmark_group("recorder");
    let mut histogram = Histogram::default();
    let mut rng = Rng::new(1, 1);
    let times: Vec<u64> = (0..4096).map(|_| 50_000 + rng.below(10_000_000)).collect();
    let mut at = 0;
    group.bench_function("histogram/record", |b| {
        b.iter(|| {
            at = (at + 1) % times.len();
            histogram.record(black_box(times[at]));
        });
    });
    group.bench_function("histogram/quantile", |b| b.iter(|| black_box(&histogram).quantile(black_box(0.99))));
    let other = histogram.clone();
    group.bench_function("histogram/merge", |b| b.iter(|| histogram.merge(black_box(&other))));
    let (mut check, mut sequence) = (StreamCheck::default(), 0);
    group.bench_function("stream/in order", |b| {
        b.iter(|| {
            sequence += 1;
            check.see(black_box(sequence))
        });
    });
    group.finish();
}

criterion_group!(benches, recording);
criterion_main!(benches);
