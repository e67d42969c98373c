//! The account of connections at the *client's* end, for servers that cannot count for us: bytes of the sockets, the
//! kernel's segments, and what transports say heads and payloads are. Of the reference server the same is counted at its
//! own end, and nothing here is used.
//!
//! A connection is kept open by a second handle beyond the library that owned it, half closed the moment that lets it go,
//! and read one last time when the kernel has seen its last segment. A thread of its own waits for that.
//!
//! What deliberately does not live here: which messages were right (the recorder's), and what the server was doing.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use wirecost_model::ledger::{Counters, Flow};
use wirecost_probe::meter::{Meter, MeteredStream};
use wirecost_probe::segments::{self, ConnectionAccount, End, Ending, Settled};
use wirecost_probe::shared_stream::SharedStream;
use wirecost_probe::tcp_info::TcpInfo;

/// How long a connection may take to end. Longer than any trial waits for it; what is left then is reset.
const SETTLE_WITHIN: Duration = Duration::from_secs(30);

/// How often the end looks whether all connections have ended.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The books of many connections. Clones are the same books.
#[derive(Debug, Clone)]
pub struct Books(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    next: AtomicU64,
    finished: AtomicBool,
    settler: mpsc::UnboundedSender<Arc<Entry>>,
}

#[derive(Debug, Default)]
struct State {
    live: HashMap<u64, Arc<Entry>>,
    /// Of connections that have ended, and everything that transports count.
    sum: Counters,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    socket: Arc<TcpStream>,
    meter: Arc<Meter>,
}

/// A connection's place in the books, for as long as its stream lives.
#[derive(Debug)]
pub(crate) struct Place {
    books: Books,
    entry: Arc<Entry>,
}

impl Drop for Place {
    /// The stream is gone: from here on the connection is brought to its end.
    fn drop(&mut self) {
        let _ = self.books.0.settler.send(Arc::clone(&self.entry));
    }
}

