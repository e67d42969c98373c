//! Instruments: how things are measured, and the room they are measured in.
//!
//! | module | instrument |
//! |---|---|
//! | [`clock`] | monotonic nanoseconds, and waking a thread on time |
//! | [`timer`] | the same for an async task |
//! | [`meter`] | a byte-counting wrapper around any tokio stream |
//! | [`shared_stream`] | a socket that a library uses and the books may ask about after it |
//! | [`tcp_info`] | what the kernel knows about one connection |
//! | [`sockets`] | what must hold on every connection of this process |
//! | [`segments`] | from that to frames and bytes on the interface, and the close that makes it exact |
//! | [`interface`] | the interface's own counters: the truth the rest is held against |
//! | [`netstat`] | the TCP stack's counters: the explanation when the two disagree |
//! | [`namespace`] | a private network in which nothing else talks |
//! | [`process`] | CPU and memory of processes, their signals and descendants |
//! | [`affinity`], [`limits`], [`sources`] | cores, file descriptors, local addresses |
//! | [`machine_state`] | what the rest of the machine was doing meanwhile |
//! | [`machine`] | what machine this is |
//!
//! There is no protocol here and no opinion: what a number means is the business of the crates above. This is the only
//! crate of the workspace with `unsafe` code, and every block of it is a system call.
//!
//! Linux only: `TCP_INFO`'s counters, network namespaces and `/proc` have no equivalent elsewhere.
//!
//! ```
//! use wirecost_probe::{clock, process};
//!
//! let (wall, cpu) = (clock::now_ns(), process::cpu_ns(None)?);
//! let sum: u64 = (0..100_000u64).map(std::hint::black_box).sum();
//! let (wall, cpu) = (clock::now_ns() - wall, process::cpu_ns(None)? - cpu);
//! assert!(sum > 0 && wall > 0 && cpu > 0);
//! # Ok::<(), std::io::Error>(())
//! ```
#![warn(clippy::undocumented_unsafe_blocks)]

#[cfg(not(target_os = "linux"))]
compile_error!("wirecost-probe reads TCP_INFO, network namespaces and /proc: it builds for Linux only");

pub mod affinity;
pub mod clock;
pub mod interface;
pub mod limits;
pub mod machine;
pub mod machine_state;
pub mod meter;
pub mod namespace;
pub mod netstat;
pub mod process;
pub mod segments;
pub mod shared_stream;
pub mod sockets;
pub mod sources;
pub mod tcp_info;
pub mod timer;

mod procfs;
mod syscall;
