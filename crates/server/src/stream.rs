//! What stands around an accepted connection's stream, apart from TLS and the meters themselves: deadlines, and the tee for
//! samples of heads.
//!
//! ```text
//! SharedStream → StallGuard → MeteredStream (raw) [→ HandshakeScan → TLS → MeteredStream (plain)] → Tap → HTTP or WebSocket
//! ```
//!
//! Nothing here buffers or copies (but for the samples), and vectored writes stay vectored.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use crate::metering::ConnectionMeter;
use crate::metering::connection::Stage;

/// How long a connection may be kept alive without a request: longer than any interval between polls.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// Fails when a write has made no progress for too long: the client does not read.
///
/// The timer exists only while a write is blocked.
#[derive(Debug)]
pub struct StallGuard<S> {
    inner: S,
    meter: Arc<ConnectionMeter>,
    patience: Duration,
    blocked: Option<Pin<Box<Sleep>>>,
}

impl<S> StallGuard<S> {
    /// Guards `inner`, which may be blocked for `patience`.
    pub fn new(inner: S, meter: Arc<ConnectionMeter>, patience: Duration) -> Self {
        StallGuard { inner, meter, patience, blocked: None }
    }

    fn judge<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.blocked = None;
            return polled;
        }
        let blocked = self.blocked.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        if blocked.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.meter.blame_client();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for StallGuard<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StallGuard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.judge(cx, polled)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.judge(cx, polled)
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

/// The top of the stack: tells the sampler what passes, and fails when a request does not come.
///
/// Half a request must be whole in time; between requests there are [`IDLE_TIMEOUT`]. The HTTP library's own timeout makes no
/// difference between the two, and would end every poller that is slower than it.
#[derive(Debug)]
pub struct Tap<S> {
    inner: S,
    meter: Arc<ConnectionMeter>,
    head_timeout: Duration,
    deadline: Pin<Box<Sleep>>,
    deadline_is: Deadline,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deadline {
    /// For the head of the request behind so many.
    Head { requests: u64 },
    /// To look again whether there was a request since this many.
    Idle { requests: u64 },
}

impl<S> Tap<S> {
    /// Taps `inner`, on which the first request, and every one from its first byte, may take `head_timeout`. Must be called
    /// within a tokio runtime.
    pub fn new(inner: S, meter: Arc<ConnectionMeter>, head_timeout: Duration) -> Self {
        Tap { inner, meter, head_timeout, deadline: Box::pin(sleep(head_timeout)), deadline_is: Deadline::Head { requests: 0 } }
    }

