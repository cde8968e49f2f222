//! Attachments: base64 that is no text, and base64 that is.

mod coded;
mod formats;
mod readable;

use tb_api::json::Step;

pub(super) use self::coded::encode;
use self::coded::{decode, is_coded};
use self::formats::is_of_format;
pub(super) use self::readable::{is_text, readable};

/// The most bytes of a data URL before its comma; RFC 2397 says nothing, real ones have 40.
const MAX_HEAD_BYTES: usize = 256;
/// So much of a payload is decoded to tell text from other bytes, in characters of base64.
const PROBE_CHARACTERS: usize = 4 * 1024;
/// Bytes that are no text and do not begin like a known format are an attachment from this
/// length on; what is shorter may be a word that base64 can read by accident.
const LEAST_UNKNOWN_BYTES: usize = 768;
/// So long is a text with odd bytes in it, at least, where nothing says that there is base64.
const LEAST_ODD_BYTES: usize = 24;
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

#[cfg(test)]
mod tests;
