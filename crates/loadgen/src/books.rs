//! The account of connections at the *client's* end, for servers that cannot count for us: bytes of the sockets, the
//! kernel's segments, and what transports say heads and payloads are. Of the reference server the same is counted at its
//! own end, and nothing here is used.
//!
//! A connection is kept open by a second handle beyond the library that owned it, half closed the moment that lets it go,
//! and read one last time when the kernel has seen its last segment. A thread of its own waits for that.
//!
//! What transports count is written for every message, so each thread of clients has a page of its own for it, and no lock.
//!
//! What deliberately does not live here: which messages were right (the recorder's), and what the server was doing.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence};
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

/// The books of many connections, with a page to write on. Clones are the same books with another page.
#[derive(Debug)]
pub struct Books {
    shared: Arc<Shared>,
    /// What this page says: whoever holds it is its only writer.
    counted: Box<RefCell<Counters>>,
    page: Arc<Page>,
}

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
    /// Of connections that have ended.
    ended: Counters,
    pages: Vec<Arc<Page>>,
}

/// What transports count.
const COUNTS: usize = 12;

fn counts(counters: &mut Counters) -> [&mut u64; COUNTS] {
    [
        &mut counters.requests,
        &mut counters.full_answers,
        &mut counters.messages_in_answers,
        &mut counters.empty_answers,
        &mut counters.head_bytes.up,
        &mut counters.head_bytes.down,
        &mut counters.empty_head_bytes.up,
        &mut counters.empty_head_bytes.down,
        &mut counters.messages.up,
        &mut counters.messages.down,
        &mut counters.payload_bytes.up,
        &mut counters.payload_bytes.down,
    ]
}

/// What a page tells of `counted`.
fn listed(counted: &mut Counters) -> Counters {
    let mut listed = Counters::default();
    counts(&mut listed).into_iter().zip(counts(counted)).for_each(|(listed, counted)| *listed = *counted);
    listed
}

/// A page as others see it: a sequence lock, whose reader tries again if the writer was at it meanwhile, and whose writer never
/// waits. So what belongs together is seen together.
#[derive(Debug, Default)]
struct Page {
    /// Odd while the page is written.
    turn: AtomicU64,
    counts: [AtomicU64; COUNTS],
}

impl Page {
    /// Only for the one who writes on it.
    fn show(&self, counted: &mut Counters) {
        debug_assert_eq!(listed(counted), *counted, "something else is counted than what a page has room for");
        let turn = self.turn.load(Relaxed);
        self.turn.store(turn + 1, Relaxed);
        // Nobody sees what follows without seeing that it had begun.
        fence(Release);
        for (shown, counted) in self.counts.iter().zip(counts(counted)) {
            shown.store(*counted, Relaxed);
        }
        self.turn.store(turn + 2, Release);
    }

    fn read(&self) -> Counters {
        let mut read = Counters::default();
        loop {
            let turn = self.turn.load(Acquire);
            for (read, shown) in counts(&mut read).into_iter().zip(&self.counts) {
                *read = shown.load(Relaxed);
            }
            fence(Acquire);
            if turn.is_multiple_of(2) && self.turn.load(Relaxed) == turn {
                return read;
            }
            std::thread::yield_now();
        }
    }
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
    books: Arc<Shared>,
    entry: Arc<Entry>,
}

impl Drop for Place {
    /// The stream is gone: from here on the connection is brought to its end.
    fn drop(&mut self) {
        let _ = self.books.settler.send(Arc::clone(&self.entry));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self, entry: &Entry, settled: Option<&Settled>) {
        let mut state = self.state();
        if state.live.remove(&entry.number).is_some() {
            state.ended += entry.last(settled);
        }
    }
}

impl Clone for Books {
    fn clone(&self) -> Books {
        Books::page_of(Arc::clone(&self.shared))
    }
}

