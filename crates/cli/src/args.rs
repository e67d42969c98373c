//! The command line, as data. Help texts begin with examples.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use wirecost_model::scenario::Wire;
use wirecost_model::units::{Size, Span, UnitError};

use crate::exit;

/// Examples first, then the rest.
const TEMPLATE: &str = "{about}\n\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

/// Measures what it costs to get a message from a server to a client and back.
#[derive(Debug, Parser)]
#[command(name = "wirecost", version, help_template = TEMPLATE, max_term_width = 100, after_help = exit::table(),
    before_help = "Examples:\n  wirecost run scenarios/quickstart.yaml       run a scenario, leave a record and a report\n  wirecost run FILE --dry-run                  show the plan, start nothing\n  wirecost report results/…                    write the report of a record again\n  wirecost doctor                              what this machine allows\n\n")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run scenarios: a table on stdout, a record and a report on disk
    #[command(help_template = TEMPLATE, after_help = exit::table(),
        before_help = "Examples:\n  wirecost run scenarios/quickstart.yaml\n  wirecost run my.yaml --trials 10 --out results\n  wirecost run my.yaml --resume                finish the last run that was stopped\n  wirecost run my.yaml --fail-if 'websocket.delivery.p99 > 50ms'\n\n")]
    Run(RunArgs),
    /// Run the reference server
    #[command(help_template = TEMPLATE,
        before_help = "Examples:\n  wirecost serve                               any free port, printed as one JSON line\n  wirecost serve --bind 127.0.0.1:8080 --tls\n  wirecost serve --demo --bind 127.0.0.1:8080  a page with four transports\n  curl -N 'http://127.0.0.1:8080/sse?room=all'\n\n")]
    Serve(ServeArgs),
    /// Write the report of one or more records
    #[command(help_template = TEMPLATE,
        before_help = "Examples:\n  wirecost report results/20261124t…           report.html beside the record\n  wirecost report DIR --format md              Markdown on stdout, for a job summary\n  wirecost report DIR --format csv > cells.csv\n  wirecost report DIR --format png             a picture a chart in DIR/charts\n\n")]
    Report(ReportArgs),
    /// Hold the instruments against what is known beforehand: clock, timers, TCP, injected delays, stalls and faults
    #[command(help_template = TEMPLATE, after_help = exit::table(),
        before_help = "Examples:\n  wirecost calibrate                           the whole ladder, every transport, minutes\n  wirecost calibrate --short                   what `run` does before its first trial, seconds\n  wirecost calibrate --json > calibration.json\n\n")]
    Calibrate(CalibrateArgs),
    /// Say what changed between two runs of one scenario
    #[command(help_template = TEMPLATE, after_help = exit::table(),
        before_help = "Examples:\n  wirecost compare results/BASE results/NEW\n  wirecost compare BASE NEW --format md        for a job summary\n  wirecost compare BASE NEW --fail-if-worse    exit 99 if anything is worse beyond doubt\n\n")]
    Compare(CompareArgs),
    /// List transports, scenarios or records
    List(ListArgs),
    /// Check scenarios and say everything that is wrong with them
    Validate(ValidateArgs),
    /// Print a JSON schema, for editors and checks
    Schema(SchemaArgs),
    /// Say what this machine allows, and what to change
    Doctor,
    /// Print completions for a shell
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Print the manual page
    Man,
    /// One trial, started by `run`: an order on stdin, events on stdout
    #[command(hide = true)]
    Trial,
    /// A share of a trial's clients, started by `trial`: an order and commands on stdin, events on stdout
    #[command(hide = true)]
    Fleet,
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Scenario files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Trials of each cell, instead of the scenario's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub trials: Option<u32>,
    /// Seed of the plan, instead of the scenario's
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Folder for records
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub out: PathBuf,
    /// The arm that others are compared to
    #[arg(long, value_name = "ARM")]
    pub baseline: Option<String>,
    /// Where packets go, instead of the scenario's
    #[arg(long, value_enum)]
    pub wire: Option<WireArg>,
    /// Finish the newest unfinished run of the same plan
    #[arg(long)]
    pub resume: bool,
    /// Show the plan and start nothing
    #[arg(long)]
    pub dry_run: bool,
    /// One short trial of each cell, to see that everything works; the numbers mean nothing, and no condition is judged
    #[arg(long, conflicts_with_all = ["trials", "fail_if"])]
    pub verify: bool,
    /// Only errors and the path of the record
    #[arg(long, short)]
    pub quiet: bool,
    /// The record as JSON on stdout instead of the table
    #[arg(long)]
    pub json: bool,
    /// No colours (also NO_COLOR, TERM=dumb)
    #[arg(long)]
    pub no_color: bool,
    /// Exit 99 if this holds, such as 'websocket.delivery.p99 > 50ms' (may be repeated)
    #[arg(long, value_name = "EXPR")]
    pub fail_if: Vec<String>,
    /// Exit 0 even if a gate voided a trial, and run none again
    #[arg(long)]
    pub allow_void: bool,
    /// Do not run a trial again that late senders or the machine have voided (else once, up to one trial in ten)
    #[arg(long)]
    pub no_repeat: bool,
    /// A host that is not this machine and that the scenario's targets may be on; load is sent there (may be repeated)
    #[arg(long, value_name = "HOST")]
    pub allow_remote: Vec<String>,
    /// Serve a page on loopback while the run goes on; its address is told on stderr (any free port, unless one is named)
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    pub live: Option<u16>,
    /// Keep a packet capture of every trial (needs dumpcap; for bytes, not for latency)
    #[arg(long)]
    pub capture: bool,
    /// Count a byte too many in each frame, to see the gate fail
    #[arg(long, hide = true)]
    pub miscount: bool,
    /// Do without the short calibration before the first trial
    #[arg(long)]
    pub no_calibrate: bool,
    /// A short word for this machine in the record's name
    #[arg(long, value_name = "WORD", default_value = "local")]
    pub alias: String,
}

