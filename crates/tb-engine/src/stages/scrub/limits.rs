//! How much one request may send.

use tb_api::json::{Document, Kind, LeafKind};
use tb_config::Limits;
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
    limits: Limits,
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
    check("tokens", limits.tokens, &|| input_tokens.max(estimate::form_tokens(body)))?;
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

/// Unicode characters of all texts; attachments have none. Counted only where the bytes, which
/// are never fewer, exceed the limit.
fn characters(body: &Body, limit: Option<u64>) -> u64 {
    match body {
        Body::Empty => 0,
        Body::Json(document) => {
            let bytes = document.text_bytes();
            if limit.is_some_and(|limit| bytes <= limit) { bytes } else { counted(document) }
        }
        Body::Form(form, _) => {
            let texts = form.parts().iter().filter(|part| !part.is_file);
            let texts = texts.filter_map(|part| form.text(&part.name));
            texts.map(|text| text.chars().count() as u64).sum()
        }
    }
}

fn counted(document: &Document) -> u64 {
    // So many bytes of the strings are attachments, by their form.
    let (mut characters, mut bytes) = (0_u64, 0_u64);
    let is_data =
        |text: &str| text.get(..5).is_some_and(|begin| begin.eq_ignore_ascii_case("data:"));
    document.leaves(|leaf| {
        if leaf.kind == LeafKind::String && !is_data(&leaf.text) {
            characters += leaf.text.chars().count() as u64;
            bytes += leaf.text.len() as u64;
        }
    });
    // Other attachments are ASCII: a character is a byte.
    characters.saturating_sub(bytes.saturating_sub(document.text_bytes()))
}
