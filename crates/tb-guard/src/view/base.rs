//! Encodings of whole runs: base64, base64url, base32, hex.

use super::map::Edits;
use super::runs::ByteClass;

static BASE64: ByteClass =
    ByteClass::of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_");

/// Shorter runs are words.
const LEAST: usize = 16;
const LEAST_HEX: usize = 24;
const LEAST_BASE32: usize = 24;
/// A line of this length or longer may go on in the next one (RFC 2045 wraps at 76, PEM at 64).
const WRAPPED_LINE: usize = 60;

/// Decodes every run that decodes to text.
pub(super) fn runs(text: &str) -> Edits {
    let bytes = text.as_bytes();
    let mut edits = Edits::default();
    let mut until = 0;
    for run in BASE64.runs(bytes, LEAST) {
        if run.start < until {
            continue;
        }
        let end = wrapped_end(bytes, run.start, run.end);
        let digits: Vec<u8> = bytes
            .get(run.start..end)
            .unwrap_or_default()
            .iter()
            .copied()
            .filter(|byte| BASE64.has(*byte))
            .collect();
        until = end;
        if let Some(decoded) = decode(&digits) {
            let padding = bytes.get(end..).unwrap_or_default();
            let padding = padding.iter().take(2).take_while(|byte| **byte == b'=').count();
            edits.push(run.start..end + padding, &decoded);
        } else if end == run.end {
            pieces(text, run.start, run.end, &mut edits);
        }
    }
    edits
}

/// The end of a run that is broken into lines.
fn wrapped_end(bytes: &[u8], start: usize, end: usize) -> usize {
    let (mut start, mut end) = (start, end);
    while end - start >= WRAPPED_LINE && (end - start).is_multiple_of(4) {
        let next = match bytes.get(end..) {
            Some([b'\n', ..]) => end + 1,
            Some([b'\r', b'\n', ..]) => end + 2,
            _ => return end,
        };
        let rest = bytes.get(next..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| BASE64.has(**byte)).count();
        if length == 0 {
            return end;
        }
        (start, end) = (next, next + length);
    }
    end
}

/// A run may be words and an encoded one, joined by `-`, `_` or `/`.
fn pieces(text: &str, start: usize, end: usize, edits: &mut Edits) {
    let mut at = start;
    for piece in text.get(start..end).unwrap_or_default().split(['-', '_', '/']) {
        let is_part = piece.len() >= LEAST && piece.len() < end - start;
        if let Some(decoded) = is_part.then(|| decode(piece.as_bytes())).flatten() {
            edits.push(at..at + piece.len(), &decoded);
        }
        at += piece.len() + 1;
    }
}

fn decode(digits: &[u8]) -> Option<String> {
    let hex = digits.strip_prefix(b"0x").unwrap_or(digits);
    let is_hex = hex.len() >= LEAST_HEX && hex.len().is_multiple_of(2);
    if is_hex && hex.iter().all(u8::is_ascii_hexdigit) {
        return as_text(hex, 4, 16, |byte| char::from(byte).to_digit(16));
    }
    as_text(digits, 6, 64, base64_digit).or_else(|| {
        let is_base32 = digits.len() >= LEAST_BASE32;
        is_base32.then(|| as_text(digits, 5, 32, base32_digit)).flatten()
    })
}

fn base64_digit(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

fn base32_digit(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a',
        b'2'..=b'7' => byte - b'2' + 26,
        _ => return None,
    };
    Some(u32::from(value))
}

/// Decodes digits of `bits` bits each; `None` as soon as it is not a printable text.
fn as_text(
    digits: &[u8],
    bits: u32,
    radix: u32,
    value: impl Fn(u8) -> Option<u32>,
) -> Option<String> {
    /// After so many bytes a first look decides whether the rest is worth decoding.
    const FIRST_LOOK: usize = 32;
    let mut out = Vec::with_capacity(FIRST_LOOK);
    let mut held: u32 = 0;
    let mut held_bits = 0;
    for digit in digits {
        held = (held << bits) | value(*digit).filter(|value| *value < radix)?;
        held_bits += bits;
        if held_bits >= 8 {
            held_bits -= 8;
            out.push(u8::try_from((held >> held_bits) & 0xFF).ok()?);
            held &= (1 << held_bits) - 1;
            if out.len() == FIRST_LOOK && !may_be_text(&out) {
                return None;
            }
        }
    }
    if is_utf16(&out) {
        out.retain(|byte| *byte != 0);
    }
    String::from_utf8(out).ok().filter(|text| is_printable(text))
}

/// ASCII as UTF-16: every second byte is zero.
fn is_utf16(bytes: &[u8]) -> bool {
    let zeros = bytes.iter().filter(|byte| **byte == 0).count();
    zeros > 4 && zeros * 2 + 2 >= bytes.len() && zeros * 2 <= bytes.len() + 2
}

fn may_be_text(bytes: &[u8]) -> bool {
    // A character may be cut at the end.
    let is_text = std::str::from_utf8(bytes).is_ok_and(is_printable)
        || std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none());
    is_text || is_utf16(bytes)
}

/// At least nine of ten characters are printable.
fn is_printable(text: &str) -> bool {
    let total = text.chars().count();
    let odd = text.chars().filter(|symbol| symbol.is_control() && !symbol.is_whitespace()).count();
    total > 0 && odd * 10 <= total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> String {
        runs(text).whole(text).0
    }

    #[test]
    fn decodes_runs_that_are_text() {
        assert_eq!(decoded("x aGVsbG8gd29ybGQsIGhlbGxv y"), "x hello world, hello y");
        assert_eq!(decoded("aGVsbG8gd29ybGQsIGhlbGxvIQ=="), "hello world, hello!");
        assert_eq!(decoded("68656c6c6f20776f726c642c2068656c6c6f"), "hello world, hello");
        assert_eq!(decoded("NBSWY3DPEB3W64TMMQWCA2DFNRWG6"), "hello world, hello");
        assert_eq!(decoded("key/aGVsbG8gd29ybGQsIGhlbGxv"), "key/hello world, hello");
    }

    #[test]
    fn leaves_words_and_binary_alone() {
        for text in ["internationalization_and_localization", "d41d8cd98f00b204e9800998ecf8427e"] {
            assert_eq!(decoded(text), text);
        }
    }

    #[test]
    fn joins_wrapped_lines() {
        // 48 bytes make a line of 64 digits.
        let line = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWZnaGlqa2xtbm9wcXJzdHV2";
        let text = format!("{line}\n{line}\n");
        let plain = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuv";
        assert_eq!(decoded(&text), format!("{plain}{plain}\n"));
    }
}
