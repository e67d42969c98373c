//! Stamps become numbers here and nowhere else: the latency histograms of a shard, and the account of
//! every message of its clients. No sockets, no waiting.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use wirecost_model::control::Begin;
use wirecost_model::{Accounting, Envelope, Histogram, Recovery, StreamVerdict};

use crate::inbox::Inbox;
use crate::status::Status;

/// Most intervals of the measured window that are kept apart; a longer window has longer intervals.
const MOST_INTERVALS: u64 = 60;

/// The shortest interval, ns.
const SHORTEST_INTERVAL_NS: u64 = 1_000_000_000;

/// Most different texts of errors that are kept.
const MOST_ERRORS: usize = 20;

/// Length of the intervals of a window, ns.
pub fn interval_ns(window_ns: u64) -> u64 {
    window_ns.div_ceil(MOST_INTERVALS).max(SHORTEST_INTERVAL_NS)
}

/// Histograms of one kind, one for each interval of the window. Each is made when its time comes: it has 220 kB, and whoever looks at
/// the load generator's memory when the window begins is to see its clients.
#[derive(Debug, Default)]
struct Intervals(Vec<Histogram>);

impl Intervals {
    fn record(&mut self, interval: usize, ns: u64) {
        if interval >= self.0.len() {
            self.0.resize_with(interval + 1, Histogram::default);
        }
        self.0[interval].record(ns);
    }

    /// Those of `count` intervals, those too in which nothing came, together with others'.
    fn with(mut self, others: &Intervals, count: usize) -> Vec<Histogram> {
        self.0.resize_with(count, Histogram::default);
        self.0.iter_mut().zip(&others.0).for_each(|(mine, other)| mine.merge(other));
        self.0
    }
}

/// The measured window and its intervals, ns of the clock.
#[derive(Debug, Default)]
struct Window {
    all: Range<u64>,
    interval_ns: u64,
    /// The interval that was asked for last, and its number: mostly it is the next one's too, which saves a division.
    latest: Range<u64>,
    number: usize,
}

impl Window {
    fn new(begin: &Begin) -> Window {
        let all = begin.start_ns + begin.window_from_ns..begin.start_ns + begin.window_to_ns;
        Window { interval_ns: interval_ns(all.end - all.start), latest: 0..0, number: 0, all }
    }

    fn intervals(&self) -> usize {
        (self.all.end - self.all.start).div_ceil(self.interval_ns.max(1)) as usize
    }

    /// The number of the interval of a time, if it is in the window.
    fn interval(&mut self, at_ns: u64) -> Option<usize> {
        if !self.latest.contains(&at_ns) {
            let since_ns = self.all.contains(&at_ns).then(|| at_ns - self.all.start)?;
            self.number = (since_ns / self.interval_ns) as usize;
            let begins_ns = at_ns - since_ns % self.interval_ns;
            self.latest = begins_ns..self.all.end.min(begins_ns + self.interval_ns);
        }
        Some(self.number)
    }
}

/// The numbers of one shard.
#[derive(Debug, Default)]
pub struct Recorder {
    status: Arc<Status>,
    window: Window,
    /// received − due, by interval of the due time, where that is not received − sent too.
    delivery: Intervals,
    /// received − sent, where that is not received − due too.
    service: Intervals,
    /// Both, of what was sent when it was due: all of a closed loop, and one record instead of two.
    both: Intervals,
    /// By stage of connecting.
    pub setup: BTreeMap<&'static str, Histogram>,
    /// All but `expected` and `lost`, which are known at the end.
    pub accounting: Accounting,
    /// Of clients that were cut off on purpose.
    pub recovery: Recovery,
    /// By text.
    pub errors: BTreeMap<String, u64>,
    /// Messages of the clients' own plan that were not sent by the end, all phases.
    pub unsent: u64,
    /// Age of those that were due in the window, when the books were closed.
    pub unsent_age: Histogram,
    /// How often a message seemed to arrive before it was sent.
    pub negative: u64,
}

impl Recorder {
    /// One that shows in `status` what is to be seen while it runs.
    pub(crate) fn new(status: Arc<Status>) -> Recorder {
        Recorder { status, ..Recorder::default() }
    }

    /// The clock has started.
    pub fn begin(&mut self, begin: &Begin) {
        self.window = Window::new(begin);
    }

    /// Takes the delivery and service latencies, by interval of the window.
    pub fn latencies(&mut self) -> [Vec<Histogram>; 2] {
        let (both, intervals) = (std::mem::take(&mut self.both), self.window.intervals());
        [&mut self.delivery, &mut self.service].map(|kind| std::mem::take(kind).with(&both, intervals))
    }

    /// A message arrived at a client that listens to the streams of `inbox`. Its envelope, if it is one that was wanted and had
    /// not come before.
    pub fn message(&mut self, inbox: &mut Inbox, payload: &[u8], received_ns: u64) -> Option<Envelope> {
        self.status.delivery();
        let Some((envelope, check)) =
            Envelope::read(payload).ok().and_then(|envelope| Some((envelope, inbox.check(envelope.stream)?)))
        else {
            self.accounting.corrupted += 1;
            return None;
        };
        match check.see(envelope.sequence) {
            StreamVerdict::Duplicate => {
                self.accounting.duplicated += 1;
                return None;
            }
            StreamVerdict::Scattered => {
                self.accounting.corrupted += 1;
                return None;
            }
            StreamVerdict::Reordered => self.accounting.reordered += 1,
            StreamVerdict::New => {}
        }
        self.accounting.delivered += 1;
        self.latency(envelope.due_ns, Some(envelope.sent_ns), received_ns);
        Some(envelope)
    }

