//! Several passwords under one name: `"passwords": ["…", "…"]`, and lists of lines.

use super::hit::Hit;
use super::password;
use super::setting::{Form, Setting};
use super::value;

/// So many items are read, and so much text.
const ITEMS: usize = 64;
const REACH: usize = 4096;

/// Adds the passwords of the list after a name that ends at `end`; gives how far it was read, or
/// `None` where no list begins.
pub(super) fn find(text: &str, end: usize, hits: &mut Vec<Hit>) -> Option<usize> {
    let (at, close) = begin(text.as_bytes(), end)?;
    Some(read(text, at, close, hits))
}

/// Where the first item stands, and what closes the list; 0 for lines with dashes.
fn begin(text: &[u8], end: usize) -> Option<(usize, u8)> {
    let skip = |at: usize, set: &[u8]| {
        let rest = text.get(at..).unwrap_or_default();
        at + rest.iter().take(16).take_while(|byte| set.contains(byte)).count()
    };
    let tie = skip(end, b"\"'`*]\\) ");
    let at = match text.get(tie..)? {
        [b':', b'=', ..] | [b'=', b'>', ..] => tie + 2,
        [b':' | b'=', ..] => tie + 1,
        _ => return None,
    };
    let item = skip(at, b" \t\r\n");
    let has_line = text.get(at..item)?.contains(&b'\n');
    match text.get(item..)? {
        [b'[', ..] => Some((item + 1, b']')),
        [b'(', ..] => Some((item + 1, b')')),
        [b'{', b'"' | b'\'' | b' ', ..] => Some((item + 1, b'}')),
        [b'-' | b'*', b' ', ..] if has_line => Some((item, 0)),
        _ => None,
    }
}

/// Reads the items; gives where the last one ends.
fn read(text: &str, begin: usize, close: u8, hits: &mut Vec<Hit>) -> usize {
    let bytes = text.as_bytes();
    let mut at = begin;
    for _ in 0..ITEMS {
        let rest = bytes.get(at..).unwrap_or_default();
        let between = rest.iter().take(40).take_while(|byte| b" \t\r\n,".contains(byte)).count();
        at += between;
        let dash = match bytes.get(at..) {
            Some([b'-' | b'*', b' ', ..]) if close == 0 => 2,
            Some([first, ..]) if close != 0 && *first != close => 0,
            _ => return at,
        };
        let Some(found) = value::read(text, at + dash).filter(|_| at < begin + REACH) else {
            return at;
        };
        let (start, end, is_quoted) = (found.place.start, found.place.end, found.is_quoted);
        let tail = bytes.get(end..).unwrap_or_default();
        let quotes = tail.iter().take(3).take_while(|byte| b"\\\"'`".contains(byte)).count();
        let next = tail.get(quotes..).unwrap_or_default();
        let has_end = match next {
            [] => true,
            [b' ', more @ ..] => more.starts_with(b"]") || more.starts_with(b"#"),
            [first, ..] => b",\r\n".contains(first) || *first == close,
        };
        // An object, a call or a sentence: no list of values.
        if !has_end {
            return at;
        }
        let setting = Setting { name: start..start, value: found, form: Form::Loose };
        let hit = password::password(bytes, &setting);
        hits.extend(hit.filter(|_| is_quoted || close != b')'));
        at = end + quotes;
    }
    at
}
