//! The command line, as data. Help texts begin with examples.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

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
        before_help = "Examples:\n  wirecost serve                               any free port, printed as one JSON line\n  wirecost serve --bind 127.0.0.1:8080 --tls\n  curl -N 'http://127.0.0.1:8080/sse?room=all'\n\n")]
    Serve(ServeArgs),
    /// Write the report of one or more records
    #[command(help_template = TEMPLATE,
        before_help = "Examples:\n  wirecost report results/20261124t…           report.html and README.md beside the record\n  wirecost report DIR --format md              Markdown on stdout, for a job summary\n  wirecost report DIR --format csv > cells.csv\n\n")]
    Report(ReportArgs),
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
    /// One short trial of each cell, to see that everything works; the numbers mean nothing
    #[arg(long, conflicts_with = "trials")]
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
    /// Exit 0 even if a gate voided a trial
    #[arg(long)]
    pub allow_void: bool,
    /// Keep a packet capture of every trial (needs dumpcap; for bytes, not for latency)
    #[arg(long)]
    pub capture: bool,
    /// Count a byte too many in each frame, to see the gate fail
    #[arg(long, hide = true)]
    pub miscount: bool,
    /// A short word for this machine in the record's name
    #[arg(long, value_name = "WORD", default_value = "local")]
    pub alias: String,
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

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Address to listen on; port 0 is any free one
    #[arg(long, default_value = "127.0.0.1:0")]
    pub bind: SocketAddr,
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
    /// Cores to run on, such as 0,1
    #[arg(long, value_delimiter = ',', value_name = "CORES")]
    pub cores: Vec<usize>,
    /// Obey commands on stdin (how `run` drives it)
    #[arg(long, hide = true)]
    pub control: bool,
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
    /// Where to write it; beside the record if absent (html), else stdout
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
    /// Records and their verdicts
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
}
