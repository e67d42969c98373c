//! What the rooms of a hub keep together, and the part of it that clients may fill.
//!
//! Rooms are never emptied to make room for others: one that nobody listens to may be polled all the same, and a client that
//! means harm would listen to each room that it fills. So what clients say is refused where it would take more than a part of
//! what there is, and the server's own publisher always has the rest.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Of the bytes, and of the rooms that stay for good, what clients say may take one part in so many.
pub const CLIENTS_PART: usize = 4;

/// Counted for all rooms of a hub.
#[derive(Debug, Default)]
pub struct Held {
    bytes: AtomicUsize,
    said_in: AtomicUsize,
}

impl Held {
    /// What messages take up, with their encodings and themselves.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    pub(super) fn take(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Relaxed);
    }

    /// Rooms in which a client was the first to say something.
    pub fn said_in(&self) -> usize {
        self.said_in.load(Relaxed)
    }

    pub(super) fn opened_by_client(&self) {
        self.said_in.fetch_add(1, Relaxed);
    }
}
