//! The walk over the plan: one trial process after another, each result kept before the next begins. A plan with a search grows
//! on the way, by what its trials said.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use wirecost_model::control::{Progress, TrialEvent, TrialOrder, TrialOutput};
use wirecost_model::record::{GateOutcome, GateResult, Trial, trial_file_stem};
use wirecost_model::scenario::Wire;
use wirecost_model::search::Outcome;
use wirecost_model::{Cell, Plan, TrialSpec};

use crate::preflight::Ground;
use crate::store::{Store, StoreError};
use crate::trial_process::TrialProcess;

/// How often somebody has asked for the end: once finishes the trial, twice stops now.
pub type Interrupts = Arc<AtomicU8>;

/// How long to wait for an event before looking at the interrupts again.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Why a run did not get to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The server failed in a trial; the trials before are kept.
    #[error("trial {index} ({arm}): {message}")]
    Server {
        /// Which trial.
        index: usize,
        /// Of which arm.
        arm: String,
        /// What happened.
        message: String,
    },
    /// A trial failed otherwise.
    #[error("trial {index} ({arm}): {message}")]
    Trial {
        /// Which trial.
        index: usize,
        /// Of which arm.
        arm: String,
        /// What happened.
        message: String,
    },
    /// A result could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A process could not be started.
    #[error("cannot start a trial: {0}")]
    Start(std::io::Error),
}

/// How a run ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every trial of the plan is on disk.
    Complete,
    /// The user asked for the end; what was finished is on disk.
    Interrupted,
}

/// Who watches a run and judges its trials.
pub trait Observer {
    /// The gates of a trial.
    fn judge(&mut self, cell: &Cell, trial: &Trial) -> Vec<GateResult>;
    /// Whether a trial with these gates is void by nothing but the conditions, and so worth another attempt.
    fn is_worth_repeating(&mut self, gates: &[GateResult]) -> bool;
    /// Such a trial is run again.
    fn repeats(&mut self, cell: &Cell, trial: &Trial);
    /// What each finished trial says to the plan's search; asked only if it has one.
    fn outcomes(&mut self, plan: &Plan, trials: &[Trial]) -> Vec<Outcome>;
    /// A trial begins.
    fn begins(&mut self, spec: &TrialSpec, cell: &Cell);
    /// It is getting on.
    fn progress(&mut self, cell: &Cell, progress: &Progress);
    /// It has ended and is on disk.
    fn ended(&mut self, cell: &Cell, trial: &Trial);
}

/// What is done in each trial beside measuring.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extras {
    /// Keep a packet capture.
    pub capture: bool,
    /// Miscount on purpose, for the test of the ledger's gate.
    pub miscount: bool,
    /// Run a trial again, once, that the conditions of measuring voided: up to one trial in ten.
    pub repeat: bool,
}

/// Trials for each that may be run again.
const TRIALS_A_REPEAT: usize = 10;

/// Runs what is missing of the plan, and what its search adds to it; `command` starts a trial process.
///
/// # Errors
/// [`RunError`] at the first trial that gives no numbers; everything before is on disk.
pub fn run(
    plan: &mut Plan,
    ground: &Ground,
    store: &Store,
    command: &[OsString],
    extras: Extras,
    interrupts: &Interrupts,
    observer: &mut dyn Observer,
) -> Result<Ending, RunError> {
    loop {
        if walk(plan, ground, store, command, extras, interrupts, observer)? == Ending::Interrupted {
            return Ok(Ending::Interrupted);
        }
        if plan.search.is_none() || !plan.grow(&observer.outcomes(plan, &store.trials()?)) {
            return Ok(Ending::Complete);
        }
    }
}

/// Runs what is missing of the plan as it is.
fn walk(
    plan: &Plan,
    ground: &Ground,
    store: &Store,
    command: &[OsString],
    extras: Extras,
    interrupts: &Interrupts,
    observer: &mut dyn Observer,
) -> Result<Ending, RunError> {
    let finished = store.finished()?;
    // A search takes void trials into account, and goes where there are some.
    let may_repeat = if extras.repeat && plan.search.is_none() { plan.trials.len().div_ceil(TRIALS_A_REPEAT) } else { 0 };
    let repeated = store.trials()?.iter().filter(|trial| !trial.repeated_for.is_empty()).count();
    let mut repeats_left = may_repeat.saturating_sub(repeated);
    for spec in plan.trials.iter().filter(|spec| !finished.contains(&spec.index)) {
        if interrupts.load(Relaxed) > 0 {
            return Ok(Ending::Interrupted);
        }
        let cell = &plan.cells[spec.cell];
        let order = order(plan, ground, store, extras, spec);
        let mut repeated_for = Vec::new();
        let output = loop {
            observer.begins(spec, cell);
            let mut process = TrialProcess::start(command, &order).map_err(RunError::Start)?;
            let Some(mut output) = finish(&mut process, spec, cell, interrupts, observer)? else {
                return Ok(Ending::Interrupted);
            };
            let trial = &mut output.trial;
            trial.gates = observer.judge(cell, trial);
            let is_last = repeats_left == 0 || !repeated_for.is_empty() || interrupts.load(Relaxed) > 0;
            if is_last || !observer.is_worth_repeating(&trial.gates) {
                trial.repeated_for = repeated_for;
                break output;
            }
            repeats_left -= 1;
            observer.repeats(cell, trial);
            repeated_for = std::mem::take(&mut trial.gates);
            repeated_for.retain(|gate| gate.outcome == GateOutcome::Failed);
        };
        store.keep(&output, &cell.config.name)?;
        observer.ended(cell, &output.trial);
    }
    Ok(Ending::Complete)
}

/// What a trial process is told.
fn order(plan: &Plan, ground: &Ground, store: &Store, Extras { capture, miscount, .. }: Extras, spec: &TrialSpec) -> TrialOrder {
    let cell = &plan.cells[spec.cell];
    let capture_file = || store.dir().join("trials").join(format!("{}.pcapng", trial_file_stem(spec.index, &cell.config.name)));
    TrialOrder {
        spec: spec.clone(),
        cell: cell.clone(),
        // A server that runs already is where it is.
        wire: if cell.config.target.as_ref().is_some_and(|target| target.url.is_some()) { Wire::Host } else { ground.wire },
        mtu: plan.mtu,
        server_cores: ground.server_cores.clone(),
        client_cores: ground.client_cores.clone(),
        capture: capture.then(capture_file),
        scenario_dir: ground.scenario_dir.clone(),
        miscount,
    }
}

/// `None` if the user wants out now.
fn finish(
    process: &mut TrialProcess,
    spec: &TrialSpec,
    cell: &Cell,
    interrupts: &Interrupts,
    observer: &mut dyn Observer,
) -> Result<Option<Box<TrialOutput>>, RunError> {
    loop {
        if interrupts.load(Relaxed) > 1 {
            return Ok(None);
        }
        let (index, arm) = (spec.index, cell.config.name.clone());
        match process.event(LOOK_UP) {
            None => {}
            Some(TrialEvent::Progress(progress)) => observer.progress(cell, &progress),
            Some(TrialEvent::Done(output)) => return Ok(Some(output)),
            Some(TrialEvent::Failed { server_died: true, message }) => return Err(RunError::Server { index, arm, message }),
            Some(TrialEvent::Failed { server_died: false, message }) => return Err(RunError::Trial { index, arm, message }),
        }
    }
}
