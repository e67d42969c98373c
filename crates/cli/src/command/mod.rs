//! One file a command. Each returns the code to exit with, or the failure to print.

pub mod calibrate;
pub mod compare;
pub mod doctor;
pub mod fleet;
pub mod generated;
mod index;
pub mod list;
mod reference;
pub mod report;
pub mod run;
pub mod schema;
pub mod serve;
pub mod trial;
pub mod validate;

use crate::exit::Exit;
use crate::failure::Failure;

/// What every command returns.
pub type Outcome = Result<Exit, Failure>;
