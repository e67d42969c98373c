//! `run`: from scenario files to records and reports. Everything that can be refused is refused before
//! anything is started.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use tokio::signal::unix::{SignalKind, signal};
use wirecost_model::record::{Calibration, Provenance, Record, SCHEMA_VERSION, Trial};
use wirecost_model::scenario::{Loaded, Wire, Workload};
use wirecost_model::search::{self, Stop};
use wirecost_model::threshold::Threshold;
use wirecost_model::units::Span;
use wirecost_model::{Cell, Plan, scenario};
use wirecost_probe::{machine, process};
use wirecost_report::format::plural;
use wirecost_report::{account, export, gate, html, load, search as answers, stats, terminal};
use wirecost_runner::preflight::{self, Ground};
use wirecost_runner::run::{self as runner, Ending, Extras, Interrupts};
use wirecost_runner::store::{Store, folder_name};
use wirecost_runner::{target_process, utc_now};

use super::validate::load_all;
use super::{Outcome, calibrate, index};
use crate::args::RunArgs;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::live::{Board, Live, Watchers};
use crate::ui::{self, TimeLeft, Ui};

/// Environment variables that change results and say nothing of a person; no other is recorded.
const ENVIRONMENT: &[&str] = &["CI", "TOKIO_WORKER_THREADS", "MALLOC_ARENA_MAX"];

/// One file, ready to run.
struct Job {
    file: PathBuf,
    text: String,
    loaded: Loaded,
    plan: Plan,
    thresholds: Vec<Threshold>,
    fail_if: Vec<Threshold>,
    ground: Ground,
}

/// Runs every file; exits with the most serious of their results.
pub fn run(args: &RunArgs) -> Outcome {
    let jobs = prepare(args)?;
    if args.dry_run {
        jobs.iter().for_each(show_plan);
        return Ok(exit::OK);
    }
    let signals = watch_signals();
    let mut live = args.live.map(|port| start_live(port, &jobs[0].ground)).transpose()?;
    let mut calibration = None;
    let mut worst = exit::OK;
    for (number, job) in jobs.iter().enumerate() {
        let place = [number + 1, jobs.len()];
        let exit = run_job(job, args, &signals, &mut calibration, &mut live, place)?;
        if exit.0 > worst.0 {
            worst = exit;
        }
        if signals.count.load(SeqCst) > 0 {
            // What was asked for is not done, even if the file that ran when it was asked is.
            let is_last = place[0] == place[1];
            return Ok(if is_last { worst } else { signals.exit() });
        }
    }
    Ok(worst)
}

/// The page beside the run. Its address is told even to those who want it quiet: they asked for it.
fn start_live(port: u16, ground: &Ground) -> Result<Live, Failure> {
    let live = Live::start(port, &ground.client_cores)
        .map_err(|error| Failure::new(exit::SERVER, format!("--live: cannot listen on 127.0.0.1:{port}: {error}")))?;
    eprintln!("Live at {}", live.url());
    Ok(live)
}

