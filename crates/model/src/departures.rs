//! How messages really left, held against the plan: what a sender notes at each sending, in constant time, and what a record
//! says of it. No clock: instants are the caller's. What is allowed is a gate's to say.

use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::control::Begin;
use crate::histogram::Histogram;
use crate::pace::Pace;
use crate::schedule::Arrivals;

/// Gaps are counted in millionths of the mean gap, which is what a histogram's three digits can hold.
const MEAN_GAP: f64 = 1e6;

/// Of a message that leaves after some that were due later, so many sendings before it are looked at: a sender that cannot keep up
/// must not be slowed down by being watched.
const LOOK_BACK: usize = 4096;

/// What one sender has sent of the messages due in the measured window. Several senders' add up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Departures {
    /// Messages.
    pub messages: u64,
    /// At the due time where it was most: messages of earlier due times that had not been sent. Of several senders the sum,
    /// which is no less than what they were behind together.
    pub most_behind: u64,
    /// Where arrivals are to be Poisson: gaps between sendings, whatever their stream, in millionths of what they are on average
    /// by the plan. Else none, or nothing in it.
    pub gaps: Option<Histogram>,
}

impl Departures {
    /// Adds another sender's.
    pub fn merge(&mut self, other: Departures) {
        self.messages += other.messages;
        self.most_behind += other.most_behind;
        match (&mut self.gaps, other.gaps) {
            (Some(gaps), Some(more)) => gaps.merge(&more),
            (gaps @ None, more) => *gaps = more,
            (Some(_), None) => {}
        }
    }

    /// The numbers of the record, if anything was sent.
    pub fn summary(&self) -> Option<DepartureSummary> {
        (self.messages > 0).then(|| DepartureSummary {
            messages: self.messages,
            most_behind: self.most_behind,
            gaps: self.gaps.as_ref().map_or(0, Histogram::count),
            gap_distance: self.gaps.as_ref().and_then(exponential_distance),
        })
    }
}

/// What a record says of how messages left in the measured window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DepartureSummary {
    /// Messages sent of those that were due.
    pub messages: u64,
    /// The largest number of messages of earlier due times that had not been sent at a due time: the largest difference
    /// between what was due and what was sent.
    pub most_behind: u64,
    /// Gaps between sendings that were looked at; 0 where the plan's arrivals are not Poisson.
    pub gaps: u64,
    /// Kolmogorov's distance of these gaps from the exponential law, 0 to 1, each gap measured by the mean that the plan has
    /// at that time; absent without gaps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_distance: Option<f64>,
}

/// What a publisher has published, the server's own or one that feeds a server which is not ours.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// Messages, over all streams.
    pub messages: u64,
    /// Of these, due in the measured window.
    pub in_window: u64,
    /// Sent − due of those in the window, ns.
    pub lag: Histogram,
    /// Due times in the window at which the message before was still being published.
    pub missed_ticks: u64,
    /// How messages left, against the plan.
    pub departures: Departures,
    /// CPU time that waiting for the due times in the window took, ns: the plan's doing and not the server's.
    #[serde(default)]
    pub waiting_cpu_ns: u64,
}

impl Published {
    /// Nothing yet, with every histogram that may be needed: they have 220 kB each, and who makes them before the first client comes
    /// does not have them in what a process grows by with its clients.
    pub fn at_hand() -> Published {
        let departures = Departures { gaps: Some(Histogram::default()), ..Departures::default() };
        Published { departures, ..Published::default() }
    }

    /// Adds what another has published.
    pub fn merge(&mut self, other: Published) {
        self.messages += other.messages;
        self.in_window += other.in_window;
        self.lag.merge(&other.lag);
        self.missed_ticks += other.missed_ticks;
        self.waiting_cpu_ns += other.waiting_cpu_ns;
        self.departures.merge(other.departures);
    }

    /// A message was published.
    pub fn sent(&mut self, due_ns: u64, sent_ns: u64, begin: &Begin) {
        self.messages += 1;
        if begin.in_window(due_ns) {
            self.in_window += 1;
            self.lag.record(sent_ns.saturating_sub(due_ns));
        }
    }
}

/// Notes the sendings of one sender, in the order in which they are made.
#[derive(Debug)]
pub struct DepartureWatch {
    start_ns: u64,
    window_ns: [u64; 2],
    pace: Pace,
    streams: f64,
    /// Due and sending times of what had not been sent yet at the latest due time.
    behind: VecDeque<(u64, u64)>,
    /// The latest due time, and how many of those are due at it.
    latest: (u64, usize),
    /// The sending before, on the scale of messages.
    before: Option<f64>,
    is_poisson: bool,
    seen: Departures,
}

