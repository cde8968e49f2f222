//! The normalised view: compatibility forms, digits, dashes, spaces, nothing invisible.

use memchr::memmem;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};

use super::map::Edits;
use super::symbols::{Seen, is_control, seen, tagged};

/// Marks after one character beyond this number are not composed, only dropped.
const MOST_MARKS: usize = 8;
/// How each tag character begins in UTF-8.
const TAG_BYTES: &[u8] = b"\xf3\xa0";
/// Tag characters in a row that count as a hidden text.
const LEAST_TAGGED: usize = 6;

/// Whether the text is its own normalised view for sure: printable ASCII.
pub(super) fn is_plain(text: &str) -> bool {
    next_not_plain(text.as_bytes()).is_none()
}

/// What changes on the way to the normalised view. Only what is not plain is looked at, with the
/// character before a mark.
pub(super) fn normalise(text: &str) -> Edits {
    let mut edits = Edits::default();
    let mut cluster = String::new();
    let mut at = 0;
    while let Some(start) = next_odd(text, at) {
        let symbols = text.get(start..).unwrap_or_default().char_indices();
        let mut symbols = symbols.map(|(offset, symbol)| (start + offset, symbol)).peekable();
        let Some((_, symbol)) = symbols.next() else { break };
        let mut end = start + symbol.len_utf8();
        let has_mark = symbols.peek().is_some_and(|(_, next)| is_mark(*next));
        match seen(symbol) {
            Seen::Nothing => edits.push(start..end, ""),
            Seen::As(other) => {
                while let Some((_, mark)) = symbols.next_if(|(_, next)| is_mark(*next)) {
                    end += mark.len_utf8();
                }
                edits.push_char(start..end, other);
            }
            Seen::Itself if has_mark => {
                cluster.clear();
                cluster.push(symbol);
                let mut marks = 0;
                while let Some((_, mark)) = symbols.next_if(|(_, next)| is_mark(*next)) {
                    end += mark.len_utf8();
                    marks += 1;
                    if marks <= MOST_MARKS && seen(mark) != Seen::Nothing {
                        cluster.push(mark);
                    }
                }
                push_cluster(&mut edits, text, start..end, &cluster);
            }
            Seen::Itself if symbol.is_ascii() => {}
            Seen::Itself => {
                cluster.clear();
                cluster.push(symbol);
                push_cluster(&mut edits, text, start..end, &cluster);
            }
        }
        at = end;
    }
    edits
}

/// The next character that is not printable ASCII, or the one before it where it is a mark.
fn next_odd(text: &str, from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let odd = from + next_not_plain(rest.as_bytes())?;
    let is_on_plain =
        odd > from && text.get(odd..).and_then(|rest| rest.chars().next()).is_some_and(is_mark);
    Some(if is_on_plain { odd - 1 } else { odd })
}

/// The first byte that is not printable ASCII.
fn next_not_plain(bytes: &[u8]) -> Option<usize> {
    /// So many bytes are looked at together, with vector instructions.
    const STRIDE: usize = 32;
    let is_odd = |byte: &u8| !byte.is_ascii() | is_control(u32::from(*byte));
    let mut at = 0;
    // Where one stands the next one is often at once.
    if bytes.first().is_some_and(is_odd) {
        return Some(0);
    }
    for chunk in bytes.chunks(STRIDE) {
        if chunk.iter().fold(false, |any, byte| any | is_odd(byte)) {
            return chunk.iter().position(is_odd).map(|offset| at + offset);
        }
        at += chunk.len();
    }
    None
}

/// Marks on a digit or on punctuation only disguise it; on a letter they are part of it.
fn push_cluster(edits: &mut Edits, text: &str, place: std::ops::Range<usize>, cluster: &str) {
    let first = cluster.chars().next().unwrap_or_default();
    if first.is_ascii() && !first.is_ascii_alphabetic() {
        edits.push_char(place, first);
        return;
    }
    let is_same = text.get(place.clone()).is_some_and(|old| cluster.nfkc().eq(old.chars()));
    if !is_same {
        let composed: String = cluster.nfkc().collect();
        edits.push(place, &composed);
    }
}

fn is_mark(symbol: char) -> bool {
    !symbol.is_ascii()
        && (canonical_combining_class(symbol) != 0
            || (is_combining_mark(symbol) && seen(symbol) == Seen::Nothing))
}

/// A mark that no character of its own contains once the text is composed: lines through letters
/// and the like (U+0300 to U+036F, U+20D0 to U+20FF).
pub(super) const fn is_stray_mark(symbol: char) -> bool {
    matches!(symbol, '\u{300}'..='\u{36F}' | '\u{20D0}'..='\u{20FF}')
}

/// Texts written in tag characters, which nobody sees and models read.
pub(super) fn tags(text: &str) -> Edits {
    let mut edits = Edits::default();
    if memmem::find(text.as_bytes(), TAG_BYTES).is_none() {
        return edits;
    }
    let mut run: Vec<(usize, char)> = Vec::new();
    // The end of the text closes the last run.
    let symbols = text.char_indices().chain(std::iter::once((text.len(), ' ')));
    for (at, symbol) in symbols {
        if let Some(plain) = tagged(symbol) {
            run.push((at, plain));
            continue;
        }
        if run.len() >= LEAST_TAGGED {
            for (at, plain) in &run {
                edits.push_char(*at..at + 4, *plain);
            }
        }
        run.clear();
    }
    edits
}
