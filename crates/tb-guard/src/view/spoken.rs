//! Numbers written as words. Best effort, English.

use super::map::Edits;
use super::runs::ByteClass;

/// The letters of the words for digits and what stands between them; a long run of these is
/// rare in other texts.
static DIGIT_WORDS: ByteClass = ByteClass::of(b"zerontwhfuivsxgZERONTWHFUIVSXG ,-./0123456789\n");

/// Four words of four letters and what stands between them.
const LEAST_RUN: usize = 18;
/// Fewer digits are no identifier.
const LEAST_DIGITS: usize = 7;
const LEAST_WORDS: usize = 4;

const WORDS: &[(&str, &str)] = &[
    ("zero", "0"),
    ("oh", "0"),
    ("o", "0"),
    ("nought", "0"),
    ("one", "1"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("niner", "9"),
    ("ten", "10"),
    ("eleven", "11"),
    ("twelve", "12"),
    ("thirteen", "13"),
    ("fourteen", "14"),
    ("fifteen", "15"),
    ("sixteen", "16"),
    ("seventeen", "17"),
    ("eighteen", "18"),
    ("nineteen", "19"),
    ("dash", "-"),
    ("hyphen", "-"),
    ("minus", "-"),
    ("dot", "."),
    ("point", "."),
    ("plus", "+"),
];

const TENS: &[&str] =
    &["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const TIMES: &[(&str, usize)] = &[("double", 2), ("triple", 3)];

/// A word with its place.
type Word<'t> = (usize, &'t str);

/// Spelled-out numbers as digits.
pub(super) fn digits(text: &str) -> Edits {
    let mut edits = Edits::default();
    let mut until = 0;
    for run in DIGIT_WORDS.runs(text.as_bytes(), LEAST_RUN) {
        let is_plain = || !says_digit(text.as_bytes().get(run.clone()).unwrap_or_default());
        if run.start < until || is_plain() {
            continue;
        }
        let Some(rest) = text.get(run.start..) else { continue };
        let mut sequence = Sequence::default();
        until = run.end;
        for (offset, word) in words(rest) {
            let at = run.start + offset;
            let is_far = sequence.end > 0 && at > sequence.end + 4;
            if is_far || !sequence.take(at, word) {
                sequence.finish(&mut edits);
                sequence = Sequence::default();
                if at >= run.end {
                    break;
                }
                sequence.take(at, word);
            }
            until = until.max(at + word.len());
        }
        sequence.finish(&mut edits);
    }
    edits
}

/// Whether one of the usual words for digits stands in a run; most runs are of other prose, and
/// this is soon seen.
fn says_digit(run: &[u8]) -> bool {
    /// The first two letters of `zero` to `nine`.
    const HEADS: &[[u8; 2]] =
        &[*b"ze", *b"on", *b"tw", *b"th", *b"fo", *b"fi", *b"si", *b"se", *b"ei", *b"ni"];
    let is_said = |word: &[u8]| {
        let head = [word.first(), word.get(1)].map(|byte| byte.map_or(0, u8::to_ascii_lowercase));
        (3..=5).contains(&word.len())
            && HEADS.contains(&head)
            && WORDS.iter().any(|(known, _)| known.as_bytes().eq_ignore_ascii_case(word))
    };
    run.split(|byte| !byte.is_ascii_alphabetic()).any(is_said)
}

/// The words of a text, letters and digits only.
fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let mut at = 0;
    text.split(|symbol: char| !symbol.is_ascii_alphanumeric()).filter_map(move |word| {
        let start = at;
        // The separator may be longer than a byte: the next word tells where it begins.
        at = start + word.len();
        let separator = text.get(at..).and_then(|rest| rest.chars().next());
        at += separator.map_or(0, char::len_utf8);
        (!word.is_empty()).then_some((start, word))
    })
}

#[derive(Default)]
struct Sequence {
    pieces: Vec<(usize, usize, String)>,
    times: Option<usize>,
    has_tens: bool,
    spelled: usize,
    end: usize,
}

impl Sequence {
    /// Whether the word is part of a number.
    fn take(&mut self, at: usize, word: &str) -> bool {
        let end = at + word.len();
        if word.bytes().all(|byte| byte.is_ascii_digit()) {
            self.pieces.push((at, end, word.to_owned()));
            self.end = end;
            return word.len() <= 4;
        }
        let first = word.bytes().next().map_or(0, |byte| byte.to_ascii_lowercase());
        let is = |known: &str| {
            known.as_bytes().first() == Some(&first) && word.eq_ignore_ascii_case(known)
        };
        if let Some((_, times)) = TIMES.iter().find(|(known, _)| is(known)) {
            self.times = Some(*times);
            self.pieces.push((at, end, String::new()));
        } else if let Some(tens) = TENS.iter().position(|known| is(known)) {
            self.pieces.push((at, end, format!("{}0", tens + 2)));
            self.spelled += 1;
            self.end = end;
            self.has_tens = true;
            return true;
        } else if let Some((_, digits)) = WORDS.iter().find(|(known, _)| is(known)) {
            let times = self.times.take().unwrap_or(1);
            // "forty two" is 42, not 402.
            let ends_tens = self.has_tens && digits.len() == 1 && *digits != "0";
            if let Some((_, _, tens)) = self.pieces.last_mut().filter(|_| ends_tens) {
                tens.truncate(1);
            }
            self.pieces.push((at, end, digits.repeat(times)));
            self.spelled += 1;
        } else {
            return false;
        }
        self.has_tens = false;
        self.end = end;
        true
    }

    fn finish(&self, edits: &mut Edits) {
        let digits: usize = self
            .pieces
            .iter()
            .map(|(_, _, digits)| digits.bytes().filter(u8::is_ascii_digit).count())
            .sum();
        if digits < LEAST_DIGITS || self.spelled < LEAST_WORDS {
            return;
        }
        let mut last_end = None;
        for (start, end, digits) in &self.pieces {
            if let Some(last_end) = last_end {
                edits.push(last_end..*start, "");
            }
            edits.push(*start..*end, digits);
            last_end = Some(*end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers() {
        let read = |text: &str| digits(text).whole(text).0;
        assert_eq!(
            read("SSN: one two zero three five three five seven five ok"),
            "SSN: 120353575 ok"
        );
        assert_eq!(read("Four five-SIX seven, double eight twenty one nine"), "456788219");
        assert_eq!(
            read("one of the two, three or four: five"),
            "one of the two, three or four: five"
        );
    }
}
