//! What layout puts between the groups of one number: line breaks, brackets, tags, list numbers.

use super::runs::at;

/// The most bytes between two groups.
pub(super) const LONGEST_GAP: usize = 48;
/// The most bytes of a tag.
const LONGEST_TAG: usize = 40;

/// Words by which people part the groups when they dictate.
const WORDS: &[&[u8]] =
    &[b"dash", b"hyphen", b"minus", b"space", b"blank", b"then", b"and", b"dot"];

/// What stands between two groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    /// Where the next group begins.
    pub(super) end: usize,
    /// Words stand in it.
    pub(super) has_words: bool,
}

/// Letters that are read as the digits 0 and 1.
pub(super) const fn look_alike(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'O' | b'o' => Some(0),
        b'I' | b'l' => Some(1),
        _ => None,
    }
}

/// The place after the word that begins at a place.
pub(super) fn word_end(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    start + rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count()
}

/// Reads from the end of a group to the beginning of the next one; None where prose follows, or
/// nothing.
pub(super) fn gap(bytes: &[u8], from: usize) -> Option<Gap> {
    let (mut place, mut has_words, mut is_line_start) = (from, false, false);
    while place < from + LONGEST_GAP {
        let byte = *bytes.get(place)?;
        let step = match byte {
            b'0'..=b'9' => match ordinal(bytes, place, is_line_start) {
                Some(length) => length,
                None => return Some(Gap { end: place, has_words }),
            },
            b'a'..=b'z' | b'A'..=b'Z' if place == from => return None,
            b'a'..=b'z' | b'A'..=b'Z' => {
                let end = word_end(bytes, place);
                let word = bytes.get(place..end)?;
                if is_group(word) {
                    return Some(Gap { end: place, has_words });
                }
                let is_label = word.len() == 1 && at(bytes, end) == b')';
                let is_said =
                    word.len() < 7 && WORDS.iter().any(|known| known.eq_ignore_ascii_case(word));
                if !is_label && !is_said {
                    return None;
                }
                has_words |= is_said;
                word.len() + usize::from(is_label)
            }
            b'<' => {
                let length = tag(bytes, place);
                is_line_start |= length > 1;
                length
            }
            b'\\' if matches!(at(bytes, place + 1), b'n' | b'r' | b't') => {
                is_line_start = true;
                2
            }
            b'\n' | b'\r' => {
                is_line_start = true;
                1
            }
            b'@' => return None,
            _ if byte.is_ascii_whitespace() || byte.is_ascii_punctuation() => 1,
            // Arrows, bullets and other signs of U+2000 to U+2FFF; pictures.
            0xE2 => 3,
            0xF0 if at(bytes, place + 1) == 0x9F => 4,
            _ => return None,
        };
        place += step;
    }
    None
}

/// Whether a word is a group: digits and their look-alikes. Without any digit it must have three
/// letters, since there are words of fewer (`I`, `lo`).
pub(super) fn is_group(word: &[u8]) -> bool {
    let is_number = !word.is_empty() && word.iter().all(|byte| look_alike(*byte).is_some());
    is_number && (word.len() > 2 || word.iter().any(u8::is_ascii_digit))
}

/// The length of the number of a list, with its mark: `2. ` where a line begins, `2) ` anywhere.
pub(super) fn ordinal(bytes: &[u8], place: usize, is_line_start: bool) -> Option<usize> {
    let digits = word_end(bytes, place) - place;
    let is_mark = match at(bytes, place + digits) {
        b')' => true,
        b'.' | b':' => is_line_start,
        _ => false,
    };
    let next = at(bytes, place + digits + 1);
    (is_mark && digits <= 2 && matches!(next, b' ' | b'\t' | b'<')).then_some(digits + 1)
}

/// The length of the tag that begins at a place, 1 where there is none.
fn tag(bytes: &[u8], place: usize) -> usize {
    let rest = bytes.get(place + 1..).unwrap_or_default();
    let begins =
        rest.first().is_some_and(|byte| byte.is_ascii_alphabetic() || b"/!".contains(byte));
    let end = rest.iter().take(LONGEST_TAG).position(|byte| matches!(byte, b'>' | b'<'));
    match end {
        Some(end) if begins && rest.get(end) == Some(&b'>') => end + 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> Option<&str> {
        gap(text.as_bytes(), 0).map(|gap| text.get(gap.end..).unwrap())
    }

    #[test]
    fn reads_over_layout_and_list_numbers() {
        for text in [
            "\n12",
            "], [12",
            "<br>12",
            "</td><td class=\"x\">12",
            "\n2. 12",
            "<li>3: 12",
            " 2) 12",
            "\\n12",
            " dash 12",
            " → 12",
            "\n- 12",
            " b) 12",
            "\r\n\t| 12",
        ] {
            assert_eq!(end(text), Some("12"), "{text}");
        }
        assert_eq!(end(" OOO,"), Some("OOO,"));
    }

    #[test]
    fn stops_at_prose_addresses_and_long_gaps() {
        for text in [" of 12", "@12", " I 12", "", " \n", &" ".repeat(60), " é12"] {
            assert_eq!(end(text), None, "{text}");
        }
    }
}
