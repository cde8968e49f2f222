//! The normalised view: compatibility forms, digits, dashes, spaces, nothing invisible.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};

use super::map::Edits;
use super::symbols::{Seen, is_control, seen, tagged};

/// Marks after one character beyond this number are not composed, only dropped.
const MOST_MARKS: usize = 8;
/// Tag characters in a row that count as a hidden text.
const LEAST_TAGGED: usize = 6;

/// Whether the text is its own normalised view for sure: printable ASCII.
pub(super) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii() & !is_control(u32::from(byte)))
}

/// What changes on the way to the normalised view.
pub(super) fn normalise(text: &str) -> Edits {
    let mut edits = Edits::default();
    let mut symbols = text.char_indices().peekable();
    let mut cluster = String::new();
    while let Some((at, symbol)) = symbols.next() {
        let mut end = at + symbol.len_utf8();
        let has_mark = symbols.peek().is_some_and(|(_, next)| is_mark(*next));
        match seen(symbol) {
            Seen::Nothing => edits.push(at..end, ""),
            Seen::As(other) => {
                while let Some((_, mark)) = symbols.next_if(|(_, next)| is_mark(*next)) {
                    end += mark.len_utf8();
                }
                edits.push_char(at..end, other);
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
                push_cluster(&mut edits, text, at..end, &cluster);
            }
            Seen::Itself if symbol.is_ascii() => {}
            Seen::Itself => {
                cluster.clear();
                cluster.push(symbol);
                push_cluster(&mut edits, text, at..end, &cluster);
            }
        }
    }
    edits
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

/// Texts written in tag characters, which nobody sees and models read.
pub(super) fn tags(text: &str) -> Edits {
    let mut edits = Edits::default();
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
