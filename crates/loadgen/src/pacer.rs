//! When things happen: one timer for all clients of a shard, with absolute deadlines and the kernel's
//! precision, and the tickers of pollers on top of it. How late it woke is a histogram of every record.
//!
//! No transport here, and nothing about what is done at a deadline.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;
use wirecost_model::Histogram;
use wirecost_model::rng::Rng;
use wirecost_model::scenario::Pacing;
use wirecost_probe::clock::now_ns;
use wirecost_probe::timer::Timer;

/// The deadlines of one shard. Cloning gives another handle to the same.
#[derive(Clone)]
pub struct Pacer(Rc<Deadlines>);

struct Deadlines {
    heap: RefCell<BinaryHeap<Reverse<(u64, u64)>>>,
    wakers: RefCell<HashMap<u64, Waker>>,
    next_id: Cell<u64>,
    /// An earlier deadline than the one the driver sleeps for was added.
    earlier: Notify,
    /// How late sleepers were woken for deadlines in the measured window, ns.
    lag: RefCell<Histogram>,
    /// The window, once it is known, ns of the clock.
    window_ns: Cell<[u64; 2]>,
}

impl Pacer {
    /// A pacer whose driver runs on the current `LocalSet`.
    pub fn spawn() -> std::io::Result<Pacer> {
        let timer = Timer::new()?;
        let pacer = Pacer(Rc::new(Deadlines {
            heap: RefCell::default(),
            wakers: RefCell::default(),
            next_id: Cell::new(0),
            earlier: Notify::new(),
            lag: RefCell::default(),
            window_ns: Cell::default(),
        }));
        tokio::task::spawn_local(pacer.clone().drive(timer));
        Ok(pacer)
    }

    async fn drive(self, timer: Timer) {
        loop {
            let earliest = self.0.heap.borrow().peek().map(|Reverse((at, _))| *at);
            match earliest {
                None => self.0.earlier.notified().await,
                Some(at) => tokio::select! {
                    result = timer.until(at) => if result.is_err() { return },
                    () = self.0.earlier.notified() => {}
                },
            }
            let now = now_ns();
            loop {
                let due = matches!(self.0.heap.borrow().peek(), Some(Reverse((at, _))) if *at <= now);
                if !due {
                    break;
                }
                let Some(Reverse((_, id))) = self.0.heap.borrow_mut().pop() else { break };
                if let Some(waker) = self.0.wakers.borrow_mut().remove(&id) {
                    waker.wake();
                }
            }
        }
    }

    /// Waits until the clock reads `deadline_ns`. Safe to cancel.
    pub fn until(&self, deadline_ns: u64) -> Until {
        Until { pacer: self.clone(), deadline_ns, id: None }
    }

    /// Records the lag of deadlines between these times.
    pub fn record_lag(&self, window_ns: [u64; 2]) {
        self.0.window_ns.set(window_ns);
    }

    /// The lag recorded so far, ns.
    pub fn lag(&self) -> Histogram {
        self.0.lag.borrow().clone()
    }
}

/// Future of [`Pacer::until`].
pub struct Until {
    pacer: Pacer,
    deadline_ns: u64,
    id: Option<u64>,
}

impl Future for Until {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let deadlines = Rc::clone(&self.pacer.0);
        let now = now_ns();
        if now >= self.deadline_ns {
            // A deadline that had passed before it was asked for says nothing about the timer.
            let [from_ns, to_ns] = deadlines.window_ns.get();
            if self.id.is_some() && (from_ns..to_ns).contains(&self.deadline_ns) {
                deadlines.lag.borrow_mut().record(now - self.deadline_ns);
            }
            return Poll::Ready(());
        }
        let id = *self.id.get_or_insert_with(|| {
            let id = deadlines.next_id.get();
            deadlines.next_id.set(id + 1);
            id
        });
        let mut wakers = deadlines.wakers.borrow_mut();
        if let Some(waker) = wakers.get_mut(&id) {
            waker.clone_from(context.waker());
            return Poll::Pending;
        }
        wakers.insert(id, context.waker().clone());
        let earliest = deadlines.heap.borrow().peek().map(|Reverse((at, _))| *at);
        deadlines.heap.borrow_mut().push(Reverse((self.deadline_ns, id)));
        if earliest.is_none_or(|at| self.deadline_ns < at) {
            deadlines.earlier.notify_one();
        }
        Poll::Pending
    }
}

impl Until {
    /// What is waited for, ns of the clock.
    pub fn deadline_ns(&self) -> u64 {
        self.deadline_ns
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        // The heap entry stays until its time and then finds nobody: who waits beside something else keeps its future.
        if let Some(id) = self.id {
            self.pacer.0.wakers.borrow_mut().remove(&id);
        }
    }
}

/// A random phase for each of n pollers, 0..1: one in each n-th part of the interval, the parts dealt at random.
///
/// Each phase by itself is uniform, and no two pollers march in step with the publisher or each other; but together they
/// cover the interval evenly. Independent phases of few clients would not, and the whole trial would inherit their gaps:
/// with 20 clients the median wait of a trial strayed 8 % from half the interval.
pub fn phases(clients: u32, seed: u64) -> Vec<f64> {
    let mut rng = Rng::new(seed, 0x0FA5E);
    let mut parts: Vec<u32> = (0..clients).collect();
    rng.shuffle(&mut parts);
    parts.into_iter().map(|part| (f64::from(part) + rng.unit()) / f64::from(clients)).collect()
}

/// What a ticker has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ticks {
    /// Starts that were due in the measured window.
    pub planned: u64,
    /// Of these, starts that were skipped because the poll before was still unanswered.
    pub missed: u64,
}