impl Books {
    /// Empty books, and their thread, which ends with the last handle.
    ///
    /// # Errors
    /// No thread, or no runtime for it.
    pub fn open() -> std::io::Result<Books> {
        let (settler, mut given) = mpsc::unbounded_channel::<Arc<Entry>>();
        let books = Books(Arc::new(Shared {
            state: Mutex::default(),
            next: AtomicU64::new(0),
            finished: AtomicBool::new(false),
            settler,
        }));
        let shared = Arc::downgrade(&books.0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("books".into()).spawn(move || {
            runtime.block_on(async {
                while let Some(entry) = given.recv().await {
                    let shared = shared.clone();
                    tokio::spawn(async move {
                        let read = Some(entry.meter.snapshot().read_bytes);
                        let settled = segments::settle(&entry.socket, End::Client, read, SETTLE_WITHIN).await;
                        if let Some(shared) = shared.upgrade()
                            && !shared.finished.load(Relaxed)
                        {
                            Books(shared).ended(&entry, settled.ok().as_ref());
                        }
                    });
                }
            });
        })?;
        Ok(books)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a connection that has just been opened; its stream counts into them.
    pub(crate) fn enter(&self, stream: TcpStream) -> (MeteredStream<SharedStream>, Place) {
        let (meter, number) = (Meter::new(), self.0.next.fetch_add(1, Relaxed));
        let (stream, socket) = SharedStream::new(stream);
        let entry = Arc::new(Entry { number, socket, meter: Arc::clone(&meter) });
        self.state().live.insert(number, Arc::clone(&entry));
        (MeteredStream::new(stream, meter), Place { books: self.clone(), entry })
    }

    fn ended(&self, entry: &Entry, settled: Option<&Settled>) {
        let mut state = self.state();
        if state.live.remove(&entry.number).is_some() {
            state.sum += entry.last(settled);
        }
    }

    /// Everything that was counted so far.
    pub fn reading(&self) -> Counters {
        let state = self.state();
        let mut sum = state.sum;
        state.live.values().for_each(|entry| sum += entry.now());
        sum
    }

    /// Whether every connection has ended.
    pub fn is_quiet(&self) -> bool {
        self.state().live.is_empty()
    }

    /// Waits until every connection has ended, resets what has not by then, and tells the sum. Call it when no client is
    /// left.
    pub fn finish(&self, within: Duration) -> Counters {
        let deadline = Instant::now() + within;
        while !self.state().live.is_empty() && Instant::now() < deadline {
            std::thread::sleep(LOOK_EVERY);
        }
        self.0.finished.store(true, Relaxed);
        let left: Vec<Arc<Entry>> = self.state().live.values().cloned().collect();
        for entry in left {
            self.ended(&entry, segments::abort(&entry.socket, End::Client).ok().as_ref());
        }
        self.state().sum
    }

    /// A request whose head has so many bytes.
    pub(crate) fn request(&self, head_bytes: usize) {
        let sum = &mut self.state().sum;
        sum.requests += 1;
        sum.head_bytes.up += head_bytes as u64;
    }

    /// A head of an answer.
    pub(crate) fn answer(&self, head_bytes: usize) {
        self.state().sum.head_bytes.down += head_bytes as u64;
    }

    /// A poll that brought so many messages. The heads of one that brought none are of another class.
    pub(crate) fn poll(&self, messages: usize, heads: Flow) {
        let sum = &mut self.state().sum;
        if messages > 0 {
            sum.full_answers += 1;
            sum.messages_in_answers += messages as u64;
            return;
        }
        sum.empty_answers += 1;
        sum.head_bytes = sum.head_bytes - heads;
        sum.empty_head_bytes += heads;
    }

    /// A message that arrived.
    pub(crate) fn received(&self, payload_bytes: usize) {
        let sum = &mut self.state().sum;
        sum.messages.down += 1;
        sum.payload_bytes.down += payload_bytes as u64;
    }

    /// A message that was sent.
    pub(crate) fn sent(&self, payload_bytes: usize) {
        let sum = &mut self.state().sum;
        sum.messages.up += 1;
        sum.payload_bytes.up += payload_bytes as u64;
    }
}

impl Entry {
    fn now(&self) -> Counters {
        let meter = self.meter.snapshot();
        let account = TcpInfo::read(self.socket.as_fd()).map(|info| segments::account(&info, Ending::Open, End::Client));
        self.counters(Flow { up: meter.written_bytes, down: meter.read_bytes }, account.ok().as_ref())
    }

    /// At the end what the kernel has carried is the truth: a library may have left something unread, or written what was
    /// never sent.
    fn last(&self, settled: Option<&Settled>) -> Counters {
        let Some(settled) = settled else { return self.now() };
        let account = settled.account();
        let bytes = Flow { up: account.to_server.payload_bytes, down: account.to_client.payload_bytes };
        self.counters(bytes, Some(&account))
    }

    fn counters(&self, bytes: Flow, account: Option<&ConnectionAccount>) -> Counters {
        let kernel = account.map(ConnectionAccount::counters).unwrap_or_default();
        Counters { connections: 1, plain_bytes: bytes, socket_bytes: bytes, ..kernel }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn a_connection_is_in_the_books_to_its_last_segment() {
        let books = Books::open().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (mut server, _) = listener.accept().await.unwrap();
            let (mut client, place) = books.enter(client);
            client.write_all(b"hello").await.unwrap();
            server.read_exact(&mut [0; 5]).await.unwrap();
            drop((client, place));
            // The handle that the books keep does not keep the connection.
            assert_eq!(server.read(&mut [0; 1]).await.unwrap(), 0);
        });
        let sum = books.finish(Duration::from_secs(10));
        assert_eq!((sum.connections, sum.socket_bytes), (1, Flow { up: 5, down: 0 }));
        // SYN and FIN each way.
        assert_eq!(sum.control_segments, Flow { up: 2, down: 2 });
    }
}
