//! Counting bytes below a transport: a wrapper around any tokio stream. No buffering, no time stamps, no knowledge of
//! what the bytes mean; put one below TLS and one above it and the difference is TLS.

use std::{
    io::{self, IoSlice},
    ops::Sub,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Totals of one or more [`MeteredStream`]s, readable from any thread while they run. Streams that share one are read and written
/// by one thread at a time: on a thread's runtime, or by a task that takes its stream with it.
///
/// The counters are independent relaxed atomics: each is exact, but a snapshot taken while traffic flows may be ahead
/// in one and behind in another by the operation in progress.
#[derive(Debug, Default)]
pub struct Meter {
    read_bytes: AtomicU64,
    written_bytes: AtomicU64,
    reads: AtomicU64,
    writes: AtomicU64,
}

impl Meter {
    /// A meter at zero, ready to be shared.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The totals so far.
    #[must_use]
    pub fn snapshot(&self) -> MeterSnapshot {
        MeterSnapshot {
            read_bytes: self.read_bytes.load(Relaxed),
            written_bytes: self.written_bytes.load(Relaxed),
            reads: self.reads.load(Relaxed),
            writes: self.writes.load(Relaxed),
        }
    }

    fn count_read(&self, bytes: usize) {
        add(&self.read_bytes, bytes as u64);
        add(&self.reads, 1);
    }

    fn count_write(&self, bytes: usize) {
        add(&self.written_bytes, bytes as u64);
        add(&self.writes, 1);
    }
}

/// Adds without a locked instruction, because there is one writer at a time; debug builds see to it that there is.
fn add(counter: &AtomicU64, count: u64) {
    let before = counter.load(Relaxed);
    if cfg!(debug_assertions) {
        assert_eq!(counter.swap(before + count, Relaxed), before, "two threads count into one meter");
    } else {
        counter.store(before + count, Relaxed);
    }
}

/// What a [`Meter`] showed at one moment; the difference of two is what happened between them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MeterSnapshot {
    /// Bytes read from the inner stream.
    pub read_bytes: u64,
    /// Bytes the inner stream accepted for writing.
    pub written_bytes: u64,
    /// Reads that brought at least one byte. On a socket each is one system call; the fruitless attempts in between
    /// and the end of the stream are not counted.
    pub reads: u64,
    /// Writes of which the inner stream accepted at least one byte, vectored or not. On a socket each is one system
    /// call.
    pub writes: u64,
}

impl Sub for MeterSnapshot {
    type Output = Self;

    /// Counts between `earlier` and `self`; panics in debug builds if they are the wrong way round.
    fn sub(self, earlier: Self) -> Self {
        Self {
            read_bytes: self.read_bytes - earlier.read_bytes,
            written_bytes: self.written_bytes - earlier.written_bytes,
            reads: self.reads - earlier.reads,
            writes: self.writes - earlier.writes,
        }
    }
}

/// A stream whose traffic is counted by a [`Meter`].
///
/// Costs two additions an operation, beside a system call of a microsecond, and changes nothing else: vectored writes stay vectored, errors and partial writes pass through.
///
/// ```
/// # use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use wirecost_probe::meter::{Meter, MeteredStream};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (ours, mut theirs) = tokio::io::duplex(64);
/// let meter = Meter::new();
/// let mut stream = MeteredStream::new(ours, meter.clone());
/// stream.write_all(b"hello").await?;
/// theirs.write_all(b"hi").await?;
/// stream.read_exact(&mut [0; 2]).await?;
/// assert_eq!((meter.snapshot().written_bytes, meter.snapshot().read_bytes), (5, 2));
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct MeteredStream<S> {
    inner: S,
    meter: Arc<Meter>,
}

impl<S> MeteredStream<S> {
    /// Counts `inner`'s traffic into `meter`, which several streams may share.
    pub fn new(inner: S, meter: Arc<Meter>) -> Self {
        Self { inner, meter }
    }

    /// The wrapped stream; what is read or written directly on it is not counted.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The wrapped stream, uncounted from here on.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// The meter this stream counts into.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for MeteredStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        let bytes = buf.filled().len() - before;
        if bytes > 0 {
            self.meter.count_read(bytes);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> MeteredStream<S> {
    fn counted(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes @ 1..)) = polled {
            self.meter.count_write(bytes);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for MeteredStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.counted(polled)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.counted(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn counts_what_passes_and_nothing_else() {
        block_on(async {
            // A pipe of 4 bytes forces partial writes and pending polls.
            let (ours, mut theirs) = tokio::io::duplex(4);
            let meter = Meter::new();
            let mut stream = MeteredStream::new(ours, meter.clone());
            let reader = tokio::spawn(async move {
                let mut all = vec![0; 10];
                theirs.read_exact(&mut all).await.unwrap();
                theirs.write_all(b"abc").await.unwrap();
                all
            });
            stream.write_all(b"0123456789").await.unwrap();
            assert_eq!(reader.await.unwrap(), b"0123456789");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            assert_eq!(answer, b"abc");
            let seen = meter.snapshot();
            assert_eq!((seen.read_bytes, seen.reads, seen.written_bytes), (3, 1, 10));
            assert!(seen.writes >= 3, "10 bytes through a 4-byte pipe in {} writes", seen.writes);
        });
    }

    #[test]
    fn vectored_writes_stay_vectored_and_errors_count_nothing() {
        block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let ours = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (mut theirs, _) = listener.accept().await.unwrap();
            let meter = Meter::new();
            let mut stream = MeteredStream::new(ours, meter.clone());
            assert!(stream.is_write_vectored());
            let parts = [IoSlice::new(b"head"), IoSlice::new(b"body!")];
            assert_eq!(stream.write_vectored(&parts).await.unwrap(), 9);
            theirs.read_exact(&mut [0; 9]).await.unwrap();
            stream.shutdown().await.unwrap();
            assert_eq!(theirs.read(&mut [0; 1]).await.unwrap(), 0, "shutdown is forwarded");
            stream.write(b"late").await.unwrap_err();
            let seen = meter.snapshot();
            assert_eq!((seen.written_bytes, seen.writes), (9, 1));
            assert!(stream.get_mut().local_addr().is_ok());
            assert!(stream.into_inner().peer_addr().is_ok());
        });
    }

    #[test]
    fn snapshots_subtract() {
        let meter = Meter::default();
        meter.count_read(5);
        let earlier = meter.snapshot();
        meter.count_read(7);
        meter.count_write(11);
        let between = meter.snapshot() - earlier;
        assert_eq!(between, MeterSnapshot { read_bytes: 7, written_bytes: 11, reads: 1, writes: 1 });
    }
}