/// Options of `calibrate`.
#[derive(Debug, Args)]
pub struct CalibrateArgs {
    /// One transport where any would do, and shorter: seconds instead of minutes
    #[arg(long)]
    pub short: bool,
    /// Where packets go
    #[arg(long, value_enum, default_value_t = WireArg::Auto)]
    pub wire: WireArg,
    /// Nothing but the result
    #[arg(long, short)]
    pub quiet: bool,
    /// JSON on stdout instead of the table
    #[arg(long)]
    pub json: bool,
}

/// Where packets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WireArg {
    /// Private if possible
    Auto,
    /// A network namespace for each trial
    Private,
    /// The host's loopback
    Host,
}

impl From<WireArg> for Wire {
    fn from(wire: WireArg) -> Wire {
        match wire {
            WireArg::Auto => Wire::Auto,
            WireArg::Private => Wire::Private,
            WireArg::Host => Wire::Host,
        }
    }
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Address to listen on; port 0 is any free one [default: 127.0.0.1:0; with --conformance localhost:3000]
    #[arg(long)]
    pub bind: Option<SocketAddr>,
    /// Speak TLS, with a certificate made at start
    #[arg(long)]
    pub tls: bool,
    /// TLS settings as a YAML mapping, such as '{version: "1.2", resume: on}'
    #[arg(long, value_name = "YAML", requires = "tls")]
    pub tls_options: Option<String>,
    /// Messages that a room keeps for readers that come late
    #[arg(long, value_name = "N")]
    pub ring: Option<usize>,
    /// Most connections at a time
    #[arg(long, value_name = "N")]
    pub max_connections: Option<usize>,
    /// Engine.IO: time between two pings, such as 300ms [default: 25s]
    #[arg(long, value_name = "TIME", value_parser = heartbeat)]
    pub ping_interval: Option<Duration>,
    /// Engine.IO: time to wait for the answer [default: 20s]
    #[arg(long, value_name = "TIME", value_parser = heartbeat)]
    pub ping_timeout: Option<Duration>,
    /// Engine.IO: longest polling body and WebSocket message from a client, such as 2MiB [default: 1MB]
    #[arg(long, value_name = "SIZE", value_parser = max_payload)]
    pub max_payload: Option<usize>,
    /// Socket.IO: time to connect to a namespace in [default: 45s]
    #[arg(long, value_name = "TIME", value_parser = heartbeat)]
    pub connect_timeout: Option<Duration>,
    /// Be what the Engine.IO and Socket.IO test suites expect: echo at /engine.io/, port 3000 of both loopbacks, fast heartbeats
    #[arg(long)]
    pub conformance: bool,
    /// Serve a page at / that shows the transports side by side, and its namespace /test
    #[arg(long)]
    pub demo: bool,
    /// Cores to run on, such as 0,1
    #[arg(long, value_delimiter = ',', value_name = "CORES")]
    pub cores: Vec<usize>,
    /// Obey commands on stdin (how `run` drives it)
    #[arg(long, hide = true)]
    pub control: bool,
}

