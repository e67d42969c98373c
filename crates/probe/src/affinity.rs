//! Which cores there are, which a thread may use, and when. Who gets which is the runner's decision.
#![allow(unsafe_code)]

use std::{io, mem};

use crate::syscall::check;

/// The cores that the calling thread may run on, ascending.
///
/// This is what a container or `taskset` left of the machine, not what the machine has. Empty only if the machine has
/// more than 1024 cores, which the fixed set used here cannot express.
#[must_use]
pub fn available_cores() -> Vec<usize> {
    // SAFETY: cpu_set_t is an array of integers, for which all-zero is a value: the empty set.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the kernel writes at most `size_of(set)` bytes to `set`; 0 is the calling thread.
    if unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) } < 0 {
        return Vec::new();
    }
    let capacity = libc::CPU_SETSIZE as usize;
    // SAFETY: every index is below the capacity of the set.
    (0..capacity).filter(|core| unsafe { libc::CPU_ISSET(*core, &set) }).collect()
}

/// Restricts the calling thread, and threads and processes it starts from now on, to `cores`.
///
/// Called before a process has started its threads it pins the process.
///
/// # Errors
/// `EINVAL` if none of the cores is there and allowed; [`io::ErrorKind::InvalidInput`] for a number above 1023.
pub fn pin(cores: &[usize]) -> io::Result<()> {
    // SAFETY: as above.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    for core in cores {
        if *core >= libc::CPU_SETSIZE as usize {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("no core can have the number {core}")));
        }
        // SAFETY: the index is below the capacity of the set.
        unsafe { libc::CPU_SET(*core, &mut set) };
    }
    // SAFETY: the kernel reads `size_of(set)` bytes from `set`; 0 is the calling thread.
    check(unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) }).map(drop)
}

/// Lets the calling thread, and threads and processes it starts from now on, run only while nothing else wants its core.
///
/// `SCHED_IDLE`: whatever wakes up takes the core away at once. It needs no privilege, and without one there is no way back.
///
/// # Errors
/// `EPERM` where a sandbox forbids it.
pub fn run_when_idle() -> io::Result<()> {
    // SAFETY: sched_param is an integer, for which 0 is a value, and the one that SCHED_IDLE demands.
    let param: libc::sched_param = unsafe { mem::zeroed() };
    // SAFETY: the kernel reads one sched_param; 0 is the calling thread.
    check(unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const param) }).map(drop)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_pinned_thread_is_where_it_was_put_and_alone_in_that() {
        let before = available_cores();
        assert!(!before.is_empty());
        let last = *before.last().unwrap();
        thread::spawn(move || {
            pin(&[last]).unwrap();
            assert_eq!(available_cores(), [last]);
            // SAFETY: sched_getcpu has no preconditions.
            assert_eq!(unsafe { libc::sched_getcpu() }, i32::try_from(last).unwrap());
            assert_eq!(thread::spawn(available_cores).join().unwrap(), [last], "children inherit");
        })
        .join()
        .unwrap();
        assert_eq!(available_cores(), before);
    }

    #[test]
    fn an_idle_thread_is_alone_in_that() {
        // SAFETY: sched_getscheduler has no preconditions; 0 is the calling thread.
        let policy = || unsafe { libc::sched_getscheduler(0) };
        let before = policy();
        thread::spawn(move || {
            run_when_idle().unwrap();
            assert_eq!(policy(), libc::SCHED_IDLE);
        })
        .join()
        .unwrap();
        assert_eq!(policy(), before);
    }

    #[test]
    fn nowhere_to_run_is_an_error() {
        pin(&[]).unwrap_err();
        assert_eq!(pin(&[1 << 20]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
