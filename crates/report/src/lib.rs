//! From a record to what a person reads: gates, statistics, theory, charts, exports.
//!
//! Everything here is a pure function of a record and its histograms: the same files in, the same bytes out. No clock, no
//! locale, no font look-up, no network, and no chance but that of the plan's seed. Only [`load`] touches files, and only to
//! read them; writing is the caller's.
//!
//! | module | what it answers |
//! |---|---|
//! | [`load`] | what lies in a results folder |
//! | [`gate`] | whether a trial's numbers may be believed |
//! | [`stats`] | what the numbers are, with intervals, and what may be said of differences |
//! | [`theory`] | what they should be |
//! | [`account`] | where the bytes went, and what a connection costs before its first message |
//! | [`search`] | the highest level at which a condition holds, for each arm |
//! | [`sentence`] | what was found, in words |
//! | [`summary`] | the one table that every output shows |
//! | [`chart`] | pictures, each titled with its finding |
//! | [`html`], [`terminal`], [`export`] | the forms that people and programs read |
//! | [`compare`] | what changed from one run to another |
//! | [`index`] | a page over many records |
//!
//! What deliberately does not live here: measuring, running, writing to disk. A trial that a gate has voided is shown, greyed
//! and with its reason, and feeds no number of any of these modules.

pub mod account;
pub mod chart;
pub mod compare;
pub mod export;
pub mod format;
pub mod gate;
pub mod html;
pub mod index;
pub mod load;
pub mod search;
pub mod sentence;
pub mod stats;
pub mod summary;
pub mod table;
pub mod terminal;
pub mod theory;
pub mod view;

#[cfg(test)]
#[path = "../tests/fixture/mod.rs"]
mod fixture;

pub use load::Run;
