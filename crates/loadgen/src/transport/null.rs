//! The null protocol: length and payload on a bare TCP connection. Not a transport that anyone is compared with, but the least
//! that can be sent through the same runtime, client loop and recorder, so that what remains is their own cost.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wirecost_model::envelope::MAX_PAYLOAD_BYTES;

use crate::client::{Connect, Context};
use crate::session::{Delivery, Session, TransportError};
use crate::stack::connection::{Connection, open};

/// Bytes of a length.
const LENGTH_BYTES: usize = 4;

/// A client with one bare connection.
pub(crate) struct Null {
    connection: Connection,
    received: BytesMut,
}

impl Null {
    /// The next whole message of what was received.
    fn pop(&mut self) -> Result<Option<Bytes>, TransportError> {
        let Some(length) = self.received.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if length > MAX_PAYLOAD_BYTES {
            return Err(TransportError::Malformed(format!("a message of {length} bytes")));
        }
        if self.received.len() < LENGTH_BYTES + length {
            return Ok(None);
        }
        self.received.advance(LENGTH_BYTES);
        Ok(Some(self.received.split_to(length).freeze()))
    }
}

impl Connect for Null {
    const ECHO_IN_ORDER: bool = true;

    async fn connect(context: &Context) -> Result<Self, TransportError> {
        let mut stages = Vec::new();
        let connection = open(&context.target, None, context.socket_meter.clone(), &mut stages).await?;
        context.stages(stages);
        Ok(Null { connection, received: BytesMut::with_capacity(16 << 10) })
    }

    fn confirms(&self) -> bool {
        false
    }

    fn cursor(&self) -> Option<u64> {
        None
    }
}

impl Session for Null {
    async fn send(&mut self, message: &[u8]) -> Result<(), TransportError> {
        let mut framed = BytesMut::with_capacity(LENGTH_BYTES + message.len());
        framed.put_u32(message.len() as u32);
        framed.put_slice(message);
        self.connection.write_all(&framed).await?;
        Ok(())
    }

    async fn next(&mut self) -> Result<Delivery<'_>, TransportError> {
        loop {
            if let Some(message) = self.pop()? {
                return Ok(Delivery::shared(message));
            }
            // Cancelled before it returns, it has read nothing.
            if self.connection.read_buf(&mut self.received).await? == 0 {
                return Err(TransportError::Ended);
            }
        }
    }

    async fn close(mut self) {
        let _ = self.connection.shutdown().await;
    }
}
