//! The publisher of a trial whose server is not ours: it puts due and sending time into each message and hands it to the
//! server as the recipe says, on connections of its own, from a thread of its own. The reference server publishes by itself,
//! which costs no byte; so what is sent here is kept in books of its own and charged to nobody's messages.
//!
//! One stream is published in order: a POST leaves when the one before was answered. What that makes late is told as the
//! publisher's lateness, and is in `delivery`, which counts from the due time.
//!
//! Before the clock starts it publishes *probes*, until every subscriber has seen one: the one way to know that all are
//! there which works with every server.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc as sync;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;
use wirecost_model::control::{Begin, Publish as Plan};
use wirecost_model::dialect::{self, Publish, Recipe};
use wirecost_model::schedule::Schedule;
use wirecost_model::{DepartureWatch, Envelope, Published};
use wirecost_probe::clock::now_ns;
use wirecost_probe::process;

use crate::client::{Connect, Context, Shared, Stage};
use crate::pacer::Pacer;
use crate::session::{Session, TransportError};
use crate::stack::Http;
use crate::target::Target;
use crate::transport::foreign::{frames, quoted};
use crate::transport::socket_io::SocketIo;
use crate::workload::Script;

/// The stream of probes: no client listens to it.
pub(crate) const PROBE_STREAM: u32 = (1 << 24) - 1;

/// Its place in a payload (`wirecost_model::envelope`): looked at before anything is verified.
pub(crate) const PROBE_MARK: &[u8] = b"____";

/// Lanes that streams of clients' own are spread over, a connection each.
const MOST_LANES: u32 = 8;

/// How long connecting and a round of probes may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the last message may take to be handed over at the end.
const FAREWELL: Duration = Duration::from_secs(1);

/// What was published, without probes, and what went wrong, by text.
type Outcome = (Published, BTreeMap<String, u64>);

/// Why nothing can be published.
#[derive(Debug, thiserror::Error)]
pub enum PublisherError {
    /// No thread.
    #[error("no thread for the publisher: {0}")]
    Thread(#[from] std::io::Error),
    /// The server does not take messages.
    #[error("cannot publish: {0}")]
    Refused(String),
    /// It does not answer.
    #[error("cannot publish: no answer within {} s", PATIENCE.as_secs())]
    Silent,
}

/// A word to the lanes.
#[derive(Clone)]
enum Word {
    Probe,
    Begin(Begin),
}

/// A publisher with its connections.
pub struct Publisher {
    words: Vec<mpsc::UnboundedSender<Word>>,
    told: sync::Receiver<Result<(), String>>,
    stop: watch::Sender<Stage>,
    thread: JoinHandle<std::io::Result<Outcome>>,
}

impl Publisher {
    /// Connects. `target` has books of its own.
    ///
    /// # Errors
    /// [`PublisherError`].
    pub fn connect(target: Target, script: Script, plan: Plan, seed: u64) -> Result<Publisher, PublisherError> {
        let lanes = plan.each_of.unwrap_or(1).clamp(1, MOST_LANES);
        let (tell, told) = sync::channel();
        let (stop, stopped) = watch::channel(Stage::Connecting);
        let (words, heard): (Vec<_>, Vec<_>) = (0..lanes).map(|_| mpsc::unbounded_channel()).unzip();
        let thread = std::thread::Builder::new().name("publisher".into()).spawn(move || {
            let _ = wirecost_probe::clock::set_timer_slack_ns(1);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            LocalSet::new().block_on(&runtime, async move {
                let pacer = Pacer::spawn()?;
                let (target, script) = (Rc::new(target), Rc::new(script));
                let shared = Rc::new(Shared::new(Arc::default()));
                let tasks: Vec<_> = heard
                    .into_iter()
                    .enumerate()
                    .map(|(number, words)| {
                        let context = Context {
                            target: Rc::clone(&target),
                            script: Rc::clone(&script),
                            number: number as u32,
                            clients: lanes,
                            resume: None,
                            echo: false,
                            phase: 0.0,
                            seed: !seed,
                            pacer: pacer.clone(),
                            stage: stopped.clone(),
                            socket_meter: Default::default(),
                            shared: Rc::clone(&shared),
                        };
                        let lane = Lane::new(context, &plan, lanes, tell.clone());
                        tokio::task::spawn_local(lane.live(words))
                    })
                    .collect();
                let (mut all, mut errors) = Outcome::default();
                for task in tasks {
                    let (published, error) = task.await.unwrap_or_default();
                    all.merge(published);
                    error.into_iter().for_each(|text| *errors.entry(text).or_default() += 1);
                }
                // What went wrong in a lane's session without ending it, such as a connection that was made anew.
                shared.recorder.take().errors.into_iter().for_each(|(text, count)| *errors.entry(text).or_default() += count);
                Ok((all, errors))
            })
        })?;
        let publisher = Publisher { words, told, stop, thread };
        publisher.all_say_yes()?;
        Ok(publisher)
    }

