//! Every message accounted for: which sequence numbers arrived, which are missing, which came twice,
//! out of order or damaged. Pure counting; who receives, and when, is the caller's business.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of the messages of a trial, over all clients. All are counts of deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accounting {
    /// Deliveries that the plan wanted: messages × clients that should have them.
    pub expected: u64,
    /// Distinct deliveries that arrived intact.
    pub delivered: u64,
    /// Expected and never arrived, whatever the reason.
    pub lost: u64,
    /// Of the lost, those that the server itself said had fallen out of its ring.
    pub lost_reported: u64,
    /// Arrived again.
    pub duplicated: u64,
    /// Arrived after a later one of the same stream.
    pub reordered: u64,
    /// Arrived with a wrong checksum or without an envelope.
    pub corrupted: u64,
    /// Due inside the measured window and arrived after its end (for a poller near the end of the
    /// window this is normal; it is told, not gated).
    pub late: u64,
}

impl Accounting {
    /// Adds another account, of other clients of the same trial.
    pub fn merge(&mut self, other: &Accounting) {
        self.expected += other.expected;
        self.delivered += other.delivered;
        self.lost += other.lost;
        self.lost_reported += other.lost_reported;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.corrupted += other.corrupted;
        self.late += other.late;
    }

    /// Nothing lost, duplicated, reordered or corrupted.
    pub fn is_clean(&self) -> bool {
        self.lost + self.duplicated + self.reordered + self.corrupted == 0
    }
}

/// What became of clients whose connections were cut off on purpose, in `reconnect`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recovery {
    /// Connections that the server cut off.
    pub cut_connections: u64,
    /// Times that a client lost its session by it. A poller between two polls may not notice that its connection is gone.
    pub interrupted: u64,
    /// Times that a client was connected again.
    pub reconnected: u64,
    /// Deliveries of messages that were sent while their client was cut off, and came afterwards.
    pub recovered: u64,
    /// Deliveries that never came because their client was cut off. They are among the lost.
    pub missed: u64,
}

impl Recovery {
    /// Adds that of other clients of the same trial.
    pub fn merge(&mut self, other: &Recovery) {
        self.cut_connections += other.cut_connections;
        self.interrupted += other.interrupted;
        self.reconnected += other.reconnected;
        self.recovered += other.recovered;
        self.missed += other.missed;
    }
}

/// What one arriving sequence number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The next one, or one that skips ahead.
    New,
    /// One that was missing, after a later one.
    Reordered,
    /// Seen before.
    Duplicate,
    /// One that would make more gaps than are kept. It was not remembered, and stays missing: forgetting an older gap instead
    /// would make a liar of the account.
    Scattered,
}

/// Gaps of a stream that are kept: some 40 MB. Whoever loses every second message of two million has as many.
pub const MOST_GAPS: usize = 1 << 20;

/// The sequence numbers of one stream as one receiver sees them. Memory is proportional to the number
/// of gaps, not of messages, and bounded, because a sender may number its messages as it likes.
#[derive(Debug, Clone, Default)]
pub struct StreamCheck {
    next: u64,
    /// Missing ranges: start → end (exclusive), disjoint, not adjacent to `next`.
    missing: BTreeMap<u64, u64>,
    delivered: u64,
}

impl StreamCheck {
    /// Judges and remembers one arrival.
    pub fn see(&mut self, sequence: u32) -> Verdict {
        self.see_within(sequence, MOST_GAPS)
    }

    /// The same with so many gaps at most.
    pub fn see_within(&mut self, sequence: u32, most_gaps: usize) -> Verdict {
        let sequence = u64::from(sequence);
        if sequence >= self.next {
            if sequence > self.next {
                if self.missing.len() >= most_gaps {
                    return Verdict::Scattered;
                }
                self.missing.insert(self.next, sequence);
            }
            self.next = sequence + 1;
            self.delivered += 1;
            return Verdict::New;
        }
        match self.missing.range(..=sequence).next_back().map(|(&start, &end)| (start, end)) {
            Some((start, end)) if sequence < end => {
                let splits = start < sequence && sequence + 1 < end;
                if splits && self.missing.len() >= most_gaps {
                    return Verdict::Scattered;
                }
                self.missing.remove(&start);
                if start < sequence {
                    self.missing.insert(start, sequence);
                }
                if sequence + 1 < end {
                    self.missing.insert(sequence + 1, end);
                }
                self.delivered += 1;
                Verdict::Reordered
            }
            _ => Verdict::Duplicate,
        }
    }

    /// The sequence number behind the highest that was seen.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Gaps that are kept.
    pub fn gaps(&self) -> usize {
        self.missing.len()
    }

    /// Distinct messages seen.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Whether the first `published` messages have all been seen.
    pub fn complete(&self, published: u64) -> bool {
        self.delivered >= published
    }

    /// Sequence numbers below `published` that never came, in order.
    pub fn missing(&self, published: u64) -> impl Iterator<Item = u64> + '_ {
        let tail = self.next.min(published)..published;
        self.missing.iter().flat_map(|(&start, &end)| start..end).filter(move |&s| s < published).chain(tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_gap_too_many_is_refused_and_nothing_is_forgotten() {
        let mut check = StreamCheck::default();
        let verdicts = [5, 9, 20, 2, 8, 7, 6, 11, 20].map(|sequence| check.see_within(sequence, 2));
        use Verdict::{Duplicate, New, Reordered, Scattered};
        // 20 would open a third gap and 2 split the first one; 8, 7 and 6 close the second, which makes room for 11.
        assert_eq!(verdicts, [New, New, Scattered, Scattered, Reordered, Reordered, Reordered, New, Scattered]);
        assert_eq!((check.gaps(), check.delivered(), check.missing(12).collect::<Vec<_>>()), (2, 6, vec![0, 1, 2, 3, 4, 10]));
        assert_eq!(check.see_within(11, 0), Duplicate);
    }

    proptest! {
        /// Against the plainest model: a set.
        #[test]
        fn agrees_with_a_set(arrivals in prop::collection::vec(0u32..60, 0..200)) {
            let mut check = StreamCheck::default();
            let mut set = std::collections::BTreeSet::new();
            let mut highest = None;
            for &sequence in &arrivals {
                let expected = if !set.insert(sequence) { Verdict::Duplicate }
                    else if highest.is_some_and(|h| sequence < h) { Verdict::Reordered }
                    else { Verdict::New };
                highest = highest.max(Some(sequence));
                prop_assert_eq!(check.see(sequence), expected);
            }
            prop_assert_eq!(check.delivered(), set.len() as u64);
            let missing: Vec<u64> = check.missing(60).collect();
            let expected: Vec<u64> = (0..60u32).filter(|s| !set.contains(s)).map(u64::from).collect();
            prop_assert_eq!(missing, expected);
        }
    }
}
