//! Canonical composition, one kind of line end, and no piles of marks: for texts that become a part
//! of another text.

use std::borrow::Cow;

use unicode_normalization::char::is_combining_mark;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Marks after one character beyond this number are dropped. Languages need five at most.
const MOST_MARKS: usize = 8;

/// The text in NFC, with `\n` for every line end and at most eight marks on a character.
#[must_use]
pub fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && !text.contains('\r') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    let mut push = |symbol: char| {
        marks = if is_combining_mark(symbol) { marks + 1 } else { 0 };
        if marks > MOST_MARKS {
            return;
        }
        match symbol {
            '\u{2028}' | '\u{2029}' | '\r' => out.push('\n'),
            other => out.push(other),
        }
    };
    let lines = text.split("\r\n");
    for (place, line) in lines.enumerate() {
        if place > 0 {
            push('\n');
        }
        match is_nfc_quick(line.chars()) {
            IsNormalized::Yes => line.chars().for_each(&mut push),
            IsNormalized::No | IsNormalized::Maybe => line.nfc().for_each(&mut push),
        }
    }
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composes_and_ends_lines_alike() {
        assert_eq!(composed("e\u{301}\r\nb\rc\u{2028}d"), "\u{e9}\nb\nc\nd");
        assert!(matches!(composed("plain\ntext"), Cow::Borrowed(_)));
        assert!(matches!(composed("größer 日本語"), Cow::Borrowed(_)));
        assert_eq!(composed("ﬁ ²"), "ﬁ ²", "compatibility forms are other characters");
    }

    #[test]
    fn piles_of_marks_are_cut_and_words_are_not() {
        let pile = format!("q{}x", "\u{323}".repeat(100));
        assert_eq!(composed(&pile).chars().count(), 10);
        let hebrew = "בְּרֵאשִׁ֖ית";
        let once = composed(hebrew).into_owned();
        assert_eq!(composed(&once), once);
        assert_eq!(once.chars().filter(|c| !is_combining_mark(*c)).count(), 6);
    }
}
