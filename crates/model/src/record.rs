//! What a run leaves on disk, versioned. Everything that reaches `record.json` or a trial's file is
//! one of these types; `wirecost schema record` prints their JSON schema, which is committed and held
//! against real output by a test.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accounting::{Accounting, Recovery};
use crate::control::HeadSample;
use crate::departures::DepartureSummary;
use crate::faults::Injected;
use crate::histogram::Latency;
use crate::ledger::{Counters, Ledger};
use crate::machine::Machine;
use crate::plan::Plan;
use crate::scenario::{AtScale, Wire};
use crate::search::SearchResult;
use crate::stationarity::Half;

/// Changes when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// `record.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The scenario's name.
    pub name: String,
    /// The question.
    pub question: String,
    /// The prose that goes beside the numbers.
    pub analysis: String,
    /// Whether every planned trial is here.
    pub complete: bool,
    /// Where the numbers come from.
    pub provenance: Provenance,
    /// What was to be run.
    pub plan: Plan,
    /// What was run.
    pub trials: Vec<Trial>,
    /// Per cell: the estimates.
    pub cells: Vec<CellSummary>,
    /// Per pair of cells: the verdicts.
    pub comparisons: Vec<Comparison>,
    /// Per arm that was run twice (`aa`), its second run against its first: what is called different here is noise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub twins: Vec<Comparison>,
    /// The scenario's thresholds, judged.
    pub thresholds: Vec<ThresholdResult>,
    /// What a reader should know.
    pub warnings: Vec<String>,
    /// What the search found, of a run with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchResult>,
    /// The size that the report extrapolates to, if the scenario names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_scale: Option<AtScale>,
    /// What the instruments were worth on this machine, unless the run went without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// What `wirecost calibrate` found: the instruments held against what is known beforehand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Calibration {
    /// Seconds or minutes.
    pub form: CalibrationForm,
    /// When it began, UTC, RFC 3339.
    pub measured_utc: String,
    /// How long it took, ns.
    pub duration_ns: u64,
    /// From the instruments up to whole trials, in the order of the ladder.
    pub rungs: Vec<RungResult>,
}

impl Calibration {
    /// No rung failed; what was not measured is no failure.
    pub fn holds(&self) -> bool {
        self.rungs.iter().all(|rung| rung.outcome != GateOutcome::Failed)
    }

    /// A number of a rung, if it was measured.
    pub fn value(&self, rung: &str, name: &str) -> Option<f64> {
        self.rungs.iter().find(|result| result.rung == rung)?.values.get(name).copied()
    }
}

/// How much a calibration looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationForm {
    /// One transport where any would do, seconds in all: before each run.
    Short,
    /// Every transport, minutes in all.
    Full,
}

/// One rung of the ladder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RungResult {
    /// Its name in the registry of rungs.
    pub rung: String,
    /// What it looks at, in one line.
    pub what: String,
    /// What had to be seen.
    pub expected: String,
    /// What was seen, or why nothing was.
    pub seen: String,
    /// What came of it.
    pub outcome: GateOutcome,
    /// Whether it is about time, and so about the machine's mood; the others hold on any machine.
    pub timing: bool,
    /// Its numbers, with the unit in the key.
    pub values: BTreeMap<String, f64>,
}

/// Where the numbers come from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// Version of wirecost.
    pub version: String,
    /// Commit that it was built from, `unknown` outside a checkout; `-dirty` if files were changed.
    pub commit: String,
    /// Build profile.
    pub profile: String,
    /// Compiler.
    pub rustc: String,
    /// Versions of the libraries that are measured with.
    pub dependencies: BTreeMap<String, String>,
    /// What targets said of their versions, by arm. Absent for arms against the reference server, and for targets without a
    /// command that tells it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub target_versions: BTreeMap<String, String>,
    /// The command line, without the path of the program.
    pub argv: Vec<String>,
    /// Hash of the scenario file.
    pub scenario_hash: String,
    /// When the run began, UTC, RFC 3339.
    pub started_utc: String,
    /// When it ended.
    pub finished_utc: String,
    /// The machine.
    pub machine: Machine,
    /// Cores of the server.
    pub server_cores: Vec<usize>,
    /// Cores of the load generator.
    pub client_cores: Vec<usize>,
    /// Allow-listed environment variables that change results.
    pub environment: BTreeMap<String, String>,
}

/// The key in [`Trial::errors`] of messages that were received before they were sent, which a gate looks for.
pub const NEGATIVE_LATENCY: &str = "negative latency";

