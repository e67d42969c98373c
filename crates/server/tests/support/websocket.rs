//! WebSocket frames by hand (RFC 6455 §5.2), so that what is on the wire is known to the byte.

use tokio::io::{AsyncRead, AsyncWrite};

use super::Client;

/// The key of RFC 6455 §1.3 and what it must be answered with.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// An upgrade request.
pub fn upgrade(target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-key: {KEY}\r\nsec-websocket-version: 13\r\n\r\n"
    )
}

/// A frame from a client, masked.
pub fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first_byte, payload.len() as u64, 0x80);
    let mask = [0x12, 0x34, 0x56, 0x78];
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// The header of a frame with a length as short as can be.
pub fn header(first_byte: u8, length: u64, mask_bit: u8) -> Vec<u8> {
    let mut header = vec![first_byte];
    match length {
        0..=125 => header.push(mask_bit | length as u8),
        126..=65_535 => {
            header.push(mask_bit | 126);
            header.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            header.push(mask_bit | 127);
            header.extend_from_slice(&length.to_be_bytes());
        }
    }
    header
}

/// A close frame from a client.
pub fn close(code: u16) -> Vec<u8> {
    frame(0x88, &code.to_be_bytes())
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Upgrades and returns the answer's head.
    pub async fn upgrade(&mut self, target: &str) -> String {
        self.send(upgrade(target)).await;
        let head = self.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        head
    }

    /// A frame from the server: its first byte and its payload.
    pub async fn frame(&mut self) -> (u8, Vec<u8>) {
        let start = self.take(2).await;
        assert_eq!(start[1] & 0x80, 0, "a server never masks");
        let length = match start[1] {
            126 => usize::from(u16::from_be_bytes(self.take(2).await.try_into().unwrap())),
            127 => u64::from_be_bytes(self.take(8).await.try_into().unwrap()) as usize,
            length => usize::from(length),
        };
        (start[0], self.take(length).await)
    }

    /// The code of the close frame that must come now, and then the end.
    pub async fn closed_with(&mut self) -> u16 {
        let (first_byte, payload) = self.frame().await;
        assert_eq!(first_byte, 0x88, "{payload:?}");
        assert!(self.rest().await.is_empty(), "nothing comes behind a close frame");
        u16::from_be_bytes(payload[..2].try_into().unwrap())
    }
}
