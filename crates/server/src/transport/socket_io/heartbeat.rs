//! Heartbeats: who is to say something when, and when silence is the end. In version 4 the server pings and the client answers,
//! in version 3 the client pings. Times are given, not looked up, but for the task that waits for them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::EngineOptions;
use super::session::Session;
use super::version::Version;
use crate::context::Shared;

/// A ping that went out later than this gives the client its whole time from then on. Below, the plan counts, so that small
/// delays of timers do not add up.
const TOLERANCE: Duration = Duration::from_millis(5);

/// How long an ended session is remembered for a poll that was on its way.
const LINGER: Duration = Duration::from_secs(5);

/// The heartbeat of one session.
#[derive(Debug)]
pub struct Heartbeat {
    interval: Duration,
    timeout: Duration,
    due: Due,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// The server is to ping.
    Ping(Instant),
    /// The client is to answer, or (version 3) to say anything.
    Word(Instant),
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// Nothing until then.
    Wait(Instant),
    /// Send a ping, and ask again.
    Ping,
    /// The client is silent.
    End,
}

impl Heartbeat {
    /// From the opening of a session on. The first ping comes after an interval.
    pub fn new(version: Version, options: &EngineOptions, now: Instant) -> Heartbeat {
        let EngineOptions { ping_interval: interval, ping_timeout: timeout, .. } = *options;
        let due = match version {
            Version::V3 => Due::Word(now + interval + timeout),
            Version::V4 => Due::Ping(now + interval),
        };
        Heartbeat { interval, timeout, due }
    }

    /// What is to be done at `now`.
    pub fn beat(&mut self, now: Instant) -> Beat {
        match self.due {
            Due::Ping(at) if at <= now => {
                let sent = if now - at > TOLERANCE { now } else { at };
                self.due = Due::Word(sent + self.timeout);
                Beat::Ping
            }
            Due::Word(at) if at <= now => Beat::End,
            Due::Ping(at) | Due::Word(at) => Beat::Wait(at),
        }
    }

    /// Version 4: the client has answered.
    pub fn answered(&mut self, now: Instant) {
        self.due = Due::Ping(now + self.interval);
    }

    /// Version 3: the client has said anything.
    pub fn heard(&mut self, now: Instant) {
        self.due = Due::Word(now + self.interval + self.timeout);
    }
}

/// Looks after a session until it has ended, and has it forgotten.
pub async fn tend(session: Arc<Session>, shared: Arc<Shared>) {
    while let Some(due) = session.beat(Instant::now()) {
        tokio::select! {
            () = sleep_until(due) => {}
            () = session.changed() => {}
        }
    }
    if session.can_be_asked() {
        sleep(LINGER).await;
    }
    shared.engine.registry.forget(session.id());
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn options() -> EngineOptions {
        EngineOptions { ping_interval: 300 * MS, ping_timeout: 200 * MS, ..EngineOptions::default() }
    }

    #[test]
    fn the_server_of_version_4_pings_after_an_interval_and_waits() {
        let start = Instant::now();
        let mut heart = Heartbeat::new(Version::V4, &options(), start);
        assert_eq!(heart.beat(start), Beat::Wait(start + 300 * MS));
        assert_eq!(heart.beat(start + 302 * MS), Beat::Ping);
        assert_eq!(heart.beat(start + 302 * MS), Beat::Wait(start + 500 * MS), "small delays do not add up");
        heart.answered(start + 310 * MS);
        assert_eq!(heart.beat(start + 310 * MS), Beat::Wait(start + 610 * MS));
        assert_eq!(heart.beat(start + 700 * MS), Beat::Ping, "late");
        assert_eq!(heart.beat(start + 899 * MS), Beat::Wait(start + 900 * MS));
        assert_eq!(heart.beat(start + 900 * MS), Beat::End);
    }

    #[test]
    fn the_client_of_version_3_may_be_silent_for_both_together() {
        let start = Instant::now();
        let mut heart = Heartbeat::new(Version::V3, &options(), start);
        assert_eq!(heart.beat(start + 499 * MS), Beat::Wait(start + 500 * MS));
        heart.heard(start + 499 * MS);
        assert_eq!(heart.beat(start + 998 * MS), Beat::Wait(start + 999 * MS));
        assert_eq!(heart.beat(start + 999 * MS), Beat::End);
    }
}
