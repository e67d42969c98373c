//! A server that is not ours, as a process: started by its command, waited for, its tree of processes looked at, and ended.
//! It knows nothing of us: it is asked through `/proc` and never over the network that is measured.
//!
//! What deliberately does not live here: how it is spoken to (the load generator's recipes), and what its connections carried
//! (the load generator's books).

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use wirecost_model::control::Reading;
use wirecost_model::scenario::Target;
use wirecost_model::scenario::target::{READY_WITHIN, Ready, StopSignal, http_url};
use wirecost_probe::clock::now_ns;
use wirecost_probe::process::{self, Glance, Memory, Signal};
use wirecost_probe::sockets;

use crate::child::{self, LINE_BYTES, Words};

/// How long it may take to end when asked to.
const GRACE: Duration = Duration::from_secs(5);

/// How often it is looked at while it gets ready or ends.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How long one look over the network may take.
const LOOK_WITHIN: Duration = Duration::from_millis(500);

/// Why there is no target, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It could not be started.
    #[error("the target `{program}` could not be started: {error}; see `command` and `cwd` of the target")]
    Start {
        /// The program.
        program: String,
        /// Why.
        error: std::io::Error,
    },
    /// Something listens where it is to listen.
    #[error(
        "something else listens on {0} already, and would be measured instead of the target; stop it, or choose another port"
    )]
    Taken(SocketAddr),
    /// It never became ready.
    #[error("the target did not get ready within {seconds} s: {what}{words}", seconds = READY_WITHIN.seconds())]
    NotReady {
        /// What was waited for.
        what: String,
        /// Its last lines, or empty.
        words: String,
    },
    /// It ended by itself.
    #[error("the target died{status}{words}")]
    Died {
        /// ` (exit status: 1)`, or empty.
        status: String,
        /// Its last lines, or empty.
        words: String,
    },
    /// A URL leads nowhere.
    #[error("the target's address: {0}")]
    Address(String),
}

/// A command of a target's where the target is, and with its environment; and the folder that this is.
fn beside(target: &Target, words: &[String], scenario_dir: &Path) -> (Command, PathBuf) {
    let program = words.first().cloned().unwrap_or_default();
    let dir = target.cwd.as_ref().map_or(scenario_dir.to_path_buf(), |cwd| scenario_dir.join(cwd));
    // A path with a slash is looked for where the target is started, and not where the run was.
    let located = if program.contains('/') { dir.join(&program).into_os_string() } else { program.clone().into() };
    let located = std::fs::canonicalize(&located).map_or(located, PathBuf::into_os_string);
    let mut command = Command::new(located);
    command.args(words.iter().skip(1)).envs(&target.env).current_dir(&dir);
    command.arg0(&program);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    (command, dir)
}

/// What a child writes, on standard output and standard error.
fn outputs(child: &mut Child) -> [Box<dyn Read + Send>; 2] {
    let none = || Box::new(std::io::empty()) as Box<dyn Read + Send>;
    [
        child.stdout.take().map_or_else(none, |pipe| Box::new(pipe) as _),
        child.stderr.take().map_or_else(none, |pipe| Box::new(pipe) as _),
    ]
}

/// What a target says of its version, in one line; `None` if nobody asks it.
///
/// # Errors
/// Why it does not tell, as a text: a version that is asked for and not known would be missed when it is too late.
pub fn version(target: &Target, scenario_dir: &Path) -> Result<Option<String>, String> {
    if target.version.is_empty() {
        return Ok(None);
    }
    let asked = target.version.join(" ");
    let (mut command, _) = beside(target, &target.version, scenario_dir);
    process::die_with_parent(&mut command);
    let mut child = command.spawn().map_err(|error| format!("`{asked}`: {error}"))?;
    // Some programs tell it on standard error.
    let outputs = outputs(&mut child).map(|output| {
        let (tell, said) = mpsc::channel();
        std::thread::spawn(move || {
            let (mut bytes, mut output) = (Vec::new(), output);
            let _ = output.by_ref().take(LINE_BYTES).read_to_end(&mut bytes);
            // The rest is not wanted, but whoever writes it is to end well.
            let _ = std::io::copy(&mut output, &mut std::io::sink());
            let _ = tell.send(String::from_utf8_lossy(&bytes).into_owned());
        });
        said
    });
    let deadline = Instant::now() + Duration::from_nanos(READY_WITHIN.ns());
    let too_long = || format!("`{asked}` did not end within {} s", READY_WITHIN.seconds());
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(LOOK_EVERY),
            _ => {
                kill(&mut child, &[]);
                return Err(too_long());
            }
        }
    };
    let mut lines: Vec<String> = Vec::new();
    for output in outputs {
        // What it has started and left behind may still hold the pipe.
        let said = output.recv_timeout(deadline.saturating_duration_since(Instant::now())).map_err(|_| too_long())?;
        lines.extend(said.lines().map(str::trim).filter(|line| !line.is_empty()).map(String::from));
    }
    let said = lines.join(", ");
    match (status.success(), said.is_empty()) {
        (true, false) => Ok(Some(said)),
        (true, true) => Err(format!("`{asked}` says nothing")),
        (false, _) => Err(format!("`{asked}` failed ({status}): {said}")),
    }
}

