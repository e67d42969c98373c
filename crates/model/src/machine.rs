//! The machine that a run was measured on, as far as it can change the numbers. No host name, no user
//! name, no environment. Reading it is `probe`'s business.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// Processor model.
    pub cpu_model: String,
    /// Cores that are online.
    pub cores_online: usize,
    /// Cores that the process may use.
    pub cores_allowed: usize,
    /// Frequency governor of the first core, where there is one.
    pub governor: Option<String>,
    /// Physical memory, bytes.
    pub memory_bytes: u64,
    /// Kernel release.
    pub kernel: String,
    /// Operating system name and version.
    pub os: String,
    /// Kernel settings that change results, by their sysctl name.
    pub sysctls: BTreeMap<String, String>,
    /// File descriptors: soft and hard limit.
    pub nofile: [u64; 2],
    /// Whether a hypervisor was seen, and which.
    pub virtualised: Option<String>,
    /// Clock source.
    pub clock_source: Option<String>,
    /// A short hash of the boot id: the same within one boot, and tells nothing else.
    pub boot_hash: Option<String>,
}
