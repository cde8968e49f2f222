//! Attachments: base64 that is no text, and base64 that is.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use tb_api::json::Step;

/// The most bytes of a data URL before its comma; RFC 2397 says nothing, real ones have 40.
const MAX_HEAD_BYTES: usize = 256;
/// The shortest line of base64 that is broken into lines; MIME has 76, PEM 64.
const LEAST_LINE_BYTES: usize = 32;
/// So much of a payload is decoded to tell text from other bytes, in characters of base64.
const PROBE_CHARACTERS: usize = 4 * 1024;
/// Bytes that are no text and do not begin like a known format are an attachment from this
/// length on; what is shorter may be a word that base64 can read by accident.
const LEAST_UNKNOWN_BYTES: usize = 768;
/// So long is a text with odd bytes in it, at least, where nothing says that there is base64.
const LEAST_ODD_BYTES: usize = 24;
/// Without any control characters so many bytes are text of an unknown encoding: of other bytes
/// every ninth is one.
const LEAST_OTHER_BYTES: usize = 128;

/// How formats begin that the guard cannot read (images, sound, documents, archives). No text
/// begins so.
const MAGIC: [&[u8]; 11] = [
    b"\x89PNG",
    b"\xFF\xD8\xFF",
    b"II*\0",
    b"MM\0*",
    b"%PDF-",
    b"PK\x03\x04",
    b"\xFF\xFB",
    b"\xFF\xF3",
    b"\x1A\x45\xDF\xA3",
    b"\x1F\x8B",
    b"\xD0\xCF\x11\xE0",
];

/// The same for formats that begin with letters: a text may begin so too, but has no zero byte
/// near them.
const LETTERS: [&[u8]; 6] = [b"GIF8", b"RIFF", b"BM", b"ID3", b"OggS", b"fLaC"];
/// So near the zero byte is.
const LETTERS_REACH: usize = 16;

/// What a text that may be an attachment is.
pub(super) enum Payload {
    /// Text like others.
    None,
    /// Something the guard cannot read, behind so many bytes of text.
    Unreadable {
        /// Where it begins.
        head: usize,
        /// It says of itself what it is: by the head of a data URL or how its format begins.
        is_known: bool,
    },
    /// Text in base64.
    Text {
        /// Where the base64 begins.
        head: usize,
        /// What it says.
        decoded: String,
        /// It is UTF-8 without odd characters; else it stays as it is as long as nothing is to
        /// be hidden in it.
        is_exact: bool,
    },
}

