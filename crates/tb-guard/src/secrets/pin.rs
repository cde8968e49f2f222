//! PINs: "my PIN is 4821", `pin=4821`. Four to eight digits, and said to be one.

use super::hit::Hit;
use super::prose::is_counted;

/// How far the number may stand from the word.
const REACH: usize = 64;

/// The PIN before or after the word from `start` to `end`.
pub(super) fn find(text: &[u8], start: usize, end: usize) -> Option<Hit> {
    let before = start.checked_sub(1).and_then(|at| text.get(at)).copied().unwrap_or(b' ');
    let after = text.get(end).copied().unwrap_or(b' ');
    if before.is_ascii_alphanumeric() || after.is_ascii_alphanumeric() || !after.is_ascii() {
        return None;
    }
    behind(text, end).or_else(|| ahead(text, start))
}

fn hit(start: usize, length: usize) -> Hit {
    Hit { rule: "pin", start, end: start + length, score: 0.7 }
}

/// How a PIN and its number are tied.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tie {
    None,
    Sign,
    Word,
}

/// "PIN is 4821", "PIN of my card: 4821", "PIN code 48213".
fn behind(text: &[u8], end: usize) -> Option<Hit> {
    let rest = text.get(end..)?;
    let window = rest.get(..rest.len().min(REACH))?;
    let line = memchr::memchr(b'\n', window).unwrap_or(window.len());
    let window = window.get(..line)?;
    let (mut tie, mut at, mut is_code, mut words) = (Tie::None, 0, false, 0);
    loop {
        let glue = window.get(at..)?.iter().take_while(|b| b" \"'*`\\:=-_(".contains(b)).count();
        if window.get(at..at + glue)?.iter().any(|byte| b":=".contains(byte)) {
            tie = Tie::Sign;
        }
        at += glue;
        let rest = window.get(at..)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits > 0 {
            let is_free = words == 0 || tie != Tie::None;
            return (is_free && is_pin(text.get(end + at..)?, digits, tie, is_code))
                .then(|| hit(end + at, digits));
        }
        let length = rest.iter().take_while(|b| b.is_ascii_alphabetic() || !b.is_ascii()).count();
        let word = rest.get(..length).filter(|word| !word.is_empty())?.to_ascii_lowercase();
        match (word.as_slice(), words) {
            (b"code" | b"number" | b"no" | b"nummer" | b"nr", 0) => is_code = true,
            (b"is" | b"was" | b"ist" | b"lautet" | b"war" | b"est" | b"es" | b"to" | b"now", _) => {
                tie = Tie::Word;
            }
            (b"\xc3\xa8" | b"\xc3\xa9", _) => tie = Tie::Word,
            (b"of" | b"for" | b"von" | b"de" | b"del" | b"zur" | b"zu", 0) => words = 1,
            (_, 1..=5) => words += 1,
            _ => return None,
        }
        at += length;
    }
}

/// Six digits after a PIN code are a postal code in India, unless a sentence says what they are.
fn is_pin(rest: &[u8], digits: usize, tie: Tie, is_code: bool) -> bool {
    let next = rest.get(digits).copied().unwrap_or(b' ');
    let goes_on = rest.get(digits + 1).is_some_and(u8::is_ascii_alphanumeric);
    let is_length = match tie {
        Tie::Word if !is_code => (4..=8).contains(&digits),
        Tie::None => (4..=5).contains(&digits),
        _ => (4..=8).contains(&digits) && digits != 6,
    };
    let is_part = next.is_ascii_alphanumeric() || b".,-/:%".contains(&next) && goes_on;
    is_length && !is_part && !is_counted(rest.get(digits..).unwrap_or_default())
}

/// "4821 is my PIN".
fn ahead(text: &[u8], start: usize) -> Option<Hit> {
    let head = text.get(start.saturating_sub(32)..start)?;
    let lower = head.to_ascii_lowercase();
    let number = [&b" is my "[..], b" is the ", b" as my ", b" as the ", b" ist meine "]
        .iter()
        .find_map(|tie| lower.strip_suffix(*tie))?;
    let digits = number.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let before = number.len().checked_sub(digits + 1).and_then(|at| number.get(at));
    let is_whole = before.is_none_or(|byte| b" \"'(:\n".contains(byte));
    let from = start - (head.len() - number.len()) - digits;
    ((4..=8).contains(&digits) && is_whole).then(|| hit(from, digits))
}
