//! How long polls are held, over all connections: the integral of their number over time. What is left of a client's time is
//! when no request of its is there to be answered, which is when a message for it must wait. And how long those take to wake
//! that are held when a message comes: what is published meanwhile shares the answer.

use std::sync::{Mutex, MutexGuard, PoisonError};

use wirecost_model::ledger::Counters;
use wirecost_probe::clock;

/// The books of held polls.
#[derive(Debug, Default)]
pub struct Parking(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    /// Of the polls that were let go, ns.
    done_ns: u64,
    now: u64,
    /// Sum of the instants at which those began that are held now, ns: wide, for ten thousand of a machine that is up for years.
    begun_ns: u128,
    woken: u64,
    /// From the message that woke each of these until its answer was taken, ns.
    waking_ns: u64,
}

impl Parking {
    /// A poll is held from now on.
    pub fn park(&self) -> Parked<'_> {
        let mut held = self.held();
        // Read under the lock, so that no reading is older than what it is taken of.
        let since_ns = clock::now_ns();
        held.now += 1;
        held.begun_ns += u128::from(since_ns);
        Parked { parking: self, since_ns }
    }

    /// All polls until now; the other counters are nothing.
    pub fn counters(&self) -> Counters {
        let held = self.held();
        let waiting = u128::from(held.now) * u128::from(clock::now_ns()) - held.begun_ns;
        Counters {
            parked_ns: held.done_ns + u64::try_from(waiting).unwrap_or(u64::MAX),
            woken_polls: held.woken,
            waking_ns: held.waking_ns,
            ..Counters::default()
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A poll that is held; dropped when it is answered, and when its client has gone.
#[derive(Debug)]
pub struct Parked<'a> {
    parking: &'a Parking,
    since_ns: u64,
}

impl Parked<'_> {
    /// It is answered with what was published at `published_ns`, and since.
    pub fn answer(self, published_ns: u64) {
        // Otherwise it was there before the poll, which then has not waited.
        if published_ns >= self.since_ns {
            let mut held = self.parking.held();
            held.woken += 1;
            held.waking_ns += clock::now_ns() - published_ns;
        }
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        let mut held = self.parking.held();
        held.now -= 1;
        held.begun_ns -= u128::from(self.since_ns);
        held.done_ns += clock::now_ns() - self.since_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_is_held_counts_while_it_is_held_and_no_longer() {
        let parking = Parking::default();
        let parked_ns = || parking.counters().parked_ns;
        assert_eq!(parking.counters(), Counters::default());
        let before = clock::now_ns();
        let two = (parking.park(), parking.park());
        std::thread::sleep(Duration::from_millis(2));
        let held = parked_ns();
        assert!(held >= 4_000_000 && held <= 2 * (clock::now_ns() - before), "{held}");
        drop(two);
        let done = parked_ns();
        assert!(done >= held && done <= 2 * (clock::now_ns() - before));
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(parked_ns(), done);
    }

    #[test]
    fn a_poll_is_woken_by_what_comes_after_it() {
        let parking = Parking::default();
        let early_ns = clock::now_ns();
        std::thread::sleep(Duration::from_millis(1));
        parking.park().answer(early_ns);
        assert_eq!((parking.counters().woken_polls, parking.counters().waking_ns), (0, 0));
        let poll = parking.park();
        let published_ns = clock::now_ns();
        std::thread::sleep(Duration::from_millis(1));
        poll.answer(published_ns);
        let Counters { woken_polls, waking_ns, .. } = parking.counters();
        assert!(woken_polls == 1 && waking_ns >= 1_000_000 && waking_ns <= clock::now_ns() - published_ns, "{waking_ns}");
    }
}
