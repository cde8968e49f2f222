//! Settings around a keyword: `name = value` in files, code, queries, markup and commands.

use std::ops::Range;

use super::class::{ALNUM, URL64, WORD};
use super::value::{self, Value};

/// A name with its value.
#[derive(Debug)]
pub(super) struct Setting {
    /// The whole name that the keyword is part of.
    pub(super) name: Range<usize>,
    pub(super) value: Value,
    pub(super) form: Form,
}

/// How name and value are tied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `=` without blanks: shells, queries, connection strings.
    Tight,
    /// `=`, `:`, `=>` and their like.
    Loose,
    /// Blanks after an option, or before a quoted literal (SQL).
    Blank,
    /// Between tags, after a comma, in a table: also used for much else.
    Weak,
}

/// The name around a keyword.
pub(super) fn name(text: &[u8], keyword: Range<usize>) -> Range<usize> {
    let before = text.get(..keyword.start).unwrap_or_default();
    let is_name = |byte: &&u8| WORD.has(**byte) || matches!(**byte, b'-' | b'.');
    let back = before.iter().rev().take(64).take_while(is_name).count();
    let after = text.get(keyword.end..).unwrap_or_default();
    keyword.start - back..keyword.end + URL64.run(after, 48)
}

/// The setting whose name is given.
pub(super) fn read(text: &str, name: Range<usize>) -> Option<Setting> {
    let bytes = text.as_bytes();
    let (mut at, is_option) = (name.end, is_option(bytes, &name));
    let closed = closers(bytes.get(at..)?);
    at += closed;
    let blanks = blanks(bytes.get(at..)?);
    at += blanks;
    let rest = bytes.get(at..)?;
    let (length, mut form) = operator(rest, blanks + closed)
        .or_else(|| between_tags(bytes, &name, rest))
        .or_else(|| {
            let is_literal = closed == 0 && matches!(rest.first(), Some(b'\'' | b'"'));
            (blanks > 0 && (is_option || is_literal)).then_some((0, Form::Blank))
        })?;
    at += length;
    let more = self::blanks(bytes.get(at..)?);
    at += more;
    if form == Form::Tight && more > 0 {
        form = Form::Loose;
    }
    at += annotation(bytes.get(at..)?);
    at += constructor(bytes.get(at..)?);
    let value = value::read(text, at)?;
    Some(Setting { name, value, form })
}

/// Whether something that may tie a value stands after a name: spares a closer look.
pub(super) fn is_tied(text: &[u8], end: usize) -> bool {
    let window = text.get(end..text.len().min(end + 40)).unwrap_or_default();
    window.iter().any(|byte| b"=:,|(<>\"'".contains(byte)) || !window.is_ascii()
}

fn blanks(rest: &[u8]) -> usize {
    rest.iter().take(24).take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// What closes a name: quotes, emphasis, brackets.
fn closers(rest: &[u8]) -> usize {
    rest.iter().take(6).take_while(|byte| b"\"'`*]\\)".contains(byte)).count()
}

/// `--password`, `-p`, `/pass`.
fn is_option(text: &[u8], name: &Range<usize>) -> bool {
    text.get(name.clone()).is_some_and(|name| name.starts_with(b"-"))
}

/// An operator at the beginning, its length and form.
fn operator(rest: &[u8], before: usize) -> Option<(usize, Form)> {
    let tight = if before == 0 { Form::Tight } else { Form::Loose };
    Some(match rest {
        [b'=', b'=', b'=', ..] => (3, Form::Loose),
        [b':' | b'=' | b'+' | b'?', b'=', ..] | [b'=', b'>', ..] | [b'<', b'-', ..] => {
            (2, Form::Loose)
        }
        [b':', b':', ..] | [b':', b'/', b'/', ..] => return None,
        [b'=', ..] => (1, tight),
        // `**Password:** value`, `"password": value`.
        [b':', b'*', b'*', ..] => (3, Form::Loose),
        [b':', ..] => (1, Form::Loose),
        [b'(', b'"' | b'\'', ..] => (1, Form::Weak),
        [b',' | b'|', ..] if before > 0 => (1, Form::Weak),
        _ if rest.starts_with("：".as_bytes()) => (3, Form::Loose),
        _ => return None,
    })
}

/// `<name>value`, `name</th><td>value`, `name" value="…`.
fn between_tags(text: &[u8], name: &Range<usize>, rest: &[u8]) -> Option<(usize, Form)> {
    let window = rest.get(..rest.len().min(96))?;
    if window.starts_with(b">") {
        let before = name.start.checked_sub(1).and_then(|at| text.get(at))?;
        return matches!(before, b'<' | b':').then_some((1, Form::Loose));
    }
    if window.starts_with(b"</") {
        let mut at = memchr::memchr(b'>', window)? + 1;
        at += window.get(at..)?.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if window.get(at) == Some(&b'<') {
            at += memchr::memchr(b'>', window.get(at..)?)? + 1;
        }
        return Some((at, Form::Weak));
    }
    let value = b"value=";
    window.starts_with(value).then_some((value.len(), Form::Loose))
}

/// `str = ` after `password: `: a type, then the value.
fn annotation(rest: &[u8]) -> usize {
    let length = rest
        .iter()
        .take(40)
        .take_while(|byte| ALNUM.has(**byte) || b"_:<>&'[]?.".contains(byte))
        .count();
    let Some(tail) = rest.get(length..) else { return 0 };
    match tail {
        [b' ', b'=', b' ', b'"' | b'\'', ..] if length > 0 => length + 3,
        _ => 0,
    }
}

/// `String::from(`, `new Secret(` and their like before a literal.
fn constructor(rest: &[u8]) -> usize {
    const NAMES: &[&str] =
        &["from", "new", "secret", "secretstr", "secretstring", "string", "some"];
    let length =
        rest.iter().take(48).take_while(|byte| ALNUM.has(**byte) || b"_: .".contains(byte)).count();
    let (Some(head), Some([b'(', b'"' | b'\'', ..])) = (rest.get(..length), rest.get(length..))
    else {
        return 0;
    };
    let last = head.rsplit(|byte| b": .".contains(byte)).next().unwrap_or_default();
    let is_known = NAMES.iter().any(|name| last.eq_ignore_ascii_case(name.as_bytes()));
    if is_known { length + 1 } else { 0 }
}
