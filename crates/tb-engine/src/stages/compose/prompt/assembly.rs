//! Rendered messages, the prompt's settings and what the caller sent, as one body.

use serde_json::{Map, Value, json};
use tb_api::json::{Document, Kind, write_string};
use tb_core::Surface;
use tb_core::prompt::{PromptContent, RenderedMessage};

/// What a body is made of.
pub(super) struct Assembly<'a> {
    pub(super) surface: Surface,
    pub(super) document: &'a Document,
    pub(super) content: &'a PromptContent,
    pub(super) messages: &'a [RenderedMessage],
}

/// The body: the prompt's messages before the caller's, the prompt's settings where the caller has
/// none, and everything else as it came.
pub(super) fn assembled(parts: &Assembly<'_>) -> Vec<u8> {
    let Assembly { surface, document, content, messages } = *parts;
    let field = if surface == Surface::Responses { "input" } else { "messages" };
    let mut edits = document.edit();
    edits.remove(&["prompt"]);
    edits.set(&[field], &all_messages(document, field, messages));
    for (name, value) in settings(surface, content) {
        if document.get(&name).is_none_or(|own| own.kind == Kind::Null) {
            edits.set(&[name.as_str()], &value.to_string());
        }
    }
    edits.apply().into()
}

fn all_messages(document: &Document, field: &str, messages: &[RenderedMessage]) -> String {
    let mut list = String::from("[");
    let mut first = true;
    let mut next = |list: &mut String| {
        if !std::mem::take(&mut first) {
            list.push(',');
        }
    };
    for message in messages {
        next(&mut list);
        push_message(message.role.as_str(), &message.content, &mut list);
    }
    if let Some(own) = document.get(field) {
        match own.as_str() {
            // Responses take a text alone.
            Some(text) => {
                next(&mut list);
                push_message("user", &text, &mut list);
            }
            None => {
                for item in own.elements() {
                    next(&mut list);
                    // The document is UTF-8 as a whole, and so is each value in it.
                    list.push_str(std::str::from_utf8(item.raw).unwrap_or("null"));
                }
            }
        }
    }
    list.push(']');
    list
}

fn push_message(role: &str, content: &str, list: &mut String) {
    list.push_str("{\"role\":");
    write_string(role, list);
    list.push_str(",\"content\":");
    write_string(content, list);
    list.push('}');
}

/// What the prompt sets of a request, by the names of the route.
pub(super) fn settings(surface: Surface, content: &PromptContent) -> Map<String, Value> {
    let mut settings = Map::new();
    if let Some(model) = &content.model {
        settings.insert("model".to_owned(), model.as_str().into());
    }
    if surface != Surface::Responses {
        settings.extend(content.parameters.clone());
        let format = content.response_format.clone();
        settings.extend(format.map(|format| ("response_format".to_owned(), format)));
        return settings;
    }
    for (name, value) in &content.parameters {
        let (name, value) = match name.as_str() {
            "max_tokens" | "max_completion_tokens" => ("max_output_tokens", value.clone()),
            "reasoning_effort" => ("reasoning", json!({ "effort": value })),
            other => (other, value.clone()),
        };
        settings.insert(name.to_owned(), value);
    }
    if let Some(format) = &content.response_format {
        settings.insert("text".to_owned(), json!({ "format": flat_format(format) }));
    }
    settings
}

/// `{"type": "json_schema", "json_schema": {…}}` of chat completions as responses have it: its
/// members beside the type.
fn flat_format(format: &Value) -> Value {
    let Some(Value::Object(schema)) = format.get("json_schema") else { return format.clone() };
    let mut flat = schema.clone();
    flat.insert("type".to_owned(), "json_schema".into());
    Value::Object(flat)
}
