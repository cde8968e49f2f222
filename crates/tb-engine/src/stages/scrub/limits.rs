//! How much one request may send.

use tb_api::json::{Document, Kind, Leaf, LeafKind, Step};
use tb_config::TextLimits;
use tb_core::Surface;

use super::refused::Ended;
use super::speakers::turns_key;
use crate::ask;
use crate::estimate;
use crate::stages::compose::Body;

/// Compares a request with its limits.
///
/// # Errors
/// When one of them is passed.
pub(super) fn check(
    limits: TextLimits,
    surface: Surface,
    body: &Body,
    input_tokens: u64,
) -> Result<(), Ended> {
    let check = |field, limit: Option<u64>, used: &dyn Fn() -> u64| match limit {
        Some(limit) => {
            let used = used();
            if used > limit { Err(Ended::too_long(field, (limit, used))) } else { Ok(()) }
        }
        None => Ok(()),
    };
    check("messages", limits.messages, &|| messages(surface, body))?;
    check("images", limits.images, &|| images(surface, body))?;
    check("tokens", limits.tokens, &|| {
        input_tokens.max(estimate::form_tokens(body)).saturating_add(uncounted_tokens(body))
    })?;
    check("characters", limits.characters, &|| characters(body, limits.characters))
}

fn messages(surface: Surface, body: &Body) -> u64 {
    let Body::Json(document) = body else { return 0 };
    let key = match surface {
        Surface::Embeddings | Surface::Moderations => Some("input"),
        _ => turns_key(surface),
    };
    let Some(turns) = key.and_then(|key| document.get(key)) else { return 0 };
    match turns.kind {
        Kind::Array => turns.elements().count() as u64,
        Kind::String => 1,
        _ => 0,
    }
}

fn images(surface: Surface, body: &Body) -> u64 {
    let Body::Form(form, _) = body else { return ask::images(surface, body) };
    let is_image = |name: &str| matches!(name.trim_end_matches("[]"), "image" | "mask");
    let images = form.parts().iter().filter(|part| part.is_file && is_image(&part.name));
    images.count() as u64
}

/// Unicode characters of all texts and long keys; attachments have none. Counted only where the bytes,
/// which are never fewer, exceed the limit.
fn characters(body: &Body, limit: Option<u64>) -> u64 {
    match body {
        Body::Empty => 0,
        Body::Json(document) => {
            let bytes = document.bytes().len() as u64;
            if limit.is_some_and(|limit| bytes <= limit) { bytes } else { counted(document).0 }
        }
        Body::Form(form, _) => {
            let texts = form.parts().iter().filter(|part| !part.is_file);
            let bytes = texts.filter_map(|part| form.body().get(part.content.clone()));
            bytes.map(|bytes| String::from_utf8_lossy(bytes).chars().count() as u64).sum()
        }
    }
}

/// Tokens of texts that the estimate takes for attachments by their form alone, at four bytes
/// each.
fn uncounted_tokens(body: &Body) -> u64 {
    match body {
        Body::Json(document) if document.attachments() > 0 => {
            counted(document).1.saturating_sub(document.text_bytes()) / 4
        }
        _ => 0,
    }
}

/// Characters of all texts and long keys, and bytes of all texts.
fn counted(document: &Document) -> (u64, u64) {
    let (mut characters, mut bytes) = (0_u64, 0_u64);
    document.leaves(|leaf| {
        let is_text = match leaf.kind {
            LeafKind::String => !is_attachment(leaf),
            LeafKind::Key => leaf.text.len() > LONGEST_FIELD,
            LeafKind::Number => false,
        };
        if is_text {
            characters += leaf.text.chars().count() as u64;
        }
        if is_text && leaf.kind == LeafKind::String {
            bytes += leaf.text.len() as u64;
        }
    });
    (characters, bytes)
}

/// No field of the public API has a longer name: what is longer is text.
const LONGEST_FIELD: usize = 40;

/// Members whose strings are attachments in base64, without a `data:` before them.
const ENCODED: [&str; 5] = ["data", "file_data", "b64_json", "encrypted_content", "signature"];

/// Whether a string is an attachment: base64 to its end, and named so by itself or by its key.
fn is_attachment(leaf: &Leaf<'_, '_>) -> bool {
    let text = leaf.text.as_ref();
    let is_data = text.get(..5).is_some_and(|begin| begin.eq_ignore_ascii_case("data:"));
    let payload = if is_data {
        text.split_once(";base64,").map(|(_, payload)| payload)
    } else {
        let is_named =
            matches!(leaf.path.last(), Some(Step::Key(key)) if ENCODED.contains(&key.as_ref()));
        is_named.then_some(text)
    };
    payload.is_some_and(|payload| {
        let is_base64 = |byte| {
            matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'-' | b'_' | b'=')
        };
        payload.bytes().all(is_base64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(body: &str) -> u64 {
        counted(&Document::parse(body.to_owned().into()).unwrap()).0
    }

    #[test]
    fn only_what_is_base64_to_its_end_and_named_so_is_no_text() {
        let long = "hello+world+".repeat(100);
        assert_eq!(count(&format!(r#"{{"a":"{long}"}}"#)), 1_200);
        assert_eq!(count(&format!(r#"{{"a":"data:text/plain,{long}"}}"#)), 16 + 1_200);
        assert_eq!(count(&format!(r#"{{"a":"data:image/png;base64,{long} no"}}"#)), 22 + 1_203);
        assert_eq!(count(&format!(r#"{{"a":"data:image/png;base64,{long}"}}"#)), 0);
        assert_eq!(count(&format!(r#"{{"data":"{long}"}}"#)), 0);
        assert_eq!(count(&format!(r#"{{"{long}":1}}"#)), 1_200);
    }
}
