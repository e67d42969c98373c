//! What the terminal shows while a run goes on, all on standard error: a bar over the plan with the time
//! left, one line that says how the trial is getting on, one line a finished trial. Off a terminal there is
//! no animation, only the finished lines.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wirecost_model::control::Progress;
use wirecost_model::record::{GateOutcome, GateResult, Trial};
use wirecost_model::search::Outcome;
use wirecost_model::{Cell, Plan, TrialSpec};
use wirecost_report::format;
use wirecost_report::gate;
use wirecost_report::search;
use wirecost_runner::run::Observer;

/// Prints a result. A reader that has gone away (`| head`) is no error.
pub fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// [`print()`] with a format.
macro_rules! say {
    ($($format:tt)*) => { $crate::ui::print(&format!($($format)*)) };
}
pub(crate) use say;

/// Columns of the terminal; `COLUMNS` says otherwise, and off a terminal it is 100.
pub fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let terminal = || console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
    columns.or_else(terminal).unwrap_or(100)
}

/// Whether colours are wanted on standard output.
pub fn colour(no_color: bool) -> bool {
    let refused = no_color
        || std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
        || std::env::var_os("TERM").is_some_and(|t| t == "dumb");
    !refused && std::io::stdout().is_terminal()
}

/// How long the rest of a plan will take, by how long its trials have taken so far.
pub struct TimeLeft {
    begun: Instant,
    done: u32,
    left: u32,
    least: Duration,
    /// A search may need less.
    about: &'static str,
}

impl TimeLeft {
    /// For a plan of which `left` trials are still to run.
    pub fn new(plan: &Plan, left: usize) -> TimeLeft {
        // Nothing has been seen yet: what the plan says, and starting and ending a trial.
        let least_ns = plan.least_duration_ns() * left as u64 / plan.trials.len().max(1) as u64 + left as u64 * 500_000_000;
        let about = if plan.search.is_some() { "at most" } else { "about" };
        TimeLeft { begun: Instant::now(), done: 0, left: left as u32, least: Duration::from_nanos(least_ns), about }
    }

    /// One trial more has ended.
    pub fn trial_ended(&mut self) {
        (self.done, self.left) = (self.done + 1, self.left.saturating_sub(1));
    }

    /// `about 34 s to go`.
    pub fn text(&self) -> String {
        let left = if self.done == 0 { self.least } else { self.begun.elapsed() / self.done * self.left };
        format!("{} {} to go", self.about, span(left))
    }
}

/// How a trial is getting on, in one line.
pub fn status(cell: &Cell, progress: &Progress) -> String {
    let mut parts = vec![progress.phase.clone(), format!("{:.1} s", progress.elapsed_ns as f64 / 1e9)];
    parts.push(match progress.phase.as_str() {
        "connect" => format!("{} of {} clients", progress.connected, cell.clients),
        _ if progress.expected > 0 => format!("{} of {} deliveries", progress.delivered, progress.expected),
        _ => format!("{} deliveries", progress.delivered),
    });
    let times = [("p50", progress.p50_ns), ("p99", progress.p99_ns)];
    parts.extend(times.iter().filter_map(|(name, ns)| Some(format!("{name} {}", format::duration((*ns)? as f64)))));
    if progress.server_cpu_ns > 0 && progress.client_cpu_ns > 0 {
        let [server, clients] = [progress.server_cpu_ns, progress.client_cpu_ns].map(|ns| format::duration(ns as f64));
        parts.push(format!("CPU {server} server, {clients} clients"));
    }
    if progress.errors > 0 {
        parts.push(format!("{} errors", progress.errors));
    }
    parts.join(" · ")
}

/// Shows a run.
pub struct Ui {
    bar: ProgressBar,
    quiet: bool,
    animated: bool,
    time_left: TimeLeft,
    current: String,
}

impl Ui {
    /// For a plan of which `left` trials are still to run.
    pub fn new(plan: &Plan, left: usize, quiet: bool) -> Ui {
        let animated = !quiet && std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let bar = ProgressBar::with_draw_target(
            Some(left as u64),
            if animated { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() },
        );
        let style = ProgressStyle::with_template("{wide_msg}\n[{bar:30}] trial {human_pos} of {human_len}, {prefix}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        let ui = Ui { bar, quiet, animated, time_left: TimeLeft::new(plan, left), current: String::new() };
        ui.bar.set_prefix(ui.time_left.text());
        ui
    }

    /// A line that stays.
    pub fn line(&self, text: &str) {
        if self.quiet {
            return;
        }
        if self.animated { self.bar.println(text) } else { eprintln!("{text}") }
    }

    /// Takes the animation away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn span(duration: Duration) -> String {
    match duration.as_secs() {
        s if s >= 3600 => format!("{} h {} min", s / 3600, s % 3600 / 60),
        s if s >= 60 => format!("{} min {} s", s / 60, s % 60),
        s => format!("{s} s"),
    }
}

/// Why a trial is void, a line each.
fn voids(gates: &[GateResult]) -> String {
    let failed = gates.iter().filter(|gate| gate.outcome == GateOutcome::Failed);
    failed.map(|gate| format!("\n    VOID by {}: {}; {}", gate.gate, gate.seen, gate.advice)).collect()
}

impl Observer for Ui {
    fn judge(&mut self, cell: &Cell, trial: &Trial) -> Vec<GateResult> {
        gate::judge(cell, trial)
    }

    fn is_worth_repeating(&mut self, gates: &[GateResult]) -> bool {
        gate::is_void_by_conditions(gates)
    }

    fn repeats(&mut self, cell: &Cell, trial: &Trial) {
        self.line(&format!(
            "trial {:>3}  {:<32}{}\n    it is run again, once",
            trial.index + 1,
            cell.label(),
            voids(&trial.gates)
        ));
    }

    fn outcomes(&mut self, plan: &Plan, trials: &[Trial]) -> Vec<Outcome> {
        search::outcomes(plan, trials)
    }

    fn begins(&mut self, spec: &TrialSpec, cell: &Cell) {
        self.current = format!("block {}, {}", spec.block + 1, cell.label());
        self.bar.set_message(self.current.clone());
    }

    fn progress(&mut self, cell: &Cell, progress: &Progress) {
        self.bar.set_message(format!("{} · {}", self.current, status(cell, progress)));
    }

    fn ended(&mut self, cell: &Cell, trial: &Trial) {
        self.time_left.trial_ended();
        self.bar.inc(1);
        self.bar.set_prefix(self.time_left.text());
        let p50 = trial.latencies.get("delivery").and_then(|latency| latency.quantile(0.5));
        let mut text = format!("trial {:>3}  {:<32}", trial.index + 1, cell.label());
        match p50 {
            Some(ns) => text.push_str(&format!("  p50 {:>9}", format::duration(ns as f64))),
            None => text.push_str("  p50 not measured"),
        }
        let all = trial.both_ways();
        text.push_str(&format!("  {} delivered, {} lost", all.delivered, all.lost));
        self.line(&(text + &voids(&trial.gates)));
    }
}
