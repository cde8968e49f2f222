//! Words that hold a digit: the one pass over the text that feeds most detectors.

/// A maximal run of ASCII letters and digits with at least one digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: usize,
    pub(super) end: usize,
    /// No letter in it.
    pub(super) is_number: bool,
}

impl Run {
    /// Its length in bytes.
    pub(super) const fn len(&self) -> usize {
        self.end - self.start
    }
}

/// What stands between two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// One byte: `-`, `.`, `/` and the like.
    Mark(u8),
    /// One or two spaces.
    Space,
    /// Two or three of space, dash and dot: how people and disguises set digits apart.
    Loose,
    /// Anything else: the runs do not belong together.
    Far,
}

/// How many bytes the search for the next digit looks at together; so many that the compiler
/// uses vector instructions.
const STRIDE: usize = 64;

/// The byte at a place, or 0 past either end.
pub(super) fn at(bytes: &[u8], place: usize) -> u8 {
    bytes.get(place).copied().unwrap_or(0)
}

/// The byte before a place, or 0 at the beginning.
pub(super) fn before(bytes: &[u8], place: usize) -> u8 {
    place.checked_sub(1).map_or(0, |before| at(bytes, before))
}

/// All runs of a text, in order.
pub(super) fn runs(bytes: &[u8]) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut cursor = 0;
    while let Some(digit) = next_digit(bytes, cursor) {
        let head = bytes.get(cursor..digit).unwrap_or_default();
        let letters = head.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let tail = bytes.get(digit..).unwrap_or_default();
        let length = tail.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let end = digit + length;
        let is_number = letters == 0
            && tail.get(..length).is_some_and(|word| word.iter().all(u8::is_ascii_digit));
        runs.push(Run { start: digit - letters, end, is_number });
        cursor = end;
    }
    runs
}

fn next_digit(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let mut place = from;
    for chunk in rest.chunks(STRIDE) {
        let any = chunk.iter().fold(false, |any, byte| any | byte.is_ascii_digit());
        if any {
            return chunk.iter().position(u8::is_ascii_digit).map(|offset| place + offset);
        }
        place += chunk.len();
    }
    None
}

/// What stands between two neighbouring runs.
pub(super) fn gap(bytes: &[u8], left: Run, right: Run) -> Gap {
    match bytes.get(left.end..right.start) {
        Some(b" " | b"  ") => Gap::Space,
        Some(&[mark]) if mark.is_ascii_punctuation() => Gap::Mark(mark),
        // The end of a sentence and the beginning of the next: not one number.
        Some(b". " | b".  ") => Gap::Far,
        Some(&[a, b]) if is_loose(a) && is_loose(b) => Gap::Loose,
        Some(&[a, b, c]) if is_loose(a) && is_loose(b) && is_loose(c) => Gap::Loose,
        _ => Gap::Far,
    }
}

/// Whether a run is a short number in the middle of a row of numbers (`12 7 31`), where nothing
/// begins.
pub(super) fn is_in_row(bytes: &[u8], runs: &[Run], index: usize) -> bool {
    let previous = index.checked_sub(1).and_then(|index| runs.get(index));
    match (previous, runs.get(index)) {
        (Some(left), Some(right)) => {
            left.is_number
                && right.is_number
                && left.len() <= 2
                && right.len() <= 2
                && gap(bytes, *left, *right) == Gap::Space
        }
        _ => false,
    }
}

const fn is_loose(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        runs(text.as_bytes()).iter().map(|run| text.get(run.start..run.end).unwrap()).collect()
    }

    #[test]
    fn finds_the_words_with_digits_and_no_others() {
        let far = format!("{} x9 end", "plain ".repeat(40));
        assert_eq!(words("a1 bc 22-3d, äö7é"), ["a1", "22", "3d", "7"]);
        assert_eq!(words(&far), ["x9"]);
        assert!(words("no number here").is_empty());
    }

    #[test]
    fn tells_what_stands_between_two_words() {
        for (text, expected) in [
            ("1-2", Gap::Mark(b'-')),
            ("1 2", Gap::Space),
            ("1 - 2", Gap::Loose),
            ("1. 2", Gap::Far),
            ("1, 2", Gap::Far),
            ("1 and 2", Gap::Far),
        ] {
            let runs = runs(text.as_bytes());
            assert_eq!(gap(text.as_bytes(), runs[0], runs[1]), expected, "{text}");
        }
    }
}
