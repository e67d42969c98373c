//! One request and its answer: which bytes are heads, which are payload, and whether a poll came back empty. The adapters
//! count through this and nothing else.
//!
//! # How heads are counted
//!
//! *Requests.* Without a body: the plain bytes read since the end of the request before, which is the head to the byte,
//! whatever blanks it has in it. With a body: the size of the head as parsed and written again, because part of the body may
//! have been read along with it; a client that pads its header lines shows the padding as framing. Requests of one connection
//! come one at a time here; of pipelined ones the first is charged with what was read along with it.
//!
//! *Answers.* The size of status line and header lines. Every header is set by the adapters and the router, but for `date`,
//! which the HTTP library adds from a clock that it reads once a second: [`DATE_LINE_BYTES`]. Tests hold this against real
//! bytes for every endpoint.

use std::sync::Arc;

use hyper::http::{HeaderMap, Response, StatusCode, Version, header, request};
use wirecost_wire::http1;

use super::connection::{ConnectionMeter, Stage};
use super::samples::SampleKind;

/// Bytes of `date: Tue, 24 Nov 2026 06:38:00 GMT` with its line end.
pub const DATE_LINE_BYTES: u64 = 37;

/// Bytes of `HTTP/1.1 100 Continue` with both line ends, which the HTTP library writes when the body of a request that
/// expects it is asked for (RFC 9110 §10.1.1).
const CONTINUE_BYTES: u64 = 25;

/// What an answer means for the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A poll that brought nothing.
    Empty,
    /// A poll that brought messages.
    Full {
        /// How many.
        messages: u64,
        /// Their payloads.
        payload_bytes: u64,
    },
    /// An answer that goes on; its messages are counted as they are handed over.
    Endless,
    /// The connection is no longer HTTP.
    Upgrade,
    /// Anything else.
    Other,
}

/// One request that is being answered.
#[derive(Debug)]
pub struct Exchange {
    meter: Arc<ConnectionMeter>,
    request_head_bytes: u64,
    has_body: bool,
    expects_continue: bool,
}

impl Exchange {
    /// Begins with a request whose head has been read. `kinds` are the samples that its answer may be.
    pub fn begin(meter: &Arc<ConnectionMeter>, parts: &request::Parts, has_body: bool, kinds: &'static [SampleKind]) -> Exchange {
        let request_head_bytes = if has_body { head_bytes(parts) } else { meter.unclaimed_bytes() };
        meter.count_request();
        meter.claim(request_head_bytes);
        meter.set_stage(Stage::Busy);
        meter.sampler().request_is_whole(kinds);
        meter.tally().counted.head_bytes.up += request_head_bytes;
        let expects_continue = has_body
            && parts.version == Version::HTTP_11
            && parts.headers.get(header::EXPECT).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        Exchange { meter: meter.clone(), request_head_bytes, has_body, expects_continue }
    }

    /// The connection that it takes place on.
    pub fn meter(&self) -> &Arc<ConnectionMeter> {
        &self.meter
    }

    /// The body is about to be asked for.
    pub fn body_is_read(&mut self) {
        if std::mem::take(&mut self.expects_continue) {
            let mut tally = self.meter.tally();
            tally.counted.head_bytes.down += CONTINUE_BYTES;
            tally.answers_bytes += CONTINUE_BYTES;
        }
    }

    /// Ends with an answer that is complete but for `date`.
    pub fn end<B: hyper::body::Body>(self, answer: &Response<B>, outcome: Outcome, kind: Option<SampleKind>) {
        let Exchange { meter, request_head_bytes, has_body, .. } = self;
        let answer_head_bytes = answer_head_bytes(answer.status(), answer.headers());
        if has_body {
            meter.claim(meter.unclaimed_bytes());
        }
        let mut tally = meter.tally();
        tally.answers_bytes += answer_head_bytes + answer.body().size_hint().exact().unwrap_or(0);
        let counted = &mut tally.counted;
        match outcome {
            Outcome::Empty => {
                counted.empty_answers += 1;
                counted.head_bytes.up -= request_head_bytes;
                counted.empty_head_bytes.up += request_head_bytes;
                counted.empty_head_bytes.down += answer_head_bytes;
            }
            Outcome::Full { messages, payload_bytes } => {
                counted.full_answers += 1;
                counted.messages_in_answers += messages;
                counted.messages.down += messages;
                counted.payload_bytes.down += payload_bytes;
                counted.head_bytes.down += answer_head_bytes;
            }
            Outcome::Endless | Outcome::Upgrade | Outcome::Other => counted.head_bytes.down += answer_head_bytes,
        }
        drop(tally);
        match outcome {
            Outcome::Endless => {}
            Outcome::Upgrade => meter.upgraded(),
            Outcome::Empty | Outcome::Full { .. } | Outcome::Other => meter.set_stage(Stage::Idle),
        }
        meter.sampler().answer_begins(kind);
    }
}

/// A request head as it was written, if it was written without needless blanks.
fn head_bytes(parts: &request::Parts) -> u64 {
    let target = parts.uri.to_string();
    http1::request_head_bytes(parts.method.as_str(), &target, lines(&parts.headers)) as u64
}

/// An answer's head as the HTTP library writes it.
fn answer_head_bytes(status: StatusCode, headers: &HeaderMap) -> u64 {
    let date = if headers.contains_key(header::DATE) { 0 } else { DATE_LINE_BYTES };
    http1::response_head_bytes(status.canonical_reason().unwrap_or("<none>"), lines(headers)) as u64 + date
}

fn lines(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
}
