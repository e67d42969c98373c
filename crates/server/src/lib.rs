//! The reference server: messages from one hub to clients over short polling, long polling, HTTP streaming, server-sent events,
//! WebSocket and Socket.IO, counted to the byte at the server's end of every connection.
//!
//! ```text
//! due time → publisher ─ hub ─ transport ─ HTTP or WebSocket ─ metered stream [─ TLS ─ metered stream] ─ socket
//!                         ingest ┘ (what clients send)
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`hub`] | rooms: bounded rings with cursors, blind to transports |
//! | [`publisher`], [`fan_out`] | publishing on schedule, waking a large audience |
//! | `faults` | what goes wrong between the two, on purpose |
//! | [`ingest`] | what clients send: verified, accounted for, timed |
//! | [`transport`] | one adapter a transport: from a request to an answer |
//! | [`router`], [`query`], [`request_body`], [`answer`] | what HTTP adapters have in common |
//! | [`metering`] | the books: which byte belongs to which layer |
//! | [`stream`], [`handshake`], [`tls`] | what stands around a socket |
//! | [`demo`] | a page that shows the transports side by side |
//! | [`accept`], [`connection`], [`orders`] | the life of a connection, to its last segment |
//! | [`server`], [`control`] | a running server, and the process around it |
//!
//! What deliberately does not live here: when a trial begins and ends (the server is told), what a client does (that is written
//! alone, so that a mistake here cannot cancel out there), wire formats (both ends share them), and what numbers mean.
//!
//! The server runs on one thread, and a publisher on another. Everything that a client can make it keep is bounded: heads,
//! bodies, frames, rooms, connections, and the time that each of them may take.
//!
//! ```
//! use wirecost_server::options::ServerOptions;
//! use wirecost_server::server::start;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let running = start(ServerOptions::default()).await?;
//! running.hub().room("all")?.publish("hello".into())?.wake();
//! assert!(running.url.starts_with("http://127.0.0.1:"));
//! let report = running.stop().await;
//! assert_eq!(report.reading.counters.connections, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! # Ok::<(), std::io::Error>(())
//! ```

pub mod accept;
pub mod answer;
pub mod connection;
pub mod context;
pub mod control;
pub mod demo;
pub mod fan_out;
pub mod handshake;
pub mod hub;
pub mod ingest;
pub mod metering;
pub mod options;
pub mod orders;
pub mod publisher;
pub mod query;
pub mod request_body;
pub mod router;
pub mod server;
pub mod stream;
pub mod tls;
pub mod transport;

mod faults;

pub use control::run;
pub use options::{ServerError, ServerOptions};
pub use server::{Desk, Running, start};
