//! Messages turns as chat messages: the system prompt becomes the first message, each tool
//! result a message of its own.

use serde_json::{Value, json};

use super::blocks::{blocks, content, joined_text, part};
use crate::EncodeError;
use crate::pivot::{self, Object, given, invalid, text_at};

/// Translates `system` and `messages`.
///
/// # Errors
/// A role or block that chat has no place for.
pub(super) fn turns(request: &Object) -> Result<Vec<Value>, EncodeError> {
    let mut out = Vec::new();
    if let Some(system) = given(request, "system") {
        let text = joined_text(&blocks(system, "system")?);
        if !text.is_empty() {
            out.push(json!({"role": "system", "content": text}));
        }
    }
    for (position, message) in pivot::messages(request)?.iter().enumerate() {
        let at = format!("messages[{position}]");
        let blocks =
            blocks(message.get("content").unwrap_or(&Value::Null), &format!("{at}.content"))?;
        match text_at(message, "role") {
            Some("user") => user(&blocks, &at, &mut out)?,
            Some("assistant") => out.push(assistant(&blocks, &at)?),
            Some("system") => out.push(json!({"role": "system", "content": joined_text(&blocks)})),
            _ => return Err(invalid(format!("{at}.role"), "the role must be user or assistant")),
        }
    }
    Ok(out)
}

/// Tool results first, each a `tool` message; the rest, with images out of results (a `tool`
/// message holds text only), as one user message behind them.
fn user(user: &[Value], at: &str, out: &mut Vec<Value>) -> Result<(), EncodeError> {
    let mut parts = Vec::new();
    for (position, block) in user.iter().enumerate() {
        let at = format!("{at}.content[{position}]");
        if text_at(block, "type") != Some("tool_result") {
            parts.push(part(block, &at)?);
            continue;
        }
        let id = text_at(block, "tool_use_id")
            .ok_or_else(|| invalid(format!("{at}.tool_use_id"), "the id of the call is needed"))?;
        let inner = blocks(block.get("content").unwrap_or(&Value::Null), &format!("{at}.content"))?;
        let mut text = joined_text(&inner);
        // Chat has no mark for a failed call, so the text says it.
        if block.get("is_error") == Some(&Value::Bool(true)) {
            text.insert_str(0, "Error: ");
        }
        for (n, other) in
            inner.iter().enumerate().filter(|(_, b)| text_at(b, "type") != Some("text"))
        {
            parts.push(part(other, &format!("{at}.content[{n}]"))?);
        }
        out.push(json!({"role": "tool", "tool_call_id": id, "content": text}));
    }
    if !parts.is_empty() {
        out.push(json!({"role": "user", "content": content(parts)}));
    }
    Ok(())
}

/// Thinking is left out: its signature means nothing to another provider, and several refuse
/// unknown fields in messages.
fn assistant(blocks: &[Value], at: &str) -> Result<Value, EncodeError> {
    let mut calls = Vec::new();
    for (position, block) in blocks.iter().enumerate() {
        let at = || format!("{at}.content[{position}]");
        match text_at(block, "type") {
            Some("text" | "thinking" | "redacted_thinking") => {}
            Some("tool_use") => {
                let name = text_at(block, "name")
                    .ok_or_else(|| invalid(format!("{}.name", at()), "a name is needed"))?;
                let input = block.get("input").filter(|input| input.is_object());
                let arguments = input.map_or_else(|| "{}".to_owned(), Value::to_string);
                calls.push(json!({
                    "id": text_at(block, "id").unwrap_or_default(),
                    "type": "function",
                    "function": {"name": name, "arguments": arguments},
                }));
            }
            _ => {
                let message = "this provider takes text and tool_use blocks of the assistant";
                return Err(invalid(format!("{}.type", at()), message));
            }
        }
    }
    let text = joined_text(blocks);
    let text = if text.is_empty() && !calls.is_empty() { Value::Null } else { json!(text) };
    let mut message = json!({"role": "assistant", "content": text});
    if let (false, Some(object)) = (calls.is_empty(), message.as_object_mut()) {
        object.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(request: Value) -> Vec<Value> {
        let request: Object = serde_json::from_value(request).expect("object");
        turns(&request).expect("turns")
    }

    #[test]
    fn results_become_tool_messages_and_their_images_follow() {
        let image = json!({"type": "image", "source":
            {"type": "base64", "media_type": "image/png", "data": "AAAA"}});
        let messages = translated(json!({"messages": [{"role": "user", "content": [
            {"type": "text", "text": "and?"},
            {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "t"}, image]},
            {"type": "tool_result", "tool_use_id": "b", "is_error": true, "content": "no disk"},
        ]}]}));
        assert_eq!(
            messages,
            [
                json!({"role": "tool", "tool_call_id": "a", "content": "t"}),
                json!({"role": "tool", "tool_call_id": "b", "content": "Error: no disk"}),
                json!({"role": "user", "content": [
                    {"type": "text", "text": "and?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                ]}),
            ]
        );
    }

    #[test]
    fn thinking_does_not_leave_for_another_provider() {
        let messages = translated(json!({
        "system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "b"}],
        "messages": [{"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "tool_use", "id": "c", "name": "f", "input": {"z": 1, "a": 2}},
        ]}]}));
        assert_eq!(
            messages,
            [
                json!({"role": "system", "content": "a\n\nb"}),
                json!({"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function",
                "function": {"name": "f", "arguments": "{\"z\":1,\"a\":2}"}}]}),
            ]
        );
    }
}
