//! Holds the accounts of connections against the interface that carried them, to the byte and the frame, inside a private
//! network in which nothing else talks. Each case ends a connection in another way; the cases are in the modules.
//!
//! Not a libtest harness, because that has threads before the first test, and a private network must be entered before.
//! Prints one line a case and a closing line; "skipped" and success where the network cannot be had. No case passes or
//! fails by how long something takes. Arguments are parts of names of cases to run. Cases whose size cannot be known have "inexact" in their names and check what can.
#![allow(unsafe_code)] // fork and setuid, to try what a user without privileges may

use std::process::ExitCode;

use wirecost_probe::namespace::{self, NamespaceError, PrivateNetwork};

mod bench;
mod bulk;
mod identity;
mod inexact;
mod orderly;
mod resets;
mod victim;

fn main() -> ExitCode {
    if let Some(address) = victim::address() {
        victim::play(address);
    }
    if std::env::args().any(|argument| argument == "--list") {
        // Asked of every test program by tools that run tests one by one. These cases depend on one process.
        return ExitCode::SUCCESS;
    }
    let unprivileged = identity::enter_as_nobody();
    let entered = match namespace::enter_private(&PrivateNetwork::default()) {
        Ok(entered) => entered,
        Err(error @ NamespaceError::Refused { .. }) => {
            println!("skipped: {error}. {}", error.remedy());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            println!("failed: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut bench = bench::Bench::new();
    identity::cases(&mut bench, entered, unprivileged);
    orderly::cases(&mut bench);
    resets::cases(&mut bench);
    bulk::cases(&mut bench);
    inexact::cases(&mut bench);
    bench.close()
}
