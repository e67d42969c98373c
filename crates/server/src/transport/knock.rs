//! Telling apart what wakes a task that waits for several things at once. What it does about it is the task's business.
//!
//! A WebSocket of a large audience is woken by the room a thousand times for each time that its client says something. Looking
//! for what the client says costs as much as handing a message over (the library clears its buffer before it asks the kernel),
//! so the session looks only after a knock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Wake, Waker};

use futures_util::task::AtomicWaker;

/// One of the things that a task waits for.
#[derive(Debug)]
pub struct Door {
    knocker: Arc<Knocker>,
    waker: Waker,
}

#[derive(Debug)]
struct Knocker {
    knocked: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Knocker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.knocked.store(true, SeqCst);
        self.task.wake();
    }
}

impl Door {
    /// A door at which somebody has knocked, because at first nobody knows that they should.
    pub fn knocked_at() -> Door {
        let knocker = Arc::new(Knocker { knocked: AtomicBool::new(true), task: AtomicWaker::new() });
        Door { waker: knocker.clone().into(), knocker }
    }

    /// Whether somebody has knocked since the last time; from now on a knock wakes the task of `cx`. To be asked once each time
    /// that the task is woken. Whoever gets a yes has to look until nothing is there, with [`Door::context`].
    pub fn was_knocked_at(&self, cx: &mut Context<'_>) -> bool {
        self.knocker.task.register(cx.waker());
        self.knocker.knocked.swap(false, SeqCst)
    }

    /// What to look with: who is polled with it knocks here.
    pub fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn a_knock_is_heard_once_and_wakes_the_task() {
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let task = Waker::from(woken.clone());
        let mut cx = Context::from_waker(&task);
        let door = Door::knocked_at();
        assert!(door.was_knocked_at(&mut cx), "at first");
        assert!(!door.was_knocked_at(&mut cx));
        for knocks in 1..3 {
            door.context().waker().wake_by_ref();
            assert_eq!(woken.0.load(SeqCst), knocks);
            assert!(door.was_knocked_at(&mut cx));
            assert!(!door.was_knocked_at(&mut cx));
        }
    }
}
