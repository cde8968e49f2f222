//! Passwords in sentences: "my password is …", "log in as x with the pw …", "use … as password".

use super::beyond;
use super::hit::Hit;
use super::passphrase;
use super::password::{is_code, is_password_like};
use super::placeholder::is_placeholder;
use super::randomness::Makeup;
use super::value;

/// How far a sentence is followed after the word, in bytes.
pub(super) const WINDOW: usize = 120;
/// How many words may stand between.
const WORDS: usize = 9;

/// Words that tie a password to its value, in English, German, French, Spanish, Italian,
/// Portuguese and Dutch.
const TIES: &[&str] = &[
    "is", "was", "to", "as", "be", "are", "ist", "lautet", "war", "est", "es", "era", "é", "è",
    "sera", "on", "auf", "zu", "à", "por", "like", "=", ":", "->", "=>", "-", "–", "—", "=:",
    "это", "je", "är", "er", "jest", "este", "là", "adalah",
];

/// Words that may follow a tie.
const FILLERS: &[&str] = &[
    "now",
    "still",
    "currently",
    "just",
    "set",
    "simply",
    "jetzt",
    "noch",
    "maintenant",
    "ahora",
    "the",
    "following",
    "this",
    "probably",
    "always",
    "literally",
    "be",
    "this:",
    "following:",
    "now:",
    "is",
    "immer",
    "toujours",
    "siempre",
    "adesso",
    "agora",
    "changed",
    "to",
];

/// Words with digits or symbols that are no passwords. In lower case, without what follows.
const TECHNICAL: &[&str] = &[
    "sha",
    "md5",
    "base64",
    "utf",
    "aes",
    "bcrypt",
    "oauth",
    "argon2",
    "pbkdf2",
    "http",
    "ipv",
    "rfc",
    "iso",
    "v1",
    "v2",
    "v3",
    "2fa",
    "mfa",
    "sso",
    "ntlm",
    "rsa",
    "ed25519",
    "win",
    "mp3",
    "s3",
    "ec2",
    "k8s",
    "i18n",
    "iphone",
    "office365",
    "o365",
    "python",
    "java",
    "php",
    "sql",
    "1st",
    "2nd",
    "3rd",
    "4th",
    "x509",
    "pkcs",
];

/// What only speaks about a password.
const ABOUT: &[&str] =
    &["hash", "hashes", "salt", "policy", "length", "digest", "file", "field", "id", "version"];

/// The password after the word that ends at `end`.
pub(super) fn after(text: &str, end: usize, is_short: bool) -> Option<Hit> {
    let bytes = text.as_bytes();
    let rest = bytes.get(end..)?;
    if let Some(hit) = beyond::particle(text, end) {
        return Some(hit);
    }
    let opens =
        rest.first().is_some_and(|byte| byte.is_ascii_whitespace() || b"'\"`*:=)".contains(byte));
    if !opens {
        return None;
    }
    let window = rest.get(..rest.len().min(WINDOW))?;
    let line = memchr::memchr2(b'\n', b'\r', window).unwrap_or(window.len());
    let window = window.get(..line)?;
    let genitive = if window.starts_with(b"'s ") { 2 } else { 0 };
    let glue = window.iter().skip(genitive).take_while(|byte| b"\"'*`)".contains(byte)).count();
    let mut at = genitive + glue;
    let has_colon = window.get(..at + 1).is_some_and(|glue| glue.ends_with(b":"));
    at += usize::from(has_colon);
    // `**Password**`: what is emphasised alone in its line is a heading.
    let is_heading = glue >= 2 && window.get(at..)?.trim_ascii().is_empty();
    let mut is_tied = has_colon || is_heading;
    for index in 0..WORDS {
        at += window.get(at..)?.iter().take_while(|byte| b" \t".contains(byte)).count();
        let Some(word) = word(window.get(at..)?) else {
            return Some(at).filter(|_| is_tied).and_then(|at| beyond::next_line(text, end + at));
        };
        let lower = String::from_utf8_lossy(word).to_lowercase();
        let plain = lower.trim_end_matches([':', ',']);
        let is_tie = TIES.contains(&plain) || TIES.contains(&lower.as_str());
        let is_filler = is_tied && FILLERS.contains(&lower.as_str());
        if !is_tie && !is_filler {
            if is_tied {
                return tied(text, end + at, is_short);
            }
            if ABOUT.contains(&plain) {
                return None;
            }
            let is_near = index == 0;
            if let Some(hit) = direct(text, end + at, is_near) {
                return Some(hit);
            }
            if word.ends_with(b".") || word.ends_with(b"?") || word.ends_with(b"!") {
                return None;
            }
        }
        is_tied |= is_tie || lower.ends_with(':');
        at += word.len();
    }
    None
}

fn word(rest: &[u8]) -> Option<&[u8]> {
    let length = rest.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
    rest.get(..length).filter(|word| !word.is_empty())
}

