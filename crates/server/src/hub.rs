//! Rooms by name: what is published in a room is kept in a bounded ring, and readers follow it with cursors.
//!
//! - [`room`]: one room: the ring, cursors, who is woken
//! - [`reader`]: a cursor that can wait, cancel-safe
//! - [`waiters`]: who waits, and in which order they are woken
//! - [`message`]: one message, and its encodings, each made once however many read it
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

pub mod message;
pub mod reader;
pub mod room;
pub mod waiters;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

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
    /// Bytes of payload that all rooms keep together. While there are more, a room that is published in keeps the newest message
    /// only; at twice as much nothing can be published. Clients may make up rooms.
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
    /// Bytes of payload in all rings.
    held_bytes: Arc<AtomicUsize>,
}

impl Hub {
    /// A hub without rooms.
    pub fn new(options: HubOptions) -> Arc<Hub> {
        Arc::new(Hub { options, rooms: RwLock::default(), closed: AtomicBool::new(false), held_bytes: Arc::default() })
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
        let room = rooms.entry(name.into()).or_insert_with(|| Arc::new(Room::new(name, self.options, &self.held_bytes)));
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
        Ok(Reader::new(self.clone(), vec![(self.room(name)?, after)]))
    }

    /// A reader of the rooms `names`, parted by dots: each from its cursor on, in the same order; or, without cursors, from now
    /// on.
    ///
    /// # Errors
    /// Those of [`Hub::room`], [`HubError::BadCursors`], [`HubError::BadRooms`].
    pub fn follow(self: &Arc<Self>, names: &str, after: &[u64]) -> Result<Reader, HubError> {
        let names = room_names(names, after)?;
        let cursors = after.iter().copied().map(Some).chain(std::iter::repeat(None));
        let rooms = names.into_iter().zip(cursors).map(|(name, after)| Ok((self.room(name)?, after)));
        Ok(Reader::new(self.clone(), rooms.collect::<Result<_, HubError>>()?))
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

    /// Messages that fell out of a ring before a reader had read them, over all readers.
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
        hub.room("used").unwrap().publish(bytes::Bytes::from_static(b"x")).unwrap().wake();
        drop(reader);
        assert_eq!(hub.room_count(), 1, "what was published is still there to be polled");
    }
}
