//! Checksums inside tokens.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// How the last characters of a token follow from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checksum {
    /// None that is documented.
    None,
    /// The last six are the CRC32 of the body before them in base62 (the code host's and the
    /// package registry's tokens since 2021).
    OfBody,
    /// The last six are the CRC32 of everything before them in base62 (ours).
    OfAll,
}

impl Checksum {
    /// Whether the checksum of a token fits; `None` without one.
    pub(crate) fn fits(self, prefix: usize, token: &[u8]) -> Option<bool> {
        let (covered, check) = token.split_at_checked(token.len().checked_sub(6)?)?;
        let covered = match self {
            Self::None => return None,
            Self::OfBody => covered.get(prefix..)?,
            Self::OfAll => covered,
        };
        Some(base62(crc32(covered)).as_slice() == check)
    }
}

/// CRC-32 (IEEE 802.3), bit by bit: tokens are short and rare.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let carry = if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
            crc >> 1 ^ carry
        })
    })
}

/// Six base62 digits, the highest first.
pub(crate) fn base62(number: u32) -> [u8; 6] {
    let mut rest = number;
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        let index = usize::try_from(rest % 62).unwrap_or_default();
        *digit = DIGITS.get(index).copied().unwrap_or(b'0');
        rest /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computes_the_check_value_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(&base62(61), b"00000z");
    }
}
