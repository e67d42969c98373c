//! Monotonic nanoseconds and waking up on time. No calendar, no durations of its own, and no opinion about when
//! anything is due: that is the pacer's.
//!
//! Every stamp of a trial is a raw `CLOCK_MONOTONIC` reading. The kernel keeps one such clock for all processes of a
//! host, network namespaces included, so a stamp written by a server can be subtracted from one taken by a client.
//! (A *time* namespace would offset it; nothing here enters one.)
#![allow(unsafe_code)]

use std::{hint, io};

use crate::syscall::check;

/// How long before its deadline [`sleep_until`] stops sleeping and starts spinning, in nanoseconds.
///
/// `clock_nanosleep` wakes late, never early: the timer interrupt, the way out of the idle state and the scheduler come
/// after it. Measured on an idle 2-core virtual machine (Linux 6.18), with a slack of 1 ns ([`set_timer_slack_ns`]) and
/// periods of 0.1 to 10 ms, it was late by 31 to 37 µs in the median, by at most 45 µs in nine cases of ten, and by less
/// than 60 µs in 92 to 99 of a hundred; the rest is the hypervisor's and no spin of a bearable length would catch it. With
/// the default slack of 50 µs all of that comes 50 µs later, so a thread that paces must set the slack first. The spin
/// itself then takes some 25 µs, 2.5 % of a core at 1,000 deadlines a second.
pub const SPIN_NS: u64 = 60_000;

/// Nanoseconds of `CLOCK_MONOTONIC`: since about the machine's start, not counting time suspended.
///
/// The same zero for every process of the host. Costs 16 ns on the machine this was written on: it is answered in user space.
#[must_use]
pub fn now_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec, which the call only writes.
    let returned = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    debug_assert_eq!(returned, 0, "CLOCK_MONOTONIC is always there");
    timespec_ns(time)
}

/// Blocks the calling thread until [`now_ns`] has reached `deadline_ns`, and returns the reading that ended the wait.
///
/// Sleeps to [`SPIN_NS`] before the deadline and spins the rest, so at most that much CPU is burnt a call. Never returns
/// early, signals included; returns at once if the deadline has passed. How late it was is the difference between the
/// result and the deadline. For a thread of its own: inside an async task it would block the executor.
#[allow(clippy::must_use_candidate)] // most callers pace and do not look at the lateness
pub fn sleep_until(deadline_ns: u64) -> u64 {
    sleep_short_of(deadline_ns);
    spin_until(deadline_ns)
}

/// [`sleep_until`] for one who is charged for its CPU time but not for waiting: it adds up what the waits cost the calling thread,
/// spinning and the way into sleep and out of it.
///
/// The thread's clock is a system call, and one shortly before a deadline is a place at which the kernel may let others run: it
/// made a publisher late by 20 µs in one case of twenty. So it is read once, when a wait begins, and what the thread did since the
/// wait before is taken to have run without a break. If it was interrupted there, the sum is too small by that.
#[derive(Debug, Default)]
pub struct Waiter {
    cpu_ns: u64,
    /// Of the latest wait: the thread's CPU time when it began, and when it was over.
    latest: Option<(u64, u64)>,
}

impl Waiter {
    /// Waits, as [`sleep_until`] does. For a deadline that has passed it does nothing.
    pub fn sleep_until(&mut self, deadline_ns: u64) {
        if now_ns() < deadline_ns {
            let begun_cpu_ns = self.settle();
            sleep_short_of(deadline_ns);
            self.latest = Some((begun_cpu_ns, spin_until(deadline_ns)));
        }
    }

    /// CPU time of the waits so far, ns.
    #[must_use]
    pub fn cpu_ns(&mut self) -> u64 {
        self.settle();
        self.cpu_ns
    }

    /// Adds the latest wait, if it was not yet; returns the thread's CPU time.
    fn settle(&mut self) -> u64 {
        let cpu_ns = thread_cpu_ns();
        if let Some((begun_cpu_ns, over_ns)) = self.latest.take() {
            self.cpu_ns += (cpu_ns - begun_cpu_ns).saturating_sub(now_ns() - over_ns);
        }
        cpu_ns
    }
}

/// CPU time of the calling thread so far, ns; 0 where the kernel does not say, which is nowhere known.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec, which the call only writes.
    match unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) } {
        0 => timespec_ns(time),
        _ => 0,
    }
}

/// Sleeps to [`SPIN_NS`] before the deadline.
fn sleep_short_of(deadline_ns: u64) {
    let wake_ns = deadline_ns.saturating_sub(SPIN_NS);
    if now_ns() < wake_ns {
        let wake = libc::timespec {
            tv_sec: (wake_ns / 1_000_000_000).try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: (wake_ns % 1_000_000_000) as _,
        };
        // An absolute deadline makes the retry after a signal (EINTR) drift-free. Any other error leaves the spin
        // below, which is still right, only dearer.
        // SAFETY: `wake` is a live, normalised timespec; no remainder is asked for.
        while unsafe { libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &raw const wake, std::ptr::null_mut()) }
            == libc::EINTR
        {}
    }
}

