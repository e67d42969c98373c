//! WebSocket messages on a metered connection, by frames of our own.
//!
//! Measured, because a library would be less to keep right: processor time of the client for an echo of 128 B, beside a bare
//! tokio TCP echo of the same bytes (`benches/benches/stacks.rs`; medians of five, Linux 6.18, loopback, two cores):
//!
//! | | 16 connections | 64 connections |
//! |---|---|---|
//! | this | 1.03 (1.00 to 1.04) | 1.05 (1.02 to 1.06) |
//! | fastwebsockets 0.10 | 1.06 (1.06 to 1.08) | 1.06 (1.02 to 1.07) |
//! | tokio-websockets 0.13.3 | 1.14 (1.08 to 1.16) | 1.12 (1.09 to 1.13) |
//! | tokio-tungstenite 0.30, the standard stack | 1.24 (1.23 to 1.25) | 1.19 (1.15 to 1.21) |
//!
//! That was when it was chosen; METHODOLOGY has the first and the last of them by a later build. At 4 KiB they cannot be told
//! apart. fastwebsockets comes nearest, but its receive takes a header off its buffer before it waits for the rest, so one that is dropped in between loses its place; every client here drops receives. It also takes
//! masked frames from a server and lengths that are not written the short way.

use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Buf;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use wirecost_model::rng::Rng;
use wirecost_model::scenario::Frame;
use wirecost_probe::meter::Meter;
use wirecost_wire::websocket::close;

use super::super::connection::{Connection, Stages, open};
use super::super::patience::Patience;
use super::super::{ANSWER_TIMEOUT, Message};
use super::frame::{Decoder, Event, Opcode, close_payload, encode, is_utf8};
use super::input::Input;
use super::upgrade;
use crate::session::TransportError;
use crate::target::Target;

/// How long the server may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// While so much waits to be written, pings are not answered: RFC 6455 §5.5.3 asks for the latest only.
const MAX_WAITING_BYTES: usize = 64 << 10;

/// A connected WebSocket.
pub(crate) struct WebSocket {
    stream: Connection,
    input: Input,
    decoder: Decoder,
    /// Frames, of which `written` bytes are on their way. What a dropped future left here goes out with the next one.
    output: Vec<u8>,
    written: usize,
    patience: Patience,
    masks: Rng,
    /// A close frame was sent or is in `output`: nothing may follow it.
    closing: bool,
    /// No more messages will come.
    ended: bool,
}

impl WebSocket {
    /// Connects and upgrades.
    pub async fn connect(
        target: &Target,
        path: &str,
        meter: Arc<Meter>,
        stages: &mut Stages,
    ) -> Result<WebSocket, TransportError> {
        let timed_out = |_| TransportError::Timeout(ANSWER_TIMEOUT.as_secs());
        tokio::time::timeout(ANSWER_TIMEOUT, WebSocket::upgrade(target, path, meter, stages)).await.map_err(timed_out)?
    }

    async fn upgrade(target: &Target, path: &str, meter: Arc<Meter>, stages: &mut Stages) -> Result<WebSocket, TransportError> {
        let tls = target.tls().map_err(|e| TransportError::Websocket(e.to_string()))?;
        let mut stream = open(target, tls, meter, stages).await?;
        let (mut input, mut output) = (Input::new(), Vec::new());
        let accept = upgrade::request(&mut output, target, path);
        if let Some(foreign) = &target.foreign {
            foreign.books.request(output.len());
        }
        stream.write_all(&output).await?;
        stream.flush().await?;
        // Most clients never say as much again.
        output = Vec::new();
        let head_bytes = loop {
            if let Some(bytes) = upgrade::answer_bytes(&input.buffer, &accept)? {
                break bytes;
            }
            if input.fill(&mut stream).await? == 0 {
                return Err(TransportError::Ended);
            }
        };
        input.buffer.advance(head_bytes);
        if let Some(foreign) = &target.foreign {
            foreign.books.answer(head_bytes);
        }
        // Masks keep intermediaries from being fooled by a page's script (RFC 6455 §10.3). There is neither here, so what
        // counts is their cost on the wire and at the server: a fast generator, seeded by the system.
        let masks = Rng::new(RandomState::new().hash_one(0u8), 0);
        let decoder = Decoder::default();
        Ok(WebSocket {
            stream,
            input,
            decoder,
            output,
            written: 0,
            patience: Patience::default(),
            masks,
            closing: false,
            ended: false,
        })
    }

