//! Mail addresses and numbers written backwards, mail addresses in ROT13. Best effort.

use memchr::{memchr_iter, memmem};

use super::map::Edits;
use super::runs::ByteClass;

/// Common last labels of domains: an address that begins with one of these, backwards, was turned.
const LAST_LABELS: &[&str] = &[
    "com", "org", "net", "edu", "gov", "info", "example", "test", "io", "co", "uk", "de", "fr",
    "eu", "us", "ca", "au", "in", "it", "es", "nl", "ch", "at", "jp", "br", "ru", "pl", "biz",
    "dev", "app", "me", "ai",
];

/// Bytes of context that may speak of the number.
const CONTEXT: usize = 40;
const CONTEXT_WORDS: &[&str] = &["ssn", "social", "card", "visa", "revers", "backward"];

static NUMBER: ByteClass = ByteClass::of(b"0123456789- ");
const LEAST_NUMBER: usize = 11;
const LONGEST_NUMBER: usize = 32;

/// Longer tokens are no address.
const LONGEST: usize = 254;

/// Turned tokens, turned back.
pub(super) fn turned(text: &str) -> Edits {
    let mut edits = Edits::default();
    let mut until = 0;
    for at in memchr_iter(b'@', text.as_bytes()) {
        if at < until {
            continue;
        }
        let token = token_around(text, at);
        until = token.end.max(at + 1);
        let Some(word) = text.get(token.clone()) else { continue };
        if is_turned(word) {
            edits.push(token, &word.chars().rev().collect::<String>());
        } else if let Some(plain) = rot13(word) {
            edits.push(token, &plain);
        }
    }
    edits.merged(&numbers(text))
}

fn token_around(text: &str, at: usize) -> std::ops::Range<usize> {
    let bytes = text.as_bytes();
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_+%".contains(byte);
    let before = bytes.get(..at).unwrap_or_default();
    let after = bytes.get(at + 1..).unwrap_or_default();
    let left = before.iter().rev().take(LONGEST).take_while(|byte| is_part(byte)).count();
    let right = after.iter().take(LONGEST).take_while(|byte| is_part(byte)).count();
    at - left..at + 1 + right
}

/// The part before `@` begins with a last label, the part after does not end with one.
fn is_turned(word: &str) -> bool {
    let Some((domain, local)) = word.split_once('@') else { return false };
    let Some((label, _)) = domain.split_once('.') else { return false };
    let is_label = |label: &str, turned: bool| {
        LAST_LABELS.iter().any(|known| {
            if turned { label.bytes().eq(known.bytes().rev()) } else { label == *known }
        })
    };
    let last = local.rsplit_once('.').map(|(_, last)| last);
    is_label(label, true) && !last.is_some_and(|last| is_label(last, false))
}

fn rot13(word: &str) -> Option<String> {
    let (_, domain) = word.split_once('@')?;
    let (_, last) = domain.rsplit_once('.')?;
    let turn = |symbol: char| match symbol {
        'a'..='m' | 'A'..='M' => char::from_u32(u32::from(symbol) + 13).unwrap_or(symbol),
        'n'..='z' | 'N'..='Z' => char::from_u32(u32::from(symbol) - 13).unwrap_or(symbol),
        _ => symbol,
    };
    let plain_last: String = last.chars().map(turn).collect();
    // Only labels of three letters or more: those of two are often real both ways.
    let is_known = |label: &str| label.len() > 2 && LAST_LABELS.contains(&label);
    (is_known(&plain_last) && !is_known(last)).then(|| word.chars().map(turn).collect())
}

/// `4321-12-321` and cards in groups, only where the words before speak of such a number.
fn numbers(text: &str) -> Edits {
    let mut edits = Edits::default();
    let bytes = text.as_bytes();
    for run in NUMBER.runs(bytes, LEAST_NUMBER) {
        let Some(written) = bytes.get(run.clone()) else { continue };
        let start = run.start + (written.len() - written.trim_ascii_start().len());
        let number = written.trim_ascii();
        if number.len() <= LONGEST_NUMBER && is_number(number) && is_spoken_of(bytes, start) {
            let turned: String = number.iter().rev().map(|byte| char::from(*byte)).collect();
            edits.push(start..start + number.len(), &turned);
        }
    }
    edits
}

fn is_spoken_of(bytes: &[u8], start: usize) -> bool {
    let before = bytes.get(start.saturating_sub(CONTEXT)..start).unwrap_or_default();
    let before = before.to_ascii_lowercase();
    CONTEXT_WORDS.iter().any(|word| memmem::find(&before, word.as_bytes()).is_some())
}

fn is_number(run: &[u8]) -> bool {
    let groups: Vec<usize> = run.split(|byte| !byte.is_ascii_digit()).map(<[u8]>::len).collect();
    let digits: usize = groups.iter().sum();
    groups == [4, 2, 3] || ((12..=19).contains(&digits) && !groups.contains(&0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_back() {
        let read = |text: &str| turned(text).whole(text).0;
        assert_eq!(read("to gro.elpmaxe.liam@eod.oj, ok"), "to jo.doe@mail.example.org, ok");
        assert_eq!(read("to wb@rknzcyr.pbz"), "to jo@example.com");
        assert_eq!(read("my SSN: 1449-12-404"), "my SSN: 404-21-9441");
        for plain in ["jo@example.com", "order 1449-12-404", "com.jo@example.org"] {
            assert_eq!(read(plain), plain);
        }
    }
}