/// Reads, checks and plans every file, and checks the machine.
fn prepare(args: &RunArgs) -> Result<Vec<Job>, Failure> {
    let mut jobs = Vec::new();
    let mut obstacles = Vec::new();
    for (file, (text, mut loaded)) in args.files.iter().zip(load_all(&args.files)?) {
        override_scenario(args, &mut loaded);
        let searches = loaded.scenario.search.is_some();
        for (given, option) in [(args.trials.is_some(), "--trials"), (!args.fail_if.is_empty(), "--fail-if")] {
            if given && searches {
                let why = "decides by itself how many trials it runs, and goes where conditions fail on purpose";
                return Err(Failure::new(exit::USAGE, format!("{option}: the search of {} {why}", file.display())));
            }
        }
        let mut plan = Plan::new(&loaded, args.verify.then_some(1).or(args.trials), args.seed);
        if let Some(baseline) = &args.baseline {
            if !plan.cells.iter().any(|cell| cell.config.name == *baseline) {
                return Err(Failure::new(exit::USAGE, format!("--baseline: no arm is called `{baseline}`")));
            }
            plan.baseline.clone_from(baseline);
        }
        for cell in &plan.extremes() {
            let host = cell.config.target.as_ref().and_then(|target| target.remote_host());
            if let Some(host) = host.filter(|host| !args.allow_remote.contains(host)) {
                obstacles.push(format!(
                    "{}: the target of `{}` is not this machine. {}; if {host} is yours, say `--allow-remote {host}`",
                    file.display(),
                    cell.config.name,
                    what_is_sent(cell)
                ));
            }
        }
        let parse = |texts: &[String]| -> Result<Vec<Threshold>, Failure> {
            let parsed: Result<Vec<_>, _> = texts.iter().map(|text| Threshold::parse(text, &loaded.scenario)).collect();
            parsed.map_err(|error| Failure::new(exit::USAGE, format!("--fail-if: {error}")))
        };
        let thresholds = if args.verify { Vec::new() } else { parse(&loaded.scenario.thresholds)? };
        let fail_if = parse(&args.fail_if)?.iter().map(Threshold::opposite).collect();
        match preflight::check(&plan, file.parent().unwrap_or(std::path::Path::new("."))) {
            Ok(ground) => jobs.push(Job { file: file.clone(), text, loaded, plan, thresholds, fail_if, ground }),
            Err(found) => obstacles.extend(found.into_iter().map(|text| format!("{}: {text}", file.display()))),
        }
    }
    if obstacles.is_empty() {
        return Ok(jobs);
    }
    Err(Failure::new(exit::SCENARIO, format!("cannot run here; nothing was started\n  {}", obstacles.join("\n  "))))
}

/// What a trial of a cell sends to its target, in words.
fn what_is_sent(cell: &Cell) -> String {
    let seconds = (cell.timing.warmup.ns() + cell.timing.measure.ns() + cell.timing.drain.ns()) as f64 / 1e9;
    let url = cell.config.target.as_ref().and_then(|target| target.url.clone()).unwrap_or_default();
    let (clients, workload) = (cell.clients, cell.workload.name());
    let transport = cell.config.transport.row().name;
    let payload = cell.workload.payload().map(|payload| format!(" with messages of {payload}")).unwrap_or_default();
    format!("A trial connects {clients} clients of {transport} to {url} and runs `{workload}`{payload} for up to {seconds:.0} s")
}

fn override_scenario(args: &RunArgs, loaded: &mut Loaded) {
    if let Some(wire) = args.wire {
        loaded.scenario.wire = wire.into();
    }
    if args.verify {
        // That it runs is seen at the lowest level.
        loaded.scenario.search = None;
        for variant in &mut loaded.variants {
            // Long enough for two messages of the slowest sender.
            let rates = variant.scenario.workload.paces().into_iter().map(|pace| pace.0);
            let least = rates.filter(|rate| *rate > 0.0).map(|rate| Span((2e9 / rate) as u64)).max().unwrap_or_default();
            let timing = &mut variant.scenario.trial;
            timing.connect = None;
            (timing.warmup, timing.measure) = (Span::ms(200), timing.measure.min(least.max(Span::ms(1000))));
            if let Workload::Reconnect(reconnect) = &mut variant.scenario.workload
                && reconnect.at.is_some_and(|at| at >= timing.measure)
            {
                reconnect.at = None;
            }
        }
    }
}

