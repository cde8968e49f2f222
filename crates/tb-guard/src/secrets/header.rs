//! `Authorization` headers and bearer tokens.

use super::class::{BASE64, TOKEN68};
use super::hit::Hit;
use super::placeholder::is_placeholder;
use super::randomness::{Makeup, looks_random};

/// Schemes whose credentials are one token.
const SCHEMES: &[&str] = &[
    "bearer",
    "basic",
    "token",
    "apikey",
    "api-key",
    "key",
    "bot",
    "ssws",
    "geniekey",
    "splunk",
    "oauth",
    "negotiate",
    "ntlm",
    "digest",
    "jwt",
    "sso-key",
    "discogs",
];

/// The credentials after the word `authorization` that ends at `end`.
pub(super) fn authorization(text: &[u8], end: usize) -> Option<Hit> {
    let rest = text.get(end..)?;
    let glue = rest.iter().take(12).take_while(|byte| b"\"'`\\]*):=,> \t{".contains(byte)).count();
    if !rest.get(..glue)?.iter().any(|byte| b":=,".contains(byte)) {
        return None;
    }
    let at = end + glue;
    let words = text.get(at..)?;
    let scheme =
        words.iter().take(12).take_while(|b| b.is_ascii_alphabetic() || **b == b'-').count();
    let is_scheme = words
        .get(..scheme)
        .is_some_and(|word| SCHEMES.iter().any(|s| word.eq_ignore_ascii_case(s.as_bytes())));
    let (start, floor) =
        if is_scheme { (at + scheme + blanks(words.get(scheme..)?), 6) } else { (at, 16) };
    let hit = token(text, start, floor)?;
    let secret = text.get(hit.start..hit.end)?;
    (is_scheme || looks_random(secret)).then_some(hit)
}

/// The token after the word `bearer` that ends at `end`, without a header's name.
pub(super) fn bearer(text: &[u8], end: usize) -> Option<Hit> {
    let rest = text.get(end..)?;
    let glue = rest.iter().take(4).take_while(|byte| b" \t:=\"'".contains(byte)).count();
    let hit = token(text, end + glue, 16).filter(|_| glue > 0)?;
    looks_random(text.get(hit.start..hit.end)?).then_some(hit)
}

/// The user and the password after the word `basic` that ends at `end`, in base64.
pub(super) fn basic(text: &[u8], end: usize) -> Option<Hit> {
    let rest = text.get(end..)?;
    let gap = blanks(rest);
    let encoded = rest.get(gap..)?;
    let length = BASE64.run(encoded, 512);
    let token = encoded.get(..length).filter(|_| gap > 0 && length >= 12)?;
    let has_shape = length.is_multiple_of(4) && Makeup::of(token).changes * 5 >= length;
    has_shape.then_some(Hit {
        rule: "basic_credentials",
        start: end + gap,
        end: end + gap + length,
        score: 0.8,
    })
}

fn blanks(rest: &[u8]) -> usize {
    rest.iter().take(4).take_while(|byte| matches!(byte, b' ' | b'\t' | b'+')).count()
}

fn token(text: &[u8], start: usize, least: usize) -> Option<Hit> {
    let rest = text.get(start..)?;
    let length = TOKEN68.run(rest, 4096);
    let value = rest.get(..length)?;
    let trailing = value.iter().rev().take_while(|byte| b".:|".contains(byte)).count();
    let value = value.get(..length - trailing)?;
    let makeup = Makeup::of(value);
    let is_word = makeup.digits == 0 && makeup.changes < 2;
    if value.len() < least || is_placeholder(value) || is_word {
        return None;
    }
    Some(Hit { rule: "authorization_header", start, end: start + value.len(), score: 0.9 })
}
