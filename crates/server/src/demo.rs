//! The demonstration: a page at `/`, and a stream of its own that the page receives over four transports at once. Its namespace
//! `/test` is in [`crate::transport::socket_io::event`]. Nothing here is measured; the clock is the wall's, because that is the
//! only one that a page can compare with.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::http::{HeaderValue, StatusCode, header};
use tokio::time::{MissedTickBehavior, interval};

use crate::answer::Answer;
use crate::context::Shared;

/// The page, with all that belongs to it.
const PAGE: &str = include_str!("demo/page.html");

/// The room of the stream.
const ROOM: &str = "demo-stream";

/// Time between two of its messages.
const PACE: Duration = Duration::from_millis(500);

/// Answers a request for the page.
pub fn page() -> Answer {
    Answer::whole(StatusCode::OK, "text/html; charset=utf-8", Bytes::from_static(PAGE.as_bytes()))
        .with(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

/// Publishes the stream until the hub is closed and beyond: whoever started it ends it.
pub async fn stream(shared: Arc<Shared>) {
    let mut ticks = interval(PACE);
    // Somebody who looks away misses nothing worth catching up on.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for number in 0_u64.. {
        ticks.tick().await;
        let at_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let message = format!("{{\"number\":{number},\"at_ms\":{at_ms}}}");
        if let Ok(wakes) = shared.hub.room(ROOM).and_then(|room| room.publish(message.into())) {
            shared.fan_out.wake(wakes);
        }
    }
}
