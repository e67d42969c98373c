//! A running server: started, read, told to publish, stopped. Who tells it is [`crate::control`], or a test in this process.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use wirecost_model::control::{Begin, Reading, Ready, ServerReport};
use wirecost_model::ledger::Counters;
use wirecost_model::{Injected, Published};
use wirecost_probe::{clock, process};

use crate::accept;
use crate::connection::Wiring;
use crate::context::Shared;
use crate::demo;
use crate::fan_out::FanOut;
use crate::hub::{Hub, HubOptions};
use crate::ingest::Ingest;
use crate::metering::Metering;
use crate::options::{ServerError, ServerOptions};
use crate::orders::Order;
use crate::publisher::{Publisher, PublisherError};
use crate::tls::TlsSetup;
use crate::transport::socket_io::Engine;

/// How long connections may take to end in order when the server stops. Clients normally close before.
const STOP_IN_ORDER: Duration = Duration::from_secs(5);

/// How long they may take once they are told to end at once.
const STOP_NOW: Duration = Duration::from_secs(2);

/// A server that is running on the tokio runtime it was started on.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// `http://127.0.0.1:34567`, or `https://…`.
    pub url: String,
    /// The certificate to trust, DER, where it speaks TLS.
    pub certificate_der: Option<Vec<u8>>,
    desk: Arc<Desk>,
    /// Closed when the last connection has ended.
    alive: mpsc::Receiver<()>,
    accepting: JoinSet<()>,
    fan_out: JoinHandle<()>,
    demo: Option<JoinHandle<()>>,
}

/// What can be asked of a server from any thread while it serves.
#[derive(Debug)]
pub struct Desk {
    shared: Arc<Shared>,
    publishing: Mutex<Publishing>,
}

#[derive(Debug)]
enum Publishing {
    /// With what the publisher will measure itself with.
    NotYet(Box<Published>),
    Now(Publisher),
    Done,
}

/// Starts a server.
///
/// # Errors
/// [`ServerError`]: it cannot listen, or there is no TLS as wanted.
pub async fn start(options: ServerOptions) -> Result<Running, ServerError> {
    let engine = Engine::new(options.engine());
    let tls = options.tls.map(TlsSetup::new).transpose()?;
    let listener = accept::listen(options.bind)?;
    let address = listener.local_addr()?;
    let mut listeners = vec![listener];
    if options.both_families {
        listeners.extend(accept::listen_on_other_loopback(address)?);
    }
    let hub = HubOptions { ring_messages: options.ring_messages, ring_bytes: options.ring_bytes, ..HubOptions::default() };
    let shared = Arc::new(Shared {
        hub: Hub::new(hub),
        ingest: Ingest::default(),
        metering: Metering::default(),
        fan_out: Arc::new(FanOut::default()),
        engine,
        body_timeout: options.body_timeout,
        cut_connections: AtomicU64::new(0),
    });
    let scheme = if tls.is_some() { "https" } else { "http" };
    let certificate_der = tls.as_ref().map(|tls| tls.certificate_der.clone());
    let wiring = Arc::new(Wiring {
        tls,
        write_timeout: options.write_timeout,
        head_timeout: options.head_timeout,
        room: Arc::new(Semaphore::new(options.max_connections)),
    });
    let (alive, ended) = mpsc::channel(1);
    let fan_out = shared.fan_out.clone();
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept::accept(listener, shared.clone(), wiring.clone(), alive.clone()));
    }
    drop(alive);
    Ok(Running {
        address,
        url: format!("{scheme}://{address}"),
        certificate_der,
        demo: options.demo.then(|| tokio::spawn(demo::stream(shared.clone()))),
        fan_out: tokio::spawn(async move { fan_out.run().await }),
        accepting,
        desk: Arc::new(Desk { shared, publishing: Mutex::new(Publishing::NotYet(Box::new(Published::at_hand()))) }),
        alive: ended,
    })
}

impl Running {
    /// The first word to whoever started the server.
    pub fn ready(&self) -> Ready {
        Ready {
            url: self.url.clone(),
            address: self.address,
            pid: std::process::id(),
            certificate_der: self.certificate_der.clone(),
        }
    }

