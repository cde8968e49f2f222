//! Credentials in URLs: `scheme://user:password@host`.

use super::hit::Hit;
use super::placeholder::is_placeholder;
use super::randomness::looks_random;

/// How far the `@` may stand from the `://`.
const USERINFO: usize = 256;
/// How much of the address is covered.
const ADDRESS: usize = 1024;

/// The URL whose `://` ends at `end`.
pub(super) fn find(text: &[u8], end: usize) -> Option<Hit> {
    let rest = text.get(end..)?;
    let window = rest.get(..rest.len().min(USERINFO))?;
    let stop = window.iter().position(|byte| is_stop(*byte)).unwrap_or(window.len());
    let at = memchr::memrchr(b'@', window.get(..stop)?)?;
    let userinfo = window.get(..at)?;
    let is_secret = match memchr::memchr(b':', userinfo) {
        Some(colon) => {
            let password = userinfo.get(colon + 1..)?;
            !password.is_empty() && !is_placeholder(password)
        }
        None => userinfo.len() >= 16 && looks_random(userinfo),
    };
    if !is_secret {
        return None;
    }
    let scheme = text.get(..end.checked_sub(3)?)?;
    let letters = scheme
        .iter()
        .rev()
        .take(32)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.:".contains(byte))
        .count();
    let length = rest
        .iter()
        .take(ADDRESS)
        .take_while(|byte| byte.is_ascii_graphic() && !b"\"'`<>\\|;".contains(byte))
        .count();
    let url = rest.get(..length)?;
    let trailing = url.iter().rev().take_while(|byte| b".,!?)]}:*".contains(byte)).count();
    let url_end = end + length.saturating_sub(trailing).max(at + 1);
    let start = end - 3 - letters;
    let skip = text.get(start..end)?.iter().take_while(|byte| !byte.is_ascii_alphabetic()).count();
    Some(Hit {
        rule: "url_credentials",
        start: start + skip.min(letters),
        end: url_end,
        score: 0.95,
    })
}

/// What ends the part of a URL before its path.
const fn is_stop(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'/' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\')
}
