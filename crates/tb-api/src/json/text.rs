//! JSON strings: finding their end, decoding and writing them.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use super::scan::Fault;

/// A string that was found to be valid.
#[derive(Debug, Clone, Copy)]
pub(super) struct StringEnd {
    /// The offset behind the closing quote.
    pub(super) end: usize,
    /// How many bytes shorter the decoded text is than the bytes between the quotes.
    pub(super) saved: usize,
    /// Whether it holds a backslash.
    pub(super) escaped: bool,
}

/// Validates the string whose opening quote is at `open`. The bytes must be UTF-8.
pub(super) fn scan_string(bytes: &[u8], open: usize) -> Result<StringEnd, Fault> {
    let mut at = open + 1;
    let mut saved = 0;
    let mut escaped = false;
    loop {
        at = find_special(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Ok(StringEnd { end: at + 1, saved, escaped }),
            Some(b'\\') => {
                let (decoded, length) =
                    escape(bytes, at).map_err(|problem| Fault { problem, offset: at })?;
                saved += length - decoded.len_utf8();
                escaped = true;
                at += length;
            }
            Some(_) => {
                let problem = "a control character in a string must be escaped";
                return Err(Fault { problem, offset: at });
            }
            None => return Err(Fault { problem: "a string is not closed", offset: at }),
        }
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
/// Strings up to this many words are searched without a call; keys and short values end here.
const SHORT_WORDS: usize = 4;

/// The offset of the first quote, backslash or control character from `from` on, or the end.
fn find_special(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let (words, _) = rest.as_chunks::<8>();
    let mut at = from;
    for word in words.iter().take(SHORT_WORDS) {
        let found = special_mask(u64::from_le_bytes(*word));
        if found != 0 {
            return at + usize::try_from(found.trailing_zeros() / 8).unwrap_or_default();
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let run = memchr2(b'"', b'\\', rest).and_then(|stop| rest.get(..stop)).unwrap_or(rest);
    // The minimum is taken over the whole run because that loop is vectorised; a search that
    // can stop early is not.
    if run.iter().fold(u8::MAX, |least, &byte| least.min(byte)) < 0x20 {
        return at + run.iter().position(|&byte| byte < 0x20).unwrap_or_default();
    }
    at + run.len()
}

/// The high bit of each byte of `word` that is a quote, a backslash or below 0x20. Bits above
/// the lowest one may be false (borrows), the lowest never is.
const fn special_mask(word: u64) -> u64 {
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5C);
    let quotes = quote.wrapping_sub(ONES) & !quote;
    let backslashes = backslash.wrapping_sub(ONES) & !backslash;
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    (quotes | backslashes | controls) & HIGHS
}

/// The character that the escape at `at` (a backslash) stands for and the length of the escape.
fn escape(bytes: &[u8], at: usize) -> Result<(char, usize), &'static str> {
    let character = match bytes.get(at + 1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode_escape(bytes, at),
        _ => return Err("invalid escape in a string"),
    };
    Ok((character, 2))
}

fn unicode_escape(bytes: &[u8], at: usize) -> Result<(char, usize), &'static str> {
    const LONE: &str = "a \\u escape holds half of a surrogate pair";
    let first = hex4(bytes, at + 2)?;
    if !(0xD800..0xDC00).contains(&first) {
        return char::from_u32(first).map(|character| (character, 6)).ok_or(LONE);
    }
    if bytes.get(at + 6..at + 8) != Some(br"\u") {
        return Err(LONE);
    }
    let second = hex4(bytes, at + 8)?;
    if !(0xDC00..0xE000).contains(&second) {
        return Err(LONE);
    }
    let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    char::from_u32(code).map(|character| (character, 12)).ok_or(LONE)
}

fn hex4(bytes: &[u8], at: usize) -> Result<u32, &'static str> {
    const PROBLEM: &str = "\\u must be followed by four hexadecimal digits";
    let digits = bytes.get(at..at + 4).ok_or(PROBLEM)?;
    digits.iter().try_fold(0, |value, &digit| {
        char::from(digit).to_digit(16).map(|digit| value * 16 + digit).ok_or(PROBLEM)
    })
}

/// Base64 from this length on is taken for an attachment. Shorter runs without a blank occur
/// in prose: names, keys, addresses.
const LONG_BASE64: usize = 1_024;

/// The longest head of a `data:` URL; real ones name a type and perhaps a file.
const MAX_DATA_HEAD: usize = 256;

/// Whether a valid string, from the bytes between its quotes, holds an attachment and no text:
/// a `data:` URL (RFC 2397) with a media type, or more than a KiB of nothing but base64 (both
/// alphabets, with `\/` and line breaks where they are escaped).
pub(super) fn is_attachment(inner: &[u8]) -> bool {
    is_data_url(inner) || (inner.len() > LONG_BASE64 && is_base64(inner))
}

fn is_data_url(inner: &[u8]) -> bool {
    let Some((scheme, rest)) = inner.split_first_chunk::<5>() else { return false };
    if !scheme.eq_ignore_ascii_case(b"data:") {
        return false;
    }
    let head = rest.get(..MAX_DATA_HEAD).unwrap_or(rest);
    let Some(head) = memchr(b',', head).and_then(|comma| head.get(..comma)) else { return false };
    head.contains(&b'/') && head.iter().all(u8::is_ascii_graphic)
}

