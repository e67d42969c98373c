//! The body of an answer in its three framings (RFC 9112 §6.3, §7.1), taken off the front of a buffer in slices, as it comes.

use bytes::{Buf, Bytes, BytesMut};

use super::MAX_HEAD_BYTES;
use super::head::Framing;
use crate::session::TransportError;

/// A chunk's size with its extensions; ours has neither extensions nor more than nine digits.
const MAX_SIZE_LINE_BYTES: usize = 4 << 10;

/// What is left of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes.
    Length(usize),
    /// Chunks, the next of which begins with its size.
    ChunkSize,
    /// The rest of a chunk, and then chunks.
    ChunkData(u64),
    /// The end of the line after a chunk's data.
    ChunkEnd,
    /// Trailer lines, of which so many bytes have been seen, and the empty line.
    Trailers(usize),
    /// Whatever comes until the connection ends.
    UntilClose,
    /// Nothing.
    Done,
}

fn malformed(what: &str) -> TransportError {
    TransportError::Malformed(what.to_string())
}

impl From<Framing> for Body {
    fn from(framing: Framing) -> Body {
        match framing {
            Framing::Length(0) => Body::Done,
            Framing::Length(bytes) => Body::Length(bytes),
            Framing::Chunked => Body::ChunkSize,
            Framing::UntilClose => Body::UntilClose,
        }
    }
}

impl Body {
    /// The next piece of the body, never empty; `None` if more must arrive, or if the body is done.
    pub fn piece(&mut self, input: &mut BytesMut) -> Result<Option<Bytes>, TransportError> {
        loop {
            match *self {
                Body::Done => return Ok(None),
                _ if input.is_empty() => return Ok(None),
                Body::UntilClose => return Ok(Some(input.split().freeze())),
                Body::Length(left) => {
                    let piece = input.split_to(left.min(input.len())).freeze();
                    *self = Framing::Length(left - piece.len()).into();
                    return Ok(Some(piece));
                }
                Body::ChunkSize => {
                    let Some(line) = line_bytes(input, MAX_SIZE_LINE_BYTES)? else { return Ok(None) };
                    let size = chunk_size(&input[..line]).ok_or_else(|| malformed("a chunk size that is no number"))?;
                    input.advance(line + 2);
                    *self = if size == 0 { Body::Trailers(0) } else { Body::ChunkData(size) };
                }
                Body::ChunkData(left) => {
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                    let left = left - take as u64;
                    *self = if left == 0 { Body::ChunkEnd } else { Body::ChunkData(left) };
                    return Ok(Some(input.split_to(take).freeze()));
                }
                Body::ChunkEnd => {
                    match input.first_chunk() {
                        Some(b"\r\n") => input.advance(2),
                        Some(_) => return Err(malformed("a chunk longer than its size")),
                        None => return Ok(None),
                    }
                    *self = Body::ChunkSize;
                }
                Body::Trailers(seen) => {
                    let Some(line) = line_bytes(input, MAX_HEAD_BYTES - seen)? else { return Ok(None) };
                    input.advance(line + 2);
                    *self = if line == 0 { Body::Done } else { Body::Trailers((seen + line + 2).min(MAX_HEAD_BYTES)) };
                }
            }
        }
    }

    /// How many bytes are known to come.
    pub fn wanted_bytes(&self) -> usize {
        match *self {
            Body::Length(left) => left,
            Body::ChunkData(left) => usize::try_from(left).unwrap_or(usize::MAX),
            _ => 0,
        }
    }

    /// The connection has ended; an error if the body had not.
    pub fn end(&mut self) -> Result<(), TransportError> {
        match self {
            Body::Done | Body::UntilClose => {
                *self = Body::Done;
                Ok(())
            }
            _ => Err(malformed("the connection ended before the answer did")),
        }
    }
}

