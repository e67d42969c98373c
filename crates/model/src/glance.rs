//! Latencies as they are seen while a trial runs: coarse steps, and how many fell into each. No number of a record comes from here:
//! those come from the recorders' histograms, which nobody else may look at meanwhile.

use serde::{Deserialize, Serialize};

/// Each power of two is divided into so many steps, so that a step is 3 % wide.
const STEPS: u64 = 32;

/// Steps of all numbers of 64 bits.
pub const COUNTERS: usize = 60 * STEPS as usize;

/// The step of a number: the numbers below 64 have one each.
pub fn step(ns: u64) -> usize {
    let shift = u64::from((ns / STEPS).checked_ilog2().unwrap_or(0));
    (shift * STEPS + (ns >> shift)) as usize
}

/// The middle of a step, the inverse of [`step`].
fn middle(step: usize) -> u64 {
    let shift = (step as u64 / STEPS).saturating_sub(1);
    let low = (step as u64 - shift * STEPS) << shift;
    low + (1 << shift) / 2
}

/// What was recorded up to some moment, by step.
///
/// It travels as those steps into which anything fell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<(usize, u64)>", from = "Vec<(usize, u64)>")]
pub struct Counts(Vec<u64>);

impl From<Counts> for Vec<(usize, u64)> {
    fn from(Counts(counts): Counts) -> Self {
        counts.into_iter().enumerate().filter(|(_, count)| *count > 0).collect()
    }
}

impl From<Vec<(usize, u64)>> for Counts {
    fn from(seen: Vec<(usize, u64)>) -> Counts {
        let mut counts = vec![0; COUNTERS];
        seen.into_iter().for_each(|(step, count)| counts.get_mut(step).into_iter().for_each(|counter| *counter += count));
        Counts(counts)
    }
}

impl Counts {
    /// Those of other clients too.
    pub fn add(&mut self, other: &Counts) {
        self.0.resize(other.0.len().max(self.0.len()), 0);
        self.0.iter_mut().zip(&other.0).for_each(|(mine, others)| *mine += others);
    }

    /// Those that have come since.
    pub fn since(&self, earlier: &Counts) -> Counts {
        let before = earlier.0.iter().copied().chain(std::iter::repeat(0));
        Counts(self.0.iter().zip(before).map(|(now, before)| now.saturating_sub(before)).collect())
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The latency that a share of all, 0 to 1, does not exceed, ns, to the width of a step; `None` if there are none.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let wanted = ((self.total() as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let found = self.0.iter().position(|counted| {
            seen += counted;
            seen >= wanted
        });
        found.map(middle)
    }
}

impl FromIterator<u64> for Counts {
    /// How many there are of each step, from the lowest.
    fn from_iter<I: IntoIterator<Item = u64>>(counted: I) -> Counts {
        Counts(counted.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_found_within_its_step() {
        let mut numbers: Vec<u64> = (0..64).flat_map(|bit| [1u64 << bit, (1 << bit) + 1, (1 << bit) | (1 << bit >> 1)]).collect();
        numbers.extend([0, u64::MAX, u64::MAX - 1, 63, 64, 65, 1000, 123_456_789]);
        for ns in numbers {
            let found = middle(step(ns));
            assert!(found.abs_diff(ns) <= ns / 64 + 1, "{ns} was found as {found}");
        }
        assert_eq!(step(u64::MAX), COUNTERS - 1);
    }

    #[test]
    fn what_travels_arrives() {
        let mut counts = vec![0; COUNTERS];
        (counts[0], counts[77], counts[COUNTERS - 1]) = (3, 1, u64::MAX);
        let counts = Counts(counts);
        let text = serde_json::to_string(&counts).unwrap();
        assert_eq!(text, format!("[[0,3],[77,1],[{},{}]]", COUNTERS - 1, u64::MAX));
        assert_eq!(serde_json::from_str::<Counts>(&text).unwrap(), counts);
        assert_eq!(serde_json::from_str::<Counts>("[[1000000,1]]").unwrap().total(), 0);
    }
}
