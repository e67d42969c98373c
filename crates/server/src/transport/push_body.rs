//! A body that goes on: a reader of a room whose messages become parts of the body as they come. What a message looks like is
//! the transport's ([`Format`]); cutting into chunks is the HTTP library's, one for each part.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, Sleep, sleep};

use crate::hub::{Limit, Message, Reader};
use crate::metering::ConnectionMeter;

/// How much goes into one part at most. Parts are all that the HTTP library may hold for a client that does not read.
const PART: Limit = Limit { messages: 1024, bytes: 64 << 10 };

/// How long nothing may be said before a sign of life (WHATWG HTML §9.2.7 advises about this).
const SILENCE: Duration = Duration::from_secs(15);

/// How messages look.
#[derive(Debug)]
pub struct Format {
    /// The slot of [`Message::encoded`].
    pub slot: usize,
    /// Writes a message.
    pub message: fn(&Message) -> Bytes,
    /// Writes that `lost` messages are gone and it goes on with number `next`.
    pub lost: fn(to: &mut BytesMut, lost: u64, next: u64),
    /// Says nothing.
    pub keep_alive: &'static [u8],
}

/// A body that goes on until the hub is closed or the client leaves.
#[derive(Debug)]
pub struct PushBody {
    reader: Reader,
    format: &'static Format,
    meter: Arc<ConnectionMeter>,
    silence: Pin<Box<Sleep>>,
    spoke: Instant,
}

impl PushBody {
    /// What `reader` reads, as `format` says, counted in `meter`.
    pub fn new(reader: Reader, format: &'static Format, meter: Arc<ConnectionMeter>) -> PushBody {
        PushBody { reader, format, meter, silence: Box::pin(sleep(SILENCE)), spoke: Instant::now() }
    }

    /// The next part; `None` at the end.
    pub fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Poll::Ready(batch) = self.reader.poll_next(cx, PART) else { return self.poll_keep_alive(cx) };
        let Some(batch) = batch else { return Poll::Ready(None) };
        self.spoke = Instant::now();
        let encoded = |message: &Message| message.encoded(self.format.slot, self.format.message).clone();
        let part = match &batch.messages[..] {
            [message] if batch.lost == 0 => encoded(message),
            messages => {
                let mut part = BytesMut::new();
                if batch.lost > 0 {
                    (self.format.lost)(&mut part, batch.lost, batch.next.saturating_sub(messages.len() as u64));
                }
                messages.iter().for_each(|message| part.extend_from_slice(&encoded(message)));
                part.freeze()
            }
        };
        self.meter.sent(batch.messages.len() as u64, batch.payload_bytes());
        Poll::Ready(Some(part))
    }

    /// The timer is not moved with every message; when it fires it is set to when silence would have lasted.
    fn poll_keep_alive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            ready!(self.silence.as_mut().poll(cx));
            let now = Instant::now();
            let is_due = self.spoke + SILENCE <= now;
            if is_due {
                self.spoke = now;
            }
            self.silence.as_mut().reset(self.spoke + SILENCE);
            if is_due {
                return Poll::Ready(Some(Bytes::from_static(self.format.keep_alive)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::hub::{Hub, HubOptions};
    use crate::metering::Metering;

    static FORMAT: Format = Format {
        slot: 0,
        message: |message| message.payload.clone(),
        lost: |to, lost, next| to.extend_from_slice(format!("<{lost} lost, next {next}>").as_bytes()),
        keep_alive: b"...",
    };

    #[test]
    fn silence_is_broken_and_loss_is_told() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let stream = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let metering = Metering::default();
            let meter = metering.open(Arc::new(stream), false);
            let hub = Hub::new(HubOptions { ring_messages: 2, ..HubOptions::default() });
            let mut body = PushBody::new(hub.reader("r", None).unwrap(), &FORMAT, meter);
            let publish = |text: &'static str| hub.room("r").unwrap().publish(text.into()).unwrap().wake();
            let start = Instant::now();
            // Something is said after 10 s, so silence begins then.
            let early = tokio::time::timeout(Duration::from_secs(10), poll_fn(|cx| body.poll_part(cx))).await;
            assert!(early.is_err());
            publish("a");
            assert_eq!(poll_fn(|cx| body.poll_part(cx)).await.unwrap(), "a");
            for so_far_s in [25, 40] {
                assert_eq!(poll_fn(|cx| body.poll_part(cx)).await.unwrap(), "...");
                assert_eq!(start.elapsed().as_secs(), so_far_s);
            }
            ["b", "c", "d", "e"].into_iter().for_each(publish);
            assert_eq!(poll_fn(|cx| body.poll_part(cx)).await.unwrap(), "<2 lost, next 3>de");
            hub.close();
            assert_eq!(poll_fn(|cx| body.poll_part(cx)).await, None);
            let counters = metering.counters();
            assert_eq!((counters.messages.down, hub.overrun()), (3, 2));
        });
    }
}
