//! Filling in [`Machine`]: what machine this is, as far as it can change a number. No host name, no user name, no
//! environment, and no failure: what cannot be read is left out.

use std::{collections::BTreeMap, fs};

use wirecost_model::Machine;

use crate::{affinity, limits, procfs::number_after};

/// The settings of the kernel that change what is measured here, by their sysctl name. Read in the calling process's
/// network namespace.
const SYSCTLS: [&str; 11] = [
    "net.core.somaxconn",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_early_retrans",
    "net.ipv4.tcp_ecn",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_sack",
    "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_wmem",
];

/// The machine this runs on.
#[must_use]
pub fn read() -> Machine {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let (soft, hard) = limits::nofile().unwrap_or_default();
    Machine {
        cpu_model: cpu_model(&cpuinfo),
        cores_online: line_of("/sys/devices/system/cpu/online").map_or(0, |list| cores_in_list(&list)),
        cores_allowed: affinity::available_cores().len(),
        governor: line_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        memory_bytes: fs::read_to_string("/proc/meminfo").ok().and_then(|text| number_after(&text, "MemTotal:")).unwrap_or(0)
            * 1024,
        kernel: line_of("/proc/sys/kernel/osrelease").unwrap_or_default(),
        os: fs::read_to_string("/etc/os-release").map_or_else(|_| "Linux".to_owned(), |text| os_name(&text)),
        sysctls: sysctls(),
        nofile: [soft, hard],
        virtualised: virtualised(&cpuinfo),
        clock_source: line_of("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        boot_hash: line_of("/proc/sys/kernel/random/boot_id").map(|id| short_hash(&id)),
    }
}

/// A one-line file's line without the blanks around it; `None` if it is not there or empty.
fn line_of(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// The value of a `name : value` line.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim()).filter(|value| !value.is_empty())
    })
}

/// Not every architecture names its processors.
fn cpu_model(cpuinfo: &str) -> String {
    ["model name", "Model", "cpu model", "uarch"]
        .into_iter()
        .find_map(|name| field(cpuinfo, name))
        .map_or_else(|| format!("unnamed {}", std::env::consts::ARCH), str::to_owned)
}

/// How many cores a list such as `0-3,8,10-11` names.
fn cores_in_list(list: &str) -> usize {
    list.split(',')
        .filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            Some(last.checked_sub(first)? + 1)
        })
        .sum()
}

/// `PRETTY_NAME` of an os-release file.
fn os_name(os_release: &str) -> String {
    os_release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map_or("Linux", |name| name.trim_matches(['"', '\'']))
        .to_owned()
}

fn sysctls() -> BTreeMap<String, String> {
    SYSCTLS
        .into_iter()
        .filter_map(|name| {
            let value = line_of(&format!("/proc/sys/{}", name.replace('.', "/")))?;
            // Several values stand apart by tabs.
            Some((name.to_owned(), value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")))
        })
        .collect()
}

/// Whether a hypervisor shows, and which.
fn virtualised(cpuinfo: &str) -> Option<String> {
    let flagged = field(cpuinfo, "flags").is_some_and(|flags| flags.split_ascii_whitespace().any(|flag| flag == "hypervisor"));
    let product = line_of("/sys/class/dmi/id/sys_vendor").into_iter().chain(line_of("/sys/class/dmi/id/product_name"));
    let product = product.collect::<Vec<_>>().join(" ");
    let known =
        ["QEMU", "KVM", "VMware", "VirtualBox", "Xen", "Virtual Machine", "Amazon EC2", "Google Compute", "Bochs", "OpenStack"];
    if known.iter().any(|name| product.contains(name)) {
        Some(product)
    } else if let Some(kind) = line_of("/sys/hypervisor/type") {
        Some(kind)
    } else {
        flagged.then(|| "hypervisor".to_owned())
    }
}

/// 32 bits of FNV-1a, in hexadecimal: enough to tell one boot from another, too little to find the id again.
fn short_hash(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_what_every_machine_has() {
        let machine = read();
        assert!(!machine.cpu_model.is_empty() && !machine.kernel.is_empty() && !machine.os.is_empty());
        assert!(1 <= machine.cores_allowed && machine.cores_allowed <= machine.cores_online);
        assert!(machine.memory_bytes > 64 << 20);
        assert!(machine.nofile[0] > 0 && machine.nofile[0] <= machine.nofile[1]);
        assert!(machine.sysctls.contains_key("net.ipv4.tcp_timestamps"), "{:?}", machine.sysctls);
        assert!(machine.sysctls.values().all(|value| !value.contains('\t')));
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        let hash = machine.boot_hash.unwrap();
        assert!(hash.len() == 8 && !boot_id.contains(&hash));
    }

    #[test]
    fn core_lists() {
        assert_eq!(cores_in_list("0"), 1);
        assert_eq!(cores_in_list("0-1"), 2);
        assert_eq!(cores_in_list("0-3,8,10-11\n"), 7);
        assert_eq!(cores_in_list(""), 0);
        assert_eq!(cores_in_list("3-1"), 0);
    }

    #[test]
    fn names() {
        assert_eq!(cpu_model("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n"), "Some CPU @ 2 GHz");
        assert!(cpu_model("processor : 0\nBogoMIPS : 50\n").starts_with("unnamed "));
        assert_eq!(os_name("ID=x\nPRETTY_NAME=\"Some Linux 12\"\n"), "Some Linux 12");
        assert_eq!(os_name("ID=x\n"), "Linux");
        assert_eq!(field("flags\t\t: a b\n", "flags"), Some("a b"));
    }

    #[test]
    fn hashes_are_short_and_differ() {
        // Published test vectors of 64-bit FNV-1a, folded: "" is cbf29ce484222325, "a" is af63dc4c8601ec8c.
        assert_eq!(short_hash(""), format!("{:08x}", 0xcbf2_9ce4_u32 ^ 0x8422_2325));
        assert_eq!(short_hash("a"), format!("{:08x}", 0xaf63_dc4c_u32 ^ 0x8601_ec8c));
    }
}
