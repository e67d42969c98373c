//! The message that is measured: a payload of exactly P bytes whose first 32 say which message it is,
//! when it was due and when it was sent, and carry a checksum over the rest.
//!
//! It is printable ASCII without quotes, so that it costs the same number of payload bytes on every
//! transport: no JSON escaping, no base64, one data line in SSE. What a transport adds around it is
//! that transport's framing, and counted as such.
//!
//! | chars | field |
//! |---|---|
//! | 0..6 | CRC-32 of everything after it |
//! | 6..10 | stream (24 bits): which sender this sequence belongs to |
//! | 10..15 | sequence number within the stream (30 bits) |
//! | 15..25 | due time, ns of CLOCK_MONOTONIC (60 bits) |
//! | 25..32 | sent − due, ns (42 bits: 73 minutes, saturating) |
//! | 32.. | filler that depends on stream and sequence, letters from A to P |
//!
//! Fields have six bits a character, most significant first, in the URL-safe base64 alphabet of RFC 4648 §5.

use crate::rng::Rng;

/// Bytes that the fields take; the smallest payload.
pub const MIN_PAYLOAD_BYTES: usize = 32;

/// The largest payload that any transport here carries in one message.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// `DECODE[byte]` is the six-bit value, or 0xFF.
const DECODE: [u8; 256] = {
    let mut table = [0xFF; 256];
    let mut i = 0;
    while i < 64 {
        table[ALPHABET[i] as usize] = i as u8;
        i += 1;
    }
    table
};

/// What the first 32 bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// Which sender: 0 for a broadcast, the client's number for a stream of its own.
    pub stream: u32,
    /// Position in the stream, from 0.
    pub sequence: u32,
    /// When the plan wanted it sent, ns of CLOCK_MONOTONIC.
    pub due_ns: u64,
    /// When it was sent, ns of CLOCK_MONOTONIC.
    pub sent_ns: u64,
}

/// Why a payload was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Fewer bytes than the fields take.
    #[error("payload of {0} bytes is shorter than an envelope")]
    TooShort(usize),
    /// A byte outside the alphabet, or the checksum does not match.
    #[error("payload is corrupted")]
    Corrupted,
}

/// `ALPHABET[six]`, by arithmetic.
const fn character(six: u8) -> u8 {
    let letter = six + b'A';
    let letter = if six >= 26 { letter + (b'a' - b'Z' - 1) } else { letter };
    let digit = if six >= 52 { letter - 75 } else { letter };
    let dash = if six == 62 { b'-' } else { digit };
    if six == 63 { b'_' } else { dash }
}

/// Six bits a byte, not yet characters: eight bytes at a time.
fn put(out: &mut [u8], mut value: u64) {
    for part in out.rchunks_mut(8) {
        part.copy_from_slice(&spread(value).to_be_bytes()[8 - part.len()..]);
        value >>= 48;
    }
}

/// The lowest 48 bits, six to a byte: halves of halves of halves move apart.
const fn spread(value: u64) -> u64 {
    let halves = (value & 0xFFFF_FF00_0000) << 8 | (value & 0x0000_00FF_FFFF);
    let quarters = (halves & 0x00FF_F000_00FF_F000) << 4 | (halves & 0x0000_0FFF_0000_0FFF);
    (quarters & 0x0FC0_0FC0_0FC0_0FC0) << 2 | (quarters & 0x003F_003F_003F_003F)
}

/// Eight letters from A to P, of the lower half of each byte.
const fn letters(random: u64) -> [u8; 8] {
    ((random & 0x0F0F_0F0F_0F0F_0F0F) + u64::from_ne_bytes([b'A'; 8])).to_le_bytes()
}

/// Makes characters of the lowest six bits of each byte: one pass without a table, which the compiler turns into vector
/// instructions.
fn spell(out: &mut [u8]) {
    for slot in out {
        *slot = character(*slot & 63);
    }
}

fn get(text: &[u8]) -> Option<u64> {
    let (mut value, mut seen) = (0u64, 0);
    for &byte in text {
        let six = DECODE[byte as usize];
        seen |= six;
        value = value << 6 | u64::from(six);
    }
    // Asked once, behind the loop: what is not in the alphabet has more than six bits.
    (seen < 64).then_some(value)
}

