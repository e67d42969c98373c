//! Which adapter answers what, and what is the same for every answer: methods, the end of connections, the books.
//!
//! | method | target | answer |
//! |---|---|---|
//! | GET | `/poll?room=R&after=N` | [`short_poll`] |
//! | GET | `/long-poll?room=R&after=N&hold_ms=25000` | [`long_poll`] |
//! | GET | `/stream?room=R&after=N` | [`http_stream`] |
//! | GET | `/sse?room=R&after=N` | [`sse`] |
//! | GET | `/ws?room=R&after=N&frame=binary`, `/ws/echo` | [`websocket`] |
//! | POST | `/messages`, `/echo` | [`post`] |
//! | GET, POST | `/socket.io/`, and `/engine.io/` for conformance suites | [`socket_io`], which has refusals of its own |
//! | GET | `/` | the page of [`demo`], where it is wanted |
//! | GET | `/health` | 204 |

use std::convert::Infallible;
use std::sync::Arc;

use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::http::{HeaderValue, Method, Response, StatusCode, Version, header, request};

use crate::answer::{Answer, AnswerBody, Refusal};
use crate::context::Context;
use crate::demo;
use crate::metering::{Exchange, Outcome, SampleKind};
use crate::transport::socket_io::application::Kind;
use crate::transport::{http_stream, long_poll, post, short_poll, socket_io, sse, websocket};

/// What there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Poll,
    LongPoll,
    Stream,
    Sse,
    Websocket,
    WebsocketEcho,
    Messages,
    Echo,
    SocketIo,
    EngineEcho,
    Demo,
    Health,
    Nothing,
}

impl Route {
    fn of(path: &str, context: &Context) -> Route {
        match path {
            "/poll" => Route::Poll,
            "/long-poll" => Route::LongPoll,
            "/stream" => Route::Stream,
            "/sse" => Route::Sse,
            "/ws" => Route::Websocket,
            "/ws/echo" => Route::WebsocketEcho,
            "/messages" => Route::Messages,
            "/echo" => Route::Echo,
            "/socket.io/" | "/socket.io" => Route::SocketIo,
            "/engine.io/" | "/engine.io" if context.shared.engine.options.conformance => Route::EngineEcho,
            "/" if context.shared.engine.options.demo => Route::Demo,
            "/health" => Route::Health,
            _ => Route::Nothing,
        }
    }

    /// What a client may do with it (RFC 9110 §10.2.1). HEAD only where the answer to GET ends at once.
    fn allow(self) -> &'static str {
        match self {
            Route::Poll | Route::Demo | Route::Health => "GET, HEAD, OPTIONS",
            Route::LongPoll | Route::Stream | Route::Sse | Route::Websocket | Route::WebsocketEcho => "GET, OPTIONS",
            Route::Messages | Route::Echo => "POST, OPTIONS",
            // They say themselves what is wrong.
            Route::SocketIo | Route::EngineEcho | Route::Nothing => "",
        }
    }

    /// What its answers are samples of.
    fn kinds(self, parts: &request::Parts) -> &'static [SampleKind] {
        match self {
            Route::Poll | Route::LongPoll => &[SampleKind::Poll, SampleKind::EmptyPoll],
            Route::Stream | Route::Sse => &[SampleKind::Stream],
            Route::Websocket | Route::WebsocketEcho => &[SampleKind::Upgrade],
            Route::Messages | Route::Echo => &[SampleKind::Post],
            Route::SocketIo | Route::EngineEcho => socket_io::sample_kinds(parts),
            Route::Demo | Route::Health | Route::Nothing => &[],
        }
    }
}

/// Answers one request. It is in the books from the call on, because whoever asks may be gone before the answer's first step.
pub fn answer(
    request: Request<Incoming>,
    context: Arc<Context>,
) -> impl Future<Output = Result<Response<AnswerBody>, Infallible>> + Send {
    let (parts, body) = request.into_parts();
    let body = Some(body).filter(|body| !body.is_end_stream());
    let route = Route::of(parts.uri.path(), &context);
    let exchange = Exchange::begin(&context.meter, &parts, body.is_some(), route.kinds(&parts));
    exchanged(route, parts, body, context, exchange)
}

