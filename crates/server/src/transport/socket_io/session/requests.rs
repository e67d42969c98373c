//! The requests of a poller: one GET and one POST at a time, and what becomes of the session if they go away.

use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use wirecost_wire::engine_io::Packet;

use super::super::outbox::Outgoing;
use super::{Carrier, Session, Status};
use crate::hub::Limit;

impl Session {
    /// A GET has come. `None` if there is one already, which ends the session: the official server does the same, because
    /// messages might be lost between the two.
    pub fn begin_poll(self: &Arc<Self>) -> Option<Polled> {
        let mut state = self.lock();
        if state.polled {
            self.close(&mut state, None);
            return None;
        }
        state.polled = true;
        Some(Polled { session: self.clone(), is_answered: false })
    }

    /// A POST has come. `None` if there is one already, which ends the session, or the session has ended.
    pub fn begin_post(self: &Arc<Self>) -> Option<Posted> {
        let mut state = self.lock();
        if state.posted || state.status == Status::Closed {
            self.close(&mut state, None);
            return None;
        }
        state.posted = true;
        Some(Posted { session: self.clone(), is_read: false })
    }

    /// For a poll: what it is answered.
    fn poll_answer(&self, cx: &mut TaskContext<'_>, limit: Limit) -> Poll<Vec<Outgoing>> {
        let mut state = self.lock();
        let only = |packet| Poll::Ready(vec![Outgoing::packet(packet)]);
        if state.status == Status::Closed {
            return only(state.last_word.take().unwrap_or(Packet::Close));
        }
        if state.carrier == Carrier::Websocket {
            return only(Packet::Noop);
        }
        let mut taken = state.take(cx, limit);
        if matches!(state.status, Status::Closing { .. }) && state.outbox.is_empty() {
            taken.push(Outgoing::packet(Packet::Close));
            self.close(&mut state, None);
        }
        if !taken.is_empty() {
            return Poll::Ready(taken);
        }
        if state.carrier == Carrier::Probing && state.noops > 0 {
            state.noops -= 1;
            return only(Packet::Noop);
        }
        state.wait(cx);
        Poll::Pending
    }
}

/// A GET that is being answered. If it goes away unanswered the session ends: what it was answered may be lost.
#[derive(Debug)]
pub struct Polled {
    session: Arc<Session>,
    is_answered: bool,
}

impl Polled {
    /// What to answer; waits until there is something.
    pub async fn answer(mut self, limit: Limit) -> Vec<Outgoing> {
        let parked = std::future::poll_fn(|cx| self.session.poll_answer(cx, limit));
        let taken = parked.await;
        self.is_answered = true;
        taken
    }

    /// Whether a WebSocket has been tried out and is about to take over.
    pub fn is_probed(&self) -> bool {
        self.session.is_probed()
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        let mut state = self.session.lock();
        state.polled = false;
        if !self.is_answered {
            self.session.close(&mut state, None);
        }
    }
}

/// A POST that is being read. If it goes away before it is read the session ends.
#[derive(Debug)]
pub struct Posted {
    session: Arc<Session>,
    is_read: bool,
}

impl Posted {
    /// It is dealt with.
    pub fn end(mut self) {
        self.is_read = true;
    }
}

impl Drop for Posted {
    fn drop(&mut self) {
        let mut state = self.session.lock();
        state.posted = false;
        if !self.is_read {
            self.session.close(&mut state, None);
        }
    }
}
