//! A private network: a namespace with nothing in it but this process, its children and a loopback that behaves like an
//! Ethernet link. Entering it and saying why it cannot be entered; the system calls are in `sys`. No virtual
//! links, no delay or loss: those are the business of whoever shapes the network.
//!
//! Inside, `lo`'s counters are a ledger's truth, because nobody else talks, and its segments are those of a real link:
//! the ordinary loopback carries 64 KiB segments and would show a tenth of the headers of a large message.

use std::{fs, io};

mod sys;

pub use sys::Step;

/// What [`enter_private`] builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrivateNetwork {
    /// Largest IP packet of `lo`, bytes. 1500 is Ethernet's; the ordinary loopback has 65536.
    pub mtu: u32,
}

impl Default for PrivateNetwork {
    /// Ethernet's MTU.
    fn default() -> Self {
        Self { mtu: 1500 }
    }
}

/// How a private network was entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered {
    /// With the right to: a network namespace alone.
    Privileged,
    /// Without: a user namespace, in which this process keeps its user and group ids, and a network namespace in it.
    Unprivileged,
}

/// Why there is no private network.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// A process with threads cannot change its user namespace, and would leave its other threads in the old network.
    #[error("the process has {threads} threads; a private network must be entered before the second one starts")]
    ManyThreads {
        /// How many there are.
        threads: usize,
    },
    /// The kernel, or what confines the process, refused.
    #[error("cannot {step}: {source}")]
    Refused {
        /// What was refused.
        step: Step,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A setting was accepted and not kept.
    #[error("{what} reads {found} after it was set to {wanted}")]
    NotKept {
        /// Which setting.
        what: &'static str,
        /// What was set.
        wanted: u32,
        /// What reads back.
        found: u32,
    },
}

impl NamespaceError {
    /// What can be done about it, in a sentence or two, from what the machine's settings say.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::ManyThreads { .. } => "Enter the private network first thing in main, before any runtime is built.".to_owned(),
            Self::NotKept { .. } => "This kernel's loopback cannot be set up like an Ethernet link; run without a private network.".to_owned(),
            Self::Refused { step: Step::UserNamespace | Step::NetworkNamespace, source } => {
                refused_namespace(source, &sysctl_number)
            }
            Self::Refused { .. } => {
                "Namespaces can be created here but not set up, which a container's or sandbox's policy (AppArmor, SELinux, seccomp, \
                 a read-only /proc) can cause; run outside of it, or as root with CAP_SYS_ADMIN and CAP_NET_ADMIN."
                    .to_owned()
            }
        }
    }
}

/// The remedy for a refusal of `unshare`, given a way to look up a sysctl.
fn refused_namespace(source: &io::Error, sysctl: &dyn Fn(&str) -> Option<u64>) -> String {
    if sysctl("user.max_user_namespaces") == Some(0) {
        return "User namespaces are switched off: sysctl -w user.max_user_namespaces=10000 (as root).".to_owned();
    }
    if sysctl("kernel.unprivileged_userns_clone") == Some(0) {
        return "User namespaces are for root only: sysctl -w kernel.unprivileged_userns_clone=1 (as root), or run as root."
            .to_owned();
    }
    if sysctl("kernel.apparmor_restrict_unprivileged_userns") == Some(1) {
        return "AppArmor restricts user namespaces: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (as root), or run as root."
            .to_owned();
    }
    if source.raw_os_error() == Some(libc::ENOSPC) {
        return "There are too many namespaces, or they are nested too deep: raise user.max_user_namespaces and user.max_net_namespaces."
            .to_owned();
    }
    "No setting forbids it, so a container's seccomp profile probably does: docker run --cap-add SYS_ADMIN --security-opt seccomp=unconfined \
     (or podman likewise), or run outside the container."
        .to_owned()
}

fn sysctl_number(name: &str) -> Option<u64> {
    fs::read_to_string(format!("/proc/sys/{}", name.replace('.', "/"))).ok()?.trim().parse().ok()
}

/// Moves this process, and all it will start, into a network of its own.
///
/// Its `lo` is up, has the MTU asked for, and sends segments as they would go over a wire (TSO, GSO and GRO off); all of
/// that is read back. User and group ids stay what they are, so files written inside belong to whom they should. There
/// is no way back, and no way out: only loopback addresses can be reached.
///
/// A process that may create a network namespace creates just that; others create a user namespace around it. In that
/// order, because root inside a user namespace is root over its own files only, which a container's mounted working
/// directory often is not.
///
/// # Errors
/// [`NamespaceError`], whose [`remedy`](NamespaceError::remedy) says what helps. After an error of a later step than
/// the namespaces themselves, the process is left in an unusable network and should end.
pub fn enter_private(network: &PrivateNetwork) -> Result<Entered, NamespaceError> {
    let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads > 1 {
        return Err(NamespaceError::ManyThreads { threads });
    }
    let entered = sys::unshare(&sys::IdMaps::identity()).map_err(refused)?;
    sys::set_up_loopback(network.mtu).map_err(refused)?;
    for (what, wanted, found) in sys::read_back(network.mtu).map_err(refused)? {
        if wanted != found {
            return Err(NamespaceError::NotKept { what, wanted, found });
        }
    }
    Ok(entered)
}

