//! Reading an event stream as it arrives: the standard's algorithm, bytes in, events out (WHATWG HTML §9.2.6). All of it but the
//! reconnection time, which nobody here asks for.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;

use super::{DEFAULT_EVENT, find_line_break};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// An event as a client gets it. The names are the parser's, which writes the next ones into the same place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// The last event id of the stream at this event: its own, or that of an earlier one if it has none. `None` if empty.
    pub id: Option<&'a str>,
    /// The type: [`DEFAULT_EVENT`] unless the event names one.
    pub event: &'a str,
    /// The data, lines joined with LF. Always UTF-8: whatever is not was replaced by U+FFFD, as the standard has it.
    pub data: Bytes,
}

/// What a [`Parser`] accepts at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one line without its end.
    pub line_bytes: usize,
    /// Bytes of the data of one event.
    pub event_bytes: usize,
}

impl Default for Limits {
    /// 16 MiB each, far above any payload of a benchmark.
    fn default() -> Self {
        Self { line_bytes: 16 << 20, event_bytes: 16 << 20 }
    }
}

/// Why a stream cannot be read on. The parser stays at the offending line: close the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParseError {
    /// A line is longer than [`Limits::line_bytes`].
    #[error("a line of the event stream is longer than {max_bytes} bytes")]
    LineTooLong {
        /// The limit.
        max_bytes: usize,
    },
    /// The data of one event are longer than [`Limits::event_bytes`].
    #[error("the data of an event are longer than {max_bytes} bytes")]
    EventTooLong {
        /// The limit.
        max_bytes: usize,
    },
}

/// Reads an event stream as it arrives (§9.2.6).
///
/// Feed it one buffer to which everything received is appended; [`next_event`](Self::next_event) takes what it has read off
/// the front. At the end of the stream drop both: an event without its empty line is discarded, as the standard has it.
#[derive(Debug)]
pub struct Parser {
    limits: Limits,
    /// Whether the place where a byte order mark may stand is behind us.
    started: bool,
    /// The last line ended with CR, so an LF that comes next belongs to it.
    swallow_line_feed: bool,
    /// How much of the front of the buffer is known to hold no line break.
    scanned_bytes: usize,
    data: BytesMut,
    /// The type of the event that is being read, and of the one that was dispatched; empty for the usual one.
    event: String,
    dispatched_event: String,
    /// The "last event ID buffer" of the standard: set by a field, at once.
    id: String,
    /// Whether the "last event ID string" is another one yet.
    is_new_id: bool,
    /// The "last event ID string": set from the buffer when an event is dispatched.
    last_event_id: String,
}

impl Parser {
    /// A parser at the start of a stream.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            started: false,
            swallow_line_feed: false,
            scanned_bytes: 0,
            data: BytesMut::new(),
            event: String::new(),
            dispatched_event: String::new(),
            id: String::new(),
            is_new_id: false,
            last_event_id: String::new(),
        }
    }

    /// The id to reconnect with: that of the last empty line, whether or not it had data. `None` if there is none or it is empty.
    pub fn last_event_id(&self) -> Option<&str> {
        Some(&*self.last_event_id).filter(|id| !id.is_empty())
    }

    /// Takes lines off the front of `received` until one completes an event, which is returned, or no whole line is left.
    ///
    /// Bytes may only be appended to `received` between calls. Comments, `retry:`, fields without meaning and events without
    /// data are consumed silently.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a limit is exceeded. The same calls with the same bytes in other pieces fail at the same event.
    pub fn next_event(&mut self, received: &mut BytesMut) -> Result<Option<Event<'_>>, ParseError> {
        if !self.started {
            if received.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(received) {
                return Ok(None);
            }
            if received.starts_with(BYTE_ORDER_MARK) {
                received.advance(BYTE_ORDER_MARK.len());
            }
            self.started = true;
        }
        loop {
            if self.swallow_line_feed && !received.is_empty() {
                self.swallow_line_feed = false;
                if received.starts_with(b"\n") {
                    received.advance(1);
                }
            }
            let unscanned = received.get(self.scanned_bytes..).unwrap_or_default();
            let Some(line_bytes) = find_line_break(unscanned).map(|at| self.scanned_bytes + at) else {
                self.scanned_bytes = received.len();
                self.check_line(received.len())?;
                return Ok(None);
            };
            // Kept until the line is taken, so that a call after an error meets the same line again.
            self.scanned_bytes = line_bytes;
            self.check_line(line_bytes)?;
            self.interpret_line(&received[..line_bytes])?;
            self.scanned_bytes = 0;
            self.swallow_line_feed = received[line_bytes] == b'\r';
            received.advance(line_bytes + 1);
            if line_bytes == 0
                && let Some(data) = self.dispatch()
            {
                let event = if self.dispatched_event.is_empty() { DEFAULT_EVENT } else { &self.dispatched_event };
                return Ok(Some(Event { id: self.last_event_id(), event, data }));
            }
        }
    }

    fn check_line(&self, line_bytes: usize) -> Result<(), ParseError> {
        let max_bytes = self.limits.line_bytes;
        if line_bytes > max_bytes { Err(ParseError::LineTooLong { max_bytes }) } else { Ok(()) }
    }

    /// §9.2.6, "when a line is received", except for the empty line.
    fn interpret_line(&mut self, line: &[u8]) -> Result<(), ParseError> {
        let (field, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &b""[..]),
        };
        match field {
            b"data" => {
                // Replacing bad UTF-8 field by field gives what decoding the stream first would, because the bytes that
                // delimit fields are ASCII and end any incomplete character.
                let value = String::from_utf8_lossy(value);
                let max_bytes = self.limits.event_bytes;
                // The LF that joins this line to the next is counted only if a next line comes.
                if self.data.len() + value.len() > max_bytes {
                    return Err(ParseError::EventTooLong { max_bytes });
                }
                self.data.reserve(value.len() + 1);
                self.data.put_slice(value.as_bytes());
                self.data.put_u8(b'\n');
            }
            b"event" => set(&mut self.event, value),
            b"id" if !value.contains(&0) => {
                set(&mut self.id, value);
                self.is_new_id = true;
            }
            // Fields that nobody knows, ids with a null character, and `retry`: it sets a time and touches no event.
            _ => {}
        }
        Ok(())
    }

    /// §9.2.6, "dispatch the event": its data, if it has any.
    fn dispatch(&mut self) -> Option<Bytes> {
        // Not for every empty line: an id may be long.
        if std::mem::take(&mut self.is_new_id) {
            self.last_event_id.clone_from(&self.id);
        }
        std::mem::swap(&mut self.dispatched_event, &mut self.event);
        self.event.clear();
        if self.data.is_empty() {
            return None;
        }
        let mut data = self.data.split().freeze();
        data.truncate(data.len() - 1);
        Some(data)
    }
}

/// The value of a field, where the one before was.
fn set(field: &mut String, value: &[u8]) {
    field.clear();
    field.push_str(&String::from_utf8_lossy(value));
}
