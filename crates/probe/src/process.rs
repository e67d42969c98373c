//! CPU time and memory of processes, ours or any, and the few signals a trial sends. Starting and waiting for processes
//! is `std::process`'s and the runner's.
#![allow(unsafe_code)]

use std::{
    collections::HashMap,
    env,
    ffi::{CStr, OsString},
    fs, io,
    os::unix::{process::CommandExt, thread::JoinHandleExt},
    process::Command,
    thread::JoinHandle,
};

use crate::{
    clock::timespec_ns,
    procfs::{missing, number_after},
    syscall::check,
};

/// CPU time a process has used in all its threads, user and system, ns; `None` is the calling process.
///
/// From the scheduler's own clock: nanoseconds, where `/proc/PID/stat` has ticks of 10 ms and misses what runs between
/// them. Not included are the process's children, and the share of the kernel's network path that runs in interrupts of
/// others ([`MachineState`](crate::machine_state::MachineState) has it).
///
/// # Errors
/// `ESRCH` if there is no such process, or no longer: a process that was waited for has lost its clock.
pub fn cpu_ns(pid: Option<u32>) -> io::Result<u64> {
    let mut clock = libc::CLOCK_PROCESS_CPUTIME_ID;
    if let Some(pid) = pid {
        // SAFETY: the call writes one clockid_t.
        let error = unsafe { libc::clock_getcpuclockid(pid_t(pid)?, &raw mut clock) };
        if error != 0 {
            // Unlike most calls it returns the error.
            return Err(io::Error::from_raw_os_error(error));
        }
    }
    read_clock(clock)
}

/// CPU time of a thread that was not joined yet, ns, by the same clock.
///
/// # Errors
/// `ESRCH` if it has ended.
pub fn thread_cpu_ns<T>(thread: &JoinHandle<T>) -> io::Result<u64> {
    let mut clock = libc::CLOCK_THREAD_CPUTIME_ID;
    // SAFETY: the handle keeps the thread from being joined, so it is known to the library; the call writes one clockid_t.
    let error = unsafe { libc::pthread_getcpuclockid(thread.as_pthread_t(), &raw mut clock) };
    if error != 0 {
        // Unlike most calls it returns the error.
        return Err(io::Error::from_raw_os_error(error));
    }
    read_clock(clock)
}

fn read_clock(clock: libc::clockid_t) -> io::Result<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one timespec.
    check(unsafe { libc::clock_gettime(clock, &raw mut time) }).map_err(|error| {
        // The clock of a process or thread that has just gone is an invalid one.
        if error.raw_os_error() == Some(libc::EINVAL) { io::Error::from_raw_os_error(libc::ESRCH) } else { error }
    })?;
    Ok(timespec_ns(time))
}

/// How much memory a process has in use. The kernel's memory for its sockets is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Resident bytes, shared pages included.
    pub rss_bytes: u64,
    /// Resident bytes that no file stands behind: what the process has asked for, and not the pages of its program and its libraries,
    /// which come when they are first needed and are nobody's data. Of what several processes share, the share, where the kernel says.
    pub anonymous_bytes: u64,
}

impl Memory {
    /// Of the process `pid`, now. Walks its page tables, some 100 µs for 100 MB: not for the inside of a loop.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is no such process.
    pub fn of(pid: u32) -> io::Result<Self> {
        Self::from_rollup(pid).or_else(|_| Self::from_statm(pid))
    }

    fn from_rollup(pid: u32) -> io::Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let bytes = |name| number_after(&text, name).map(|kib| kib * 1024).ok_or_else(|| missing(name, "smaps_rollup"));
        Ok(Self { rss_bytes: bytes("Rss:")?, anonymous_bytes: bytes("Pss_Anon:")? + bytes("Pss_Shmem:")? })
    }

    /// Cheap and always there, but batched by up to 64 pages a thread, and without what processes share.
    fn from_statm(pid: u32) -> io::Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/statm"))?;
        let mut columns = text.split_ascii_whitespace().skip(1).map(|pages| pages.parse::<u64>().ok());
        let mut bytes =
            |what| Ok::<u64, io::Error>(columns.next().flatten().ok_or_else(|| missing(what, "statm"))? * page_bytes());
        let (rss_bytes, shared_bytes) = (bytes("a second column")?, bytes("a third column")?);
        Ok(Self { rss_bytes, anonymous_bytes: rss_bytes.saturating_sub(shared_bytes) })
    }
}

