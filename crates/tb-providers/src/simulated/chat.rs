//! Chat and text completions, whole and streamed.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::ask::Ask;
use super::output::{Content, Output};
use super::{CREATED, Script, json_script, stream_script, token_count};

/// More choices than this are not made.
const MAX_CHOICES: u64 = 8;

/// Answers a chat request.
pub(super) fn answer(ask: &Ask, output: &Output, speed: u32, id: u64) -> Script {
    let head = Head {
        id: format!("chatcmpl-sim{id:016x}"),
        object: if ask.stream { "chat.completion.chunk" } else { "chat.completion" },
        ask,
    };
    if ask.stream {
        return head.stream(output, speed, &chat_deltas(output, id));
    }
    let (content, calls) = match &output.content {
        Content::Text => (json!(output.text()), Value::Null),
        Content::ToolCall(name) => {
            let function = json!({"name": name, "arguments": output.text()});
            let call = json!({"id": call_id(id), "type": "function", "function": function});
            (Value::Null, json!([call]))
        }
    };
    let mut message = json!({
        "role": "assistant", "content": content, "refusal": null, "annotations": [],
    });
    if let (Some(members), Value::Array(_)) = (message.as_object_mut(), &calls) {
        members.insert("tool_calls".to_owned(), calls);
    }
    head.whole(output, &json!({"message": message}))
}

/// Answers a text completion request.
pub(super) fn completion(ask: &Ask, output: &Output, speed: u32, id: u64) -> Script {
    let head = Head { id: format!("cmpl-sim{id:016x}"), object: "text_completion", ask };
    if ask.stream {
        let deltas: Vec<Value> = output.chunks.iter().map(|text| json!({"text": text})).collect();
        return head.stream(output, speed, &deltas);
    }
    head.whole(output, &json!({"text": output.text()}))
}

/// The id of the call in an answer.
pub(super) fn call_id(id: u64) -> String {
    format!("call_sim{id:016x}")
}

/// The pause that producing `text` takes.
pub(super) fn pause(text: &str, tokens_per_second: u32) -> Duration {
    if tokens_per_second == 0 {
        return Duration::ZERO;
    }
    let micros = token_count(text.chars().count()).saturating_mul(1_000_000);
    Duration::from_micros(micros / u64::from(tokens_per_second))
}

/// One unnamed event.
fn event(data: &Value) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

fn chat_deltas(output: &Output, id: u64) -> Vec<Value> {
    let mut deltas = Vec::with_capacity(output.chunks.len() + 1);
    match &output.content {
        Content::Text => {
            deltas.push(json!({"role": "assistant", "content": "", "refusal": null}));
            deltas.extend(output.chunks.iter().map(|text| json!({"content": text})));
        }
        Content::ToolCall(name) => {
            let function = json!({"name": name, "arguments": ""});
            deltas.push(json!({"role": "assistant", "content": null, "tool_calls": [
                {"index": 0, "id": call_id(id), "type": "function", "function": function},
            ]}));
            deltas.extend(output.chunks.iter().map(|arguments| {
                json!({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]})
            }));
        }
    }
    deltas.into_iter().map(|delta| json!({"delta": delta})).collect()
}

/// What all chunks of an answer share.
struct Head<'a> {
    id: String,
    object: &'static str,
    ask: &'a Ask,
}

impl Head<'_> {
    fn whole(&self, output: &Output, choice: &Value) -> Script {
        let finish = finish_reason(output);
        let choices: Vec<Value> =
            (0..self.choice_count()).map(|index| filled(choice, index, Some(finish))).collect();
        json_script(200, &self.body(&json!(choices), Some(usage(self, output))))
    }

    fn stream(&self, output: &Output, speed: u32, deltas: &[Value]) -> Script {
        let mut pieces = Vec::with_capacity(deltas.len() + 3);
        let null_usage = self.ask.include_usage.then_some(Value::Null);
        let first_chunk = deltas.len().saturating_sub(output.chunks.len());
        for (position, delta) in deltas.iter().enumerate() {
            let text = position.checked_sub(first_chunk).and_then(|at| output.chunks.get(at));
            for index in 0..self.choice_count() {
                let chunk = self.body(&json!([filled(delta, index, None)]), null_usage.clone());
                let wait = text.filter(|_| index == 0).map(|text| pause(text, speed));
                pieces.push((wait.unwrap_or_default(), event(&chunk)));
            }
        }
        let last = if self.object == "text_completion" {
            json!({"text": ""})
        } else {
            json!({"delta": {}})
        };
        for index in 0..self.choice_count() {
            let choice = filled(&last, index, Some(finish_reason(output)));
            let chunk = self.body(&json!([choice]), null_usage.clone());
            pieces.push((Duration::ZERO, event(&chunk)));
        }
        if self.ask.include_usage {
            let chunk = self.body(&json!([]), Some(usage(self, output)));
            pieces.push((Duration::ZERO, event(&chunk)));
        }
        pieces.push((Duration::ZERO, Bytes::from_static(b"data: [DONE]\n\n")));
        stream_script(pieces)
    }

    fn choice_count(&self) -> u64 {
        self.ask.body.get("n").and_then(Value::as_u64).unwrap_or(1).clamp(1, MAX_CHOICES)
    }

    fn body(&self, choices: &Value, usage: Option<Value>) -> Value {
        let mut body = json!({
            "id": self.id, "object": self.object, "created": CREATED, "model": self.ask.model,
            "system_fingerprint": "fp_simulated", "choices": choices,
        });
        if let (Some(members), Some(usage)) = (body.as_object_mut(), usage) {
            members.insert("usage".to_owned(), usage);
        }
        body
    }
}

fn filled(choice: &Value, index: u64, finish: Option<&str>) -> Value {
    let mut choice = choice.clone();
    if let Some(members) = choice.as_object_mut() {
        members.insert("index".to_owned(), json!(index));
        members.insert("logprobs".to_owned(), Value::Null);
        members.insert("finish_reason".to_owned(), json!(finish));
    }
    choice
}

fn finish_reason(output: &Output) -> &'static str {
    match output.content {
        Content::ToolCall(_) => "tool_calls",
        Content::Text if output.limited => "length",
        Content::Text => "stop",
    }
}

fn usage(head: &Head<'_>, output: &Output) -> Value {
    let completion = output.output_tokens.saturating_mul(head.choice_count());
    json!({
        "prompt_tokens": output.input_tokens,
        "completion_tokens": completion,
        "total_tokens": output.input_tokens.saturating_add(completion),
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    })
}
