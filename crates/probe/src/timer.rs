//! Waking an async task at an absolute time with the kernel's precision: a `timerfd`. tokio's own timer rounds to a
//! millisecond, which is a tenth of what a short poll at 10 ms is measured for. Who waits for what is the pacer's.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::OwnedFd;

use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime};
use tokio::io::{Interest, unix::AsyncFd};
use wirecost_model::Histogram;

use crate::clock::{self, now_ns};

/// A timer of the current tokio runtime. One waiter at a time.
#[derive(Debug)]
pub struct Timer {
    fd: AsyncFd<OwnedFd>,
}

impl Timer {
    /// Makes a timer. Must be called inside a tokio runtime with I/O enabled.
    ///
    /// # Errors
    /// No file descriptor left.
    pub fn new() -> io::Result<Self> {
        let fd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        // SAFETY: the AsyncFd owns the only handle of this descriptor and keeps it to the end; an OwnedFd never changes.
        let fd = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?;
        Ok(Timer { fd })
    }

    /// Waits until `CLOCK_MONOTONIC` reads `deadline_ns`; at once if it has passed. Never early. Dropping the future is safe.
    ///
    /// # Errors
    /// Those of `timerfd_settime(2)`, none of which can happen with a valid descriptor.
    pub async fn until(&self, deadline_ns: u64) -> io::Result<()> {
        // Zero would disarm the timer; one nanosecond after the machine's start is as good as now.
        let deadline_ns = deadline_ns.max(1);
        let at = Timespec { tv_sec: (deadline_ns / 1_000_000_000) as i64, tv_nsec: (deadline_ns % 1_000_000_000) as _ };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: at };
        timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &once)?;
        loop {
            let mut guard = self.fd.readable().await?;
            let mut expirations = [0u8; 8];
            match rustix::io::read(guard.get_inner(), &mut expirations) {
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::AGAIN) => guard.clear_ready(),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// How late a timer wakes a task that has nothing else to do: `count` deadlines, `period_ns` apart, on a runtime of their own on
/// the calling thread, whose timer slack this sets to the least.
///
/// # Errors
/// No runtime, or those of [`Timer`].
pub fn lag(count: u32, period_ns: u64) -> io::Result<Histogram> {
    clock::set_timer_slack_ns(1)?;
    tokio::runtime::Builder::new_current_thread().enable_io().build()?.block_on(async {
        let (timer, mut late, start_ns) = (Timer::new()?, Histogram::default(), now_ns());
        for number in 1..=u64::from(count) {
            let deadline_ns = start_ns + number * period_ns;
            timer.until(deadline_ns).await?;
            late.record(now_ns() - deadline_ns);
        }
        Ok(late)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deadline_has_its_lag() {
        assert_eq!(lag(5, 200_000).unwrap().count(), 5);
    }

    #[test]
    fn never_early_and_reusable_after_being_dropped() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let timer = Timer::new().unwrap();
            timer.until(0).await.unwrap();
            // Polled once and dropped: the next deadline replaces this one.
            let far = timer.until(now_ns() + 3_600_000_000_000);
            tokio::select! { biased; _ = far => unreachable!("an hour has not passed"), () = std::future::ready(()) => {} }
            let deadline = now_ns() + 2_000_000;
            timer.until(deadline).await.unwrap();
            assert!(now_ns() >= deadline);
        });
    }
}
