//! Attachments: base64 that is no text, and base64 that is.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use tb_api::json::Step;

/// The most bytes of a data URL before its comma; RFC 2397 says nothing, real ones have 40.
const MAX_HEAD_BYTES: usize = 256;
/// So much of a payload is decoded to tell text from other bytes, in characters of base64.
const PROBE_CHARACTERS: usize = 4 * 1024;
/// Bytes that are no text and do not begin like a known format are an attachment from this
/// length on; what is shorter may be a word that base64 can read by accident.
const LEAST_UNKNOWN_BYTES: usize = 768;

/// How formats begin that the guard cannot read (images, sound, films, archives, documents).
const MAGIC: [&[u8]; 17] = [
    b"\x89PNG",
    b"\xFF\xD8\xFF",
    b"GIF8",
    b"RIFF",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"%PDF-",
    b"PK\x03\x04",
    b"ID3",
    b"\xFF\xFB",
    b"\xFF\xF3",
    b"OggS",
    b"fLaC",
    b"\x1A\x45\xDF\xA3",
    b"\x1F\x8B",
    b"\xD0\xCF\x11\xE0",
];

/// What a text that may be an attachment is.
pub(super) enum Payload {
    /// Text like others.
    None,
    /// Something the guard cannot read, behind so many bytes of text.
    Unreadable {
        /// Where it begins.
        head: usize,
    },
    /// Text in base64.
    Text {
        /// Where the base64 begins.
        head: usize,
        /// What it says.
        decoded: String,
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
    let head = match head(text) {
        Some(head) => head,
        None if is_place => 0,
        None => return Payload::None,
    };
    let coded = text.get(head..).unwrap_or_default();
    let probe = coded.as_bytes().get(..PROBE_CHARACTERS).unwrap_or(coded.as_bytes());
    let Some(begin) = decode(probe) else { return Payload::None };
    if MAGIC.iter().any(|magic| begin.starts_with(magic)) || is_film(&begin) {
        return Payload::Unreadable { head };
    }
    let is_whole = probe.len() == coded.len();
    if !is_text(&begin, is_whole) {
        let is_long = begin.len() >= LEAST_UNKNOWN_BYTES;
        return if is_long { Payload::Unreadable { head } } else { Payload::None };
    }
    let whole = if is_whole { Some(begin) } else { decode(coded.as_bytes()) };
    match whole.map(String::from_utf8) {
        Some(Ok(decoded)) if is_text(decoded.as_bytes(), true) => Payload::Text { head, decoded },
        Some(_) => Payload::Unreadable { head },
        None => Payload::None,
    }
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

/// Decodes either alphabet, with or without padding and line breaks.
fn decode(coded: &[u8]) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    let coded: Cow<'_, [u8]> = if coded.iter().any(u8::is_ascii_whitespace) {
        coded.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect()
    } else {
        Cow::Borrowed(coded)
    };
    if coded.is_empty() {
        return None;
    }
    STANDARD.decode(&coded).or_else(|_| URL_SAFE.decode(&coded)).ok()
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
}
