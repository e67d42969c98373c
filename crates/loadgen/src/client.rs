//! One client: connects by its transport, then lives through the phases of a trial in one of two loops,
//! open or closed. The stamping of arrivals and due times happens here; what is made of them is the
//! recorder's.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::watch;
use wirecost_model::control::Begin;
use wirecost_model::envelope::MIN_PAYLOAD_BYTES;
use wirecost_model::rng::Rng;
use wirecost_model::{DepartureWatch, Envelope, TransportKind};
use wirecost_probe::clock::now_ns;
use wirecost_probe::meter::Meter;

use crate::backoff::{BACKOFF_LANE, Backoff};
use crate::bell::{Bell, Listen};
use crate::deadline::Deadline;
use crate::inbox::Inbox;
use crate::pacer::{Pacer, Ticker, Ticks, Until};
use crate::publisher::PROBE_MARK;
use crate::recorder::Recorder;
use crate::recovery::Recovery;
use crate::session::{Delivery, Session, TransportError};
use crate::stack::{StageSink, Stages};
use crate::status::{Completion, Status};
use crate::target::{Protocol, Target};
use crate::transport::foreign;
use crate::transport::http_stream::HttpStream;
use crate::transport::long_poll::LongPoll;
use crate::transport::null::Null;
use crate::transport::posts::HttpSession;
use crate::transport::short_poll::ShortPoll;
use crate::transport::socket_io::SocketIo;
use crate::transport::sse::Sse;
use crate::transport::websocket::Websocket;
use crate::workload::{ComeBack, Script};

/// Where a trial is, as clients are told.
#[derive(Debug, Clone)]
pub(crate) enum Stage {
    /// Connect, and wait.
    Connecting,
    /// The clock runs.
    Running(Begin),
    /// Close and count.
    Closing,
}

/// Sessions that can be connected.
pub(crate) trait Connect: Session + Sized {
    /// Whether echoes come back in the order in which they were sent.
    const ECHO_IN_ORDER: bool;

    /// Connects until messages can flow.
    async fn connect(context: &Context) -> Result<Self, TransportError>;

    /// Whether the server confirms each message of this client's ([`Delivery::Accepted`]).
    fn confirms(&self) -> bool;

    /// The number of the next message that this client wants from its room, if its transport can ask for it: where another
    /// session goes on.
    fn cursor(&self) -> Option<u64>;
}

/// What clients of a shard share.
pub(crate) struct Shared {
    pub status: Arc<Status>,
    pub recorder: RefCell<Recorder>,
    pub ticks: Rc<Cell<Ticks>>,
    /// Messages sent by clients that were due in the window, and ticks at which one was still busy.
    pub sent_in_window: Cell<u64>,
    pub sent: Cell<u64>,
    pub missed_sends: Cell<u64>,
    /// How what clients send on a schedule leaves, against the plan.
    pub departures: RefCell<Option<DepartureWatch>>,
    /// Where messages are written before they are sent: one for all clients, so that it is always at hand.
    pub buffer: Cell<Vec<u8>>,
    /// Rings when clients are to close.
    pub closing: Bell,
}

impl Shared {
    /// Of a shard that shows `status`.
    pub fn new(status: Arc<Status>) -> Shared {
        Shared {
            recorder: RefCell::new(Recorder::new(Arc::clone(&status))),
            status,
            ticks: Rc::default(),
            sent_in_window: Cell::default(),
            sent: Cell::default(),
            missed_sends: Cell::default(),
            departures: RefCell::default(),
            buffer: Cell::default(),
            closing: Bell::default(),
        }
    }

    /// A client has sent one message.
    fn count_sent(&self, in_window: bool) {
        self.sent.set(self.sent.get() + 1);
        self.sent_in_window.set(self.sent_in_window.get() + u64::from(in_window));
    }
}

/// Where an earlier session got to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resume {
    cursor: Option<u64>,
}

