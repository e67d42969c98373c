//! Who waits for news of a room, and in which order they are woken.
//!
//! Every wake-up starts at the next waiter: in a fixed order the first client of a fan-out is always served first, which once
//! made one client of a published benchmark look four times as fast as another.

use std::task::Waker;

/// Places whose memory an empty room keeps, so that one poller coming back again and again costs no allocation.
const KEPT_PLACES: usize = 16;

/// Readers to be woken, in order. Dropping it without [`Wakes::wake`] would leave them asleep.
#[derive(Debug, Default)]
#[must_use = "readers sleep until they are woken"]
pub struct Wakes(Vec<Waker>);

impl Wakes {
    /// Wakes them.
    pub fn wake(self) {
        self.0.into_iter().for_each(Waker::wake);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The wakers, for somebody else to wake.
    pub fn into_wakers(self) -> Vec<Waker> {
        self.0
    }
}

/// One place for each reader, kept for as long as the reader lives, so that the order does not depend on who came back first.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    places: Vec<Place>,
    free: Vec<usize>,
    first: usize,
    waiting: usize,
}

#[derive(Debug)]
enum Place {
    Free,
    /// Taken by a reader that is doing something else.
    Busy,
    Waiting(Waker),
}

impl Waiters {
    /// Takes a place.
    pub fn join(&mut self) -> usize {
        if let Some(place) = self.free.pop() {
            self.places[place] = Place::Busy;
            return place;
        }
        self.places.push(Place::Busy);
        self.places.len() - 1
    }

    /// Gives a place back.
    pub fn leave(&mut self, place: usize) {
        self.set(place, Place::Free);
        self.free.push(place);
        if self.free.len() == self.places.len() && self.places.len() > KEPT_PLACES {
            // Nobody left: the memory of a large audience is not kept for a small one.
            *self = Waiters { first: self.first, ..Waiters::default() };
        }
    }

    /// Begins to wait, or goes on waiting with another waker.
    pub fn wait(&mut self, place: usize, waker: &Waker) {
        if let Place::Waiting(known) = &mut self.places[place] {
            known.clone_from(waker);
            return;
        }
        self.set(place, Place::Waiting(waker.clone()));
    }

    /// No longer waits.
    pub fn stop_waiting(&mut self, place: usize) {
        if matches!(self.places[place], Place::Waiting(_)) {
            self.set(place, Place::Busy);
        }
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many have a place.
    pub fn joined(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Takes all that wait, beginning one further than the last time.
    pub fn take(&mut self) -> Wakes {
        let count = self.places.len();
        if count == 0 {
            return Wakes::default();
        }
        let first = self.first % count;
        self.first = first + 1;
        let mut wakes = Vec::with_capacity(self.waiting);
        let (before, from_first) = self.places.split_at_mut(first);
        for place in from_first.iter_mut().chain(before) {
            if matches!(place, Place::Waiting(_))
                && let Place::Waiting(waker) = std::mem::replace(place, Place::Busy)
            {
                wakes.push(waker);
            }
        }
        self.waiting = 0;
        Wakes(wakes)
    }

    fn set(&mut self, place: usize, to: Place) {
        let was = std::mem::replace(&mut self.places[place], to);
        self.waiting -= usize::from(matches!(was, Place::Waiting(_)));
        self.waiting += usize::from(matches!(self.places[place], Place::Waiting(_)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::task::Wake;

    use proptest::prelude::*;

    use super::*;

    /// Writes its name down when it is woken.
    struct Named(usize, Arc<Mutex<Vec<usize>>>);

    impl Wake for Named {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    #[test]
    fn every_waiter_is_first_equally_often() {
        let woken = Arc::new(Mutex::new(Vec::new()));
        let mut waiters = Waiters::default();
        let places: Vec<usize> = (0..3).map(|_| waiters.join()).collect();
        let mut firsts = Vec::new();
        for _ in 0..6 {
            for &place in &places {
                waiters.wait(place, &Waker::from(Arc::new(Named(place, woken.clone()))));
            }
            woken.lock().unwrap().clear();
            waiters.take().wake();
            assert_eq!(woken.lock().unwrap().len(), 3);
            firsts.push(woken.lock().unwrap()[0]);
        }
        assert_eq!(firsts, [0, 1, 2, 0, 1, 2]);
        assert!(waiters.take().is_empty());
    }

    proptest! {
        /// Whatever readers do, the count is that of those that wait, and each of them is woken exactly once.
        #[test]
        fn those_that_wait_are_counted_and_woken(steps in prop::collection::vec((0u8..4, 0usize..8), 0..200)) {
            let woken = Arc::new(Mutex::new(Vec::new()));
            let mut waiters = Waiters::default();
            let mut places: Vec<Option<(usize, bool)>> = vec![None; 8];
            for (step, who) in steps {
                match (step, places[who]) {
                    (0, None) => places[who] = Some((waiters.join(), false)),
                    (0, Some((place, _))) => {
                        waiters.leave(place);
                        places[who] = None;
                    }
                    (1, Some((place, _))) => {
                        waiters.wait(place, &Waker::from(Arc::new(Named(who, woken.clone()))));
                        places[who] = Some((place, true));
                    }
                    (2, Some((place, _))) => {
                        waiters.stop_waiting(place);
                        places[who] = Some((place, false));
                    }
                    (3, _) => {
                        waiters.take().wake();
                        let mut got = std::mem::take(&mut *woken.lock().unwrap());
                        got.sort_unstable();
                        let wanted: Vec<usize> = (0..8).filter(|&who| matches!(places[who], Some((_, true)))).collect();
                        prop_assert_eq!(got, wanted);
                        places.iter_mut().flatten().for_each(|place| place.1 = false);
                    }
                    _ => {}
                }
                prop_assert_eq!(waiters.waiting(), places.iter().flatten().filter(|place| place.1).count());
                prop_assert_eq!(waiters.joined(), places.iter().flatten().count());
            }
        }
    }
}
