//! A trial in miniature: clients by the load generator's public interface, the publisher by this thread.

use std::net::SocketAddr;
use std::time::Duration;

use wirecost_loadgen::fleet::FleetError;
use wirecost_loadgen::workload::Script;
use wirecost_loadgen::{Fleet, FleetPlan, Target};
use wirecost_model::control::Begin;
use wirecost_model::schedule::Schedule;
use wirecost_model::{ClientReport, Envelope};
use wirecost_probe::clock::{now_ns, sleep_until};

use crate::peer::Peer;

/// Offsets of the window, ns.
pub const WINDOW_NS: [u64; 2] = [30_000_000, 230_000_000];

/// Longest wait for what is on its way.
const DRAIN_NS: u64 = 120_000_000_000;

/// What is to be done by how many.
pub struct Trial {
    pub plan: FleetPlan,
    /// The word that makes the server publish a payload as the arguments are.
    pub publish: &'static str,
}

/// A message that is to be published: when, to whom, what number.
struct Due {
    offset_ns: u64,
    stream: u32,
    sequence: u32,
}

impl Trial {
    /// Clients of an arm with these options, as in a scenario's YAML.
    pub fn new(address: SocketAddr, options: &str, workload: &str, clients: u32) -> Trial {
        let yaml = format!(
            "name: a\nquestion: b\nworkload: {{ {workload} }}\nclients: {clients}\narms: [{{ socket_io: {{ {options} }} }}]\n"
        );
        let loaded = wirecost_model::scenario::load(&yaml).unwrap_or_else(|problems| panic!("{options}: {problems:?}"));
        let variant = &loaded.variants[0];
        let target = Target::new(address, variant.config.clone());
        let script = Script::new(&variant.scenario.workload, clients, 7);
        let plan = FleetPlan { shards: 2, ..FleetPlan::on_one_thread(target, script, clients, 7) };
        Trial { plan, publish: "publish" }
    }

    /// Connects everyone.
    pub fn connect(&self) -> Result<Fleet, FleetError> {
        Fleet::connect(&self.plan, |_| true)
    }

    /// The phases, from now on.
    pub fn begin(&self) -> Begin {
        let publish = self.plan.script.publish.clone();
        Begin {
            start_ns: now_ns() + 20_000_000,
            window_from_ns: WINDOW_NS[0],
            window_to_ns: WINDOW_NS[1],
            publish,
            relay_rooms: None,
            cut: None,
        }
    }

    fn due(&self) -> Vec<Due> {
        let Some(publish) = &self.plan.script.publish else { return Vec::new() };
        let mut due = Vec::new();
        for stream in 0..publish.each_of.unwrap_or(1) {
            let schedule = Schedule::new(&publish.arrivals, publish.rate, publish.seed, u64::from(stream));
            let offsets = schedule.take_while(|&offset| offset < WINDOW_NS[1]);
            due.extend((0..).zip(offsets).map(|(sequence, offset_ns)| Due { offset_ns, stream, sequence }));
        }
        due.sort_by_key(|due| due.offset_ns);
        due
    }

    /// Publishes what the plan wants, when it wants it.
    pub fn publish(&self, peer: &mut Peer, begin: &Begin) -> u64 {
        let Some(publish) = &self.plan.script.publish else { return 0 };
        let mut published = 0;
        for Due { offset_ns, stream, sequence } in self.due() {
            let due_ns = begin.start_ns + offset_ns;
            sleep_until(due_ns);
            let envelope = Envelope { stream, sequence, due_ns, sent_ns: now_ns() };
            let payload = String::from_utf8(envelope.to_vec(publish.payload_bytes)).expect("ASCII");
            let room = publish.each_of.map_or("all".to_string(), |_| format!("c{stream}"));
            peer.tell(&format!("{} {room} {payload}", self.publish));
            published += 1;
        }
        published
    }

    /// All of it: connects, publishes, waits, closes.
    pub fn run(&self, peer: &mut Peer) -> ClientReport {
        let fleet = self.connect().unwrap_or_else(|error| panic!("{error}"));
        self.wait_until_joined(peer);
        let begin = self.begin();
        fleet.begin(begin.clone());
        self.publish(peer, &begin);
        self.wait_until_complete(&fleet, peer);
        fleet.close()
    }

    /// Waits until every client has everything, or has ended, and the server has every upload: the official servers drop
    /// what comes together with a farewell (`ignore packet received after disconnection`).
    pub fn wait_until_complete(&self, fleet: &Fleet, peer: &mut Peer) {
        let give_up_ns = now_ns() + DRAIN_NS;
        while !fleet.is_complete() && now_ns() < give_up_ns {
            std::thread::sleep(Duration::from_millis(5));
        }
        let uploads = |client| {
            let uplink = self.plan.script.uplink.as_ref();
            uplink.map_or(0, |uplink| uplink.schedule(client).take_while(|&offset| offset < WINDOW_NS[1]).count())
        };
        peer.wait_for("message", (0..self.plan.clients).map(uploads).sum());
    }

    /// Waits until the server sees every client where it wants to be.
    pub fn wait_until_joined(&self, peer: &mut Peer) {
        let namespace = self.plan.target.arm.namespace.clone().unwrap_or_default();
        peer.wait_for(&format!("joined {namespace}"), self.plan.clients as usize);
    }
}