/// `core 1`, `cores 2, 3`.
fn cores(list: &[usize]) -> String {
    match list {
        [] => "any core".into(),
        [one] => format!("core {one}"),
        many => format!("cores {}", many.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    }
}

fn show_plan(job: &Job) {
    let Job { file, plan, ground, .. } = job;
    let seconds = plan.least_duration_ns() as f64 / 1e9;
    let cells = plan.cells.len();
    let head = match &plan.search {
        None => {
            format!("{}, {}, at least {seconds:.0} s", plural(cells as u64, "cell"), plural(plan.trials.len() as u64, "trial"))
        }
        Some(search) => {
            let (quiet, most) = (search::trials_without_trouble(&search.levels, search.confirm), search.most_trials());
            let (first, last) = (search.levels[0], search.levels[search.levels.len() - 1]);
            // The first round has one trial of each subject.
            format!(
                "a search between {} and {} ({} levels) while {}\n  for each of {cells} cells at most {quiet} trials, {most} if \
                 trials are void or contradict one another; in all at most {:.0} s, or {:.0} s\n  first round:",
                search.what.show(first),
                search.what.show(last),
                search.levels.len(),
                search.condition.text,
                seconds * f64::from(quiet),
                seconds * f64::from(most),
            )
        }
    };
    let mut lines = vec![
        format!("{}: {head}", file.display()),
        format!(
            "  network: {}; server on {}, load generator on {}{}",
            if ground.wire == Wire::Private { "private" } else { "the host's loopback" },
            cores(&ground.server_cores),
            cores(&ground.client_cores),
            if ground.client_processes > 1 { format!(" in up to {} processes", ground.client_processes) } else { String::new() }
        ),
    ];
    lines.extend(plan.trials.iter().map(|trial| {
        let cell = &plan.cells[trial.cell];
        let clients = plural(u64::from(cell.clients), "client");
        format!("  {:>4}  block {:>2}  {:<40} {clients}", trial.index + 1, trial.block + 1, cell.label())
    }));
    ui::print(&lines.join("\n"));
}

/// Counts SIGINT and SIGTERM; the run looks at the count. The first one decides the exit code.
pub(super) fn watch_signals() -> Signals {
    let signals = Signals::default();
    let shared = signals.clone();
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return signals };
    // Listened to from here on and without a gap: what comes while the one before is being told counts, too.
    let listen = |kind| {
        let _entered = runtime.enter();
        signal(kind)
    };
    let (Ok(mut interrupt), Ok(mut terminate)) = (listen(SignalKind::interrupt()), listen(SignalKind::terminate())) else {
        return signals;
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            loop {
                let terminated = tokio::select! {
                    _ = interrupt.recv() => false,
                    _ = terminate.recv() => true,
                };
                if shared.count.fetch_add(1, SeqCst) == 0 {
                    shared.terminated.store(terminated, SeqCst);
                    eprintln!("\nFinishing what is under way; what is done is kept. Once more stops now.");
                }
            }
        });
    });
    signals
}

/// What signals have asked for.
#[derive(Clone, Default)]
pub(super) struct Signals {
    pub(super) count: Interrupts,
    terminated: Arc<AtomicBool>,
}

impl Signals {
    pub(super) fn exit(&self) -> Exit {
        if self.terminated.load(SeqCst) { exit::TERMINATED } else { exit::INTERRUPTED }
    }

    /// The same failure, and if it is that somebody stopped it, with the exit code that says who.
    pub(super) fn exit_of(&self, failure: Failure) -> Failure {
        if failure.exit == exit::INTERRUPTED { Failure { exit: self.exit(), ..failure } } else { failure }
    }
}