/// Whether [`enter_private`] would work here, found out by a child process that tries.
///
/// # Errors
/// What it would return, but for [`NamespaceError::ManyThreads`]: this may be called at any time.
pub fn private_support() -> Result<(), NamespaceError> {
    sys::try_in_child(&sys::IdMaps::identity(), PrivateNetwork::default().mtu).map_err(refused)
}

fn refused(sys::Failure { step, errno }: sys::Failure) -> NamespaceError {
    NamespaceError::Refused { step, source: io::Error::from_raw_os_error(errno) }
}

/// How TCP recovers from loss in this network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpRecovery {
    /// Selective acknowledgements (`net.ipv4.tcp_sack`). Without them there are no tail loss probes either.
    pub sack: bool,
    /// Tail loss probes (`net.ipv4.tcp_early_retrans`): sending the last segment again after two round trips without
    /// an answer.
    pub loss_probes: bool,
}

impl TcpRecovery {
    /// Linux's defaults: both on. What injected loss must be measured with.
    pub const LINUX: Self = Self { sack: true, loss_probes: true };

    /// For trials that lose nothing, which is all of those without injected loss.
    ///
    /// A loopback's round trip is a thousandth of a delayed acknowledgement. So there, unlike on a real network, the
    /// probes fire without cause: whenever two small messages were sent and the receiver has not read for 10 ms. Each
    /// costs a segment, and 12 bytes in the answer.
    pub const WITHOUT_PROBES: Self = Self { sack: true, loss_probes: false };

    /// For holding accounts of bulk transfers against the interface: every segment has the same header, so the accounts
    /// of both ends together are exact whatever happens.
    ///
    /// Two cores that deliver one fast transfer now and then do so out of order. SACK then adds blocks that no socket
    /// counts, but does not send anything again. Without SACK the bytes can be counted, but three segments out of order
    /// pass for a loss, and up to a tenth of such a transfer has been seen to be sent twice. So not for measuring.
    pub const WITHOUT_SACK: Self = Self { sack: false, loss_probes: false };
}

/// Sets how connections made from now on in the current network namespace recover from loss.
///
/// Inside a private network only, where it is nobody else's. An unprivileged process must do it before it executes
/// another program, as it loses its rights over the namespace then.
///
/// # Errors
/// If the settings cannot be written: not permitted, or `/proc` is read-only as in most containers.
pub fn set_tcp_recovery(recovery: TcpRecovery) -> io::Result<()> {
    // 3 is the kernel's default.
    fs::write("/proc/sys/net/ipv4/tcp_early_retrans", if recovery.loss_probes { "3" } else { "0" })?;
    fs::write("/proc/sys/net/ipv4/tcp_sack", if recovery.sack { "1" } else { "0" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_threads_is_refused() {
        // The test harness has at least two.
        let error = enter_private(&PrivateNetwork::default()).unwrap_err();
        assert!(matches!(error, NamespaceError::ManyThreads { threads: 2.. }), "{error}");
        assert!(error.remedy().contains("main"));
    }

    #[test]
    fn trying_leaves_this_process_where_it_is() {
        let here = fs::read_link("/proc/thread-self/ns/net").unwrap();
        if let Err(error) = private_support() {
            assert!(matches!(error, NamespaceError::Refused { .. }) && !error.remedy().is_empty(), "{error}");
        }
        assert_eq!(fs::read_link("/proc/thread-self/ns/net").unwrap(), here);
    }

    #[test]
    fn the_remedy_names_the_setting_that_forbids() {
        let refused = io::Error::from_raw_os_error(libc::EPERM);
        for name in ["user.max_user_namespaces", "kernel.unprivileged_userns_clone"] {
            let text = refused_namespace(&refused, &|asked| (asked == name).then_some(0));
            assert!(text.contains(name), "{text}");
        }
        let name = "kernel.apparmor_restrict_unprivileged_userns";
        assert!(refused_namespace(&refused, &|asked| (asked == name).then_some(1)).contains(name));
        assert!(refused_namespace(&refused, &|_| None).contains("seccomp"));
        assert!(refused_namespace(&io::Error::from_raw_os_error(libc::ENOSPC), &|_| None).contains("max_net_namespaces"));
    }
}