/// What a client knows.
#[derive(Clone)]
pub(crate) struct Context {
    pub target: Rc<Target>,
    pub script: Rc<Script>,
    /// Its number over all shards.
    pub number: u32,
    /// How many clients there are, over all shards.
    pub clients: u32,
    /// It was connected before.
    pub resume: Option<Resume>,
    /// Whether its messages come back.
    pub echo: bool,
    /// Where in the first interval it starts to poll, 0..1.
    pub phase: f64,
    /// Of what else is chance.
    pub seed: u64,
    pub pacer: Pacer,
    pub stage: watch::Receiver<Stage>,
    pub socket_meter: Arc<Meter>,
    pub shared: Rc<Shared>,
}

impl Context {
    /// The rooms to listen to, if the workload wants that, as a request names them.
    pub fn room(&self) -> Option<String> {
        self.script.subscribe.then(|| self.script.room(self.number))
    }

    /// The number of the message to go on with, if there was a session before this one and its transport knows.
    pub fn cursor(&self) -> Option<u64> {
        self.resume.and_then(|resume| resume.cursor)
    }

    /// Stages of connecting, timed by the stack. Those of connections that are opened when the clock runs are not those of the ramp,
    /// and are not recorded.
    pub fn stages(&self, stages: Stages) {
        if !matches!(*self.stage.borrow(), Stage::Connecting) {
            return;
        }
        let mut recorder = self.shared.recorder.borrow_mut();
        stages.into_iter().for_each(|(stage, ns)| recorder.setup(stage, ns));
    }

    /// The same, for a stack that opens connections whenever it needs one.
    pub fn stage_sink(&self) -> StageSink {
        let context = self.clone();
        Rc::new(move |stages| context.stages(stages))
    }

    /// Something has come from a server that cannot count for us. Probes are no messages, and what it says of its own accord
    /// before anything was published is none either: `false`.
    fn is_message(&self, payload: &[u8], probed: &mut bool, begun: bool) -> bool {
        let Some(target) = &self.target.foreign else { return true };
        target.books.received(payload.len());
        if payload.get(6..10) != Some(PROBE_MARK) {
            let strange = !begun && Envelope::read(payload).is_err();
            if strange {
                self.shared.status.strange(foreign::quoted(payload));
            }
            return !strange;
        }
        if !std::mem::replace(probed, true) {
            self.shared.status.probed.fetch_add(1, Relaxed);
        }
        false
    }

    /// A message goes to such a server.
    fn is_sent(&self, payload_bytes: usize) {
        if let Some(foreign) = &self.target.foreign {
            foreign.books.sent(payload_bytes);
        }
    }

    /// The room to ask the reference server for; others are asked as their dialect says.
    pub fn asked_room(&self) -> Option<String> {
        if self.target.foreign.is_some() { None } else { self.room() }
    }

    /// Something went wrong that does not end the client.
    pub fn error(&self, text: String) {
        self.shared.recorder.borrow_mut().error(text);
    }

    /// Waits until the clock runs; `None` if the end comes first.
    pub async fn begun(&self) -> Option<Begin> {
        let mut stage = self.stage.clone();
        loop {
            match &*stage.borrow_and_update() {
                Stage::Connecting => {}
                Stage::Running(begin) => return Some(begin.clone()),
                Stage::Closing => return None,
            }
            stage.changed().await.ok()?;
        }
    }

    /// The poll starts of this client, from its phase of the first interval.
    pub async fn ticker(&self) -> Ticker {
        let Some(begin) = self.begun().await else { return std::future::pending().await };
        let period_ns = self.target.arm.interval.unwrap_or_default().ns().max(1);
        let phase_ns = (self.phase * period_ns as f64) as u64;
        // Whoever comes back goes on with the grid; what was skipped meanwhile is no fault of the poller's.
        let skipped = self.resume.map_or(0, |_| now_ns().saturating_sub(begin.start_ns + phase_ns).div_ceil(period_ns));
        let phase_ns = phase_ns + skipped * period_ns;
        let window_ns = [begin.start_ns + begin.window_from_ns, begin.start_ns + begin.window_to_ns];
        let pacing = self.target.arm.pacing;
        Ticker::new(self.pacer.clone(), pacing, period_ns, begin.start_ns + phase_ns, window_ns, Rc::clone(&self.shared.ticks))
    }
}

