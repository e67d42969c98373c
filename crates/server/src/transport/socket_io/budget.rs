//! What sessions may keep of what their clients send, over all sessions of a server. Each session is bounded by itself; here are
//! the bounds of all together.
//!
//! There are two. The text of a packet that waits for its attachments has one of its own: anything else that is parsed is gone
//! before the next packet is looked at, this stays as long as its client likes, and values take about sixteen times the memory of
//! their text. The other is for bytes as they are: attachments that have come, and packets that wait to be sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Text of all waiting packets together, bytes: 64 MiB or so as values.
pub const MAX_WAITING_TEXT_BYTES: usize = 4 << 20;

/// Attachments and outboxes of all sessions together, bytes: what 32 sessions may have that take all they can, and what nobody
/// needs whose clients read.
pub const MAX_KEPT_BYTES: usize = 256 << 20;

/// A budget of a server.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Account>);

#[derive(Debug)]
struct Account {
    max_bytes: usize,
    taken_bytes: AtomicUsize,
}

impl Budget {
    /// A budget of which nothing is taken.
    pub fn new(max_bytes: usize) -> Budget {
        Budget(Arc::new(Account { max_bytes, taken_bytes: AtomicUsize::new(0) }))
    }

    /// A share with nothing in it yet.
    pub fn share(&self) -> Share {
        Share { budget: self.clone(), bytes: 0 }
    }

    /// What is taken, bytes.
    pub fn taken_bytes(&self) -> usize {
        self.0.taken_bytes.load(Ordering::Relaxed)
    }
}

/// A part of a budget, given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    bytes: usize,
}

impl Share {
    /// Takes more; `false` if so much is not left.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let Account { max_bytes, taken_bytes } = &*self.budget.0;
        let fits = |taken: usize| taken.checked_add(bytes).filter(|sum| sum <= max_bytes);
        let grown = taken_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        self.bytes += if grown { bytes } else { 0 };
        grown
    }

    /// Gives some back, at most what it has.
    pub fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.budget.0.taken_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Gives everything back.
    pub fn clear(&mut self) {
        self.shrink(self.bytes);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_taken_than_there_is_and_all_is_given_back() {
        let budget = Budget::new(100);
        let (mut half, mut other) = (budget.share(), budget.share());
        assert!(half.grow(20) && half.grow(30) && other.grow(50));
        assert!(!other.grow(1) && !other.grow(usize::MAX));
        half.shrink(1);
        assert!(other.grow(1));
        drop(half);
        assert_eq!(budget.taken_bytes(), 51);
        other.shrink(1000);
        assert_eq!(budget.taken_bytes(), 0, "nobody gives back more than it has");
    }
}