/// What can be seen of a process from outside, while it is measured, without giving it work or walking its page tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Glance {
    /// CPU time so far ([`cpu_ns`]), ns.
    pub cpu_ns: u64,
    /// Resident bytes, batched by up to 64 pages a thread.
    pub rss_bytes: u64,
}

impl Glance {
    /// At the process `pid`, now. Some microseconds.
    ///
    /// # Errors
    /// If there is no such process.
    pub fn at(pid: u32) -> io::Result<Self> {
        Ok(Self { cpu_ns: cpu_ns(Some(pid))?, rss_bytes: Memory::from_statm(pid)?.rss_bytes })
    }
}

/// Bytes of a memory page.
pub(crate) fn page_bytes() -> u64 {
    // SAFETY: sysconf takes an integer; this name is known everywhere.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// A signal a trial may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// SIGTERM: please end.
    Term,
    /// SIGKILL: end, without a chance to do anything.
    Kill,
    /// SIGSTOP: stand still. The kernel still answers for its sockets.
    Stop,
    /// SIGCONT: go on.
    Cont,
    /// SIGINT: as by Ctrl-C.
    Int,
}

/// Sends `signal` to the process `pid`.
///
/// # Errors
/// `ESRCH` if there is no such process, `EPERM` if it is somebody else's. [`io::ErrorKind::InvalidInput`] for numbers
/// that do not mean one process, such as 0, which would mean all of the caller's group.
pub fn signal(pid: u32, signal: Signal) -> io::Result<()> {
    let number = match signal {
        Signal::Term => libc::SIGTERM,
        Signal::Kill => libc::SIGKILL,
        Signal::Stop => libc::SIGSTOP,
        Signal::Cont => libc::SIGCONT,
        Signal::Int => libc::SIGINT,
    };
    // SAFETY: kill takes two integers.
    check(unsafe { libc::kill(pid_t(pid)?, number) }).map(drop)
}

/// The program that a command line begins with if it is to start this program again. The kernel's handle and not the file's name: a
/// build may put another file in its place while a run goes on, and all trials of a run are of one program.
pub const ITSELF: &str = "/proc/self/exe";

/// The command that `line` is: a program, or [`ITSELF`], and its arguments.
///
/// # Errors
/// An empty line.
pub fn command(line: &[OsString]) -> io::Result<Command> {
    let (program, arguments) = line.split_first().ok_or_else(|| io::Error::other("an empty command"))?;
    let mut command = Command::new(program);
    command.args(arguments);
    if program == ITSELF
        && let Some(name) = env::args_os().next()
    {
        command.arg0(name);
    }
    Ok(command)
}

/// Calls the calling thread so where processes are listed. Of a process that was started as [`ITSELF`] nobody would see what it is.
pub fn set_name(name: &CStr) {
    // SAFETY: the kernel reads the string to its end, or to the 16th byte. There is no error but that of a bad pointer.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

/// Makes the process that `command` starts be killed when the *thread* that starts it ends, however that comes about, so
/// that no server is left behind by a load generator that was killed.
///
/// The thread, not the process: start long-lived processes from a thread that lives as long, not from a worker of a
/// pool that may be retired. Programs with a set-user-id bit are exempt.
pub fn die_with_parent(command: &mut Command) {
    // SAFETY: getpid has no preconditions.
    let parent = unsafe { libc::getpid() };
    let set = move || {
        // SAFETY: PR_SET_PDEATHSIG takes one integer.
        check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) })?;
        // It may have ended before that took effect.
        // SAFETY: getppid has no preconditions.
        if unsafe { libc::getppid() } == parent { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ESRCH)) }
    };
    // SAFETY: between fork and exec the closure makes two system calls; from_raw_os_error does not allocate.
    unsafe { command.pre_exec(set) };
}

