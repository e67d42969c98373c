//! Packets by HTTP: one GET that the server holds until it has something, and one POST at a time that takes along
//! what was queued while the one before was under way. A second of either kind would end the session
//! (`v4-current.md`, "HTTP long-polling").

use std::collections::VecDeque;
use std::time::Duration;

use wirecost_wire::engine_io::{Handshake, POST_ACCEPTED, Packet};

use super::codec::{Codec, Packets};
use super::engine::Event;
use super::route;
use crate::session::TransportError;
use crate::stack::{Answer, Exchange, Http, MAX_BODY_BYTES};

/// How much of an unexpected answer an error quotes, characters.
const QUOTED: usize = 120;

/// A session, or the first part of one, by polling.
pub(super) struct Polling {
    http: Http,
    codec: Codec,
    /// Path and query of every request of the session.
    path: String,
    /// How long the server may hold a GET.
    held: Duration,
    /// Longest body that the server takes.
    max_body_bytes: usize,
    get: Option<Exchange>,
    /// With the number of messages that it carries.
    post: Option<(Exchange, u64)>,
    queue: VecDeque<Packet>,
    queued_bytes: usize,
    /// What is left of the last answer.
    received: Option<Packets>,
}

/// What has to go on over another transport: packets that have come, and packets that have not left.
pub(super) struct Remains {
    pub received: Option<Packets>,
    pub queue: VecDeque<Packet>,
}

fn quoted(body: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(&body[..body.len().min(4 * QUOTED)]).chars().take(QUOTED).collect();
    text.escape_debug().to_string()
}

fn accepted(answer: Answer, request: &str) -> Result<Answer, TransportError> {
    match answer.status {
        200 => Ok(answer),
        status => Err(TransportError::Unexpected(format!("status {status} to a {request}: {}", quoted(&answer.body)))),
    }
}

/// Waits for a request, if there is one. Safe to cancel.
async fn answer(under_way: &mut Option<Exchange>) -> Result<Answer, TransportError> {
    let Some(exchange) = under_way else { return std::future::pending().await };
    let answer = exchange.await;
    *under_way = None;
    answer
}

/// The same for a POST: how many messages it has carried. Safe to cancel.
async fn taken(under_way: &mut Option<(Exchange, u64)>) -> Result<u64, TransportError> {
    let Some((exchange, messages)) = under_way else { return std::future::pending().await };
    let (answer, messages) = (exchange.await, *messages);
    *under_way = None;
    let body = accepted(answer?, "POST")?.body;
    // Servers in other languages write it in capitals.
    if !body.eq_ignore_ascii_case(POST_ACCEPTED) {
        return Err(TransportError::Unexpected(format!("a POST was answered with {}", quoted(&body))));
    }
    Ok(messages)
}

impl Polling {
    /// Opens a session.
    pub async fn open(http: Http, codec: Codec, path: &str, mount: &str) -> Result<(Polling, Handshake), TransportError> {
        // Bodies of version 3 are told apart by their types.
        http.keep_heads();
        let answer = accepted(http.get(path, &[], Duration::ZERO).await?, "handshake")?;
        let mut received = codec.decode_body(&answer)?;
        let handshake = match received.next().transpose()? {
            Some(Packet::Open(data)) => super::engine::handshake(&data)?,
            _ => return Err(TransportError::Unexpected("a session that does not begin with an open packet".into())),
        };
        let via = if codec.jsonp { super::Via::Jsonp } else { super::Via::Polling };
        let limit = handshake.max_payload_bytes.and_then(|bytes| usize::try_from(bytes).ok());
        let polling = Polling {
            http,
            codec,
            path: route::session(codec.version, via, &handshake.sid, mount),
            held: Duration::from_millis(handshake.ping_interval_ms.saturating_add(handshake.ping_timeout_ms)),
            max_body_bytes: limit.unwrap_or(MAX_BODY_BYTES).min(MAX_BODY_BYTES),
            get: None,
            post: None,
            queue: VecDeque::new(),
            queued_bytes: 0,
            received: Some(received),
        };
        Ok((polling, handshake))
    }

    /// Queues a packet; it leaves at once if nothing else is leaving.
    pub fn send(&mut self, packet: Packet) -> Result<(), TransportError> {
        self.queued_bytes += self.weight(&packet);
        if self.queued_bytes > MAX_BODY_BYTES {
            return Err(TransportError::Backlog(self.queued_bytes));
        }
        self.queue.push_back(packet);
        self.start_post()
    }