async fn exchanged(
    route: Route,
    mut parts: request::Parts,
    mut body: Option<Incoming>,
    context: Arc<Context>,
    mut exchange: Exchange,
) -> Result<Response<AnswerBody>, Infallible> {
    let has_body = body.is_some();
    // What is asked of the head afterwards, because an adapter may let go of it.
    let is_last = asks_for_the_last(&parts);
    let served = serve(route, &mut parts, &mut body, &context, &mut exchange).await;
    let is_refused = served.is_err();
    let mut answer = served.unwrap_or_else(Answer::from);
    if parts.method == Method::HEAD {
        *answer.response.body_mut() = AnswerBody::Empty;
        // What a HEAD brings is no message, and no sample of a poll.
        answer.outcome = Outcome::Other;
        answer.kind = None;
    }
    if parts.version == Version::HTTP_10 {
        *answer.response.version_mut() = Version::HTTP_10;
    }
    // A body that nobody has read stands where the next request should; one that was refused may still be coming.
    let unread = body.is_some() || (has_body && is_refused);
    if answer.outcome != Outcome::Upgrade && (unread || is_last || context.meter.is_last()) {
        answer = answer.last();
    }
    exchange.end(&answer.response, answer.outcome, answer.kind);
    Ok(answer.response)
}

async fn serve(
    route: Route,
    parts: &mut request::Parts,
    body: &mut Option<Incoming>,
    context: &Arc<Context>,
    exchange: &mut Exchange,
) -> Result<Answer, Refusal> {
    if route == Route::Nothing {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "there is nothing here"));
    }
    // RFC 9110 §15.5.6 asks for the list of what is allowed.
    let is_engine = matches!(route, Route::SocketIo | Route::EngineEcho);
    if !is_engine && !route.allow().split(", ").any(|method| method == parts.method.as_str()) {
        let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, format!("allowed are {}", route.allow()));
        return Ok(Answer::from(refusal).with(header::ALLOW, HeaderValue::from_static(route.allow())));
    }
    if parts.version == Version::HTTP_11 && parts.headers.get_all(header::HOST).iter().count() != 1 {
        return Err(Refusal::bad_request("a request needs one Host header"));
    }
    if !is_engine && parts.method == Method::OPTIONS {
        let options = Answer::empty(StatusCode::NO_CONTENT);
        return Ok(options.with(header::ALLOW, HeaderValue::from_static(route.allow())));
    }
    let needs_http_11 = matches!(route, Route::Stream | Route::Sse | Route::Websocket | Route::WebsocketEcho);
    if needs_http_11 && parts.version != Version::HTTP_11 {
        return Err(Refusal::new(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "this needs HTTP/1.1"));
    }
    let is_websocket = matches!(route, Route::Websocket | Route::WebsocketEcho);
    if is_websocket && (context.meter.is_last() || asks_for_the_last(parts)) {
        return Err(Refusal::bad_request("this connection is about to end"));
    }
    match route {
        Route::Poll => short_poll::answer(parts, context),
        Route::LongPoll => long_poll::answer(parts, context).await,
        Route::Stream => http_stream::answer(parts, context),
        Route::Sse => sse::answer(parts, context),
        Route::Websocket => websocket::answer(parts, context, websocket::Talk::Room),
        Route::WebsocketEcho => websocket::answer(parts, context, websocket::Talk::Echo),
        Route::Messages => post::message(body.take(), context, exchange).await,
        Route::Echo => post::echo(body.take(), context, exchange).await,
        Route::SocketIo => socket_io::answer(parts, body, context, exchange, Kind::SocketIo).await,
        Route::EngineEcho => socket_io::answer(parts, body, context, exchange, Kind::Echo).await,
        Route::Demo => Ok(demo::page()),
        Route::Health => Ok(Answer::empty(StatusCode::NO_CONTENT)),
        Route::Nothing => Err(Refusal::new(StatusCode::NOT_FOUND, "there is nothing here")),
    }
}

/// Whether the client wants no more than this answer (RFC 9112 §9.6). HTTP/1.0 clients never get more.
fn asks_for_the_last(parts: &request::Parts) -> bool {
    let says_close = |value: &HeaderValue| {
        value.to_str().is_ok_and(|value| value.split(',').any(|token| token.trim().eq_ignore_ascii_case("close")))
    };
    // Both lengths at once is a smuggler's trick, after which the HTTP library closes (RFC 9112 §6.1).
    let ambiguous = parts.headers.contains_key(header::TRANSFER_ENCODING) && parts.headers.contains_key(header::CONTENT_LENGTH);
    parts.version == Version::HTTP_10 || ambiguous || parts.headers.get_all(header::CONNECTION).iter().any(says_close)
}
