//! A socket that two hold: the library that reads and writes it, and the books that ask the kernel about it until its last
//! segment, after the library has let go. With one descriptor: a duplicate for the books would halve the connections that a
//! process may have.
//!
//! What deliberately does not live here: what is counted ([`crate::meter`]), and how a connection is brought to its end
//! ([`crate::segments`]).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::net::{Shutdown, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// The end of a library. Dropping it does not close the connection as long as the other handle lives.
#[derive(Debug)]
pub struct SharedStream(Arc<TcpStream>);

impl SharedStream {
    /// The stream for a library, and the handle for the books.
    #[must_use]
    pub fn new(stream: TcpStream) -> (SharedStream, Arc<TcpStream>) {
        let shared = Arc::new(stream);
        (SharedStream(shared.clone()), shared)
    }

    /// Attempts a write until the socket takes some of it or is full.
    fn poll_writing(&self, cx: &mut Context<'_>, write: impl Fn(&TcpStream) -> io::Result<usize>) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match write(&self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

impl AsyncRead for SharedStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = &self.0;
        loop {
            ready!(stream.poll_read_ready(cx))?;
            let room = buf.remaining();
            let mut read = None;
            // A read that leaves room has emptied the socket: that it would block next time is known without asking, as the
            // runtime's own stream knows it. Within one attempt, so that bytes that come meanwhile make it ready again.
            let attempt = stream.try_io(Interest::READABLE, || {
                let bytes = stream.try_read_buf(buf)?;
                read = Some(bytes);
                if 0 < bytes && bytes < room { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match (read, attempt) {
                (Some(_), _) => return Poll::Ready(Ok(())),
                (None, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                (None, attempt) => return Poll::Ready(attempt),
            }
        }
    }
}

impl AsyncWrite for SharedStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_writing(cx, |stream| stream.try_write(buf))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.poll_writing(cx, |stream| stream.try_write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing is held back.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(shutdown(&*self.0, Shutdown::Write)?))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (SharedStream, Arc<TcpStream>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let theirs = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (ours, handle) = SharedStream::new(listener.accept().await.unwrap().0);
        (ours, handle, theirs)
    }

    #[tokio::test]
    async fn carries_every_byte_both_ways() {
        let (ours, _handle, theirs) = pair().await;
        let sent: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
        let (mut read, mut write) = tokio::io::split(ours);
        // Far more than the buffers of a socket, in pieces of every size, and back.
        let echo = tokio::spawn(async move {
            let (mut buffer, mut size) = (vec![0; 70_000], 1);
            loop {
                let bytes = read.read(&mut buffer[..size]).await.unwrap();
                if bytes == 0 {
                    write.shutdown().await.unwrap();
                    return;
                }
                write.write_all(&buffer[..bytes]).await.unwrap();
                size = size * 3 % 65_537 + 1;
            }
        });
        let (mut their_read, mut their_write) = theirs.into_split();
        let writer = {
            let sent = sent.clone();
            tokio::spawn(async move {
                for piece in sent.chunks(12_345) {
                    their_write.write_all(piece).await.unwrap();
                }
                their_write.shutdown().await.unwrap();
            })
        };
        let mut back = Vec::new();
        their_read.read_to_end(&mut back).await.unwrap();
        assert!(back == sent);
        writer.await.unwrap();
        echo.await.unwrap();
    }

    /// The reader is woken for each message, though it does not ask a second time after a short read. The peer is a thread of
    /// its own, so that a message may come at any moment.
    #[tokio::test]
    async fn no_message_is_slept_through() {
        use std::io::{Read, Write};
        let (mut ours, _handle, theirs) = pair().await;
        let mut theirs = theirs.into_std().unwrap();
        let peer = std::thread::spawn(move || {
            theirs.set_nonblocking(false).unwrap();
            for n in 0..20_000u32 {
                theirs.write_all(&n.to_le_bytes()[..2]).unwrap();
                theirs.write_all(&n.to_le_bytes()[2..]).unwrap();
                let mut answer = [0; 4];
                theirs.read_exact(&mut answer).unwrap();
                assert_eq!(answer, n.to_le_bytes());
            }
        });
        let mut buffer = [0; 1000];
        while let Ok(bytes @ 1..) = ours.read(&mut buffer).await {
            ours.write_all(&buffer[..bytes]).await.unwrap();
        }
        peer.join().unwrap();
    }

    #[tokio::test]
    async fn the_connection_lives_as_long_as_one_of_the_two() {
        let (ours, handle, mut theirs) = pair().await;
        drop(ours);
        let waited = tokio::time::timeout(std::time::Duration::from_millis(20), theirs.read_u8()).await;
        assert!(waited.is_err(), "nothing was closed");
        drop(handle);
        assert_eq!(theirs.read(&mut [0; 1]).await.unwrap(), 0);
    }
}
