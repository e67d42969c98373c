//! How many file descriptors a process may have, one a connection. No other limit.
#![allow(unsafe_code)]

use std::io;

use crate::syscall::check;

/// The soft limit (which applies) and the hard limit (to which it may be raised) on open file descriptors.
///
/// # Errors
/// Whatever `getrlimit` returns; none is known.
pub fn nofile() -> io::Result<(u64, u64)> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one rlimit.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    Ok((limit.rlim_cur as _, limit.rlim_max as _))
}

/// Raises the soft limit on open file descriptors to the hard one, and returns it.
///
/// Processes started afterwards inherit it.
///
/// # Errors
/// Whatever `setrlimit` returns; a sandbox may forbid the call.
pub fn raise_nofile() -> io::Result<u64> {
    let (soft, hard) = nofile()?;
    if soft < hard {
        let limit = libc::rlimit { rlim_cur: hard as _, rlim_max: hard as _ };
        // SAFETY: the kernel reads one rlimit.
        check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
    }
    Ok(hard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raising_reaches_the_hard_limit() {
        let (soft, hard) = nofile().unwrap();
        assert!(0 < soft && soft <= hard);
        // From below, so that there is something to raise; but not by much, as other tests are running.
        let low = libc::rlimit { rlim_cur: (hard - 1) as _, rlim_max: hard as _ };
        // SAFETY: the kernel reads one rlimit. Descriptors already open stay open.
        check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const low) }).unwrap();
        assert_eq!(raise_nofile().unwrap(), hard);
        assert_eq!(nofile().unwrap(), (hard, hard));
        assert_eq!(raise_nofile().unwrap(), hard, "twice is once");
    }
}
