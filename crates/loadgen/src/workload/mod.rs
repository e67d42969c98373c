//! Workloads as data: what the server publishes, what each client sends, who listens. One file each says
//! it; the loops that act on it are in `client`.

pub mod duplex;
pub mod echo;
pub mod idle;
pub mod push;
pub mod upload;

use wirecost_model::control::Publish;
use wirecost_model::pace::Pace;
use wirecost_model::scenario::Workload;
use wirecost_model::schedule::{Arrivals, Schedule};

/// What happens in a trial.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// What the server publishes.
    pub publish: Option<Publish>,
    /// What each client sends on a schedule of its own.
    pub uplink: Option<Uplink>,
    /// How many messages each client keeps on their way: the closed loop. Excludes `uplink`.
    pub outstanding: Option<u32>,
    /// Whether clients listen to the server's messages.
    pub subscribe: bool,
    /// Payload size of what clients send.
    pub payload_bytes: usize,
}

/// A client's schedule.
#[derive(Debug, Clone, Copy)]
pub struct Uplink {
    /// Messages per second.
    pub rate: Pace,
    /// Arrival process.
    pub arrivals: Arrivals,
    /// Seed; each client is a lane of its own.
    pub seed: u64,
}

/// Schedules of clients must differ from those of the server's streams under the same seed.
const UPLINK_LANE: u64 = 1 << 32;

impl Uplink {
    /// Due times of one client's messages, offsets in ns.
    pub fn schedule(&self, client: u32) -> Schedule {
        Schedule::new(self.arrivals, self.rate, self.seed, UPLINK_LANE + u64::from(client))
    }
}

impl Script {
    /// The script of a workload.
    pub fn new(workload: &Workload, clients: u32, seed: u64) -> Script {
        match workload {
            Workload::Push(push) => push::script(push, clients, seed),
            Workload::Echo(echo) => echo::script(echo),
            Workload::Upload(upload) => upload::script(upload, seed),
            Workload::Duplex(duplex) => duplex::script(duplex, seed),
            Workload::Idle(idle) => idle::script(idle),
        }
    }

    /// Offsets, in ns, of the messages that a client listens to, up to `until_ns`.
    pub fn downstream(&self, client: u32, until_ns: u64) -> Vec<u64> {
        let Some(publish) = &self.publish else { return Vec::new() };
        let stream = if publish.each_of.is_some() { u64::from(client) } else { 0 };
        Schedule::new(publish.arrivals, publish.rate, publish.seed, stream).take_while(|&offset| offset < until_ns).collect()
    }

    /// The room that a client listens to, and the stream number of its messages.
    pub fn room(&self, client: u32) -> (String, u32) {
        match &self.publish {
            Some(Publish { each_of: Some(_), .. }) => (format!("c{client}"), client),
            _ => ("all".to_string(), 0),
        }
    }
}
