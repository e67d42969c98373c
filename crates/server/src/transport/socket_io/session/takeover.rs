//! A session goes over from polling to a WebSocket.

use std::task::{Context as TaskContext, Poll};

use super::{Carrier, Session, Status};

/// Polls that are ended at once after a probe: the one that is parked, and one that was on its way.
const NOOPS: u8 = 2;

impl Session {
    /// A WebSocket wants to take over. `false` if another does, or has.
    pub fn begin_upgrade(&self) -> bool {
        let mut state = self.lock();
        let may = state.status == Status::Open && state.carrier == Carrier::Polling;
        if may {
            state.carrier = Carrier::Probing;
        }
        may
    }

    /// The WebSocket works. The client is about to stop polling, so the poll that is parked is ended.
    pub fn probed(&self) {
        let mut state = self.lock();
        (state.noops, state.probed) = (NOOPS, true);
        state.wake();
    }

    /// The WebSocket takes over. `false` if the session has ended meanwhile.
    pub fn complete_upgrade(&self) -> bool {
        let mut state = self.lock();
        if state.status == Status::Closed || state.carrier != Carrier::Probing {
            return false;
        }
        state.carrier = Carrier::Websocket;
        // A poll that is parked all the same; it takes nothing any more.
        state.wake();
        true
    }

    /// The WebSocket does not take over.
    pub fn abort_upgrade(&self) {
        let mut state = self.lock();
        if state.carrier == Carrier::Probing {
            (state.carrier, state.noops, state.probed) = (Carrier::Polling, 0, false);
        }
    }

    /// Ready when there is nothing left to probe for.
    pub fn poll_ended(&self, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.status != Status::Open {
            return Poll::Ready(());
        }
        state.prober = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) fn is_probed(&self) -> bool {
        let state = self.lock();
        state.carrier == Carrier::Probing && state.probed
    }
}
