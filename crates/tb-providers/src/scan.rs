//! A forward scan over the members of a JSON object, for stream chunks: one pass, no
//! allocation, no full validation. Whole bodies go through `tb_api::json` instead.

use std::borrow::Cow;

use crate::Malformed;

const SYNTAX: Malformed = Malformed("invalid JSON");

/// A member of an object.
#[derive(Clone, Copy)]
pub(crate) struct Member<'a> {
    /// The key without its quotes, still escaped.
    pub(crate) key: &'a [u8],
    /// The value, without white space around it.
    pub(crate) value: &'a [u8],
    /// Where the key's opening quote lies in the object.
    pub(crate) start: usize,
    /// Where the value ends in the object.
    pub(crate) end: usize,
}

/// Walks the members of an object, or the elements of an array.
pub(crate) struct Scan<'a> {
    raw: &'a [u8],
    at: usize,
    first: bool,
    close: u8,
}

impl<'a> Scan<'a> {
    /// Over the members of an object; white space around it is skipped.
    pub(crate) fn object(raw: &'a [u8]) -> Result<Self, Malformed> {
        Self::open(raw, b'{', b'}')
    }

    /// Over the elements of an array.
    pub(crate) fn array(raw: &'a [u8]) -> Result<Self, Malformed> {
        Self::open(raw, b'[', b']')
    }

    fn open(raw: &'a [u8], open: u8, close: u8) -> Result<Self, Malformed> {
        let at = skip_space(raw, 0);
        if raw.get(at) != Some(&open) {
            return Err(SYNTAX);
        }
        Ok(Self { raw, at: at + 1, first: true, close })
    }

    /// Moves to the next item; `false` at the closing bracket, after which only white space
    /// may follow.
    fn advance(&mut self) -> Result<bool, Malformed> {
        let at = skip_space(self.raw, self.at);
        let byte = *self.raw.get(at).ok_or(SYNTAX)?;
        if byte == self.close {
            self.at = at + 1;
            return if skip_space(self.raw, self.at) == self.raw.len() {
                Ok(false)
            } else {
                Err(SYNTAX)
            };
        }
        self.at = match (self.first, byte) {
            (true, _) => at,
            (false, b',') => skip_space(self.raw, at + 1),
            (false, _) => return Err(SYNTAX),
        };
        self.first = false;
        Ok(true)
    }

    /// The next member of an object.
    pub(crate) fn member(&mut self) -> Result<Option<Member<'a>>, Malformed> {
        if !self.advance()? {
            return Ok(None);
        }
        let start = self.at;
        if self.raw.get(start) != Some(&b'"') {
            return Err(SYNTAX);
        }
        let key_end = string_end(self.raw, start).ok_or(SYNTAX)?;
        let colon = skip_space(self.raw, key_end);
        if self.raw.get(colon) != Some(&b':') {
            return Err(SYNTAX);
        }
        let value_start = skip_space(self.raw, colon + 1);
        let end = value_end(self.raw, value_start).ok_or(SYNTAX)?;
        self.at = end;
        let key = self.raw.get(start + 1..key_end - 1).ok_or(SYNTAX)?;
        let value = self.raw.get(value_start..end).ok_or(SYNTAX)?;
        Ok(Some(Member { key, value, start, end }))
    }

    /// The next element of an array, with the offset at which it starts.
    pub(crate) fn element(&mut self) -> Result<Option<(usize, &'a [u8])>, Malformed> {
        if !self.advance()? {
            return Ok(None);
        }
        let start = self.at;
        let end = value_end(self.raw, start).ok_or(SYNTAX)?;
        self.at = end;
        Ok(Some((start, self.raw.get(start..end).ok_or(SYNTAX)?)))
    }
}

/// A member of an object by its key; `None` also when `raw` is not an object.
pub(crate) fn member<'a>(raw: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let mut scan = Scan::object(raw).ok()?;
    while let Some(found) = scan.member().ok()? {
        if found.key == key.as_bytes() {
            return Some(found.value);
        }
    }
    None
}

