//! Addresses of pages: `http://…`, `https://…`, `ftp://…`, `ws://…` and `www.…`.

use memchr::memmem;

use crate::Kind;

use super::hits::{Certainty, Hits};
use super::runs::{at, before};

const SCHEMES: &[&str] = &["http", "https", "ftp", "ftps", "sftp", "ws", "wss"];

/// Finds all URLs of a text.
pub(super) fn find(text: &str, hits: &mut Hits) {
    let bytes = text.as_bytes();
    let mut cursor = 0;
    for place in memmem::find_iter(bytes, b"://") {
        let head = bytes.get(cursor..place).unwrap_or_default();
        let length =
            head.iter().rev().take(6).take_while(|byte| byte.is_ascii_alphabetic()).count();
        let start = place - length;
        let scheme = bytes.get(start..place).unwrap_or_default();
        if !SCHEMES.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(scheme)) {
            continue;
        }
        let end = end_of(text, place + 3);
        // A scheme without a host, or one that is only a pattern.
        if at(bytes, place + 3).is_ascii_alphanumeric()
            || matches!(at(bytes, place + 3), b'[' | 0x80..)
        {
            hits.add(Kind::URL, start, end, Certainty::Form);
            cursor = end;
        }
    }
    let mut cursor = 0;
    for place in memmem::find_iter(bytes, b"www.") {
        let is_start = !before(bytes, place).is_ascii_alphanumeric()
            && !matches!(before(bytes, place), b'/' | b'.' | b'@' | b'-');
        if place < cursor || !is_start {
            continue;
        }
        let end = end_of(text, place + 4);
        let host = bytes.get(place + 4..end).unwrap_or_default();
        if host.first().is_some_and(u8::is_ascii_alphanumeric) && host.contains(&b'.') {
            hits.add(Kind::URL, place, end, Certainty::Form);
            cursor = end;
        }
    }
}

/// The place after the URL whose host begins here: what closes a sentence or a bracket around it
/// does not belong to it.
fn end_of(text: &str, start: usize) -> usize {
    let tail = text.get(start..).unwrap_or_default();
    let stops = |character: char| {
        character.is_whitespace()
            || character.is_control()
            || matches!(character, '"' | '\'' | '<' | '>' | '`' | '\\' | '^' | '{' | '}' | '|')
            || matches!(character, '“' | '”' | '‘' | '’' | '«' | '»' | '、' | '。' | '，' | '）')
    };
    let mut url = tail.split(stops).next().unwrap_or_default();
    let mut open = url.bytes().filter(|byte| *byte == b'(').count();
    let mut closed = url.bytes().filter(|byte| *byte == b')').count();
    while let Some(last) = url.bytes().last() {
        match last {
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b'*' | b']' => {}
            b')' if closed > open => closed -= 1,
            b'(' => open -= 1,
            _ => break,
        }
        url = url.get(..url.len() - 1).unwrap_or_default();
    }
    start + url.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::hits_of;

    fn found(text: &str) -> Vec<&str> {
        hits_of(text, |_, _, _, hits| find(text, hits)).into_iter().map(|(_, hit)| hit).collect()
    }

    #[test]
    fn ends_where_the_sentence_goes_on() {
        assert_eq!(found("see https://www.a.example/b_(c), then"), ["https://www.a.example/b_(c)"]);
        assert_eq!(found("(http://a.example/?q=1&r=2)."), ["http://a.example/?q=1&r=2"]);
        assert_eq!(found("go to www.a.example."), ["www.a.example"]);
        assert_eq!(found("<a href=\"HTTPS://A.example/\">"), ["HTTPS://A.example/"]);
    }

    #[test]
    fn other_schemes_and_empty_hosts_are_none() {
        for text in ["redis://cache", "https://", "a://b", "www.", "the www. x"] {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
