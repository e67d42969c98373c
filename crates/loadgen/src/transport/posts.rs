//! Client-to-server messages of the HTTP transports: a POST each. Uploads keep their order, so one is under
//! way at a time and later ones wait; echoes are independent requests, as many at once as are outstanding.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{self, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::Downlink;
use super::asker::Asker;
use crate::client::{Connect, Context};
use crate::session::{Delivery, Session, TransportError};
use crate::stack::{Answer, Exchange, Http};

/// Up to this size a message's memory is kept for the next. Larger ones cost other things, and a client that is silent again does
/// not keep room for them.
const MOST_KEPT_BYTES: usize = 16 << 10;

/// POSTs that wait and POSTs that are under way.
struct Posts {
    http: Http,
    echo: bool,
    waiting: VecDeque<Bytes>,
    /// One POST under way, and those beside it and large ones: the bookkeeping of a set is a cost that most clients can do without. Made for the
    /// first, because who only listens holds no room for it.
    one: Option<Asker<Vec<u8>>>,
    others: FuturesUnordered<Exchange>,
}

impl Posts {
    /// Sends a message now or, behind the one that is under way and those that wait for it, later.
    fn push(&mut self, message: &[u8]) {
        match self.has_place() {
            true => self.post(message),
            false => self.waiting.push_back(Bytes::copy_from_slice(message)),
        }
    }

    /// Whether a message may go on its way.
    fn has_place(&self) -> bool {
        self.echo || self.under_way() == 0
    }

    fn post(&mut self, message: &[u8]) {
        let (http, path) = (&self.http, if self.echo { "/echo" } else { "/messages" });
        let one = self.one.get_or_insert_with(|| {
            let http = http.clone();
            Asker::new(async move |message: &Vec<u8>| http.post(path, &[], message).await)
        });
        if !one.is_under_way() && message.len() <= MOST_KEPT_BYTES {
            return one.ask(|body| {
                body.clear();
                body.extend_from_slice(message);
            });
        }
        let (http, message) = (http.clone(), Bytes::copy_from_slice(message));
        self.others.push(Box::pin(async move { http.post(path, &[], &message).await }));
    }

    fn under_way(&self) -> usize {
        usize::from(self.one.as_ref().is_some_and(Asker::is_under_way)) + self.others.len()
    }

    /// Pending for ever while there is none.
    fn poll_answer(&mut self, context: &mut task::Context<'_>) -> Poll<Result<Answer, TransportError>> {
        if let Some(one) = &mut self.one
            && let Poll::Ready(answer) = one.poll_answer(context)
        {
            return Poll::Ready(answer);
        }
        match self.others.is_empty() {
            true => Poll::Pending,
            false => self.others.poll_next_unpin(context).map(|answer| answer.unwrap_or(Err(TransportError::Ended))),
        }
    }

    /// Pending for ever while there is none.
    async fn next(&mut self) -> Result<Delivery<'_>, TransportError> {
        let answer = poll_fn(|context| self.poll_answer(context)).await;
        // Only uploads wait, and one at a time is under way.
        if let Some(message) = self.waiting.pop_front() {
            self.post(&message);
        }
        let answer = answer?;
        match (self.echo, answer.status) {
            (true, 200) => Ok(Delivery::shared(answer.body)),
            (false, 204) => Ok(Delivery::Accepted),
            (_, status) => Err(TransportError::Unexpected(format!("status {status} to a POST"))),
        }
    }
}

/// A session over HTTP: a downlink, if the client listens, and POSTs.
pub(crate) struct HttpSession<D> {
    down: Option<D>,
    posts: Posts,
}

impl<D: Downlink> Connect for HttpSession<D> {
    /// Parallel requests overtake one another.
    const ECHO_IN_ORDER: bool = false;

    async fn connect(context: &Context) -> Result<Self, TransportError> {
        let http = Http::new(&context.target, context.socket_meter.clone(), context.stage_sink())?;
        let down = match context.room() {
            Some(room) => Some(D::connect(context, http.clone(), room).await?),
            None => {
                // Opens the connection now, so that the first message does not pay for it.
                http.get("/health", &[], Duration::ZERO).await?;
                None
            }
        };
        let posts = Posts { http, echo: context.echo, waiting: VecDeque::new(), one: None, others: FuturesUnordered::new() };
        Ok(HttpSession { down, posts })
    }

    fn confirms(&self) -> bool {
        true
    }

    fn cursor(&self) -> Option<u64> {
        self.down.as_ref().and_then(D::cursor)
    }
}

impl<D: Downlink> Session for HttpSession<D> {
    async fn send(&mut self, message: &[u8]) -> Result<(), TransportError> {
        self.posts.push(message);
        Ok(())
    }

    async fn next(&mut self) -> Result<Delivery<'_>, TransportError> {
        let HttpSession { down, posts } = self;
        match down {
            None => posts.next().await,
            // Never long in favour of the first: there is one answer to a POST for each message that was sent.
            Some(down) => tokio::select! { biased;
                posted = posts.next() => posted,
                delivery = down.next() => delivery,
            },
        }
    }

    async fn close(mut self) {
        // What the drain left no time for is not sent any more: on every other transport it would be too late, too.
        self.posts.waiting.clear();
        while self.posts.under_way() > 0 {
            if self.posts.next().await.is_err() {
                break;
            }
        }
        if let Some(down) = self.down {
            down.finish().await;
        }
    }
}