/// Lives one client's life, from `due_ns` of the clock if it was to begin then, which is past. `connected` is told once, when the
/// client is ready or has failed to become so.
///
/// Boxed, each transport's for itself: a task has room for the largest of all that it may become.
pub(crate) async fn live(context: Context, due_ns: Option<u64>, connected: impl FnOnce(Result<(), String>)) {
    if context.target.protocol == Protocol::Null {
        return Box::pin(drive::<Null>(context, due_ns, connected)).await;
    }
    if context.target.foreign.is_some() {
        return match context.target.arm.transport {
            TransportKind::ShortPoll | TransportKind::LongPoll => {
                Box::pin(drive::<foreign::poll::Poll>(context, due_ns, connected)).await
            }
            TransportKind::HttpStream | TransportKind::Sse => {
                Box::pin(drive::<foreign::stream::Stream>(context, due_ns, connected)).await
            }
            TransportKind::Websocket => Box::pin(drive::<foreign::frames::Frames>(context, due_ns, connected)).await,
            TransportKind::SocketIo => Box::pin(drive::<SocketIo>(context, due_ns, connected)).await,
        };
    }
    match context.target.arm.transport {
        TransportKind::ShortPoll => Box::pin(drive::<HttpSession<ShortPoll>>(context, due_ns, connected)).await,
        TransportKind::LongPoll => Box::pin(drive::<HttpSession<LongPoll>>(context, due_ns, connected)).await,
        TransportKind::HttpStream => Box::pin(drive::<HttpSession<HttpStream>>(context, due_ns, connected)).await,
        TransportKind::Sse => Box::pin(drive::<HttpSession<Sse>>(context, due_ns, connected)).await,
        TransportKind::Websocket => Box::pin(drive::<Websocket>(context, due_ns, connected)).await,
        TransportKind::SocketIo => Box::pin(drive::<SocketIo>(context, due_ns, connected)).await,
    }
}

async fn drive<S: Connect>(context: Context, due_ns: Option<u64>, connected: impl FnOnce(Result<(), String>)) {
    let begun_ns = due_ns.unwrap_or_else(now_ns);
    let shared = Rc::clone(&context.shared);
    let mut closing = shared.closing.listen();
    // What is done once is boxed, so that a client holds no room for it while it lives.
    let session = tokio::select! { biased;
        () = &mut closing => return connected(Err("it was to close before it was connected".into())),
        session = Box::pin(S::connect(&context)) => session,
    };
    let session = match session {
        Ok(session) => session,
        Err(error) => {
            shared.recorder.borrow_mut().error(error.to_string());
            return connected(Err(error.to_string()));
        }
    };
    context.stages(vec![("connect_ready", now_ns() - begun_ns)]);
    shared.status.connected.fetch_add(1, Relaxed);
    connected(Ok(()));
    let (session, result) = match context.script.outstanding {
        Some(outstanding) => closed_loop(session, context, &mut closing, outstanding).await,
        None => open_loop(session, context, &mut closing).await,
    };
    if let Err(error) = result {
        shared.recorder.borrow_mut().error(error.to_string());
        shared.status.ended.fetch_add(1, Relaxed);
    }
    Box::pin(session.close()).await;
}

/// What a client still has to send: due times, ns of the clock, in order.
struct Sending {
    due_ns: VecDeque<u64>,
    /// How many were sent.
    sent: u32,
    unconfirmed: u64,
}

