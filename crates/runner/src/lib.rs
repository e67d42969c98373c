//! From a plan to a record on disk: which process runs when, and what is kept.
//!
//! ```text
//! run (this process) ── for each trial: a trial process, in a network of its own if the machine allows it
//!                                        ├── the load generator (threads of the trial process, or several processes: [`clients`])
//!                                        └── the server (a child of it)
//! ```
//!
//! [`run`] walks the plan and stores every trial the moment it ends. [`trial`] is what happens inside the
//! trial process. [`calibrate`] holds the instruments against what is known beforehand. The server is a process like any other here: started by a command, spoken to over its
//! standard input and output ([`server_process`]).
//!
//! What deliberately does not live here: any transport, any statistics, any terminal. Nothing here exits.

pub mod calibrate;
pub mod clients;
pub mod conversation;
pub mod preflight;
pub mod run;
pub mod server_process;
pub mod store;
pub mod target_process;
pub mod trial;

mod capture;
mod child;
mod server;
mod trial_process;

/// The time now, UTC, RFC 3339 to the second. The only calendar of the workspace.
pub fn utc_now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