    /// What can be asked from any thread.
    pub fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// Its rooms.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.desk.shared.hub
    }

    /// Everything counted so far.
    pub fn counters(&self) -> Counters {
        self.desk.shared.metering.counters()
    }

    /// Ends: nobody new is accepted, streams end, WebSockets say goodbye, everyone is waited for within a bound of 7 s, and the
    /// kernel has sent its last segments before the counters are read for the last time.
    pub async fn stop(mut self) -> ServerReport {
        let desk = self.desk.clone();
        // Blocks for 50 ms at most.
        let published = desk.stop_publishing();
        self.accepting.shutdown().await;
        desk.shared.metering.order_all(Order::Stop);
        desk.shared.hub.close();
        desk.shared.engine.registry.close();
        if timeout(STOP_IN_ORDER, self.alive.recv()).await.is_err() {
            desk.shared.metering.order_all(Order::Kill);
            let _ = timeout(STOP_NOW, self.alive.recv()).await;
        }
        self.fan_out.abort();
        self.demo.iter().for_each(JoinHandle::abort);
        desk.report(published)
    }
}

impl Desk {
    /// Begins to publish, and makes the measured window known.
    ///
    /// # Errors
    /// It has begun before, or cannot.
    pub fn begin(&self, begin: Begin) -> Result<(), ServerError> {
        let mut publishing = self.publishing();
        if !matches!(*publishing, Publishing::NotYet(_)) {
            return Err(ServerError::Command("publishing has begun before".into()));
        }
        self.shared.ingest.begin(begin.clone());
        if let Some(rooms) = begin.relay_rooms {
            self.shared.ingest.relay(rooms, &self.shared.hub, self.shared.fan_out.clone()).map_err(PublisherError::from)?;
        }
        self.cut_later(&begin)?;
        if let Publishing::NotYet(instruments) = std::mem::replace(&mut *publishing, Publishing::Done) {
            *publishing = Publishing::Now(Publisher::start(begin, &self.shared.hub, self.shared.fan_out.clone(), *instruments)?);
        }
        Ok(())
    }

    /// Cuts connections off when the plan says, from a thread of its own, so that it is on time however busy the server is.
    fn cut_later(&self, begin: &Begin) -> Result<(), ServerError> {
        let Some(cut) = begin.cut else { return Ok(()) };
        let (at_ns, shared) = (begin.start_ns.saturating_add(cut.at_ns), self.shared.clone());
        std::thread::Builder::new().name("cutter".into()).spawn(move || {
            clock::sleep_until(at_ns);
            shared.cut_connections.store(shared.metering.cut_off(cut.per_10_000), Ordering::Relaxed);
        })?;
        Ok(())
    }

    /// The counters and the process, now. Costs a few microseconds a connection.
    pub fn reading(&self) -> Reading {
        let Shared { hub, metering, .. } = &*self.shared;
        let memory = process::Memory::of(std::process::id()).ok();
        Reading {
            at_ns: clock::now_ns(),
            counters: metering.counters(),
            rss_bytes: memory.map_or(0, |memory| memory.rss_bytes),
            anonymous_bytes: memory.map_or(0, |memory| memory.anonymous_bytes),
            open_connections: metering.open_connections(),
            subscribers: hub.subscribers(),
            nagle_connections: metering.nagle_connections(),
        }
    }

    /// Engine.IO sessions that are remembered.
    pub fn engine_sessions(&self) -> usize {
        self.shared.engine.registry.len()
    }

    /// Text of Socket.IO packets that wait for their attachments, bytes.
    pub fn engine_waiting_bytes(&self) -> usize {
        self.shared.engine.waiting_text.taken_bytes()
    }

    /// What Engine.IO sessions keep for sending it, and of attachments that wait for others, bytes.
    pub fn engine_kept_bytes(&self) -> usize {
        self.shared.engine.kept.taken_bytes()
    }

    fn stop_publishing(&self) -> (Published, Injected) {
        match std::mem::replace(&mut *self.publishing(), Publishing::Done) {
            Publishing::Now(publisher) => publisher.finish(),
            Publishing::NotYet(_) | Publishing::Done => Default::default(),
        }
    }

    fn report(&self, (published, injected): (Published, Injected)) -> ServerReport {
        let Shared { hub, ingest, metering, .. } = &*self.shared;
        let uploaded = ingest.uploaded();
        ServerReport {
            reading: self.reading(),
            published,
            injected,
            upload: uploaded.latency,
            upload_service: uploaded.service,
            upload_accounting: uploaded.accounting,
            cut_connections: self.shared.cut_connections.load(Ordering::Relaxed),
            overrun: hub.overrun(),
            samples: metering.samples(),
            negotiated: metering.all_negotiated(),
        }
    }

    fn publishing(&self) -> MutexGuard<'_, Publishing> {
        self.publishing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