/// The processes that `pid` has started, and those they have started, and so on, ascending; without `pid` itself.
///
/// For adding up a server that consists of several processes. A snapshot: processes may come and go meanwhile, and one
/// whose parent has ended belongs to somebody else.
///
/// # Errors
/// If `/proc` cannot be read. A `pid` that is not there has no children.
pub fn children(pid: u32) -> io::Result<Vec<u32>> {
    let mut by_parent: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(child) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // Gone in between: not a child any more.
        let Ok(stat) = fs::read_to_string(format!("/proc/{child}/stat")) else { continue };
        if let Some(parent) = parent_in_stat(&stat) {
            by_parent.entry(parent).or_default().push(child);
        }
    }
    let mut found = Vec::new();
    let mut unvisited = vec![pid];
    while let Some(parent) = unvisited.pop() {
        let direct = by_parent.remove(&parent).unwrap_or_default();
        unvisited.extend(&direct);
        found.extend(direct);
    }
    found.sort_unstable();
    Ok(found)
}

/// What the process `pid` does at the moment, as `/proc/PID/stat` says it: `R` runs or wants to, `S` sleeps until something happens.
///
/// # Errors
/// If there is no such process.
pub fn state(pid: u32) -> io::Result<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no state in /proc/PID/stat"))
}

