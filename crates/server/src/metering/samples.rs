//! "The headers that were sent": the first request and answer of each kind, byte for byte, taken from the stream itself.
//!
//! A connection copies heads only while a kind that its requests can bring is still missing.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wirecost_model::control::HeadSample;
use wirecost_wire::http1::find_head_end;

/// Longer heads are not sampled.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// A kind of exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleKind {
    /// A poll that brought messages.
    Poll,
    /// A poll that brought nothing.
    EmptyPoll,
    /// An answer that goes on.
    Stream,
    /// To a WebSocket.
    Upgrade,
    /// A message from a client.
    Post,
}

impl SampleKind {
    /// Its name in a record.
    pub fn label(self) -> &'static str {
        match self {
            SampleKind::Poll => "poll",
            SampleKind::EmptyPoll => "empty poll",
            SampleKind::Stream => "stream",
            SampleKind::Upgrade => "upgrade",
            SampleKind::Post => "post",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The samples of a server.
#[derive(Debug, Default)]
pub struct Samples {
    taken: AtomicU8,
    all: Mutex<Vec<HeadSample>>,
}

impl Samples {
    /// The samples so far, in the order in which they were taken.
    pub fn all(&self) -> Vec<HeadSample> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn wants(&self, kind: SampleKind) -> bool {
        self.taken.load(Relaxed) & kind.bit() == 0
    }

    fn offer(&self, kind: SampleKind, request: String, response: String) {
        if self.taken.fetch_or(kind.bit(), Relaxed) & kind.bit() == 0 {
            let sample = HeadSample { kind: kind.label().into(), request, response };
            self.all.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
        }
    }
}

/// Takes the samples of one connection. The stream tells it what passes, the exchange what that means.
#[derive(Debug)]
pub struct Sampler {
    samples: Arc<Samples>,
    active: AtomicBool,
    heads: Mutex<Heads>,
}

#[derive(Debug, Default)]
struct Heads {
    /// What has come since the last request.
    coming: Vec<u8>,
    request: String,
    kind: Option<SampleKind>,
    answer: Vec<u8>,
}

impl Sampler {
    pub(super) fn new(samples: Arc<Samples>) -> Sampler {
        Sampler { samples, active: AtomicBool::new(true), heads: Mutex::default() }
    }

    /// Whether anything need be told; a load and a branch when all is sampled.
    pub fn is_active(&self) -> bool {
        self.active.load(Relaxed)
    }

    /// Plain bytes have been read.
    pub fn read(&self, bytes: &[u8]) {
        append(&mut self.heads().coming, bytes);
    }

    /// Plain bytes have been written.
    pub fn written(&self, bytes: &[u8]) {
        let mut heads = self.heads();
        let Some(kind) = heads.kind else { return };
        append(&mut heads.answer, bytes);
        match find_head_end(&heads.answer, MAX_HEAD_BYTES) {
            Ok(None) => {}
            Ok(Some(end)) => {
                let answer = String::from_utf8_lossy(&heads.answer[..end]).into_owned();
                self.samples.offer(kind, std::mem::take(&mut heads.request), answer);
                self.answer_is_seen(kind, &mut heads);
            }
            Err(_) => self.answer_is_seen(kind, &mut heads),
        }
    }

    /// A request's head is among what was read; its answer may be any of `kinds`.
    pub(super) fn request_is_whole(&self, kinds: &'static [SampleKind]) {
        if !self.is_active() && !kinds.iter().any(|&kind| self.samples.wants(kind)) {
            return;
        }
        let mut heads = self.heads();
        let coming = std::mem::take(&mut heads.coming);
        heads.request = match find_head_end(&coming, MAX_HEAD_BYTES) {
            Ok(Some(end)) => String::from_utf8_lossy(&coming[..end]).into_owned(),
            Ok(None) | Err(_) => String::new(),
        };
        heads.kind = None;
        // Also for the next request: most clients ask for the same thing again.
        self.active.store(kinds.iter().any(|&kind| self.samples.wants(kind)), Relaxed);
    }

    /// What is written from here on is the answer.
    pub(super) fn answer_begins(&self, kind: Option<SampleKind>) {
        if !self.is_active() {
            return;
        }
        let mut heads = self.heads();
        // The body of the request came after its head.
        heads.coming.clear();
        heads.answer.clear();
        let has_request = !heads.request.is_empty();
        heads.kind = kind.filter(|&kind| has_request && self.samples.wants(kind));
        if let (Some(kind), None) = (kind, heads.kind) {
            self.answer_is_seen(kind, &mut heads);
        }
    }

    fn answer_is_seen(&self, kind: SampleKind, heads: &mut Heads) {
        *heads = Heads::default();
        // No request comes after such an answer.
        if matches!(kind, SampleKind::Stream | SampleKind::Upgrade) {
            self.active.store(false, Relaxed);
        }
    }

    fn heads(&self) -> MutexGuard<'_, Heads> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn append(to: &mut Vec<u8>, bytes: &[u8]) {
    let room = MAX_HEAD_BYTES - to.len().min(MAX_HEAD_BYTES);
    to.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: &[SampleKind] = &[SampleKind::Poll, SampleKind::EmptyPoll];

    #[test]
    fn the_first_of_each_kind_is_kept_verbatim() {
        let samples = Arc::new(Samples::default());
        let sampler = Sampler::new(samples.clone());
        let exchange = |request: &[u8], kind, answer: &[u8]| {
            request.chunks(7).for_each(|part| sampler.read(part));
            sampler.request_is_whole(KINDS);
            sampler.answer_begins(Some(kind));
            answer.chunks(5).for_each(|part| sampler.written(part));
        };
        exchange(b"GET /1 HTTP/1.1\r\nA:  b\r\n\r\n", SampleKind::Poll, b"HTTP/1.1 200 OK\r\n\r\nbody");
        assert!(sampler.is_active());
        exchange(b"GET /2 HTTP/1.1\r\n\r\n", SampleKind::Poll, b"HTTP/1.1 200 OK\r\n\r\nother");
        exchange(b"GET /3 HTTP/1.1\r\n\r\n", SampleKind::EmptyPoll, b"HTTP/1.1 204 No Content\r\n\r\n");
        exchange(b"GET /4 HTTP/1.1\r\n\r\n", SampleKind::Poll, b"HTTP/1.1 200 OK\r\n\r\n");
        assert!(!sampler.is_active());
        let sample = |kind: &str, request: &str, response: &str| HeadSample {
            kind: kind.into(),
            request: request.into(),
            response: response.into(),
        };
        assert_eq!(
            samples.all(),
            [
                sample("poll", "GET /1 HTTP/1.1\r\nA:  b\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"),
                sample("empty poll", "GET /3 HTTP/1.1\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"),
            ]
        );
    }

    #[test]
    fn a_head_that_does_not_end_takes_no_more_than_its_bound() {
        let sampler = Sampler::new(Arc::default());
        (0..100).for_each(|_| sampler.read(&[b'x'; 1000]));
        assert_eq!(sampler.heads().coming.len(), MAX_HEAD_BYTES);
        sampler.request_is_whole(KINDS);
        sampler.answer_begins(Some(SampleKind::Poll));
        (0..100).for_each(|_| sampler.written(&[b'x'; 1000]));
        assert!(sampler.samples.all().is_empty());
    }

    #[test]
    fn nothing_is_copied_behind_the_head_of_a_stream() {
        let sampler = Sampler::new(Arc::default());
        sampler.read(b"GET /sse HTTP/1.1\r\n\r\n");
        sampler.request_is_whole(&[SampleKind::Stream]);
        sampler.answer_begins(Some(SampleKind::Stream));
        sampler.written(b"HTTP/1.1 200 OK\r\n\r\nmore");
        assert!(!sampler.is_active());
        assert_eq!(sampler.samples.all().len(), 1);
    }
}
