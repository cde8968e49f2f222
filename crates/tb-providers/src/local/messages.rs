//! A message of Anthropic's shape as the events of its stream.

use bytes::Bytes;
use serde_json::{Value, json};
use tb_api::sse::SseEvent;
use tb_core::TokenCounts;

use super::pieces;
use crate::messages::usage as messages_usage;
use crate::pivot::{list_at, text_at};
use crate::scan::{self, Scan};

/// The events; `None` when `answer`, read from `body`, has no list of blocks or no stop reason.
pub(super) fn events(answer: &Value, body: &Bytes) -> Option<Vec<SseEvent>> {
    let blocks = answer.get("content")?.as_array()?;
    let stop_reason = text_at(answer, "stop_reason")?;
    let usage = answer.get("usage").filter(|usage| usage.is_object()).cloned();
    let usage = usage.unwrap_or_else(|| messages_usage(&TokenCounts::default()));
    let mut begun = answer.clone();
    let members = begun.as_object_mut()?;
    members.insert("content".to_owned(), json!([]));
    members.insert("stop_reason".to_owned(), Value::Null);
    members.insert("stop_sequence".to_owned(), Value::Null);
    members.insert("usage".to_owned(), usage.clone());
    if let Some(count) = members.get_mut("usage").and_then(|usage| usage.get_mut("output_tokens")) {
        *count = json!(0);
    }
    let mut events = vec![event("message_start", &json!({"message": begun}))];
    let mut raw_blocks = Scan::array(scan::member(body, "content")?).ok()?;
    for (index, block) in blocks.iter().enumerate() {
        let (_, raw) = raw_blocks.element().ok()??;
        write_block(index, block, raw, &mut events);
    }
    let delta = json!({
        "stop_reason": stop_reason,
        "stop_sequence": answer.get("stop_sequence").cloned().unwrap_or_default(),
    });
    events.push(event("message_delta", &json!({"delta": delta, "usage": usage})));
    events.push(event("message_stop", &json!({})));
    Some(events)
}

/// An event of the Messages API: its name is also its `type`.
fn event(name: &'static str, fields: &Value) -> SseEvent {
    let mut members = serde_json::Map::new();
    members.insert("type".to_owned(), json!(name));
    for (field, value) in fields.as_object().into_iter().flatten() {
        members.insert(field.clone(), value.clone());
    }
    SseEvent::named(name, Bytes::from(Value::Object(members).to_string()))
}

fn write_block(index: usize, block: &Value, raw: &[u8], events: &mut Vec<SseEvent>) {
    let (begun, deltas) = streamed(block, raw);
    let start = json!({"index": index, "content_block": begun});
    events.push(event("content_block_start", &start));
    for delta in deltas {
        events.push(event("content_block_delta", &json!({"index": index, "delta": delta})));
    }
    events.push(event("content_block_stop", &json!({"index": index})));
}

/// A block at its start, and its deltas; kinds that do not stream are whole from the start.
fn streamed(block: &Value, raw: &[u8]) -> (Value, Vec<Value>) {
    let mut begun = block.clone();
    let mut deltas = Vec::new();
    let mut empty = |name: &str, value: Value| {
        if let Some(member) = begun.get_mut(name) {
            *member = value;
        }
    };
    let text = |name| text_at(block, name).unwrap_or_default();
    match text("type") {
        "text" => {
            empty("text", json!(""));
            deltas.extend(pieces(text("text")).map(|t| json!({"type": "text_delta", "text": t})));
            if block.get("citations").is_some_and(Value::is_array) {
                empty("citations", json!([]));
            }
            let citations = list_at(block, "citations").iter();
            deltas.extend(citations.map(|c| json!({"type": "citations_delta", "citation": c})));
        }
        "thinking" => {
            empty("thinking", json!(""));
            empty("signature", json!(""));
            let thoughts = pieces(text("thinking"));
            deltas.extend(thoughts.map(|t| json!({"type": "thinking_delta", "thinking": t})));
            if !text("signature").is_empty() {
                deltas.push(json!({"type": "signature_delta", "signature": text("signature")}));
            }
        }
        "tool_use" | "server_tool_use" | "mcp_tool_use" => {
            empty("input", json!({}));
            // The bytes of the input as they are: numbers keep all their digits.
            let input = scan::member(raw, "input").and_then(|raw| std::str::from_utf8(raw).ok());
            let input = input.filter(|input| *input != "{}").unwrap_or_default();
            let parts = pieces(input);
            deltas.extend(
                parts.map(|part| json!({"type": "input_json_delta", "partial_json": part})),
            );
        }
        _ => {}
    }
    (begun, deltas)
}
