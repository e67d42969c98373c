//! HTTP/1.1 on metered connections of our own. A client keeps the connections that its answers left open and
//! takes the latest of them for the next request; a request beside a parked one opens another, as reqwest's pool does.

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, IoSlice};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use wirecost_model::ledger::Flow;
use wirecost_probe::meter::Meter;

use super::super::connection::{Connection, StageSink, open};
use super::super::watchdog::Watchdog;
use super::super::{ANSWER_TIMEOUT, Answer, Headers, MAX_BODY_BYTES};
use super::body::Body;
use super::head::{self, Framing, Head};
use super::input::Input;
use super::request::Requests;
use crate::session::TransportError;
use crate::target::Target;

/// Up to this size a body is copied behind its head; beyond it, the copy costs more than a second slice in the same write.
const COPIED_BODY_BYTES: usize = 4 << 10;

/// An HTTP client. Clones share the connections.
#[derive(Clone)]
pub(crate) struct Http(Rc<Client>);

struct Client {
    target: Rc<Target>,
    tls: Option<Arc<ClientConfig>>,
    requests: Requests,
    keep_alive: bool,
    /// Whether somebody wants to know what the heads of answers say.
    keeps_heads: Cell<bool>,
    /// Requests whose writing has begun.
    begun: Cell<u64>,
    meter: Arc<Meter>,
    stages: StageSink,
    /// Connections without a request, the latest used last.
    #[expect(clippy::vec_box, reason = "a request takes its connection along: a pointer, not the buffers' owner")]
    idle: RefCell<Vec<Box<Link>>>,
}

/// A connection with its buffers.
struct Link {
    wire: Wire,
    watchdog: Watchdog,
}

struct Wire {
    stream: Connection,
    input: Input,
    output: Vec<u8>,
    /// Whether any of the request was written, and whether anything of an answer has come.
    written: bool,
    answered: bool,
    /// Bytes of the request's head.
    head_bytes: u64,
}

/// A request, to be written again if its connection turns out to be gone.
#[derive(Clone, Copy)]
enum Request<'a> {
    Get(&'a [(&'a str, &'a str)]),
    Post(&'a [(&'a str, &'a str)], &'a [u8]),
}

/// An answer of which the head is here.
struct Begun {
    link: Box<Link>,
    head: Head,
    /// As it came, if heads are kept.
    text: Bytes,
}

/// The body of an answer that does not end.
pub(crate) struct ByteStream {
    link: Box<Link>,
    body: Body,
}

fn timed_out(limit: Duration) -> TransportError {
    TransportError::Timeout(limit.as_secs())
}

impl Http {
    /// A client of the target's server, configured as its arm says.
    pub fn new(target: &Rc<Target>, meter: Arc<Meter>, stages: StageSink) -> Result<Http, TransportError> {
        let tls = target.tls().map_err(|e| TransportError::Http(e.to_string()))?;
        let requests = Requests::new(target);
        let (target, keep_alive) = (Rc::clone(target), target.arm.keep_alive);
        let (keeps_heads, begun, idle) = Default::default();
        Ok(Http(Rc::new(Client { target, tls, requests, keep_alive, keeps_heads, begun, meter, stages, idle })))
    }

    /// Wants the heads of all answers from now on.
    pub fn keep_heads(&self) {
        self.0.keeps_heads.set(true);
    }

    /// Requests whose writing has begun.
    pub fn begun(&self) -> u64 {
        self.0.begun.get()
    }

    /// GET; the whole answer. `held` is how long the server may hold it beyond the usual time.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)], held: Duration) -> Result<Answer, TransportError> {
        self.0.whole(path, Request::Get(headers), ANSWER_TIMEOUT + held).await
    }

    /// POST; the whole answer.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer, TransportError> {
        self.0.whole(path, Request::Post(headers, body), ANSWER_TIMEOUT).await
    }

    /// GET; an answer that goes on, and what its head says. Returns when that is here.
    pub async fn open(&self, path: &str, headers: &[(&str, &str)]) -> Result<(ByteStream, Headers), TransportError> {
        let Begun { link, head, text } = self.0.begin(path, Request::Get(headers), ANSWER_TIMEOUT).await?;
        match head.status {
            200 => Ok((ByteStream { link, body: head.framing.into() }, Headers::Head(text))),
            status => Err(TransportError::Unexpected(format!("status {status} where a stream was to begin"))),
        }
    }
}

