//! Requests of one client, one after another, in one future that is made once: who asks all the time would allocate and fill a new
//! one for each. It is kept here, so that a dropped future cuts no request off, and so is what distinguishes one request from the
//! next, which is written where the one before was. When to ask, and what an answer means, is the caller's affair.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::session::TransportError;
use crate::stack::Answer;

/// Who asks. `R` is what distinguishes one request from the next.
pub(crate) struct Asker<R> {
    desk: Rc<Desk<R>>,
    asking: Pin<Box<dyn Future<Output = ()>>>,
    is_under_way: bool,
}

/// Where a request is put and an answer taken.
struct Desk<R> {
    request: Cell<Option<R>>,
    /// The latest that was answered: its memory is the next one's.
    used: Cell<R>,
    answer: Cell<Option<Result<Answer, TransportError>>>,
}

impl<R: Default + 'static> Asker<R> {
    /// One that asks by `exchange`.
    pub fn new(exchange: impl AsyncFn(&R) -> Result<Answer, TransportError> + 'static) -> Asker<R> {
        let desk = Rc::new(Desk { request: Cell::default(), used: Cell::default(), answer: Cell::default() });
        let at_it = Rc::clone(&desk);
        let asking = Box::pin(async move {
            loop {
                // Whoever puts a request there polls this, so nobody has to be woken.
                let request = poll_fn(|_| at_it.request.take().map_or(Poll::Pending, Poll::Ready)).await;
                at_it.answer.set(Some(exchange(&request).await));
                at_it.used.set(request);
            }
        });
        Asker { desk, asking, is_under_way: false }
    }

    /// Asks; one request at a time. `write` is given what the one before was, to make it this one. It is on its way when the answer
    /// is waited for.
    pub fn ask(&mut self, write: impl FnOnce(&mut R)) {
        debug_assert!(!self.is_under_way, "one request at a time");
        let mut request = self.desk.used.take();
        write(&mut request);
        self.desk.request.set(Some(request));
        self.is_under_way = true;
    }

    /// Whether a request was not answered yet.
    pub fn is_under_way(&self) -> bool {
        self.is_under_way
    }

    /// The answer; pending for ever if nothing was asked.
    pub fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<Result<Answer, TransportError>> {
        if !self.is_under_way {
            return Poll::Pending;
        }
        // It never ends.
        let _: Poll<()> = self.asking.as_mut().poll(context);
        match self.desk.answer.take() {
            Some(answer) => {
                self.is_under_way = false;
                Poll::Ready(answer)
            }
            None => Poll::Pending,
        }
    }

    /// The same as a future. Safe to cancel.
    pub async fn answer(&mut self) -> Result<Answer, TransportError> {
        poll_fn(|context| self.poll_answer(context)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Headers;
    use bytes::Bytes;
    use std::task::Waker;
    use wirecost_model::ledger::Flow;

    fn answer(status: u16) -> Answer {
        Answer { status, headers: Headers::Head(Bytes::new()), heads: Flow::default(), body: Bytes::new() }
    }

    #[tokio::test]
    async fn each_request_has_its_answer_and_a_dropped_future_cuts_none_off() {
        let begun = Rc::new(Cell::new(0));
        let count = Rc::clone(&begun);
        let mut asker = Asker::new(async move |&status: &u16| {
            count.set(count.get() + 1);
            tokio::task::yield_now().await;
            if status == 0 { Err(TransportError::Ended) } else { Ok(answer(status)) }
        });
        let mut context = Context::from_waker(Waker::noop());
        assert!(asker.poll_answer(&mut context).is_pending() && !asker.is_under_way(), "nothing was asked");
        for status in 1..4 {
            asker.ask(|request| {
                assert_eq!(*request + 1, status, "made of the one before");
                *request = status;
            });
            {
                let mut dropped = std::pin::pin!(asker.answer());
                assert!(dropped.as_mut().poll(&mut context).is_pending());
            }
            assert!(asker.is_under_way());
            assert_eq!(asker.answer().await.expect("an answer").status, status);
            assert_eq!((asker.is_under_way(), begun.get()), (false, status), "asked once");
        }
        asker.ask(|request| *request = 0);
        assert!(matches!(asker.answer().await, Err(TransportError::Ended)));
        asker.ask(|request| *request = 7);
        assert_eq!(asker.answer().await.expect("an answer after an error").status, 7);
    }
}
