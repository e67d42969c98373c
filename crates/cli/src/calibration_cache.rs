//! The short calibration, kept for as long as it says something: this boot of this machine, this binary, this kind of network.
//! In the user's cache folder; without one nothing is kept.

use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use wirecost_model::record::Calibration;
use wirecost_model::scenario::{self, Wire};
use wirecost_probe::{affinity, machine};

/// Where the calibration of now would be, if there is such a place.
fn path(wire: Wire) -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    let boot = machine::read().boot_hash?;
    let binary = std::fs::metadata(std::env::current_exe().ok()?).ok()?;
    let changed_ns = binary.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
    let cores = affinity::available_cores();
    let key = scenario::hash(&format!("{} {changed_ns} {wire:?} {cores:?}", binary.len()));
    Some(folder.join("wirecost").join(format!("calibration-{boot}-{key}.json")))
}

/// What was kept, if it is still true.
pub fn load(wire: Wire) -> Option<Calibration> {
    serde_json::from_str(&std::fs::read_to_string(path(wire)?).ok()?).ok()
}

/// Keeps it. A cache that cannot be written costs the next run some seconds and is no error.
pub fn keep(wire: Wire, calibration: &Calibration) {
    let Some(path) = path(wire) else { return };
    let Ok(json) = serde_json::to_vec_pretty(calibration) else { return };
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let _ = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    // Whole or not at all: two runs may end at the same time.
    let _ = std::fs::write(&temporary, json).and_then(|()| std::fs::rename(&temporary, &path));
}
