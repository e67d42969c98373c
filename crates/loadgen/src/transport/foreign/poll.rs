//! Short and long polling of a server that is not ours: GET again and again, at an interval or as soon as the one before is
//! answered, with what the recipe remembers of earlier answers.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll as Polled;
use std::time::Duration;

use wirecost_model::TransportKind;
use wirecost_model::dialect::{self, Recipe, Source};
use wirecost_wire::find;

use super::{Finder, filled, quoted, recipe};
use crate::client::{Connect, Context};
use crate::session::{Delivery, Session, TransportError};
use crate::stack::{Answer, Http};
use crate::transport::long_poll;
use crate::transport::rounds::Rounds;

/// A poller of either kind.
pub(crate) struct Poll {
    context: Context,
    http: Http,
    recipe: Rc<Recipe>,
    finder: Finder,
    /// With everything filled in but memories.
    path: String,
    memories: HashMap<String, String>,
    ready: VecDeque<Delivery<'static>>,
    rounds: Rounds<Request>,
}

/// The path, and headers.
type Request = (String, Vec<(String, String)>);

impl Poll {
    fn is_short(&self) -> bool {
        self.context.target.arm.transport == TransportKind::ShortPoll
    }

    fn ask(&mut self) {
        let (path, headers) = self.request();
        self.rounds.asker.ask(|request| *request = (path, headers));
    }

    fn request(&self) -> Request {
        let value = |name: &str| self.memories.get(name).cloned();
        // A parameter of the query that has no value yet is left empty: the path has to be whole.
        let path = dialect::fill(&self.path, |name| Some(value(name).unwrap_or_default())).unwrap_or_default();
        let headers: Vec<(String, String)> = self
            .recipe
            .headers
            .iter()
            .filter_map(|(name, template)| Some((name.clone(), dialect::fill(template, value)?)))
            .collect();
        (path, headers)
    }

    /// Reads an answer into deliveries.
    fn take(&mut self, answer: Answer) -> Result<(), TransportError> {
        let target = Rc::clone(&self.context.target);
        let books = target.foreign.as_ref().map(|foreign| &foreign.books);
        match answer.status {
            200 => {}
            // Nothing new, and the end of a hold: each has been seen with one server or another.
            204 | 304 | 408 => {
                self.remember(&answer)?;
                if let Some(books) = books {
                    books.poll(0, answer.heads);
                }
                self.ready.push_back(Delivery::Nothing);
                return Ok(());
            }
            status => {
                let path = &self.path;
                return Err(TransportError::Unexpected(format!("status {status} to GET {path}: {}", quoted(&answer.body))));
            }
        }
        let count = self.finder.find(answer.headers.get("content-type"), &answer.body, &mut self.ready)?;
        self.remember(&answer)?;
        if let Some(books) = books {
            books.poll(count, answer.heads);
        }
        if count == 0 {
            self.ready.push_back(Delivery::Nothing);
        }
        Ok(())
    }

    fn remember(&mut self, answer: &Answer) -> Result<(), TransportError> {
        for memory in &self.recipe.memories {
            let value = match &memory.source {
                Source::Header(name) => answer.headers.get(name).map(str::to_string),
                Source::Json(_) if answer.body.is_empty() => None,
                Source::Json(pointer) => {
                    let found = find::texts(&answer.body, pointer).map_err(|error| {
                        TransportError::Malformed(format!("no {{{}}}: {error}, in {}", memory.name, quoted(&answer.body)))
                    })?;
                    found.into_iter().next_back()
                }
            };
            // It goes into a request line or a header.
            if let Some(value) =
                value.filter(|value| value.len() <= 1000 && value.bytes().all(|b| b == b' ' || b.is_ascii_graphic()))
            {
                self.memories.insert(memory.name.clone(), value);
            }
        }
        Ok(())
    }

    /// Starts a request and returns when it is written, or answered already.
    async fn park(&mut self) -> Result<(), TransportError> {
        let begun = begun(&self.http);
        self.ask();
        let (asker, http) = (&mut self.rounds.asker, &self.http);
        let answered = poll_fn(|cx| match asker.poll_answer(cx) {
            Polled::Ready(answer) => Polled::Ready(Some(answer)),
            // In the same breath in which a request is begun it is written.
            Polled::Pending if self::begun(http) > begun => Polled::Ready(None),
            Polled::Pending => Polled::Pending,
        })
        .await;
        answered.map_or(Ok(()), |answer| self.take(answer?))
    }
}

fn begun(http: &Http) -> u64 {
    match http {
        Http::Lean(http) => http.begun(),
        Http::Standard(_) => 0,
    }
}

impl Connect for Poll {
    const ECHO_IN_ORDER: bool = false;

    async fn connect(context: &Context) -> Result<Self, TransportError> {
        let recipe = recipe(context)?;
        let http = Http::new(&context.target, context.socket_meter.clone(), context.stage_sink())?;
        http.keep_heads();
        // Memories are filled in at each request.
        let own = |name: &str| recipe.memories.iter().any(|memory| memory.name == name).then(|| format!("{{{name}}}"));
        let path = dialect::fill(&recipe.path, |name| own(name).or_else(|| filled(context, &format!("{{{name}}}")).ok()))
            .ok_or_else(|| TransportError::Unexpected(format!("`{}` has parts without a value", recipe.path)))?;
        let memories = recipe.memories.iter().filter_map(|memory| Some((memory.name.clone(), memory.start.clone()?))).collect();
        let held = Duration::from_nanos(context.target.arm.hold.unwrap_or_default().ns());
        let (asked, gap) = (http.clone(), long_poll::gap(context));
        let rounds = Rounds::new(async move |(path, headers): &Request| {
            long_poll::wait(gap).await;
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            asked.get(path, &headers, held).await
        });
        let mut poll = Poll {
            context: context.clone(),
            http,
            finder: Finder::new(Rc::clone(&recipe)),
            recipe,
            path,
            memories,
            ready: VecDeque::new(),
            rounds,
        };
        if poll.is_short() {
            // Where the stream stands: what is there already is not this trial's.
            poll.ask();
            let answer = poll.rounds.asker.answer().await?;
            poll.take(answer)?;
            poll.ready.clear();
        } else {
            poll.park().await?;
        }
        Ok(poll)
    }

    fn confirms(&self) -> bool {
        false
    }

    /// Servers that are not ours are not cut off, so nothing goes on.
    fn cursor(&self) -> Option<u64> {
        None
    }
}

impl Session for Poll {
    async fn send(&mut self, _: &[u8]) -> Result<(), TransportError> {
        Err(TransportError::Unexpected("clients send nothing by polling a server that is not ours".into()))
    }

    async fn next(&mut self) -> Result<Delivery<'_>, TransportError> {
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                return Ok(delivery);
            }
            let is_paced = self.is_short();
            if self.rounds.are_due(is_paced.then_some(&self.context)).await {
                self.ask();
            }
            let answer = self.rounds.answer().await?;
            self.take(answer)?;
        }
    }

    async fn close(self) {
        // A short poll is answered soon, and what is cut off cannot be counted as what it was.
        if self.is_short() {
            let _ = tokio::time::timeout(Duration::from_secs(2), self.rounds.finish()).await;
        }
    }
}