/// Receives whatever comes; sends on a schedule of its own, if the workload has one.
async fn open_loop<S: Connect>(mut session: S, mut context: Context, closing: &mut Listen) -> (S, Result<(), TransportError>) {
    let shared = Rc::clone(&context.shared);
    let mut inbox = Inbox::new(&context.script.streams(context.number, context.clients));
    let mut begin: Option<Begin> = None;
    let mut sending = Sending { due_ns: VecDeque::new(), sent: 0, unconfirmed: 0 };
    let mut recovery = Recovery::default();
    let (mut expected, mut delivered) = (0, 0);
    let (mut completion, mut probed) = (Completion::default(), false);
    let watcher = context.clone();
    let mut starting = Box::pin(async move { watcher.begun().await });
    // Kept over what arrives meanwhile: the pacer forgets no deadline before its time.
    let mut due: Option<Until> = None;
    let result = loop {
        let next_due = sending.due_ns.front().copied();
        if due.as_ref().map(Until::deadline_ns) != next_due {
            due = next_due.map(|due_ns| context.pacer.until(due_ns));
        }
        tokio::select! { biased;
            () = &mut *closing => break Ok(()),
            started = &mut starting, if begin.is_none() => {
                let Some(started) = started else { break Ok(()) };
                let wanted = |(stream, _)| context.script.downstream(stream, started.window_to_ns).len() as u64;
                expected = inbox.streams().into_iter().map(wanted).sum();
                if let Some(uplink) = &context.script.uplink {
                    let offsets = uplink.schedule(context.number).take_while(|&offset| offset < started.window_to_ns);
                    sending.due_ns = offsets.map(|offset| started.start_ns + offset).collect();
                }
                begin = Some(started);
            }
            () = passed(&mut due) => {
                due = None;
                if let Err(error) = send_due(&mut session, &mut context, &mut sending, begin.as_ref()).await {
                    break Err(error);
                }
                if !session.confirms() {
                    sending.unconfirmed = 0;
                }
            }
            delivery = session.next() => {
                let received_ns = now_ns();
                match delivery {
                    Ok(Delivery::Message(payload)) if !context.is_message(&payload, &mut probed, begin.is_some()) => {}
                    Ok(Delivery::Message(payload)) => {
                        let mut recorder = shared.recorder.borrow_mut();
                        if let Some(envelope) = recorder.message(&mut inbox, &payload, received_ns) {
                            delivered += 1;
                            delivered += recovery.message(&envelope, received_ns, begin.as_ref(), &mut recorder);
                        }
                    }
                    Ok(Delivery::Lost(count)) => {
                        let lost = &mut shared.recorder.borrow_mut().accounting.lost_reported;
                        *lost = lost.saturating_add(count);
                    }
                    Ok(Delivery::Accepted) => sending.unconfirmed = sending.unconfirmed.saturating_sub(1),
                    Ok(Delivery::Nothing) => {}
                    Err(error) => {
                        let excused = error.is_of_connection() && is_cut(begin.as_ref(), received_ns);
                        let Some(come_back) = context.script.recovery.filter(|_| excused) else {
                            break Err(error);
                        };
                        if let Some(check) = inbox.only() {
                            recovery.lost(check, &mut shared.recorder.borrow_mut());
                        }
                        let again = tokio::select! { biased;
                            () = &mut *closing => break Ok(()),
                            again = Box::pin(connect_again(&session, &context, come_back)) => again,
                        };
                        let resumes = session.cursor().is_some();
                        match again {
                            Ok(again) => session = again,
                            Err(error) => break Err(error),
                        }
                        recovery.back(now_ns(), resumes, &mut shared.recorder.borrow_mut());
                    }
                }
            }
        }
        if begin.is_some() && delivered >= expected && sending.due_ns.is_empty() && sending.unconfirmed == 0 {
            completion.tell(&shared.status);
        }
    };
    if result.is_err() {
        completion.take_back(&shared.status);
    }
    if let Some(begin) = &begin {
        shared.recorder.borrow_mut().unsent(&sending.due_ns, closed_ns(begin));
        let streams = inbox.streams().into_iter().map(|(stream, check)| {
            let offsets = context.script.downstream(stream, begin.window_to_ns);
            let missing: Vec<u64> = check.missing(offsets.len() as u64).collect();
            let expected = offsets.len() as u64;
            (expected, missing.into_iter().map(move |sequence| (sequence as u32, begin.start_ns + offsets[sequence as usize])))
        });
        settle(&shared, begin, &recovery, streams);
    }
    (session, result)
}

