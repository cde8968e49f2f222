//! The texts that are judged: what people and tools say in a request, what a model says in an
//! answer. Instructions (system, developer) are the operator's and not judged; images, audio
//! and files are not either.

mod pieces;
mod walk;

use std::borrow::Cow;

use bytes::Bytes;
use tb_api::json::{Document, Kind, Value};
use tb_api::sse::{SseEvent, SseParser};
use tb_core::Surface;

use self::pieces::Pieces;
use self::walk::Walk;

use crate::stages::compose::Body;

/// A text that cannot be read, such as a list of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

/// Whether texts of this route are judged. Who asks for a judgement is not judged for what it
/// is about.
pub(super) fn is_judged(surface: Surface) -> bool {
    !matches!(surface, Surface::Moderations | Surface::Models)
}

/// The texts of a request in its order, a message or item each.
pub(super) fn of_request(surface: Surface, body: &Body) -> Result<Vec<String>, Unreadable> {
    let document = match body {
        Body::Empty => return Ok(Vec::new()),
        Body::Form(form, _) => {
            return Ok(form.text("prompt").map(str::to_owned).into_iter().collect());
        }
        Body::Json(document) => document,
    };
    let mut texts = Vec::new();
    for key in roots(surface) {
        let Some(value) = document.get(key) else { continue };
        match value.kind {
            Kind::Array => {
                for element in value.elements() {
                    if is_token(&element) {
                        return Err(Unreadable);
                    }
                    add_turn(&element, &mut texts);
                }
            }
            _ => add_turn(&value, &mut texts),
        }
    }
    Ok(texts)
}

/// The members of a request that hold what people and tools say.
const fn roots(surface: Surface) -> &'static [&'static str] {
    match surface {
        Surface::ChatCompletions | Surface::Messages | Surface::CountTokens => {
            &["prompt", "messages"]
        }
        Surface::Responses => &["prompt", "input"],
        Surface::Completions => &["prompt", "suffix"],
        Surface::Embeddings | Surface::AudioSpeech => &["input"],
        Surface::ImagesGenerations
        | Surface::ImagesEdits
        | Surface::ImagesVariations
        | Surface::AudioTranscriptions
        | Surface::AudioTranslations => &["prompt"],
        Surface::Moderations
        | Surface::Models
        | Surface::ResponsesGet
        | Surface::ResponsesDelete
        | Surface::ResponsesCancel => &[],
    }
}

/// A token, or a list of them: nobody reads them without the model's table.
fn is_token(value: &Value<'_>) -> bool {
    value.kind == Kind::Number || value.elements().next().is_some_and(|first| is_token(&first))
}

fn add_turn(turn: &Value<'_>, texts: &mut Vec<String>) {
    let role = turn.get("role").and_then(|role| role.as_str());
    if matches!(role.as_deref(), Some("system" | "developer")) {
        return;
    }
    let mut whole = String::new();
    let mut visit = |_: &str, text: Cow<'_, str>| join(&mut whole, &text);
    Walk { visit: &mut visit, is_free: false }.value(turn, &mut String::new(), "");
    push(whole, texts);
}

fn join(whole: &mut String, text: &str) {
    if !whole.is_empty() {
        whole.push('\n');
    }
    whole.push_str(text);
}

fn push(text: String, texts: &mut Vec<String>) {
    if !text.trim().is_empty() {
        texts.push(text);
    }
}

/// The texts of a whole answer.
pub(super) fn of_answer(surface: Surface, body: &Bytes) -> Result<Vec<String>, Unreadable> {
    if matches!(surface, Surface::Embeddings | Surface::CountTokens | Surface::ResponsesDelete) {
        return Ok(Vec::new());
    }
    let document = Document::parse(body.clone()).map_err(|_| Unreadable)?;
    if matches!(surface, Surface::AudioTranscriptions | Surface::AudioTranslations)
        && let Some(text) = document.get("text").and_then(|text| text.as_str())
    {
        // Its segments and words say the same again.
        let mut texts = Vec::new();
        push(text.into_owned(), &mut texts);
        return Ok(texts);
    }
    let mut pieces = Pieces::default();
    pieces.add_document(&document);
    Ok(pieces.into_texts())
}

/// The texts of an answer whose bytes are server-sent events.
pub(super) fn of_event_bytes(body: &Bytes) -> Result<Vec<String>, Unreadable> {
    let mut parser = SseParser::new(body.len().saturating_add(1));
    let mut events = Vec::new();
    parser.push(body, &mut events).map_err(|_| Unreadable)?;
    parser.finish(&mut events).map_err(|_| Unreadable)?;
    Ok(of_events(&events))
}

/// The texts of a stream, its pieces put together by choice and field. What the last events
/// repeat is judged once.
pub(super) fn of_events(events: &[SseEvent]) -> Vec<String> {
    let mut pieces = Pieces::default();
    for event in events {
        if event.data.as_ref() == b"[DONE]" {
            continue;
        }
        match Document::parse(event.data.clone()) {
            Ok(document) => pieces.add_document(&document),
            // No event of a known shape is like this; its text is judged as it is.
            Err(_) => pieces.add("", &String::from_utf8_lossy(&event.data)),
        }
    }
    pieces.into_texts()
}

#[cfg(test)]
mod tests;
