//! Sessions by id. Bounded, because a session of a poller needs no connection to stay; each ends by itself when its client is
//! silent for too long ([`super::heartbeat`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::session::Session;

/// Sessions at one time.
const MAX_SESSIONS: usize = 1 << 16;

/// Random bytes of an id, which are 20 characters of text, as many as the official server's ids have.
const ID_BYTES: usize = 15;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The sessions of a server.
#[derive(Debug, Default)]
pub struct Registry {
    sessions: Mutex<Sessions>,
}

#[derive(Debug, Default)]
struct Sessions {
    by_id: HashMap<Box<str>, Arc<Session>>,
    closed: bool,
}

impl Registry {
    /// The session of that id, open or not.
    pub fn find(&self, id: &str) -> Option<Arc<Session>> {
        self.lock().by_id.get(id).cloned()
    }

    /// Adds a session; `false` if there are too many, or the server stops.
    pub fn add(&self, session: Arc<Session>) -> bool {
        let mut sessions = self.lock();
        if sessions.closed || sessions.by_id.len() >= MAX_SESSIONS {
            return false;
        }
        sessions.by_id.insert(session.id().into(), session);
        true
    }

    /// Forgets a session.
    pub fn forget(&self, id: &str) {
        self.lock().by_id.remove(id);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().by_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends all of them; no more are added.
    pub fn close(&self) {
        let all: Vec<Arc<Session>> = {
            let mut sessions = self.lock();
            sessions.closed = true;
            sessions.by_id.values().cloned().collect()
        };
        all.iter().for_each(|session| session.end());
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An id that cannot be guessed; `None` if the system has no randomness to give.
pub fn new_id() -> Option<String> {
    let mut bytes = [0; ID_BYTES];
    rustls::crypto::aws_lc_rs::default_provider().secure_random.fill(&mut bytes).ok()?;
    let digits = bytes.chunks_exact(3).flat_map(|group| {
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        [18, 12, 6, 0].map(|shift| char::from(ALPHABET[(bits >> shift & 0x3f) as usize]))
    });
    Some(digits.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_random_text() {
        let ids: std::collections::HashSet<String> = (0..1000).map(|_| new_id().unwrap()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 20 && id.bytes().all(|byte| ALPHABET.contains(&byte))));
    }
}