    fn all_say_yes(&self) -> Result<(), PublisherError> {
        for _ in &self.words {
            match self.told.recv_timeout(PATIENCE) {
                Ok(Ok(())) => {}
                Ok(Err(text)) => return Err(PublisherError::Refused(text)),
                Err(sync::RecvTimeoutError::Timeout) => return Err(PublisherError::Silent),
                Err(sync::RecvTimeoutError::Disconnected) => {
                    return Err(PublisherError::Refused("the publisher has ended".into()));
                }
            }
        }
        Ok(())
    }

    /// Publishes one probe in every room.
    ///
    /// # Errors
    /// [`PublisherError`]: the server does not take it.
    pub fn probe(&self) -> Result<(), PublisherError> {
        self.words.iter().for_each(|lane| _ = lane.send(Word::Probe));
        self.all_say_yes()
    }

    /// CPU time that its thread has taken, ns; 0 when it has ended.
    pub fn cpu_ns(&self) -> u64 {
        process::thread_cpu_ns(&self.thread).unwrap_or(0)
    }

    /// Starts the clock.
    pub fn begin(&self, begin: &Begin) {
        self.words.iter().for_each(|lane| _ = lane.send(Word::Begin(begin.clone())));
    }

    /// Ends it, and tells what was published, without probes, and what went wrong, by text.
    pub fn finish(self) -> (Published, BTreeMap<String, u64>) {
        self.stop.send_replace(Stage::Closing);
        match self.thread.join() {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => failed(format!("the publisher could not run: {error}")),
            Err(_) => failed("the publisher panicked".into()),
        }
    }
}

fn failed(text: String) -> Outcome {
    (Published::default(), BTreeMap::from([(text, 1)]))
}

/// A way into the server.
enum Way {
    Post(Http),
    Frames(Box<frames::Frames>),
    Events(Box<SocketIo>),
}

/// Some of the streams, over one connection.
struct Lane {
    context: Context,
    recipe: Recipe,
    plan: Plan,
    streams: Vec<u32>,
    tell: sync::Sender<Result<(), String>>,
    published: Published,
    watch: Option<DepartureWatch>,
}

impl Lane {
    fn new(context: Context, plan: &Plan, lanes: u32, tell: sync::Sender<Result<(), String>>) -> Lane {
        let streams = match plan.each_of {
            None => vec![0],
            Some(clients) => (context.number..clients).step_by(lanes as usize).collect(),
        };
        let recipe = context.target.foreign.as_ref().map(|foreign| (*foreign.recipe).clone()).unwrap_or_default();
        Lane { context, recipe, plan: plan.clone(), streams, tell, published: Published::default(), watch: None }
    }

    async fn live(mut self, mut words: mpsc::UnboundedReceiver<Word>) -> (Published, Option<String>) {
        let connected = self.connect().await;
        let _ = self.tell.send(connected.as_ref().map(drop).map_err(ToString::to_string));
        let Ok(mut way) = connected else { return Default::default() };
        let mut stage = self.context.stage.clone();
        let result = tokio::select! { biased;
            result = self.follow(&mut way, &mut words) => result,
            // A message that is under way has been sent, and may be confirmed yet: clients may have it before we know.
            () = async { stopped(&mut stage).await; tokio::time::sleep(FAREWELL).await } => Ok(()),
        };
        let error = result.err().map(|error| error.to_string());
        if let Some(text) = &error {
            let _ = self.tell.send(Err(text.clone()));
        }
        let _ = tokio::time::timeout(FAREWELL, way.close()).await;
        self.published.departures = self.watch.take().map(DepartureWatch::seen).unwrap_or_default();
        (self.published, error.map(|text| format!("publisher: {text}")))
    }

    async fn connect(&self) -> Result<Way, TransportError> {
        let connected = async {
            Ok(match &self.recipe.publish {
                Some(Publish::Post { .. }) => {
                    Way::Post(Http::new(&self.context.target, self.context.socket_meter.clone(), Rc::new(|_| ()))?)
                }
                Some(Publish::Send { path, .. }) => Way::Frames(Box::new(frames::Frames::connect_to(&self.context, path).await?)),
                Some(Publish::Emit) => Way::Events(Box::new(SocketIo::connect(&self.context).await?)),
                None => return Err(TransportError::Unexpected("the dialect cannot publish".into())),
            })
        };
        tokio::time::timeout(PATIENCE, connected).await.map_err(|_| TransportError::Timeout(PATIENCE.as_secs()))?
    }

    async fn follow(&mut self, way: &mut Way, words: &mut mpsc::UnboundedReceiver<Word>) -> Result<(), TransportError> {
        let (mut probes, mut stage) = (0, self.context.stage.clone());
        loop {
            let word = tokio::select! { biased;
                () = stopped(&mut stage) => return Ok(()),
                word = words.recv() => word,
                error = way.idle() => return Err(error),
            };
            match word {
                Some(Word::Probe) => {
                    for stream in self.streams.clone() {
                        let now = now_ns();
                        let probe = Envelope { stream: PROBE_STREAM, sequence: probes, due_ns: now, sent_ns: now };
                        self.hand_over(way, stream, &probe.to_vec(self.plan.payload_bytes)).await?;
                    }
                    probes += 1;
                    let _ = self.tell.send(Ok(()));
                }
                Some(Word::Begin(begin)) => return self.publish(way, &begin).await,
                None => return Ok(()),
            }
        }
    }

