//! What has arrived on a connection and was not taken yet: one buffer, read into directly and handed out in
//! slices without a copy. Once the slices are gone its memory is used again.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Room of a quiet connection's buffer: the answers and messages of most scenarios, several times over. It is the most of what
/// an idle client takes, and there may be 10,000.
const QUIET_ROOM_BYTES: usize = 3 << 9;

/// Room of a busy one's: a read that fills its room doubles it, up to here.
const BUSY_ROOM_BYTES: usize = 16 << 10;

/// Less room than this is not worth a system call.
const LEAST_ROOM_BYTES: usize = 1 << 10;

/// Most room that is made at once, whatever a peer announces: memory follows what has really come.
const MOST_ROOM_BYTES: usize = 1 << 20;

/// A connection's input.
#[derive(Debug)]
pub(super) struct Input {
    /// What has arrived; its owner takes complete units off the front.
    pub buffer: BytesMut,
    /// How many bytes the next read should have room for, if that is known to be many.
    pub wanted_bytes: usize,
    /// Room that reads are given.
    usual_bytes: usize,
}

impl Input {
    /// Nothing yet.
    pub fn new() -> Input {
        let usual_bytes = QUIET_ROOM_BYTES;
        Input { buffer: BytesMut::with_capacity(usual_bytes), wanted_bytes: 0, usual_bytes }
    }

    /// Reads what there is; 0 is the end of the connection.
    pub fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> Poll<std::io::Result<usize>> {
        let room = self.buffer.capacity() - self.buffer.len();
        let wanted = self.wanted_bytes.min(MOST_ROOM_BYTES);
        let usual = self.usual_bytes.max(wanted);
        // Memory whose slices are gone is taken back at every read, so that a message seldom straddles its end; new
        // memory is asked for only when there is no other way.
        if room < usual && !self.buffer.try_reclaim(usual) && room < LEAST_ROOM_BYTES.max(wanted) {
            self.buffer.reserve(usual);
        }
        // A future of its own for each attempt: it keeps nothing between them.
        let read_bytes = ready!(pin!(stream.read_buf(&mut self.buffer)).poll(context))?;
        self.wanted_bytes = 0;
        if self.buffer.len() == self.buffer.capacity() {
            self.usual_bytes = BUSY_ROOM_BYTES.min(2 * self.usual_bytes);
        }
        Poll::Ready(Ok(read_bytes))
    }

    /// The same, waited for. Safe to cancel.
    pub async fn fill(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<usize> {
        poll_fn(|context| self.poll_fill(context, stream)).await
    }
}
