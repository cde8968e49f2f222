//! A whole Messages answer as a chat completion.

use serde_json::{Value, json};
use tb_core::TokenCounts;

use crate::pivot::{Object, list_at, text_at, usage_to_chat};

/// The finish reason for a stop reason.
pub(super) fn finish_reason(stop_reason: &str) -> &'static str {
    match stop_reason {
        "max_tokens" | "model_context_window_exceeded" => "length",
        "tool_use" => "tool_calls",
        "refusal" => "content_filter",
        // end_turn, stop_sequence, pause_turn, and what is to come.
        _ => "stop",
    }
}

/// The thinking block as it must come back in the next turn, unchanged; `None` for another kind.
pub(super) fn reasoning_detail(block: &Value, index: usize) -> Option<Value> {
    match text_at(block, "type")? {
        "thinking" => Some(json!({
            "type": "thinking", "index": index,
            "thinking": text_at(block, "thinking").unwrap_or_default(),
            "signature": text_at(block, "signature").unwrap_or_default(),
        })),
        "redacted_thinking" => Some(json!({
            "type": "redacted_thinking", "index": index,
            "data": text_at(block, "data").unwrap_or_default(),
        })),
        _ => None,
    }
}

/// Translates `message`.
pub(super) fn to_chat(message: &Value, tokens: Option<&TokenCounts>, created: i64) -> Value {
    let finish = text_at(message, "stop_reason").map(finish_reason);
    let mut out = json!({
        "id": text_at(message, "id").unwrap_or_default(),
        "object": "chat.completion",
        "created": created,
        "model": text_at(message, "model").unwrap_or_default(),
        "choices": [{
            "index": 0,
            "message": chat_message(list_at(message, "content")),
            "logprobs": null,
            "finish_reason": finish,
        }],
    });
    if let (Some(tokens), Some(object)) = (tokens, out.as_object_mut()) {
        object.insert("usage".to_owned(), usage_to_chat(tokens));
    }
    out
}

fn chat_message(blocks: &[Value]) -> Value {
    let (mut text, mut reasoning) = (None::<String>, String::new());
    let (mut details, mut calls) = (Vec::new(), Vec::new());
    for block in blocks {
        match text_at(block, "type") {
            Some("text") => {
                text.get_or_insert_default().push_str(text_at(block, "text").unwrap_or_default());
            }
            Some("tool_use") => calls.push(json!({
                "id": text_at(block, "id").unwrap_or_default(),
                "type": "function",
                "function": {
                    "name": text_at(block, "name").unwrap_or_default(),
                    "arguments": block.get("input").unwrap_or(&json!({})).to_string(),
                },
            })),
            _ => {
                reasoning.push_str(text_at(block, "thinking").unwrap_or_default());
                details.extend(reasoning_detail(block, details.len()));
            }
        }
    }
    let mut message = Object::new();
    message.insert("role".to_owned(), json!("assistant"));
    message.insert("content".to_owned(), json!(text));
    message.insert("refusal".to_owned(), Value::Null);
    if !reasoning.is_empty() {
        message.insert("reasoning_content".to_owned(), json!(reasoning));
    }
    if !details.is_empty() {
        message.insert("reasoning_details".to_owned(), Value::Array(details));
    }
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    Value::Object(message)
}
