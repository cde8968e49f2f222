//! The fields and files of a form.

use tb_api::multipart::{Form, Part};

use super::attached::is_text;
use super::item::{Item, Writing};
use super::look::{Look, Manner};
use super::place::Place;
use super::refused::Ended;

/// Looks at the parts of a form.
pub(super) fn look(form: &Form, look: &mut Look<'_>) -> Vec<Item> {
    let mut items = Vec::new();
    for part in form.parts() {
        if look.ended.is_some() {
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
            items.push(Item { range, writing: Writing::FileName, decoded, holds });
        }
    }
}

fn content(form: &Form, part: &Part, look: &mut Look<'_>, items: &mut Vec<Item>) {
    let bytes = form.body().get(part.content.clone()).unwrap_or_default();
    let says_text = part.content_type.as_deref().is_some_and(is_textual);
    let text = std::str::from_utf8(bytes).ok();
    let place = Place::of_field(&part.name);
    let text = match text {
        Some(text) if !part.is_file || says_text || is_text(bytes, true) => text,
        // Text in another encoding.
        None if says_text => return look.note_opaque(),
        _ if part.is_file => return look.note_attachment(),
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
        items.push(Item::new(part.content.clone(), Writing::Plain, holds));
    }
}

/// Names of fields may be text of the caller's.
fn shown(place: Place<'_>) -> &'static str {
    match place {
        Place::Text => "a text field",
        Place::Setting | Place::Exact | Place::Model => "a field of the API",
        Place::Keyed(_) => "an unknown field",
    }
}

fn is_textual(content_type: &str) -> bool {
    content_type.starts_with("text/")
        || content_type.ends_with("json")
        || content_type.ends_with("xml")
        || content_type.ends_with("yaml")
}
