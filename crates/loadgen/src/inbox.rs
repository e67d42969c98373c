//! What a client has of the streams that it listens to. Which they are the workload says; what arrives is judged by the recorder.

use std::collections::HashMap;

use wirecost_model::StreamCheck;

/// The streams of one client.
#[derive(Debug)]
pub(crate) enum Inbox {
    /// One, as in most workloads: nothing to look up for each message.
    One(u32, StreamCheck),
    /// One for each sender in each of the client's rooms.
    Many(HashMap<u32, StreamCheck>),
}

impl Inbox {
    /// Of these streams, of which nothing has come yet.
    pub fn new(streams: &[u32]) -> Inbox {
        match streams {
            [one] => Inbox::One(*one, StreamCheck::default()),
            many => Inbox::Many(many.iter().map(|&stream| (stream, StreamCheck::default())).collect()),
        }
    }

    /// A stream's account; `None` if the client does not listen to it.
    pub fn check(&mut self, stream: u32) -> Option<&mut StreamCheck> {
        match self {
            Inbox::One(one, check) => (*one == stream).then_some(check),
            Inbox::Many(checks) => checks.get_mut(&stream),
        }
    }

    /// The account of the only stream, if there is only one.
    pub fn only(&self) -> Option<&StreamCheck> {
        match self {
            Inbox::One(_, check) => Some(check),
            Inbox::Many(_) => None,
        }
    }

    /// Every stream with its account.
    pub fn streams(&self) -> Vec<(u32, &StreamCheck)> {
        match self {
            Inbox::One(stream, check) => vec![(*stream, check)],
            Inbox::Many(checks) => checks.iter().map(|(&stream, check)| (stream, check)).collect(),
        }
    }
}
