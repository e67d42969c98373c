//! The reference server: one hub, one adapter a transport.
pub mod fan_out;
pub mod handshake;
pub mod hub;
pub mod ingest;
pub mod metering;
pub mod publisher;
pub mod stream;
pub mod tls;
