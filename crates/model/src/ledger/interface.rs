//! The kernel's own side of the account, and what a difference between the two can be. Nothing here reads an interface: the
//! figures come from `probe`, and the verdict is a gate's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an interface carried, both directions, as IP packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Carried {
    /// Packets.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The kernel's own side of the account: the interface of the trial's private network namespace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InterfaceAccount {
    /// Frames that the interface carried, both directions, whole trial.
    pub frames: u64,
    /// Bytes that the interface carried, as IP packets: without link headers.
    pub bytes: u64,
    /// Frames that the ledger accounts for.
    pub ledger_frames: u64,
    /// Bytes that the ledger accounts for.
    pub ledger_bytes: u64,
    /// Segments that arrived out of order, by the network stack's own count: two cores deliver one fast transfer. Each
    /// was answered with SACK blocks of 12, 20 or 28 bytes that no socket counts.
    #[serde(default)]
    pub out_of_order_segments: u64,
    /// RST segments that answered a segment which found nobody, by the same count. One happens when two cores deliver the
    /// end of a connection out of order: an ACK overtaken by the FIN meets a socket that is gone.
    #[serde(default)]
    pub stray_resets: u64,
    /// RST segments that the ledger takes for such answers, which carry no timestamps.
    #[serde(default)]
    pub ledger_bare_resets: u64,
    /// DSACK blocks, by the same count: 12 bytes each that say which segment arrived twice.
    #[serde(default)]
    pub dsacks: u64,
    /// Bytes of DSACK blocks among `ledger_bytes`: 12 for each *segment* that arrived twice, though one block may speak of
    /// several.
    #[serde(default)]
    pub ledger_dsack_bytes: u64,
    /// Segments that anyone in the namespace sent again, by the same count.
    #[serde(default)]
    pub retransmitted_segments: u64,
    /// Of the ledger's frames, those sent again that it takes for SYN or SYN-ACK.
    #[serde(default)]
    pub ledger_control_retransmits: u64,
    /// SYNs and final acknowledgements that were dropped because an accept queue was full, by the same count. Each makes its
    /// sender send a SYN or the server a SYN-ACK again.
    #[serde(default)]
    pub accept_queue_drops: u64,
}

/// What a residual can be that no socket counts and the network stack does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explanation {
    /// SACK blocks of segments that arrived out of order or twice.
    SackBlocks,
    /// What strays after the end of a connection, and the RSTs that answered it.
    StrayResets,
    /// RSTs of sockets that gave up, which the ledger took for answers to segments that found nobody.
    SocketResets,
    /// SYN-ACKs that were sent again because the accept queue was full.
    FullAcceptQueue,
}

impl InterfaceAccount {
    /// What the ledger cannot name (positive) or names too much (negative), in bytes. Must be 0.
    pub fn residual_bytes(&self) -> i64 {
        self.bytes as i64 - self.ledger_bytes as i64
    }

    /// Whether every frame and byte has its name, or the network stack knows of those that have none.
    pub fn balances(&self) -> bool {
        (self.residual_bytes() == 0 && self.frames == self.ledger_frames) || self.explanation().is_some()
    }

    /// What the residual is, where the network stack's own counts say it; `None` where there is none, or nobody knows.
    pub fn explanation(&self) -> Option<Explanation> {
        [
            (self.is_sack_blocks(), Explanation::SackBlocks),
            (self.is_stray_resets(), Explanation::StrayResets),
            (self.is_socket_resets(), Explanation::SocketResets),
            (self.is_a_full_accept_queue(), Explanation::FullAcceptQueue),
        ]
        .into_iter()
        .find_map(|(holds, explanation)| holds.then_some(explanation))
    }

    /// Whether the residual is what strays after the end of a connection: bare RSTs of 40 bytes, as many as the stack says
    /// it sent or fewer, each with at most two segments of 52 bytes that led to it. Less 8 bytes for a FIN that was sent again:
    /// the ledger takes it for a SYN, which is so much longer.
    fn is_stray_resets(&self) -> bool {
        let (frames, bytes) = (self.frames as i64 - self.ledger_frames as i64, self.residual_bytes());
        (1..=self.stray_resets as i64).any(|resets| {
            let too_many = 40 * resets + 52 * (frames - resets) - bytes;
            let of_fins = too_many % 8 == 0 && (0..=8 * self.ledger_control_retransmits as i64).contains(&too_many);
            (resets..=3 * resets).contains(&frames) && of_fins
        })
    }

    /// Whether the residual is the timestamps of RSTs that sockets sent and the ledger took for answers to segments which found
    /// nobody: every frame has its name, and the ledger has so many more of these than the stack says it sent.
    fn is_socket_resets(&self) -> bool {
        let most = 12 * self.ledger_bare_resets.saturating_sub(self.stray_resets) as i64;
        let bytes = self.residual_bytes();
        self.frames == self.ledger_frames && bytes > 0 && bytes == most
    }

