//! A coarse deadline that can be put off: heartbeats and give-up times of transports, which have no clock of
//! their own. What has to be punctual is the pacer's.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// The longest time that a deadline waits; what a server asks beyond it is nonsense.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A time that passes unless it is put off.
#[derive(Debug)]
pub(crate) struct Deadline(Pin<Box<Sleep>>);

impl Deadline {
    /// Passes after this time from now, to a millisecond.
    pub fn after(time: Duration) -> Deadline {
        Deadline(Box::pin(sleep(time.min(LONGEST))))
    }

    /// Puts it off, or brings it forward: it passes after this time from now.
    pub fn restart(&mut self, time: Duration) {
        self.0.as_mut().reset(Instant::now() + time.min(LONGEST));
    }

    /// Waits until it has passed. Safe to cancel.
    pub async fn passed(&mut self) {
        self.0.as_mut().await;
    }
}
