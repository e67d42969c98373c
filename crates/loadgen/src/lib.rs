//! The load generator: clients, workloads, pacing, recording.
