//! Who asks, who answers and when a silent server is given up (`v3.md` and `v4-current.md`, "Heartbeat").
//!
//! | | Engine.IO 4 | Engine.IO 3 |
//! |---|---|---|
//! | pings | the server, every interval | the client, an interval after the last pong |
//! | gives up after | interval + timeout of silence | the same, and timeout after a ping |
//!
//! Any packet ends a silence, as in the official client of version 3.

use std::time::Duration;

use wirecost_model::scenario::Engine;
use wirecost_wire::engine_io::Handshake;

use crate::deadline::Deadline;
use crate::session::TransportError;

/// The heartbeat of one session, from the client's side.
pub(super) struct Heartbeat {
    interval: Duration,
    timeout: Duration,
    /// Passes when nothing was heard for too long.
    silence: Deadline,
    /// How long that is at the moment.
    patience: Duration,
    /// Passes when it is time to ping; only where the client does.
    ping: Option<Deadline>,
}

impl Heartbeat {
    /// Starts with the session.
    pub fn new(version: Engine, handshake: &Handshake) -> Result<Heartbeat, TransportError> {
        let (interval, timeout) =
            (Duration::from_millis(handshake.ping_interval_ms), Duration::from_millis(handshake.ping_timeout_ms));
        if interval.is_zero() || timeout.is_zero() {
            return Err(TransportError::Malformed("a handshake with a ping interval or timeout of 0".into()));
        }
        let patience = interval.saturating_add(timeout);
        let ping = match version {
            Engine::V3 => Some(Deadline::after(interval)),
            Engine::V4 => None,
        };
        Ok(Heartbeat { interval, timeout, silence: Deadline::after(patience), patience, ping })
    }

    /// The longest that a healthy server is silent.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// A packet has come.
    pub fn heard(&mut self) {
        self.patience = self.interval.saturating_add(self.timeout);
        self.silence.restart(self.patience);
    }

    /// A ping is sent; the answer is due.
    pub fn pinged(&mut self) {
        self.patience = self.timeout;
        self.silence.restart(self.patience);
        // No other before the answer.
        if let Some(ping) = &mut self.ping {
            ping.restart(self.interval.saturating_add(self.timeout));
        }
    }

    /// The answer has come; `false` if this version's client never asks.
    pub fn answered(&mut self) -> bool {
        let Some(ping) = &mut self.ping else { return false };
        ping.restart(self.interval);
        true
    }

    /// Two waits that are safe to cancel: for the time to ping, and for the end of patience.
    pub fn waits(&mut self) -> (impl Future<Output = ()>, impl Future<Output = ()>) {
        let Heartbeat { silence, ping, .. } = self;
        let ping_due = async move {
            match ping {
                Some(ping) => ping.passed().await,
                None => std::future::pending().await,
            }
        };
        (ping_due, silence.passed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heartbeat(version: Engine) -> Heartbeat {
        let handshake = Handshake {
            sid: "s".into(),
            upgrades: Vec::new(),
            ping_interval_ms: 60,
            ping_timeout_ms: 40,
            max_payload_bytes: None,
        };
        Heartbeat::new(version, &handshake).unwrap()
    }

    #[derive(Debug, PartialEq)]
    enum Due {
        Ping,
        GiveUp,
    }

    async fn due(heartbeat: &mut Heartbeat) -> Due {
        let (ping, silence) = heartbeat.waits();
        tokio::select! { biased; () = ping => Due::Ping, () = silence => Due::GiveUp }
    }

    /// On a clock that jumps to the next timer when nothing else can be done.
    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
    }

    #[test]
    fn in_version_3_the_client_asks_and_gives_up_without_an_answer() {
        block_on(async {
            let mut heartbeat = heartbeat(Engine::V3);
            assert_eq!(due(&mut heartbeat).await, Due::Ping);
            heartbeat.pinged();
            heartbeat.heard();
            assert!(heartbeat.answered());
            assert_eq!(due(&mut heartbeat).await, Due::Ping, "again after the answer");
            heartbeat.pinged();
            assert_eq!(heartbeat.patience(), Duration::from_millis(40));
            assert_eq!(due(&mut heartbeat).await, Due::GiveUp);
        });
    }

    #[test]
    fn in_version_4_the_client_only_listens() {
        block_on(async {
            let mut heartbeat = heartbeat(Engine::V4);
            assert!(!heartbeat.answered());
            assert_eq!(heartbeat.patience(), Duration::from_millis(100));
            assert_eq!(due(&mut heartbeat).await, Due::GiveUp);
            heartbeat.heard();
            let (_, silence) = heartbeat.waits();
            let early = tokio::time::timeout(Duration::from_millis(20), silence).await;
            assert!(early.is_err(), "what is heard puts the end off");
        });
    }

    #[test]
    fn a_server_cannot_make_it_spin_or_overflow() {
        let with = |ping_interval_ms, ping_timeout_ms| Handshake {
            sid: String::new(),
            upgrades: Vec::new(),
            ping_interval_ms,
            ping_timeout_ms,
            max_payload_bytes: None,
        };
        block_on(async {
            assert!(Heartbeat::new(Engine::V3, &with(0, 1)).is_err() && Heartbeat::new(Engine::V4, &with(1, 0)).is_err());
            let mut endless = Heartbeat::new(Engine::V3, &with(u64::MAX, u64::MAX)).unwrap();
            endless.heard();
            endless.pinged();
        });
    }
}
