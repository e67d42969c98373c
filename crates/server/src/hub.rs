//! Rooms by name: what is published in a room is kept in a bounded ring, and readers follow it with cursors.
//!
//! - [`room`]: one room: the ring, cursors, who is woken
//! - [`reader`]: a cursor that can wait, cancel-safe
//! - [`waiters`]: who waits, and in which order they are woken
//! - [`message`]: one message, and its encodings, each made once however many read it
//! - [`held`]: what all rooms keep together, and the part of it that clients may fill
//!
//! The hub knows nothing of transports, sockets or runtimes: a poll, a stream and a WebSocket are all readers with a cursor,
//! so none of them can be given an advantage here. Nothing is queued for anybody: a reader that is slow loses what falls out
//! of the ring, and is told how much.
//!
//! ```
//! use bytes::Bytes;
//! use wirecost_server::hub::{Hub, HubOptions, Limit};
//!
//! let hub = Hub::new(HubOptions::default());
//! let room = hub.room("all")?;
//! room.publish(Bytes::from_static(b"hello"))?.wake();
//! let batch = room.read(0, Limit::default());
//! assert_eq!((batch.messages.len(), batch.next, batch.lost), (1, 1, 0));
//! # Ok::<(), wirecost_server::hub::HubError>(())
//! ```

pub mod held;
pub mod message;
pub mod reader;
pub mod room;
pub mod waiters;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use held::Held;
pub use message::Message;
pub use reader::Reader;
pub use room::{Batch, Limit, Room};
pub use waiters::Wakes;

/// The longest name of a room, bytes.
pub const MAX_ROOM_NAME_BYTES: usize = 64;

/// Rooms that one reader may follow.
pub const MAX_ROOMS_OF_READER: usize = 64;

/// What stands between the names of several rooms, and between their cursors.
pub const SEPARATOR: char = '.';

/// How much the hub keeps.
#[derive(Debug, Clone, Copy)]
pub struct HubOptions {
    /// Messages that a room keeps.
    pub ring_messages: usize,
    /// Bytes of payload that a room keeps; the newest message is kept whatever its size.
    pub ring_bytes: usize,
    /// Bytes that all rooms keep together: payloads, encodings, and what a message takes up beside them. While there are more, a
    /// room that is published in keeps the newest message only; at twice as much nothing can be published. For what clients say
    /// it is a part of that, because they may make up rooms.
    pub total_bytes: usize,
    /// Rooms at one time.
    pub max_rooms: usize,
}

impl Default for HubOptions {
    fn default() -> Self {
        HubOptions { ring_messages: 4096, ring_bytes: 16 << 20, total_bytes: 1 << 30, max_rooms: 1 << 16 }
    }
}

/// Why the hub refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HubError {
    /// A name is empty, longer than [`MAX_ROOM_NAME_BYTES`], or has characters other than letters, digits, `-` and `_`.
    #[error("a room's name has 1 to {MAX_ROOM_NAME_BYTES} of a-z A-Z 0-9 - _")]
    BadName,
    /// There are as many rooms as there may be.
    #[error("there are {0} rooms already")]
    TooManyRooms(usize),
    /// Several rooms are listened to, and there is not a cursor for each.
    #[error("there must be one cursor for each of {0} rooms, or none")]
    BadCursors(usize),
    /// Too many rooms for one reader.
    #[error("a client listens to {MAX_ROOMS_OF_READER} rooms at most, to each once")]
    BadRooms,
    /// The rooms keep as much as they may.
    #[error("the rooms hold {0} bytes already")]
    Full(usize),
    /// Messages are text: most transports can carry nothing else unchanged.
    #[error("a message must be UTF-8")]
    NotUtf8,
}

/// All rooms.
#[derive(Debug)]
pub struct Hub {
    options: HubOptions,
    rooms: RwLock<HashMap<Box<str>, Arc<Room>>>,
    closed: AtomicBool,
    held: Arc<Held>,
}

impl Hub {
    /// A hub without rooms.
    pub fn new(options: HubOptions) -> Arc<Hub> {
        Arc::new(Hub { options, rooms: RwLock::default(), closed: AtomicBool::new(false), held: Arc::default() })
    }

