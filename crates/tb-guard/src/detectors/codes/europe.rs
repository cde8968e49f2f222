//! European codes with letters.

use super::super::check::is_day;
use super::super::words::{Code, has_form};

/// The digits of a text as one number, other characters left out.
pub(super) fn digits_of(text: &[u8]) -> u64 {
    text.iter()
        .filter(|byte| byte.is_ascii_digit())
        .fold(0, |value, byte| value * 10 + u64::from(byte - b'0'))
}

fn part(text: &[u8], from: usize, to: usize) -> u64 {
    text.get(from..to).map_or(0, digits_of)
}

/// The character of an alphabet at a remainder.
fn letter(alphabet: &str, remainder: u64) -> Option<u8> {
    usize::try_from(remainder).ok().and_then(|place| alphabet.as_bytes().get(place).copied())
}

/// National Insurance number: letters that HMRC does not use are refused.
pub(super) fn uk_nino(code: &Code<'_>) -> bool {
    has_form(code.text, "AA999999A")
        && matches!(code.text.last(), Some(b'A'..=b'D'))
        && is_nino_prefix(code.text)
}

/// The same without the last letter, as some write it.
pub(super) fn uk_nino_without_suffix(code: &Code<'_>) -> bool {
    has_form(code.text, "AA999999") && is_nino_prefix(code.text)
}

fn is_nino_prefix(text: &[u8]) -> bool {
    let prefix = text.get(..2).unwrap_or_default();
    prefix.iter().all(|letter| !b"DFIQUV".contains(letter))
        && prefix.get(1) != Some(&b'O')
        && !matches!(prefix, b"BG" | b"GB" | b"NK" | b"KN" | b"TN" | b"NT" | b"ZZ")
}

const NIF_LETTERS: &str = "TRWAGMYFPDXBNJZSQVHLCKE";

pub(super) fn es_nif(code: &Code<'_>) -> bool {
    has_form(code.text, "99999999A")
        && letter(NIF_LETTERS, digits_of(code.text) % 23).as_ref() == code.text.last()
}

/// Foreigners: X, Y or Z stands for 0, 1 or 2.
pub(super) fn es_nie(code: &Code<'_>) -> bool {
    let Some(first @ b'X'..=b'Z') = code.text.first() else { return false };
    let value = u64::from(first - b'X') * 10_000_000 + digits_of(code.text);
    has_form(code.text, "A9999999A") && letter(NIF_LETTERS, value % 23).as_ref() == code.text.last()
}

/// Italy: digits may be replaced by letters where two people share a code (`omocodia`).
pub(super) fn it_fiscal_code(code: &Code<'_>) -> bool {
    const ODD: [u64; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    if !has_form(code.text, "AAAAAA??A??A???A") {
        return false;
    }
    let digit_places = [6, 7, 9, 10, 12, 13, 14];
    let is_digit = |place: &usize| {
        code.text
            .get(*place)
            .is_some_and(|byte| byte.is_ascii_digit() || b"LMNPQRSTUV".contains(byte))
    };
    let is_month = code.text.get(8).is_some_and(|byte| b"ABCDEHLMPRST".contains(byte));
    let sum: u64 = code
        .text
        .iter()
        .take(15)
        .enumerate()
        .map(|(place, byte)| {
            let value = if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' };
            match place % 2 {
                0 => ODD.get(usize::from(value)).copied().unwrap_or(0),
                _ => u64::from(value),
            }
        })
        .sum();
    digit_places.iter().all(is_digit)
        && is_month
        && letter("ABCDEFGHIJKLMNOPQRSTUVWXYZ", sum % 26).as_ref() == code.text.last()
}

/// Finland: birth date, a sign of the century, and a letter modulo 31.
pub(super) fn fi_hetu(code: &Code<'_>) -> bool {
    let is_form = match code.text.len() {
        10 => has_form(code.text, "999999999?") && code.has_dashes,
        _ => {
            has_form(code.text, "999999A999?")
                && code.text.get(6).is_some_and(|c| b"ABCDEFUVWXY".contains(c))
        }
    };
    let Some((last, head)) = code.text.split_last() else { return false };
    is_form
        && is_day(part(head, 2, 4), part(head, 0, 2))
        && letter("0123456789ABCDEFHJKLMNPRSTUVWXY", digits_of(head) % 31) == Some(*last)
}

/// France: born in Corsica (departments 2A and 2B count 19 and 18).
pub(super) fn fr_nir_of_corsica(code: &Code<'_>) -> bool {
    let department = match code.text.get(5..7) {
        Some(b"2A") => 19,
        Some(b"2B") => 18,
        _ => return false,
    };
    let head = (part(code.text, 0, 5) * 100 + department) * 1_000_000 + part(code.text, 7, 13);
    has_form(code.text, "999999A99999999")
        && matches!(code.text.first(), Some(b'1' | b'2'))
        && 97 - head % 97 == part(code.text, 13, 15)
}

/// Ireland: weights 8 to 2, a second letter weighs 9, modulo 23 (W is 0).
pub(super) fn ie_pps(code: &Code<'_>) -> bool {
    if !has_form(code.text, "9999999A") && !has_form(code.text, "9999999AA") {
        return false;
    }
    let sum: u64 =
        code.text.iter().take(7).zip((2..=8u64).rev()).map(|(d, w)| u64::from(d - b'0') * w).sum();
    let second = code.text.get(8).map_or(0, |byte| u64::from(byte - b'A' + 1) % 23);
    letter("WABCDEFGHIJKLMNOPQRSTUV", (sum + second * 9) % 23).as_ref() == code.text.get(7)
}

/// British driving licence: name, decade, month (women + 50), day, year, initials.
pub(super) fn uk_driving_licence(code: &Code<'_>) -> bool {
    let text = code.text;
    let month = part(text, 6, 8);
    has_form(text, "?????999999??9AA")
        && text.first().is_some_and(u8::is_ascii_uppercase)
        && text
            .iter()
            .take(5)
            .skip_while(|byte| byte.is_ascii_uppercase())
            .all(|byte| *byte == b'9')
        && is_day(if month > 50 { month - 50 } else { month }, part(text, 8, 10))
        && text.iter().skip(11).take(2).all(|byte| byte.is_ascii_uppercase() || *byte == b'9')
}
