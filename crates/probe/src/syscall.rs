//! The one convention of system calls: −1 means "look at errno". Nothing that knows what a call is for.

use std::io;

/// Turns the −1 of a failed call into the error in `errno`.
pub(crate) fn check(returned: libc::c_int) -> io::Result<libc::c_int> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(returned) }
}
