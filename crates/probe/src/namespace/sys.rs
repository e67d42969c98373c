//! The system calls of entering a network namespace, written so that a forked child of a process with threads may make
//! them: nothing here allocates, locks or panics after its arguments are prepared. No policy and no messages.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, c_int, c_short, c_ulong},
    fmt, mem,
};

use super::Entered;

/// A step on the way into a private network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Creating a user namespace with a network namespace in it.
    UserNamespace,
    /// Creating a network namespace alone.
    NetworkNamespace,
    /// Mapping user and group ids into the user namespace.
    IdMap,
    /// Bringing `lo` up.
    LoopbackUp,
    /// Setting `lo`'s MTU.
    Mtu,
    /// Switching segmentation and receive offloads off.
    Offload,
    /// Starting the child process that tries the others.
    Child,
}

impl Step {
    const ALL: [Self; 7] =
        [Self::UserNamespace, Self::NetworkNamespace, Self::IdMap, Self::LoopbackUp, Self::Mtu, Self::Offload, Self::Child];
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UserNamespace => "create a user and network namespace",
            Self::NetworkNamespace => "create a network namespace",
            Self::IdMap => "keep the user id in the user namespace",
            Self::LoopbackUp => "bring the loopback interface up",
            Self::Mtu => "set the loopback interface's MTU",
            Self::Offload => "switch the loopback interface's offloads off",
            Self::Child => "start a child process to try it",
        })
    }
}

/// The step that failed and the kernel's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    pub step: Step,
    pub errno: c_int,
}

type Outcome<T> = Result<T, Failure>;

fn errno() -> c_int {
    // SAFETY: the location is the calling thread's own, and always valid.
    unsafe { *libc::__errno_location() }
}

fn check(step: Step, returned: c_int) -> Outcome<c_int> {
    if returned < 0 { Err(Failure { step, errno: errno() }) } else { Ok(returned) }
}

/// The lines to write to `uid_map` and `gid_map`.
pub(super) struct IdMaps {
    uid: String,
    gid: String,
}

impl IdMaps {
    /// The ids inside are those outside.
    pub(super) fn identity() -> Self {
        // SAFETY: neither call can fail or has preconditions.
        let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
        Self { uid: format!("{uid} {uid} 1"), gid: format!("{gid} {gid} 1") }
    }
}

/// Creates the namespaces and moves the process into them.
pub(super) fn unshare(maps: &IdMaps) -> Outcome<Entered> {
    // SAFETY: unshare takes flags and touches no memory of ours.
    let privileged = check(Step::NetworkNamespace, unsafe { libc::unshare(libc::CLONE_NEWNET) });
    if privileged.is_ok() {
        return Ok(Entered::Privileged);
    }
    // SAFETY: as above.
    check(Step::UserNamespace, unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) })?;
    // A group map may be written without privilege only once changing groups is given up.
    write_file(c"/proc/self/setgroups", b"deny")?;
    write_file(c"/proc/self/uid_map", maps.uid.as_bytes())?;
    write_file(c"/proc/self/gid_map", maps.gid.as_bytes())?;
    Ok(Entered::Unprivileged)
}

fn write_file(path: &CStr, text: &[u8]) -> Outcome<()> {
    // SAFETY: the path ends in a zero byte.
    let file = Descriptor(check(Step::IdMap, unsafe { libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) })?);
    // SAFETY: the buffer is `text.len()` bytes long. The kernel takes these files in one write or not at all.
    let written = unsafe { libc::write(file.0, text.as_ptr().cast(), text.len()) };
    if written < 0 { Err(Failure { step: Step::IdMap, errno: errno() }) } else { Ok(()) }
}

/// A descriptor that is closed when it goes (`OwnedFd` would do, but may panic in debug builds).
struct Descriptor(c_int);

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: it is ours alone.
        unsafe { libc::close(self.0) };
    }
}

const LOOPBACK: &CStr = c"lo";

// linux/ethtool.h
const ETHTOOL_GTSO: u32 = 0x1e;
const ETHTOOL_STSO: u32 = 0x1f;
const ETHTOOL_GGSO: u32 = 0x23;
const ETHTOOL_SGSO: u32 = 0x24;
const ETHTOOL_GGRO: u32 = 0x2b;
const ETHTOOL_SGRO: u32 = 0x2c;

/// `struct ethtool_value`.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

/// A socket through which `lo` is asked and told.
struct Loopback {
    socket: Descriptor,
}

impl Loopback {
    fn open() -> Outcome<Self> {
        // SAFETY: socket takes three integers.
        let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
        Ok(Self { socket: Descriptor(check(Step::LoopbackUp, socket)?) })
    }

