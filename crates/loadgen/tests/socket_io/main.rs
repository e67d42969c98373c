//! Our Socket.IO client against the official servers, and against servers that misbehave.
//!
//! The official ones need Node and the packages of `tests/peers` (`npm ci` there); without them the tests say that they
//! were skipped. The misbehaving ones are a few lines of Rust each and always run.

mod bytes;
mod delivery;
mod faults;
mod faulty;
mod fleet;
mod heartbeat;
mod peer;
mod reconnect;
