//! Whether the value of a setting is a password or a key.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::class::{BASE64, HEX, WORD, is_uuid};
use super::hit::Hit;
use super::placeholder::is_placeholder;
use super::randomness::{Makeup, entropy, looks_random};
use super::setting::{Form, Setting};
use super::value::LONGEST;

/// Parts of names that speak about a password and do not hold one.
const ABOUT: &[&str] = &[
    "hash",
    "salt",
    "url",
    "uri",
    "path",
    "file",
    "field",
    "_id",
    "name",
    "len",
    "policy",
    "reset",
    "hint",
    "input",
    "label",
    "type",
    "count",
    "limit",
    "expir",
    "require",
    "min",
    "max",
    "regex",
    "pattern",
    "manager",
    "store",
    "provider",
    "class",
    "form",
    "error",
    "valid",
    "check",
    "strength",
    "encod",
    "change",
    "forgot",
    "num",
    "placeholder",
    "prompt",
    "message",
    "enabled",
    "has_",
    "is_",
    "show",
    "visib",
    "attempt",
    "rotation",
    "length",
    "public",
    "title",
    "help",
    "usage",
    "digest",
    "fingerprint",
    "checksum",
    "commit",
    "etag",
    "integrity",
    "revision",
    "sha",
    "md5",
    "cache",
    "primary",
    "foreign",
    "sort",
    "next",
    "page",
    "cursor",
    "index",
];

static WORDS: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(ABOUT).ok());

/// Compiles the words, if they are not yet.
pub(super) fn warm() {
    LazyLock::force(&WORDS);
}

/// Whether a name only speaks about a secret.
pub(super) fn is_about(name: &[u8]) -> bool {
    WORDS.as_ref().is_some_and(|words| words.is_match(name))
}

/// The password of a setting whose name says that it holds one.
pub(super) fn password(text: &[u8], setting: &Setting) -> Option<Hit> {
    let value = text.get(setting.value.place.clone())?;
    if !(4..=256).contains(&value.len()) || is_type(text, setting) {
        return None;
    }
    let is_password = if setting.value.is_quoted {
        quoted(value, setting.form)
    } else {
        bare(text, value, setting)
    };
    is_password.then(|| hit("password_assignment", setting, 0.8))
}

/// `name: Type = …`: what stands there is a type.
fn is_type(text: &[u8], setting: &Setting) -> bool {
    let after = text.get(setting.value.place.end..).unwrap_or_default();
    !setting.value.is_quoted && after.starts_with(b" = ")
}

fn hit(rule: &'static str, setting: &Setting, score: f32) -> Hit {
    Hit { rule, start: setting.value.place.start, end: setting.value.place.end, score }
}

fn quoted(value: &[u8], form: Form) -> bool {
    if is_placeholder(value) || says_password(value) {
        return false;
    }
    let makeup = Makeup::of(value);
    if value.contains(&b' ') {
        return is_passphrase(value);
    }
    let is_mixed = makeup.digits > 0 || has_symbol(value);
    match form {
        Form::Weak | Form::Blank if value.contains(&b'/') => false,
        Form::Blank => is_mixed && makeup.letters() > 0,
        Form::Weak => is_mixed && makeup.letters() > 0 && value.len() >= 6,
        _ => is_mixed || value.len() >= 5,
    }
}

/// Several words: one of them is no plain word, or it is four and none binds a sentence.
fn is_passphrase(value: &[u8]) -> bool {
    const BINDING: &[&[u8]] = &[
        b"your",
        b"the",
        b"a",
        b"an",
        b"is",
        b"are",
        b"must",
        b"please",
        b"enter",
        b"to",
        b"for",
        b"of",
        b"and",
        b"or",
        b"not",
        b"be",
        b"with",
        b"do",
        b"i",
        b"my",
        b"in",
        b"at",
        b"can",
        b"no",
        b"password",
        b"passwort",
        b"contrase\xc3\xb1a",
        b"de",
        b"der",
        b"das",
        b"le",
        b"la",
        b"el",
        b"this",
        b"that",
        b"you",
        b"it",
        b"on",
        b"we",
        b"from",
    ];
    let lower = value.to_ascii_lowercase();
    let words: Vec<&[u8]> = lower.split(|byte| *byte == b' ').filter(|w| !w.is_empty()).collect();
    words.len() >= 2
        && words.len() <= 10
        && !words.iter().any(|word| BINDING.contains(word))
        && (words.len() >= 4 || words.iter().any(|word| is_password_like(word)))
}

