//! Checksums that an operator's detector can ask for.

use crate::detectors::check;

/// A checksum over the digits of a match; other characters between them are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// ISO/IEC 7812-1 annex B, as on cards.
    Luhn,
    /// ISO 7064 MOD 97-10: digits and letters (A = 10 …), the whole modulo 97 is 1.
    Mod97,
    /// Weights from 2 upwards beginning at the right but one, modulo 11; the check digit may be X.
    Mod11,
    /// Verhoeff's dihedral checksum (1969).
    Verhoeff,
}

impl Checksum {
    /// Whether what is written satisfies it; two digits at least.
    pub(super) fn holds(self, written: &[u8]) -> bool {
        let digits: Vec<u8> =
            written.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0').collect();
        digits.len() >= 2
            && match self {
                Self::Luhn => check::luhn(&digits),
                Self::Mod97 => {
                    check::mod_97(written.iter().copied().filter(u8::is_ascii_alphanumeric)) == 1
                }
                Self::Mod11 => mod_11(&digits, matches!(written, [.., b'X' | b'x'])),
                Self::Verhoeff => check::verhoeff(&digits),
            }
    }
}

/// The check digit is the last one, or an X (10) behind all digits.
fn mod_11(digits: &[u8], has_x: bool) -> bool {
    let (last, rest) = match digits.split_last() {
        _ if has_x => (10, digits),
        Some((last, rest)) => (u32::from(*last), rest),
        None => return false,
    };
    let sum: u32 =
        rest.iter().rev().zip(2..).map(|(digit, weight)| u32::from(*digit) * weight % 11).sum();
    (sum + last).is_multiple_of(11)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_for_the_examples_of_the_standards_only() {
        assert!(Checksum::Luhn.holds(b"7992-7398-713"));
        assert!(!Checksum::Luhn.holds(b"79927398710"));
        assert!(Checksum::Mod97.holds(b"3214282912345698765432161182"));
        assert!(!Checksum::Mod97.holds(b"3214282912345698765432161183"));
        assert!(Checksum::Mod11.holds(b"0-306-40615-2"));
        assert!(Checksum::Mod11.holds(b"0-8044-2957-X"));
        assert!(!Checksum::Mod11.holds(b"0-306-40615-3"));
        assert!(Checksum::Verhoeff.holds(b"2363"));
        assert!(!Checksum::Verhoeff.holds(b"2364"));
    }
}