/// Whether attachments stand here: `image_url`, `file_data`, the `data` of sound and sources.
pub(super) fn is_place(path: &[Step<'_>]) -> bool {
    let mut keys = path.iter().rev().filter_map(|step| match step {
        Step::Key(key) => Some(key.as_ref()),
        Step::Index(_) => None,
    });
    let (last, outer) = (keys.next(), keys.next());
    let is_payload = matches!(last, Some("url" | "data"))
        && matches!(outer, Some("image_url" | "source" | "input_audio" | "audio" | "file"));
    let is_of_images = outer.is_none() && matches!(last, Some("image" | "images" | "mask"));
    let is_named =
        matches!(last, Some("image_url" | "file_data" | "file_url" | "file_id" | "b64_json"));
    is_payload || is_of_images || is_named
}

/// Whether what stands in such a place only says where the attachment is.
pub(super) fn is_reference(path: &[Step<'_>], text: &str) -> bool {
    let last = path.iter().rev().find_map(|step| match step {
        Step::Key(key) => Some(key.as_ref()),
        Step::Index(_) => None,
    });
    last == Some("file_id") || text.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("http"))
}

/// What a text is; `is_place`: where attachments stand without saying so.
pub(super) fn payload(text: &str, is_place: bool) -> Payload {
    let said = head(text);
    let head = match said {
        Some(head) => head,
        None if is_place => 0,
        None => return Payload::None,
    };
    let coded = text.get(head..).unwrap_or_default();
    let probe = coded.as_bytes().get(..PROBE_CHARACTERS).unwrap_or(coded.as_bytes());
    let Some(begin) = decode(probe) else { return Payload::None };
    if !is_text(&begin, probe.len() == coded.len()) && is_of_format(&begin) {
        // What is no base64 to its end is a text that only begins like an attachment.
        return if is_coded(coded.as_bytes()) {
            Payload::Unreadable { head, is_known: true }
        } else {
            Payload::None
        };
    }
    let Some(bytes) = decode(coded.as_bytes()) else { return Payload::None };
    // What is short may be a word that base64 can read by accident.
    let least = if said.is_some() { 0 } else { LEAST_ODD_BYTES };
    match readable(bytes, least) {
        Ok((decoded, is_exact)) => Payload::Text { head, decoded, is_exact },
        Err(length) if length >= LEAST_UNKNOWN_BYTES => {
            Payload::Unreadable { head, is_known: said.is_some() }
        }
        Err(_) => Payload::None,
    }
}

/// The text that bytes are, and whether they are UTF-8 without odd characters. Text in UTF-16 or
/// with odd bytes in it (colours of terminals, other encodings) counts from `least` bytes on.
///
/// # Errors
/// The number of bytes, when they are no text.
pub(super) fn readable(bytes: Vec<u8>, least: usize) -> Result<(String, bool), usize> {
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

/// Text in base64 again, in the writing of what it replaces.
pub(super) fn encode(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Where the base64 of a data URL begins.
fn head(text: &str) -> Option<usize> {
    let begin = text.as_bytes().get(..5)?;
    if !begin.eq_ignore_ascii_case(b"data:") {
        return None;
    }
    let window = text.as_bytes().get(..MAX_HEAD_BYTES).unwrap_or(text.as_bytes());
    let comma = memchr::memchr(b',', window)?;
    let marked = window.get(comma.checked_sub(7)?..comma)?;
    marked.eq_ignore_ascii_case(b";base64").then_some(comma + 1)
}

/// Whether all of it is base64, in either alphabet.
fn is_coded(coded: &[u8]) -> bool {
    let is_symbol =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    unwrapped(coded).is_some_and(|coded| {
        let padding = coded.iter().rev().take_while(|byte| **byte == b'=').count();
        padding <= 2 && coded.iter().rev().skip(padding).all(is_symbol)
    })
}

/// Decodes either alphabet, with or without padding and line breaks.
fn decode(coded: &[u8]) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    let coded = unwrapped(coded)?;
    if coded.is_empty() {
        return None;
    }
    STANDARD.decode(&coded).or_else(|_| URL_SAFE.decode(&coded)).ok()
}

/// Base64 without its line breaks; nothing where blanks and breaks say that it is prose: lines
/// of base64 are equally long.
fn unwrapped(coded: &[u8]) -> Option<Cow<'_, [u8]>> {
    let coded = coded.trim_ascii_end();
    if !coded.iter().any(u8::is_ascii_whitespace) {
        return Some(Cow::Borrowed(coded));
    }
    let mut lines = coded.split(|byte| *byte == b'\n').peekable();
    let (mut width, mut joined) = (None, Vec::with_capacity(coded.len()));
    while let Some(line) = lines.next() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let width = *width.get_or_insert(line.len());
        let is_last = lines.peek().is_none();
        let fits = if is_last { line.len() <= width } else { line.len() == width };
        if !fits || width < LEAST_LINE_BYTES || line.iter().any(u8::is_ascii_whitespace) {
            return None;
        }
        joined.extend_from_slice(line);
    }
    Some(Cow::Owned(joined))
}

/// Whether a format that the guard cannot read begins so.
fn is_of_format(begin: &[u8]) -> bool {
    let near = begin.get(..LETTERS_REACH).unwrap_or(begin);
    MAGIC.iter().any(|magic| begin.starts_with(magic))
        || is_film(begin)
        || (near.contains(&0) && LETTERS.iter().any(|magic| begin.starts_with(magic)))
}

/// ISO media (MP4, HEIC, AVIF) name themselves behind a length.
fn is_film(begin: &[u8]) -> bool {
    begin.get(4..8) == Some(b"ftyp")
}

