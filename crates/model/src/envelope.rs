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

/// Eight values of six bits, one in each byte, as characters: all at once, by sums that no byte carries over from. (The
/// intermediate ones may, but what is carried is taken back: the last sum is made of eight bytes below 128.)
const fn spell(sixes: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    /// 1 in each byte whose value is at least `least`.
    const fn at_least(least: u64, sixes: u64) -> u64 {
        (sixes + (128 - least) * ONES) >> 7 & ONES
    }
    let (lower, digit, dash, mark) = (at_least(26, sixes), at_least(52, sixes), at_least(62, sixes), at_least(63, sixes));
    let up = sixes + (b'A' as u64) * ONES + lower * (b'a' - b'Z' - 1) as u64 + mark * (b'_' - b'-' - 1) as u64;
    up.wrapping_sub(digit * (b'z' + 1 - b'0') as u64).wrapping_sub(dash * (b'9' + 1 - b'-') as u64)
}

/// The value of a character, 64 or more if it is none of the alphabet's.
const fn six(character: u8) -> u8 {
    let upper = character.wrapping_sub(b'A');
    let lower = character.wrapping_sub(b'a');
    let digit = character.wrapping_sub(b'0');
    let dash = if character == b'-' { 62 } else { 0xFF };
    let mark = if character == b'_' { 63 } else { dash };
    let figure = if digit < 10 { digit + 52 } else { mark };
    let letter = if lower < 26 { lower + 26 } else { figure };
    if upper < 26 { upper } else { letter }
}

/// The lowest 48 bits, six to a byte: halves of halves of halves move apart.
const fn spread(value: u64) -> u64 {
    let halves = (value & 0xFFFF_FF00_0000) << 8 | (value & 0x0000_00FF_FFFF);
    let quarters = (halves & 0x00FF_F000_00FF_F000) << 4 | (halves & 0x0000_0FFF_0000_0FFF);
    (quarters & 0x0FC0_0FC0_0FC0_0FC0) << 2 | (quarters & 0x003F_003F_003F_003F)
}

/// The same backwards: six bits of each byte, together.
const fn gather(bytes: u64) -> u64 {
    let quarters = (bytes & 0x3F00_3F00_3F00_3F00) >> 2 | (bytes & 0x003F_003F_003F_003F);
    let halves = (quarters & 0x0FFF_0000_0FFF_0000) >> 4 | (quarters & 0x0000_0FFF_0000_0FFF);
    (halves & 0x00FF_FFFF_0000_0000) >> 8 | (halves & 0x00FF_FFFF)
}

/// Eight letters from A to P, of the lower half of each byte.
const fn letters(random: u64) -> [u8; 8] {
    ((random & 0x0F0F_0F0F_0F0F_0F0F) + u64::from_ne_bytes([b'A'; 8])).to_le_bytes()
}

/// The lowest `N` bits.
const fn low<const N: u32>(value: u64) -> u64 {
    value & ((1 << N) - 1)
}

/// The fields as they lie in a message, in four words of 48 bits, eight characters each.
struct Fields([u64; 4]);

impl Fields {
    fn pack(sum: u32, envelope: &Envelope) -> Fields {
        let (stream, sequence, due_ns) = (u64::from(envelope.stream), u64::from(envelope.sequence), envelope.due_ns);
        let lag_ns = envelope.sent_ns.saturating_sub(due_ns).min(low::<42>(u64::MAX));
        Fields([
            u64::from(sum) << 12 | low::<24>(stream) >> 12,
            low::<12>(stream) << 36 | low::<30>(sequence) << 6 | low::<60>(due_ns) >> 54,
            low::<54>(due_ns) >> 6,
            low::<6>(due_ns) << 42 | lag_ns,
        ])
    }

    fn unpack(&self) -> (u64, Envelope) {
        let [a, b, c, d] = self.0;
        let due_ns = low::<6>(b) << 54 | c << 6 | d >> 42;
        let stream = (low::<12>(a) << 12 | b >> 36) as u32;
        (a >> 12, Envelope { stream, sequence: low::<30>(b >> 6) as u32, due_ns, sent_ns: due_ns + low::<42>(d) })
    }

    /// As characters.
    fn spell(&self) -> [u8; MIN_PAYLOAD_BYTES] {
        let mut text = [0; MIN_PAYLOAD_BYTES];
        for (out, &word) in text.as_chunks_mut::<8>().0.iter_mut().zip(&self.0) {
            *out = spell(spread(word)).to_be_bytes();
        }
        text
    }