impl Envelope {
    /// Writes the message into `out`, whose length is the payload size (at least
    /// [`MIN_PAYLOAD_BYTES`]; shorter is a caller's bug and panics).
    pub fn write(&self, out: &mut [u8]) {
        debug_assert!(self.stream < 1 << 24 && self.sequence < 1 << 30);
        put(&mut out[6..10], u64::from(self.stream));
        put(&mut out[10..15], u64::from(self.sequence));
        put(&mut out[15..25], self.due_ns);
        put(&mut out[25..32], self.sent_ns.saturating_sub(self.due_ns).min((1 << 42) - 1));
        // Filler that differs from message to message, so that neither a compressor nor a cache of
        // the last message can pass for a delivery.
        let mut filler = Rng::new(u64::from(self.sequence), u64::from(self.stream));
        // Sixteen characters from eight random bytes: one after another, this alone took as long as the system calls of an echo
        // of 4 KiB.
        let mut next = || {
            let random = filler.next_u64();
            [letters(random), letters(random >> 4)]
        };
        let (pairs, rest) = out[32..].as_chunks_mut::<16>();
        pairs.iter_mut().for_each(|pair| pair.copy_from_slice(next().as_flattened()));
        rest.copy_from_slice(&next().as_flattened()[..rest.len()]);
        // The place of the sum too, because the pass is fastest over what is a multiple of sixteen.
        spell(&mut out[..32]);
        let sum = crc32fast::hash(&out[6..]);
        put(&mut out[..6], u64::from(sum));
        spell(&mut out[..6]);
    }

    /// The message as a new vector of `payload_bytes`.
    pub fn to_vec(&self, payload_bytes: usize) -> Vec<u8> {
        let mut out = vec![0; payload_bytes.max(MIN_PAYLOAD_BYTES)];
        self.write(&mut out);
        out
    }

    /// Reads and verifies a payload, every byte of it.
    pub fn read(payload: &[u8]) -> Result<Envelope, EnvelopeError> {
        if payload.len() < MIN_PAYLOAD_BYTES {
            return Err(EnvelopeError::TooShort(payload.len()));
        }
        let field = |range: std::ops::Range<usize>| get(&payload[range]).ok_or(EnvelopeError::Corrupted);
        if field(0..6)? != u64::from(crc32fast::hash(&payload[6..])) {
            return Err(EnvelopeError::Corrupted);
        }
        let due_ns = field(15..25)?;
        Ok(Envelope { stream: field(6..10)? as u32, sequence: field(10..15)? as u32, due_ns, sent_ns: due_ns + field(25..32)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn arithmetic_agrees_with_the_alphabet() {
        assert!((0..64).all(|six| character(six) == ALPHABET[usize::from(six)]));
        assert_eq!(spread(0x0010_8310_5187 | 0xFFFF << 48), 0x0001_0203_0405_0607);
        assert_eq!(letters(0xFF00_1122_3344_5566), *b"GFEDCBAP");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(stream in 0u32..1 << 24, sequence in 0u32..1 << 30, due_ns in 0u64..1 << 59,
                                   lag in 0u64..1 << 42, size in MIN_PAYLOAD_BYTES..5000) {
            let envelope = Envelope { stream, sequence, due_ns, sent_ns: due_ns + lag };
            let payload = envelope.to_vec(size);
            prop_assert_eq!(payload.len(), size);
            prop_assert!(payload.iter().all(|b| b.is_ascii_graphic() && *b != b'"' && *b != b'\\'));
            prop_assert_eq!(Envelope::read(&payload), Ok(envelope));
        }

        #[test]
        fn any_changed_byte_is_seen(size in MIN_PAYLOAD_BYTES..300, at in any::<prop::sample::Index>(), change in 1u8..) {
            let mut payload = Envelope { stream: 3, sequence: 9, due_ns: 77, sent_ns: 78 }.to_vec(size);
            let at = at.index(size);
            payload[at] ^= change;
            prop_assert_eq!(Envelope::read(&payload), Err(EnvelopeError::Corrupted));
        }

        #[test]
        fn garbage_never_panics(garbage in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Envelope::read(&garbage);
        }
    }
}