    /// The room of that name, which is made if there is none.
    ///
    /// # Errors
    /// [`HubError::BadName`], [`HubError::TooManyRooms`].
    pub fn room(&self, name: &str) -> Result<Arc<Room>, HubError> {
        if let Some(room) = self.find(name) {
            return Ok(room);
        }
        check_name(name)?;
        let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
        if !rooms.contains_key(name) && rooms.len() >= self.options.max_rooms {
            return Err(HubError::TooManyRooms(rooms.len()));
        }
        let room = rooms.entry(name.into()).or_insert_with(|| Arc::new(Room::new(name, self.options, &self.held)));
        if self.closed.load(Ordering::SeqCst) {
            room.close().wake();
        }
        Ok(room.clone())
    }

    /// The room of that name, if there is one. For reading without leaving a trace.
    pub fn find(&self, name: &str) -> Option<Arc<Room>> {
        self.rooms().get(name).cloned()
    }

    /// A reader of a room: from the message numbered `after` on, or from now on.
    ///
    /// # Errors
    /// Those of [`Hub::room`].
    pub fn reader(self: &Arc<Self>, name: &str, after: Option<u64>) -> Result<Reader, HubError> {
        let mut reader = Reader::new(self.clone(), 1);
        reader.follow(self.room(name)?, after);
        Ok(reader)
    }

    /// A reader of the rooms `names`, parted by dots: each from its cursor on, in the same order; or, without cursors, from now
    /// on.
    ///
    /// # Errors
    /// Those of [`Hub::room`], [`HubError::BadCursors`], [`HubError::BadRooms`].
    pub fn follow(self: &Arc<Self>, names: &str, after: &[u64]) -> Result<Reader, HubError> {
        let names = room_names(names, after)?;
        let mut reader = Reader::new(self.clone(), names.len());
        for (at, name) in names.into_iter().enumerate() {
            // Without this room the reader is dropped, and those that were made for it are forgotten.
            reader.follow(self.room(name)?, after.get(at).copied());
        }
        Ok(reader)
    }

    /// Publishes what a client says in a room of its choice, as [`Room::publish`] does, in the part of the hub that clients may
    /// fill.
    ///
    /// # Errors
    /// Those of [`Hub::room`] and [`Room::publish`].
    pub fn say(&self, name: &str, payload: Bytes) -> Result<Wakes, HubError> {
        let room = self.room(name)?;
        let said = room.say(payload);
        if said.is_err() {
            self.leave(&room);
        }
        said
    }

    /// Ends every reader once it has read what there is; nothing more can be published.
    pub fn close(&self) {
        // The flag first: a room that is made from here on is closed by whoever makes it.
        self.closed.store(true, Ordering::SeqCst);
        let closed: Vec<Wakes> = self.rooms().values().map(|room| room.close()).collect();
        closed.into_iter().for_each(Wakes::wake);
    }

    /// Readers that are waiting at this moment.
    pub fn subscribers(&self) -> u64 {
        self.rooms().values().map(|room| room.waiting()).sum()
    }

    /// Messages that fell out of a ring before a reader had read them, or had no room in it, over all readers.
    pub fn overrun(&self) -> u64 {
        self.rooms().values().map(|room| room.overrun()).sum()
    }

    /// Rooms there are.
    pub fn room_count(&self) -> usize {
        self.rooms().len()
    }

    /// A room is locked while the map is, never the other way round. Nobody takes rooms out of here to ask them later: that
    /// would look like somebody using them ([`Hub::leave`]).
    fn rooms(&self) -> RwLockReadGuard<'_, HashMap<Box<str>, Arc<Room>>> {
        self.rooms.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a room that was only ever listened to, so that names made up by clients take no memory for good.
    fn leave(&self, room: &Arc<Room>) {
        if !room.is_unused() {
            return;
        }
        let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
        // Whoever else has the room counts here, and nobody can come by it while the map is locked.
        let (of_the_map, of_the_leaver) = (1, 1);
        if Arc::strong_count(room) == of_the_map + of_the_leaver && room.is_unused() {
            rooms.remove(room.name());
        }
    }
}

/// The names of the rooms that a client asks for, where the cursors that it brings fit them.
///
/// # Errors
/// [`HubError::BadCursors`], [`HubError::BadRooms`], [`HubError::BadName`].
pub fn room_names<'a>(names: &'a str, after: &[u64]) -> Result<Vec<&'a str>, HubError> {
    let names: Vec<&str> = names.split(SEPARATOR).take(MAX_ROOMS_OF_READER + 1).collect();
    let is_twice = |at: usize| names[..at].contains(&names[at]);
    if names.len() > MAX_ROOMS_OF_READER || (1..names.len()).any(is_twice) {
        return Err(HubError::BadRooms);
    }
    names.iter().try_for_each(|name| check_name(name))?;
    if after.is_empty() || after.len() == names.len() { Ok(names) } else { Err(HubError::BadCursors(names.len())) }
}