    fn read(text: &[u8; MIN_PAYLOAD_BYTES]) -> Option<Fields> {
        let (mut words, mut seen) = ([0; 4], 0);
        for (word, &sixes) in words.iter_mut().zip(text.map(six).as_chunks::<8>().0) {
            let sixes = u64::from_be_bytes(sixes);
            seen |= sixes;
            *word = gather(sixes);
        }
        // What is not in the alphabet has more than six bits.
        (seen & u64::from_ne_bytes([0xC0; 8]) == 0).then_some(Fields(words))
    }
}

impl Envelope {
    /// Writes the message into `out`, whose length is the payload size (at least
    /// [`MIN_PAYLOAD_BYTES`]; shorter is a caller's bug and panics).
    pub fn write(&self, out: &mut [u8]) {
        debug_assert!(self.stream < 1 << 24 && self.sequence < 1 << 30);
        let (fields, filler_out) = out.split_at_mut(MIN_PAYLOAD_BYTES);
        fields.copy_from_slice(&Fields::pack(0, self).spell());
        // Filler that differs from message to message, so that neither a compressor nor a cache of
        // the last message can pass for a delivery.
        let mut filler = Rng::new(u64::from(self.sequence), u64::from(self.stream));
        // Sixteen characters from eight random bytes: one after another, this alone took as long as the system calls of an echo
        // of 4 KiB.
        let mut next = || {
            let random = filler.next_u64();
            [letters(random), letters(random >> 4)]
        };
        let (pairs, rest) = filler_out.as_chunks_mut::<16>();
        pairs.iter_mut().for_each(|pair| pair.copy_from_slice(next().as_flattened()));
        if !rest.is_empty() {
            rest.copy_from_slice(&next().as_flattened()[..rest.len()]);
        }
        let sum = u64::from(crc32fast::hash(&out[6..]));
        out[..6].copy_from_slice(&spell(spread(sum << 12)).to_be_bytes()[..6]);
    }

    /// The message as a new vector of `payload_bytes`.
    pub fn to_vec(&self, payload_bytes: usize) -> Vec<u8> {
        let mut out = vec![0; payload_bytes.max(MIN_PAYLOAD_BYTES)];
        self.write(&mut out);
        out
    }

    /// Reads and verifies a payload, every byte of it.
    pub fn read(payload: &[u8]) -> Result<Envelope, EnvelopeError> {
        let fields = payload.first_chunk().ok_or(EnvelopeError::TooShort(payload.len()))?;
        let (sum, envelope) = Fields::read(fields).ok_or(EnvelopeError::Corrupted)?.unpack();
        if sum == u64::from(crc32fast::hash(&payload[6..])) { Ok(envelope) } else { Err(EnvelopeError::Corrupted) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn arithmetic_agrees_with_the_alphabet() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for (number, values) in (0..).step_by(8).zip(alphabet.as_chunks::<8>().0) {
            let sixes = std::array::from_fn(|at| number + at as u8);
            assert_eq!(spell(u64::from_be_bytes(sixes)).to_be_bytes(), *values);
        }
        let value = |byte| alphabet.iter().position(|&at| at == byte).map_or(0xFF, |value| value as u8);
        assert!((0..=255).all(|byte| six(byte) == value(byte)));
        assert_eq!(spread(0x0010_8310_5187 | 0xFFFF << 48), 0x0001_0203_0405_0607);
        assert_eq!(gather(0x0001_0203_0405_0607 | 0xC0 << 8), 0x0010_8310_5187);
        assert_eq!(letters(0xFF00_1122_3344_5566), *b"GFEDCBAP");
    }

    #[test]
    fn looks_as_the_table_says() {
        // Spelled field by field, with zlib's checksum, by a script of another language.
        let (due_ns, lag_ns) = (0x0FED_CBA9_8765_4321, 0x2AB_CDEF_0123);
        let envelope = Envelope { stream: 0xAB_CDEF, sequence: 0x2ABC_DEF1, due_ns, sent_ns: due_ns + lag_ns };
        assert_eq!(envelope.to_vec(48), b"B4msJfq83vqvN7x_ty6mHZUMhqvN7wEjPKNLNPLCAOIOPLNO");
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
