//! What a child process says, line by line and with its last words, and how its end is waited for. Whatever it says is bounded, and
//! it may say what it likes. Not here: what any of it means.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A longer line of a protocol comes in pieces, which then are none of it: a result with all its histograms has a few MB.
const MESSAGE_BYTES: u64 = 256 << 20;

/// A longer line for people is cut.
pub(crate) const LINE_BYTES: u64 = 400;

/// Lines for people that are kept.
const LINES: usize = 40;

/// Of these, lines that an error quotes.
const LAST_WORDS: usize = 12;

/// How long the end of a pipe is waited for: what the process has started may hold it open.
const PIPES_WITHIN: Duration = Duration::from_secs(2);

/// How long a process may take to end that has nothing left to do.
const END_WITHIN: Duration = Duration::from_secs(5);

/// Calls `take` with each line of an output, at most so many bytes of it at a time, until it returns `false`.
fn each_line(output: impl Read, most_bytes: u64, mut take: impl FnMut(String) -> bool) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut output).take(most_bytes).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if take(String::from_utf8_lossy(line.trim_ascii_end()).into_owned()) => {}
            Ok(_) => return,
        }
    }
}

/// The lines of an output, as a thread reads them.
pub(crate) struct Lines {
    lines: Receiver<String>,
    reader: JoinHandle<()>,
}

impl Lines {
    /// Listens to this output.
    pub fn of(output: impl Read + Send + 'static) -> Lines {
        let (send, lines) = mpsc::channel();
        let reader = std::thread::spawn(move || each_line(output, MESSAGE_BYTES, |line| send.send(line).is_ok()));
        Lines { lines, reader }
    }

    /// The next, if it comes within `patience`; disconnected at the end of the output.
    pub fn next(&self, patience: Duration) -> Result<String, RecvTimeoutError> {
        self.lines.recv_timeout(patience)
    }

    /// CPU time that reading has taken, ns; of an output that has ended it is not known any more, and nobody's concern.
    pub fn cpu_ns(&self) -> u64 {
        wirecost_probe::process::thread_cpu_ns(&self.reader).unwrap_or(0)
    }
}

/// The latest lines of outputs, however long they go on. Lines are those for people.
#[derive(Debug, Default)]
pub(crate) struct Words {
    heard: Arc<Mutex<Heard>>,
    readers: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Heard {
    lines: VecDeque<String>,
    /// What a line is to contain that is waited for, until it came.
    awaited: Option<String>,
}

impl Heard {
    fn hear(&mut self, line: String) {
        if self.awaited.as_ref().is_some_and(|awaited| line.contains(awaited.as_str())) {
            self.awaited = None;
        }
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}

impl Words {
    /// Listens to these outputs, for a line that contains `awaited` too.
    pub fn of(outputs: impl IntoIterator<Item = impl Read + Send + 'static>, awaited: Option<String>) -> Words {
        let heard = Arc::new(Mutex::new(Heard { lines: VecDeque::new(), awaited }));
        let listening = |output| {
            let heard = Arc::clone(&heard);
            std::thread::spawn(move || {
                each_line(output, LINE_BYTES, |line| {
                    lock(&heard).hear(line);
                    true
                });
            })
        };
        let readers = outputs.into_iter().map(listening).collect();
        Words { heard, readers }
    }

    /// The line that was to come has not come yet.
    pub fn is_awaiting(&self) -> bool {
        lock(&self.heard).awaited.is_some()
    }

    /// The latest lines.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.heard).lines.iter().cloned().collect()
    }

    /// Waits until the ends of the outputs have come: a process's last lines may still be on their way when it has ended.
    pub fn wait_for_the_last(&self) {
        let deadline = Instant::now() + PIPES_WITHIN;
        while !self.readers.iter().all(JoinHandle::is_finished) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The last of these lines as an error quotes them, or nothing.
pub(crate) fn quoted(lines: &[String]) -> String {
    let last = &lines[lines.len().saturating_sub(LAST_WORDS)..];
    if last.is_empty() { String::new() } else { format!("; its last words:\n  {}", last.join("\n  ")) }
}

/// Waits for a process that should end by now, and ends it if it does not. How it ended, if that is known.
pub(crate) fn end(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + END_WITHIN;
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() > deadline {
            let _ = child.kill();
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.wait().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_process_says_comes_in_lines_and_the_last_are_kept() {
        let lines = Lines::of(&b"one\n\xFFtwo\r\n\nno end"[..]);
        let said: Vec<String> = std::iter::from_fn(|| lines.next(PIPES_WITHIN).ok()).collect();
        assert_eq!(said, ["one", "\u{FFFD}two", "", "no end"]);
        let long = "x".repeat(1000);
        let many: String = (0..100).map(|n| format!("line {n}\n")).collect::<String>() + &long;
        let words = Words::of([std::io::Cursor::new(many)], Some("ine 3".into()));
        words.wait_for_the_last();
        let kept = words.lines();
        assert!(kept.len() == LINES && kept.iter().all(|line| line.len() <= LINE_BYTES as usize), "{kept:?}");
        assert!(!words.is_awaiting() && quoted(&kept).contains("line 99\n"));
        assert_eq!(quoted(&[]), "");
    }

    #[test]
    fn one_that_does_not_end_is_ended() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().expect("sleep");
        let began = Instant::now();
        let status = end(&mut child).expect("it was waited for");
        assert!(!status.success() && began.elapsed() >= END_WITHIN, "{status}");
    }
}
