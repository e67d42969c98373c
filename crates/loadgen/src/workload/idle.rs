//! `idle`: clients are connected and subscribed and nothing is said: what a connection costs. Pollers poll.

use wirecost_model::scenario::Idle;

use super::Script;

/// Everyone listens to silence.
pub fn script(_: &Idle) -> Script {
    Script { subscribe: true, ..Script::default() }
}
