//! Workloads as data: what the server publishes, what each client sends, who listens. One file each says
//! it; the loops that act on it are in `client`.

pub mod chat;
pub mod duplex;
pub mod echo;
pub mod idle;
pub mod push;
pub mod reconnect;
pub mod upload;

use std::time::Duration;

use wirecost_model::control::Publish;
use wirecost_model::pace::Pace;
use wirecost_model::scenario::{Chat, Workload};
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
    /// What clients send is passed on in these rooms, and they listen there.
    pub chat: Option<Chat>,
    /// How clients come back that were cut off on purpose; without it a lost connection is the end of its client.
    pub recovery: Option<ComeBack>,
    /// Payload size of what clients send.
    pub payload_bytes: usize,
}

/// How to come back.
#[derive(Debug, Clone, Copy)]
pub struct ComeBack {
    /// Nominal time before the first attempt.
    pub delay: Duration,
}

/// A client's schedule.
#[derive(Debug, Clone)]
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

/// What stands between the names of rooms in a request.
pub(crate) const ROOM_SEPARATOR: &str = ".";

impl Uplink {
    /// Due times of one client's messages, offsets in ns.
    pub fn schedule(&self, client: u32) -> Schedule {
        Schedule::new(&self.arrivals, self.rate, self.seed, UPLINK_LANE + u64::from(client))
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
            Workload::Chat(chat) => chat::script(chat, seed),
            Workload::Reconnect(reconnect) => reconnect::script(reconnect, seed),
            Workload::Idle(idle) => idle::script(idle),
        }
    }

    /// The streams that a client listens to.
    pub fn streams(&self, client: u32, clients: u32) -> Vec<u32> {
        if let Some(chat) = &self.chat {
            let of_room = |room| chat.members_of(room, clients).map(move |member| chat.stream(member, room));
            return chat.rooms_of(client).flat_map(of_room).collect();
        }
        match &self.publish {
            Some(Publish { each_of: Some(_), .. }) => vec![client],
            _ => vec![0],
        }
    }

    /// Offsets, in ns, of the messages of a stream that clients listen to, up to `until_ns`.
    pub fn downstream(&self, stream: u32, until_ns: u64) -> Vec<u64> {
        if let (Some(chat), Some(uplink)) = (&self.chat, &self.uplink) {
            let (sender, room) = (stream / chat.rooms.max(1), stream % chat.rooms.max(1));
            let offsets = uplink.schedule(sender).take_while(|&offset| offset < until_ns);
            return offsets.zip(chat.rooms_of(sender).cycle()).filter(|(_, to)| *to == room).map(|(offset, _)| offset).collect();
        }
        let Some(publish) = &self.publish else { return Vec::new() };
        Schedule::new(&publish.arrivals, publish.rate, publish.seed, u64::from(stream))
            .take_while(|&offset| offset < until_ns)
            .collect()
    }

    /// The stream of the n-th message that a client sends, and its number there. A client talks in its rooms in turn.
    pub fn upstream(&self, client: u32, nth: u32) -> (u32, u32) {
        let Some(chat) = &self.chat else { return (client, nth) };
        let joins = chat.joins.clamp(1, chat.rooms.max(1));
        let room = chat.rooms_of(client).nth((nth % joins) as usize).unwrap_or(0);
        (chat.stream(client, room), nth / joins)
    }

    /// The rooms that a client listens to, as requests name them.
    pub fn room(&self, client: u32) -> String {
        if let Some(chat) = &self.chat {
            let names: Vec<String> = chat.rooms_of(client).map(|room| format!("r{room}")).collect();
            return names.join(ROOM_SEPARATOR);
        }
        match &self.publish {
            Some(Publish { each_of: Some(_), .. }) => format!("c{client}"),
            _ => "all".to_string(),
        }
    }

    /// Rooms that all clients together listen to, each counted for each client.
    pub fn subscriptions(&self, clients: u32) -> u64 {
        let each = self.chat.as_ref().map_or(1, |chat| chat.joins.clamp(1, chat.rooms.max(1)));
        u64::from(clients) * u64::from(each)
    }

    /// Messages that clients are to send in a range of offsets, ns, over all clients.
    pub fn sends(&self, clients: u32, range_ns: std::ops::Range<u64>) -> u64 {
        let of = |uplink: &Uplink, client| {
            uplink.schedule(client).take_while(|&o| o < range_ns.end).filter(|o| *o >= range_ns.start).count() as u64
        };
        self.uplink.as_ref().map_or(0, |uplink| (0..clients).map(|client| of(uplink, client)).sum())
    }

    /// Deliveries that are wanted of messages due in a range of offsets, ns, over all clients. A closed loop wants nothing in
    /// particular.
    pub fn deliveries(&self, clients: u32, range_ns: std::ops::Range<u64>) -> u64 {
        let in_range = |offset: &u64| *offset >= range_ns.start;
        let count = |schedule: Schedule| schedule.take_while(|&o| o < range_ns.end).filter(in_range).count() as u64;
        match (&self.publish, &self.uplink, &self.chat) {
            (Some(publish), ..) => {
                let stream = |stream: u64| count(Schedule::new(&publish.arrivals, publish.rate, publish.seed, stream));
                match publish.each_of {
                    None => stream(0) * u64::from(clients),
                    Some(streams) => (0..u64::from(streams)).map(stream).sum(),
                }
            }
            (None, Some(uplink), None) => (0..clients).map(|client| count(uplink.schedule(client))).sum(),
            (None, Some(uplink), Some(chat)) => {
                let mut members = vec![0u64; chat.rooms.max(1) as usize];
                (0..clients).flat_map(|client| chat.rooms_of(client)).for_each(|room| members[room as usize] += 1);
                let of = |client| {
                    let due = uplink.schedule(client).take_while(|&o| o < range_ns.end).zip(chat.rooms_of(client).cycle());
                    due.filter(|(offset, _)| in_range(offset)).map(|(_, room)| members[room as usize]).sum::<u64>()
                };
                (0..clients).map(of).sum()
            }
            (None, None, _) => 0,
        }
    }
}
