//! Where the TLS handshake ends in the bytes of a socket. The library says *that* it is complete; but by then it may have read
//! the client's first request in one go with the client's last handshake message, and have written session tickets.
//!
//! What the client sends belongs to the handshake
//! - in TLS 1.3 up to the end of its first record of type application_data, which carries its Finished (RFC 8446 §4.4.4: there
//!   is no client certificate and no early data here);
//! - in TLS 1.2 up to its first record that is neither handshake nor change_cipher_spec (RFC 5246 §6.2.1).
//!
//! What the server sends belongs to it as far as it was written when that point was read (1.3) or when the library was
//! through (1.2). Tickets of TLS 1.3 come after it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ProtocolVersion;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wirecost_model::ledger::Flow;
use wirecost_probe::meter::Meter;

const HEADER_BYTES: usize = 5;
const TYPE_CHANGE_CIPHER_SPEC: u8 = 20;
const TYPE_HANDSHAKE: u8 = 22;
const TYPE_APPLICATION_DATA: u8 = 23;

/// Looks at the records that a client sends, until it has sent its first application data.
#[derive(Debug, Default)]
struct Records {
    header: Vec<u8>,
    /// Of the record's body, bytes still to come.
    left: usize,
    is_application_data: bool,
    /// Bytes seen.
    seen_bytes: u64,
    /// Where the first record begins that is not of a TLS 1.2 handshake.
    foreign_begins: Option<u64>,
    /// Where the first record of application data ends.
    application_data_ends: Option<u64>,
}

impl Records {
    fn see(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.application_data_ends.is_none() {
            if self.left == 0 {
                let taken = bytes.len().min(HEADER_BYTES - self.header.len());
                if self.header.is_empty() && !matches!(bytes[0], TYPE_CHANGE_CIPHER_SPEC | TYPE_HANDSHAKE) {
                    self.foreign_begins.get_or_insert(self.seen_bytes);
                }
                self.header.extend_from_slice(&bytes[..taken]);
                self.seen_bytes += taken as u64;
                bytes = &bytes[taken..];
                if self.header.len() == HEADER_BYTES {
                    self.is_application_data = self.header[0] == TYPE_APPLICATION_DATA;
                    self.left = usize::from(u16::from_be_bytes([self.header[3], self.header[4]]));
                    self.header.clear();
                }
            } else {
                let taken = bytes.len().min(self.left);
                self.left -= taken;
                self.seen_bytes += taken as u64;
                bytes = &bytes[taken..];
            }
            if self.left == 0 && self.header.is_empty() && self.is_application_data {
                self.application_data_ends = Some(self.seen_bytes);
            }
        }
    }
}

/// A stream below TLS that knows where the handshake ended. `raw` must be the meter just below it.
#[derive(Debug)]
pub struct HandshakeScan<S> {
    inner: S,
    raw: Arc<Meter>,
    records: Option<Box<Records>>,
    /// What had been written when the first application data had been read.
    written_bytes: u64,
}

impl<S> HandshakeScan<S> {
    /// Scans `inner` from its first byte.
    pub fn new(inner: S, raw: Arc<Meter>) -> Self {
        HandshakeScan { inner, raw, records: Some(Box::default()), written_bytes: 0 }
    }

    /// Stops scanning, the handshake being complete; returns its bytes.
    pub fn finish(&mut self, version: Option<ProtocolVersion>) -> Flow {
        let socket = self.raw.snapshot();
        let records = self.records.take().unwrap_or_default();
        match (version, records.application_data_ends) {
            (Some(ProtocolVersion::TLSv1_3), Some(up)) => Flow { up, down: self.written_bytes },
            _ => Flow { up: records.foreign_begins.unwrap_or(socket.read_bytes), down: socket.written_bytes },
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HandshakeScan<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let this = &mut *self;
        let polled = Pin::new(&mut this.inner).poll_read(cx, buf);
        if let Some(records) = this.records.as_mut().filter(|records| records.application_data_ends.is_none()) {
            records.see(&buf.filled()[before..]);
            this.written_bytes = this.raw.snapshot().written_bytes;
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HandshakeScan<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
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
    use proptest::prelude::*;

    use super::*;

    fn record(kind: u8, body: usize) -> Vec<u8> {
        let mut record = vec![kind, 3, 3, (body >> 8) as u8, body as u8];
        record.resize(HEADER_BYTES + body, 0xAB);
        record
    }

    proptest! {
        #[test]
        fn borders_do_not_depend_on_how_bytes_were_cut(cuts in prop::collection::vec(1usize..40, 1..60)) {
            let stream = [record(22, 300), record(20, 1), record(23, 53), record(23, 80)].concat();
            let mut records = Records::default();
            let (mut rest, mut cuts) = (&stream[..], cuts.into_iter().cycle());
            while !rest.is_empty() {
                let (part, after) = rest.split_at(cuts.next().unwrap().min(rest.len()));
                records.see(part);
                rest = after;
            }
            prop_assert_eq!(records.foreign_begins, Some(305 + 6));
            prop_assert_eq!(records.application_data_ends, Some(305 + 6 + 58));
        }

        #[test]
        fn garbage_never_panics(garbage in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut records = Records::default();
            garbage.chunks(7).for_each(|part| records.see(part));
        }
    }

    #[test]
    fn an_alert_is_not_part_of_a_handshake_and_empty_records_are_records() {
        let mut records = Records::default();
        records.see(&[record(22, 10), record(21, 2)].concat());
        assert_eq!((records.foreign_begins, records.application_data_ends), (Some(15), None));
        let mut records = Records::default();
        records.see(&[record(22, 0), record(23, 0)].concat());
        assert_eq!((records.foreign_begins, records.application_data_ends), (Some(5), Some(10)));
    }
}