/// Waits for what is due, if anything is. Safe to cancel.
async fn passed(due: &mut Option<Until>) {
    match due {
        Some(until) => until.await,
        None => std::future::pending().await,
    }
}

/// Whether connections have been cut off on purpose by now.
fn is_cut(begin: Option<&Begin>, now_ns: u64) -> bool {
    begin.is_some_and(|begin| begin.cut.is_some_and(|cut| now_ns >= begin.start_ns + cut.at_ns))
}

/// Connects again and again until it works, or the server says no, and goes on where the lost session was. All transports wait
/// by the same rule, so that what differs is what they can recover.
async fn connect_again<S: Connect>(lost: &S, context: &Context, come_back: ComeBack) -> Result<S, TransportError> {
    let context = Context { resume: Some(Resume { cursor: lost.cursor() }), ..context.clone() };
    let mut backoff = Backoff::new(Rng::new(context.seed, BACKOFF_LANE + u64::from(context.number)), come_back.delay);
    loop {
        Deadline::after(backoff.delay()).passed().await;
        match S::connect(&context).await {
            Err(refused @ TransportError::Refused(_)) => return Err(refused),
            Err(error) => context.error(format!("could not reconnect: {error}")),
            connected => return connected,
        }
    }
}

/// Writes a message and sends it. A client that has to wait keeps the buffer so long, and others get themselves another.
async fn send_message<S: Session>(
    session: &mut S,
    shared: &Shared,
    envelope: Envelope,
    payload_bytes: usize,
) -> Result<(), TransportError> {
    let mut buffer = shared.buffer.take();
    buffer.resize(payload_bytes.max(MIN_PAYLOAD_BYTES), 0);
    envelope.write(&mut buffer);
    let sent = session.send(&buffer).await;
    shared.buffer.set(buffer);
    sent
}

/// Sends the message that is due; those that became due meanwhile were missed ticks, and follow at once.
async fn send_due<S: Session>(
    session: &mut S,
    context: &mut Context,
    sending: &mut Sending,
    begin: Option<&Begin>,
) -> Result<(), TransportError> {
    let (Some(due_ns), Some(begin)) = (sending.due_ns.pop_front(), begin) else { return Ok(()) };
    let shared = &context.shared;
    let sent_ns = now_ns();
    let (stream, sequence) = context.script.upstream(context.number, sending.sent);
    let envelope = Envelope { stream, sequence, due_ns, sent_ns };
    sending.sent += 1;
    sending.unconfirmed += 1;
    shared.departures.borrow_mut().iter_mut().for_each(|watch| watch.sent(due_ns, sent_ns));
    send_message(session, shared, envelope, context.script.payload_bytes).await?;
    let in_window = begin.in_window(due_ns);
    shared.count_sent(in_window);
    if in_window && sending.due_ns.front().is_some_and(|&next| next > due_ns && next < sent_ns) {
        shared.missed_sends.set(shared.missed_sends.get() + 1);
    }
    Ok(())
}

