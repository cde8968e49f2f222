//! Steps through text that the validator has accepted, so nothing is checked again.
//!
//! On text that was not validated the results are meaningless, but every step ends and stays
//! inside the text.

use memchr::memchr2;

use super::Kind;
use super::scan::{Member, Span};

/// The type of the value that begins with `byte`.
pub(super) fn kind_of(byte: u8) -> Kind {
    match byte {
        b'{' => Kind::Object,
        b'[' => Kind::Array,
        b'"' => Kind::String,
        b't' | b'f' => Kind::Bool,
        b'n' => Kind::Null,
        _ => Kind::Number,
    }
}

pub(super) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// The offset behind the string that opens at `open`.
pub(super) fn skip_string(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        match memchr2(b'"', b'\\', rest) {
            None => return bytes.len(),
            Some(stop) if rest.get(stop) == Some(&b'"') => return at + stop + 1,
            Some(stop) => at += stop + 2,
        }
    }
}

/// The offset behind the value that begins at `start`.
pub(super) fn skip_value(bytes: &[u8], start: usize) -> usize {
    match bytes.get(start) {
        Some(b'"') => skip_string(bytes, start),
        Some(b'{' | b'[') => skip_container(bytes, start),
        _ => {
            let rest = bytes.get(start..).unwrap_or_default();
            let ends =
                |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t');
            start + rest.iter().position(ends).unwrap_or(rest.len())
        }
    }
}

fn skip_container(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    let mut depth = 0_usize;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = skip_string(bytes, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The members of the object that opens at `open`, with offsets in `bytes`.
pub(super) fn members(bytes: &[u8], open: usize) -> impl Iterator<Item = Member> + use<'_> {
    let mut at = open + 1;
    std::iter::from_fn(move || {
        at = next_item(bytes, at);
        if bytes.get(at) != Some(&b'"') {
            return None;
        }
        let key_end = skip_string(bytes, at);
        let key = Span::new(at + 1, key_end.saturating_sub(1));
        // The step over the colon.
        let start = skip_space(bytes, skip_space(bytes, key_end) + 1);
        let end = skip_value(bytes, start);
        at = end;
        let kind = kind_of(*bytes.get(start)?);
        let escaped = key.of(bytes).contains(&b'\\');
        Some(Member { key, value: Span::new(start, end), kind, escaped })
    })
}

/// The elements of the array that opens at `open`: start, end and type.
pub(super) fn elements(
    bytes: &[u8],
    open: usize,
) -> impl Iterator<Item = (usize, usize, Kind)> + use<'_> {
    let mut at = open + 1;
    std::iter::from_fn(move || {
        let start = next_item(bytes, at);
        let kind = match bytes.get(start)? {
            b']' | b'}' => return None,
            byte => kind_of(*byte),
        };
        at = skip_value(bytes, start);
        Some((start, at, kind))
    })
}

/// The offset of the next item behind white space and a comma.
fn next_item(bytes: &[u8], at: usize) -> usize {
    let at = skip_space(bytes, at);
    if bytes.get(at) == Some(&b',') { skip_space(bytes, at + 1) } else { at }
}