/// A time of a heartbeat: at least a millisecond, which is what the protocol counts in.
fn heartbeat(text: &str) -> Result<Duration, String> {
    let span: Span = text.parse().map_err(|error: UnitError| error.to_string())?;
    if span < Span::ms(1) { Err("at least 1ms is needed".into()) } else { Ok(Duration::from_nanos(span.ns())) }
}

/// At least as much as the protocol's own packets need, at most what a message may have anyway.
fn max_payload(text: &str) -> Result<usize, String> {
    let Size(bytes) = text.parse().map_err(|error: UnitError| error.to_string())?;
    usize::try_from(bytes)
        .ok()
        .filter(|bytes| (128..=16 << 20).contains(bytes))
        .ok_or_else(|| "128B to 16MiB are possible".into())
}

/// Options of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Records: folders that hold a record.json
    #[arg(required = true, value_name = "DIR")]
    pub records: Vec<PathBuf>,
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Html)]
    pub format: Format,
    /// Where to write it; if absent, html of one record and png go beside it, all else to stdout. A folder for png
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Formats of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The whole report, one self-contained page
    Html,
    /// Tables for a job summary
    Md,
    /// One observation a row
    Csv,
    /// Thresholds and gates as test results
    Junit,
    /// The table of the terminal
    Text,
    /// A picture a chart, in a folder
    Png,
}

/// Options of `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The record that is compared to
    #[arg(value_name = "BASE")]
    pub base: PathBuf,
    /// The record that is judged
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t = CompareFormat::Text)]
    pub format: CompareFormat,
    /// Compare them even if machine, kernel, build or plan differ
    #[arg(long)]
    pub force: bool,
    /// Differences below this count as none
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0)]
    pub margin: f64,
    /// Exit 99 if a metric is worse beyond margin and doubt
    #[arg(long)]
    pub fail_if_worse: bool,
    /// No colours (also NO_COLOR, TERM=dumb)
    #[arg(long)]
    pub no_color: bool,
}

/// Formats of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CompareFormat {
    /// A table for the terminal
    Text,
    /// Tables for a job summary
    Md,
    /// Everything, for programs
    Json,
    /// Rows as test results
    Junit,
}

/// Options of `list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// What to list
    #[arg(value_enum, default_value_t = Listed::Scenarios)]
    pub what: Listed,
    /// Where to look (scenarios, results)
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// The transports that there are
    Transports,
    /// Scenario files and their questions
    Scenarios,
    /// Records, with their questions and trials
    Results,
}

/// Options of `validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Scenario files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Options of `schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Of what
    #[arg(value_enum, default_value_t = SchemaOf::Scenario)]
    pub of: SchemaOf,
}

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// Scenario files
    Scenario,
    /// record.json
    Record,
    /// Scenario files, as the Markdown page docs/scenario.md
    Reference,
}
