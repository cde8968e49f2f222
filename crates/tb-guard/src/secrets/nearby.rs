//! Secret keys of a cloud: 40 characters of base64 near the id that they belong to.

use super::class::BASE64;
use super::hit::Hit;
use super::randomness::{Makeup, entropy, is_example};

/// How far the key may stand from its id.
const REACH: usize = 240;
const LENGTH: usize = 40;

/// Adds the secret keys around an id, from `seen` on; gives how far the text was seen.
pub(super) fn secret_keys(text: &[u8], id: Hit, seen: usize, hits: &mut Vec<Hit>) -> usize {
    let to = text.len().min(id.end.saturating_add(REACH));
    let mut at = id.start.saturating_sub(REACH).max(seen);
    while at < to {
        let Some(rest) = text.get(at..to) else { return at };
        let skip = rest.iter().take_while(|byte| !is_key(**byte)).count();
        let rest = rest.get(skip..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| is_key(**byte)).count();
        let key = rest.get(..length).unwrap_or_default();
        if length == LENGTH && is_random(key) {
            let start = at + skip;
            let (rule, score) = ("aws_secret_access_key", 0.85);
            hits.push(Hit { rule, start, end: start + length, score });
        }
        if at + skip + length >= to && to < text.len() {
            // A run that the end of the window cuts is read again from its beginning.
            return at + skip;
        }
        at += skip + length.max(1);
    }
    at.max(seen)
}

const fn is_key(byte: u8) -> bool {
    BASE64.has(byte) && byte != b'='
}

fn is_random(key: &[u8]) -> bool {
    let makeup = Makeup::of(key);
    let is_mixed = makeup.upper > 3 && makeup.lower > 3 && makeup.digits > 0;
    is_mixed && entropy(key) >= 4.0 && !is_example(key)
}
