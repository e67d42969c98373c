//! The page's server: four GETs on loopback, one of them a stream of events. What it can be made to keep is bounded: viewers,
//! connections, heads, and the time that each may take. It answers only to loopback names, so that no page from elsewhere can
//! reach it under a name of its own.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use http_body_util::{Either, Full};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderName};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::State;

/// Streams of events at a time.
const VIEWERS: usize = 16;
/// Connections at a time; what is beyond is closed unheard.
const CONNECTIONS: usize = 64;
/// How long a connection that is no stream may take in all.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a viewer may leave its stream unread before it is closed.
const STALLED: Duration = Duration::from_secs(30);
/// The least between two updates of one viewer.
const EASE: Duration = Duration::from_millis(500);
/// After so long without news a comment shows that the stream lives.
const QUIET: Duration = Duration::from_secs(15);
/// How long the end waits for viewers to have heard of it. On a busy machine this thread, which runs when nothing else wants to,
/// may need it; elsewhere only a viewer that has stopped reading does.
const FAREWELL: Duration = Duration::from_secs(10);

/// Everything comes from this server, and nothing else may run, load, or frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const SECURITY: [(HeaderName, &str); 4] = [
    (HeaderName::from_static("content-security-policy"), POLICY),
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
    (HeaderName::from_static("referrer-policy"), "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

type Body = Either<Full<Bytes>, Channel<Bytes>>;

/// What a connection and the stream on it know of each other.
#[derive(Default)]
struct Connection {
    streams: AtomicBool,
    /// The viewer has stopped reading.
    stalled: Notify,
    /// The viewer has left.
    gone: Notify,
}

/// Serves until the last state has been told.
pub(super) fn serve(listener: TcpListener, states: watch::Receiver<State>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        let (viewers, connections) = (Arc::new(Semaphore::new(VIEWERS)), Arc::new(Semaphore::new(CONNECTIONS)));
        let mut end = states.clone();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => if let Ok(permit) = connections.clone().try_acquire_owned() {
                        tokio::spawn(connection(stream, states.clone(), viewers.clone(), permit));
                    },
                    // Out of descriptors, or the like: it passes.
                    Err(_) => sleep(EASE).await,
                },
                _ = end.wait_for(|state| state.end.is_some()) => break,
            }
        }
        let _ = timeout(FAREWELL, connections.acquire_many(CONNECTIONS as u32)).await;
    });
}

async fn connection(stream: TcpStream, states: watch::Receiver<State>, viewers: Arc<Semaphore>, _permit: OwnedSemaphorePermit) {
    let own = Arc::new(Connection::default());
    let service = service_fn(|request| {
        let response = answer(&request, &states, &viewers, &own);
        async { Ok::<_, Infallible>(response) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE / 2)
        .max_buf_size(8 * 1024)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let in_time = async {
        sleep(PATIENCE).await;
        if own.streams.load(Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        // What has come is answered, though this thread may have had no time for it within the time that there was.
        biased;
        _ = serving => {}
        () = own.stalled.notified() => {}
        () = in_time => {}
    }
    own.gone.notify_one();
}

fn answer<T>(
    request: &Request<T>,
    states: &watch::Receiver<State>,
    viewers: &Arc<Semaphore>,
    own: &Arc<Connection>,
) -> Response<Body> {
    let header = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    if !header(HOST).is_some_and(is_loopback) {
        return plain(StatusCode::MISDIRECTED_REQUEST, "This page answers to 127.0.0.1 and localhost only.\n");
    }
    // A stream that a page from elsewhere opens shows it nothing, but would take a viewer's place.
    let from = header(HeaderName::from_static("sec-fetch-site")).unwrap_or("none");
    if !matches!(from, "none" | "same-origin") && request.uri().path() != "/" {
        return plain(StatusCode::FORBIDDEN, "Not for other pages.\n");
    }
    if request.method() != Method::GET {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "There is nothing here but to GET.\n");
        response.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET"));
        return response;
    }
    match request.uri().path() {
        "/" => file("text/html; charset=utf-8", include_str!("page.html")),
        "/page.css" => file("text/css; charset=utf-8", include_str!("page.css")),
        "/page.js" => file("text/javascript; charset=utf-8", include_str!("page.js")),
        "/events" => match viewers.clone().try_acquire_owned() {
            Ok(permit) => {
                own.streams.store(true, Relaxed);
                let (sender, body) = Channel::new(1);
                tokio::spawn(stream(sender, states.clone(), permit, own.clone()));
                with(StatusCode::OK, "text/event-stream", Either::Right(body))
            }
            Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "As many as may watch are watching already.\n"),
        },
        _ => plain(StatusCode::NOT_FOUND, "Not here: /, /page.css, /page.js and /events.\n"),
    }
}

/// Whether a Host header names loopback; the port may be that of a tunnel.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name.to_ascii_lowercase().as_str(), "127.0.0.1" | "localhost" | "[::1]")
}

fn file(kind: &'static str, text: &'static str) -> Response<Body> {
    with(StatusCode::OK, kind, Either::Left(Full::from(text)))
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    with(status, "text/plain; charset=utf-8", Either::Left(Full::from(text)))
}

fn with(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in SECURITY.into_iter().chain([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store")]) {
        headers.insert(name, hyper::header::HeaderValue::from_static(value));
    }
    response
}

/// One viewer: what is new, at most every [`EASE`], until the end.
async fn stream(
    mut sender: Sender<Bytes>,
    mut states: watch::Receiver<State>,
    _permit: OwnedSemaphorePermit,
    own: Arc<Connection>,
) {
    // Apart from `states`, which must not take for seen what has not been sent.
    let mut ended = states.clone();
    let mut shown = State::default();
    let mut text = "retry: 2000\n\n".to_string();
    loop {
        let state = states.borrow_and_update().clone();
        for (name, new, old) in [("board", &state.board, &shown.board), ("now", &state.now, &shown.now)] {
            if !new.is_empty() && new != old {
                text += &event(name, new);
            }
        }
        if let Some(end) = &state.end {
            text += &event("end", end);
        }
        match timeout(STALLED, sender.send_data(Bytes::from(std::mem::take(&mut text)))).await {
            Ok(Ok(())) if state.end.is_none() => {}
            Ok(_) => return,
            Err(_) => return own.stalled.notify_one(),
        }
        shown = state;
        let _ = timeout(EASE, ended.wait_for(|state| state.end.is_some())).await;
        tokio::select! {
            _ = states.changed() => {}
            () = sleep(QUIET) => text += ": nothing new\n\n",
            () = own.gone.notified() => return,
        }
    }
}

/// JSON has no line ends of its own, so an event is one line of data.
fn event(name: &str, data: &str) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_answered() {
        for host in ["127.0.0.1:80", "localhost", "LOCALHOST:1", "[::1]:8080", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["", "example.org", "127.0.0.1.example.org:80", "localhost.example", "127.0.0.1:80@evil", "192.168.0.1", "::1"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