    /// A message of the plan never came: it counts with its age, so that dropping cannot improve a percentile.
    pub fn undelivered(&mut self, due_ns: u64, now_ns: u64) {
        self.latency(due_ns, None, now_ns);
    }

    /// A client had no time left for these: they are part of the plan, and count with their age like what was sent and never came.
    pub fn unsent<'a>(&mut self, due_ns: impl IntoIterator<Item = &'a u64>, now_ns: u64) {
        for &due_ns in due_ns {
            self.unsent += 1;
            if self.window.all.contains(&due_ns) {
                self.unsent_age.record(now_ns.saturating_sub(due_ns));
            }
        }
    }

    fn latency(&mut self, due_ns: u64, sent_ns: Option<u64>, received_ns: u64) {
        let Some(interval) = self.window.interval(due_ns) else { return };
        let delivery_ns = received_ns.saturating_sub(due_ns);
        self.status.latencies.record(delivery_ns);
        let Some(sent_ns) = sent_ns else { return self.delivery.record(interval, delivery_ns) };
        self.accounting.late += u64::from(received_ns >= self.window.all.end);
        // One clock for all processes of a host: before its sending time nothing can arrive.
        self.negative += u64::from(received_ns < sent_ns);
        if sent_ns == due_ns {
            return self.both.record(interval, delivery_ns);
        }
        self.delivery.record(interval, delivery_ns);
        self.service.record(interval, received_ns.saturating_sub(sent_ns));
    }

    /// A client could not go on, or a poll failed.
    pub fn error(&mut self, text: String) {
        self.status.error(&text);
        let text =
            if self.errors.len() >= MOST_ERRORS && !self.errors.contains_key(&text) { "other errors".into() } else { text };
        *self.errors.entry(text).or_default() += 1;
    }

    /// How long a stage of connecting took, ns.
    pub fn setup(&mut self, stage: &'static str, ns: u64) {
        self.setup.entry(stage).or_default().record(ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorder() -> Recorder {
        let mut recorder = Recorder::default();
        recorder.begin(&Begin {
            start_ns: 1_000_000,
            window_from_ns: 500,
            window_to_ns: 5_000_000_500,
            publish: None,
            relay_rooms: None,
            cut: None,
        });
        recorder
    }

    fn payload(sequence: u32, due_ns: u64) -> Vec<u8> {
        Envelope { stream: 0, sequence, due_ns, sent_ns: due_ns + 10 }.to_vec(64)
    }

    #[test]
    fn faults_are_counted_exactly_and_only_the_window_is_recorded() {
        let mut recorder = recorder();
        let mut inbox = Inbox::new(&[0]);
        let mut damaged = payload(9, 1_000_600);
        damaged[40] ^= 1;
        for (message, received_ns) in [
            (payload(0, 1_000_000), 1_000_100), // warm-up
            (payload(2, 1_000_600), 1_001_600),
            (payload(1, 1_000_700), 1_001_600), // late in its stream
            (payload(2, 1_000_600), 1_001_700), // again
            (damaged, 1_001_800),
            (b"no envelope".to_vec(), 1_001_800),
        ] {
            recorder.message(&mut inbox, &message, received_ns);
        }
        let a = recorder.accounting;
        assert_eq!((a.delivered, a.duplicated, a.reordered, a.corrupted, a.late), (3, 1, 1, 2, 0));
        assert_eq!(recorder.status.read().delivered, 6);
        let [delivery, service] = recorder.latencies();
        assert_eq!((delivery.len(), delivery[0].count(), delivery[0].max_ns()), (5, 2, Some(1000)));
        assert_eq!((service.len(), service[0].max_ns(), service[4].count()), (5, Some(990), 0));
    }

    #[test]
    fn a_message_that_never_came_counts_with_its_age() {
        let mut recorder = recorder();
        recorder.undelivered(1_000_600, 7_000_000_600);
        let [delivery, service] = recorder.latencies();
        assert_eq!((delivery[0].max_ns(), service[0].count()), (Some(6_999_000_000), 0));
    }

    #[test]
    fn what_was_never_sent_is_counted_and_that_of_the_window_has_its_age() {
        let mut recorder = recorder();
        // One of the warm-up, two of the window.
        recorder.unsent(&[1_000_000, 1_000_600, 1_000_700], 7_000_000_600);
        let age = &recorder.unsent_age;
        assert_eq!((recorder.unsent, age.count(), age.max_ns()), (3, 2, Some(7_000_000_600 - 1_000_600)));
    }

    #[test]
    fn what_was_sent_when_it_was_due_is_in_both_histograms() {
        let mut recorder = recorder();
        let mut inbox = Inbox::new(&[0]);
        for (sequence, due_ns, sent_ns) in
            [(0, 1_000_600, 1_000_600), (1, 1_000_700, 1_000_800), (2, 5_001_000_499, 5_001_000_499)]
        {
            let payload = Envelope { stream: 0, sequence, due_ns, sent_ns }.to_vec(64);
            recorder.message(&mut inbox, &payload, due_ns + 1000);
        }
        assert_eq!(recorder.status.latencies.counts().total(), 3);
        assert_eq!(recorder.accounting.late, 1);
        let of = |histogram: &Histogram| (histogram.count(), histogram.min_ns(), histogram.max_ns());
        let [delivery, service] = recorder.latencies().map(|kind| [of(&kind[0]), of(&kind[4])]);
        assert_eq!(delivery, [(2, Some(1000), Some(1000)), (1, Some(1000), Some(1000))]);
        assert_eq!(service, [(2, Some(900), Some(1000)), (1, Some(1000), Some(1000))]);
    }
}