fn run_job(
    job: &Job,
    args: &RunArgs,
    signals: &Signals,
    calibration: &mut Option<Calibration>,
    live: &mut Option<Live>,
    [file, files]: [usize; 2],
) -> Outcome {
    let started = utc_now();
    // Before there is a folder: what does not tell its version is refused.
    let target_versions = target_versions(job)?;
    let store = if args.resume { unfinished(job, args)? } else { create(job, args, &started)? };
    // Of a resumed run too: question, analysis and thresholds may have changed since.
    store.write("scenario.yaml", job.text.as_bytes())?;
    // Once for all files, and after everything that can be refused; numbers that mean nothing need none.
    if calibration.is_none() && !args.no_calibrate && !args.verify {
        if let Some(live) = live {
            live.say("Calibrating the instruments, about 10 s");
        }
        match calibrate::before_run(job.ground.wire, args.quiet, &signals.count) {
            Ok(calibrated) => *calibration = Some(calibrated),
            Err(failure) => {
                // A folder that is resumed has trials; a new one would have nothing to show.
                if !args.resume {
                    store.discard();
                }
                return Err(signals.exit_of(failure));
            }
        }
    }
    let mut provenance = provenance(job, &started, target_versions);
    if let Ok(earlier) = load::read_dir(store.dir()) {
        // A resumed run began when its first part did, and with that command.
        let earlier = earlier.record.provenance;
        (provenance.started_utc, provenance.argv) = (earlier.started_utc, earlier.argv);
    }
    let mut plan = job.plan.clone();
    let left = plan.most_trials().saturating_sub(store.finished()?.len());
    let ui = Ui::new(&job.plan, left, args.quiet);
    ui.line(&format!("{} — {}", job.loaded.scenario.name, job.loaded.scenario.question.trim()));
    if let Some(reason) = &job.ground.not_private {
        ui.line(&format!("note: on the host's loopback, bytes are not reconciled with the kernel's: {reason}"));
    }
    let cells = job.plan.extremes();
    for cell in cells.iter().filter(|cell| cell.config.target.as_ref().is_some_and(|target| target.url.is_some())) {
        ui.line(&format!("note: {}; bytes are not reconciled with a kernel's count there", what_is_sent(cell)));
    }
    if cfg!(debug_assertions) {
        ui.line("note: a debug build measures itself; use `cargo run --release`");
    }
    let command: Vec<OsString> = vec![process::ITSELF.into(), "trial".into()];
    // Whoever allows void trials, or runs each but once to see that it works, needs none twice.
    let repeat = !(args.no_repeat || args.allow_void || args.verify);
    let extras = Extras { capture: args.capture, miscount: args.miscount, repeat };
    let board = live.as_ref().map(|live| -> Result<Board, Failure> {
        let so_far = assemble(job, plan.clone(), store.trials()?, provenance.clone(), None);
        Ok(live.board(so_far, TimeLeft::new(&job.plan, left), file, files))
    });
    let mut watchers = Watchers { ui, board: board.transpose()? };
    let ended = runner::run(&mut plan, &job.ground, &store, &command, extras, &signals.count, &mut watchers);
    watchers.ui.finish();
    // Whatever ended it, what is finished becomes a record.
    let record = assemble(job, plan, store.trials()?, provenance, calibration.clone());
    let run = write(&store, &record)?;
    index::update(&args.out);
    if let Some(live) = live {
        live.wrote(&record, store.dir());
    }
    let ending = ended.map_err(|error| {
        let failure = Failure::from(error);
        let kept = format!(
            "{} of {} trials are kept in {}; `--resume` runs the rest",
            record.trials.len(),
            record.plan.trials.len(),
            store.dir().display()
        );
        Failure::new(failure.exit, format!("{}\n  {kept}", failure.text))
    })?;
    show(job, args, &store, &run)?;
    Ok(match ending {
        Ending::Interrupted => signals.exit(),
        Ending::Complete => verdict(&record, args),
    })
}

fn create(job: &Job, args: &RunArgs, started: &str) -> Result<Store, Failure> {
    let name = folder_name(started, &job.plan.scenario, &args.alias, env!("WIRECOST_COMMIT"));
    let store = Store::create(&args.out, &name)?;
    let plan = serde_json::to_vec_pretty(&job.plan).map_err(anyhow::Error::from)?;
    store.write("plan.json", &plan)?;
    Ok(store)
}