/// The text of a JSON string; `None` for any other value.
pub(crate) fn text(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inner).is_none() {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    serde_json::from_slice::<String>(raw).ok().map(Cow::Owned)
}

/// Bytes of text in a JSON string (escaped length), 0 for any other value.
pub(crate) fn string_bytes(raw: &[u8]) -> u64 {
    match raw.first() {
        Some(b'"') => u64::try_from(raw.len().saturating_sub(2)).unwrap_or(u64::MAX),
        _ => 0,
    }
}

/// `object` (with white space around it or not) without the member that spans
/// `start..end`, nor its comma.
pub(crate) fn without_member(object: &[u8], start: usize, end: usize) -> Vec<u8> {
    let mut head = object.get(..start).unwrap_or_default();
    let mut tail = object.get(end..).unwrap_or_default();
    let trimmed = head.trim_ascii_end();
    if let Some(before) = trimmed.strip_suffix(b",") {
        head = before;
    } else if let Some(after) = tail.trim_ascii_start().strip_prefix(b",") {
        tail = after;
    }
    let mut out = Vec::with_capacity(head.len() + tail.len());
    out.extend_from_slice(head);
    out.extend_from_slice(tail);
    out
}

fn skip_space(raw: &[u8], from: usize) -> usize {
    let mut at = from;
    while matches!(raw.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// The end of the string whose opening quote is at `start`.
fn string_end(raw: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', raw.get(at..)?)?;
        if raw.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn value_end(raw: &[u8], start: usize) -> Option<usize> {
    match raw.get(start)? {
        b'"' => string_end(raw, start),
        b'{' | b'[' => nested_end(raw, start),
        _ => scalar_end(raw, start),
    }
}

fn nested_end(raw: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut depth) = (start, 0usize);
    loop {
        match raw.get(at)? {
            b'"' => {
                at = string_end(raw, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

fn scalar_end(raw: &[u8], start: usize) -> Option<usize> {
    let rest = raw.get(start..)?;
    let length = rest
        .iter()
        .position(|b| matches!(b, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t'))
        .unwrap_or(rest.len());
    let word = rest.get(..length)?;
    let number = || {
        word.first().is_some_and(|b| b.is_ascii_digit() || *b == b'-')
            && word.iter().all(|b| b.is_ascii_digit() || b"+-.eE".contains(b))
    };
    (matches!(word, b"true" | b"false" | b"null") || number()).then_some(start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_members_with_any_white_space() {
        let raw = br#" { "a" : 1 , "b":[{"a":2}],"c" : "x\"y" , "d":null } "#;
        let mut scan = Scan::object(raw).unwrap();
        let mut seen = Vec::new();
        while let Some(found) = scan.member().unwrap() {
            seen.push((
                String::from_utf8(found.key.to_vec()).unwrap(),
                String::from_utf8(found.value.to_vec()).unwrap(),
            ));
        }
        let expected = [("a", "1"), ("b", r#"[{"a":2}]"#), ("c", r#""x\"y""#), ("d", "null")];
        assert_eq!(seen, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn refuses_what_is_not_an_object() {
        for raw in ["", "hello", "[1]", "{", r#"{"a"}"#, r#"{"a":}"#, r#"{"a":1 "b":2}"#, "{} x"] {
            let outcome = Scan::object(raw.as_bytes()).and_then(|mut scan| {
                while scan.member()?.is_some() {}
                Ok(())
            });
            assert!(outcome.is_err(), "{raw}");
        }
    }

    #[test]
    fn removes_a_member_wherever_it_stands() {
        for (raw, expected) in [
            (r#"{"a":1,"usage":null}"#, r#"{"a":1}"#),
            (r#"{"usage":null,"a":1}"#, r#"{"a":1}"#),
            (r#"{"usage":null}"#, "{}"),
            (r#"{"a":1, "usage": null , "b":2}"#, r#"{"a":1 , "b":2}"#),
        ] {
            let mut scan = Scan::object(raw.as_bytes()).unwrap();
            let found = loop {
                let found = scan.member().unwrap().unwrap();
                if found.key == b"usage" {
                    break found;
                }
            };
            let out = without_member(raw.as_bytes(), found.start, found.end);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