impl Books {
    /// Empty books, and their thread, which ends with the last handle.
    ///
    /// # Errors
    /// No thread, or no runtime for it.
    pub fn open() -> std::io::Result<Books> {
        let (settler, mut given) = mpsc::unbounded_channel::<Arc<Entry>>();
        let (next, finished) = (AtomicU64::new(0), AtomicBool::new(false));
        let books = Books::page_of(Arc::new(Shared { state: Mutex::default(), next, finished, settler }));
        let shared = Arc::downgrade(&books.shared);
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
                            shared.ended(&entry, settled.ok().as_ref());
                        }
                    });
                }
            });
        })?;
        Ok(books)
    }

    fn page_of(shared: Arc<Shared>) -> Books {
        let page = Arc::<Page>::default();
        shared.state().pages.push(Arc::clone(&page));
        Books { shared, counted: Box::default(), page }
    }

    /// Enters a connection that has just been opened; its stream counts into them.
    pub(crate) fn enter(&self, stream: TcpStream) -> (MeteredStream<SharedStream>, Place) {
        let (meter, number) = (Meter::new(), self.shared.next.fetch_add(1, Relaxed));
        let (stream, socket) = SharedStream::new(stream);
        let entry = Arc::new(Entry { number, socket, meter: Arc::clone(&meter) });
        self.shared.state().live.insert(number, Arc::clone(&entry));
        (MeteredStream::new(stream, meter), Place { books: Arc::clone(&self.shared), entry })
    }

    /// Everything that was counted so far.
    pub fn reading(&self) -> Counters {
        let state = self.shared.state();
        let mut sum = state.ended;
        state.live.values().for_each(|entry| sum += entry.now());
        state.pages.iter().for_each(|page| sum += page.read());
        sum
    }

    /// Whether every connection has ended.
    pub fn is_quiet(&self) -> bool {
        self.shared.state().live.is_empty()
    }

    /// Waits until every connection has ended, resets what has not by then, and tells the sum. Call it when no client is
    /// left.
    pub fn finish(&self, within: Duration) -> Counters {
        let deadline = Instant::now() + within;
        while !self.is_quiet() && Instant::now() < deadline {
            std::thread::sleep(LOOK_EVERY);
        }
        self.shared.finished.store(true, Relaxed);
        let left: Vec<Arc<Entry>> = self.shared.state().live.values().cloned().collect();
        for entry in left {
            self.shared.ended(&entry, segments::abort(&entry.socket, End::Client).ok().as_ref());
        }
        self.reading()
    }

    fn count(&self, change: impl FnOnce(&mut Counters)) {
        let counted = &mut *self.counted.borrow_mut();
        change(counted);
        self.page.show(counted);
    }

    /// A request whose head has so many bytes.
    pub(crate) fn request(&self, head_bytes: usize) {
        self.count(|counted| {
            counted.requests += 1;
            counted.head_bytes.up += head_bytes as u64;
        });
    }

    /// A head of an answer.
    pub(crate) fn answer(&self, head_bytes: usize) {
        self.count(|counted| counted.head_bytes.down += head_bytes as u64);
    }

    /// A poll that brought so many messages. The heads of one that brought none are of another class.
    pub(crate) fn poll(&self, messages: usize, heads: Flow) {
        self.count(|counted| {
            if messages > 0 {
                counted.full_answers += 1;
                counted.messages_in_answers += messages as u64;
                return;
            }
            counted.empty_answers += 1;
            counted.head_bytes = counted.head_bytes - heads;
            counted.empty_head_bytes += heads;
        });
    }

    /// A message that arrived.
    pub(crate) fn received(&self, payload_bytes: usize) {
        self.count(|counted| {
            counted.messages.down += 1;
            counted.payload_bytes.down += payload_bytes as u64;
        });
    }

    /// A message that was sent.
    pub(crate) fn sent(&self, payload_bytes: usize) {
        self.count(|counted| {
            counted.messages.up += 1;
            counted.payload_bytes.up += payload_bytes as u64;
        });
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

    /// Two threads write, another reads meanwhile: what belongs together is never seen apart, and nothing is lost.
    #[test]
    fn pages_are_read_whole_while_they_are_written() {
        const POLLS: u64 = 200_000;
        let books = Books::open().unwrap();
        let writers = [books.clone(), books.clone()].map(|page| {
            std::thread::spawn(move || {
                for number in 0..POLLS {
                    page.request(100);
                    page.answer(50);
                    page.poll((number % 2) as usize, Flow { up: 100, down: 50 });
                }
            })
        });
        let mut seen = 0;
        while !writers.iter().all(std::thread::JoinHandle::is_finished) {
            let now = books.reading();
            assert!(now.requests >= seen);
            seen = now.requests;
            // A poll's heads are moved to the other class in one step with its count.
            assert_eq!(now.empty_head_bytes, Flow { up: 100 * now.empty_answers, down: 50 * now.empty_answers });
            assert_eq!(now.head_bytes.up + now.empty_head_bytes.up, 100 * now.requests);
        }
        let all = books.finish(Duration::ZERO);
        assert_eq!((all.full_answers, all.empty_answers, all.messages_in_answers), (POLLS, POLLS, POLLS));
        assert_eq!(all.head_bytes, Flow { up: 100 * POLLS, down: 50 * POLLS });
    }

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