/// The newest record of the same plan that lacks trials.
fn unfinished(job: &Job, args: &RunArgs) -> Result<Store, Failure> {
    let mut dirs: Vec<PathBuf> =
        std::fs::read_dir(&args.out).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path()).collect();
    dirs.sort();
    for dir in dirs.iter().rev() {
        let Ok(store) = Store::open(dir) else { continue };
        let plan = store.read("plan.json").ok().and_then(|text| serde_json::from_str::<Plan>(&text).ok());
        if plan.as_ref() == Some(&job.plan) && grown(&job.plan, &store.trials()?).trials.len() > store.finished()?.len() {
            return Ok(store);
        }
    }
    Err(Failure::new(
        exit::INPUT_MISSING,
        format!("nothing to resume: no unfinished run of this plan in {}; run without --resume", args.out.display()),
    ))
}

/// The plan as far as its finished trials have taken it.
fn grown(plan: &Plan, trials: &[Trial]) -> Plan {
    let mut plan = plan.clone();
    while trials.len() >= plan.trials.len() && plan.grow(&answers::outcomes(&plan, trials)) {}
    plan
}

/// What targets say of their versions, by arm.
fn target_versions(job: &Job) -> Result<BTreeMap<String, String>, Failure> {
    let mut versions = BTreeMap::new();
    for cell in &job.plan.extremes() {
        let Some(target) = &cell.config.target else { continue };
        let name = &cell.config.name;
        let version = target_process::version(target, &job.ground.scenario_dir).map_err(|error| {
            Failure::new(
                exit::SCENARIO,
                format!("the target of `{name}` does not tell its `version`: {error}; nothing was started"),
            )
        })?;
        versions.extend(version.map(|version| (name.clone(), version)));
    }
    Ok(versions)
}

fn provenance(job: &Job, started: &str, target_versions: BTreeMap<String, String>) -> Provenance {
    let dependencies = env!("WIRECOST_DEPENDENCIES")
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, version)| (name.to_string(), version.to_string()))
        .collect();
    let environment: BTreeMap<String, String> =
        ENVIRONMENT.iter().filter_map(|name| Some(((*name).to_string(), std::env::var(name).ok()?))).collect();
    Provenance {
        version: env!("CARGO_PKG_VERSION").into(),
        commit: env!("WIRECOST_COMMIT").into(),
        profile: env!("WIRECOST_PROFILE").into(),
        rustc: env!("WIRECOST_RUSTC").into(),
        dependencies,
        target_versions,
        argv: std::env::args().skip(1).collect(),
        scenario_hash: scenario::hash(&job.text),
        started_utc: started.into(),
        finished_utc: String::new(),
        machine: machine::read(),
        server_cores: job.ground.server_cores.clone(),
        client_cores: job.ground.client_cores.clone(),
        environment,
    }
}