impl DepartureWatch {
    /// For a sender of so many streams of one pace. The process is that of their sum: of Poisson streams it is Poisson again.
    pub fn new(begin: &Begin, arrivals: &Arrivals, pace: Pace, streams: u32) -> DepartureWatch {
        let gaps = matches!(arrivals, Arrivals::Poisson).then(Histogram::default);
        DepartureWatch::with(gaps, begin, arrivals, pace, streams)
    }

    /// The same with a histogram for gaps that is at hand, and is kept if it is not needed.
    pub fn with(gaps: Option<Histogram>, begin: &Begin, arrivals: &Arrivals, pace: Pace, streams: u32) -> DepartureWatch {
        DepartureWatch {
            start_ns: begin.start_ns,
            window_ns: [begin.start_ns + begin.window_from_ns, begin.start_ns + begin.window_to_ns],
            pace,
            streams: f64::from(streams),
            behind: VecDeque::new(),
            latest: (0, 0),
            before: None,
            is_poisson: matches!(arrivals, Arrivals::Poisson),
            seen: Departures { gaps, ..Departures::default() },
        }
    }

    /// A message is being sent. What is due outside the measured window is left out.
    pub fn sent(&mut self, due_ns: u64, sent_ns: u64) {
        if !(self.window_ns[0]..self.window_ns[1]).contains(&due_ns) {
            return;
        }
        self.seen.messages += 1;
        let behind = self.behind(due_ns) as u64;
        self.seen.most_behind = self.seen.most_behind.max(behind);
        self.behind.push_back((due_ns, sent_ns));
        if self.is_poisson
            && let Some(gaps) = &mut self.seen.gaps
        {
            let now = self.pace.count(sent_ns.saturating_sub(self.start_ns) as f64) * self.streams;
            if let Some(before) = self.before.replace(now) {
                gaps.record(((now - before) * MEAN_GAP) as u64);
            }
        }
    }

    /// How many messages of earlier due times had not been sent when this one was due.
    fn behind(&mut self, due_ns: u64) -> usize {
        if due_ns < self.latest.0 {
            let late = |(due, sent): &&(u64, u64)| *due < due_ns && *sent > due_ns;
            return self.behind.iter().rev().take(LOOK_BACK).filter(late).count();
        }
        if due_ns > self.latest.0 {
            self.latest = (due_ns, 0);
        }
        // Sendings come in order, so what is left had not been sent; the last of them may be due at the same instant.
        while let Some((due, _)) = self.behind.pop_front_if(|(_, sent)| *sent <= due_ns) {
            self.latest.1 -= usize::from(due == due_ns);
        }
        let behind = self.behind.len() - self.latest.1;
        self.latest.1 += 1;
        behind
    }

    /// What was seen.
    pub fn seen(self) -> Departures {
        self.seen
    }
}

