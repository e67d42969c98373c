//! What a shard shows while it runs, to threads that only look: counters that its clients keep up to date by themselves, so that
//! nobody has to be woken to say them. What is counted for the record is the recorder's.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use wirecost_model::{FleetLook, FleetStatus};

use crate::glance::Glance;

/// How the clients of a shard are getting on. Each counter is exact, but one may be ahead of another.
#[derive(Debug, Default)]
pub(crate) struct Status {
    /// Clients connected.
    pub connected: AtomicU32,
    /// Clients that ended in an error.
    pub ended: AtomicU32,
    /// Clients that have seen a probe of the publisher's, where the server is not ours.
    pub probed: AtomicU32,
    /// Clients that have sent and received everything of the plan.
    pub complete: AtomicU32,
    /// Messages of all phases, copies and damaged ones too.
    delivered: AtomicU64,
    /// Errors.
    pub errors: AtomicU64,
    /// Delivery latencies of the window.
    pub latencies: Glance,
    /// The first error of any client.
    pub first_error: Mutex<Option<String>>,
    /// What came to a client before the start and was neither a probe nor a message, the latest.
    pub strange: Mutex<Option<String>>,
}

/// Counts one more. Without a locked instruction, because only the shard's own thread counts.
pub(crate) fn count(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

/// Whether a client has told that it has everything.
#[derive(Debug, Default)]
pub(crate) struct Completion(bool);

impl Completion {
    /// It has, now or since a while.
    pub fn tell(&mut self, status: &Status) {
        if !std::mem::replace(&mut self.0, true) {
            status.complete.fetch_add(1, Relaxed);
        }
    }

    /// It has failed all the same, and counts as ended.
    pub fn take_back(self, status: &Status) {
        if self.0 {
            status.complete.fetch_sub(1, Relaxed);
        }
    }
}

impl Status {
    /// One message more.
    pub fn delivery(&self) {
        count(&self.delivered);
    }

    /// What the counters say.
    pub fn read(&self) -> FleetStatus {
        FleetStatus {
            connected: self.connected.load(Relaxed),
            ended: self.ended.load(Relaxed),
            probed: self.probed.load(Relaxed),
            complete: self.complete.load(Relaxed),
            delivered: self.delivered.load(Relaxed),
            errors: self.errors.load(Relaxed),
        }
    }

    /// The same with what is less often asked for.
    pub fn look(&self) -> FleetLook {
        let text = |of: &Mutex<Option<String>>| of.lock().ok().and_then(|text| text.clone());
        FleetLook {
            status: self.read(),
            latencies: self.latencies.counts(),
            first_error: text(&self.first_error),
            strange: text(&self.strange),
        }
    }

    /// Something went wrong.
    pub fn error(&self, text: &str) {
        self.errors.fetch_add(1, Relaxed);
        if let Ok(mut first) = self.first_error.lock() {
            first.get_or_insert_with(|| text.to_string());
        }
    }

    /// Something came from a server before it should.
    pub fn strange(&self, text: String) {
        if let Ok(mut strange) = self.strange.lock() {
            *strange = Some(text);
        }
    }
}
