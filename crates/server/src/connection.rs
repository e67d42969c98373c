//! The life of one connection: set up, TLS, HTTP, perhaps WebSocket, and an end that is counted to the last segment.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use wirecost_model::ledger::Flow;
use wirecost_probe::meter::MeteredStream;
use wirecost_probe::segments::{self, End, Ending, Settled};
use wirecost_probe::shared_stream::SharedStream;

use crate::context::{Context, Shared};
use crate::handshake::HandshakeScan;
use crate::metering::ConnectionMeter;
use crate::orders::Order;
use crate::router;
use crate::stream::{StallGuard, Tap};
use crate::tls::{TlsSetup, negotiated};
use crate::transport::socket_io;
use crate::transport::websocket::{Becoming, Upgrade, session};

/// The largest head of a request; longer ones are answered with 431.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// How long the client may take to close its side after the server has closed its own.
const SETTLE: Duration = Duration::from_secs(10);

/// The same for a client that broke the rules.
const SETTLE_BAD: Duration = Duration::from_secs(1);

/// How connections are set up.
#[derive(Debug)]
pub struct Wiring {
    /// Encryption.
    pub tls: Option<TlsSetup>,
    /// How long a write may make no progress.
    pub write_timeout: Duration,
    /// How long the head of a request may take, and a TLS handshake.
    pub head_timeout: Duration,
    /// A permit for each connection that there may be at one time.
    pub room: Arc<Semaphore>,
}

/// Serves one connection from its acceptance to its last segment.
pub async fn run(stream: TcpStream, shared: Arc<Shared>, wiring: Arc<Wiring>) {
    // A connection on which Nagle's algorithm is on would be measured wrongly; better none.
    if stream.set_nodelay(true).is_err() || !stream.nodelay().unwrap_or(false) {
        return;
    }
    let (stream, socket) = SharedStream::new(stream);
    let meter = shared.metering.open(socket, wiring.tls.is_some());
    let context = Context::new(shared.clone(), meter.clone());
    let is_served = tokio::select! {
        // In this order, because the other way round would be a draw each time that it is woken.
        biased;
        () = meter.orders().given(Order::CutOff) => false,
        () = serve(stream, &context, &wiring) => true,
    };
    let last = if is_served || meter.orders().has(Order::Kill) {
        settle(&meter).await
    } else {
        // A reset, and whatever was on its way is gone.
        segments::abort(meter.socket(), End::Server).ok().map(|aborted| {
            // What had come and nobody had read yet was on the wire all the same.
            let unread_bytes = aborted.account().to_server.payload_bytes.saturating_sub(meter.raw().snapshot().read_bytes);
            Settled { drained_bytes: unread_bytes, ..aborted }
        })
    };
    shared.metering.close(&meter, last.as_ref());
}

async fn serve(stream: SharedStream, context: &Arc<Context>, wiring: &Wiring) {
    let meter = &context.meter;
    let raw = MeteredStream::new(StallGuard::new(stream, meter.clone(), wiring.write_timeout), meter.raw().clone());
    let Some(tls) = &wiring.tls else {
        context.shared.metering.negotiated("no TLS".into());
        return http(Tap::new(raw, meter.clone(), wiring.head_timeout), context).await;
    };
    let accepting = tls.acceptor.accept(HandshakeScan::new(raw, meter.raw().clone()));
    let Ok(Ok(mut stream)) = timeout(wiring.head_timeout, accepting).await else {
        let socket = meter.raw().snapshot();
        meter.handshake(Flow { up: socket.read_bytes, down: socket.written_bytes });
        // One that came and went without a word has broken no rule.
        if socket.read_bytes > 0 {
            meter.blame_client();
        }
        return;
    };
    let (scan, session) = stream.get_mut();
    meter.handshake(scan.finish(session.protocol_version()));
    context.shared.metering.negotiated(negotiated(session));
    let plain = MeteredStream::new(Box::new(stream), meter.plain().clone());
    http(Tap::new(plain, meter.clone(), wiring.head_timeout), context).await;
}

async fn http<S>(stream: Tap<S>, context: &Arc<Context>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let for_requests = context.clone();
    let service = service_fn(move |request| router::answer(request, for_requests.clone()));
    let mut builder = http1::Builder::new();
    // The tap has deadlines of its own; see there.
    builder.header_read_timeout(None).max_buf_size(MAX_HEAD_BYTES);
    let ended = {
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
        let mut is_stopping = false;
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => break ended,
                () = context.meter.orders().given(Order::Stop), if !is_stopping => {
                    is_stopping = true;
                    context.meter.set_last();
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
        // The connection is dropped here. If it broke after the answer that agrees to an upgrade, it still has the other end of
        // that, and whoever waited for the upgrade would wait for ever.
    };
    if let Err(error) = ended
        && (error.is_parse() || context.meter.is_mid_request())
    {
        context.meter.blame_client();
    }
    if let Some(Upgrade { on, becoming }) = context.becomes()
        && let Ok(upgraded) = on.await
        && let Ok(parts) = upgraded.downcast::<TokioIo<Tap<S>>>()
    {
        let (stream, early, context) = (parts.io.into_inner(), parts.read_buf, context.clone());
        // Boxed: a task has room for the largest of all that it may become, and most connections never become these.
        match becoming {
            Becoming::Plain(plan) => Box::pin(session::serve(stream, early, plan, context)).await,
            Becoming::Engine(plan) => Box::pin(socket_io::websocket::serve(stream, early, plan, context)).await,
        }
    }
}

/// Brings the connection to its end and reads the kernel's counters a last time.
async fn settle(meter: &Arc<ConnectionMeter>) -> Option<Settled> {
    let socket = meter.socket();
    let within = if meter.is_bad() { SETTLE_BAD } else { SETTLE };
    let read_bytes = meter.raw().snapshot().read_bytes;
    let settled = tokio::select! {
        settled = segments::settle(socket, End::Server, Some(read_bytes), within) => Some(settled.ok()?),
        () = meter.orders().given(Order::Kill) => None,
    };
    match settled {
        Some(settled) if settled.ending != Ending::Open => Some(settled),
        // It would not end.
        unsettled => {
            let drained_bytes = unsettled.map_or(0, |settled| settled.drained_bytes);
            let aborted = segments::abort(socket, End::Server).ok()?;
            Some(Settled { drained_bytes: aborted.drained_bytes + drained_bytes, ..aborted })
        }
    }
}