    /// What a queued packet takes up.
    fn weight(&self, packet: &Packet) -> usize {
        size_of::<Packet>() + self.codec.body_bytes(packet)
    }

    fn start_post(&mut self) -> Result<(), TransportError> {
        if self.post.is_some() || self.queue.is_empty() {
            return Ok(());
        }
        let mut batch = Vec::new();
        let mut batch_bytes = 0;
        // A packet larger than the server takes goes alone: the refusal names what is wrong.
        while let Some(packet) = self.queue.front()
            && (batch.is_empty() || batch_bytes + self.codec.body_bytes(packet) <= self.max_body_bytes)
        {
            batch_bytes += self.codec.body_bytes(packet);
            self.queued_bytes = self.queued_bytes.saturating_sub(self.weight(packet));
            batch.extend(self.queue.pop_front());
        }
        let messages = batch.iter().filter(|packet| matches!(packet, Packet::Message(_))).count() as u64;
        let (content_type, body) = self.codec.encode_body(&batch)?;
        let (http, path) = (self.http.clone(), self.path.clone());
        let exchange: Exchange = Box::pin(async move { http.post(&path, &[("content-type", content_type)], &body).await });
        self.post = Some((exchange, messages));
        Ok(())
    }

    fn start_get(&mut self) {
        let Polling { http, path, held, get, .. } = self;
        get.get_or_insert_with(|| {
            let (http, path, held) = (http.clone(), path.clone(), *held);
            Box::pin(async move { http.get(&path, &[], held).await })
        });
    }

    /// What comes next. Safe to cancel.
    pub async fn next(&mut self) -> Result<Event, TransportError> {
        loop {
            if let Some(packet) = self.received.as_mut().and_then(Iterator::next) {
                return Ok(Event::Packet(packet?));
            }
            self.start_get();
            tokio::select! { biased;
                answer = answer(&mut self.get) => self.received = Some(self.codec.decode_body(&accepted(answer?, "poll")?)?),
                messages = taken(&mut self.post) => {
                    let messages = messages?;
                    self.start_post()?;
                    return Ok(Event::Taken(messages));
                }
            }
        }
    }

    /// Lets what is under way end, starts nothing new, and hands over what is left. The server ends the held GET.
    pub async fn pause(mut self) -> Result<Remains, TransportError> {
        while self.get.is_some() || self.post.is_some() {
            tokio::select! { biased;
                answer = answer(&mut self.get) => self.received = Some(self.codec.decode_body(&accepted(answer?, "poll")?)?),
                messages = taken(&mut self.post) => {
                    messages?;
                }
            }
        }
        Ok(Remains { received: self.received, queue: self.queue })
    }

    /// Sends what is queued and `farewell` after it, then a close packet, and lets the held GET end, which the server then
    /// does.
    pub async fn close(mut self, farewell: Packet) -> Result<(), TransportError> {
        // One request each, as the official client: in one body, the official server closes before it reads the farewell.
        for packet in [farewell, Packet::Close] {
            self.queue.push_back(packet);
            self.start_post()?;
            while self.post.is_some() {
                tokio::select! { biased;
                    // Whatever comes now, nobody waits for it.
                    answer = answer(&mut self.get) => {
                        answer?;
                    }
                    messages = taken(&mut self.post) => {
                        messages?;
                        self.start_post()?;
                    }
                }
            }
        }
        if self.get.is_some() {
            answer(&mut self.get).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::stack::Headers;
    use wirecost_model::ledger::Flow;

    #[test]
    fn what_an_error_quotes_is_short_and_printable() {
        let quote = quoted(&[b'\n', 0xff, b'a'].repeat(1000));
        assert!(quote.starts_with("\\n\u{fffd}a\\n") && quote.chars().count() <= 2 * QUOTED, "{quote}");
        let refused = Answer {
            status: 400,
            headers: Headers::Head(Bytes::new()),
            heads: Flow::default(),
            body: Bytes::from_static(b"{\"code\":1}"),
        };
        assert_eq!(
            accepted(refused, "poll").unwrap_err().to_string(),
            r#"unexpected answer: status 400 to a poll: {\"code\":1}"#
        );
    }
}
