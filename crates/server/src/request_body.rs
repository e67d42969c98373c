//! Reading the body of a request: all of it, within a bound of bytes and of time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::http::StatusCode;

use crate::answer::Refusal;
use crate::metering::Exchange;

/// The largest message from a client, by whatever transport.
pub const MAX_MESSAGE_BYTES: usize = 2 << 20;

/// The whole body, which may have `max_bytes` and take as long as `patience`.
///
/// # Errors
/// 413 if it is larger, 408 if it takes longer, 400 if it breaks off. The rest of the body is not read then, so the answer must
/// be the last on its connection.
pub async fn read(body: Incoming, exchange: &mut Exchange, max_bytes: usize, patience: Duration) -> Result<Bytes, Refusal> {
    let too_large = || Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a message has at most {max_bytes} bytes"));
    // Said beforehand: nothing of it need be read, and a client that waits for "100 Continue" need not send it.
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(too_large());
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    exchange.body_is_read();
    let reading = async {
        let (mut body, mut first, mut all) = (body, None, BytesMut::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                exchange.meter().blame_client();
                Refusal::bad_request(format!("the body broke off: {error}"))
            })?;
            let Ok(data) = frame.into_data() else { continue };
            let so_far = all.len() + first.as_ref().map_or(0, Bytes::len);
            if so_far + data.len() > max_bytes {
                return Err(too_large());
            }
            // Mostly there is one part, which need not be copied.
            match first.take() {
                None if all.is_empty() => first = Some(data),
                None => all.extend_from_slice(&data),
                Some(part) => {
                    all.extend_from_slice(&part);
                    all.extend_from_slice(&data);
                }
            }
        }
        Ok(first.unwrap_or_else(|| all.freeze()))
    };
    match tokio::time::timeout(patience, reading).await {
        Ok(read) => read,
        Err(_) => {
            exchange.meter().blame_client();
            Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body took too long"))
        }
    }
}
