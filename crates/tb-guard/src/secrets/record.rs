//! Records that hold a name and a value apart: `{"name": "DB_PASSWORD", "value": "…"}`,
//! `- name: DB_PASSWORD`, `<add value="…" key="password"/>`, `{"password": {"value": "…"}}`.

use std::ops::Range;

use super::hit::Hit;
use super::password;
use super::setting::{Form, Setting};
use super::value;

/// How far the value may stand from the name.
const REACH: usize = 200;

/// Names of the member that holds the name.
const NAMES: &[&[u8]] = &[
    b"name",
    b"key",
    b"id",
    b"label",
    b"field",
    b"variable",
    b"variablename",
    b"var",
    b"env",
    b"param",
    b"parameter",
    b"property",
    b"setting",
    b"parameterkey",
];

/// Names of the member that holds the value. In lower case.
const VALUES: &[&[u8]] = &[
    b"value",
    b"val",
    b"parametervalue",
    b"secretvalue",
    b"stringvalue",
    b"string_value",
    b"plaintext",
    b"cleartext",
    b"plain",
    b"default",
    b"content",
    b"text",
    b"data",
    b"#text",
    b"$",
];

/// The password whose name is the value of another member, or whose value is a record.
pub(super) fn find(text: &str, name: &Range<usize>) -> Option<Hit> {
    let bytes = text.as_bytes();
    if is_value_of_name(bytes.get(..name.start)?) {
        let rest = bytes.get(name.end..)?;
        let quotes = closers(rest);
        if quotes > 0 && rest.get(quotes) == Some(&b'>') {
            return judged(text, name, name.end + quotes + 1);
        }
        let ahead = rest.get(..rest.len().min(REACH))?;
        let ahead = ahead.get(..end_of_record(ahead))?;
        return member(text, name, ahead, name.end).or_else(|| behind(text, name));
    }
    nested(text, name)
}

/// Whether what stands before a name is `"name": "` or its like.
fn is_value_of_name(before: &[u8]) -> bool {
    let skip = |before: &mut &[u8], set: &[u8]| {
        let count = before.iter().rev().take(8).take_while(|byte| set.contains(byte)).count();
        *before = before.get(..before.len() - count).unwrap_or_default();
    };
    let mut rest = before;
    skip(&mut rest, b"\"'\\ ");
    let Some((b':' | b'=', mut rest)) = rest.split_last().map(|(last, rest)| (*last, rest)) else {
        return false;
    };
    skip(&mut rest, b"\"'\\ ");
    let length = rest.iter().rev().take(16).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let word = rest.get(rest.len() - length..).unwrap_or_default().to_ascii_lowercase();
    NAMES.contains(&word.as_slice())
}

/// Where the record that goes on here ends, at a bracket or where the next entry begins.
fn end_of_record(ahead: &[u8]) -> usize {
    let bracket = ahead.iter().position(|byte| b"{}<>".contains(byte)).unwrap_or(ahead.len());
    let ahead = ahead.get(..bracket).unwrap_or_default();
    memchr::memchr_iter(b'\n', ahead)
        .find(|at| {
            let line = ahead.get(at + 1..).unwrap_or_default().trim_ascii_start();
            line.starts_with(b"- ")
        })
        .unwrap_or(bracket)
}

/// The value in the part of the record before the name.
fn behind(text: &str, name: &Range<usize>) -> Option<Hit> {
    let from = name.start.saturating_sub(REACH);
    let head = text.as_bytes().get(from..name.start)?;
    let bracket = head.iter().rposition(|byte| b"{}<>".contains(byte)).map_or(0, |at| at + 1);
    let entry = memchr::memmem::rfind(head, b"- ").unwrap_or(0);
    // Where neither begins the record, what stands there belongs to another text.
    let begin = Some(bracket.max(entry)).filter(|at| *at > 0 || from == 0)?;
    member(text, name, head.get(begin..)?, from + begin)
}

/// The value of the first member of a window whose name says that it holds one.
fn member(text: &str, name: &Range<usize>, window: &[u8], from: usize) -> Option<Hit> {
    let mut at = 0;
    while let Some(tie) = window.get(at..)?.iter().position(|byte| b":=".contains(byte)) {
        let tie = at + tie;
        let head = window.get(at..tie)?;
        if is_value_name(head)
            && let Some(hit) = judged(text, name, from + tie + 1)
        {
            return Some(hit);
        }
        at = tie + 1;
    }
    None
}

/// Whether the last word before a tie names a value.
fn is_value_name(head: &[u8]) -> bool {
    let is_around = |byte: &&u8| b"\"'\\ ".contains(byte);
    let around = head.iter().rev().take(4).take_while(is_around).count();
    let head = head.get(..head.len() - around).unwrap_or_default();
    let is_name = |byte: &&u8| byte.is_ascii_alphabetic() || b"_#$".contains(byte);
    let length = head.iter().rev().take(16).take_while(is_name).count();
    let word = head.get(head.len() - length..).unwrap_or_default().to_ascii_lowercase();
    VALUES.contains(&word.as_slice())
}

/// The value in a record that is the value of the name: an object, or an indented line.
fn nested(text: &str, name: &Range<usize>) -> Option<Hit> {
    let rest = text.as_bytes().get(name.end..)?;
    let mut at = closers(rest);
    at += rest.get(at..)?.iter().take_while(|byte| **byte == b' ').take(8).count();
    at += match rest.get(at..)? {
        [b'=', b'>', ..] => 2,
        [b':' | b'=', ..] => 1,
        _ => return None,
    };
    let blanks = rest.get(at..)?.iter().take(32).take_while(|b| b.is_ascii_whitespace()).count();
    let space = rest.get(at..at + blanks)?;
    at += blanks;
    if rest.get(at) == Some(&b'{') {
        let inner = rest.get(at + 1..rest.len().min(at + REACH))?;
        let inner = inner.get(..end_of_record(inner))?;
        return member(text, name, inner, name.end + at + 1);
    }
    if space.contains(&b'\n') && space.ends_with(b" ") {
        let line = rest.get(at..rest.len().min(at + 24))?;
        let tie = memchr::memchr2(b':', b'\n', line)?;
        return member(text, name, line.get(..=tie)?, name.end + at);
    }
    None
}

/// The value at a place, if it is a password.
fn judged(text: &str, name: &Range<usize>, at: usize) -> Option<Hit> {
    let bytes = text.as_bytes();
    let blanks = bytes.get(at..)?.iter().take(8).take_while(|byte| b" \t".contains(byte)).count();
    let value = value::read(text, at + blanks)?;
    let setting = Setting { name: name.clone(), value, form: Form::Loose };
    password::password(bytes, &setting)
}

fn closers(rest: &[u8]) -> usize {
    rest.iter().take(4).take_while(|byte| b"\"'\\".contains(byte)).count()
}
