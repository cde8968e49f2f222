//! Ages and dates of digits alone: the tagger sees their shape, not the list or the sum around.

use super::label::{AGE, DATE};
use super::span::Span;

/// How far a sentence is read for a cue of an age, in bytes.
const REACH: usize = 100;

/// Beginnings of words, or whole short ones, one of which stands in a sentence with an age. In
/// lower case.
const CUES: &[&str] = &[
    "age", "old", "year", "turn", "birth", "born", "was ", "is ", " am ", "i'm", "i’m", "retire",
    "y/o", "yo ", "jahr", "alt", "años", "anos", " ans", "anni", "jaar", "lat", "år", "лет",
];

/// Whether a span that is only a number may be what its label says; others are not looked at.
pub(super) fn is_fitting(text: &str, span: &Span) -> bool {
    let number = text.get(span.start..span.end).unwrap_or_default();
    if !matches!(span.label, AGE | DATE) || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return true;
    }
    let before = text.get(..span.start).unwrap_or_default();
    let after = text.get(span.end..).unwrap_or_default();
    if is_part_of_number(before, after) {
        return false;
    }
    if span.label == DATE {
        return !is_listed(before, after);
    }
    let is_age = number.parse::<u32>().is_ok_and(|years| (1..=120).contains(&years));
    is_age && has_cue(before, after)
}

/// `1` of `1,234` and `567` of `567.89`.
fn is_part_of_number(before: &str, after: &str) -> bool {
    let is_tied = |sign: Option<u8>, digit: Option<u8>| {
        matches!(sign, Some(b',' | b'.' | b'\'')) && digit.is_some_and(|d| d.is_ascii_digit())
    };
    let (mut back, mut on) = (before.bytes().rev(), after.bytes());
    is_tied(back.next(), back.next()) || is_tied(on.next(), on.next())
}

/// One of several numbers in brackets or between commas that are no years themselves.
fn is_listed(before: &str, after: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_digit();
    let before = before.trim_end();
    let last = before.strip_suffix(',').map(|rest| {
        let start = rest.trim_end_matches(is_digit).len();
        rest.get(start..).unwrap_or_default()
    });
    let next = after.strip_prefix(',').map(|rest| {
        let rest = rest.trim_start();
        let length = rest.len() - rest.trim_start_matches(is_digit).len();
        rest.get(..length).unwrap_or_default()
    });
    // Days of months stand before and after years, too.
    let is_other = |number: &str| {
        number.parse::<u32>().is_ok_and(|number| number > 31 && !(1800..2200).contains(&number))
    };
    let is_element = before.ends_with('[') && after.starts_with([',', ']'])
        || before.ends_with(',') && after.starts_with(']');
    is_element
        || last.is_some_and(is_other)
        || before.ends_with([',', '[']) && next.is_some_and(is_other)
}

/// Whether a word of the sentence says that it is about an age.
fn has_cue(before: &str, after: &str) -> bool {
    let from = crate::view::floor(before, before.len().saturating_sub(REACH));
    let to = crate::view::floor(after, after.len().min(REACH));
    let before = before.get(from..).unwrap_or_default();
    let after = after.get(..to).unwrap_or_default();
    let ends = ['.', '!', '?', '\n', ';'];
    let before = before.rsplit(ends).next().unwrap_or_default();
    let after = after.split(ends).next().unwrap_or_default();
    [before, after].iter().any(|side| {
        let side = format!(" {} ", side.to_lowercase());
        CUES.iter().any(|cue| side.contains(cue))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(label: usize, text: &str, number: &str) -> bool {
        let start = text.find(number).unwrap();
        is_fitting(text, &Span { label, start, end: start + number.len(), score: 1.0 })
    }

    #[test]
    fn a_number_of_a_list_or_a_sum_is_no_date() {
        for (text, number) in [
            ("The matrix is [[1024, 2048, 4096]]", "2048"),
            ("[2048, 1]", "2048"),
            ("sizes 512, 1024, 2048", "2048"),
            ("a sum of 2,048,100", "048"),
            ("1999.95 in all", "1999"),
        ] {
            assert!(!fits(DATE, text, number), "{text}");
        }
        for text in [
            "founded in 1999.",
            "in 1998, 1999 and 2001",
            "In 1999, 12 people came",
            "March 12, 1999",
        ] {
            assert!(fits(DATE, text, "1999"), "{text}");
        }
    }

    #[test]
    fn an_age_has_a_cue_in_its_sentence() {
        for text in ["He just turned 69 years", "My father is 69", "Alter: 69 Jahre"] {
            assert!(fits(AGE, text, "69"), "{text}");
        }
        for text in ["A sum of 69,100 is old.", "Take 69 of them.", "I am old. Row 69 of them"] {
            assert!(!fits(AGE, text, "69"), "{text}");
        }
        assert!(!fits(AGE, "he is 0 years old", "0"));
    }
}
