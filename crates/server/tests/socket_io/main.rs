//! Engine.IO 3 and 4 and Socket.IO 4 and 5 from outside: what the protocol documents demand, by requests and frames made by hand;
//! hostile clients; the books; and foreign clients.

#[path = "../support/mod.rs"]
mod support;

mod books;
mod contract;
mod demo;
mod engine;
mod engine_v3;
mod hostile;
mod http;
mod namespaces;
mod peers;
mod upgrade;