/// A piece at a time: the loop over a piece is vectorised because it cannot stop early, and
/// prose is told by its first piece.
fn is_base64(bytes: &[u8]) -> bool {
    let fits = |byte: u8| {
        byte.is_ascii_alphanumeric() | matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=' | b'\\')
    };
    bytes.chunks(64).all(|piece| piece.iter().fold(true, |all, &byte| all & fits(byte)))
}

/// The text of a valid string, from the bytes between its quotes. What follows an escape that
/// is none stays as it is.
pub(super) fn unescape(inner: &[u8]) -> Cow<'_, [u8]> {
    let Some(mut stop) = memchr(b'\\', inner) else { return Cow::Borrowed(inner) };
    let mut out = Vec::with_capacity(inner.len());
    let mut at = 0;
    loop {
        out.extend_from_slice(inner.get(at..stop).unwrap_or_default());
        let Ok((character, length)) = escape(inner, stop) else {
            out.extend_from_slice(inner.get(stop..).unwrap_or_default());
            break;
        };
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        at = stop + length;
        let rest = inner.get(at..).unwrap_or_default();
        match memchr(b'\\', rest) {
            Some(next) => stop = at + next,
            None => {
                out.extend_from_slice(rest);
                break;
            }
        }
    }
    Cow::Owned(out)
}

/// Writes `text` as a JSON string, with quotes, to `out`.
///
/// Only what RFC 8259 section 7 demands is escaped: quote, backslash and characters below
/// U+0020. The result holds no line break.
pub fn write_string(text: &str, out: &mut String) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut rest = text;
    loop {
        let stop = find_special(rest.as_bytes(), 0);
        let Some((clean, special)) = rest.split_at_checked(stop) else { break };
        out.push_str(clean);
        let mut characters = special.chars();
        let Some(character) = characters.next() else { break };
        write_escape(character, out);
        rest = characters.as_str();
    }
    out.push('"');
}

fn write_escape(character: char, out: &mut String) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        other => {
            out.push_str("\\u");
            let code = u32::from(other);
            for shift in [12, 8, 4, 0] {
                out.push(char::from_digit((code >> shift) & 0xF, 16).unwrap_or('0'));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_special_byte_at_every_offset() {
        for length in 0..80 {
            for special in [b'"', b'\\', 0, 0x1F, b'\n'] {
                let mut bytes = vec![b'a'; length];
                bytes.push(special);
                bytes.extend_from_slice(b"!#[]\x7f\xc3\xa4\"\\\x01");
                assert_eq!(find_special(&bytes, 0), length, "{special}");
            }
            let bytes = [0x20, 0x21, 0x23, 0x5B, 0x5D, 0x7F, 0xC3, 0xA4].repeat(length);
            assert_eq!(find_special(&bytes, 0), bytes.len());
        }
    }

    #[test]
    fn counts_the_decoded_length() {
        for raw in [r#""""#, r#""abc""#, r#""\n\"\u00e9\u20ac\ud83d\ude00 x""#] {
            let end = scan_string(raw.as_bytes(), 0).unwrap();
            let text: String = serde_json::from_str(raw).unwrap();
            assert_eq!(end.end, raw.len());
            assert_eq!(raw.len() - 2 - end.saved, text.len());
            assert_eq!(end.escaped, raw.contains('\\'));
        }
    }

    #[test]
    fn tells_attachments_from_text() {
        let long = "iVBORw0K".repeat(200);
        let attachments = [
            "data:image/png;base64,iVBORw0KGgo=".to_owned(),
            r"DATA:image\/svg+xml,%3Csvg%3E".to_owned(),
            long.clone(),
            format!("{long}=="),
            format!(r"{long}\/\n{long}-_"),
        ];
        for inner in &attachments {
            assert!(is_attachment(inner.as_bytes()), "{inner:.40}");
        }
        let texts = [
            String::new(),
            "data:".to_owned(),
            "data: what is a/b, really".to_owned(),
            "data:a,b".to_owned(),
            format!("data:{}/,", "x".repeat(300)),
            "iVBORw0K".repeat(128),
            format!("{long} {long}"),
            format!("{long}."),
            "\u{4f60}\u{597d}".repeat(1_000),
        ];
        for inner in &texts {
            assert!(!is_attachment(inner.as_bytes()), "{inner:.40}");
        }
    }

    #[test]
    fn what_follows_an_escape_that_is_none_is_kept() {
        for inner in [r"\ud800", r"a\q"] {
            assert_eq!(*unescape(inner.as_bytes()), *inner.as_bytes());
        }
        assert_eq!(*unescape(br"\n\ud800 x"), *b"\n\\ud800 x");
    }

    #[test]
    fn writes_what_serde_json_writes() {
        let text: String = (0..0x100u32).filter_map(char::from_u32).collect();
        let mut out = String::new();
        write_string(&text, &mut out);
        assert_eq!(out, serde_json::to_string(&text).unwrap());
    }
}
