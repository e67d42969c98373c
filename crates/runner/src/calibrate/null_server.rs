//! The other end of the null protocol: blocking, one connection, on a core of its own; it sends on schedule, or as fast as it
//! is let.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use wirecost_model::Envelope;
use wirecost_model::control::Begin;
use wirecost_model::schedule::Schedule;
use wirecost_probe::affinity;
use wirecost_probe::clock::{now_ns, set_timer_slack_ns, sleep_until};

/// Payload of a message, bytes.
pub(super) const PAYLOAD_BYTES: usize = 128;

/// Messages in one write of a flood: some 8 kB, so that system calls are not what limits it.
const AT_ONCE: u32 = 64;

/// A server that waits to be told when to begin.
pub(super) struct NullServer {
    pub address: SocketAddr,
    begin: Sender<Begin>,
    thread: JoinHandle<std::io::Result<u64>>,
}

impl NullServer {
    /// Listens, on one core. It publishes the schedule of its `Begin`, or floods if that has none.
    pub fn start(core: usize) -> std::io::Result<NullServer> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let (begin, begins) = mpsc::channel();
        let thread = std::thread::Builder::new().name("null server".into()).spawn(move || {
            affinity::pin(&[core])?;
            let _ = set_timer_slack_ns(1);
            serve(&listener, &begins)
        })?;
        Ok(NullServer { address, begin, thread })
    }

    /// Says when to begin.
    pub fn begin(&self, begin: &Begin) {
        // A server that has failed says why in `finish`.
        let _ = self.begin.send(begin.clone());
    }

    /// Waits until the client has gone; returns how many messages were taken by the connection in the window.
    pub fn finish(self) -> std::io::Result<u64> {
        drop(self.begin);
        self.thread.join().unwrap_or_else(|_| Err(std::io::Error::other("the null server panicked")))
    }
}

fn serve(listener: &TcpListener, begins: &Receiver<Begin>) -> std::io::Result<u64> {
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let mut sent_in_window = 0;
    if let Ok(begin) = begins.recv() {
        sent_in_window = match &begin.publish {
            Some(plan) => {
                let offsets =
                    Schedule::new(&plan.arrivals, plan.rate, plan.seed, 0).take_while(|&offset| offset < begin.window_to_ns);
                scheduled(&mut stream, &begin, offsets)?
            }
            None => flood(&mut stream, &begin)?,
        };
    }
    let _ = stream.shutdown(Shutdown::Write);
    while stream.read(&mut [0; 512]).is_ok_and(|read| read > 0) {}
    Ok(sent_in_window)
}

fn scheduled(stream: &mut TcpStream, begin: &Begin, offsets: impl Iterator<Item = u64>) -> std::io::Result<u64> {
    let mut sent_in_window = 0;
    for (sequence, offset) in offsets.enumerate() {
        let due_ns = begin.start_ns + offset;
        sleep_until(due_ns);
        let mut frame = Vec::with_capacity(4 + PAYLOAD_BYTES);
        push(&mut frame, sequence as u32, due_ns);
        stream.write_all(&frame)?;
        sent_in_window += u64::from(begin.in_window(due_ns));
    }
    Ok(sent_in_window)
}

fn flood(stream: &mut TcpStream, begin: &Begin) -> std::io::Result<u64> {
    sleep_until(begin.start_ns);
    let (mut sequence, mut sent_in_window) = (0, 0);
    let mut frames = Vec::with_capacity(AT_ONCE as usize * (4 + PAYLOAD_BYTES));
    loop {
        let now = now_ns();
        if now >= begin.start_ns + begin.window_to_ns {
            return Ok(sent_in_window);
        }
        frames.clear();
        (sequence..sequence + AT_ONCE).for_each(|sequence| push(&mut frames, sequence, now));
        sequence += AT_ONCE;
        if stream.write_all(&frames).is_err() {
            // The client closes at the end of the window, whatever is still on its way.
            return Ok(sent_in_window);
        }
        sent_in_window += u64::from(begin.in_window(now)) * u64::from(AT_ONCE);
    }
}

fn push(frames: &mut Vec<u8>, sequence: u32, due_ns: u64) {
    frames.extend((PAYLOAD_BYTES as u32).to_be_bytes());
    let at = frames.len();
    frames.resize(at + PAYLOAD_BYTES, 0);
    Envelope { stream: 0, sequence, due_ns, sent_ns: now_ns() }.write(&mut frames[at..]);
}
