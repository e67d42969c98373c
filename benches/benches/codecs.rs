//! The envelope and every format around it, encoded and decoded.

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wirecost_model::Envelope;
use wirecost_wire::batch::Batch;
use wirecost_wire::{batch, ndjson, sse, websocket};

const PAYLOADS: [usize; 3] = [128, 4096, 65_536];

fn envelope() -> Envelope {
    Envelope { stream: 3, sequence: 12_345, due_ns: 98_765_432_100, sent_ns: 98_765_444_321 }
}

fn envelopes(c: &mut Criterion) {
    let mut group = c.benchmark_group("envelope");
    for bytes in PAYLOADS {
        group.throughput(Throughput::Bytes(bytes as u64));
        let mut out = vec![0; bytes];
        group.bench_function(format!("write/{bytes}"), |b| b.iter(|| envelope().write(black_box(&mut out))));
        group.bench_function(format!("read/{bytes}"), |b| b.iter(|| Envelope::read(black_box(&out))));
    }
    group.finish();
}

fn framings(c: &mut Criterion) {
    let payload = envelope().to_vec(128);
    let mut group = c.benchmark_group("framing");
    let mut buffer = BytesMut::with_capacity(1 << 16);
    group.bench_function("sse/encode", |b| {
        b.iter(|| {
            buffer.clear();
            sse::encode_message(&mut buffer, 12_345, black_box(&payload))
        });
    });
    let event = buffer.clone();
    group.bench_function("sse/parse", |b| {
        b.iter(|| {
            let mut received = event.clone();
            sse::Parser::new(sse::Limits::default())
                .next_event(black_box(&mut received))
                .map(|event| event.map(|event| event.data))
        });
    });
    group.bench_function("ndjson/encode", |b| {
        b.iter(|| {
            buffer.clear();
            ndjson::encode_message(&mut buffer, 12_345, black_box(&payload))
        });
    });
    let line = buffer.clone();
    group.bench_function("ndjson/decode", |b| {
        b.iter(|| {
            let mut received = line.clone();
            ndjson::Decoder::new(1 << 20).next_item(black_box(&mut received))
        });
    });
    group.bench_function("batch of 10/encode", |b| {
        b.iter(|| {
            buffer.clear();
            batch::encode(&mut buffer, 12_345, 0, std::iter::repeat_n(black_box(&payload), 10))
        });
    });
    let body = buffer.clone();
    group.bench_function("batch of 10/decode", |b| {
        b.iter(|| {
            let mut messages = 0;
            Batch::decode(black_box(&body), 1 << 20, |_| messages += 1).map(|_| messages)
        })
    });
    group.bench_function("websocket/header size", |b| {
        b.iter(|| websocket::header_bytes(black_box(128), websocket::Sender::Server))
    });
    group.finish();
}

criterion_group!(benches, envelopes, framings);
criterion_main!(benches);