/// Whether a room could have this name.
///
/// # Errors
/// [`HubError::BadName`].
pub fn check_name(name: &str) -> Result<(), HubError> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if (1..=MAX_ROOM_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_allowed) { Ok(()) } else { Err(HubError::BadName) }
}

#[cfg(test)]
mod tests {
    use super::held::CLIENTS_PART;
    use super::message::OVERHEAD_BYTES;
    use super::*;

    #[test]
    fn names_and_their_number_are_bounded() {
        let hub = Hub::new(HubOptions { max_rooms: 2, ..HubOptions::default() });
        for bad in ["", "a b", "ä", "a/b", "a%20b", &"x".repeat(65)] {
            assert_eq!(hub.room(bad).unwrap_err(), HubError::BadName);
        }
        hub.room(&"x".repeat(64)).unwrap();
        hub.room("b").unwrap();
        assert_eq!(hub.room("c").unwrap_err(), HubError::TooManyRooms(2));
        assert!(hub.room("b").is_ok(), "a room that is there is always found");
    }

    #[test]
    fn a_room_that_was_only_listened_to_is_forgotten() {
        let hub = Hub::new(HubOptions::default());
        let (one, two) = (hub.reader("quiet", None).unwrap(), hub.reader("quiet", None).unwrap());
        drop(one);
        assert_eq!(hub.room_count(), 1);
        drop(two);
        assert_eq!(hub.room_count(), 0);
        let reader = hub.reader("used", None).unwrap();
        hub.room("used").unwrap().publish(Bytes::from_static(b"x")).unwrap().wake();
        drop(reader);
        assert_eq!(hub.room_count(), 1, "what was published is still there to be polled");
    }

    #[test]
    fn a_reader_that_finds_no_room_for_all_of_its_rooms_leaves_none_behind() {
        let hub = Hub::new(HubOptions { max_rooms: 2, ..HubOptions::default() });
        hub.room("there").unwrap();
        assert_eq!(hub.follow("a.b", &[]).unwrap_err(), HubError::TooManyRooms(2));
        assert_eq!(hub.room_count(), 1);
    }

    #[test]
    fn what_clients_say_leaves_the_rest_to_the_server() {
        let message = || Bytes::from(vec![b'a'; 100]);
        let each = 100 + OVERHEAD_BYTES;
        let hub = Hub::new(HubOptions { total_bytes: 40 * each, ..HubOptions::default() });
        let said: Vec<_> = (0..100).map(|n| hub.say(&format!("r{n}"), message())).collect();
        // Each room keeps its newest, up to twice the part.
        assert_eq!(said.iter().filter(|said| said.is_ok()).count(), 2 * 40 / CLIENTS_PART + 1);
        assert!(matches!(said[99], Err(HubError::Full(held_bytes)) if held_bytes == 21 * each), "{:?}", said[99]);
        assert_eq!(hub.room_count(), 21, "what is refused leaves no room behind");
        let all = hub.room("all").unwrap();
        (0..15).for_each(|_| all.publish(message()).unwrap().wake());
        assert_eq!(all.read(0, Limit::default()).messages.len(), 15);
        assert!(hub.say("all", message()).is_err());
        assert_eq!(hub.overrun(), 0, "whoever says something is told itself");
    }

    #[test]
    fn rooms_that_stay_because_of_clients_are_a_part_of_all() {
        let say = |hub: &Hub, room| hub.say(room, Bytes::from_static(b"x")).map(Wakes::wake);
        let hub = Hub::new(HubOptions { max_rooms: 2 * CLIENTS_PART, ..HubOptions::default() });
        let _listening = hub.reader("listened-to", None).unwrap();
        hub.room("all").unwrap().publish(Bytes::from_static(b"x")).unwrap().wake();
        for (room, said) in [
            ("one", Ok(())),
            ("two", Ok(())),
            ("three", Err(HubError::TooManyRooms(2))),
            ("listened-to", Err(HubError::TooManyRooms(2))),
            ("two", Ok(())),
            ("all", Ok(())),
        ] {
            assert_eq!(say(&hub, room), said, "{room}");
        }
        assert_eq!(hub.room_count(), 4);
    }
}