fn assemble(job: &Job, plan: Plan, trials: Vec<Trial>, mut provenance: Provenance, calibration: Option<Calibration>) -> Record {
    let cells = stats::summarise(&plan, &trials);
    let comparisons = stats::compare(&plan, &cells, &trials);
    let twins = stats::twins::compare(&plan, &trials);
    let mut thresholds = stats::threshold::judge(&job.thresholds, &plan, &cells, &trials);
    // `--fail-if` names what must not be: it is judged as its opposite.
    thresholds.extend(stats::threshold::judge(&job.fail_if, &plan, &cells, &trials));
    let mut warnings = Vec::new();
    if let Some(reason) = &job.ground.not_private {
        warnings.push(format!("on the host's loopback: bytes are not reconciled with the kernel's count ({reason})"));
    }
    let against = |with: fn(&scenario::Target) -> bool| {
        let cells = plan.cells.iter().filter(|cell| cell.config.target.as_ref().is_some_and(|target| with(target)));
        cells
            .map(|cell| format!("`{}`", cell.config.name))
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (foreign, remote) = (against(|_| true), against(|target| target.url.is_some()));
    if !foreign.is_empty() {
        let published = plan.cells.iter().any(|cell| matches!(cell.workload, Workload::Push(_)));
        let taking = if published {
            ", and it and the latencies contain each message's way from the publisher to the target, which the reference server does not have"
        } else {
            ""
        };
        warnings.push(format!(
            "against a target ({foreign}) bytes are counted at the clients' end; the server's CPU time is that of all its processes{taking}"
        ));
    }
    if !remote.is_empty() {
        warnings
            .push(format!("of a target found at a URL ({remote}) CPU and memory are not measured, and bytes are not reconciled"));
    }
    if job.ground.server_cores.is_empty() {
        warnings.push("server and load generator share one core: a latency contains both".into());
    }
    if env!("WIRECOST_PROFILE") != "release" {
        warnings.push("debug build: CPU and latency are not those of the protocols".into());
    }
    warnings.extend(gate::repeated(&trials));
    warnings.extend(account::processes::warning(&trials));
    warnings.extend(account::other_work::warning(&trials, provenance.machine.cores_online));
    if let Some(calibration) = &calibration {
        warnings.extend(calibrate::warnings(calibration, &plan, job.ground.client_cores.len()));
    }
    provenance.finished_utc = utc_now();
    let scenario = &job.loaded.scenario;
    Record {
        schema_version: SCHEMA_VERSION,
        name: scenario.name.clone(),
        question: scenario.question.trim().into(),
        analysis: scenario.analysis.trim().into(),
        complete: trials.len() == plan.trials.len(),
        search: answers::result(&plan, &trials),
        provenance,
        plan,
        trials,
        cells,
        comparisons,
        twins,
        thresholds,
        warnings,
        at_scale: scenario.at_scale,
        calibration,
    }
}

/// Writes the record, and what people read of it.
fn write(store: &Store, record: &Record) -> Result<load::Run, Failure> {
    store.write_record(record)?;
    let run = load::read_dir(store.dir()).map_err(|error| Failure::new(exit::UNEXPECTED, error.to_string()))?;
    store.write("cells.csv", export::csv(&run).as_bytes())?;
    store.write("README.md", export::markdown(&run).as_bytes())?;
    store.write("report.html", html::render(std::slice::from_ref(&run)).as_bytes())?;
    Ok(run)
}

fn show(job: &Job, args: &RunArgs, store: &Store, run: &load::Run) -> Result<(), Failure> {
    if args.json {
        ui::print(&serde_json::to_string_pretty(&run.record).map_err(anyhow::Error::from)?);
    } else if args.quiet {
        ui::print(&store.dir().display().to_string());
    } else {
        ui::print(&terminal::table(run, ui::width(), ui::colour(args.no_color)));
    }
    if !args.quiet {
        eprintln!("Wrote {}", store.dir().display());
        eprintln!("Next: open {}", store.dir().join("report.html").display());
        if !run.record.complete {
            eprintln!("      wirecost run {} --resume", job.file.display());
        } else if job.plan.trials_per_cell < 6 && job.plan.search.is_none() {
            eprintln!("      wirecost run {} --trials 6      (the least for an interval)", job.file.display());
        }
    }
    Ok(())
}

/// The code that the results deserve.
fn verdict(record: &Record, args: &RunArgs) -> Exit {
    if let Some(search) = &record.search {
        // Void trials are where a search ends; they are a fault only of one that found nothing.
        let without = |stop: Stop| search.answers.iter().any(|answer| answer.held.is_none() && answer.stop == stop);
        return match (without(Stop::Unjudged) && !args.allow_void, without(Stop::BottomFailed)) {
            (true, _) => exit::VOID,
            (false, true) => exit::THRESHOLD,
            (false, false) => exit::OK,
        };
    }
    if !args.allow_void && record.trials.iter().any(Trial::is_void) {
        exit::VOID
    } else if record.thresholds.iter().all(|threshold| threshold.holds) {
        exit::OK
    } else {
        exit::THRESHOLD
    }
}