/// Without quotes a value must not be code.
fn bare(text: &[u8], value: &[u8], setting: &Setting) -> bool {
    if is_code(value) || is_placeholder(value) {
        return false;
    }
    let next = text.get(setting.value.place.end);
    if next == Some(&b'(') {
        return false;
    }
    let makeup = Makeup::of(value);
    if makeup.digits == value.len() {
        return setting.form != Form::Weak && value.len() >= 6;
    }
    if is_password_like(value) {
        return !says_password(value) || makeup.digits > 0 && has_symbol(value);
    }
    // A plain word: only where no code stands, and alone in its place.
    let ends = next.is_none_or(|byte| byte.is_ascii_whitespace() || b"&;\"\\".contains(byte));
    let is_word = makeup.letters() + makeup.digits == value.len();
    matches!(setting.form, Form::Tight | Form::Blank)
        && ends
        && is_word
        && value.len() >= 6
        && !says_password(value)
}

/// Whether the value talks about passwords (`passwordField`, `user_secret`).
fn says_password(value: &[u8]) -> bool {
    const SELF: &[&str] = &["passw", "pwd", "secret", "token", "credential", "kennwort"];
    let lower = value.to_ascii_lowercase();
    let makeup = Makeup::of(value);
    let is_name = makeup.digits < 2 && value.iter().all(|byte| WORD.has(*byte) || *byte == b'-');
    is_name && SELF.iter().any(|word| memchr::memmem::find(&lower, word.as_bytes()).is_some())
}

/// Calls, paths of names, indexing, generics.
pub(super) fn is_code(value: &[u8]) -> bool {
    if value.starts_with(b"*const") || value.starts_with(b"*mut") || value.starts_with(b"__") {
        return true;
    }
    let has_path = |tail: &[u8]| tail.first().is_some_and(u8::is_ascii_alphabetic);
    if memchr::memmem::find_iter(value, b"::").any(|at| value.get(at + 2..).is_some_and(has_path)) {
        return true;
    }
    let name = value.iter().take_while(|byte| WORD.has(**byte) || **byte == b'.').count();
    let is_plain = !value.get(..name).unwrap_or_default().iter().any(u8::is_ascii_digit);
    let goes_on = value.get(name..).unwrap_or_default();
    let is_access = matches!(goes_on, [b'(' | b'[', ..] | [b':', b':', ..] | [b'-', b'>', ..])
        || matches!(goes_on, [b'?' | b'!', b'.', ..] | [b'<', ..] | [b'|', b'|', ..]);
    let is_call = memchr::memmem::find(value, b"()").is_some();
    let is_path = goes_on.is_empty() && is_plain && value.contains(&b'.');
    name > 0 && is_plain && is_access || is_call || is_path || value.starts_with(b"(")
}

/// Characters that names and sentences do not have.
fn has_symbol(value: &[u8]) -> bool {
    value.iter().any(|byte| !byte.is_ascii_alphanumeric() && !b"_-.' /".contains(byte))
}

/// Whether it cannot be a plain word, a number or a name.
pub(super) fn is_password_like(value: &[u8]) -> bool {
    let makeup = Makeup::of(value);
    let has_turns = makeup.upper > 1 && makeup.lower > 1 && makeup.changes * 4 >= value.len();
    value.len() >= 5
        && makeup.letters() > 0
        && (makeup.digits > 0
            || value.len() >= 6 && has_symbol(value)
            || value.len() >= 8 && has_turns)
}

/// The key of a setting whose name says secret, token or key.
pub(super) fn key(text: &[u8], setting: &Setting, is_vague: bool) -> Option<Hit> {
    let value = text.get(setting.value.place.clone())?;
    if value.len() >= LONGEST || value.contains(&b' ') || is_uuid(value) || is_type(text, setting) {
        return None;
    }
    if !looks_random(value) || is_placeholder(value) {
        return None;
    }
    let makeup = Makeup::of(value);
    let is_name = makeup.digits == 0 && makeup.changes * 3 < value.len();
    if !setting.value.is_quoted && (is_name || is_code(value) || value.contains(&b'(')) {
        return None;
    }
    let lower = value.get(..value.len().min(8))?.to_ascii_lowercase();
    if lower.starts_with(b"sha") || lower.starts_with(b"md5") || lower.starts_with(b"0x") {
        return None;
    }
    let is_hex = HEX.run(value, value.len()) == value.len();
    let least = if is_vague { 20 } else { 12 };
    let is_secret = value.len() >= least
        && !(is_vague && (is_hex || entropy(value) < 3.7 || setting.form == Form::Weak));
    if !is_secret {
        return None;
    }
    let is_aws = value.len() == 40 && BASE64.run(value, 40) == 40 && is_cloud_name(text, setting);
    Some(match is_aws {
        true => hit("aws_secret_access_key", setting, 0.9),
        false => hit("generic_secret", setting, if is_vague { 0.5 } else { 0.6 }),
    })
}

fn is_cloud_name(text: &[u8], setting: &Setting) -> bool {
    let name = text.get(setting.name.clone()).unwrap_or_default();
    let letters: Vec<u8> = name.iter().filter(|b| b.is_ascii_alphabetic()).copied().collect();
    let lower = letters.to_ascii_lowercase();
    memchr::memmem::find(&lower, b"aws").is_some()
        || memchr::memmem::find(&lower, b"secretaccesskey").is_some()
}
