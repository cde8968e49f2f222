//! Codes with letters of Asia and Latin America.

use super::super::check::{is_day, weighted};
use super::super::national::{cn_remainder, is_cn_form};
use super::super::words::{Code, LONGEST, has_form};
use super::europe::digits_of;

/// The values of the digits of a text; letters count 0.
fn values(text: &[u8]) -> [u8; LONGEST] {
    let mut values = [0; LONGEST];
    for (value, byte) in values.iter_mut().zip(text) {
        *value = if byte.is_ascii_digit() { byte - b'0' } else { 0 };
    }
    values
}

/// Singapore: S and T citizens, F, G and M foreigners; weights 2, 7 to 2, modulo 11.
pub(super) fn sg_nric(code: &Code<'_>) -> bool {
    if !has_form(code.text, "A9999999A") {
        return false;
    }
    let (letters, offset): (&[u8], u32) = match code.text.first() {
        Some(b'S') => (b"JZIHGFEDCBA", 0),
        Some(b'T') => (b"JZIHGFEDCBA", 4),
        Some(b'F') => (b"XWUTRQPNMLK", 0),
        Some(b'G') => (b"XWUTRQPNMLK", 4),
        Some(b'M') => (b"XWUTRQPNJLK", 3),
        _ => return false,
    };
    let sum = weighted(&values(code.text), &[0, 2, 7, 6, 5, 4, 3, 2]) + offset;
    usize::try_from(sum % 11).ok().and_then(|place| letters.get(place)) == code.text.last()
}

/// India's tax number: the fourth letter tells the kind of holder; its check letter is not public.
pub(super) fn in_pan(code: &Code<'_>) -> bool {
    has_form(code.text, "AAAAA9999A")
        && code.text.get(3).is_some_and(|kind| b"ABCFGHJLPT".contains(kind))
}

/// China: numbers whose check character is X (10).
pub(super) fn cn_resident_id(code: &Code<'_>) -> bool {
    let mut values = values(code.text);
    if let Some(last) = values.last_mut() {
        *last = 10;
    }
    has_form(code.text, "99999999999999999A")
        && code.text.last() == Some(&b'X')
        && is_cn_form(&values)
        && cn_remainder(&values) == 1
}

/// Taiwan: the letter of the region counts as two digits.
pub(super) fn tw_id(code: &Code<'_>) -> bool {
    const REGIONS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
    let region = REGIONS.iter().position(|letter| Some(letter) == code.text.first());
    let Some(region) = region.and_then(|place| u32::try_from(place + 10).ok()) else {
        return false;
    };
    let digits = weighted(&values(code.text), &[0, 8, 7, 6, 5, 4, 3, 2, 1, 1]);
    has_form(code.text, "A999999999")
        && matches!(code.text.get(1), Some(b'1' | b'2' | b'8' | b'9'))
        && (region / 10 + region % 10 * 9 + digits).is_multiple_of(10)
}

/// Mexico: letters of the name, birth date, sex, state, consonants, and a check digit.
pub(super) fn mx_curp(code: &Code<'_>) -> bool {
    if !has_form(code.text, "AAAA999999AAAAAA?9") && !has_form(code.text, "AAAA999999AAAAAAA9") {
        return false;
    }
    let sum: u32 = code
        .text
        .iter()
        .take(17)
        .zip((2..=18u32).rev())
        .map(|(byte, weight)| curp_value(*byte) * weight)
        .sum();
    let date = code.text.get(6..10).map_or(0, digits_of);
    matches!(code.text.get(10), Some(b'H' | b'M' | b'X'))
        && is_day(date / 100, date % 100)
        && code.text.last().is_some_and(|byte| (10 - sum % 10) % 10 == u32::from(byte - b'0'))
}

/// The value of a character: Ñ stands between N and O.
fn curp_value(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'N' => u32::from(byte - b'A') + 10,
        _ => u32::from(byte.wrapping_sub(b'A')) + 11,
    }
}

/// Chile: numbers whose check character is K (10).
pub(super) fn cl_rut(code: &Code<'_>) -> bool {
    let Some((b'K', head)) = code.text.split_last() else { return false };
    let sum: u32 = head
        .iter()
        .rev()
        .zip([2, 3, 4, 5, 6, 7].iter().cycle())
        .map(|(byte, weight)| u32::from(byte.wrapping_sub(b'0')) * weight)
        .sum();
    matches!(head.len(), 7 | 8) && head.iter().all(u8::is_ascii_digit) && 11 - sum % 11 == 10
}
