//! Polling (`engine.io-protocol`, "HTTP long-polling"): a GET is held until there is something to say, a POST carries what the
//! client says; one of each at a time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::Incoming;
use hyper::http::{HeaderValue, StatusCode, header, request};
use tokio::time::timeout;
use wirecost_wire::engine_io::v3::PayloadForm;
use wirecost_wire::engine_io::{POST_ACCEPTED, Packet, jsonp};

use super::outbox::{Outgoing, tally};
use super::refusal::EngineError;
use super::session::{Fault, Session};
use crate::answer::{Answer, Refusal};
use crate::context::Context;
use crate::hub::Limit;
use crate::metering::{Exchange, Outcome, SampleKind};
use crate::request_body;

/// How long a poll is held while a WebSocket probes and the poll that was parked then has been ended. A client is about to stop
/// polling, and waits for the poll that it has sent meanwhile.
const HOLD_WHILE_PROBING: Duration = Duration::from_millis(100);

/// Answers a GET when there is something to say.
pub async fn get(session: &Arc<Session>, jsonp: Option<u64>) -> Answer {
    let Some(polled) = session.begin_poll() else { return EngineError::BadRequest.into() };
    let is_probed = polled.is_probed();
    let mut answering = pin!(polled.answer(Limit::default()));
    let taken = match is_probed {
        false => answering.await,
        true => match timeout(HOLD_WHILE_PROBING, &mut answering).await {
            Ok(taken) => taken,
            Err(_) => {
                session.probed();
                answering.await
            }
        },
    };
    let (messages, payload_bytes) = tally(&taken);
    let answer = payload(session, jsonp, &taken);
    if messages > 0 {
        answer.meaning(Outcome::Full { messages, payload_bytes }, Some(SampleKind::Poll))
    } else if taken.iter().all(Outgoing::is_heartbeat) {
        answer.meaning(Outcome::Empty, Some(SampleKind::EmptyPoll))
    } else {
        answer
    }
}

/// 200 with packets.
pub fn payload(session: &Session, jsonp: Option<u64>, packets: &[Outgoing]) -> Answer {
    let packets: Vec<Packet> = packets.iter().map(Outgoing::to_packet).collect();
    let mut body = BytesMut::new();
    let encoded = session.version().encode_payload(&mut body, &packets, session.support());
    let encoded = encoded.map_err(|error| error.to_string()).and_then(|form| match jsonp {
        None => Ok((form.content_type(), body)),
        Some(index) => {
            let mut script = BytesMut::new();
            let wrapped = jsonp::encode_response(&mut script, index, &body);
            wrapped.map(|_| ("text/javascript; charset=UTF-8", script)).map_err(|error| error.to_string())
        }
    });
    match encoded {
        Ok((content_type, body)) => not_stored(Answer::whole(StatusCode::OK, content_type, body.freeze())),
        Err(reason) => {
            // A packet that the transport cannot carry would be lost without a word.
            session.end();
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, reason).into()
        }
    }
}

/// Takes what a POST carries.
///
/// # Errors
/// 413 if it is too large, 408 if it takes too long, 400 if it breaks off. The session survives the first.
pub async fn post(
    session: &Arc<Session>,
    jsonp: Option<u64>,
    parts: &request::Parts,
    body: &mut Option<Incoming>,
    context: &Context,
    exchange: &mut Exchange,
) -> Result<Answer, Refusal> {
    let Some(posted) = session.begin_post() else { return Ok(EngineError::BadRequest.into()) };
    let max_bytes = context.shared.engine.options.max_payload_bytes;
    let read = match body.take() {
        Some(body) => request_body::read(body, exchange, max_bytes, context.shared.body_timeout).await,
        None => Ok(Bytes::new()),
    };
    let body = match read {
        Ok(body) => body,
        Err(refusal) => {
            if refusal.status() == StatusCode::PAYLOAD_TOO_LARGE {
                posted.end();
            }
            return Err(refusal);
        }
    };
    let form = match jsonp {
        None if parts.headers.get(header::CONTENT_TYPE).is_some_and(|value| value == PayloadForm::Octets.content_type()) => {
            PayloadForm::Octets
        }
        _ => PayloadForm::Text,
    };
    let body = match jsonp {
        None => body,
        Some(_) => match jsonp::decode_form(&body, max_bytes) {
            Ok(payload) => payload.into(),
            // The session ends with `posted`.
            Err(_) => return Ok(EngineError::BadRequest.into()),
        },
    };
    let Ok(packets) = session.version().decode_payload(body, form, max_bytes) else {
        return Ok(EngineError::BadRequest.into());
    };
    for packet in packets {
        match packet.map(|packet| session.receive(packet, context)) {
            Ok(Ok(())) => {}
            // The POST was in order, its message was not; the client learns it by the end of the session.
            Ok(Err(Fault::Message)) => break,
            Ok(Err(Fault::Packet)) | Err(_) => return Ok(EngineError::BadRequest.into()),
        }
    }
    session.wake();
    posted.end();
    // The type keeps old browsers from offering a download; it is the official server's.
    let answer = Answer::whole(StatusCode::OK, "text/html", Bytes::from_static(POST_ACCEPTED));
    Ok(not_stored(answer).meaning(Outcome::Other, Some(SampleKind::Post)))
}

fn not_stored(answer: Answer) -> Answer {
    answer.with(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
}
