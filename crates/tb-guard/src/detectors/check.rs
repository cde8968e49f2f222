//! Check digits. Digits are values 0 to 9, not characters.

/// Luhn's check (ISO/IEC 7812-1, annex B): cards and many national numbers.
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let twice = u32::from(*digit) * 2;
            match place % 2 {
                0 => u32::from(*digit),
                _ => twice / 10 + twice % 10,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The sum of each digit times its weight; the shorter of both ends it.
pub(super) fn weighted(digits: &[u8], weights: &[u8]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * u32::from(*weight)).sum()
}

/// The digits as one number; at most 19 of them.
pub(super) fn value(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value, digit| value * 10 + u64::from(*digit))
}

/// The digit at a place as a number; 0 past the end.
pub(super) fn digit(digits: &[u8], place: usize) -> u32 {
    digits.get(place).copied().map_or(0, u32::from)
}

/// Some of the digits as one number; 0 past the end.
pub(super) fn part(digits: &[u8], from: usize, to: usize) -> u64 {
    digits.get(from..to).map_or(0, value)
}

/// Verhoeff's dihedral check (1969): Aadhaar.
pub(crate) fn verhoeff(digits: &[u8]) -> bool {
    const PERMUTATION: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let mut check = 0u8;
    for (place, digit) in digits.iter().rev().enumerate() {
        let mut moved = *digit;
        for _ in 0..place % 8 {
            moved = PERMUTATION.get(usize::from(moved)).copied().unwrap_or(0);
        }
        check = dihedral(check, moved);
    }
    check == 0
}

/// The product of two elements of the dihedral group of order 10.
const fn dihedral(a: u8, b: u8) -> u8 {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a - 5 + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    }
}

/// ISO/IEC 7064 MOD 11,10: the German tax number and the Croatian OIB.
pub(super) fn mod_11_10(digits: &[u8]) -> bool {
    let Some((last, head)) = digits.split_last() else { return false };
    let product = head.iter().fold(10, |product, digit| {
        let sum = (u32::from(*digit) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(*last)
}

/// The remainder by 97 of a text of letters and digits, letters as 10 to 35 (ISO 13616).
pub(crate) fn mod_97(characters: impl Iterator<Item = u8>) -> u32 {
    characters.fold(0, |remainder, character| match character {
        b'0'..=b'9' => (remainder * 10 + u32::from(character - b'0')) % 97,
        _ => (remainder * 100 + u32::from(character.to_ascii_uppercase().wrapping_sub(55))) % 97,
    })
}

/// EAN-13's check: weights 1 and 3 by turns, the last digit has weight 1.
pub(super) fn ean(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| u32::from(*digit) * if place % 2 == 0 { 1 } else { 3 })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether month and day may be a day of the calendar (29 February always).
pub(super) const fn is_day(month: u64, day: u64) -> bool {
    let longest = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    month >= 1 && month <= 12 && day >= 1 && day <= longest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect()
    }

    #[test]
    fn published_examples_pass_and_a_changed_digit_fails() {
        assert!(luhn(&digits("79927398713")) && !luhn(&digits("79927398714")));
        assert!(verhoeff(&digits("2363")) && !verhoeff(&digits("2364")));
        assert!(mod_11_10(&digits("86095742719")) && !mod_11_10(&digits("86095742718")));
        assert!(ean(&digits("4006381333931")) && !ean(&digits("4006381333932")));
        assert_eq!(mod_97(b"WEST12345698765432GB82".iter().copied()), 1);
    }

    #[test]
    fn verhoeff_sees_every_swap_of_neighbours() {
        let good = digits("2363");
        for place in 0..3 {
            let mut swapped = good.clone();
            swapped.swap(place, place + 1);
            assert!(swapped == good || !verhoeff(&swapped));
        }
    }

    #[test]
    fn knows_the_days_of_a_month() {
        assert!(is_day(2, 29) && !is_day(2, 30) && !is_day(13, 1) && !is_day(4, 31));
    }
}
