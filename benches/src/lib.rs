//! Criterion benches of the hot paths; the benches themselves are under `benches/`.