    async fn publish(&mut self, way: &mut Way, begin: &Begin) -> Result<(), TransportError> {
        let mut schedules: Vec<(u32, u32, Schedule)> = self
            .streams
            .iter()
            .map(|&stream| (stream, 0, Schedule::new(&self.plan.arrivals, self.plan.rate, self.plan.seed, u64::from(stream))))
            .collect();
        let mut due: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
        for (n, (_, _, schedule)) in schedules.iter_mut().enumerate() {
            due.extend(schedule.next().filter(|&offset| offset < begin.window_to_ns).map(|offset| Reverse((offset, n))));
        }
        self.watch = Some(DepartureWatch::new(begin, &self.plan.arrivals, self.plan.rate, self.streams.len() as u32));
        let (mut before_ns, mut stage) = (0, self.context.stage.clone());
        while let Some(Reverse((offset, n))) = due.pop() {
            let due_ns = begin.start_ns + offset;
            tokio::select! { biased;
                () = stopped(&mut stage) => return Ok(()),
                () = self.context.pacer.until(due_ns) => {}
                error = way.idle() => return Err(error),
            }
            let (stream, sequence, schedule) = &mut schedules[n];
            let sent_ns = now_ns();
            let envelope = Envelope { stream: *stream, sequence: *sequence, due_ns, sent_ns };
            *sequence += 1;
            let stream = *stream;
            self.watch.iter_mut().for_each(|watch| watch.sent(due_ns, sent_ns));
            due.extend(schedule.next().filter(|&offset| offset < begin.window_to_ns).map(|offset| Reverse((offset, n))));
            self.hand_over(way, stream, &envelope.to_vec(self.plan.payload_bytes)).await?;
            self.published.sent(due_ns, sent_ns, begin);
            if begin.in_window(due_ns) {
                self.published.missed_ticks += u64::from(before_ns > due_ns);
            }
            before_ns = now_ns();
        }
        tokio::select! { biased;
            () = stopped(&mut stage) => Ok(()),
            error = way.idle() => Err(error),
        }
    }

    async fn hand_over(&self, way: &mut Way, stream: u32, message: &[u8]) -> Result<(), TransportError> {
        let room = if self.plan.each_of.is_some() { format!("c{stream}") } else { "all".to_string() };
        let text = std::str::from_utf8(message).map_err(|e| TransportError::Malformed(e.to_string()))?;
        let value = |name: &str| match name {
            "room" => Some(room.clone()),
            "message" => Some(text.to_string()),
            _ => None,
        };
        let fill = |template: &str| {
            let filled = dialect::fill(template, value);
            filled.ok_or_else(|| TransportError::Unexpected(format!("`{template}` has parts without a value")))
        };
        match (way, &self.recipe.publish) {
            (Way::Post(http), Some(Publish::Post { path, headers, body })) => {
                let (path, body) = (fill(path)?, fill(body)?);
                let mut filled = Vec::new();
                for (name, template) in headers {
                    filled.push((name.as_str(), fill(template)?));
                }
                if !filled.iter().any(|(name, _)| *name == "content-type") {
                    filled.push(("content-type", "text/plain".to_string()));
                }
                let headers: Vec<(&str, &str)> = filled.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let answer = http.post(&path, &headers, body.as_bytes()).await?;
                match answer.status {
                    200..=299 => Ok(()),
                    status => {
                        Err(TransportError::Unexpected(format!("status {status} to POST {path}: {}", quoted(&answer.body))))
                    }
                }
            }
            (Way::Frames(frames), Some(Publish::Send { body, .. })) => frames.say(fill(body)?.as_bytes()).await,
            (Way::Events(session), _) => session.send(message).await,
            _ => Err(TransportError::Unexpected("the dialect cannot publish".into())),
        }
    }
}

async fn stopped(stage: &mut watch::Receiver<Stage>) {
    let _ = stage.wait_for(|stage| matches!(stage, Stage::Closing)).await.map(drop);
}

impl Way {
    /// Takes in what the server says to the publisher too, for ever; returns only if that goes wrong.
    async fn idle(&mut self) -> TransportError {
        loop {
            let heard = match self {
                Way::Post(_) => std::future::pending().await,
                Way::Frames(frames) => frames.next().await,
                Way::Events(session) => session.next().await,
            };
            if let Err(error) = heard {
                return error;
            }
        }
    }

    async fn close(self) {
        match self {
            Way::Post(_) => {}
            Way::Frames(frames) => frames.close().await,
            Way::Events(session) => session.close().await,
        }
    }
}
