//! A signal to all clients of a shard that is given once. Every client looks at it for every message, so it is a flag and a
//! list of wakers on one thread: a channel's receiver would take a lock for each look.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A bell of one thread. Clones are the same bell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bell(Rc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    rung: Cell<bool>,
    listeners: RefCell<Vec<Waker>>,
}

impl Bell {
    /// Wakes all who listen, now and from now on.
    pub fn ring(&self) {
        self.0.rung.set(true);
        self.0.listeners.take().into_iter().for_each(Waker::wake);
    }

    /// Waits until it rings. A listener keeps its place until then, with the waker of its first look: this is for one that lives as
    /// long, in one task.
    pub fn listen(&self) -> Listen {
        Listen { bell: self.clone(), listening: false }
    }
}

/// Future of [`Bell::listen`].
#[derive(Debug)]
pub(crate) struct Listen {
    bell: Bell,
    listening: bool,
}

impl Future for Listen {
    type Output = ();
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Listen { bell, listening } = self.get_mut();
        if bell.0.rung.get() {
            return Poll::Ready(());
        }
        if !std::mem::replace(listening, true) {
            bell.0.listeners.borrow_mut().push(context.waker().clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn wakes_those_who_listen_and_those_who_come_late() {
        let bell = Bell::default();
        let (one, two, ringer) = (bell.listen(), bell.listen(), bell.clone());
        tokio::join!(one, two, async {
            tokio::task::yield_now().await;
            ringer.ring();
        });
        bell.listen().await;
    }
}
