//! Exports: one format a file, each a pure function from a run to text or bytes. Writing files is the caller's.

pub mod csv;
pub mod hgrm;
pub mod junit;
pub mod markdown;
pub mod png;
pub mod series_csv;

pub use csv::{csv, csv_of_several};
pub use hgrm::hgrm;
pub use junit::junit;
pub use markdown::markdown;
pub use png::png;
pub use series_csv::series_csv;

/// A field of a CSV file (RFC 4180), quoted only where it must be.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_string() }
}

/// A number in a file for programs: the shortest text that reads back to the same value.
fn exact(value: f64) -> String {
    format!("{value}")
}
