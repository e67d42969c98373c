//! What a trial's clients know, while it runs and at the end. Each shard has a part of it, and so has each process where there are
//! several: parts add up. Not here: how any of it comes about.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::accounting::{Accounting, Recovery};
use crate::departures::Departures;
use crate::glance::Counts;
use crate::histogram::Histogram;
use crate::ledger::{Counters, Flow};

/// How a fleet is getting on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetStatus {
    /// Clients connected.
    pub connected: u32,
    /// Clients that ended in an error.
    pub ended: u32,
    /// Clients that have seen a probe, where the server is not ours.
    pub probed: u32,
    /// Clients that have everything that the plan wanted.
    pub complete: u32,
    /// Deliveries, all phases.
    pub delivered: u64,
    /// Errors.
    pub errors: u64,
}

impl FleetStatus {
    /// Adds that of other clients of the same trial.
    pub fn add(&mut self, other: &FleetStatus) {
        self.connected += other.connected;
        self.ended += other.ended;
        self.probed += other.probed;
        self.complete += other.complete;
        self.delivered += other.delivered;
        self.errors += other.errors;
    }

    /// Whether so many clients have nothing left to wait for: each has everything, or has ended.
    pub fn is_complete(&self, clients: u32) -> bool {
        self.complete + self.ended >= clients
    }
}

/// What a look at the clients shows while they run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetLook {
    /// How they are getting on.
    pub status: FleetStatus,
    /// Delivery latencies of the window so far, roughly.
    pub latencies: Counts,
    /// The first error that any client met, if one has.
    pub first_error: Option<String>,
    /// What came to some client before the start and was nothing that was published, if anything did: its beginning.
    pub strange: Option<String>,
}

impl FleetLook {
    /// Adds that at other clients of the same trial.
    pub fn add(&mut self, other: FleetLook) {
        self.status.add(&other.status);
        self.latencies.add(&other.latencies);
        self.first_error = self.first_error.take().or(other.first_error);
        self.strange = self.strange.take().or(other.strange);
    }
}

/// What clients have used and carried so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetCount {
    /// CPU time of their processes, ns.
    pub cpu_ns: u64,
    /// Of it, that of threads which do nothing but watch them, ns.
    pub watching_cpu_ns: u64,
    /// Resident memory of their processes, bytes.
    pub rss_bytes: u64,
    /// The part of it that no file stands behind, bytes.
    pub anonymous_bytes: u64,
    /// What their connections have carried, by the clients' books; zeros where the server counts.
    pub counters: Counters,
    /// Every connection has ended.
    pub is_quiet: bool,
}

impl FleetCount {
    /// Adds that of other clients of the same trial.
    pub fn add(&mut self, other: &FleetCount) {
        self.cpu_ns += other.cpu_ns;
        self.watching_cpu_ns += other.watching_cpu_ns;
        self.rss_bytes += other.rss_bytes;
        self.anonymous_bytes += other.anonymous_bytes;
        self.counters += other.counters;
        self.is_quiet &= other.is_quiet;
    }
}

/// What the clients know at the end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClientReport {
    /// Clients that were connected.
    pub connected: u32,
    /// Clients that ended in an error.
    pub ended: u32,
    /// What became of every message.
    pub accounting: Accounting,
    /// Of clients that were cut off on purpose.
    pub recovery: Recovery,
    /// received − due, by interval of the window.
    pub delivery: Vec<Histogram>,
    /// received − sent, likewise.
    pub service: Vec<Histogram>,
    /// By stage of connecting.
    pub setup: BTreeMap<String, Histogram>,
    /// How late the pacer woke, ns.
    pub pacer_lag: Histogram,
    /// Poll starts due in the window.
    pub planned_polls: u64,
    /// Of these, skipped.
    pub missed_polls: u64,
    /// Messages that clients sent, all phases.
    pub sent: u64,
    /// Of these, due in the window.
    pub sent_in_window: u64,
    /// Messages of the clients' plan that were not sent by the end, all phases.
    pub unsent: u64,
    /// Age of those due in the window, ns.
    pub unsent_age: Histogram,
    /// Due times at which the message before was still being sent.
    pub missed_sends: u64,
    /// How messages left that clients send on a schedule, against the plan.
    pub departures: Departures,
    /// By text.
    pub errors: BTreeMap<String, u64>,
    /// Messages that seemed to arrive before they were sent.
    pub negative_latencies: u64,
    /// What the sockets carried below TLS, by the clients' own meters, where the stack lets a connection be wrapped; else zeros.
    pub socket_bytes: Flow,
}

impl ClientReport {
    /// Adds what other clients of the same trial know.
    pub fn merge(&mut self, other: ClientReport) {
        fn add(into: &mut Vec<Histogram>, from: Vec<Histogram>) {
            if into.is_empty() {
                *into = from;
            } else {
                into.iter_mut().zip(&from).for_each(|(a, b)| a.merge(b));
            }
        }
        self.connected += other.connected;
        self.ended += other.ended;
        self.accounting.merge(&other.accounting);
        self.recovery.merge(&other.recovery);
        add(&mut self.delivery, other.delivery);
        add(&mut self.service, other.service);
        other.setup.into_iter().for_each(|(stage, histogram)| self.setup.entry(stage).or_default().merge(&histogram));
        self.pacer_lag.merge(&other.pacer_lag);
        self.planned_polls += other.planned_polls;
        self.missed_polls += other.missed_polls;
        self.sent += other.sent;
        self.sent_in_window += other.sent_in_window;
        self.unsent += other.unsent;
        self.unsent_age.merge(&other.unsent_age);
        self.missed_sends += other.missed_sends;
        self.departures.merge(other.departures);
        other.errors.into_iter().for_each(|(text, count)| *self.errors.entry(text).or_default() += count);
        self.negative_latencies += other.negative_latencies;
        self.socket_bytes += other.socket_bytes;
    }
}
