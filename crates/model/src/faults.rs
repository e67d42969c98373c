//! Faults that the reference server commits when it is told to, so that it can be seen that each of them is noticed: what is
//! injected, where, and how often it was. Who commits them is the server's publisher.
//!
//! All but the delay strike every n-th message of a stream, by its sequence number, so that the same plan has the same faults.
//! Each kind strikes at a place of its own within the n, so that with equal n they do not fall on the same message.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accounting::Accounting;
use crate::units::Span;

/// The faults of a trial; none by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Every message becomes visible so much later than it was published; its stamps stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Span>,
    /// The delay strikes only in every second stretch of this length: not in the first of the measured window, which shows what
    /// it is without. One that comes while an earlier message of its stream is still held waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternate: Option<Span>,
    /// One message in n is never published; the sequence goes on after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lose: Option<u32>,
    /// One message in n has a byte changed, to another that every transport carries as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrupt: Option<u32>,
    /// One message in n is published twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate: Option<u32>,
    /// One message in n is published after the one that follows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swap: Option<u32>,
}

/// What happens to one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Published as it is.
    Whole,
    /// Not published.
    Lost,
    /// Published with a changed byte.
    Corrupted,
    /// Published twice.
    Duplicated,
    /// Published after its successor.
    Swapped,
}

impl Fate {
    /// How often the message comes to be seen.
    pub fn copies(self) -> u64 {
        match self {
            Fate::Lost => 0,
            Fate::Duplicated => 2,
            Fate::Whole | Fate::Corrupted | Fate::Swapped => 1,
        }
    }
}

impl Faults {
    /// Nothing is wrong.
    pub fn is_none(&self) -> bool {
        *self == Faults::default()
    }

    /// How long a message is held back that is due `offset_ns` into the measured window; before it as in its first stretch.
    pub fn hold_ns(&self, offset_ns: u64) -> u64 {
        let delay_ns = self.delay.map_or(0, Span::ns);
        match self.alternate {
            Some(stretch) if (offset_ns / stretch.ns().max(1)).is_multiple_of(2) => 0,
            _ => delay_ns,
        }
    }

    /// The fate of a message; the same on every machine. If the kinds meet on one message after all, the first in the order
    /// of [`Fate`] has it.
    pub fn fate(&self, sequence: u32) -> Fate {
        let strikes = |n: Option<u32>, quarter: u32| n.is_some_and(|n| sequence % n.max(1) == place(n.max(1), quarter));
        if strikes(self.lose, 0) {
            Fate::Lost
        } else if strikes(self.corrupt, 1) {
            Fate::Corrupted
        } else if strikes(self.duplicate, 2) {
            Fate::Duplicated
        } else if strikes(self.swap, 3) {
            Fate::Swapped
        } else {
            Fate::Whole
        }
    }
}

/// Where in a period of `n` the fault of a quarter strikes: the last message of that quarter.
fn place(n: u32, quarter: u32) -> u32 {
    ((u64::from(n) * u64::from(quarter + 1)).div_ceil(4) as u32).saturating_sub(1).min(n - 1)
}

/// How often each fault was committed. Of the server: messages; in a trial: deliveries, to be held against its [`Accounting`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Injected {
    /// Held back by the delay.
    pub delayed: u64,
    /// Never published.
    pub lost: u64,
    /// Published with a changed byte.
    pub corrupted: u64,
    /// Published twice.
    pub duplicated: u64,
    /// Published after a later one of the same stream.
    pub swapped: u64,
}

impl Injected {
    /// The same for each of several receivers.
    #[must_use]
    pub fn times(self, receivers: u64) -> Injected {
        Injected {
            delayed: self.delayed * receivers,
            lost: self.lost * receivers,
            corrupted: self.corrupted * receivers,
            duplicated: self.duplicated * receivers,
            swapped: self.swapped * receivers,
        }
    }

    /// Whether an account shows exactly these faults and no other. A message that came damaged has not arrived intact either,
    /// so it is among the lost too.
    pub fn explains(&self, account: &Accounting) -> bool {
        let seen = (account.lost, account.corrupted, account.duplicated, account.reordered);
        seen == (self.lost + self.corrupted, self.corrupted, self.duplicated, self.swapped)
            && account.delivered + account.lost == account.expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// One alone: exactly one in n, in every run of n messages.
        #[test]
        fn one_in_n_is_one_in_n(n in 1u32..500, kind in 0usize..4, from in 0u32..10_000) {
            let (mut faults, n) = (Faults::default(), n);
            let fate = match kind {
                0 => { faults.lose = Some(n); Fate::Lost }
                1 => { faults.corrupt = Some(n); Fate::Corrupted }
                2 => { faults.duplicate = Some(n); Fate::Duplicated }
                _ => { faults.swap = Some(n); Fate::Swapped }
            };
            prop_assert_eq!((from..from + n).filter(|&sequence| faults.fate(sequence) == fate).count(), 1);
            prop_assert_eq!((from..from + n).filter(|&sequence| faults.fate(sequence) == Fate::Whole).count(), n as usize - 1);
        }

        /// All together, from four on, do not hide one another.
        #[test]
        fn equal_periods_do_not_collide(n in 4u32..500) {
            let faults = Faults { lose: Some(n), corrupt: Some(n), duplicate: Some(n), swap: Some(n), ..Faults::default() };
            for fate in [Fate::Lost, Fate::Corrupted, Fate::Duplicated, Fate::Swapped] {
                prop_assert_eq!((0..n).filter(|&sequence| faults.fate(sequence) == fate).count(), 1);
            }
        }
    }

    #[test]
    fn a_delay_strikes_everywhere_or_in_every_second_stretch() {
        let always = Faults { delay: Some(Span(7)), ..Faults::default() };
        assert!([0, 5, 10, 15, 20].map(|offset_ns| always.hold_ns(offset_ns)).iter().all(|&held_ns| held_ns == 7));
        let sometimes = Faults { alternate: Some(Span(10)), ..always };
        assert_eq!([0, 9, 10, 19, 20].map(|offset_ns| sometimes.hold_ns(offset_ns)), [0, 0, 7, 7, 0]);
        assert_eq!(Faults::default().hold_ns(3), 0);
    }

    #[test]
    fn an_account_is_explained_by_exactly_its_faults() {
        let injected = Injected { delayed: 0, lost: 2, corrupted: 1, duplicated: 4, swapped: 3 }.times(2);
        let account = Accounting {
            expected: 100,
            delivered: 94,
            lost: 6,
            corrupted: 2,
            duplicated: 8,
            reordered: 6,
            ..Accounting::default()
        };
        assert!(injected.explains(&account));
        assert!(!injected.explains(&Accounting { reordered: 5, ..account }));
        assert!(!injected.explains(&Accounting { delivered: 93, ..account }));
        assert!(Faults::default().is_none() && Injected::default().explains(&Accounting::default()));
    }
}