/// Kolmogorov's distance of gaps, in units of [`MEAN_GAP`], from the exponential law of mean 1.
fn exponential_distance(gaps: &Histogram) -> Option<f64> {
    let (hdr, all) = (gaps.hdr(), gaps.count() as f64);
    let law = |gap: u64| 1.0 - (-(gap as f64) / MEAN_GAP).exp();
    let (mut below, mut distance) = (0u64, 0.0f64);
    for bucket in hdr.iter_recorded() {
        // Both are exact at the edges of a bucket: below its first value, and from behind its last.
        let first = hdr.lowest_equivalent(bucket.value_iterated_to());
        // What is less than one was recorded as one.
        let first = if first <= 1 { 0 } else { first };
        distance = distance.max((law(first) - below as f64 / all).abs());
        below += bucket.count_at_value();
        distance = distance.max((law(hdr.next_non_equivalent(bucket.value_iterated_to())) - below as f64 / all).abs());
    }
    (all > 0.0).then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::schedule::Schedule;
    use crate::units::Rate;
    use proptest::prelude::*;

    const LONG_NS: u64 = 10_000_000_000;

    fn begin(from_ns: u64) -> Begin {
        Begin { start_ns: 7_000, window_from_ns: from_ns, window_to_ns: LONG_NS, publish: None, relay_rooms: None, cut: None }
    }

    /// What a sender sees that sends each message so much after it was due as `late` says, but none before the one ahead of it.
    fn seen(arrivals: &Arrivals, pace: Pace, seed: u64, mut late: impl FnMut(u64) -> u64) -> DepartureSummary {
        let begin = begin(0);
        let mut watch = DepartureWatch::new(&begin, arrivals, pace, 1);
        let mut last_ns = 0;
        for offset in Schedule::new(arrivals, pace, seed, 0).take_while(|&offset| offset < LONG_NS) {
            let due_ns = begin.start_ns + offset;
            last_ns = last_ns.max(due_ns + late(offset));
            watch.sent(due_ns, last_ns);
        }
        watch.seen().summary().unwrap()
    }

    proptest! {
        /// The definition, message by message: due before, not sent by then.
        #[test]
        fn behind_is_what_was_due_and_not_sent(steps in prop::collection::vec((0u64..5, 0u64..40), 1..80)) {
            let mut watch = DepartureWatch::new(&begin(0), &Arrivals::Periodic, Rate(1.0).into(), 1);
            let (mut due, mut sent, mut all) = (10_000, 0, Vec::new());
            for (gap, late) in steps {
                due += gap;
                sent = sent.max(due + late);
                all.push((due, sent));
                watch.sent(due, sent);
            }
            let behind = |at: u64| all.iter().filter(|(due, sent)| *due < at && *sent > at).count() as u64;
            prop_assert_eq!(watch.seen().most_behind, all.iter().map(|(due, _)| behind(*due)).max().unwrap());
        }

        /// The distance by its definition, from the gaps themselves.
        #[test]
        fn the_distance_is_kolmogorovs(gaps in prop::collection::vec(0u64..5_000_000, 1..200)) {
            let mut histogram = Histogram::default();
            gaps.iter().for_each(|&gap| histogram.record(gap));
            let mut sorted = gaps.clone();
            sorted.sort_unstable();
            let all = sorted.len() as f64;
            let exact = sorted.iter().enumerate().map(|(n, gap)| {
                let law = 1.0 - (-(*gap as f64) / MEAN_GAP).exp();
                (law - n as f64 / all).abs().max((law - (n + 1) as f64 / all).abs())
            }).fold(0.0, f64::max);
            let found = exponential_distance(&histogram).unwrap();
            // A bucket is a thousandth wide, in which the law grows by less than that.
            prop_assert!((found - exact).abs() < 0.002, "{} {}", found, exact);
        }
    }

    #[test]
    fn a_punctual_sender_is_never_behind_and_its_gaps_are_the_laws() {
        for pace in [Pace::from(Rate(200.0)), crate::pace::Ramp { from: Rate(1.0), to: Rate(400.0), over: None }.into()] {
            let pace = pace.over(crate::units::Span(LONG_NS));
            let mut rng = Rng::new(3, 3);
            let summary = seen(&Arrivals::Poisson, pace, 11, |_| rng.below(20_000));
            assert!(summary.gap_distance.unwrap() < 0.04, "{summary:?}");
            assert!(summary.most_behind <= 1 && summary.gaps == summary.messages - 1, "{summary:?}");
        }
        let bursts = seen(&Arrivals::Burst { size: 20 }, Rate(200.0).into(), 1, |_| 10_000);
        assert_eq!((bursts.most_behind, bursts.gaps, bursts.gap_distance), (0, 0, None));
    }

    /// One of several clients of a thread is held up, while the others go on.
    #[test]
    fn a_single_client_that_is_held_up_is_seen() {
        let mut watch = DepartureWatch::new(&begin(0), &Arrivals::Periodic, Rate(1.0).into(), 2);
        (1..50).for_each(|n| watch.sent(10_000 + n * 10, 10_000 + n * 10));
        (1..50).for_each(|n| watch.sent(10_003 + n * 10, 20_000 + n));
        assert_eq!(watch.seen().most_behind, 48);
    }

    #[test]
    fn a_stall_and_a_coarse_timer_are_seen() {
        // Half a second in which nothing leaves.
        let stall = seen(&Arrivals::Periodic, Rate(100.0).into(), 1, |offset| {
            if (4_000_000_000..4_500_000_000).contains(&offset) { 4_500_000_000 - offset } else { 0 }
        });
        assert!((48..=50).contains(&stall.most_behind), "{stall:?}");
        // Everything that is due within 5 ms leaves at once.
        let coarse = seen(&Arrivals::Poisson, Rate(400.0).into(), 1, |offset| 5_000_000 - offset % 5_000_000);
        assert!(coarse.gap_distance.unwrap() > 0.3, "{coarse:?}");
    }

    #[test]
    fn senders_add_up_and_only_the_window_counts() {
        let mut watch = DepartureWatch::new(&begin(500), &Arrivals::Poisson, Rate(1.0).into(), 2);
        [7_100, 7_499, 7_600, 7_700].iter().for_each(|&due| watch.sent(due, due));
        let one = watch.seen();
        assert_eq!((one.messages, one.gaps.as_ref().map(Histogram::count)), (2, Some(1)));
        let mut both = Departures::default();
        both.merge(one.clone());
        both.merge(one);
        both.merge(Departures { messages: 1, most_behind: 3, gaps: None });
        assert_eq!((both.messages, both.most_behind, both.gaps.as_ref().map(Histogram::count)), (5, 3, Some(2)));
        assert_eq!(Departures::default().summary(), None);
    }
}
