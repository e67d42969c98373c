//! The protocol's own errors, as the official server words them: clients show these texts, and tests read the codes.

use bytes::Bytes;
use hyper::http::{HeaderValue, StatusCode, header};

use crate::answer::Answer;

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineError {
    /// No transport, or one that there is not.
    UnknownTransport,
    /// No such session, or it has ended.
    UnknownSession,
    /// A session can only be opened with GET.
    BadHandshakeMethod,
    /// Against the rules in any other way.
    BadRequest,
    /// Neither version 3 nor 4.
    UnsupportedProtocolVersion,
    /// There are as many sessions as there may be, or the server is about to stop. The official server has no such bound.
    TooManySessions,
}

impl EngineError {
    fn parts(self) -> (StatusCode, &'static str) {
        match self {
            EngineError::UnknownTransport => (StatusCode::BAD_REQUEST, r#"{"code":0,"message":"Transport unknown"}"#),
            EngineError::UnknownSession => (StatusCode::BAD_REQUEST, r#"{"code":1,"message":"Session ID unknown"}"#),
            EngineError::BadHandshakeMethod => (StatusCode::BAD_REQUEST, r#"{"code":2,"message":"Bad handshake method"}"#),
            EngineError::BadRequest => (StatusCode::BAD_REQUEST, r#"{"code":3,"message":"Bad request"}"#),
            EngineError::UnsupportedProtocolVersion => {
                (StatusCode::BAD_REQUEST, r#"{"code":5,"message":"Unsupported protocol version"}"#)
            }
            EngineError::TooManySessions => {
                (StatusCode::SERVICE_UNAVAILABLE, r#"{"code":3,"message":"There are too many sessions"}"#)
            }
        }
    }
}

impl From<EngineError> for Answer {
    fn from(error: EngineError) -> Answer {
        let (status, body) = error.parts();
        Answer::whole(status, "application/json", Bytes::from_static(body.as_bytes()))
            .with(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
    }
}
