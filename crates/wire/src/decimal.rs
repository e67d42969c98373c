//! Unsigned decimal numbers as every text format here writes them: how long they are, how they are written.
//!
//! Reading is not here: each format has its own rule for what a number may look like.

use bytes::BufMut;

/// The longest decimal form of a `u64` (`u64::MAX` has 20 digits).
const MAX_DIGITS: usize = 20;

/// Number of decimal digits of `n`, without sign or leading zeros; 1 for 0.
pub(crate) const fn digits(n: u64) -> usize {
    match n.checked_ilog10() {
        Some(log) => log as usize + 1,
        None => 1,
    }
}

/// Appends `n` in decimal and returns how many bytes that took.
///
/// Written by hand because `write!` goes through the formatting machinery, which costs more than the digits themselves
/// on a path that runs once a delivery.
pub fn push(buf: &mut impl BufMut, mut n: u64) -> usize {
    let mut scratch = [b'0'; MAX_DIGITS];
    let length = digits(n);
    for slot in scratch[..length].iter_mut().rev() {
        // The remainder is below 10, so the narrowing loses nothing.
        *slot = b'0' + (n % 10) as u8;
        n /= 10;
    }
    buf.put_slice(&scratch[..length]);
    length
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use proptest::prelude::*;

    fn pushed(n: u64) -> String {
        let mut buf = BytesMut::new();
        let appended = push(&mut buf, n);
        assert_eq!(appended, buf.len());
        String::from_utf8(buf.to_vec()).expect("digits are ASCII")
    }

    #[test]
    fn borders_of_each_length() {
        for n in [0, 1, 9, 10, 99, 100, 999_999_999, 1_000_000_000, u64::MAX - 1, u64::MAX] {
            assert_eq!(pushed(n), n.to_string());
            assert_eq!(digits(n), n.to_string().len());
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_library(n: u64) {
            prop_assert_eq!(pushed(n), n.to_string());
            prop_assert_eq!(digits(n), n.to_string().len());
        }
    }
}