    /// Whether the residual is that of SYN-ACKs which were sent again because the accept queue was full: every frame has its
    /// name, and each of them was taken for an ACK, which is 8 bytes shorter.
    fn is_a_full_accept_queue(&self) -> bool {
        let most = 8 * self.retransmitted_segments.min(self.accept_queue_drops) as i64;
        let bytes = self.residual_bytes();
        self.frames == self.ledger_frames && (8..=most).contains(&bytes) && bytes % 8 == 0
    }

    /// Whether the residual is SACK blocks, of segments that arrived out of order or twice: every frame has its name, and
    /// the bytes that are not named, with those that the ledger took for DSACK blocks, are as many as so many blocks can be
    /// (RFC 2018 and 2883: 12, 20 or 28 bytes an acknowledgement).
    fn is_sack_blocks(&self) -> bool {
        let blocks = self.residual_bytes() + self.ledger_dsack_bytes as i64;
        let most = 28 * (self.out_of_order_segments + self.dsacks) as i64;
        let possible = blocks == 0 || (12..=most).contains(&blocks) && blocks % 4 == 0;
        self.residual_bytes() != 0 && self.frames == self.ledger_frames && possible
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_residual_is_explained_by_what_it_can_be_and_by_nothing_else() {
        let account = |over: i64, out_of_order_segments| InterfaceAccount {
            frames: 10,
            ledger_frames: 10,
            bytes: (1000 + over) as u64,
            ledger_bytes: 1000,
            out_of_order_segments,
            ..InterfaceAccount::default()
        };
        assert!(account(156, 13).is_sack_blocks() && account(28, 1).is_sack_blocks());
        for (over, segments) in [(0, 1), (-12, 1), (12, 0), (32, 1), (13, 1), (8, 5)] {
            assert!(!account(over, segments).is_sack_blocks(), "{over} {segments}");
        }
        assert!(!InterfaceAccount { frames: 11, ..account(12, 1) }.is_sack_blocks());
        // One block that spoke of three segments; and one that no socket saw.
        let twice = |over, dsacks, ledger_dsack_bytes| InterfaceAccount { dsacks, ledger_dsack_bytes, ..account(over, 0) };
        assert!(twice(-24, 1, 36).is_sack_blocks() && twice(12, 1, 0).is_sack_blocks());
        assert!(!twice(-32, 1, 36).is_sack_blocks() && !twice(-48, 1, 36).is_sack_blocks());
        let stray = |over_frames: u64, over, stray_resets| InterfaceAccount {
            frames: 10 + over_frames,
            stray_resets,
            ..account(over, 0)
        };
        assert!(stray(2, 92, 1).is_stray_resets() && stray(3, 144, 4).is_stray_resets());
        // 10,000 parked polls were given up at once; seen.
        let seen = InterfaceAccount { ledger_control_retransmits: 1, ..stray(69, 3160, 35) };
        assert!(seen.is_stray_resets());
        assert!(!InterfaceAccount { ledger_control_retransmits: 0, retransmitted_segments: 1, ..seen }.is_stray_resets());
        let taken = |over, ledger_bare_resets| InterfaceAccount { ledger_bare_resets, ..stray(0, over, 5) };
        assert!(taken(12, 6).is_socket_resets() && taken(24, 7).is_socket_resets());
        for account in [taken(12, 5), taken(12, 7), taken(24, 6), taken(0, 6), taken(-12, 4), stray(1, 12, 0)] {
            assert!(!account.is_socket_resets(), "{account:?}");
        }
        let full = |over, drops| InterfaceAccount { retransmitted_segments: 19, accept_queue_drops: drops, ..account(over, 0) };
        assert!(full(48, 25).is_a_full_accept_queue() && full(8, 1).is_a_full_accept_queue());
        for account in [full(0, 25), full(48, 5), full(52, 25), full(-8, 25), full(160, 25), account(48, 0)] {
            assert!(!account.is_a_full_accept_queue(), "{account:?}");
        }
        assert!(!InterfaceAccount { frames: 11, ..full(48, 25) }.is_a_full_accept_queue());
        for account in [stray(2, 92, 0), stray(2, 104, 1), stray(4, 196, 1), stray(0, 0, 1), stray(0, 12, 3)] {
            assert!(!account.is_stray_resets(), "{account:?}");
        }
        assert_eq!(account(28, 1).explanation(), Some(Explanation::SackBlocks));
        assert_eq!(stray(2, 92, 1).explanation(), Some(Explanation::StrayResets));
        assert_eq!(taken(12, 6).explanation(), Some(Explanation::SocketResets));
        assert_eq!(full(8, 1).explanation(), Some(Explanation::FullAcceptQueue));
        assert!(full(8, 1).balances() && account(0, 0).balances() && account(0, 0).explanation().is_none());
        assert!(!account(1, 1).balances() && !stray(1, 0, 0).balances());
    }
}