    fn request() -> libc::ifreq {
        // SAFETY: ifreq is plain data, for which all-zero is a value.
        let mut request: libc::ifreq = unsafe { mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(LOOPBACK.to_bytes()) {
            *to = *from as _;
        }
        request
    }

    fn ioctl(&self, step: Step, number: c_ulong, request: &mut libc::ifreq) -> Outcome<()> {
        // SAFETY: all requests used here take an ifreq, and the kernel writes no more than one.
        check(step, unsafe { libc::ioctl(self.socket.0, number as _, ptr(request)) }).map(drop)
    }

    fn up(&self) -> Outcome<()> {
        let mut request = Self::request();
        self.ioctl(Step::LoopbackUp, libc::SIOCGIFFLAGS as c_ulong, &mut request)?;
        // SAFETY: SIOCGIFFLAGS has filled this member of the union.
        unsafe { request.ifr_ifru.ifru_flags |= libc::IFF_UP as c_short };
        self.ioctl(Step::LoopbackUp, libc::SIOCSIFFLAGS as c_ulong, &mut request)
    }

    fn set_mtu(&self, mtu: u32) -> Outcome<()> {
        let mut request = Self::request();
        // What does not fit is for the kernel to refuse.
        request.ifr_ifru.ifru_mtu = c_int::try_from(mtu).unwrap_or(-1);
        self.ioctl(Step::Mtu, libc::SIOCSIFMTU as c_ulong, &mut request)
    }

    fn mtu(&self) -> Outcome<u32> {
        let mut request = Self::request();
        self.ioctl(Step::Mtu, libc::SIOCGIFMTU as c_ulong, &mut request)?;
        // SAFETY: SIOCGIFMTU has filled this member of the union.
        Ok(u32::try_from(unsafe { request.ifr_ifru.ifru_mtu }).unwrap_or(0))
    }

    /// Asks for (`ETHTOOL_G…`) or sets (`ETHTOOL_S…`) one switch; returns its value.
    fn ethtool(&self, command: u32, data: u32) -> Outcome<u32> {
        let mut value = EthtoolValue { command, data };
        let mut request = Self::request();
        request.ifr_ifru.ifru_data = (&raw mut value).cast();
        // The kernel reads and writes the eight bytes of `value`, which lives until after the call.
        self.ioctl(Step::Offload, libc::SIOCETHTOOL as c_ulong, &mut request)?;
        Ok(value.data)
    }
}

fn ptr(request: &mut libc::ifreq) -> *mut libc::ifreq {
    request
}

/// Brings `lo` up as something like an Ethernet link.
pub(super) fn set_up_loopback(mtu: u32) -> Outcome<()> {
    let lo = Loopback::open()?;
    lo.set_mtu(mtu)?;
    for command in [ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO] {
        lo.ethtool(command, 0)?;
    }
    lo.up()
}

/// Each setting of [`set_up_loopback`]: its name, what it should be, and what it is.
pub(super) fn read_back(mtu: u32) -> Outcome<[(&'static str, u32, u32); 4]> {
    let lo = Loopback::open()?;
    Ok([
        ("the loopback interface's MTU", mtu, lo.mtu()?),
        ("TCP segmentation offload", 0, lo.ethtool(ETHTOOL_GTSO, 0)?),
        ("generic segmentation offload", 0, lo.ethtool(ETHTOOL_GGSO, 0)?),
        ("generic receive offload", 0, lo.ethtool(ETHTOOL_GGRO, 0)?),
    ])
}

/// Goes all the way in a child process and reports how far it came.
pub(super) fn try_in_child(maps: &IdMaps, mtu: u32) -> Outcome<()> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for the two descriptors.
    check(Step::Child, unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    let (read_end, write_end) = (Descriptor(ends[0]), Descriptor(ends[1]));
    // SAFETY: the child makes system calls through functions that neither allocate nor lock, and leaves by _exit; so it
    // is sound in a process with threads, whose locks the child would find held for ever.
    let child = check(Step::Child, unsafe { libc::fork() })?;
    if child == 0 {
        let (step, errno) = match unshare(maps).and_then(|_| set_up_loopback(mtu)) {
            Ok(()) => (WENT_WELL, 0),
            Err(Failure { step, errno }) => (step as u8, errno),
        };
        let mut report = [step, 0, 0, 0, 0];
        report[1..].copy_from_slice(&errno.to_ne_bytes());
        // SAFETY: the buffer is as long as said. _exit does not return and runs no destructors, which are the parent's.
        unsafe {
            libc::write(write_end.0, report.as_ptr().cast(), report.len());
            libc::_exit(0);
        }
    }
    // Otherwise the read below would wait for ourselves.
    drop(write_end);
    let mut report = [0; 5];
    // SAFETY: the buffer is as long as said. A pipe delivers so small a write in one piece.
    let got = retry(|| unsafe { libc::read(read_end.0, report.as_mut_ptr().cast(), report.len()) });
    // SAFETY: no status is asked for; the child is ours and not yet waited for.
    retry(|| unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) } as isize);
    let [step, errno @ ..] = report;
    if got != report.len() as isize {
        // It was killed: a seccomp profile may do that instead of refusing.
        return Err(Failure { step: Step::UserNamespace, errno: libc::EPERM });
    }
    if step == WENT_WELL {
        return Ok(());
    }
    let step = Step::ALL.into_iter().find(|known| *known as u8 == step).unwrap_or(Step::Child);
    Err(Failure { step, errno: c_int::from_ne_bytes(errno) })
}

/// What the child reports in place of a [`Step`].
const WENT_WELL: u8 = u8::MAX;

/// Repeats a call for as long as signals interrupt it.
fn retry(mut call: impl FnMut() -> isize) -> isize {
    loop {
        let returned = call();
        if returned >= 0 || errno() != libc::EINTR {
            return returned;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_reports_the_step_that_failed() {
        // No link has an MTU of 2³² − 1; where even the namespace is refused, that is what must be reported.
        let Failure { step, errno } = try_in_child(&IdMaps::identity(), u32::MAX).unwrap_err();
        match try_in_child(&IdMaps::identity(), 1500) {
            Ok(()) => assert_eq!((step, errno), (Step::Mtu, libc::EINVAL)),
            Err(refused) => assert_eq!((step, errno), (refused.step, refused.errno)),
        }
    }

    #[test]
    fn steps_keep_their_numbers() {
        for (number, step) in Step::ALL.into_iter().enumerate() {
            assert_eq!(step as usize, number);
            assert!(!step.to_string().is_empty());
        }
    }
}