impl Client {
    async fn whole(&self, path: &str, request: Request<'_>, limit: Duration) -> Result<Answer, TransportError> {
        let Begun { mut link, head, text } = self.begin(path, request, limit).await?;
        let Link { wire, watchdog } = &mut *link;
        let body = match head.framing {
            Framing::Length(0) => Bytes::new(),
            framing => watchdog.watch(limit, pin!(wire.body(framing))).await.ok_or_else(|| timed_out(limit))??,
        };
        let heads = Flow { up: link.wire.head_bytes, down: head.bytes as u64 };
        // Bytes that nobody asked for would be taken for the next answer.
        if self.keep_alive && head.keep_alive && link.wire.input.buffer.is_empty() {
            self.idle.borrow_mut().push(link);
        }
        Ok(Answer { status: head.status, headers: Headers::Head(text), heads, body })
    }

    /// Sends a request and returns with the head of its answer. A kept connection may have been closed by the server in
    /// the meantime: then a GET of which no byte was answered goes out once more, on a new connection (RFC 9112 §9.3.1). A POST does
    /// so only if nothing of it was written, because a message must not be sent twice; and one that the server may hold does not
    /// either, because the end of a parked poll's connection is the end of what it waited for.
    async fn begin(&self, path: &str, request: Request<'_>, limit: Duration) -> Result<Begun, TransportError> {
        let mut kept = self.idle();
        let may_repeat = matches!(request, Request::Get(_)) && limit == ANSWER_TIMEOUT;
        loop {
            let (mut link, new) = match kept.take() {
                Some(link) => (link, false),
                // Boxed, and asked for in one place: callers keep this future on the heap, and its size is what they pay.
                None => (Box::pin(self.connect()).await?, true),
            };
            match self.exchange(&mut link, path, request, limit).await {
                Ok(head) => {
                    let text = link.wire.take_head(head, self.keeps_heads.get());
                    return Ok(Begun { link, head, text });
                }
                Err(TransportError::Ended | TransportError::Io(_))
                    if !new && !link.wire.answered && (may_repeat || !link.wire.written) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The latest used connection on which nothing has come since: an end, or bytes that nobody asked for.
    fn idle(&self) -> Option<Box<Link>> {
        loop {
            let mut link = self.idle.borrow_mut().pop()?;
            // No system call unless the runtime has seen something arrive; the waker is replaced by the next read.
            let mut byte = [0];
            let mut context = Context::from_waker(Waker::noop());
            if Pin::new(&mut link.wire.stream).poll_read(&mut context, &mut ReadBuf::new(&mut byte)).is_pending() {
                return Some(link);
            }
        }
    }

    async fn connect(&self) -> Result<Box<Link>, TransportError> {
        let mut stages = Vec::new();
        let opening = open(&self.target, self.tls.clone(), Arc::clone(&self.meter), &mut stages);
        let stream = tokio::time::timeout(ANSWER_TIMEOUT, opening).await.map_err(|_| timed_out(ANSWER_TIMEOUT))??;
        (self.stages)(stages);
        let wire = Wire { stream, input: Input::new(), output: Vec::new(), written: false, answered: false, head_bytes: 0 };
        Ok(Box::new(Link { wire, watchdog: Watchdog::default() }))
    }

    async fn exchange(&self, link: &mut Link, path: &str, request: Request<'_>, limit: Duration) -> Result<Head, TransportError> {
        let Link { wire, watchdog } = link;
        wire.output.clear();
        let body = match request {
            Request::Get(headers) => {
                self.requests.get(&mut wire.output, path, headers);
                &[]
            }
            Request::Post(headers, body) => {
                self.requests.post(&mut wire.output, path, headers, body.len());
                body
            }
        };
        (wire.written, wire.answered) = (false, false);
        wire.head_bytes = wire.output.len() as u64;
        watchdog.next_exchange();
        self.begun.set(self.begun.get() + 1);
        if let Some(foreign) = &self.target.foreign {
            foreign.books.request(wire.output.len());
        }
        let head = watchdog.watch(limit, pin!(wire.ask(body))).await.ok_or_else(|| timed_out(limit))??;
        if let Some(foreign) = &self.target.foreign {
            foreign.books.answer(head.bytes);
        }
        Ok(head)
    }
}

impl Wire {
    /// Writes the head in `output`, and the body; reads the answer's head, which stays at the front of the input.
    async fn ask(&mut self, body: &[u8]) -> Result<Head, TransportError> {
        let mut rest = body;
        if body.len() <= COPIED_BODY_BYTES {
            self.output.extend_from_slice(body);
            rest = &[];
        }
        let mut head = &self.output[..];
        while head.has_remaining() || rest.has_remaining() {
            let written = if rest.is_empty() {
                self.stream.write(head).await?
            } else {
                self.stream.write_vectored(&[IoSlice::new(head), IoSlice::new(rest)]).await?
            };
            if written == 0 {
                return Err(std::io::Error::from(ErrorKind::WriteZero).into());
            }
            self.written = true;
            let of_head = written.min(head.len());
            head.advance(of_head);
            rest.advance(written - of_head);
        }
        self.stream.flush().await?;
        self.head().await
    }

    async fn head(&mut self) -> Result<Head, TransportError> {
        loop {
            if self.input.buffer.is_empty() {
                self.fill().await?;
            }
            let Some(head) = head::parse(&self.input.buffer)? else {
                self.fill().await?;
                continue;
            };
            match head.status {
                // Interim answers say nothing to a client that has sent everything (RFC 9110 §15.2).
                100..=199 if head.status != 101 => self.input.buffer.advance(head.bytes),
                101 => return Err(TransportError::Unexpected("status 101 to a request that did not ask for it".into())),
                _ => return Ok(head),
            }
        }
    }

    /// Takes a head off the front of the input: as it came, if somebody wants it.
    fn take_head(&mut self, head: Head, wanted: bool) -> Bytes {
        if wanted {
            return self.input.buffer.split_to(head.bytes).freeze();
        }
        self.input.buffer.advance(head.bytes);
        Bytes::new()
    }

    /// Reads; the end of the connection is an error.
    async fn fill(&mut self) -> Result<(), TransportError> {
        if self.input.fill(&mut self.stream).await? > 0 {
            self.answered = true;
            return Ok(());
        }
        if self.answered {
            return Err(TransportError::Malformed("the connection ended before the answer did".into()));
        }
        Err(TransportError::Ended)
    }

    /// A whole body: a slice of the input if its length is known, else put together.
    async fn body(&mut self, framing: Framing) -> Result<Bytes, TransportError> {
        if let Framing::Length(length) = framing {
            while self.input.buffer.len() < length {
                self.input.wanted_bytes = length - self.input.buffer.len();
                self.fill().await?;
            }
            return Ok(self.input.buffer.split_to(length).freeze());
        }
        let mut body = Body::from(framing);
        let mut whole = BytesMut::new();
        loop {
            while let Some(piece) = body.piece(&mut self.input.buffer)? {
                if whole.len() + piece.len() > MAX_BODY_BYTES {
                    return Err(TransportError::Malformed(format!("a body of more than {MAX_BODY_BYTES} bytes")));
                }
                whole.extend_from_slice(&piece);
            }
            self.input.wanted_bytes = body.wanted_bytes();
            if body != Body::Done && self.input.fill(&mut self.stream).await? == 0 {
                body.end()?;
            }
            if body == Body::Done {
                return Ok(whole.freeze());
            }
        }
    }
}

impl ByteStream {
    /// The next bytes, as they come. Safe to cancel.
    pub async fn chunk(&mut self) -> Result<Bytes, TransportError> {
        let ByteStream { link, body, .. } = self;
        let Wire { input, stream, .. } = &mut link.wire;
        loop {
            if let Some(piece) = body.piece(&mut input.buffer)? {
                return Ok(piece);
            }
            if *body == Body::Done {
                return Err(TransportError::Ended);
            }
            input.wanted_bytes = body.wanted_bytes();
            if input.fill(stream).await? == 0 {
                body.end()?;
            }
        }
    }
}

impl Drop for Link {
    /// TLS says that it ends (RFC 8446 §6.1) before TCP does, as far as that is possible without waiting.
    fn drop(&mut self) {
        if let Connection::Tls(_) = self.wire.stream {
            let mut context = Context::from_waker(Waker::noop());
            let _: Poll<_> = Pin::new(&mut self.wire.stream).poll_shutdown(&mut context);
        }
    }
}