/// One trial.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trial {
    /// Position in the plan.
    pub index: usize,
    /// Which pass over the cells.
    pub block: u32,
    /// Which cell.
    pub cell: usize,
    /// The seed of its chance.
    pub seed: u64,
    /// When it began, UTC, RFC 3339.
    pub started_utc: String,
    /// Where the packets went.
    pub wire: Wire,
    /// Clients that the scenario asks for.
    pub clients_requested: u32,
    /// Clients that were connected when the clock started and still were at the end.
    pub clients_held: u32,
    /// Messages due in the measured window, by the plan.
    pub planned_messages: u64,
    /// Messages that were sent of these.
    pub sent_messages: u64,
    /// Due times at which the sender was still busy with the one before.
    pub missed_ticks: u64,
    /// Poll starts that were skipped because the poll before had not been answered.
    pub missed_polls: u64,
    /// Polls that should have started in the measured window; 0 for what does not poll at an interval.
    pub planned_polls: u64,
    /// What became of the messages, server to client (in `echo` and `upload`: of the client's).
    pub accounting: Accounting,
    /// In `duplex`: what became of the clients' messages.
    pub upload_accounting: Option<Accounting>,
    /// Deliveries that the server was told to spoil, by fault; absent where the plan has no faults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injected: Option<Injected>,
    /// In `reconnect`: what became of the clients that were cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// By tag: `delivery` (received − due), `service` (received − sent), `publish_lag`, `pacer_lag`,
    /// `connect_tcp`, `connect_tls`, `connect_open`, `connect_namespace`, `connect_upgrade`, `connect_ready`, `upload`,
    /// `upload_service`, `recovery` (from the cut to the first message again), `caught_up` (to the first that was sent after).
    /// Times of messages due in the measured window; a tag without samples is absent.
    pub latencies: BTreeMap<String, Latency>,
    /// How messages left, against the plan, by sender: `publisher`, `clients`. Empty in a closed loop, where nothing is due, and
    /// in records older than this field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub departures: BTreeMap<String, DepartureSummary>,
    /// Median delivery in the first and in the last half of the measured window; absent where it is too short to be cut, where
    /// deliveries are not kept by interval, and in records older than this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halves: Option<[Half; 2]>,
    /// Closed loop: latency is a round trip, and the rate is a result.
    pub closed_loop: bool,
    /// Bytes by layer, phase and direction.
    pub ledger: Ledger,
    /// The server process.
    pub server: ProcessCost,
    /// The load generator, all its processes together.
    pub client: ProcessCost,
    /// Processes that the clients were in: more than one where one may not have as many files as they have connections; 0, which
    /// is one, in records older than this field.
    #[serde(default)]
    pub client_processes: u32,
    /// The rest of the machine.
    pub machine: MachineCost,
    /// Protocol as negotiated, and on how many connections.
    pub negotiated: BTreeMap<String, u64>,
    /// Connections with Nagle's algorithm on, either end. Must be 0.
    pub nagle_connections: u64,
    /// The headers that were sent.
    pub samples: Vec<HeadSample>,
    /// Errors of clients, by text.
    pub errors: BTreeMap<String, u64>,
    /// The last lines that a target wrote, on standard output and standard error.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_words: Vec<String>,
    /// What the publisher's own connections to a target carried, over the whole trial: it is charged to no message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<Counters>,
    /// Checks of this trial's validity.
    pub gates: Vec<GateResult>,
    /// If it was run again: the failed gates of its first attempt, all of them about the conditions of measuring. Nothing else of
    /// that attempt is in the record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeated_for: Vec<GateResult>,
}

impl Trial {
    /// What became of the messages of both directions.
    pub fn both_ways(&self) -> Accounting {
        let mut all = self.accounting;
        self.upload_accounting.iter().for_each(|upload| all.merge(upload));
        all
    }

    /// A failed gate voids the trial: its numbers are shown greyed and feed no verdict.
    pub fn is_void(&self) -> bool {
        self.gates.iter().any(|gate| gate.outcome == GateOutcome::Failed)
    }
}

