//! Text in bytes, in the encodings that it comes in.

use super::formats::is_of_format;

/// Without any control characters so many bytes are text of an unknown encoding: of other bytes
/// every ninth is one.
const LEAST_OTHER_BYTES: usize = 128;

/// The text that bytes are, and whether they are UTF-8 without odd characters. Text in UTF-16 or
/// with odd bytes in it (colours of terminals, other encodings) counts from `least` bytes on.
///
/// # Errors
/// The number of bytes, when they are no text.
pub(in crate::stages::scrub) fn readable(
    bytes: Vec<u8>,
    least: usize,
) -> Result<(String, bool), usize> {
    if is_text(&bytes, true) {
        let length = bytes.len();
        return String::from_utf8(bytes).map(|text| (text, true)).map_err(|_| length);
    }
    let wide = if is_of_format(&bytes) || bytes.len() < least { None } else { wide(&bytes) };
    match wide {
        Some(text) => Ok((text, false)),
        None if bytes.len() < least || is_of_format(&bytes) || !is_mostly_text(&bytes) => {
            Err(bytes.len())
        }
        None => Ok((each_read(&bytes), false)),
    }
}

/// UTF-16, with the mark of its order or with so many zero bytes on one side that it must be.
fn wide(bytes: &[u8]) -> Option<String> {
    let zeros = |side: usize| bytes.iter().skip(side).step_by(2).filter(|byte| **byte == 0).count();
    let pairs = bytes.len() / 2;
    let is_sided = |zero: usize, other: usize| other == 0 && zero > 0 && zero * 10 >= pairs;
    let (is_little, rest) = match bytes {
        [0xFF, 0xFE, rest @ ..] => (true, rest),
        [0xFE, 0xFF, rest @ ..] => (false, rest),
        _ if is_sided(zeros(1), zeros(0)) => (true, bytes),
        _ if is_sided(zeros(0), zeros(1)) => (false, bytes),
        _ => return None,
    };
    let units = rest.as_chunks::<2>().0.iter();
    let units = units
        .map(|pair| if is_little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) });
    let symbols = char::decode_utf16(units);
    let text: String = symbols.map(|symbol| symbol.unwrap_or('\u{fffd}')).collect();
    let odd = |symbol: &char| *symbol == '\0' || *symbol == '\u{fffd}' || is_odd(*symbol);
    let count = text.chars().filter(odd).count();
    (!text.is_empty() && count * 20 <= text.len()).then_some(text)
}

/// Whether most of it is text: seven of ten bytes, or all but for bytes of another encoding.
fn is_mostly_text(bytes: &[u8]) -> bool {
    let (mut good, mut controls) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        let odd = chunk.valid().chars().filter(|symbol| is_odd(*symbol)).count();
        controls += odd;
        good += chunk.valid().len() - odd.min(chunk.valid().len());
    }
    good * 10 >= bytes.len() * 7 || (controls == 0 && bytes.len() >= LEAST_OTHER_BYTES)
}

/// Bytes that are no UTF-8 are read as Latin-1, so that none is lost.
fn each_read(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| char::from(*byte)));
    }
    text
}

/// Controls that texts do not have; terminals' colours begin with an escape.
fn is_odd(symbol: char) -> bool {
    symbol < ' ' && !matches!(symbol, '\t' | '\n' | '\r' | '\x0C' | '\x1B')
}

/// Whether bytes are UTF-8 that people may have written; a text that is cut may end in the
/// middle of a character.
pub(in crate::stages::scrub) fn is_text(bytes: &[u8], is_whole: bool) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if !is_whole && error.error_len().is_none() => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.bytes().any(|byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0C))
}
