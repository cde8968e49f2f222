//! The Responses API, whole and streamed, and the routes on stored responses.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::ask::Ask;
use super::chat::{call_id, pause};
use super::fault::ErrorAnswer;
use super::output::{Content, Output};
use super::{CREATED, Script, json_script, stream_script};

/// How the ids made here begin; others are not found.
const ID_PREFIX: &str = "resp_sim";

/// Answers a request for a new response.
pub(super) fn answer(ask: &Ask, output: &Output, speed: u32, id: u64) -> Script {
    let item = item(output, id, "completed", &output.text());
    let done = response(ask, id, done_status(output), &json!([item]), &usage(output));
    if !ask.stream {
        return json_script(200, &done);
    }
    let mut events = Events::default();
    let started = response(ask, id, "in_progress", &json!([]), &Value::Null);
    events.add("response.created", Duration::ZERO, json!({"response": started}));
    events.add("response.in_progress", Duration::ZERO, json!({"response": started}));
    events.item(output, id, speed);
    let last = if output.limited { "response.incomplete" } else { "response.completed" };
    events.add(last, Duration::ZERO, json!({"response": done}));
    stream_script(events.pieces)
}

/// Answers for the response with this id: gets, deletes or cancels it.
pub(super) fn stored(method: &Method, id: &str) -> Script {
    if !id.starts_with(ID_PREFIX) {
        let message = format!("Response with id '{id}' not found.");
        let body = json!({"error": {
            "message": message, "type": "invalid_request_error", "param": "id", "code": null,
        }});
        return json_script(404, &body);
    }
    match *method {
        Method::DELETE => {
            json_script(200, &json!({"id": id, "object": "response", "deleted": true}))
        }
        Method::GET => json_script(200, &stored_response(id, "completed")),
        Method::POST => json_script(200, &stored_response(id, "cancelled")),
        _ => ErrorAnswer {
            status: 405,
            code: None,
            message: "the method is not allowed here".to_owned(),
            retry_after: None,
        }
        .script(),
    }
}

fn stored_response(id: &str, status: &str) -> Value {
    let text = format!("The stored answer {id}.");
    let content = json!([{"type": "output_text", "text": text, "annotations": []}]);
    let message = json!({
        "id": format!("msg_{id}"), "type": "message", "status": "completed",
        "role": "assistant", "content": content,
    });
    json!({
        "id": id, "object": "response", "created_at": CREATED, "status": status,
        "model": "simulated-1", "output": [message], "store": true, "error": null,
        "incomplete_details": null, "instructions": null, "metadata": {},
        "parallel_tool_calls": true, "tool_choice": "auto", "tools": [],
        "temperature": 1.0, "top_p": 1.0, "usage": null,
    })
}

fn done_status(output: &Output) -> &'static str {
    if output.limited { "incomplete" } else { "completed" }
}

fn response(ask: &Ask, id: u64, status: &str, output: &Value, usage: &Value) -> Value {
    let given = |key: &str, default: Value| ask.body.get(key).cloned().unwrap_or(default);
    let incomplete = (status == "incomplete").then(|| json!({"reason": "max_output_tokens"}));
    json!({
        "id": format!("{ID_PREFIX}{id:016x}"), "object": "response", "created_at": CREATED,
        "status": status, "model": ask.model, "output": output, "usage": usage,
        "error": null, "incomplete_details": incomplete,
        "instructions": given("instructions", Value::Null),
        "metadata": given("metadata", json!({})),
        "parallel_tool_calls": given("parallel_tool_calls", json!(true)),
        "previous_response_id": given("previous_response_id", Value::Null),
        "store": given("store", json!(true)),
        "temperature": given("temperature", json!(1.0)),
        "tool_choice": given("tool_choice", json!("auto")),
        "tools": given("tools", json!([])),
        "top_p": given("top_p", json!(1.0)),
    })
}

fn item(output: &Output, id: u64, status: &str, text: &str) -> Value {
    match &output.content {
        Content::Text => {
            let content = if status == "completed" { json!([part(text)]) } else { json!([]) };
            json!({
                "id": format!("msg_sim{id:016x}"), "type": "message", "status": status,
                "role": "assistant", "content": content,
            })
        }
        Content::ToolCall(name) => json!({
            "id": format!("fc_sim{id:016x}"), "type": "function_call", "status": status,
            "call_id": call_id(id), "name": name, "arguments": text,
        }),
    }
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn usage(output: &Output) -> Value {
    json!({
        "input_tokens": output.input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": output.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": output.input_tokens.saturating_add(output.output_tokens),
    })
}

/// The events of a stream, numbered as they are added.
#[derive(Default)]
struct Events {
    pieces: Vec<(Duration, Bytes)>,
}

impl Events {
    fn add(&mut self, kind: &str, wait: Duration, mut data: Value) {
        if let Some(members) = data.as_object_mut() {
            members.insert("type".to_owned(), json!(kind));
            members.insert("sequence_number".to_owned(), json!(self.pieces.len()));
        }
        self.pieces.push((wait, Bytes::from(format!("event: {kind}\ndata: {data}\n\n"))));
    }

    /// The events of the one output item.
    fn item(&mut self, output: &Output, id: u64, speed: u32) {
        let zero = Duration::ZERO;
        let begun = item(output, id, "in_progress", "");
        let item_id = begun.get("id").cloned().unwrap_or_default();
        let text = output.text();
        let is_text = output.content == Content::Text;
        let at = |members: Value| {
            let mut all = json!({"item_id": item_id, "output_index": 0});
            if let (Some(all), Value::Object(members)) = (all.as_object_mut(), members) {
                all.extend(members);
            }
            all
        };
        self.add("response.output_item.added", zero, json!({"output_index": 0, "item": begun}));
        if is_text {
            let data = at(json!({"content_index": 0, "part": part("")}));
            self.add("response.content_part.added", zero, data);
        }
        for chunk in &output.chunks {
            let wait = pause(chunk, speed);
            if is_text {
                let data = at(json!({"content_index": 0, "delta": chunk, "logprobs": []}));
                self.add("response.output_text.delta", wait, data);
            } else {
                let data = at(json!({"delta": chunk}));
                self.add("response.function_call_arguments.delta", wait, data);
            }
        }
        if is_text {
            let data = at(json!({"content_index": 0, "text": text, "logprobs": []}));
            self.add("response.output_text.done", zero, data);
            let data = at(json!({"content_index": 0, "part": part(&text)}));
            self.add("response.content_part.done", zero, data);
        } else {
            let data = at(json!({"arguments": text}));
            self.add("response.function_call_arguments.done", zero, data);
        }
        let done = item(output, id, "completed", &text);
        self.add("response.output_item.done", zero, json!({"output_index": 0, "item": done}));
    }
}