/// The parent's id in a line of `/proc/PID/stat`: `pid (name) state ppid …`. The name may contain blanks and brackets.
fn parent_in_stat(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn pid_t(pid: u32) -> io::Result<libc::pid_t> {
    match libc::pid_t::try_from(pid) {
        Ok(pid @ 1..) => Ok(pid),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{pid} is not the id of a process"))),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        hint,
        io::Read,
        os::{fd::AsRawFd, unix::process::ExitStatusExt},
        process::{self, Stdio},
        thread,
    };

    use super::*;
    use crate::clock;

    fn spin() {
        for number in 0..3_000_000u64 {
            hint::black_box(number);
        }
    }

    #[test]
    fn cpu_time_of_self_grows_with_work() {
        let (before, thread_before) = (cpu_ns(None).unwrap(), clock::thread_cpu_ns());
        while clock::thread_cpu_ns() < thread_before + 20_000_000 {
            spin();
        }
        let (first, by_id, last) = (cpu_ns(None).unwrap(), cpu_ns(Some(process::id())).unwrap(), cpu_ns(None).unwrap());
        assert!(before + 20_000_000 <= first && first <= by_id && by_id <= last);
    }

    #[test]
    fn a_thread_has_a_clock_of_its_own_until_it_ends() {
        let (say, heard) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let busy = thread::spawn(move || {
            while clock::thread_cpu_ns() < 20_000_000 {
                spin();
            }
            say.send(()).unwrap();
            ended.recv()
        });
        heard.recv().unwrap();
        let (process, thread) = (cpu_ns(None).unwrap(), thread_cpu_ns(&busy).unwrap());
        assert!(thread >= 20_000_000 && thread <= cpu_ns(None).unwrap(), "{thread} of {process}");
        drop(end);
        while !busy.is_finished() || thread_cpu_ns(&busy).is_ok() {
            thread::yield_now();
        }
    }

    #[test]
    fn sleeping_costs_next_to_no_cpu_and_who_has_gone_is_not_found() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let used = || cpu_ns(Some(child.id())).unwrap();
        // It has been started, but may not have been given a core yet.
        while used() == 0 || Memory::of(child.id()).unwrap().rss_bytes == 0 {
            thread::yield_now();
        }
        assert!(used() < 1_000_000_000, "{}", used());
        signal(child.id(), Signal::Kill).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
        assert_eq!(cpu_ns(Some(child.id())).unwrap_err().raw_os_error(), Some(libc::ESRCH));
        assert_eq!(Memory::of(child.id()).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(signal(child.id(), Signal::Term).unwrap_err().raw_os_error(), Some(libc::ESRCH));
    }

    #[test]
    fn memory_shows_what_is_touched_and_tells_a_programs_pages_from_data() {
        const BYTES: usize = 64 << 20;
        let me = process::id();
        let before = Memory::of(me).unwrap();
        let block = hint::black_box(vec![1u8; BYTES]);
        let after = Memory::of(me).unwrap();
        assert!(after.rss_bytes >= before.rss_bytes + BYTES as u64 / 2, "{before:?} {after:?}");
        assert!(after.anonymous_bytes >= before.anonymous_bytes + BYTES as u64 / 2, "{before:?} {after:?}");
        let coarse = Memory::from_statm(me).unwrap();
        assert!(coarse.anonymous_bytes > BYTES as u64 / 2, "{coarse:?}");
        assert!([after, coarse].iter().all(|memory| memory.anonymous_bytes <= memory.rss_bytes));
        drop(block);

        // This program once more, and again and again: resident, but nobody's data.
        let program = fs::File::open(env::current_exe().unwrap()).unwrap();
        let length = program.metadata().unwrap().len() as usize;
        let looks = || [Memory::of(me).unwrap(), Memory::from_statm(me).unwrap()];
        let before = looks();
        for _ in 0..BYTES.div_ceil(length) {
            // SAFETY: a mapping at an address of the kernel's choice, which is only read, and stays.
            let pages = unsafe {
                let at = libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ, libc::MAP_PRIVATE, program.as_raw_fd(), 0);
                assert_ne!(at, libc::MAP_FAILED);
                std::slice::from_raw_parts(at.cast::<u8>(), length)
            };
            hint::black_box(pages.iter().step_by(4096).fold(0u8, |sum, &byte| sum.wrapping_add(byte)));
        }
        for (before, after) in before.into_iter().zip(looks()) {
            assert!(after.rss_bytes >= before.rss_bytes + BYTES as u64 / 2, "{before:?} {after:?}");
            assert!(after.anonymous_bytes < before.anonymous_bytes + BYTES as u64 / 8, "{before:?} {after:?}");
        }
    }

    #[test]
    fn stop_and_continue() {
        let mut command = Command::new("cat");
        // Tests that a shell runs in the background ignore it, and so would what they start.
        // SAFETY: signal takes two integers, between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::signal(libc::SIGINT, libc::SIG_DFL);
                Ok(())
            })
        };
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        signal(child.id(), Signal::Stop).unwrap();
        while state(child.id()).unwrap() != 'T' {
            thread::yield_now();
        }
        signal(child.id(), Signal::Cont).unwrap();
        while state(child.id()).unwrap() == 'T' {
            thread::yield_now();
        }
        signal(child.id(), Signal::Int).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGINT));
    }

    #[test]
    fn only_one_process_can_be_meant() {
        for pid in [0, u32::MAX, 1 << 31] {
            assert_eq!(signal(pid, Signal::Kill).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
        assert_eq!(cpu_ns(Some(0)).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn grandchildren_are_found() {
        // The shell waits for its child, so both are there for as long as their input is.
        let mut shell = Command::new("sh").args(["-c", "cat; true"]).stdin(Stdio::piped()).spawn().unwrap();
        let ours = children(process::id()).unwrap();
        assert!(ours.contains(&shell.id()));
        while children(shell.id()).unwrap().len() != 1 {
            thread::yield_now();
        }
        let grandchild = children(shell.id()).unwrap()[0];
        assert!(children(process::id()).unwrap().contains(&grandchild));
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert!(children(grandchild).unwrap().is_empty());
    }

    #[test]
    fn names_with_brackets_do_not_confuse() {
        assert_eq!(parent_in_stat("12 (a) b) (c) S 34 12 12"), Some(34));
        assert_eq!(parent_in_stat("nonsense"), None);
    }

    #[test]
    fn the_child_dies_with_the_thread_that_started_it() {
        let (mut child, mut output) = thread::spawn(|| {
            let mut command = Command::new("sleep");
            command.arg("60").stdout(Stdio::piped());
            die_with_parent(&mut command);
            let mut child = command.spawn().unwrap();
            let output = child.stdout.take().unwrap();
            (child, output)
        })
        .join()
        .unwrap();
        // The pipe's end: the child is gone.
        output.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    }
}
