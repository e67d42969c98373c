//! The load generator: clients that connect, send and receive; the pacer that decides when; the
//! recorder that stamps and counts.
//!
//! ```text
//! Fleet ── shard (thread, runtime, pacer, recorder) ── client task ── Session (transport) ── stack ── metered socket
//! ```
//!
//! - **A transport never touches the clock, a histogram or the pacer's decisions.** It connects, sends and
//!   yields [`session::Delivery`]s; the client task stamps them and the recorder records.
//! - **A stack never knows the transport.** It is the set of client libraries: requests and frames, no polling, no cursors.
//! - **A workload is data** ([`workload::Script`]): what the server publishes, what each client sends, who listens. There is
//!   one loop for all open workloads and one for the closed one.
//!
//! What deliberately does not live here: when phases begin and end, and the server (both are the runner's).

pub mod bare;
pub mod books;
pub mod fleet;
pub mod publisher;
pub mod session;
pub mod target;
pub mod workload;

mod backoff;
mod bell;
mod client;
mod deadline;
mod glance;
mod inbox;
mod pacer;
mod recorder;
mod recovery;
mod shard;
mod stack;
mod status;
mod transport;

pub use fleet::{Fleet, FleetPlan};
pub use recorder::interval_ns;
pub use target::{Foreign, Protocol, Target};