    /// Ready when the client has taken too long. The timer is only touched when it fires and when half a head is waited for.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let stage = self.meter.stage();
        if stage == Stage::Upgraded {
            return Poll::Pending;
        }
        let is_mid_request = self.meter.is_mid_request();
        let requests = self.meter.requests();
        if is_mid_request && self.deadline_is != (Deadline::Head { requests }) {
            self.arm(self.head_timeout, Deadline::Head { requests });
        }
        while self.deadline.as_mut().poll(cx).is_ready() {
            match (stage, self.deadline_is) {
                (Stage::Fresh, _) => return self.too_late("no request in time"),
                (Stage::Idle, Deadline::Head { .. }) if is_mid_request => return self.too_late("half a request in time"),
                (Stage::Idle, Deadline::Idle { requests: then }) if requests == then => {
                    return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "idle"));
                }
                _ => self.arm(IDLE_TIMEOUT, Deadline::Idle { requests }),
            }
        }
        Poll::Pending
    }

    fn arm(&mut self, after: Duration, what: Deadline) {
        self.deadline.as_mut().reset(Instant::now() + after);
        self.deadline_is = what;
    }

    fn too_late(&self, what: &'static str) -> Poll<io::Error> {
        self.meter.blame_client();
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, what))
    }

    fn sample(&self, polled: &Poll<io::Result<usize>>, parts: &[&[u8]]) {
        let Poll::Ready(Ok(mut left)) = *polled else { return };
        for part in parts {
            let taken = part.len().min(left);
            self.meter.sampler().written(&part[..taken]);
            left -= taken;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.inner).poll_read(cx, buf) {
            Poll::Pending => self.poll_deadline(cx).map(Err),
            ready => {
                let fresh = &buf.filled()[before..];
                if !fresh.is_empty() && self.meter.sampler().is_active() {
                    self.meter.sampler().read(fresh);
                }
                ready
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        if self.meter.sampler().is_active() {
            self.sample(&polled, &[buf]);
        }
        polled
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        if self.meter.sampler().is_active() {
            let parts: Vec<&[u8]> = bufs.iter().map(|buf| &**buf).collect();
            self.sample(&polled, &parts);
        }
        polled
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
    use hyper::http::{Request, Response};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use wirecost_probe::meter::MeteredStream;

    use super::*;
    use crate::answer::AnswerBody;
    use crate::metering::{Exchange, Metering, Outcome};

    type Tapped = Tap<MeteredStream<DuplexStream>>;

    const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

    /// Runs on a clock that stands still while anything can be done, and jumps to the next timer when nothing can.
    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(test);
    }

    async fn meter() -> Arc<ConnectionMeter> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        Metering::default().open(Arc::new(stream), false)
    }

    async fn tapped() -> (Tapped, DuplexStream, Arc<ConnectionMeter>) {
        let (meter, (ours, theirs)) = (meter().await, duplex(1000));
        let plain = MeteredStream::new(ours, meter.plain().clone());
        (Tap::new(plain, meter.clone(), HEAD_TIMEOUT), theirs, meter)
    }

    /// Reads a request of 4 bytes and answers it.
    async fn exchange(tap: &mut Tapped, client: &mut DuplexStream) {
        client.write_all(b"head").await.unwrap();
        tap.read_exact(&mut [0; 4]).await.unwrap();
        let (parts, ()) = Request::new(()).into_parts();
        Exchange::begin(&tap.meter, &parts, false, &[]).end(&Response::new(AnswerBody::Empty), Outcome::Other, None);
    }

    /// How long a read takes to fail.
    async fn patience(tap: &mut Tapped) -> Duration {
        let start = Instant::now();
        let error = tap.read_exact(&mut [0; 100]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        start.elapsed()
    }

    fn about(duration: Duration, expected: Duration) -> bool {
        duration >= expected && duration < expected + Duration::from_millis(10)
    }

    #[test]
    fn a_fresh_connection_must_speak_soon_and_finish() {
        run(async {
            for said in ["", "GE"] {
                let (mut tap, mut client, meter) = tapped().await;
                client.write_all(said.as_bytes()).await.unwrap();
                let patience = patience(&mut tap).await;
                assert!(about(patience, HEAD_TIMEOUT), "{patience:?}");
                assert!(meter.is_bad());
            }
        });
    }

    #[test]
    fn half_a_request_has_its_time_from_its_first_byte() {
        run(async {
            // At any time after the one before: the timer that still runs for that one is not its.
            for pause_s in [0, 1, 9, 11, 300] {
                let (mut tap, mut client, meter) = tapped().await;
                exchange(&mut tap, &mut client).await;
                // The server is reading all the while.
                let paused = tokio::time::timeout(Duration::from_secs(pause_s), tap.read_u8()).await;
                assert!(paused.is_err());
                client.write_all(b"GE").await.unwrap();
                let patience = patience(&mut tap).await;
                assert!(about(patience, HEAD_TIMEOUT), "{patience:?} after {pause_s} s");
                assert!(meter.is_bad());
            }
        });
    }

    #[test]
    fn a_connection_may_be_idle_for_long_but_not_for_good() {
        run(async {
            let (mut tap, mut client, meter) = tapped().await;
            for _ in 0..5 {
                exchange(&mut tap, &mut client).await;
                let paused = tokio::time::timeout(IDLE_TIMEOUT - Duration::from_secs(1), tap.read_u8()).await;
                assert!(paused.is_err());
            }
            let patience = patience(&mut tap).await;
            assert!(patience < 2 * IDLE_TIMEOUT, "{patience:?}");
            assert!(!meter.is_bad(), "being idle is no offence");
        });
    }

    #[test]
    fn a_write_may_be_slow_but_must_get_on() {
        run(async {
            let (meter, (ours, mut theirs)) = (meter().await, duplex(4));
            let patience = Duration::from_secs(30);
            let mut guard = StallGuard::new(ours, meter.clone(), patience);
            let reader = tokio::spawn(async move {
                for _ in 0..3 {
                    sleep(Duration::from_secs(29)).await;
                    theirs.read_exact(&mut [0; 4]).await.unwrap();
                }
                theirs
            });
            guard.write_all(&[0; 12]).await.unwrap();
            guard.write_all(&[0; 4]).await.unwrap();
            assert!(!meter.is_bad());
            let _theirs = reader.await.unwrap();
            let start = Instant::now();
            let error = guard.write_all(&[0; 4]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert!(about(start.elapsed(), patience) && meter.is_bad());
        });
    }
}
