//! Matches a documented format where its prefix stands.

use super::class::{ALNUM, Class, DOTTED};
use super::formats::{Format, OPEN, Part, Parts};
use super::hit::Hit;
use super::randomness::{Makeup, is_plausible_body, is_written, looks_random};

/// A prefix that is longer than this stands for the format alone, even behind a sign that also
/// stands inside names.
const SHORT: usize = 3;
/// So much of a text may be one token.
pub(super) const LONGEST: usize = 640;

/// Whether the prefix of `format` stands at `at` in its own case, and not inside a word.
pub(super) fn begins(text: &[u8], at: usize, format: &Format) -> bool {
    text.get(at..).is_some_and(|rest| rest.starts_with(format.prefix.as_bytes()))
        && is_boundary(text, at, format)
}

/// The token that begins at `at` with the prefix of `format`.
pub(super) fn find(text: &[u8], at: usize, format: &Format) -> Option<Hit> {
    let rest = text.get(at..)?;
    let body = rest.strip_prefix(format.prefix.as_bytes())?;
    let length = match format.parts {
        Parts::One(class, least, most) => run(class, body, least, most)?,
        Parts::Many(parts) => {
            let mut length = 0;
            for part in parts {
                let rest = body.get(length..)?;
                length += match part {
                    Part::Run(class, least, most) => run(*class, rest, *least, *most)?,
                    Part::Text(text) => rest.starts_with(text.as_bytes()).then_some(text.len())?,
                };
            }
            length
        }
    };
    let length = length - trailing_dots(body.get(..length)?);
    let secret = body.get(..length)?;
    let is_cut = length >= OPEN;
    if !is_cut && body.get(length).is_some_and(|next| ALNUM.has(*next)) {
        return None;
    }
    let is_doubtful = format.prefix.len() <= SHORT && format.is_open() && is_glued(text, at);
    if !is_credible(secret, format.prefix) || is_doubtful && !looks_random(shown(secret)) {
        return None;
    }
    let end = at + format.prefix.len() + length;
    // `AccountKey=` and the like name what follows; other prefixes are part of the secret.
    let names = format.prefix.ends_with(['=', ' ']);
    let start = if names { at + format.prefix.len() } else { at };
    let score = match format.checksum.fits(format.prefix.len(), text.get(at..end)?) {
        Some(true) => 1.0,
        Some(false) => 0.9,
        None if format.prefix.len() < 4 => 0.9,
        None => 0.95,
    };
    Some(Hit { rule: format.rule, start, end, score })
}

/// The token at the beginning of a text that was put together: it must look random by itself.
pub(super) fn find_joined(text: &[u8], format: &Format) -> Option<Hit> {
    let hit = find(text, 0, format)?;
    let body = text.get(format.prefix.len()..hit.end)?;
    looks_random(shown(body)).then_some(hit)
}

/// Whether what was found, or what follows the prefix, ends where something may cut it.
pub(super) fn may_be_cut(text: &[u8], at: usize, format: &Format, found: Option<Hit>) -> bool {
    let end = match found {
        Some(_) if !format.is_open() => return false,
        Some(hit) => hit.end,
        None => {
            let body = at + format.prefix.len();
            body + DOTTED.run(text.get(body..).unwrap_or_default(), LONGEST)
        }
    };
    matches!(text.get(end), Some(b'\\' | b'\r' | b'\n' | b'"' | b'\'' | b'`'))
}

fn run(class: Class, body: &[u8], least: usize, most: usize) -> Option<usize> {
    let length = class.run(body, most);
    (length >= least).then_some(length)
}

fn trailing_dots(body: &[u8]) -> usize {
    body.iter().rev().take_while(|byte| matches!(byte, b'.' | b':' | b'|' | b'~')).count()
}

/// A token does not begin inside a word. `\n` and its like and `%3D` are written characters,
/// not words.
pub(super) fn is_boundary(text: &[u8], at: usize, format: &Format) -> bool {
    let before = text.get(at.saturating_sub(3)..at).unwrap_or_default();
    if !format.prefix.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return true;
    }
    match before {
        [.., b'\\', b'n' | b't' | b'r'] => true,
        [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => true,
        [.., last] if ALNUM.has(*last) => false,
        // Base64 goes on after these, and three letters of it mean nothing.
        [.., b'/' | b'+'] => format.prefix.len() > SHORT || !format.is_open_base64(),
        _ => true,
    }
}

/// Whether a sign that also stands inside names and paths comes before.
fn is_glued(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|last| text.get(last));
    before.is_some_and(|last| b"_-./+".contains(last))
}

/// A long one shows what it is at its beginning.
fn shown(body: &[u8]) -> &[u8] {
    body.get(..body.len().min(96)).unwrap_or_default()
}

/// Not an example, not a name in code, not words with dashes between. Chance may give a token
/// without digits; behind a long prefix capitals alone will do, too.
fn is_credible(body: &[u8], prefix: &str) -> bool {
    let body = shown(body);
    let makeup = Makeup::of(body);
    let is_mixed = makeup.digits > 0 && makeup.letters() > 0;
    let is_mixed_case = makeup.upper > 2 && makeup.lower > 2;
    let is_number = makeup.digits == body.len();
    let is_capitals = makeup.upper == body.len() && prefix.len() > SHORT;
    (is_mixed || is_mixed_case || is_capitals || is_number && body.len() > 15)
        && is_plausible_body(body)
        && !is_written(body)
}
