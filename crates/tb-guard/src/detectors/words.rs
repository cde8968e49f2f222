//! Letters and digits that stand together, read as one code: `AB 12 34 56 C`, `12.345.678-K`.

use super::runs::{Run, at, before, is_in_row};

/// The longest code.
pub(super) const LONGEST: usize = 18;

/// A code as it stands in the text.
pub(super) struct Code<'c> {
    /// Its letters, upper case, and digits.
    pub(super) text: &'c [u8],
    pub(super) start: usize,
    pub(super) end: usize,
    /// Spaces stand inside it.
    pub(super) has_spaces: bool,
    /// A dash stands inside it.
    pub(super) has_dashes: bool,
}

/// Calls back for every code of 8 to 18 characters that begins with a run or a short word of
/// letters just before one.
pub(super) fn each(bytes: &[u8], runs: &[Run], mut found: impl FnMut(&Code<'_>)) {
    for (index, run) in runs.iter().enumerate() {
        if is_in_row(bytes, runs, index) {
            continue;
        }
        if begins(bytes, run.start) {
            collect(bytes, run.start, &mut found);
        }
        if let Some(start) = short_word_before(bytes, run.start) {
            collect(bytes, start, &mut found);
        }
    }
}

fn begins(bytes: &[u8], start: usize) -> bool {
    match before(bytes, start) {
        b'-' | b'.' => !before(bytes, start - 1).is_ascii_alphanumeric(),
        left => !left.is_ascii_alphanumeric(),
    }
}

/// The place of a word of one to four letters with one space or dash after it.
pub(super) fn short_word_before(bytes: &[u8], place: usize) -> Option<usize> {
    let end = place.checked_sub(1)?;
    if !matches!(at(bytes, end), b' ' | b'-') {
        return None;
    }
    let head = bytes.get(..end)?;
    let letters = head.iter().rev().take(5).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let start = end - letters;
    ((1..=4).contains(&letters) && begins(bytes, start)).then_some(start)
}

fn collect(bytes: &[u8], start: usize, found: &mut impl FnMut(&Code<'_>)) {
    let mut text = [0u8; LONGEST];
    let (mut length, mut has_spaces, mut has_dashes) = (0, false, false);
    for (place, byte) in bytes.iter().enumerate().skip(start) {
        let next = at(bytes, place + 1);
        if byte.is_ascii_alphanumeric() {
            let Some(room) = text.get_mut(length) else { return };
            *room = byte.to_ascii_uppercase();
            length += 1;
            if length >= 8 && !next.is_ascii_alphanumeric() {
                let text = text.get(..length).unwrap_or_default();
                found(&Code { text, start, end: place + 1, has_spaces, has_dashes });
            }
        } else {
            match byte {
                b' ' => has_spaces = true,
                b'-' => has_dashes = true,
                b'.' | b'/' => {}
                _ => return,
            }
            if !next.is_ascii_alphanumeric() {
                return;
            }
        }
    }
}

/// Whether a code has a form: `A` any letter, `9` any digit, `?` either.
pub(super) fn has_form(code: &[u8], form: &str) -> bool {
    code.len() == form.len()
        && code.iter().zip(form.bytes()).all(|(character, class)| match class {
            b'A' => character.is_ascii_uppercase(),
            b'9' => character.is_ascii_digit(),
            _ => character.is_ascii_alphanumeric(),
        })
}
