//! JSON web tokens: three parts of base64url whose first is a JSON object.

use super::class::URL64;
use super::hit::Hit;

/// The longest token: a header of 16 KiB is what servers take at most.
const LONGEST: usize = 16_384;

/// The token that begins at `at` with `eyJ` or `ewog`.
pub(super) fn find(text: &[u8], at: usize) -> Option<Hit> {
    if !begins(text, at) {
        return None;
    }
    let rest = text.get(at..)?;
    let header = URL64.run(rest, 2048);
    let body = rest.get(header..)?.strip_prefix(b".")?;
    let payload = URL64.run(body, LONGEST);
    if payload < 8 || !is_json_object(rest.get(..header)?) {
        return None;
    }
    let mut end = at + header + 1 + payload;
    // A signature, or the three last parts of an encrypted one (RFC 7516).
    for _ in 0..3 {
        let Some(tail) = text.get(end..).and_then(|tail| tail.strip_prefix(b".")) else { break };
        let length = URL64.run(tail, LONGEST);
        if length == 0 {
            break;
        }
        end += 1 + length;
    }
    Some(Hit { rule: "jwt", start: at, end, score: 1.0 })
}

/// Whether a token may begin at `at`: not inside another word.
pub(super) fn begins(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| text.get(at));
    before.is_none_or(|byte| !URL64.has(*byte)) || is_escaped(text, at)
}

fn is_escaped(text: &[u8], at: usize) -> bool {
    matches!(text.get(at.saturating_sub(2)..at), Some([b'\\', b'n' | b't' | b'r']))
}

fn is_json_object(encoded: &[u8]) -> bool {
    let mut decoded = Vec::with_capacity(encoded.len());
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in encoded {
        let Some(value) = sextet(*byte) else { return false };
        bits = (bits << 6 | value) & 0xFFFF;
        held += 6;
        if held >= 8 {
            held -= 8;
            decoded.push(u8::try_from(bits >> held & 0xFF).unwrap_or_default());
        }
    }
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&decoded)
        .is_ok_and(|map| !map.is_empty())
}

fn sextet(byte: u8) -> Option<u32> {
    Some(match byte {
        b'A'..=b'Z' => u32::from(byte - b'A'),
        b'a'..=b'z' => u32::from(byte - b'a') + 26,
        b'0'..=b'9' => u32::from(byte - b'0') + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    })
}
