//! The ledger's layers must add up to what the kernel counted on the interface, to the frame and the byte, in every trial that
//! the other rungs have run, faults and stalls included; but for what the network stack itself accounts for.

use super::bench::{Bench, Stop};
use super::{Finding, Rung};

/// The rung.
pub(super) const LEDGER_IDENTITY: Rung =
    Rung { name: "ledger_identity", what: "the ledger against the kernel's count, over all trials above", timing: false, check };

fn check(bench: &mut Bench<'_>) -> Result<Finding, Stop> {
    const EXPECTED: &str = "a residual of 0 frames and 0 bytes in every trial, or of strays that the stack has counted";
    let accounts: Vec<_> = bench.books.iter().flatten().collect();
    if accounts.is_empty() {
        let why = bench.ground.not_private.clone().unwrap_or_else(|| "the trials ran on the host's loopback".into());
        return Ok(Finding::not_measured(EXPECTED, why));
    }
    let residual = |ours: u64, kernel: u64| ours.abs_diff(kernel);
    let frames: u64 = accounts.iter().map(|account| residual(account.ledger_frames, account.frames)).sum();
    let bytes: u64 = accounts.iter().map(|account| residual(account.ledger_bytes, account.bytes)).sum();
    let all: u64 = accounts.iter().map(|account| account.bytes).sum();
    let seen = format!("residual {frames} frames and {bytes} bytes, of {all} bytes in {} trials", accounts.len());
    Ok(Finding::judge(accounts.iter().all(|account| account.balances()), EXPECTED, seen)
        .with("residual_frames", frames as f64)
        .with("residual_bytes", bytes as f64)
        .with("bytes", all as f64)
        .with("trials", accounts.len() as f64))
}