/// Keeps a stated number of messages on their way; the next leaves when one has come back.
async fn closed_loop<S: Connect>(
    mut session: S,
    context: Context,
    closing: &mut Listen,
    outstanding: u32,
) -> (S, Result<(), TransportError>) {
    let shared = Rc::clone(&context.shared);
    let mut starting = Box::pin({
        let context = context.clone();
        async move {
            let begin = context.begun().await?;
            context.pacer.until(begin.start_ns).await;
            Some(begin)
        }
    });
    let begin = loop {
        tokio::select! { biased;
            begun = &mut starting => match begun {
                Some(begin) => break begin,
                None => return (session, Ok(())),
            },
            // Nothing was sent, so nothing comes back; but a transport may have to keep its connection alive meanwhile.
            delivery = session.next() => if let Err(error) = delivery {
                return (session, Err(error));
            },
        }
    };
    let until_ns = begin.start_ns + begin.window_to_ns;
    let mut inbox = Inbox::new(&[context.number]);
    let (mut sent, mut awaited) = (0u32, 0u32);
    // Sequence numbers and due times, the oldest first. What does not come back whole stays here.
    let mut unanswered: VecDeque<(u32, u64)> = VecDeque::new();
    let mut completion = Completion::default();
    // A message is due when the answer that it waited for has come, and that is when it leaves: one reading of the clock.
    let mut now = now_ns();
    let result = 'life: loop {
        while awaited < outstanding && now < until_ns {
            let envelope = Envelope { stream: context.number, sequence: sent, due_ns: now, sent_ns: now };
            unanswered.push_back((sent, now));
            sent += 1;
            if let Err(error) = send_message(&mut session, &shared, envelope, context.script.payload_bytes).await {
                break 'life Err(error);
            }
            awaited += 1;
            context.is_sent(context.script.payload_bytes);
            shared.count_sent(begin.in_window(now));
        }
        if awaited == 0 {
            completion.tell(&shared.status);
        }
        tokio::select! { biased;
            // First, because it is mostly that; a closing that has to wait for it does not wait long.
            delivery = session.next() => {
                now = now_ns();
                match delivery {
                    Ok(Delivery::Message(payload)) => {
                        let _ = context.is_message(&payload, &mut false, true);
                        let mut recorder = shared.recorder.borrow_mut();
                        let reordered = recorder.accounting.reordered;
                        if let Some(envelope) = recorder.message(&mut inbox, &payload, now) {
                            let is_it = |&(sequence, _): &(u32, u64)| sequence == envelope.sequence;
                            // Nearly always the oldest.
                            if unanswered.pop_front_if(|oldest| is_it(oldest)).is_none()
                                && let Some(at) = unanswered.iter().position(is_it)
                            {
                                unanswered.remove(at);
                            }
                        }
                        if !S::ECHO_IN_ORDER {
                            // Independent requests may overtake one another; that is not a fault.
                            recorder.accounting.reordered = reordered;
                        }
                        awaited = awaited.saturating_sub(1);
                    }
                    Ok(_) => {}
                    Err(error) => break Err(error),
                }
            }
            () = &mut *closing => break Ok(()),
        }
    };
    if result.is_err() {
        completion.take_back(&shared.status);
    }
    settle(&shared, &begin, &Recovery::default(), [(u64::from(sent), unanswered)]);
    (session, result)
}

/// When a client closes its books, ns of the clock. One that could not go on does so early; what was due afterwards has not come any
/// sooner for that.
fn closed_ns(begin: &Begin) -> u64 {
    now_ns().max(begin.start_ns + begin.window_to_ns)
}

/// Accounts for what the plan wanted and what never came: for each stream how many messages were wanted, and the sequence numbers and
/// due times of those that are missing.
fn settle<M>(shared: &Shared, begin: &Begin, recovery: &Recovery, streams: impl IntoIterator<Item = (u64, M)>)
where
    M: IntoIterator<Item = (u32, u64)>,
{
    let now = closed_ns(begin);
    let mut recorder = shared.recorder.borrow_mut();
    for (expected, missing) in streams {
        recorder.accounting.expected += expected;
        for (sequence, due_ns) in missing {
            recorder.accounting.lost += 1;
            recorder.recovery.missed += u64::from(recovery.excuses(u64::from(sequence)));
            recorder.undelivered(due_ns, now);
        }
    }
}
