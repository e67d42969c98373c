//! `compare`: what changed between two runs of one scenario, with as much certainty as their trials give.

use wirecost_report::compare::{self, Options};

use super::Outcome;
use super::report::read;
use crate::args::{CompareArgs, CompareFormat};
use crate::exit;
use crate::failure::Failure;
use crate::ui;

/// Reads both records, compares and prints.
pub fn compare(args: &CompareArgs) -> Outcome {
    if !(0.0..100.0).contains(&args.margin) {
        return Err(Failure::new(exit::USAGE, format!("--margin: {} is not between 0 and 100 percent", args.margin)));
    }
    let (base, new) = (read(&args.base)?, read(&args.new)?);
    let options = Options { force: args.force, margin: args.margin / 100.0 };
    let comparison = compare::compare_runs(&base, &new, &options).map_err(|refusal| {
        let remedy = if refusal.nothing_in_common { "" } else { "\n`--force` compares them all the same" };
        Failure::new(exit::NOT_COMPARABLE, format!("{refusal}{remedy}"))
    })?;
    ui::print(&match args.format {
        CompareFormat::Text => compare::text(&comparison, ui::width(), ui::colour(args.no_color)),
        CompareFormat::Md => compare::markdown(&comparison),
        CompareFormat::Json => compare::json(&comparison),
        CompareFormat::Junit => compare::junit(&comparison),
    });
    Ok(if args.fail_if_worse && comparison.is_worse() { exit::THRESHOLD } else { exit::OK })
}
