//! Encodings of whole runs: base64, base64url, base32, hex.

use std::ops::Range;

use super::map::Edits;
use super::runs::ByteClass;

static BASE64: ByteClass =
    ByteClass::of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_");
/// The same with line breaks, since encoded text is often wrapped.
static LINES: ByteClass =
    ByteClass::of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_\r\n");

/// Shorter runs are words.
const LEAST: usize = 16;
const LEAST_HEX: usize = 24;
const LEAST_BASE32: usize = 24;
/// Fewer digits are not taken for compressed bytes.
const LEAST_PACKED: usize = 40;
/// Lines of words may stand before the encoded ones; so many are left out to see.
const WORD_LINES: usize = 2;

/// How compressed bytes begin: gzip, ZIP, bzip2, Zstandard, xz (RFC 1952, APPNOTE 4.3.7, RFC 8878).
const PACKED: &[&[u8]] =
    &[b"\x1f\x8b\x08", b"PK\x03\x04", b"BZh", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ"];

/// What the runs of a text decode to.
#[derive(Default)]
pub(super) struct Decoded {
    pub(super) edits: Edits,
    /// One of them decodes to compressed bytes, which are not unpacked.
    pub(super) is_packed: bool,
}

/// Decodes every run that decodes to text.
pub(super) fn runs(text: &str) -> Decoded {
    let bytes = text.as_bytes();
    let mut decoded = Decoded::default();
    for run in LINES.runs(bytes, LEAST) {
        let written = bytes.get(run.clone()).unwrap_or_default();
        if !written.contains(&b'\n') && !written.contains(&b'\r') {
            decoded.single(text, run.start, run.end);
            continue;
        }
        let lines = lines(bytes, run);
        let taken = if lines.len() > 1 { decoded.wrapped(bytes, &lines) } else { 0..0 };
        for (index, (start, end)) in lines.iter().enumerate() {
            if index == taken.start && !taken.is_empty() {
                let last = lines.get(taken.end - 1).copied().unwrap_or_default();
                let digits = joined(bytes, lines.get(taken.clone()).unwrap_or_default());
                decoded.replace(bytes, *start..last.1, &digits);
            } else if !taken.contains(&index) && end - start >= LEAST {
                decoded.single(text, *start, *end);
            }
        }
    }
    decoded
}

/// Where each line of a run begins and ends; empty ones are left out.
fn lines(bytes: &[u8], run: Range<usize>) -> Vec<(usize, usize)> {
    let mut lines = Vec::new();
    let mut at = run.start;
    while at < run.end {
        let rest = bytes.get(at..run.end).unwrap_or_default();
        let length = rest.iter().position(|byte| !BASE64.has(*byte)).unwrap_or(rest.len());
        if length > 0 {
            lines.push((at, at + length));
        }
        at += length + 1;
    }
    lines
}

fn joined(bytes: &[u8], lines: &[(usize, usize)]) -> Vec<u8> {
    lines.iter().filter_map(|(start, end)| bytes.get(*start..*end)).flatten().copied().collect()
}

impl Decoded {
    /// Which of the lines are one encoded text: all of them, or all but some words at both ends.
    /// Lines of every length are joined, since who hides something need not obey RFC 2045.
    fn wrapped(&mut self, bytes: &[u8], lines: &[(usize, usize)]) -> Range<usize> {
        for first in 0..=WORD_LINES {
            for last in [lines.len(), lines.len() - 1] {
                let Some(block) = lines.get(first..last).filter(|block| block.len() > 1) else {
                    continue;
                };
                let digits = joined(bytes, block);
                if digits.len() < LEAST {
                    continue;
                }
                self.is_packed |= is_packed(&digits);
                if decode(&digits).is_some() {
                    return first..last;
                }
            }
        }
        0..0
    }

    fn replace(&mut self, bytes: &[u8], place: Range<usize>, digits: &[u8]) {
        if let Some(text) = decode(digits) {
            let padding = bytes.get(place.end..).unwrap_or_default();
            let padding = padding.iter().take(2).take_while(|byte| **byte == b'=').count();
            self.edits.push(place.start..place.end + padding, &text);
        }
    }

    fn single(&mut self, text: &str, start: usize, end: usize) {
        let Some(digits) = text.as_bytes().get(start..end) else { return };
        self.is_packed |= is_packed(digits);
        match decode(digits) {
            Some(_) => self.replace(text.as_bytes(), start..end, digits),
            None => pieces(text, start, end, &mut self.edits),
        }
    }
}

/// Whether digits decode to compressed bytes.
fn is_packed(digits: &[u8]) -> bool {
    if digits.len() < LEAST_PACKED {
        return false;
    }
    let is_hex = digits.iter().take(LEAST_PACKED).all(u8::is_ascii_hexdigit);
    let head = if is_hex {
        digits.get(..12).map(|head| bits(head, 4, |byte| char::from(byte).to_digit(16)))
    } else {
        digits.get(..8).map(|head| bits(head, 6, base64_digit))
    };
    let Some(head) = head else { return false };
    // zlib's header is two bytes, which are a multiple of 31 (RFC 1950).
    let is_zlib = matches!(head.get(..2), Some([0x78, 0x01 | 0x5E | 0x9C | 0xDA])) && !is_hex;
    let is_mixed = || {
        let has = |class: fn(&u8) -> bool| digits.iter().any(class);
        has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase)
    };
    PACKED.iter().any(|magic| head.starts_with(magic)) || is_zlib && is_mixed()
}

/// The bytes of a few digits of `bits` bits each; those before the first that is none.
fn bits(digits: &[u8], bits: u32, value: impl Fn(u8) -> Option<u32>) -> Vec<u8> {
    let mut held: u64 = 0;
    let mut held_bits = 0;
    let mut out = Vec::new();
    for digit in digits.iter().map_while(|digit| value(*digit)) {
        held = (held << bits) | u64::from(digit);
        held_bits += bits;
        if held_bits >= 8 {
            held_bits -= 8;
            out.extend(u8::try_from((held >> held_bits) & 0xFF));
        }
    }
    out
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
        runs(text).edits.whole(text).0
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
        // Of odd lengths, between words.
        let odd = "Text\naGVsbG8gd29yb\nGQsIGhl\r\nbGxvIHdvcmxkL\nCBoZWxsbyB3b3J\nsZA==\nand so on";
        assert_eq!(decoded(odd), "Text\nhello world, hello world, hello world\nand so on");
        let words = "some\nplain\nwords\nbelow\neach\nother\ninternationalization";
        assert_eq!(decoded(words), words);
    }

    #[test]
    fn knows_compressed_bytes() {
        for text in [
            "H4sIAAAAAAAAA8tIzcnJVyjPL8pJUUjOSCzKTgUAbU5lOhYAAAA=",
            "eJzLSM3JyVcozy/KSVFIzkgsyk4FAGL4CBcAAAAAAAA=",
            "UEsDBBQAAAAIAAAAIQBhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5eg",
            "1f8b0800000000000003cb48cdc9c95728cf2fca4951",
            "H4sIAAAAAAAAA8tIzcn\nJVyjPL8pJUUjOSCzKTg\nUAbU5lOhYAAAA=",
        ] {
            assert!(runs(text).is_packed, "{text}");
        }
        for text in [
            "aGVsbG8gd29ybGQsIGhlbGxvIHdvcmxkLCBoZWxsbyB3b3JsZA==",
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4",
            "H4sIAAAA is gzip",
            "d41d8cd98f00b204e9800998ecf8427ed41d8cd98f00b204",
        ] {
            assert!(!runs(text).is_packed, "{text}");
        }
    }
}
