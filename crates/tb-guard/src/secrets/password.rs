//! Whether the value of a setting is a password or a key.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::class::{UPPER, WORD};
use super::hit::Hit;
use super::passphrase;
use super::placeholder::is_placeholder;
use super::randomness::Makeup;
use super::setting::{Form, Setting};
use super::value::{self, LONGEST, Value};

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
    "management",
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
    let is_option = text.get(setting.name.start) == Some(&b'-') && setting.form == Form::Tight;
    let (whole, end) = joined(text, &setting.value).unwrap_or((value.to_vec(), value_end(setting)));
    let least = if is_option { 3 } else { 4 };
    if !(least..=256).contains(&whole.len()) || is_type(text, setting) {
        return None;
    }
    let is_password = if setting.value.is_quoted {
        quoted(&whole, setting.form)
    } else {
        bare(text, value, setting) || is_option && value.len() == 3 && is_short(value)
    };
    is_password.then(|| Hit { end, ..hit("password_assignment", setting, 0.8) })
}

const fn value_end(setting: &Setting) -> usize {
    setting.value.place.end
}

/// A value of three letters behind an option.
fn is_short(value: &[u8]) -> bool {
    value.iter().all(u8::is_ascii_alphanumeric) && !is_placeholder(value)
}

/// A literal with those that are joined to it (`"abc" + "def"`), and where the last one ends.
fn joined(text: &[u8], value: &Value) -> Option<(Vec<u8>, usize)> {
    let mut end = value.place.end;
    let mut whole = text.get(value.place.clone()).filter(|_| value.is_quoted)?.to_vec();
    let mut has_more = false;
    for _ in 0..8 {
        let Some(joint) = value::joint(text.get(end..)?).filter(|joint| joint.has_sign) else {
            break;
        };
        let rest = text.get(end + joint.length..)?;
        let rest = rest.get(..rest.len().min(LONGEST))?;
        let Some(length) = rest.iter().position(|byte| b"\"'\n\\`".contains(byte)) else { break };
        whole.extend(rest.iter().take(length));
        end += joint.length + length;
        has_more = true;
    }
    has_more.then_some((whole, end))
}

/// `name: Type = …`: what stands there is a type.
pub(super) fn is_type(text: &[u8], setting: &Setting) -> bool {
    let after = text.get(setting.value.place.end..).unwrap_or_default();
    !setting.value.is_quoted && after.starts_with(b" =")
}

pub(super) fn hit(rule: &'static str, setting: &Setting, score: f32) -> Hit {
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
    if passphrase::is_dashed(value) {
        return true;
    }
    // A plain word: only where no code stands, and alone in its place.
    let ends = next.is_none_or(|byte| byte.is_ascii_whitespace() || b"&;\"\\<".contains(byte));
    let is_word = makeup.letters() + makeup.digits == value.len();
    let is_plain = matches!(setting.form, Form::Tight | Form::Blank);
    (is_plain || is_constant(text, setting) || is_between_tags(text, setting))
        && ends
        && is_word
        && value.len() >= 6
        && !says_password(value)
}

/// Whether the name is one of an environment (`DB_PASSWORD`).
fn is_constant(text: &[u8], setting: &Setting) -> bool {
    let name = text.get(setting.name.clone()).unwrap_or_default();
    name.contains(&b'_') && UPPER.and(b"_").run(name, name.len()) == name.len()
}

/// `<password>value</password>`.
fn is_between_tags(text: &[u8], setting: &Setting) -> bool {
    let place = &setting.value.place;
    let before = place.start.checked_sub(1).and_then(|at| text.get(at));
    before == Some(&b'>') && text.get(place.end..).is_some_and(|rest| rest.starts_with(b"</"))
}

/// Whether the value talks about passwords (`passwordField`, `user_secret`).
fn says_password(value: &[u8]) -> bool {
    const SELF: &[&str] = &["passw", "pwd", "secret", "token", "credential", "kennwort"];
    let lower = value.to_ascii_lowercase();
    if !value.iter().all(|byte| WORD.has(*byte) || *byte == b'-') {
        return false;
    }
    let stem = lower.trim_ascii_end();
    let number = stem.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let stem = stem.get(..stem.len() - number).unwrap_or_default();
    let ends = || {
        let words = SELF.iter().chain(&["word", "name", "field", "key", "value", "input"]);
        words.into_iter().any(|word| stem.ends_with(word.as_bytes()))
    };
    // A number makes a name of it only behind a word of names: `password2`, not `secret_9f2k`.
    let is_name = match number {
        0 => !stem.iter().any(u8::is_ascii_digit),
        1 => ends(),
        _ => false,
    };
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
