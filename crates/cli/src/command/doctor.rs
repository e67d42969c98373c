//! `doctor`: what this machine allows, what to change if not, before anyone trusts a number from it.

use wirecost_probe::{affinity, limits, machine, namespace};

use super::Outcome;
use crate::exit;
use crate::ui::say;

/// Says it, one line a fact; exits 0 whatever it finds.
pub fn doctor() -> Outcome {
    let machine = machine::read();
    let say = |ok: bool, what: &str, text: String| say!("{} {what:<16} {text}", if ok { "ok  " } else { "note" });
    say(
        true,
        "machine",
        format!(
            "{}, {} cores, {:.1} GiB, {}",
            machine.cpu_model,
            machine.cores_online,
            machine.memory_bytes as f64 / (1u64 << 30) as f64,
            machine.kernel
        ),
    );
    let cores = affinity::available_cores();
    if cores.len() > 1 {
        say(true, "cores", format!("{} usable: the server gets one of its own", cores.len()));
    } else {
        say(false, "cores", "only one usable: server and load generator will share it, and a latency contains both".into());
    }
    match namespace::private_support() {
        Ok(()) => say(true, "private network", "possible: every byte can be held against the kernel's own count".into()),
        Err(error) => say(false, "private network", format!("not possible: {error}; {}", error.remedy())),
    }
    let (soft, hard) = limits::nofile()?;
    let clients = hard.saturating_sub(64);
    let text = format!("{soft} (hard {hard}): up to about {clients} connections, and to a target that has room for them more");
    say(hard >= 4096, "file descriptors", text);
    if let Some(governor) = &machine.governor {
        say(
            governor == "performance",
            "cpu governor",
            format!("{governor}{}", if governor == "performance" { "" } else { "; `performance` gives steadier numbers" }),
        );
    }
    if let Some(clock) = &machine.clock_source {
        say(clock == "tsc" || clock == "kvm-clock" || clock == "arch_sys_counter", "clock source", clock.clone());
    }
    if let Some(hypervisor) = &machine.virtualised {
        say(false, "virtual machine", format!("{hypervisor}: neighbours can steal time; the gate on steal watches it"));
    }
    if cfg!(debug_assertions) {
        say(false, "build", "debug build: for numbers use `cargo run --release`".into());
    }
    Ok(exit::OK)
}
