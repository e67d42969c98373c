//! What the rungs share: the ground, trials as the run makes them, and a memory of their books for the last rung.

use std::time::Duration;

use std::sync::atomic::Ordering::Relaxed;

use wirecost_model::control::{Progress, TrialEvent, TrialOrder, TrialOutput};
use wirecost_model::ledger::InterfaceAccount;
use wirecost_model::record::{CalibrationForm, Trial};
use wirecost_model::{Cell, Plan, TrialSpec, scenario};

use super::{Calibrate, SameArms};
use crate::preflight::Ground;
use crate::trial_process::TrialProcess;

/// How long to wait for an event before looking at the interrupts again.
const LOOK_UP: Duration = Duration::from_millis(50);

/// Why a rung came to no finding.
pub(super) enum Stop {
    /// The user asked for the end.
    Interrupted,
    /// It could not be climbed.
    Failed(String),
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Stop::Failed(error.to_string())
    }
}

/// The place where rungs are climbed.
pub(super) struct Bench<'a> {
    calibrate: &'a Calibrate<'a>,
    pub ground: Ground,
    tell: &'a mut dyn FnMut(&str),
    /// Of every trial so far.
    pub books: Vec<Option<InterfaceAccount>>,
}

/// A hook on a trial: its process id, and how it is getting on.
pub(super) type Hook<'h> = &'h mut dyn FnMut(u32, &Progress) -> std::io::Result<()>;

impl<'a> Bench<'a> {
    pub fn new(calibrate: &'a Calibrate<'a>, ground: Ground, tell: &'a mut dyn FnMut(&str)) -> Bench<'a> {
        Bench { calibrate, ground, tell, books: Vec::new() }
    }

    /// The full form: every transport, long enough.
    pub fn is_full(&self) -> bool {
        self.calibrate.form == CalibrationForm::Full
    }

    /// The verdicts over two arms that are the same.
    pub fn same_arms(&self) -> SameArms<'a> {
        self.calibrate.same_arms
    }

    /// Shows what is being looked at.
    pub fn say(&mut self, what: &str) {
        (self.tell)(what);
    }

    /// A core for the server and one for the load generator; the same one if there is no other.
    pub fn cores(&self) -> [usize; 2] {
        let first = wirecost_probe::affinity::available_cores().first().copied().unwrap_or(0);
        [&self.ground.server_cores, &self.ground.client_cores].map(|cores| cores.first().copied().unwrap_or(first))
    }

    /// Runs every trial of a scenario, in the order of its plan.
    pub fn trials(&mut self, yaml: &str) -> Result<(Plan, Vec<Trial>), Stop> {
        let plan = plan(yaml)?;
        let mut trials = Vec::new();
        for spec in plan.trials.clone() {
            let output = self.trial(&spec, &plan.cells[spec.cell], &mut |_, _| Ok(()))?;
            trials.push(output.trial);
        }
        Ok((plan, trials))
    }

    /// Runs the one trial of a scenario.
    pub fn one(&mut self, yaml: &str, hook: Hook<'_>) -> Result<TrialOutput, Stop> {
        let plan = plan(yaml)?;
        let spec = plan.trials.first().ok_or_else(|| Stop::Failed("a scenario without trials".into()))?;
        self.trial(spec, &plan.cells[spec.cell], hook)
    }

    fn trial(&mut self, spec: &TrialSpec, cell: &Cell, hook: Hook<'_>) -> Result<TrialOutput, Stop> {
        let order = TrialOrder {
            spec: spec.clone(),
            cell: cell.clone(),
            wire: self.ground.wire,
            mtu: 1500,
            server_cores: self.ground.server_cores.clone(),
            client_cores: self.ground.client_cores.clone(),
            capture: None,
            scenario_dir: std::path::PathBuf::new(),
            miscount: false,
        };
        let mut process = TrialProcess::start(self.calibrate.command, &order)?;
        loop {
            self.look_up()?;
            match process.event(LOOK_UP) {
                None => {}
                Some(TrialEvent::Progress(progress)) => hook(process.id(), &progress)?,
                Some(TrialEvent::Done(output)) => {
                    self.books.push(output.trial.ledger.interface);
                    return Ok(*output);
                }
                Some(TrialEvent::Failed { message, .. }) => {
                    return Err(Stop::Failed(format!("a trial of {} gave no numbers: {message}", cell.config.name)));
                }
            }
        }
    }

    /// Whether the user wants out.
    pub fn look_up(&self) -> Result<(), Stop> {
        if self.calibrate.interrupts.load(Relaxed) > 0 { Err(Stop::Interrupted) } else { Ok(()) }
    }
}

fn plan(yaml: &str) -> Result<Plan, Stop> {
    let problems =
        |problems: Vec<scenario::Problem>| Stop::Failed(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
    Ok(Plan::new(&scenario::load(yaml).map_err(problems)?, None, None))
}
