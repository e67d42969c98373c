//! `run --live`: a page on loopback that shows how a run goes on. Here is what a run sees of it: start it, give it a board per
//! file, tell it what came out. What the page is told is `board`'s business, how it gets there is `http`'s.
//!
//! The measurement comes first. The page is fed by this process, which runs trials and measures nothing itself; its thread keeps
//! off the server's core and runs only while nothing else wants the other; what it is told is a small text between trials and
//! one a second within them. A viewer who does not keep up misses states and slows nobody: there is no queue, only the latest.

mod board;
mod http;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tokio::sync::watch;
use wirecost_model::Record;
use wirecost_model::control::Progress;
use wirecost_model::record::{GateResult, Trial};
use wirecost_model::search::Outcome;
use wirecost_model::{Cell, Plan, TrialSpec};
use wirecost_probe::affinity;
use wirecost_runner::run::Observer;

use crate::ui::{TimeLeft, Ui};
pub use board::Board;

/// What viewers are shown, as JSON. The latest replaces whatever came before it.
#[derive(Clone, Default)]
struct State {
    /// Plan, table and gates.
    board: Arc<str>,
    /// The trial under way, in a line.
    now: Arc<str>,
    /// The last word, once there is one.
    end: Option<Arc<str>>,
}

/// A page that is being served.
pub struct Live {
    states: watch::Sender<State>,
    thread: Option<JoinHandle<()>>,
    address: SocketAddr,
    /// What came of each file.
    results: Vec<Value>,
}

impl Live {
    /// Serves on a port of 127.0.0.1, 0 for any free one, by a thread that keeps to `cores`.
    ///
    /// # Errors
    /// Whatever binding returns: mostly that the port is taken.
    pub fn start(port: u16, cores: &[usize]) -> std::io::Result<Live> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (states, seen) = watch::channel(State { now: json!({ "text": "Preparing" }).to_string().into(), ..State::default() });
        let cores = cores.to_vec();
        let thread = std::thread::Builder::new().name("live".into()).spawn(move || {
            // Where these are forbidden the page works all the same; it may then take its turn on any core.
            let _ = affinity::pin(&cores);
            let _ = affinity::run_when_idle();
            http::serve(listener, seen);
        })?;
        Ok(Live { states, thread: Some(thread), address, results: Vec::new() })
    }

    /// `http://127.0.0.1:34567/`.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// What the page shows of the record that is being made: `file` is its place among `files`.
    pub fn board(&self, record: Record, time_left: TimeLeft, file: usize, files: usize) -> Board {
        Board::new(self.states.clone(), record, time_left, [file, files])
    }

    /// Says what goes on outside trials.
    pub fn say(&self, text: &str) {
        let now = json!({ "text": text }).to_string().into();
        self.states.send_modify(|state| state.now = now);
    }

    /// A file's record is written.
    pub fn wrote(&mut self, record: &Record, dir: &Path) {
        let report = dir.join("report.html");
        let report = report.canonicalize().unwrap_or(report);
        self.results.push(json!({
            "scenario": record.name,
            "report": report.display().to_string(),
            "complete": record.complete,
            "trials": record.trials.len(),
            "void": record.trials.iter().filter(|trial| trial.is_void()).count(),
            "thresholds_failed": record.thresholds.iter().filter(|threshold| !threshold.holds).count(),
        }));
    }
}

impl Drop for Live {
    /// However the run ended: viewers are told, and have a moment to hear it.
    fn drop(&mut self) {
        let end = json!({ "records": self.results }).to_string().into();
        self.states.send_modify(|state| state.end = Some(end));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Who watches a run: the terminal, and the page if there is one.
pub struct Watchers {
    /// The terminal.
    pub ui: Ui,
    /// The page.
    pub board: Option<Board>,
}

impl Observer for Watchers {
    fn judge(&mut self, cell: &Cell, trial: &Trial) -> Vec<GateResult> {
        self.ui.judge(cell, trial)
    }

    fn is_worth_repeating(&mut self, gates: &[GateResult]) -> bool {
        self.ui.is_worth_repeating(gates)
    }

    fn repeats(&mut self, cell: &Cell, trial: &Trial) {
        self.ui.repeats(cell, trial);
    }

    fn outcomes(&mut self, plan: &Plan, trials: &[Trial]) -> Vec<Outcome> {
        self.ui.outcomes(plan, trials)
    }

    fn begins(&mut self, spec: &TrialSpec, cell: &Cell) {
        self.ui.begins(spec, cell);
        if let Some(board) = &mut self.board {
            board.begins(spec, cell);
        }
    }

    fn progress(&mut self, cell: &Cell, progress: &Progress) {
        self.ui.progress(cell, progress);
        if let Some(board) = &mut self.board {
            board.progress(cell, progress);
        }
    }

    fn ended(&mut self, cell: &Cell, trial: &Trial) {
        self.ui.ended(cell, trial);
        if let Some(board) = &mut self.board {
            board.ended(trial);
        }
    }
}