/// What a tie points at.
fn tied(text: &str, at: usize, is_short: bool) -> Option<Hit> {
    if let Some(place) = passphrase::find(text, at) {
        return Some(hit(place.start, place.end, 0.6)).filter(|_| !is_short);
    }
    let found = value::read(text, at)?;
    let value = text.as_bytes().get(found.place.clone())?;
    if value.len() < 4 || is_technical(value) || is_code(value) || is_placeholder(value) {
        return None;
    }
    let makeup = Makeup::of(value);
    let is_secret = if found.is_quoted && !is_short {
        !value.contains(&b' ') || value.iter().filter(|byte| **byte == b' ').count() < 6
    } else if makeup.digits == value.len() {
        !is_counted(text.as_bytes().get(found.place.end..)?)
    } else {
        looks_chosen(value) || !is_short && passphrase::is_dashed(value)
    };
    is_secret.then_some(hit(found.place.start, found.place.end, 0.75))
}

/// A value right after the word or a little later, without a tie: only what cannot be a word.
fn direct(text: &str, at: usize, is_near: bool) -> Option<Hit> {
    let found = value::read(text, at)?;
    let value = text.as_bytes().get(found.place.clone())?;
    let makeup = Makeup::of(value);
    let is_strong = value.len() >= 6
        && makeup.letters() > 1
        && (makeup.digits > 0 && (is_near || makeup.changes > 2) && value.len() >= 6
            || is_near && found.is_quoted && looks_chosen(value));
    let is_secret = is_strong
        && !is_code(value)
        && !is_placeholder(value)
        && !is_technical(value)
        && looks_chosen(value)
        && (is_near || makeup.upper > 0 || makeup.others > 0);
    is_secret.then_some(hit(found.place.start, found.place.end, 0.6))
}

pub(super) fn hit(start: usize, end: usize, score: f32) -> Hit {
    Hit { rule: "password_prose", start, end, score }
}

/// A value that a person or a generator chose: not a word, a name, a number with its unit.
pub(super) fn looks_chosen(value: &[u8]) -> bool {
    let makeup = Makeup::of(value);
    let starts_number = value.first().is_some_and(u8::is_ascii_digit);
    let is_measure = starts_number && value.contains(&b'-') && makeup.changes <= 3;
    let is_spelled = makeup.digits == 0
        && value.iter().all(|byte| {
            byte.is_ascii_alphabetic() || !byte.is_ascii() || b"-'/,.()+:;&\"*".contains(byte)
        });
    let is_code = value.ends_with(b")") || value.contains(&b'(') || value.starts_with(b"/");
    let has_turns = makeup.upper > 1 && makeup.lower > 1 && makeup.changes * 4 >= value.len();
    is_password_like(value) && !is_measure && !is_code && (!is_spelled || has_turns)
}

pub(super) fn is_technical(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    value.len() < 16 && TECHNICAL.iter().any(|word| lower.starts_with(word.as_bytes()))
}

/// Whether a number counts what comes next.
pub(super) fn is_counted(rest: &[u8]) -> bool {
    const UNITS: &[&str] = &[
        "char", "digit", "letter", "day", "minute", "hour", "month", "second", "time", "byte",
        "bit", "year", "week", "or ", "and ", "to ", "zeichen", "caract", "user", "%", "word",
    ];
    let next: Vec<u8> = rest.iter().take(12).map(u8::to_ascii_lowercase).collect();
    let next = next.trim_ascii_start();
    UNITS.iter().any(|unit| next.starts_with(unit.as_bytes()))
}

/// The password before a word: "X is my password", "use X as the password".
pub(super) fn before(text: &str, start: usize) -> Option<Hit> {
    const ARTICLES: &[&[u8]] =
        &[b"my", b"the", b"our", b"a", b"your", b"mein", b"das", b"mon", b"le", b"mi", b"la"];
    const TIED: &[&[u8]] =
        &[b"is", b"as", b"was", b"ist", b"als", b"est", b"comme", b"es", b"como"];
    let head = text.as_bytes().get(start.saturating_sub(WINDOW)..start)?;
    let mut words = head.rsplit(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let article = words.next()?;
    let tie = if ARTICLES.contains(&article.to_ascii_lowercase().as_slice()) {
        words.next()?
    } else {
        article
    };
    if !TIED.contains(&tie.to_ascii_lowercase().as_slice()) {
        return None;
    }
    let word = words.next()?;
    // Where the word stands in the text: both are slices of it.
    let offset = word.as_ptr().addr() - head.as_ptr().addr() + start.saturating_sub(WINDOW);
    if offset == start.saturating_sub(WINDOW) && start > WINDOW {
        return None;
    }
    let found = value::read(text, offset)?;
    let value = text.as_bytes().get(found.place.clone())?;
    let is_secret = value.len() >= 6
        && Makeup::of(value).digits > 0
        && looks_chosen(value)
        && !is_placeholder(value)
        && !is_technical(value);
    is_secret.then_some(hit(found.place.start, found.place.end, 0.6))
}
