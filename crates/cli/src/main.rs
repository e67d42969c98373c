//! `wirecost`: the one binary, and the only crate that prints, exits, reads the command line or the
//! environment.
//!
//! `args` is the command line as data, `command/` has one file a command, `exit` the exit codes, `ui` what
//! the terminal shows while a run goes on. Measuring and judging happen in the libraries.

mod args;
mod calibration_cache;
mod command;
mod exit;
mod failure;
mod live;
mod ui;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use wirecost_probe::process;

use args::{Cli, Command};
use exit::Exit;
use failure::Failure;

fn main() -> ExitCode {
    process::set_name(c"wirecost");
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Run(args) => command::run::run(&args),
        Command::Serve(args) => command::serve::serve(&args),
        Command::Report(args) => command::report::report(&args),
        Command::Calibrate(args) => command::calibrate::calibrate(&args),
        Command::Compare(args) => command::compare::compare(&args),
        Command::List(args) => command::list::list(&args),
        Command::Validate(args) => command::validate::validate(&args),
        Command::Schema(args) => command::schema::schema(&args),
        Command::Doctor => command::doctor::doctor(),
        Command::Completions { shell } => command::generated::completions(shell),
        Command::Man => command::generated::man(),
        Command::Trial => command::trial::trial(),
        Command::Fleet => command::fleet::fleet(),
    };
    let Exit(code, _) = result.unwrap_or_else(|failure: Failure| {
        // The one place where errors are printed. A reader that has gone away is no reason to panic.
        let _ = writeln!(std::io::stderr(), "{failure}");
        failure.exit
    });
    ExitCode::from(code)
}
