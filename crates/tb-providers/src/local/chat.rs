//! Chat and text completions as chunks.
//!
//! Clients add up the members of `delta`, take unknown root members from the first chunk and
//! unknown members of a choice from the first chunk of that choice.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tb_api::sse::SseEvent;

use super::{pieces, without};
use crate::pivot::{ChatChunks, count_at, list_at, text_at};

/// Texts of a message that stream in pieces, in the order in which models produce them.
const STREAMED: [&str; 4] = ["reasoning_content", "reasoning", "content", "refusal"];

/// The chunks of a chat completion.
pub(super) fn chat_events(answer: &Value, with_usage: bool) -> Option<Vec<SseEvent>> {
    let mut chunks = Chunks::new(answer, "chat.completion.chunk", with_usage)?;
    for choice in list_at(answer, "choices") {
        chunks.chat_choice(choice)?;
    }
    Some(chunks.end(answer))
}

/// The chunks of a text completion.
pub(super) fn completion_events(answer: &Value, with_usage: bool) -> Option<Vec<SseEvent>> {
    let mut chunks = Chunks::new(answer, "text_completion", with_usage)?;
    for choice in list_at(answer, "choices") {
        chunks.completion_choice(choice)?;
    }
    Some(chunks.end(answer))
}

/// Writes the chunks of an answer.
struct Chunks {
    events: Vec<SseEvent>,
    /// `id`, `object`, `created`, `model` and the like: in every chunk.
    head: Map<String, Value>,
    /// Other root members: in the first chunk only.
    once: Map<String, Value>,
    with_usage: bool,
}

/// One choice under way: what its next chunk carries beside the delta.
struct Choice {
    index: u64,
    /// Members of the choice that nobody adds up: in its first chunk.
    once: Map<String, Value>,
    /// The log probabilities of all its tokens: with its first text.
    logprobs: Value,
}

impl Choice {
    fn new(choice: &Value, produced: &str) -> Self {
        Self {
            index: count_at(choice, "index").unwrap_or(0),
            once: without(choice, &["index", produced, "logprobs", "finish_reason"]),
            logprobs: choice.get("logprobs").cloned().unwrap_or_default(),
        }
    }

    fn chunk(&mut self, key: &str, produced: Value, logprobs: Value, finish: Value) -> Value {
        let mut members = Map::new();
        members.insert("index".to_owned(), json!(self.index));
        members.insert(key.to_owned(), produced);
        members.insert("logprobs".to_owned(), logprobs);
        members.insert("finish_reason".to_owned(), finish);
        members.append(&mut self.once);
        Value::Object(members)
    }
}

impl Chunks {
    /// `None` when the answer has no choices.
    fn new(answer: &Value, object: &str, with_usage: bool) -> Option<Self> {
        if list_at(answer, "choices").is_empty() {
            return None;
        }
        let mut once = without(answer, &["choices", "usage"]);
        let mut head = Map::new();
        for name in ["id", "object", "created", "model", "service_tier", "system_fingerprint"] {
            if let Some(value) = once.shift_remove(name) {
                head.insert(name.to_owned(), value);
            }
        }
        head.insert("object".to_owned(), json!(object));
        Some(Self { events: Vec::new(), head, once, with_usage })
    }

    fn push(&mut self, choices: Value, usage: Value) {
        let mut chunk = self.head.clone();
        chunk.insert("choices".to_owned(), choices);
        if self.with_usage {
            chunk.insert("usage".to_owned(), usage);
        }
        chunk.append(&mut self.once);
        self.events.push(SseEvent::data(Bytes::from(Value::Object(chunk).to_string())));
    }

    fn delta(&mut self, choice: &mut Choice, delta: Value) {
        let chunk = choice.chunk("delta", delta, Value::Null, Value::Null);
        self.push(json!([chunk]), Value::Null);
    }

    fn chat_choice(&mut self, whole: &Value) -> Option<()> {
        let message = whole.get("message").filter(|message| message.is_object())?;
        let finish = text_at(whole, "finish_reason")?;
        let mut choice = Choice::new(whole, "message");
        self.delta(&mut choice, begun(message));
        self.texts(&mut choice, message);
        for (position, call) in list_at(message, "tool_calls").iter().enumerate() {
            self.tool_call(&mut choice, position, call);
        }
        let logprobs = std::mem::take(&mut choice.logprobs);
        let last = choice.chunk("delta", json!({}), logprobs, json!(finish));
        self.push(json!([last]), Value::Null);
        Some(())
    }

    fn texts(&mut self, choice: &mut Choice, message: &Value) {
        for name in STREAMED {
            for piece in pieces(text_at(message, name).unwrap_or_default()) {
                let logprobs = match name {
                    "content" | "refusal" => std::mem::take(&mut choice.logprobs),
                    _ => Value::Null,
                };
                let chunk = choice.chunk("delta", json!({name: piece}), logprobs, Value::Null);
                self.push(json!([chunk]), Value::Null);
            }
        }
    }

    /// The first chunk of a call has all but the arguments of a function.
    fn tool_call(&mut self, choice: &mut Choice, position: usize, call: &Value) {
        let function = call.get("function");
        let arguments = function.and_then(|function| text_at(function, "arguments"));
        let mut first = Map::new();
        first.insert("index".to_owned(), json!(position));
        first.append(&mut without(call, &["index"]));
        if let (Some(_), Some(function)) = (arguments, first.get_mut("function"))
            && let Some(members) = function.as_object_mut()
        {
            members.insert("arguments".to_owned(), json!(""));
        }
        self.delta(choice, json!({"tool_calls": [first]}));
        for piece in pieces(arguments.unwrap_or_default()) {
            let next = json!({"index": position, "function": {"arguments": piece}});
            self.delta(choice, json!({"tool_calls": [next]}));
        }
    }

    fn completion_choice(&mut self, whole: &Value) -> Option<()> {
        let text = text_at(whole, "text")?;
        let finish = text_at(whole, "finish_reason")?;
        let mut choice = Choice::new(whole, "text");
        for piece in pieces(text) {
            let logprobs = std::mem::take(&mut choice.logprobs);
            let chunk = choice.chunk("text", json!(piece), logprobs, Value::Null);
            self.push(json!([chunk]), Value::Null);
        }
        let logprobs = std::mem::take(&mut choice.logprobs);
        let last = choice.chunk("text", json!(""), logprobs, json!(finish));
        self.push(json!([last]), Value::Null);
        Some(())
    }

    fn end(mut self, answer: &Value) -> Vec<SseEvent> {
        let usage = answer.get("usage").filter(|usage| self.with_usage && usage.is_object());
        if let Some(usage) = usage {
            self.push(json!([]), usage.clone());
        }
        self.events.push(ChatChunks::done());
        self.events
    }
}

/// The first delta: the message without what streams. A text that will come is empty there, so
/// that a client tells it from none.
fn begun(message: &Value) -> Value {
    let mut delta = without(message, &["tool_calls"]);
    for name in STREAMED {
        match (name, delta.get_mut(name)) {
            ("content", Some(Value::String(text))) => text.clear(),
            (_, Some(Value::String(_))) => _ = delta.shift_remove(name),
            _ => {}
        }
    }
    Value::Object(delta)
}
