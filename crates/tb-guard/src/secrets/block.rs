//! Keys in blocks: PEM and its relatives, PuTTY's files.

use memchr::memmem;

use super::hit::Hit;

/// The longest block that is taken as one: an 16384-bit RSA key with room for headers.
const LONGEST: usize = 20_000;

/// The block whose `BEGIN ` stands at `word`.
pub(super) fn pem(text: &[u8], word: usize) -> Option<Hit> {
    let before = text.get(..word)?;
    // RFC 7468 has five dashes; some vendors wrote four and a blank.
    let blank = usize::from(before.ends_with(b"- "));
    let dashes = before.iter().rev().skip(blank).take(5).take_while(|byte| **byte == b'-').count();
    if dashes < 4 {
        return None;
    }
    let at = word - dashes - blank;
    let after = text.get(word..)?.strip_prefix(b"BEGIN ")?;
    let label = after.get(..after.len().min(48))?;
    let label_end = memchr::memchr(b'-', label)?;
    let label = label.get(..label_end)?;
    memmem::find(label, b"PRIVATE KEY")?;
    let body = after.get(label_end..)?;
    let body = body.get(..body.len().min(LONGEST))?;
    // Another beginning ends this block: unfinished ones are not read twice.
    let body = body.get(..memmem::find(body, b"BEGIN ").unwrap_or(body.len()))?;
    let skip = body.iter().take_while(|byte| **byte == b'-').count();
    let length = memmem::find(body, b"-----END ")
        .or_else(|| memmem::find(body, b"---- END "))
        .map_or_else(|| key_run(body, skip), |end| end + end_of_footer(body.get(end..)));
    let inner = body.get(skip..length)?;
    let letters = inner.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
    if letters < 32 || memmem::find(inner, b"...").is_some() {
        return None;
    }
    Some(Hit { rule: "private_key", start: at, end: word + 6 + label_end + length, score: 1.0 })
}

/// Without its end: as far as the lines of base64 and the headers go.
fn key_run(body: &[u8], skip: usize) -> usize {
    let is_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=\r\n\\:,-".contains(byte);
    let run = body.iter().skip(skip).take_while(|byte| is_key(byte)).count();
    skip + run
}

/// How long `-----END … KEY-----` is.
fn end_of_footer(footer: Option<&[u8]>) -> usize {
    let Some(footer) = footer else { return 0 };
    let dashes = footer.iter().take_while(|byte| **byte == b'-').count();
    let words = footer
        .iter()
        .skip(dashes)
        .take(48)
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b' ')
        .count();
    let tail = footer.iter().skip(dashes + words).take(5).take_while(|byte| **byte == b'-').count();
    dashes + words + tail
}

/// A PuTTY file, from its first line to its MAC.
pub(super) fn putty(text: &[u8], at: usize) -> Option<Hit> {
    let rest = text.get(at..)?;
    let rest = rest.get(..rest.len().min(LONGEST))?;
    let next = rest.get(1..).and_then(|rest| memmem::find(rest, b"PuTTY-User-Key-File-"));
    let rest = rest.get(..next.map_or(rest.len(), |next| next + 1))?;
    memmem::find(rest, b"Private-Lines:")?;
    let mac = memmem::find(rest, b"Private-MAC:").unwrap_or(rest.len());
    let tail = rest.get(mac..)?;
    let line = memchr::memchr2(b'\n', b'\r', tail).unwrap_or(tail.len());
    Some(Hit { rule: "putty_private_key", start: at, end: at + mac + line, score: 1.0 })
}