/// Bytes of the line that `input` begins with, without its CRLF; `None` if its end is not here.
fn line_bytes(input: &[u8], max_bytes: usize) -> Result<Option<usize>, TransportError> {
    match input.iter().take(max_bytes).position(|&byte| byte == b'\n') {
        Some(at) if at > 0 && input[at - 1] == b'\r' => Ok(Some(at - 1)),
        Some(_) => Err(malformed("a line of a chunked body that does not end in CRLF")),
        None if input.len() >= max_bytes => Err(malformed("a line of a chunked body that does not end")),
        None => Ok(None),
    }
}

/// The size of a chunk; extensions are skipped.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|&byte| byte == b';').next()?.trim_ascii_end();
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0u64, |size, &byte| Some(size << 4 | u64::from(char::from(byte).to_digit(16)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Decodes `wire` as it would arrive in parts that end at `cuts`; what came, and whether the body was done.
    fn decode(framing: Framing, wire: &[u8], cuts: &[usize]) -> Result<(Vec<u8>, Body, usize), TransportError> {
        let (mut body, mut input, mut out, mut from) = (Body::from(framing), BytesMut::new(), Vec::new(), 0);
        for &to in cuts.iter().chain([&wire.len()]) {
            input.extend_from_slice(&wire[from..to]);
            from = to;
            while let Some(piece) = body.piece(&mut input)? {
                assert!(!piece.is_empty());
                out.extend_from_slice(&piece);
            }
        }
        Ok((out, body, input.len()))
    }

    #[test]
    fn chunks_cut_at_every_byte() {
        let wire = b"5;name=\"v\"\r\nhello\r\n00A \r\n, chunked \r\n6\r\nworld!\r\n0\r\nx: y\r\nz: \r\n\r\nNEXT";
        for cut in 0..wire.len() {
            let decoded = decode(Framing::Chunked, wire, &[cut]).expect("well-formed");
            assert_eq!(decoded, (b"hello, chunked world!".to_vec(), Body::Done, 4), "cut at {cut}");
        }
        for end in 0..wire.len() - 4 {
            let (_, mut body, _) = decode(Framing::Chunked, &wire[..end], &[]).expect("well-formed so far");
            assert!(body != Body::Done && body.end().is_err(), "ended at {end}");
        }
    }

    #[test]
    fn what_is_refused() {
        let long = format!("5;{}", "x".repeat(MAX_SIZE_LINE_BYTES));
        let trailers = format!("0\r\n{}", "a: b\r\n".repeat(MAX_HEAD_BYTES / 6 + 1));
        for wire in [
            "\r\n",
            "x\r\n",
            "-1\r\nx",
            " 5\r\nhello",
            "11112222333344445\r\n",
            "5\nhello",
            "2\r\nhello\r\n",
            &long,
            &trailers,
            "0\r\na\n\n",
        ] {
            assert!(decode(Framing::Chunked, wire.as_bytes(), &[]).is_err(), "{:?}", &wire[..wire.len().min(20)]);
        }
    }

    #[test]
    fn the_other_framings() {
        assert_eq!(decode(Framing::Length(0), b"NEXT", &[]).unwrap(), (Vec::new(), Body::Done, 4));
        assert_eq!(decode(Framing::Length(3), b"abcNEXT", &[1, 2]).unwrap(), (b"abc".to_vec(), Body::Done, 4));
        let (out, mut body, left) = decode(Framing::UntilClose, b"abc", &[1]).unwrap();
        assert_eq!((out.as_slice(), body, left), (&b"abc"[..], Body::UntilClose, 0));
        body.end().unwrap();
        assert_eq!(body, Body::Done);
        assert!(Body::Length(1).end().is_err());
    }

    proptest! {
        #[test]
        fn chunks_however_they_are_cut(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..8),
            mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            let mut cuts: Vec<usize> = cuts.drain(..).map(|cut| cut.index(wire.len())).collect();
            cuts.sort_unstable();
            prop_assert_eq!(decode(Framing::Chunked, &wire, &cuts).unwrap(), (chunks.concat(), Body::Done, 0));
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(prop::sample::select(&b"0123fF;\r\n ax"[..]), 0..80)) {
            let _ = decode(Framing::Chunked, &bytes, &[]);
        }
    }
}
