//! Reads a value: quoted, or as far as it goes.

use std::ops::Range;

/// A value of more bytes is cut: no password and no key is as long.
pub(super) const LONGEST: usize = 320;

/// A value and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) place: Range<usize>,
    pub(super) is_quoted: bool,
}

/// The value that begins at `at`.
pub(super) fn read(text: &str, at: usize) -> Option<Value> {
    let rest = text.as_bytes().get(at..)?;
    let window = rest.get(..rest.len().min(LONGEST))?;
    if let Some((open, close)) = quotes(window) {
        let inner = window.get(open..)?;
        let line = memchr::memchr2(b'\n', b'\r', inner).unwrap_or(inner.len());
        let inner = inner.get(..line)?;
        let start = at + open;
        if let Some(length) = closing(inner, close) {
            return Some(Value { place: start..start + length, is_quoted: true });
        }
        // The quote never closes: what a person left of it.
        return bare(text, start);
    }
    bare(text, at)
}

/// What joins two literals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Joint {
    /// From the quote that closes one to behind the quote that opens the next.
    pub(super) length: usize,
    /// Whether a sign stands between (`+`, `.`, `&`), not only blanks.
    pub(super) has_sign: bool,
}

/// The joint at the beginning of a text: `" + "`.
pub(super) fn joint(rest: &[u8]) -> Option<Joint> {
    let quote = match rest {
        [b'\\', b'"' | b'\'', ..] => rest.get(..2)?,
        [b'"' | b'\'' | b'`', ..] => rest.get(..1)?,
        _ => return None,
    };
    let between = rest.get(quote.len()..)?;
    let gap = between.iter().take(32).take_while(|byte| b" \t\r\n+.&|\\".contains(byte));
    let gap = between.get(..gap.count())?;
    // The backslash of the next quote is no sign.
    let gap = if quote.len() == 2 { gap.strip_suffix(b"\\")? } else { gap };
    let opens = between.get(gap.len()..)?.starts_with(quote) && !gap.is_empty();
    let has_sign = gap.iter().any(|byte| b"+.&|\\".contains(byte));
    opens.then_some(Joint { length: 2 * quote.len() + gap.len(), has_sign })
}

/// The opening quote's length and the closing quote.
fn quotes(window: &[u8]) -> Option<(usize, &'static [u8])> {
    const PAIRS: &[(&[u8], &[u8])] = &[
        (b"\\\"", b"\\\""),
        (b"\\'", b"\\'"),
        (b"\"\"\"", b"\"\"\""),
        (b"\"", b"\""),
        (b"'", b"'"),
        (b"`", b"`"),
        ("“".as_bytes(), "”".as_bytes()),
        ("„".as_bytes(), "“".as_bytes()),
        ("«".as_bytes(), "»".as_bytes()),
        ("‘".as_bytes(), "’".as_bytes()),
    ];
    // `b"…"`, `r"…"`, `@"…"`: marks of literals.
    let mark = match window {
        [b'b' | b'r' | b'u' | b'f' | b'@' | b'L' | b'N', b'"' | b'\'', ..] => 1,
        _ => 0,
    };
    let window = window.get(mark..)?;
    let pair = PAIRS.iter().find(|(open, _)| window.starts_with(open))?;
    Some((mark + pair.0.len(), pair.1))
}

fn closing(inner: &[u8], close: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(inner, close).find(|at| {
        let escapes = inner.get(..*at).unwrap_or_default();
        let slashes = escapes.iter().rev().take_while(|byte| **byte == b'\\').count();
        slashes % 2 == 0
    })
}

/// A value without quotes: to the next blank, quote or written line break, without what
/// closes a sentence or a bracket.
fn bare(text: &str, at: usize) -> Option<Value> {
    let rest = text.as_bytes().get(at..)?;
    let mut length = 0;
    while let Some(byte) = rest.get(length).filter(|_| length < LONGEST) {
        let next = rest.get(length + 1).copied().unwrap_or(b' ');
        let ends = match byte {
            byte if byte.is_ascii_whitespace() || byte.is_ascii_control() => true,
            b'"' | b'`' | b'<' => true,
            b'\'' => !next.is_ascii_alphanumeric(),
            b'\\' => matches!(next, b'n' | b'r' | b't' | b'"' | b'\''),
            b';' | b',' | b'&' => next.is_ascii_whitespace() || starts_setting(rest, length + 1),
            _ => false,
        };
        if ends {
            break;
        }
        length += 1;
    }
    let value = rest.get(..length)?;
    let spoken = ["。", "，", "、", "）", "」", "»", "”"];
    let spoken = spoken.iter().find(|mark| value.ends_with(mark.as_bytes()));
    let value = value.get(..length - spoken.map_or(0, |mark| mark.len()))?;
    let trailing = value.iter().rev().take_while(|byte| b",;.)]}:|*?>".contains(byte)).count();
    let length = value.len();
    let mut end = at + length - trailing;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (end > at).then_some(Value { place: at..end, is_quoted: false })
}

/// Whether `name=` stands here: the next setting of a connection string or a query.
fn starts_setting(rest: &[u8], at: usize) -> bool {
    let Some(rest) = rest.get(at..) else { return false };
    let name = rest
        .iter()
        .take(32)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"_-. ".contains(byte))
        .count();
    name > 0 && rest.get(name) == Some(&b'=')
}