/// The starts of one poller.
pub struct Ticker {
    pacer: Pacer,
    pacing: Pacing,
    period_ns: u64,
    next_ns: u64,
    window_ns: [u64; 2],
    ticks: Rc<Cell<Ticks>>,
}

impl Ticker {
    /// A ticker whose first start is at `first_ns`; starts in the window are counted into `ticks`.
    pub fn new(pacer: Pacer, pacing: Pacing, period_ns: u64, first_ns: u64, window_ns: [u64; 2], ticks: Rc<Cell<Ticks>>) -> Self {
        Ticker { pacer, pacing, period_ns, next_ns: first_ns, window_ns, ticks }
    }

    /// Waits for the next start. With [`Pacing::Interval`] starts lie on a fixed grid and those that passed
    /// meanwhile are counted as missed; with [`Pacing::Pause`] the period begins now. Safe to cancel.
    pub async fn tick(&mut self) {
        let now = now_ns();
        if self.pacing == Pacing::Interval {
            // A start is missed when the one after it is due as well.
            self.pass(now.saturating_sub(self.next_ns) / self.period_ns, true);
        }
        if now < self.next_ns {
            self.pacer.until(self.next_ns).await;
        }
        self.pass(1, false);
    }

    /// The poll has been answered: the pause begins.
    pub fn answered(&mut self) {
        if self.pacing == Pacing::Pause {
            self.next_ns = now_ns() + self.period_ns;
        }
    }

    /// Goes past so many starts, and counts those that lie in the window. All at once: whoever was held up for long, or polls as fast
    /// as it is answered, has many to go past.
    fn pass(&mut self, starts: u64, missed: bool) {
        let before = |at_ns: u64| at_ns.saturating_sub(self.next_ns).div_ceil(self.period_ns).min(starts);
        let counted = before(self.window_ns[1]).saturating_sub(before(self.window_ns[0]));
        let ticks = self.ticks.get();
        let missed = if missed { counted } else { 0 };
        self.ticks.set(Ticks { planned: ticks.planned + counted, missed: ticks.missed + missed });
        self.next_ns += starts * self.period_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::LocalSet;

    fn local(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        LocalSet::new().block_on(&runtime, test);
    }

    #[test]
    fn wakes_everyone_in_order_and_never_early() {
        local(async {
            let pacer = Pacer::spawn().unwrap();
            let start = now_ns();
            let order = Rc::new(RefCell::new(Vec::new()));
            let tasks: Vec<_> = [5u64, 1, 3, 2, 4]
                .map(|n| {
                    let (pacer, order) = (pacer.clone(), Rc::clone(&order));
                    tokio::task::spawn_local(async move {
                        let deadline = start + n * 2_000_000;
                        pacer.until(deadline).await;
                        assert!(now_ns() >= deadline);
                        order.borrow_mut().push(n);
                    })
                })
                .into();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(*order.borrow(), [1, 2, 3, 4, 5]);
        });
    }

    #[test]
    fn only_lateness_of_the_window_is_recorded() {
        local(async {
            let pacer = Pacer::spawn().unwrap();
            let start = now_ns();
            pacer.record_lag([start + 2_000_000, start + 4_000_000]);
            for n in 1..=5 {
                pacer.until(start + n * 1_000_000).await;
            }
            assert!(pacer.lag().count() <= 2, "of 2 ms and 3 ms");
        });
    }

    #[test]
    fn phases_are_one_in_each_part() {
        let mut dealt = phases(50, 7);
        assert_ne!(dealt, phases(50, 8));
        dealt.sort_by(f64::total_cmp);
        assert!(dealt.iter().enumerate().all(|(n, phase)| (phase * 50.0) as usize == n), "{dealt:?}");
    }

    #[test]
    fn starts_of_the_window_are_counted_however_many_are_gone_past_at_once() {
        local(async {
            let pacer = Pacer::spawn().unwrap();
            for (first_ns, period_ns, window_ns) in
                [(5, 10, [20, 100]), (20, 10, [20, 100]), (150, 7, [20, 100]), (3, 1000, [0, 4])]
            {
                for starts in 0..25 {
                    let ticks = Rc::new(Cell::new(Ticks::default()));
                    let mut ticker =
                        Ticker::new(pacer.clone(), Pacing::Interval, period_ns, first_ns, window_ns, Rc::clone(&ticks));
                    ticker.pass(starts, true);
                    let in_window = |start: &u64| (window_ns[0]..window_ns[1]).contains(&(first_ns + start * period_ns));
                    let counted = (0..starts).filter(in_window).count() as u64;
                    assert_eq!(ticks.get(), Ticks { planned: counted, missed: counted });
                    assert_eq!(ticker.next_ns, first_ns + starts * period_ns);
                }
            }
        });
    }

    #[test]
    fn a_slow_answer_is_counted_as_missed_starts_not_hidden() {
        local(async {
            let pacer = Pacer::spawn().unwrap();
            let ticks = Rc::new(Cell::new(Ticks::default()));
            let period = 1_000_000;
            let start = now_ns();
            let mut ticker = Ticker::new(pacer.clone(), Pacing::Interval, period, start, [start, u64::MAX], Rc::clone(&ticks));
            ticker.tick().await;
            pacer.until(start + 10 * period + period / 2).await;
            ticker.tick().await;
            let counted = ticks.get();
            assert!(counted.missed >= 9, "{counted:?}");
            assert_eq!(counted.planned - counted.missed, 2);
        });
    }
}
