//! Publishes on schedule, on a thread of its own: due times come from the plan, sent times from the clock at the moment of
//! publishing, and both are in the message. Who listens, and over what, is not known here.
//!
//! A message that is to be held back on purpose is published so much later with the stamps of one that was not. No second thread
//! hands it on, so that a message takes the same way held or not, and the difference is the delay.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use bytes::Bytes;
use wirecost_model::control::Begin;
use wirecost_model::envelope::{MAX_PAYLOAD_BYTES, MIN_PAYLOAD_BYTES};
use wirecost_model::schedule::Schedule;
use wirecost_model::{DepartureWatch, Envelope, Injected, Published};
use wirecost_probe::clock::{self, Waiter};

use crate::fan_out::FanOut;
use crate::faults::Outlet;
use crate::hub::{Hub, HubError, Room};

/// Longest sleep at once, so that a stop is noticed, ns.
const NAP_NS: u64 = 50_000_000;

/// Sequence numbers have 30 bits in an envelope.
const MAX_SEQUENCE: u32 = (1 << 30) - 1;

/// Why nothing can be published.
#[derive(Debug, thiserror::Error)]
pub enum PublisherError {
    /// The payload cannot carry an envelope, or is larger than any transport carries.
    #[error("a payload has {MIN_PAYLOAD_BYTES} to {MAX_PAYLOAD_BYTES} bytes, not {0}")]
    PayloadSize(usize),
    /// A stream's room cannot be made.
    #[error("a room cannot be made: {0}")]
    Room(#[from] HubError),
    /// No thread.
    #[error("the publisher's thread cannot be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// What was published, and what of it was made to go wrong.
type Outcome = (Published, Injected);

/// A publisher at work.
#[derive(Debug)]
pub struct Publisher {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Outcome>,
}

/// One sequence of messages and its room.
struct Stream {
    number: u32,
    sequence: u32,
    schedule: Schedule,
    room: Arc<Room>,
    /// When its latest message is published, ns: none overtakes another.
    turn_ns: u64,
}

/// When a message is published, ns, by which stream, and when it was due: the order of a queue.
type Turn = (u64, usize, u64);

impl Publisher {
    /// Starts to publish as `begin` says; at once with what is overdue. The thread runs where its creator may run. What it does is
    /// entered in `published`, which has all [at hand](Published::at_hand).
    ///
    /// # Errors
    /// [`PublisherError`].
    pub fn start(begin: Begin, hub: &Hub, fan_out: Arc<FanOut>, published: Published) -> Result<Publisher, PublisherError> {
        let streams = streams(&begin, hub)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let faults = begin.publish.as_ref().map(|plan| plan.faults).unwrap_or_default();
        let outlet = Outlet::new(faults, fan_out);
        let thread = std::thread::Builder::new()
            .name("publisher".into())
            .spawn(move || publish(&begin, published, streams, outlet, &stopped))?;
        Ok(Publisher { stop, thread })
    }

    /// Ends it, within 50 ms and the message that is being published, and tells what was published and what of it was made to
    /// go wrong. Blocks.
    pub fn finish(self) -> (Published, Injected) {
        self.stop.store(true, Ordering::Relaxed);
        // A panic there is a bug; its message is on stderr, and the rest of the report is still worth having.
        self.thread.join().unwrap_or_default()
    }
}

fn streams(begin: &Begin, hub: &Hub) -> Result<Vec<Stream>, PublisherError> {
    let Some(plan) = &begin.publish else { return Ok(Vec::new()) };
    if !(MIN_PAYLOAD_BYTES..=MAX_PAYLOAD_BYTES).contains(&plan.payload_bytes) {
        return Err(PublisherError::PayloadSize(plan.payload_bytes));
    }
    let stream = |number: u32, room: &str| {
        let schedule = Schedule::new(&plan.arrivals, plan.rate, plan.seed, u64::from(number));
        Ok(Stream { number, sequence: 0, schedule, room: hub.room(room)?, turn_ns: 0 })
    };
    match plan.each_of {
        None => Ok(vec![stream(0, "all")?]),
        Some(clients) => (0..clients).map(|client| stream(client, &format!("c{client}"))).collect(),
    }
}

/// The thread: the earliest turn of all streams, again and again.
fn publish(begin: &Begin, mut published: Published, mut streams: Vec<Stream>, mut outlet: Outlet, stop: &AtomicBool) -> Outcome {
    let Some(plan) = &begin.publish else { return (published, Injected::default()) };
    // Refused nowhere that is known; the lag would show it.
    let _ = clock::set_timer_slack_ns(1);
    let end_ns = begin.start_ns.saturating_add(begin.window_to_ns);
    let turn_of = |stream: &mut Stream, at: usize| -> Option<Turn> {
        let offset_ns = stream.schedule.next()?;
        let due_ns = begin.start_ns.saturating_add(offset_ns);
        let held_ns = plan.faults.hold_ns(offset_ns.saturating_sub(begin.window_from_ns));
        stream.turn_ns = stream.turn_ns.max(due_ns.saturating_add(held_ns));
        (due_ns < end_ns && stream.sequence <= MAX_SEQUENCE).then_some((stream.turn_ns, at, due_ns))
    };
    let mut turns: BinaryHeap<Reverse<Turn>> =
        streams.iter_mut().enumerate().filter_map(|(at, stream)| turn_of(stream, at).map(Reverse)).collect();
    let (mut last_turn_ns, mut waiter, mut waited_before_ns) = (None, Waiter::default(), None);
    let gaps = published.departures.gaps.take();
    let mut watch = DepartureWatch::with(gaps, begin, &plan.arrivals, plan.rate, streams.len() as u32);
    while let Some(Reverse((turn_ns, at, due_ns))) = turns.pop() {
        // Several messages of one instant are one tick.
        let is_tick = begin.in_window(due_ns) && last_turn_ns.is_some_and(|last| last < turn_ns);
        published.missed_ticks += u64::from(is_tick && clock::now_ns() > turn_ns);
        last_turn_ns = Some(turn_ns);
        if begin.in_window(due_ns) {
            waited_before_ns.get_or_insert_with(|| waiter.cpu_ns());
        }
        if !wait(turn_ns, stop, &mut waiter) {
            break;
        }
        let stream = &mut streams[at];
        let held_ns = turn_ns - due_ns;
        let sent_ns = clock::now_ns() - held_ns;
        let envelope = Envelope { stream: stream.number, sequence: stream.sequence, due_ns, sent_ns };
        let payload = Bytes::from(envelope.to_vec(plan.payload_bytes));
        outlet.put(stream.number, stream.sequence, &stream.room, payload, held_ns > 0);
        published.sent(due_ns, sent_ns, begin);
        watch.sent(due_ns, sent_ns);
        stream.sequence += 1;
        turns.extend(turn_of(stream, at).map(Reverse));
    }
    published.waiting_cpu_ns = waited_before_ns.map_or(0, |before_ns| waiter.cpu_ns() - before_ns);
    published.departures = watch.seen();
    let injected = outlet.end(|number| streams.iter().find(|stream| stream.number == number).map(|stream| stream.room.clone()));
    (published, injected)
}

/// Waits for a turn; `false` if it was stopped meanwhile.
fn wait(turn_ns: u64, stop: &AtomicBool, waiter: &mut Waiter) -> bool {
    loop {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        let until_ns = turn_ns.min(clock::now_ns().saturating_add(NAP_NS));
        waiter.sleep_until(until_ns);
        if until_ns == turn_ns {
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use wirecost_model::Faults;
    use wirecost_model::control::Publish;
    use wirecost_model::schedule::Arrivals;
    use wirecost_model::trace::Trace;
    use wirecost_model::units::{Rate, Span};

    use super::*;
    use crate::hub::{HubOptions, Limit};

    fn begin(each_of: Option<u32>, arrivals: Arrivals, payload_bytes: usize) -> Begin {
        let publish =
            Publish { each_of, rate: Rate(2000.0).into(), arrivals, payload_bytes, seed: 5, faults: Default::default() };
        let (window_from_ns, window_to_ns) = (20_000_000, 60_000_000);
        Begin { start_ns: clock::now_ns(), window_from_ns, window_to_ns, publish: Some(publish), relay_rooms: None, cut: None }
    }

    /// Everything in a room, as envelopes.
    fn envelopes(hub: &Hub, room: &str) -> Vec<Envelope> {
        let batch = hub.find(room).unwrap().read(0, Limit { messages: usize::MAX, bytes: usize::MAX });
        batch.messages.iter().map(|message| Envelope::read(&message.payload).unwrap()).collect()
    }

    fn run_to_the_end(begin: &Begin) -> (Arc<Hub>, Published) {
        let hub = Hub::new(HubOptions::default());
        let publisher = Publisher::start(begin.clone(), &hub, Arc::default(), Published::at_hand()).unwrap();
        let (published, _) = publisher.thread.join().unwrap();
        (hub, published)
    }

    #[test]
    fn every_due_time_of_every_stream_is_published_once_and_never_early() {
        let trace = Trace::parse("t", "0\n0.5ms\n0.7ms\n0.7ms\n2ms\n").unwrap();
        for (each_of, arrivals) in [
            (None, Arrivals::Periodic),
            (Some(3), Arrivals::Poisson),
            (Some(2), Arrivals::Burst { size: 4 }),
            (None, Arrivals::Trace(trace.clone())),
            (Some(2), Arrivals::Trace(trace)),
        ] {
            let begin = begin(each_of, arrivals.clone(), 64);
            let (hub, published) = run_to_the_end(&begin);
            let rooms: Vec<(u32, String)> = match each_of {
                None => vec![(0, "all".into())],
                Some(n) => (0..n).map(|c| (c, format!("c{c}"))).collect(),
            };
            let (mut messages, mut in_window) = (0, 0);
            for (number, room) in rooms {
                let got = envelopes(&hub, &room);
                let due: Vec<u64> = Schedule::new(&arrivals, Rate(2000.0), 5, u64::from(number))
                    .map(|offset| begin.start_ns + offset)
                    .take_while(|&due_ns| due_ns < begin.start_ns + begin.window_to_ns)
                    .collect();
                assert_eq!(got.iter().map(|e| e.due_ns).collect::<Vec<_>>(), due);
                assert!(got.iter().enumerate().all(|(at, e)| e.stream == number && e.sequence == at as u32));
                assert!(got.iter().all(|e| e.sent_ns >= e.due_ns));
                messages += due.len() as u64;
                in_window += due.iter().filter(|&&due_ns| begin.in_window(due_ns)).count() as u64;
            }
            assert_eq!((published.messages, published.in_window, published.lag.count()), (messages, in_window, in_window));
            let poisson = arrivals == Arrivals::Poisson;
            let gaps = published.departures.gaps.is_some_and(|gaps| gaps.count() > 0);
            assert_eq!((published.departures.messages, gaps), (in_window, poisson));
        }
    }

    #[test]
    fn what_is_held_back_keeps_its_stamps_and_its_place() {
        for each_of in [None, Some(3)] {
            let mut begin = begin(each_of, Arrivals::Poisson, 64);
            // Held for longer than a stretch, so that those after it wait for it.
            let faults = Faults { delay: Some(Span::ms(15)), alternate: Some(Span::ms(10)), ..Faults::default() };
            begin.publish.as_mut().unwrap().faults = faults;
            let hub = Hub::new(HubOptions::default());
            let publisher = Publisher::start(begin.clone(), &hub, Arc::default(), Published::at_hand()).unwrap();
            let (published, injected) = publisher.thread.join().unwrap();
            // The last of all is due at the end of the last stretch, which is one that is delayed.
            assert!(clock::now_ns() > begin.start_ns + begin.window_to_ns + 10_000_000);
            let rooms = each_of.map_or(vec!["all".into()], |n| (0..n).map(|c| format!("c{c}")).collect::<Vec<_>>());
            let mut held = 0;
            for room in rooms {
                let got = envelopes(&hub, &room);
                assert!(got.iter().enumerate().all(|(at, e)| e.sequence == at as u32 && e.sent_ns >= e.due_ns));
                assert!(got.is_sorted_by_key(|e| e.due_ns));
                let mut turn_ns = 0;
                for envelope in &got {
                    let offset_ns = envelope.due_ns - begin.start_ns;
                    let hold_ns = faults.hold_ns(offset_ns.saturating_sub(begin.window_from_ns));
                    turn_ns = turn_ns.max(envelope.due_ns + hold_ns);
                    held += u64::from(turn_ns > envelope.due_ns);
                }
            }
            assert!(held > 0 && held < published.messages, "{held} of {}", published.messages);
            assert_eq!(injected, Injected { delayed: held, ..Injected::default() });
        }
    }

    #[test]
    fn due_times_that_pass_while_publishing_are_missed_ticks() {
        let mut begin = begin(None, Arrivals::Periodic, 32);
        begin.start_ns -= 1_000_000_000; // all of it is overdue
        let (_, published) = run_to_the_end(&begin);
        assert_eq!(published.missed_ticks, published.in_window, "those of the warm-up are nobody's");
        assert_eq!(published.departures.most_behind, published.in_window - 1);
        begin.publish = None;
        assert_eq!(run_to_the_end(&begin).1.messages, 0);
    }

    #[test]
    fn stops_when_told_and_refuses_what_cannot_be() {
        let mut long = begin(None, Arrivals::Periodic, 32);
        long.start_ns += 3_600_000_000_000;
        let hub = Hub::new(HubOptions { max_rooms: 2, ..HubOptions::default() });
        let publisher = Publisher::start(long, &hub, Arc::default(), Published::at_hand()).unwrap();
        assert_eq!(publisher.finish().0.messages, 0);
        let start = |begin| Publisher::start(begin, &hub, Arc::default(), Published::at_hand()).unwrap_err();
        assert!(matches!(start(begin(None, Arrivals::Periodic, 31)), PublisherError::PayloadSize(31)));
        assert!(matches!(start(begin(Some(9), Arrivals::Periodic, 32)), PublisherError::Room(HubError::TooManyRooms(2))));
    }
}