fn spin_until(deadline_ns: u64) -> u64 {
    loop {
        let now = now_ns();
        if now >= deadline_ns {
            return now;
        }
        hint::spin_loop();
    }
}

/// Sets how much later than asked the kernel may wake the *calling thread*, in nanoseconds, in order to batch timers.
///
/// 50,000 is Linux's default, 1 the least; 0 means "back to the default". Threads inherit the value of their creator.
///
/// # Errors
/// Whatever `prctl(PR_SET_TIMERSLACK)` returns; none is known on Linux ≥ 2.6.28.
pub fn set_timer_slack_ns(slack_ns: u64) -> io::Result<()> {
    let slack = libc::c_ulong::try_from(slack_ns).unwrap_or(libc::c_ulong::MAX);
    // SAFETY: PR_SET_TIMERSLACK takes one integer and touches no memory of ours.
    check(unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, slack) }).map(drop)
}

/// Nanoseconds of a non-negative timespec.
pub(crate) fn timespec_ns(time: libc::timespec) -> u64 {
    const { assert!(size_of::<libc::time_t>() == 8, "a 32-bit time_t would wrap") };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use std::mem;

    use super::*;

    #[test]
    fn time_does_not_go_back() {
        let mut last = now_ns();
        for _ in 0..10_000 {
            let now = now_ns();
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn it_is_the_clock_std_uses() {
        // Instant is CLOCK_MONOTONIC too: a span measured by both, ours outside, cannot be shorter in ours.
        let outer = now_ns();
        let inner = std::time::Instant::now();
        std::thread::sleep(std::time::Duration::from_millis(5));
        let inner_ns = inner.elapsed().as_nanos() as u64;
        assert!(now_ns() - outer >= inner_ns && inner_ns >= 5_000_000);
    }

    #[test]
    fn never_early_whether_sleeping_or_spinning() {
        set_timer_slack_ns(1).unwrap();
        for ahead_ns in [0, 1_000, SPIN_NS, SPIN_NS + 1_000, 2_000_000] {
            let deadline = now_ns() + ahead_ns;
            let woke = sleep_until(deadline);
            assert!(woke >= deadline && now_ns() >= woke);
            let deadline = now_ns() + ahead_ns;
            Waiter::default().sleep_until(deadline);
            assert!(now_ns() >= deadline);
        }
    }

    #[test]
    fn what_waiting_costs_is_this_threads_time_and_not_that_of_what_is_done_between() {
        let mut waiter = Waiter::default();
        waiter.sleep_until(now_ns());
        assert_eq!(waiter.cpu_ns(), 0, "there was nothing to wait for");
        let before_ns = thread_cpu_ns();
        for _ in 0..20 {
            waiter.sleep_until(now_ns() + SPIN_NS);
            let busy_until = thread_cpu_ns() + 200_000;
            while thread_cpu_ns() < busy_until {}
        }
        let (waited_ns, used_ns) = (waiter.cpu_ns(), thread_cpu_ns() - before_ns);
        assert!(waited_ns > 0 && waited_ns <= used_ns - 20 * 200_000, "{waited_ns} of {used_ns}");
        assert_eq!(waiter.cpu_ns(), waited_ns, "counted once");
    }

    #[test]
    fn a_past_deadline_returns_at_once() {
        let before = now_ns();
        assert!(sleep_until(0) >= before);
        assert!(sleep_until(before) >= before);
    }

    #[test]
    fn slack_is_set_for_this_thread() {
        set_timer_slack_ns(1234).unwrap();
        // SAFETY: PR_GET_TIMERSLACK takes no argument and returns the value.
        assert_eq!(unsafe { libc::prctl(libc::PR_GET_TIMERSLACK) }, 1234);
    }

    #[test]
    fn a_signal_does_not_end_the_sleep() {
        extern "C" fn nothing(_: libc::c_int) {}
        // SAFETY: installs a handler that does nothing for a signal nothing else in this process uses, without
        // SA_RESTART, so that the sleep really is interrupted.
        unsafe {
            let mut action: libc::sigaction = mem::zeroed();
            action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
            libc::sigaction(libc::SIGUSR2, &raw const action, std::ptr::null_mut());
        }
        let deadline = now_ns() + 30_000_000;
        // SAFETY: pthread_self has no preconditions.
        let sleeper = unsafe { libc::pthread_self() };
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for _ in 0..5 {
                    std::thread::sleep(std::time::Duration::from_millis(2));
                    // SAFETY: the sleeper outlives this scope.
                    unsafe { libc::pthread_kill(sleeper, libc::SIGUSR2) };
                }
            });
            assert!(sleep_until(deadline) >= deadline);
        });
    }
}
