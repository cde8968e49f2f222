//! A whole chat completion as a Messages answer.

use serde_json::{Value, json};
use tb_core::TokenCounts;

use crate::Malformed;
use crate::pivot::{arguments_object, list_at, text_at, usage_from_chat};

/// The stop reason for a finish reason. Some vendors say `stop` when the model calls a tool.
pub(super) fn stop_reason(finish: &str, calls: bool) -> &'static str {
    match finish {
        "length" => "max_tokens",
        "content_filter" => "refusal",
        "tool_calls" | "function_call" => "tool_use",
        _ if calls => "tool_use",
        _ => "end_turn",
    }
}

/// `usage` of the Messages API: `input_tokens` excludes the cache.
pub(crate) fn usage(tokens: &TokenCounts) -> Value {
    json!({
        "input_tokens": tokens.input_fresh,
        "cache_creation_input_tokens": tokens.cache_write.saturating_add(tokens.cache_write_1h),
        "cache_read_input_tokens": tokens.cache_read,
        "output_tokens": tokens.output(),
    })
}

/// The reasoning text of a message or delta, under either name in use.
pub(super) fn reasoning(message: &Value) -> Option<&str> {
    let text = text_at(message, "reasoning_content").or_else(|| text_at(message, "reasoning"));
    text.filter(|text| !text.is_empty())
}

/// Translates `chat`.
///
/// # Errors
/// When it has no choice with a message, or a tool call's arguments are not an object.
pub(super) fn from_chat(chat: &Value) -> Result<Value, Malformed> {
    let choice = list_at(chat, "choices").first().ok_or(Malformed("the answer has no choice"))?;
    let message = choice.get("message").ok_or(Malformed("the choice has no message"))?;
    let mut content = Vec::new();
    if let Some(thinking) = reasoning(message) {
        let details = list_at(message, "reasoning_details").iter();
        let signature = details.filter_map(|detail| text_at(detail, "signature")).next();
        content.push(json!({
            "type": "thinking", "thinking": thinking, "signature": signature.unwrap_or_default(),
        }));
    }
    for key in ["content", "refusal"] {
        if let Some(text) = text_at(message, key).filter(|text| !text.is_empty()) {
            content.push(json!({"type": "text", "text": text}));
        }
    }
    let calls = list_at(message, "tool_calls");
    for call in calls {
        let function = call.get("function").unwrap_or(&Value::Null);
        let input = arguments_object(text_at(function, "arguments").unwrap_or_default())
            .ok_or(Malformed("the arguments of a tool call are not a JSON object"))?;
        content.push(json!({
            "type": "tool_use",
            "id": text_at(call, "id").unwrap_or_default(),
            "name": text_at(function, "name").unwrap_or_default(),
            "input": input,
        }));
    }
    let refused = text_at(message, "refusal").is_some_and(|text| !text.is_empty());
    let finish = text_at(choice, "finish_reason").filter(|_| !refused);
    let finish = finish.unwrap_or(if refused { "content_filter" } else { "stop" });
    let tokens = chat.get("usage").and_then(usage_from_chat).unwrap_or_default();
    Ok(json!({
        "id": text_at(chat, "id").unwrap_or_default(),
        "type": "message",
        "role": "assistant",
        "model": text_at(chat, "model").unwrap_or_default(),
        "content": content,
        "stop_reason": stop_reason(finish, !calls.is_empty()),
        "stop_sequence": null,
        "usage": usage(&tokens),
    }))
}