/// What a process cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProcessCost {
    /// CPU time over the measured window, ns.
    pub cpu_ns: u64,
    /// CPU time over the window that is not in `cpu_ns`, ns: of the server, what its publisher took to wait for its due times; of the
    /// load generator, what the trial took to watch it, and to publish to a target.
    #[serde(default)]
    pub waiting_cpu_ns: u64,
    /// Resident memory before any client connected, bytes.
    pub rss_before_bytes: u64,
    /// Resident memory at the beginning of the measured window, bytes; absent where it was not read, and in records older than
    /// this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss_window_bytes: Option<u64>,
    /// Resident memory at the end of the measured window, bytes.
    pub rss_bytes: u64,
    /// The part of it that the process has asked for; absent where it was not read, and in records older than this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anonymous: Option<Anonymous>,
}

/// Memory of a process that no file stands behind, bytes: without the pages of its program and its libraries, which come when they are
/// first needed, and of a trial with few clients are most of what it grows by. Of what several processes share, the share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Anonymous {
    /// Before any client connected.
    pub before_bytes: u64,
    /// At the beginning of the measured window.
    pub window_bytes: u64,
    /// At its end.
    pub end_bytes: u64,
}

/// What the rest of the machine did over the measured window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MachineCost {
    /// Share of CPU time that the hypervisor took away, 0..1.
    pub steal_fraction: f64,
    /// Share of CPU time in software interrupts (the kernel's network path), 0..1.
    pub softirq_fraction: f64,
    /// Share of CPU time that was not idle, 0..1.
    pub busy_fraction: f64,
    /// Pages swapped in or out.
    pub swapped_pages: u64,
    /// TCP buffer memory of the whole machine at the end of the window, bytes: the kernel does not tell it by namespace.
    pub tcp_memory_bytes: u64,
    /// Kernel memory of sockets and their buffers, bytes, at the end of the window less before any client connected; both
    /// ends of every connection. Machine-wide, so only a quiet machine tells it well. Absent where the kernel does not
    /// let it be read (it takes root).
    #[serde(default)]
    pub kernel_socket_bytes: Option<u64>,
}

/// A check of a trial's validity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateResult {
    /// Its name in the registry of gates.
    pub gate: String,
    /// What came of it.
    pub outcome: GateOutcome,
    /// What was seen, against what was allowed.
    pub seen: String,
    /// What helps, if it failed.
    pub advice: String,
}

/// What came of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateOutcome {
    /// As it should be.
    Passed,
    /// The trial is void.
    Failed,
    /// Could not be judged here; the reason is in `seen`.
    NotMeasured,
}

/// The estimates of a cell: one value per trial, then the median over trials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CellSummary {
    /// Which cell.
    pub cell: usize,
    /// Its name in tables.
    pub label: String,
    /// Trials that count.
    pub trials: u32,
    /// Trials that were voided.
    pub void_trials: u32,
    /// By metric name (see `report::stats::metric`); a metric that was not measured is absent.
    pub metrics: BTreeMap<String, Estimate>,
    /// What became of all messages of all its trials, in both directions.
    pub accounting: Accounting,
}

/// A median over trials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// The median, in the unit of the metric's name.
    pub median: f64,
    /// 95 % interval of the median by order statistics; absent with fewer than six trials.
    pub interval: Option<[f64; 2]>,
    /// One value per trial that counts, in the order of blocks.
    pub values: Vec<f64>,
}

/// One metric of one cell against the baseline's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The cell.
    pub cell: usize,
    /// The cell that it is compared to.
    pub baseline: usize,
    /// The metric.
    pub metric: String,
    /// Ratio of cell to baseline.
    pub ratio: f64,
    /// 95 % interval of the ratio by blocked bootstrap; absent with fewer than six trials.
    pub interval: Option<[f64; 2]>,
    /// What may be said.
    pub verdict: Verdict,
}

/// What may be said of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The interval, corrected for the number of comparisons, excludes 1 and the ratio is beyond the margin.
    Different,
    /// The interval lies within the practical margin.
    Equivalent,
    /// Neither.
    Inconclusive,
}

/// A threshold, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThresholdResult {
    /// As written.
    pub text: String,
    /// Whether it holds in every cell that it is about.
    pub holds: bool,
    /// What was seen where it holds least.
    pub seen: String,
}

/// The name of a trial's files without extension: `003-fast-polling`.
///
/// ```
/// use wirecost_model::record::trial_file_stem;
/// assert_eq!(trial_file_stem(7, " SSE over TLS!"), "007-sse-over-tls");
/// assert_eq!(trial_file_stem(3, "…"), "003");
/// ```
pub fn trial_file_stem(index: usize, arm: &str) -> String {
    let mut stem = format!("{index:03}");
    for word in arm.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        stem.push('-');
        stem.push_str(&word.to_ascii_lowercase());
    }
    stem
}