    fn queue(&mut self, opcode: Opcode, payload: &[u8]) {
        if !self.closing {
            let mask = (self.masks.next_u64() as u32).to_ne_bytes();
            encode(&mut self.output, opcode, payload, mask);
            self.closing = opcode == Opcode::Close;
        }
    }

    /// Sends what `message` still has, in one frame.
    pub fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        message: &mut Option<(Frame, &[u8])>,
    ) -> Poll<Result<(), TransportError>> {
        if let Some((frame, payload)) = message.take() {
            self.feed(frame, payload)?;
        }
        self.poll_sent(context)
    }

    /// Writes everything that waits; a server that takes nothing any more is an error in time. Safe to cancel, if it is done again.
    pub fn poll_sent(&mut self, context: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let polled = self.poll_flush(context);
        self.patience.bound(context, polled, TransportError::Io)
    }

    /// Takes one message, which goes out with the next flush, or while the next message is awaited.
    pub fn feed(&mut self, frame: Frame, payload: &[u8]) -> Result<(), TransportError> {
        if self.closing {
            return Err(TransportError::Ended);
        }
        match frame {
            Frame::Text if !is_utf8(payload) => return Err(TransportError::Malformed("text that is not UTF-8".into())),
            Frame::Text => self.queue(Opcode::Text, payload),
            Frame::Binary => self.queue(Opcode::Binary, payload),
        }
        Ok(())
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        ready!(self.poll_write(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        while self.written < self.output.len() {
            let waiting = &self.output[self.written..];
            match ready!(Pin::new(&mut self.stream).poll_write(context, waiting))? {
                0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                bytes => self.written += bytes,
            }
        }
        self.output.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Reads, and writes what waits as far as the socket takes it. 0 is the end of the connection.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        // Of a flush, only TLS keeps anything back, and only while the socket is full.
        if !self.output.is_empty()
            && let Poll::Ready(flushed) = self.poll_flush(context)
        {
            flushed?;
        }
        self.input.wanted_bytes = self.decoder.wanted_bytes;
        self.input.poll_fill(context, &mut self.stream)
    }

    /// Waits for the next message. Pings are answered on the way. Safe to cancel.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        while !self.ended {
            match self.decoder.next(&mut self.input.buffer) {
                Ok(Some(Event::Message)) => return Poll::Ready(Ok(())),
                Ok(Some(Event::Ping(payload))) => {
                    if self.output.len() - self.written < MAX_WAITING_BYTES {
                        self.queue(Opcode::Pong, &payload);
                    }
                }
                Ok(Some(Event::Pong)) => {}
                Ok(Some(Event::Close(code))) => {
                    self.ended = true;
                    match code {
                        Some(code) => self.queue(Opcode::Close, &close_payload(code)),
                        None => self.queue(Opcode::Close, &[]),
                    }
                }
                Err(fault) => {
                    self.ended = true;
                    self.queue(Opcode::Close, &close_payload(fault.code));
                    return Poll::Ready(Err(TransportError::Websocket(fault.what.into())));
                }
                Ok(None) => self.ended = ready!(self.poll_fill(context))? == 0,
            }
        }
        Poll::Ready(Err(TransportError::Ended))
    }

    /// The message that has come, until the next is waited for.
    pub fn message(&self) -> &[u8] {
        self.decoder.message(&self.input.buffer)
    }

    /// The same, to keep.
    pub fn take(&mut self) -> Message {
        self.decoder.take(&mut self.input.buffer)
    }

    /// The closing handshake, then the end of the connection (RFC 6455 §7.1: the server closes TCP first).
    pub async fn close(mut self) {
        self.queue(Opcode::Close, &close_payload(close::NORMAL));
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, async {
            if poll_fn(|context| self.poll_flush(context)).await.is_err() {
                return;
            }
            while poll_fn(|context| self.poll_next(context)).await.is_ok() {}
            // Whatever follows the server's close frame is only waited out.
            loop {
                self.input.buffer.clear();
                if !matches!(poll_fn(|context| self.poll_fill(context)).await, Ok(1..)) {
                    break;
                }
            }
            let _ = self.stream.shutdown().await;
        })
        .await;
    }
}
