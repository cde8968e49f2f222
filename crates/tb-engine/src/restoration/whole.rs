//! Whole answers: every string at any depth, the rest byte for byte.

use bytes::Bytes;
use tb_api::json::{Document, Leaf, LeafKind, write_string};
use tb_core::Surface;

use super::AnswerBlocked;
use super::leaf::{Place, key_of, treated};
use super::odds::are_at;
use super::rules::{Rules, Splices, Writing};

/// A whole answer, looked at and restored.
pub(super) fn restored(
    body: Bytes,
    surface: Surface,
    rules: &mut Rules,
) -> Result<Bytes, AnswerBlocked> {
    match Document::parse(body.clone()) {
        Ok(document) => Ok(document.spliced(&splices(&document, surface, rules)?)),
        Err(_) => unread(body, rules),
    }
}

/// What changes in a document.
fn splices(
    document: &Document,
    surface: Surface,
    rules: &mut Rules,
) -> Result<Splices, AnswerBlocked> {
    let odds = rules.odds(surface, document);
    let mut splices = odds.clone();
    let mut outcome = Ok(());
    let mut part = String::new();
    document.leaves(|leaf| {
        if outcome.is_err() || leaf.kind == LeafKind::Key || are_at(&odds, &leaf.range) {
            return;
        }
        if key_of(leaf.path) == "type" {
            part = leaf.text.to_string();
        }
        match change(leaf, &part, surface, rules) {
            Ok(None) => {}
            Ok(Some(text)) => splices.push((leaf.range.clone(), quoted(&text))),
            Err(blocked) => outcome = Err(blocked),
        }
    });
    splices.sort_by_key(|(range, _)| range.start);
    outcome.map(|()| splices)
}

/// What becomes of a string, or of a number in the arguments of a tool: hidden, it is a string.
pub(super) fn change(
    leaf: &Leaf<'_, '_>,
    part: &str,
    surface: Surface,
    rules: &mut Rules,
) -> Result<Option<String>, AnswerBlocked> {
    let place = Place::of(surface, leaf.path, part, rules.wants_json());
    if leaf.kind == LeafKind::Number && place.named.is_none() {
        return Ok(None);
    }
    treated(&leaf.text, place, rules)
}

/// A text that is no JSON object, or none that can be told apart: the values go in with JSON's
/// escapes all the same, because such texts nearly are JSON.
pub(super) fn unread(body: Bytes, rules: &mut Rules) -> Result<Bytes, AnswerBlocked> {
    let Ok(text) = std::str::from_utf8(&body) else { return Ok(body) };
    let place = Place { writing: Writing::Json, is_written: true, named: None };
    Ok(treated(text, place, rules)?.map_or(body.clone(), Bytes::from))
}

/// A text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_string(text, &mut out);
    out
}
