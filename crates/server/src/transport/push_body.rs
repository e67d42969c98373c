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
                    (self.format.lost)(&mut part, batch.lost, batch.next - messages.len() as u64);
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