/// A target: a process, or an address.
pub struct TargetProcess {
    child: Option<Child>,
    guard: Option<Guard>,
    address: SocketAddr,
    words: Words,
    /// The folder it was started in: whose machine it was is nobody's business in a record.
    dir: String,
    stop_signal: Signal,
    /// CPU time of every process of the tree when it was last seen, ns: workers come and go.
    cpu_ns: BTreeMap<u32, u64>,
    /// That of processes whose number another one has by now, ns.
    ended_cpu_ns: u64,
    last: Reading,
}

impl TargetProcess {
    /// Starts the command, beside the scenario; or finds the URL. Pinned where its caller is. It dies with this process.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn start(target: &Target, scenario_dir: &Path) -> Result<TargetProcess, TargetError> {
        if let Some(url) = &target.url {
            return TargetProcess::at(url);
        }
        let address = target.address().ok_or_else(|| TargetError::Address("no port is said".into()))?;
        if listens(address) {
            return Err(TargetError::Taken(address));
        }
        let (mut command, dir) = beside(target, &target.command, scenario_dir);
        let guard = Guard::start();
        // Zero is a group of its own.
        command.process_group(guard.as_ref().map_or(0, Guard::group));
        process::die_with_parent(&mut command);
        let mut child = command.spawn().map_err(|error| {
            let program = target.command.first().cloned().unwrap_or_default();
            TargetError::Start { program, error }
        })?;
        let awaited = match &target.ready {
            Some(Ready::Line(text)) => Some(text.clone()),
            _ => None,
        };
        let words = Words::of(outputs(&mut child), awaited);
        let stop_signal = match target.stop_signal.unwrap_or_default() {
            StopSignal::Term => Signal::Term,
            StopSignal::Int => Signal::Int,
        };
        let cpu_ns = BTreeMap::new();
        let dir = std::fs::canonicalize(&dir).unwrap_or(dir).to_string_lossy().into_owned();
        Ok(TargetProcess {
            child: Some(child),
            guard,
            address,
            words,
            dir,
            stop_signal,
            cpu_ns,
            ended_cpu_ns: 0,
            last: Reading::default(),
        })
    }

    /// A server that runs already.
    fn at(url: &str) -> Result<TargetProcess, TargetError> {
        let (host, port, _) = http_url(url).map_err(TargetError::Address)?;
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let resolved = (name, port).to_socket_addrs().map_err(|error| TargetError::Address(format!("{host}: {error}")))?;
        let address = resolved.into_iter().next().ok_or_else(|| TargetError::Address(format!("{host} has none")))?;
        Ok(TargetProcess {
            child: None,
            guard: None,
            address,
            words: Words::default(),
            dir: String::new(),
            stop_signal: Signal::Term,
            cpu_ns: BTreeMap::new(),
            ended_cpu_ns: 0,
            last: Reading::default(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// [`TargetError::NotReady`], [`TargetError::Died`].
    pub fn wait_until_ready(&mut self, ready: Option<&Ready>) -> Result<(), TargetError> {
        let deadline = Instant::now() + Duration::from_nanos(READY_WITHIN.ns());
        loop {
            let missing = match ready {
                Some(Ready::Line(text)) if self.words.is_awaiting() => format!("no line with `{text}` came"),
                Some(Ready::Http(url)) => match http_status(url, self.address) {
                    Ok(200..=399) => return Ok(()),
                    Ok(status) => format!("status {status} from {url}"),
                    Err(error) => format!("{error} from {url}"),
                },
                // A line says that it thinks so; the port, that it is.
                // Whoever is elsewhere shows when clients connect.
                _ if self.child.is_none() || listens(self.address) => return Ok(()),
                _ => format!("nothing listens on {}{}", self.address, others()),
            };
            if !self.is_alive() {
                return Err(self.died());
            }
            if Instant::now() > deadline {
                return Err(TargetError::NotReady { what: missing, words: self.last_words() });
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// What it wrote, the latest lines.
    pub fn lines(&self) -> Vec<String> {
        let hide = |line: &String| if self.dir.len() > 1 { line.replace(&self.dir, ".") } else { line.clone() };
        self.words.lines().iter().map(hide).collect()
    }

    fn last_words(&self) -> String {
        child::quoted(&self.lines())
    }

    /// Whether it still runs; of a URL nobody knows.
    pub fn is_alive(&mut self) -> bool {
        self.child.as_mut().is_none_or(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// The error of a target that is not there any more.
    pub fn died(&mut self) -> TargetError {
        let status = self.child.as_mut().and_then(child::end).map(|status| format!(" ({status})"));
        self.words.wait_for_the_last();
        TargetError::Died { status: status.unwrap_or_default(), words: self.last_words() }
    }

    /// Its processes; none of a URL.
    fn tree(&self) -> Vec<u32> {
        let Some(root) = self.child.as_ref().map(Child::id) else { return Vec::new() };
        let mut tree = process::children(root).unwrap_or_default();
        tree.push(root);
        tree
    }

    /// What its processes have used so far; zeros, which stand for "not measured", of a URL.
    pub fn glance(&mut self) -> Glance {
        let mut glance = Glance::default();
        for pid in self.tree() {
            if let Ok(one) = Glance::at(pid) {
                // Kept, because one that ends has been paid for all the same.
                let before = self.cpu_ns.insert(pid, one.cpu_ns).unwrap_or(0);
                // No clock goes backwards: it is another process.
                if one.cpu_ns < before {
                    self.ended_cpu_ns += before;
                }
                glance.rss_bytes += one.rss_bytes;
            }
        }
        glance.cpu_ns = self.ended_cpu_ns + self.cpu_ns.values().sum::<u64>();
        glance
    }

    /// Memory of its processes now; likewise.
    pub fn read(&mut self) -> Reading {
        let mut reading = Reading { at_ns: now_ns(), ..Reading::default() };
        for memory in self.tree().into_iter().filter_map(|pid| Memory::of(pid).ok()) {
            reading.rss_bytes += memory.rss_bytes;
            reading.anonymous_bytes += memory.anonymous_bytes;
        }
        self.last = reading.clone();
        reading
    }

    /// The latest reading, at this moment: of a process that has ended.
    pub fn last(&self) -> Reading {
        Reading { at_ns: now_ns(), ..self.last.clone() }
    }

    /// Asks it to end, and kills what is still there after a grace. Tells how it ended.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        let child = self.child.as_mut()?;
        let root = child.id();
        let tree = process::children(root).unwrap_or_default();
        let _ = process::signal(root, self.stop_signal);
        let deadline = Instant::now() + GRACE;
        let mut status = child.try_wait().ok().flatten();
        while status.is_none() && Instant::now() < deadline {
            std::thread::sleep(LOOK_EVERY);
            status = child.try_wait().ok().flatten();
        }
        self.guard = None;
        kill(child, &tree);
        status.or_else(|| child.try_wait().ok().flatten())
    }
}

/// Ends a target's workers if this process is killed: the command dies with its parent by itself, but what it has started
/// does not, and a master that is killed leaves its workers behind. A shell waits at a pipe whose other end only this
/// process has; when that is gone, so is the shell's process group, in which the target is started: the guard is there
/// first, so that at no moment the target is without.
struct Guard(Child);

impl Guard {
    /// Without a shell there is no guard, and all else is as it was.
    fn start() -> Option<Guard> {
        let mut command = Command::new("sh");
        command.args(["-c", "read -r _; kill -9 0"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        command.spawn().ok().map(Guard)
    }

    fn group(&self) -> i32 {
        self.0.id().cast_signed()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Ends a process and those that it had, whatever they think of it.
fn kill(child: &mut Child, tree: &[u32]) {
    if matches!(child.try_wait(), Ok(None)) {
        let later = process::children(child.id()).unwrap_or_default();
        let _ = child.kill();
        let _ = child.wait();
        later.iter().for_each(|pid| _ = process::signal(*pid, Signal::Kill));
    }
    tree.iter().for_each(|pid| _ = process::signal(*pid, Signal::Kill));
}

impl Drop for TargetProcess {
    fn drop(&mut self) {
        self.guard = None;
        if let Some(child) = &mut self.child
            && matches!(child.try_wait(), Ok(None))
        {
            let tree = process::children(child.id()).unwrap_or_default();
            kill(child, &tree);
        }
    }
}

/// Whether something takes connections there.
fn listens(address: SocketAddr) -> bool {
    sockets::listening().is_ok_and(|at| sockets::listens(&at, address))
}

/// Where something listens instead: another port than the scenario says, or IPv6 alone. In the private network that is the
/// target; where it is one of many, nothing is said.
fn others() -> String {
    let at = sockets::listening().unwrap_or_default();
    let list: Vec<String> = at.iter().map(ToString::to_string).collect();
    if (1..=3).contains(&list.len()) { format!(", but on {}", list.join(", ")) } else { String::new() }
}

/// The status of a GET, asked as simply as can be.
fn http_status(url: &str, address: SocketAddr) -> std::io::Result<u16> {
    let (host, _, path) = http_url(url).map_err(std::io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&address, LOOK_WITHIN)?;
    stream.set_read_timeout(Some(LOOK_WITHIN))?;
    stream.set_write_timeout(Some(LOOK_WITHIN))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}:{}\r\nconnection: close\r\n\r\n", address.port())?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    let status =
        std::str::from_utf8(&head).ok().filter(|head| head.starts_with("HTTP/1.")).and_then(|head| head.get(9..)?.parse().ok());
    status.ok_or_else(|| std::io::Error::other("no HTTP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(command: &[&str], ready: Option<Ready>) -> Target {
        Target {
            command: command.iter().map(ToString::to_string).collect(),
            env: BTreeMap::new(),
            cwd: None,
            ready,
            port: Some(1),
            stop_signal: None,
            version: Vec::new(),
            install: None,
            url: None,
            dialect: serde_json::from_str("{\"sse\": {}}").unwrap(),
        }
    }

    #[test]
    fn one_that_dies_before_it_is_ready_is_told_with_its_last_words() {
        let target = target(&["sh", "-c", "echo reading config; echo 'no such module' >&2; exit 3"], None);
        let mut process = TargetProcess::start(&target, Path::new(".")).unwrap();
        let text = process.wait_until_ready(None).unwrap_err().to_string();
        assert!(text.contains("exit status: 3") && text.contains("no such module"), "{text}");
    }

    #[test]
    fn one_that_is_not_there_is_told() {
        let error = TargetProcess::start(&target(&["/nonexistent/server"], None), Path::new(".")).err().unwrap();
        assert!(error.to_string().contains("/nonexistent/server"), "{error}");
    }

    #[test]
    fn its_version_is_what_it_says_and_an_error_where_it_says_nothing() {
        let asked = |words: &[&str]| {
            let words = words.iter().map(ToString::to_string).collect();
            version(&Target { version: words, env: [("N".into(), "7".into())].into(), ..target(&["x"], None) }, Path::new("."))
        };
        assert_eq!(asked(&[]), Ok(None));
        assert_eq!(asked(&["sh", "-c", "echo server $N; echo '' ; echo library 2 >&2"]), Ok(Some("server 7, library 2".into())));
        let much = asked(&["sh", "-c", "yes | head -c 1000000"]).unwrap().unwrap();
        assert!(much.len() < 2 * LINE_BYTES as usize, "{much}");
        for (words, says) in [
            (&["sh", "-c", "echo no such option; exit 2"][..], "no such option"),
            (&["true"], "says nothing"),
            (&["no-such-program", "-v"], "`no-such-program -v`"),
        ] {
            let error = asked(words).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_tree_of_processes_is_read_and_ended() {
        // The shell has a child, and neither ends when asked to.
        let script = "trap '' TERM; (trap '' TERM; while true; do sleep 0.05; done) & while true; do sleep 0.05; done";
        let mut process = TargetProcess::start(&target(&["sh", "-c", script], None), Path::new(".")).unwrap();
        let root = process.child.as_ref().unwrap().id();
        while process::children(root).unwrap().len() < 2 {
            std::thread::yield_now();
        }
        let reading = process.read();
        let glance = process.glance();
        assert!(glance.cpu_ns > 0 && glance.rss_bytes > 0 && reading.rss_bytes > 0);
        let tree = process::children(root).unwrap();
        process.stop();
        // Killed is not gone yet.
        while !tree.iter().all(|pid| process::cpu_ns(Some(*pid)).is_err() || is_zombie(*pid)) {
            std::thread::yield_now();
        }
    }

    /// Those whose parent was killed wait for the machine's first process to look at them.
    fn is_zombie(pid: u32) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
    }
}
