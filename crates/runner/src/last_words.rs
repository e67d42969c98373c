//! What a process wrote before it ended, to the last line. Not here: the threads that read it, and how many lines are kept.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the end of a pipe is waited for: what the process has started may hold it open.
const PATIENCE: Duration = Duration::from_secs(2);

/// Waits until the threads that read a process's pipes have come to the end of them: its last lines may still be on their way
/// when it has ended.
pub(crate) fn wait(readers: &[JoinHandle<()>]) {
    let deadline = Instant::now() + PATIENCE;
    while !readers.iter().all(JoinHandle::is_finished) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
}
