//! `upload`: each client sends on a schedule of its own; the server receives, verifies and stamps. Open loop.

use wirecost_model::scenario::Upload;

use super::{Script, Uplink};

/// Clients send; nobody subscribes.
pub fn script(upload: &Upload, seed: u64) -> Script {
    let uplink = Uplink { rate: upload.rate, arrivals: upload.arrivals.clone(), seed };
    Script { uplink: Some(uplink), payload_bytes: upload.payload.0 as usize, ..Script::default() }
}