/// Whether bytes are UTF-8 that people may have written; a text that is cut may end in the
/// middle of a character.
pub(super) fn is_text(bytes: &[u8], is_whole: bool) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sort(text: &str, is_place: bool) -> &'static str {
        match payload(text, is_place) {
            Payload::None => "none",
            Payload::Unreadable { .. } => "unreadable",
            Payload::Text { .. } => "text",
        }
    }

    #[test]
    fn tells_text_from_what_cannot_be_read() {
        let png = format!("data:image/png;base64,{}", "iVBORw0KGgoAAAANSUhEUg".repeat(20));
        assert_eq!(sort(&png, false), "unreadable");
        let text = format!("data:text/plain;base64,{}", encode("write to jo@example.com"));
        assert_eq!(sort(&text, false), "text");
        assert_eq!(sort(&encode("write to jo@example.com"), true), "text");
        assert_eq!(sort(&encode("write to jo@example.com"), false), "none");
        assert_eq!(sort("AKIAIOSFODNN7EXAMPLE", true), "none");
        assert_eq!(sort("hello there", true), "none");
        assert_eq!(sort("https://example.com/a.png", true), "none");
        assert_eq!(sort("data:text/plain,jo@example.com", false), "none");
        let noise: Vec<u8> = (0..2_000_u32).map(|n| ((n * 7_919) >> 3).to_le_bytes()[0]).collect();
        let noise = base64::engine::general_purpose::STANDARD.encode(noise);
        assert_eq!(sort(&noise, true), "unreadable");
    }

    #[test]
    fn text_behind_the_beginning_of_an_image_is_text() {
        let image = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABAAAA".repeat(200);
        let url = format!("data:image/png;base64,{image}");
        assert_eq!(sort(&url, false), "unreadable");
        for text in [" write to jo@example.com", "\nwrite to jo", "\"", "=a"] {
            assert_eq!(sort(&format!("{url}{text}"), false), "none", "{text}");
            assert_eq!(sort(&format!("{image}{text}"), true), "none", "{text}");
        }
    }

    fn decoded(bytes: &[u8]) -> Option<String> {
        let coded = base64::engine::general_purpose::STANDARD.encode(bytes);
        let url = format!("data:text/plain;base64,{coded}");
        [url.as_str(), coded.as_str()].into_iter().fold(None, |_, text| match payload(text, true) {
            Payload::Text { decoded, .. } => Some(decoded),
            _ => None,
        })
    }

    #[test]
    fn letters_that_formats_begin_with_are_text_in_a_text() {
        for word in ["BM", "ID3", "RIFF", "GIF8", "OggS", "fLaC"] {
            let text = format!("{word} tags are described here, write to jo@example.com");
            assert_eq!(decoded(text.as_bytes()).as_deref(), Some(text.as_str()), "{word}");
        }
        for image in ["GIF89a\x10\0\x10\0\u{1}", "RIFF\x10\0\0\0WEBPVP8 ", "ID3\x03\0\0\0\0\x0F"] {
            let image = image.repeat(100);
            assert_eq!(decoded(image.as_bytes()), None, "{image}");
        }
    }

    #[test]
    fn texts_with_odd_bytes_are_read() {
        let line = "jo@example.com wrote this. ".repeat(40);
        let coloured = format!("\x1b[31mERROR\x1b[0m {line}");
        let one_control = format!("{line}\x01 and {line}");
        let latin = [b"Jos\xE9 ".as_slice(), line.as_bytes()].concat();
        let cyrillic = [[0xEF, 0xF0, 0xE8, 0xE2, 0xE5, 0xF2, b' '].repeat(40), line.clone().into()];
        let little: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = line.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let marked = [b"\xFF\xFE".as_slice(), &little].concat();
        let (coloured, one_control) = (coloured.into_bytes(), one_control.into_bytes());
        for bytes in [coloured, one_control, latin, cyrillic.concat(), little, big, marked] {
            let text = decoded(&bytes).unwrap_or_default();
            assert!(text.contains("jo@example.com wrote"), "{bytes:?}");
        }
    }

    #[test]
    fn prose_is_no_base64_and_broken_lines_are() {
        for prose in ["my password is hunter twelve", "words\nin lines\nof letters", "one\ntwo\n"] {
            assert_eq!(sort(&prose.repeat(60), true), "none", "{prose}");
        }
        let coded = encode(&"write to jo@example.com ".repeat(20));
        let lines: Vec<&str> =
            coded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
        assert_eq!(sort(&lines.join("\r\n"), true), "text");
    }
}
