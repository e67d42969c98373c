//! One thread of clients: a single-threaded runtime, one pacer, one recorder, no locks on the path of a
//! message on an open connection. What the rest of the process may know of it goes through atomics and one channel.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};

use tokio::sync::{Semaphore, watch};
use tokio::task::LocalSet;
use wirecost_model::ledger::Flow;
use wirecost_model::{ClientReport, DepartureWatch};
use wirecost_probe::clock::now_ns;
use wirecost_probe::meter::Meter;

use crate::client::{Context, Shared, Stage, live};
use crate::fleet::FleetPlan;
use crate::pacer::{Pacer, phases};
use crate::status::Status;
use crate::target::Target;

/// A client became ready, or could not.
pub(crate) type Connected = Result<(), String>;

/// Runs the clients `numbers` until they are told to close; the thread's main function.
pub(crate) fn run(
    plan: &FleetPlan,
    numbers: std::ops::Range<u32>,
    stage: watch::Receiver<Stage>,
    status: Arc<Status>,
    connected: mpsc::Sender<Connected>,
) -> Result<ClientReport, std::io::Error> {
    // Inherited by every timer of this thread.
    let _ = wirecost_probe::clock::set_timer_slack_ns(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, clients(plan, numbers, stage, status, connected))
}

async fn clients(
    plan: &FleetPlan,
    numbers: std::ops::Range<u32>,
    mut stage: watch::Receiver<Stage>,
    status: Arc<Status>,
    connected: mpsc::Sender<Connected>,
) -> Result<ClientReport, std::io::Error> {
    let pacer = Pacer::spawn()?;
    let socket_meter = Arc::new(Meter::default());
    let shared = Rc::new(Shared::new(Arc::clone(&status)));
    let ramp = Arc::new(Semaphore::new(plan.connecting_at_once as usize));
    let script = Rc::new(plan.script.clone());
    let sources = plan.sources.iter().copied().map(Some);
    let mut targets: Vec<Rc<Target>> = sources.map(|source| Rc::new(Target { source, ..plan.target.clone() })).collect();
    if targets.is_empty() {
        targets.push(Rc::new(plan.target.clone()));
    }
    let phases = phases(plan.clients, plan.seed);
    let begun_ns = now_ns();
    let here = numbers.len() as u32;
    let mut lives = Vec::with_capacity(numbers.len());
    for number in numbers {
        let context = Context {
            target: Rc::clone(&targets[number as usize % targets.len()]),
            script: Rc::clone(&script),
            number,
            clients: plan.clients,
            resume: None,
            echo: plan.script.outstanding.is_some(),
            phase: phases[number as usize],
            seed: plan.seed,
            pacer: pacer.clone(),
            stage: stage.clone(),
            socket_meter: Arc::clone(&socket_meter),
            shared: Rc::clone(&shared),
        };
        let (ramp, connected) = (Arc::clone(&ramp), connected.clone());
        let due_ns = plan.connects_after(number).map(|after| begun_ns + after.as_nanos() as u64);
        let (turn, mut closing) = (due_ns.map(|due_ns| pacer.until(due_ns)), shared.closing.listen());
        lives.push(tokio::task::spawn_local(async move {
            // At a rate nobody waits for those before: a server that is slow to let them in would set the rate itself.
            let place = match turn {
                None => Some(ramp.acquire_owned().await),
                Some(turn) => {
                    tokio::select! { biased; () = &mut closing => {}, () = turn => {} }
                    None
                }
            };
            live(context, due_ns, move |result| {
                drop(place);
                let _ = connected.send(result);
            })
            .await;
        }));
    }
    drop(connected);
    let (bell, mut told) = (shared.closing.clone(), stage.clone());
    tokio::task::spawn_local(async move {
        // Without a fleet nobody would say it; then too there is nothing to stay for.
        let _ = told.wait_for(|stage| matches!(stage, Stage::Closing)).await.map(drop);
        bell.ring();
    });

    // The recorder must know the window before any client has seen a message of it.
    loop {
        match &*stage.borrow_and_update() {
            Stage::Connecting => {}
            Stage::Running(begin) => {
                shared.recorder.borrow_mut().begin(begin);
                let uplink = plan.script.uplink.as_ref();
                *shared.departures.borrow_mut() = uplink.map(|up| DepartureWatch::new(begin, &up.arrivals, up.rate, here));
                pacer.record_lag([begin.start_ns + begin.window_from_ns, begin.start_ns + begin.window_to_ns]);
                break;
            }
            Stage::Closing => break,
        }
        if stage.changed().await.is_err() {
            break;
        }
    }
    for life in lives {
        if let Err(error) = life.await {
            shared.recorder.borrow_mut().error(format!("a client's task failed: {error}"));
        }
    }
    let mut recorder = shared.recorder.take();
    let [delivery, service] = recorder.latencies();
    let (ticks, carried) = (shared.ticks.get(), socket_meter.snapshot());
    Ok(ClientReport {
        connected: status.connected.load(Relaxed),
        ended: status.ended.load(Relaxed),
        accounting: recorder.accounting,
        recovery: recorder.recovery,
        delivery,
        service,
        setup: recorder.setup.into_iter().map(|(stage, histogram)| (stage.to_string(), histogram)).collect(),
        pacer_lag: pacer.lag(),
        planned_polls: ticks.planned,
        missed_polls: ticks.missed,
        sent: shared.sent.get(),
        sent_in_window: shared.sent_in_window.get(),
        unsent: recorder.unsent,
        unsent_age: recorder.unsent_age,
        missed_sends: shared.missed_sends.get(),
        departures: shared.departures.take().map(DepartureWatch::seen).unwrap_or_default(),
        errors: recorder.errors,
        negative_latencies: recorder.negative,
        socket_bytes: Flow { up: carried.written_bytes, down: carried.read_bytes },
    })
}
