//! The words of wirecost: what a scenario asks, what a plan lists, what a message carries, what a
//! trial leaves behind. Types, and pure functions over them.
//!
//! What deliberately does not live here: sockets, clocks, threads, files, anything that prints.
//! A value of this crate can be computed on one machine and read on another.
//!
//! ```
//! use wirecost_model::scenario;
//!
//! let yaml = r#"
//! name: hello
//! question: What does one pushed message cost?
//! workload: { push: { rate: 10/s, payload: 64B } }
//! arms: [websocket, { short_poll: { interval: 100ms } }]
//! "#;
//! let loaded = scenario::load(yaml).expect("a valid scenario");
//! let plan = wirecost_model::Plan::new(&loaded, None, None);
//! assert_eq!(plan.trials.len(), 2 * 6); // two cells, six trials each by default
//! ```

pub mod accounting;
pub mod control;
pub mod departures;
pub mod dialect;
pub mod envelope;
pub mod faults;
pub mod fleet;
pub mod glance;
pub mod histogram;
pub mod hlog;
pub mod ledger;
pub mod machine;
pub mod pace;
pub mod plan;
pub mod record;
pub mod rng;
pub mod scenario;
pub mod schedule;
pub mod search;
pub mod stationarity;
pub mod threshold;
pub mod trace;
pub mod transport;
pub mod units;

pub use accounting::{Accounting, Recovery, StreamCheck, Verdict as StreamVerdict};
pub use departures::{DepartureSummary, DepartureWatch, Departures, Published};
pub use envelope::Envelope;
pub use faults::{Faults, Injected};
pub use fleet::{ClientReport, FleetCount, FleetLook, FleetStatus};
pub use histogram::Histogram;
pub use ledger::{Direction, Layer, Ledger, Phase};
pub use machine::Machine;
pub use plan::{ArmConfig, Cell, Plan, TrialSpec};
pub use record::{Record, Trial};
pub use scenario::Scenario;
pub use transport::TransportKind;
