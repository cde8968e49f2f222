//! Base64 as callers write it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The shortest line of base64 that is broken into lines; MIME has 76, PEM 64.
const LEAST_LINE_BYTES: usize = 32;

/// Text in base64 again, in the writing of what it replaces.
pub(in crate::stages::scrub) fn encode(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Whether all of it is base64, in either alphabet.
pub(super) fn is_coded(coded: &[u8]) -> bool {
    let is_symbol =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    unwrapped(coded).is_some_and(|coded| {
        let padding = coded.iter().rev().take_while(|byte| **byte == b'=').count();
        padding <= 2 && coded.iter().rev().skip(padding).all(is_symbol)
    })
}

/// Decodes either alphabet, with or without padding and line breaks.
pub(super) fn decode(coded: &[u8]) -> Option<Vec<u8>> {
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
