//! HTTP by reqwest, one client (and so one connection pool) for each of our clients.
//!
//! reqwest seals its connections: they can be neither timed step by step nor counted here. Their bytes are
//! counted at the server's end of the same connections and by the kernel.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Url};
use wirecost_model::ledger::Flow;

use super::super::watchdog::Watchdog;
use super::super::{ANSWER_TIMEOUT, Answer, Headers, MAX_BODY_BYTES, headers};
use crate::session::TransportError;
use crate::target::Target;

/// An HTTP client. Clones share the connections.
#[derive(Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    /// The address of the latest request and its path, for the next, which often has the same: parsing one for each would be a
    /// twentieth of all that a request costs.
    latest: Rc<RefCell<(String, Url)>>,
    /// Of the latest exchange, for the next one. The library's own time limit sets a timer for each request.
    watchdog: Rc<Cell<Watchdog>>,
}

/// The body of an answer that does not end.
pub(crate) struct ByteStream(reqwest::Response);

fn failed(error: reqwest::Error) -> TransportError {
    // The chain's last link says what happened ("connection refused"); the first only that something did.
    let mut last: &dyn std::error::Error = &error;
    while let Some(source) = last.source() {
        last = source;
    }
    TransportError::Http(last.to_string())
}

/// The whole answer to what was sent.
async fn answer(sent: impl Future<Output = reqwest::Result<reqwest::Response>>) -> Result<Answer, TransportError> {
    let mut response = sent.await.map_err(failed)?;
    let headers = Headers::Read(Box::new(std::mem::take(response.headers_mut())));
    let status = response.status().as_u16();
    // Nearly every body comes in one piece, which then is not copied.
    let mut body = Bytes::new();
    let mut pieces = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(failed)? {
        if body.len() + pieces.len() + piece.len() > MAX_BODY_BYTES {
            return Err(TransportError::Unexpected(format!("an answer of more than {MAX_BODY_BYTES} bytes")));
        }
        if body.is_empty() && pieces.is_empty() {
            body = piece;
        } else {
            pieces.extend_from_slice(&std::mem::take(&mut body));
            pieces.extend_from_slice(&piece);
        }
    }
    let body = if pieces.is_empty() { body } else { pieces.freeze() };
    Ok(Answer { status, headers, heads: Flow::default(), body })
}

impl Http {
    /// A client of the target's server, configured as its arm says.
    pub fn new(target: &Target) -> Result<Http, TransportError> {
        let mut always = HeaderMap::new();
        for (name, value) in headers::preset(target.arm.headers) {
            always.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        // Proxies of the environment would measure something else; redirects do not exist here.
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .tcp_nodelay(true)
            .local_address(target.source)
            .pool_idle_timeout(None);
        if !target.arm.keep_alive {
            always.insert(CONNECTION, HeaderValue::from_static("close"));
            builder = builder.pool_max_idle_per_host(0);
        }
        let origin = Url::parse(&target.origin()).map_err(|e| TransportError::Http(e.to_string()))?;
        let tls = target.tls_or_none_to_trust().map_err(|e| TransportError::Http(e.to_string()))?;
        let client = builder.tls_backend_preconfigured(tls).default_headers(always).build().map_err(failed)?;
        Ok(Http { client, latest: Rc::new(RefCell::new((String::new(), origin))), watchdog: Rc::default() })
    }

    fn request(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Result<RequestBuilder, TransportError> {
        let (latest, url) = &mut *self.latest.borrow_mut();
        if latest != path {
            *url = url.join(path).map_err(|e| TransportError::Http(format!("{e}: {path}")))?;
            *latest = path.to_string();
        }
        let request = self.client.request(method, url.clone());
        Ok(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)))
    }

    /// GET; the whole answer. `held` is how long the server may hold it beyond the usual time.
    pub fn get(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        held: Duration,
    ) -> impl Future<Output = Result<Answer, TransportError>> {
        self.whole(ANSWER_TIMEOUT + held, self.request(Method::GET, path, headers))
    }

    /// POST; the whole answer.
    pub fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> impl Future<Output = Result<Answer, TransportError>> {
        // The library wants it for its own, as it would of an application.
        let body = Bytes::copy_from_slice(body);
        self.whole(ANSWER_TIMEOUT, self.request(Method::POST, path, headers).map(|request| request.body(body)))
    }

    /// The whole answer, in time. Whatever a request is made of stays out of the future: that is moved, and the library's own part
    /// of it is behind a pointer.
    fn whole(
        &self,
        limit: Duration,
        request: Result<RequestBuilder, TransportError>,
    ) -> impl Future<Output = Result<Answer, TransportError>> + use<> {
        let (sent, kept) = (request.map(RequestBuilder::send), Rc::clone(&self.watchdog));
        async move {
            // Of exchanges beside one another all but one have a new watchdog.
            let mut watchdog = kept.take();
            watchdog.next_exchange();
            let answer = watchdog.watch(limit, pin!(answer(sent?))).await;
            kept.set(watchdog);
            answer.unwrap_or(Err(TransportError::Timeout(limit.as_secs())))
        }
    }

    /// GET; an answer that goes on. Returns when its head is here.
    pub async fn open(&self, path: &str, headers: &[(&str, &str)]) -> Result<ByteStream, TransportError> {
        let request = self.request(Method::GET, path, headers)?;
        let response = tokio::time::timeout(ANSWER_TIMEOUT, request.send())
            .await
            .map_err(|_| TransportError::Timeout(ANSWER_TIMEOUT.as_secs()))?
            .map_err(failed)?;
        match response.status().as_u16() {
            200 => Ok(ByteStream(response)),
            status => Err(TransportError::Unexpected(format!("status {status} where a stream was to begin"))),
        }
    }
}

impl ByteStream {
    /// The next bytes, as they come. Safe to cancel.
    pub async fn chunk(&mut self) -> Result<Bytes, TransportError> {
        self.0.chunk().await.map_err(failed)?.ok_or(TransportError::Ended)
    }
}
