//! Checksums that an operator's detector can ask for.

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

const TIMES: [[u8; 10]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
];
const PERMUTED: [[u8; 10]; 8] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
    [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
    [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
    [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
    [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
    [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
    [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
];

impl Checksum {
    /// Whether what is written satisfies it; two digits at least.
    pub(super) fn holds(self, written: &[u8]) -> bool {
        let digits = written.iter().filter(|byte| byte.is_ascii_digit()).count();
        digits >= 2
            && match self {
                Self::Luhn => luhn(written),
                Self::Mod97 => mod97(written),
                Self::Mod11 => mod11(written),
                Self::Verhoeff => verhoeff(written),
            }
    }
}

fn from_the_right(written: &[u8]) -> impl Iterator<Item = u32> {
    written.iter().rev().filter_map(|byte| char::from(*byte).to_digit(10))
}

fn luhn(written: &[u8]) -> bool {
    let sum: u32 = from_the_right(written)
        .enumerate()
        .map(|(at, digit)| match (at % 2, digit) {
            (0, _) => digit,
            (_, 0..5) => digit * 2,
            _ => digit * 2 - 9,
        })
        .sum();
    sum.is_multiple_of(10)
}

fn mod97(written: &[u8]) -> bool {
    let symbols = written.iter().filter_map(|byte| char::from(*byte).to_digit(36));
    symbols.fold(
        0,
        |rest, value| {
            if value < 10 { (rest * 10 + value) % 97 } else { (rest * 100 + value) % 97 }
        },
    ) == 1
}

fn mod11(written: &[u8]) -> bool {
    let (last, rest) = match written {
        [rest @ .., b'X' | b'x'] => (10, rest),
        [rest @ .., byte] => (char::from(*byte).to_digit(10).unwrap_or(11), rest),
        [] => return false,
    };
    let sum: u32 = from_the_right(rest).zip(2..).map(|(digit, weight)| (digit * weight) % 11).sum();
    (sum + last).is_multiple_of(11)
}

fn verhoeff(written: &[u8]) -> bool {
    let times = |a: u8, b: u8| TIMES.get(usize::from(a))?.get(usize::from(b)).copied();
    let check = from_the_right(written).zip((0..8).cycle()).try_fold(0, |check, (digit, row)| {
        let digit = PERMUTED.get::<usize>(row)?.get(usize::try_from(digit).ok()?)?;
        times(check, *digit)
    });
    check == Some(0)
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
