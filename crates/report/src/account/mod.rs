//! A record for people: what its ledger, its phases and its means say when they are asked in words.
//!
//! | file | the question |
//! |---|---|
//! | `parts` | where did the bytes of a message go? |
//! | `set_up` | what does a connection cost before its first message? |
//! | `marginal` | what does one message more cost, and one connection more? |
//! | `other_work` | was the machine busy with something else? |
//! | `processes` | were clients in several processes? |
//! | `expected` | what do the closed forms of theory expect of a poller? |
//! | `at_scale` | what would it take for a million clients? |
//! | `pay_off` | after how many messages has a WebSocket's handshake paid for itself? |
//!
//! Charts, page and Markdown print what is computed here; no number is computed twice.

pub mod at_scale;
pub mod expected;
pub mod marginal;
pub mod other_work;
pub mod parts;
pub mod pay_off;
pub mod processes;
pub mod servers;
pub mod set_up;

use wirecost_model::record::Trial;
use wirecost_model::{Cell, Record};

use crate::stats::{counting, estimate};

/// The median over a cell's trials that count; `None` if no trial has the value.
fn median(record: &Record, cell: &Cell, value: impl Fn(&Trial) -> Option<f64>) -> Option<f64> {
    let values: Vec<f64> = counting(cell.index, &record.trials).into_iter().filter_map(value).collect();
    estimate::median(&values)
}
