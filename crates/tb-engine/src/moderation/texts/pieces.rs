//! Texts that come in pieces, put together.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use tb_api::json::{Document, Kind, Value};

use super::push;
use super::walk::Walk;

/// Texts under way, by where their pieces come from.
#[derive(Default)]
pub(super) struct Pieces {
    places: HashMap<String, usize>,
    texts: Vec<String>,
}

impl Pieces {
    pub(super) fn add(&mut self, place: &str, piece: &str) {
        if let Some(text) = self.places.get(place).and_then(|number| self.texts.get_mut(*number)) {
            text.push_str(piece);
            return;
        }
        self.places.insert(place.to_owned(), self.texts.len());
        self.texts.push(piece.to_owned());
    }

    pub(super) fn add_document(&mut self, document: &Document) {
        let whole = Value { raw: document.bytes().trim_ascii(), start: 0, kind: Kind::Object };
        let kind = document.get("type").and_then(|kind| kind.as_str());
        let mut path = kind.map(Cow::into_owned).unwrap_or_default();
        let mut visit = |place: &str, text: Cow<'_, str>| self.add(place, &text);
        let mut walk = Walk { visit: &mut visit, is_free: false };
        // A response repeats the request's instructions, tools and more.
        let holder = document.get("response").unwrap_or(whole);
        if is_response(&holder) {
            if let Some(output) = holder.get("output") {
                walk.value(&output, &mut path, "output");
            }
            return;
        }
        walk.value(&whole, &mut path, "");
    }

    pub(super) fn into_texts(self) -> Vec<String> {
        let mut known = HashSet::new();
        let mut texts = Vec::new();
        for text in self.texts {
            if known.insert(text.clone()) {
                push(text, &mut texts);
            }
        }
        texts
    }
}

fn is_response(value: &Value<'_>) -> bool {
    value.get("object").and_then(|object| object.as_str()).as_deref() == Some("response")
}
