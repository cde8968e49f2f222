//! The fields and files of a form.

use tb_api::multipart::{Form, Part};

use super::attached::{is_text, readable};
use super::item::{Holds, Item, Writing};
use super::look::{Look, Manner};
use super::place::{Hiding, Place};
use super::refused::Ended;

/// Looks at the parts of a form.
pub(super) fn look(form: &Form, look: &mut Look<'_>) -> Vec<Item> {
    let mut items = Vec::new();
    for part in form.parts() {
        if look.ended.is_some() || look.rules.gone.is_set() {
            break;
        }
        file_names(part, look, &mut items);
        content(form, part, look, &mut items);
    }
    items.sort_by_key(|item| item.range.start);
    items
}

fn file_names(part: &Part, look: &mut Look<'_>, items: &mut Vec<Item>) {
    let manner =
        Manner { place: Place::Text, nesting: u8::MAX, is_outside: false, is_attachment: false };
    for (name, range) in part.file_name.iter().chain(&part.extended_file_name) {
        if let Some((holds, _)) = look.text(name, manner, &|| "filename".to_owned()) {
            let (range, decoded) = (range.clone(), Some(name.clone()));
            items.push(Item { decoded, ..Item::new(range, Writing::FileName, holds) });
        }
    }
}

fn content(form: &Form, part: &Part, look: &mut Look<'_>, items: &mut Vec<Item>) {
    let bytes = form.body().get(part.content.clone()).unwrap_or_default();
    let says_text = part.content_type.as_deref().is_some_and(is_textual);
    let place = Place::of_field(&part.name);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if !part.is_file || says_text || is_text(bytes, true) => text,
        _ if part.is_file => return odd_file(part, bytes, look, items),
        _ => {
            look.ended = Some(Ended::not_utf8(shown(place)));
            return;
        }
    };
    if place == Place::Model && !part.is_file {
        return look.model(text);
    }
    let place = if part.is_file { Place::Text } else { place };
    let manner = Manner { place, nesting: 0, is_outside: false, is_attachment: false };
    if let Some((holds, _)) = look.text(text, manner, &|| shown(place).to_owned()) {
        let hashes = place.hiding() == Hiding::Hash;
        let item = Item::new(part.content.clone(), Writing::Plain, holds);
        items.push(Item { hashes, ..item });
    }
}

/// A file that is no UTF-8, or not as people write it.
fn odd_file(part: &Part, bytes: &[u8], look: &mut Look<'_>, items: &mut Vec<Item>) {
    let Ok((text, _)) = readable(bytes.to_vec(), 0) else {
        // Text in an encoding that nobody told.
        let says_text = part.content_type.as_deref().is_some_and(is_textual);
        return if says_text { look.note_opaque() } else { look.note_attachment() };
    };
    let manner =
        Manner { place: Place::Text, nesting: u8::MAX, is_outside: false, is_attachment: false };
    let findings = look.found(&text, manner);
    let (range, holds) = (part.content.clone(), Holds::Text { findings, is_cleaned: false });
    items.push(Item { decoded: Some(text), ..Item::new(range, Writing::Plain, holds) });
}

/// Names of fields may be text of the caller's.
fn shown(place: Place<'_>) -> &'static str {
    match place {
        Place::Text | Place::Who => "a text field",
        Place::Setting | Place::Exact | Place::Name | Place::Model => "a field of the API",
        Place::Keyed(_) => "an unknown field",
    }
}

fn is_textual(content_type: &str) -> bool {
    content_type.starts_with("text/")
        || content_type.ends_with("json")
        || content_type.ends_with("xml")
        || content_type.ends_with("yaml")
}
