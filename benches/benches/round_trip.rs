//! round_trip
fn main() {}
