//! What packets that wait for their attachments may take up, over all sessions of a server. Anything else that is parsed is gone
//! before the next packet is looked at; these stay as long as their client likes, and values take about sixteen times the memory
//! of their text. Each session is bounded by itself; here is the bound of all together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Text of all waiting packets together, bytes: 64 MiB or so as values.
pub const MAX_WAITING_TEXT_BYTES: usize = 4 << 20;

/// The budget of a server.
#[derive(Debug, Clone, Default)]
pub struct Budget(Arc<AtomicUsize>);

impl Budget {
    /// Takes a part of it; `None` if so much is not left.
    pub fn take(&self, bytes: usize) -> Option<Share> {
        let fits = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= MAX_WAITING_TEXT_BYTES);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).ok()?;
        Some(Share { budget: self.clone(), bytes })
    }

    /// What is taken, bytes.
    pub fn taken_bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A part of a budget, given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    bytes: usize,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_taken_than_there_is_and_all_is_given_back() {
        let budget = Budget::default();
        let half = budget.take(MAX_WAITING_TEXT_BYTES / 2).unwrap();
        let other = budget.take(MAX_WAITING_TEXT_BYTES / 2).unwrap();
        assert!(budget.take(1).is_none() && budget.take(usize::MAX).is_none());
        drop(half);
        assert!(budget.take(1).is_some());
        drop(other);
        assert_eq!(budget.taken_bytes(), 0);
    }
}
