//! Answers: a response, what it means for the books, and bodies. Every header but `date` is set here or by an adapter, so that
//! the size of a head is known without asking the HTTP library.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::http::{HeaderValue, Response, StatusCode, header};

use crate::hub::HubError;
use crate::metering::{Outcome, SampleKind};
use crate::transport::push_body::PushBody;

/// The body of an answer.
#[derive(Debug)]
pub enum AnswerBody {
    /// None.
    Empty,
    /// All of it.
    Whole(Bytes),
    /// It goes on.
    Endless(Box<PushBody>),
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            AnswerBody::Empty => Poll::Ready(None),
            AnswerBody::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = AnswerBody::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            AnswerBody::Endless(body) => body.poll_part(cx).map(|part| part.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, AnswerBody::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBody::Empty => SizeHint::with_exact(0),
            AnswerBody::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            AnswerBody::Endless(_) => SizeHint::default(),
        }
    }
}

/// An answer and what it means.
#[derive(Debug)]
pub struct Answer {
    /// What is sent.
    pub response: Response<AnswerBody>,
    /// What it means for the books.
    pub outcome: Outcome,
    /// What it is a sample of.
    pub kind: Option<SampleKind>,
}

impl Answer {
    /// Without a body. For statuses that have none (RFC 9110 §6.4.1); others need [`Answer::whole`].
    pub fn empty(status: StatusCode) -> Answer {
        let mut response = Response::new(AnswerBody::Empty);
        *response.status_mut() = status;
        Answer { response, outcome: Outcome::Other, kind: None }
    }

    /// With a body of known length.
    pub fn whole(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
        let mut answer = Answer::empty(status).with(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        answer.response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        *answer.response.body_mut() = if body.is_empty() { AnswerBody::Empty } else { AnswerBody::Whole(body) };
        answer
    }

    /// With a body that goes on, in chunks (RFC 9112 §7.1).
    pub fn endless(content_type: &'static str, body: PushBody) -> Answer {
        let mut answer = Answer::empty(StatusCode::OK)
            .with(header::CONTENT_TYPE, HeaderValue::from_static(content_type))
            .with(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
            .with(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"))
            .meaning(Outcome::Endless, Some(SampleKind::Stream));
        *answer.response.body_mut() = AnswerBody::Endless(Box::new(body));
        answer
    }

    /// With one more header.
    pub fn with(mut self, name: header::HeaderName, value: HeaderValue) -> Answer {
        self.response.headers_mut().insert(name, value);
        self
    }

    /// With a meaning.
    pub fn meaning(mut self, outcome: Outcome, kind: Option<SampleKind>) -> Answer {
        (self.outcome, self.kind) = (outcome, kind);
        self
    }

    /// As the last one on its connection.
    pub fn last(self) -> Answer {
        self.with(header::CONNECTION, HeaderValue::from_static("close"))
    }
}

/// Why a request is not served, for the client to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    reason: String,
}

impl Refusal {
    /// A refusal with a reason of one line.
    pub fn new(status: StatusCode, reason: impl Into<String>) -> Refusal {
        Refusal { status, reason: reason.into() }
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// 400, the client's mistake.
    pub fn bad_request(reason: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, reason)
    }
}

impl From<HubError> for Refusal {
    fn from(error: HubError) -> Refusal {
        let status = match error {
            HubError::BadName | HubError::BadCursors(_) | HubError::BadRooms | HubError::NotUtf8 => StatusCode::BAD_REQUEST,
            HubError::TooManyRooms(_) | HubError::Full(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Refusal::new(status, error.to_string())
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Answer {
        Answer::whole(refusal.status, "text/plain; charset=utf-8", Bytes::from(format!("{}\n", refusal.reason)))
    }
}
