//! What stands around an accepted connection's stream, apart from TLS and the meters themselves: deadlines, and the tee for
//! samples of heads.
//!
//! ```text
//! TcpStream → StallGuard → MeteredStream (raw) [→ HandshakeScan → TLS → MeteredStream (plain)] → Tap → HTTP or WebSocket
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

/// How long the head of a request may take from its first byte to its last, and the first byte of a fresh connection.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

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
/// Half a request must be whole within [`HEAD_TIMEOUT`]; between requests there are [`IDLE_TIMEOUT`]. The HTTP library's own
/// timeout makes no difference between the two, and would end every poller that is slower than it.
#[derive(Debug)]
pub struct Tap<S> {
    inner: S,
    meter: Arc<ConnectionMeter>,
    deadline: Pin<Box<Sleep>>,
    deadline_is: Deadline,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deadline {
    /// For a request's head.
    Head,
    /// To look again whether there was a request since this many.
    Idle { requests: u64 },
}

impl<S> Tap<S> {
    /// Taps `inner`. Must be called within a tokio runtime.
    pub fn new(inner: S, meter: Arc<ConnectionMeter>) -> Self {
        Tap { inner, meter, deadline: Box::pin(sleep(HEAD_TIMEOUT)), deadline_is: Deadline::Head }
    }

    /// Ready when the client has taken too long. The timer is only touched when it fires and when half a head is waited for.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let stage = self.meter.stage();
        if stage == Stage::Upgraded {
            return Poll::Pending;
        }
        let is_mid_request = self.meter.is_mid_request();
        if is_mid_request && self.deadline_is != Deadline::Head {
            self.arm(HEAD_TIMEOUT, Deadline::Head);
        }
        while self.deadline.as_mut().poll(cx).is_ready() {
            let requests = self.meter.requests();
            match (stage, self.deadline_is) {
                (Stage::Fresh, _) => return self.too_late("no request in time"),
                (Stage::Idle, Deadline::Head) if is_mid_request => return self.too_late("half a request in time"),
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
