//! A text as a whole answer.

use bytes::Bytes;
use serde_json::{Value, json};
use tb_core::{Surface, TokenCounts};

use crate::messages::usage as messages_usage;

/// An answer of the gateway's own, before it has a shape.
#[derive(Clone, Copy)]
pub struct Spoken<'a> {
    /// The route that the client used.
    pub surface: Surface,
    /// Names the answer; characters of `[A-Za-z0-9_-]`.
    pub id: &'a str,
    /// Unix seconds.
    pub created: i64,
    /// What the client sent as `model`.
    pub model: &'a str,
    /// The text of the one message.
    pub text: &'a str,
}

/// Shows no text but the answer's id: what clients and rules say must not reach logs.
impl std::fmt::Debug for Spoken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spoken")
            .field("surface", &self.surface)
            .field("id", &self.id)
            .field("text_bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

/// The whole answer: one message, finish reason `stop` (or the route's word for it), usage 0.
/// `None` on routes without messages.
#[must_use]
pub fn answer(spoken: &Spoken<'_>) -> Option<Bytes> {
    let body = match spoken.surface {
        Surface::ChatCompletions => chat(spoken),
        Surface::Completions => completion(spoken),
        Surface::Responses => response(spoken),
        Surface::Messages => message(spoken),
        _ => return None,
    };
    Some(Bytes::from(body.to_string()))
}

fn chat(spoken: &Spoken<'_>) -> Value {
    let Spoken { id, created, model, text, .. } = spoken;
    let message = json!({"role": "assistant", "content": text, "refusal": null, "annotations": []});
    let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"});
    json!({
        "id": format!("chatcmpl-{id}"), "object": "chat.completion", "created": created,
        "model": model, "choices": [choice], "usage": chat_usage(),
    })
}

fn completion(spoken: &Spoken<'_>) -> Value {
    let Spoken { id, created, model, text, .. } = spoken;
    let choice = json!({"text": text, "index": 0, "logprobs": null, "finish_reason": "stop"});
    json!({
        "id": format!("cmpl-{id}"), "object": "text_completion", "created": created,
        "model": model, "choices": [choice], "usage": chat_usage(),
    })
}

/// A response that no provider stores, so it says `store: false`. The settings of the request
/// are OpenAI's defaults: nothing sampled this answer.
fn response(spoken: &Spoken<'_>) -> Value {
    let Spoken { id, created, model, text, .. } = spoken;
    let part = json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
    let message = json!({
        "id": format!("msg_{id}"), "type": "message", "status": "completed",
        "role": "assistant", "content": [part],
    });
    json!({
        "id": format!("resp_{id}"), "object": "response", "created_at": created,
        "status": "completed", "error": null, "incomplete_details": null, "instructions": null,
        "metadata": {}, "model": model, "output": [message], "parallel_tool_calls": true,
        "previous_response_id": null, "store": false, "temperature": 1.0,
        "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "truncation": "disabled",
        "usage": {
            "input_tokens": 0, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 0, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 0,
        },
    })
}

fn message(spoken: &Spoken<'_>) -> Value {
    let Spoken { id, model, text, .. } = spoken;
    // The Messages API refuses empty text blocks when a client sends the turn back.
    let content = if text.is_empty() { json!([]) } else { json!([{"type": "text", "text": text}]) };
    json!({
        "id": format!("msg_{id}"), "type": "message", "role": "assistant", "model": model,
        "content": content, "stop_reason": "end_turn", "stop_sequence": null,
        "usage": messages_usage(&TokenCounts::default()),
    })
}

fn chat_usage() -> Value {
    json!({
        "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    })
}
