//! A provider that repeats what it was told, in the shape of each route, and fails in each way
//! with what it was told in its hands.
#![expect(clippy::indexing_slicing, reason = "what is missing in JSON is null")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tb_testkit::{FakeProvider, FakeReply, Recorded};

/// The models, named after what they do.
pub(super) const MODELS: [&str; 10] =
    ["echo", "tools", "flaky", "e400", "e500", "garbage", "cut", "event", "once", "hang"];

/// Starts it.
pub(super) fn start() -> FakeProvider {
    let (flaky, once) = (AtomicUsize::new(0), AtomicUsize::new(0));
    FakeProvider::start(move |request| {
        let asked = Asked::of(request);
        match asked.model {
            "flaky" if flaky.fetch_add(1, Ordering::AcqRel) % 2 == 0 => asked.error(500),
            "once" if once.fetch_add(1, Ordering::AcqRel) > 0 => asked.error(500),
            "e400" => asked.error(400),
            "e500" => asked.error(500),
            "garbage" => FakeReply::json(200, &format!("{{\"id\": {}", asked.said)),
            _ => asked.answer(),
        }
    })
}

/// What was asked, and what is said to it.
struct Asked {
    path: String,
    model: &'static str,
    streams: bool,
    wants_tool: bool,
    said: String,
}

impl Asked {
    fn of(request: &Recorded) -> Self {
        let path = request.request_line.split(' ').nth(1).unwrap_or_default().to_owned();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let raw = String::from_utf8_lossy(&request.body);
        let is_model = |name: &&&str| {
            body["model"] == format!("fake-{name}")
                || (body.is_null() && raw.contains(&format!("fake-{name}\r\n")))
        };
        let last = body["messages"].as_array().and_then(|all| all.last());
        let said = match (last, &body["input"], &body["prompt"]) {
            (Some(message), ..) => texts(&message["content"]),
            (None, Value::Null, Value::Null) => raw.lines().collect::<Vec<_>>().join(" "),
            (None, Value::Null, prompt) => texts(prompt),
            (None, input, _) => texts(input),
        };
        let model = MODELS.iter().find(is_model).copied().unwrap_or("echo");
        let wants_tool = model == "tools";
        Self { path, model, streams: body["stream"] == true, wants_tool, said }
    }

    fn error(&self, status: u16) -> FakeReply {
        FakeReply::json(status, &self.error_body().to_string())
    }

    fn error_body(&self) -> Value {
        let message = format!("cannot read: {}", self.said);
        json!({ "type": "error", "error": { "message": message, "type": "x", "code": "x" } })
    }

    /// The arguments of a tool, with the text in them.
    fn arguments(&self) -> String {
        json!({ "note": self.said, "say": "\"quoted\"" }).to_string()
    }

    fn answer(&self) -> FakeReply {
        if self.streams {
            return self.stream();
        }
        let said = &self.said;
        let body = match self.path.as_str() {
            "/v1/messages/count_tokens" => json!({ "input_tokens": 9 }),
            "/v1/messages" => self.message(),
            "/v1/completions" => json!({ "id": "c", "object": "text_completion", "created": 1,
                "model": "m", "choices": [{ "index": 0, "text": said, "finish_reason": "stop" }] }),
            "/v1/embeddings" => json!({ "object": "list", "model": "m",
                "data": [{ "object": "embedding", "index": 0, "embedding": [0.5] }],
                "usage": { "prompt_tokens": 1, "total_tokens": 1 } }),
            "/v1/moderations" => json!({ "id": "m", "model": "m",
                "results": [{ "flagged": false, "categories": {}, "category_scores": {} }] }),
            "/v1/audio/speech" => return FakeReply::body(200, "audio/mpeg", b"\xff\xfb sound"),
            path if path.starts_with("/v1/images/") => {
                json!({ "created": 1, "data": [{ "b64_json": "aGk=", "revised_prompt": said }] })
            }
            path if path.starts_with("/v1/audio/") => json!({ "text": said }),
            path if path.starts_with("/v1/responses") => self.response("completed"),
            _ => json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{ "index": 0, "message": self.chat_message(),
                "finish_reason": if self.wants_tool { "tool_calls" } else { "stop" } }] }),
        };
        FakeReply::json(200, &body.to_string())
    }

    fn chat_message(&self) -> Value {
        if self.wants_tool {
            return json!({ "role": "assistant", "content": null, "tool_calls": [{ "id": "call_1",
                "type": "function", "function": { "name": "note", "arguments": self.arguments() } }] });
        }
        json!({ "role": "assistant", "content": self.said })
    }

    fn message(&self) -> Value {
        let content = if self.wants_tool {
            json!([{ "type": "tool_use", "id": "toolu_1", "name": "note",
                "input": { "note": self.said } }])
        } else {
            json!([{ "type": "text", "text": self.said }])
        };
        json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": content, "stop_reason": "end_turn", "stop_sequence": null,
            "usage": { "input_tokens": 1, "output_tokens": 1 } })
    }

    fn response(&self, status: &str) -> Value {
        let output = if status == "completed" { vec![self.output_item()] } else { Vec::new() };
        json!({ "id": "resp_1", "object": "response", "created_at": 1, "status": status,
            "model": "m", "output": output,
            "usage": { "input_tokens": 1, "output_tokens": 1, "total_tokens": 2 } })
    }

    fn output_item(&self) -> Value {
        json!({ "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{ "type": "output_text", "text": self.said, "annotations": [] }] })
    }

    /// The events of a stream; texts come one character at a time.
    fn events(&self) -> Vec<Value> {
        let letters = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        match self.path.as_str() {
            "/v1/messages" => {
                let mut start = self.message();
                start["content"] = json!([]);
                let delta = |text: String| {
                    json!({ "type": "content_block_delta", "index": 0,
                        "delta": { "type": "text_delta", "text": text } })
                };
                let mut events = vec![
                    json!({ "type": "message_start", "message": start }),
                    json!({ "type": "content_block_start", "index": 0,
                        "content_block": { "type": "text", "text": "" } }),
                ];
                events.extend(letters(&self.said).into_iter().map(delta));
                events.push(json!({ "type": "content_block_stop", "index": 0 }));
                events.push(json!({ "type": "message_delta", "usage": { "output_tokens": 1 },
                    "delta": { "stop_reason": "end_turn", "stop_sequence": null } }));
                events.push(json!({ "type": "message_stop" }));
                events
            }
            "/v1/responses" => self.response_events(letters(&self.said)),
            path => {
                let choice = |piece: Value, reason: Value| {
                    let mut choice = piece;
                    choice["index"] = json!(0);
                    choice["finish_reason"] = reason;
                    json!({ "id": "c", "object": "chat.completion.chunk", "created": 1,
                        "model": "m", "choices": [choice] })
                };
                let piece = |text: String| match path {
                    "/v1/completions" => json!({ "text": text }),
                    _ if self.wants_tool => json!({ "delta": { "tool_calls": [{ "index": 0,
                        "id": "call_1", "type": "function",
                        "function": { "name": "note", "arguments": text } }] } }),
                    _ => json!({ "delta": { "content": text } }),
                };
                let text = if self.wants_tool { self.arguments() } else { self.said.clone() };
                let mut events: Vec<Value> = letters(&text)
                    .into_iter()
                    .map(|letter| choice(piece(letter), Value::Null))
                    .collect();
                let last = if path == "/v1/completions" {
                    json!({ "text": "" })
                } else {
                    json!({ "delta": {} })
                };
                events.push(choice(last, json!("stop")));
                events
            }
        }
    }

    fn response_events(&self, letters: Vec<String>) -> Vec<Value> {
        let place = json!({ "item_id": "msg_1", "output_index": 0, "content_index": 0 });
        let with = |kind: &str, name: &str, value: Value| {
            let mut event = place.clone();
            event["type"] = json!(kind);
            event[name] = value;
            event
        };
        let part = |text: &str| json!({ "type": "output_text", "text": text, "annotations": [] });
        let mut empty = self.output_item();
        empty["content"] = json!([]);
        let mut events = vec![
            json!({ "type": "response.created", "response": self.response("in_progress") }),
            json!({ "type": "response.output_item.added", "output_index": 0, "item": empty }),
            with("response.content_part.added", "part", part("")),
        ];
        let delta = |text| with("response.output_text.delta", "delta", json!(text));
        events.extend(letters.into_iter().map(delta));
        events.push(with("response.output_text.done", "text", json!(self.said)));
        events.push(with("response.content_part.done", "part", part(&self.said)));
        events.push(json!({ "type": "response.output_item.done", "output_index": 0,
            "item": self.output_item() }));
        events
            .push(json!({ "type": "response.completed", "response": self.response("completed") }));
        for (number, event) in events.iter_mut().enumerate() {
            event["sequence_number"] = json!(number);
        }
        events
    }

    fn stream(&self) -> FakeReply {
        let mut events = self.events();
        let breaks = matches!(self.model, "cut" | "event" | "hang");
        if breaks {
            // After enough for the client to see some of it.
            events.truncate(60);
        }
        let mut bytes = String::new();
        for event in &events {
            if self.path == "/v1/messages" {
                bytes.push_str(&format!("event: {}\n", event["type"].as_str().unwrap()));
            }
            bytes.push_str(&format!("data: {event}\n\n"));
        }
        if self.model == "event" {
            bytes.push_str(&format!("data: {}\n\n", self.error_body()));
        }
        if !breaks && !matches!(self.path.as_str(), "/v1/messages" | "/v1/responses") {
            bytes.push_str("data: [DONE]\n\n");
        }
        let mut reply = FakeReply::stream_head();
        // Pieces end anywhere, in the middle of events too.
        for piece in bytes.as_bytes().chunks(997) {
            reply = reply.chunk(Duration::ZERO, piece);
        }
        match self.model {
            "hang" => reply.hang(),
            "cut" => reply,
            _ => reply.end(),
        }
    }
}

/// The texts of a content, in any of its forms.
fn texts(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(texts).collect::<Vec<_>>().join(" "),
        Value::Object(part) => {
            part.get("text").or_else(|| part.get("content")).map(texts).unwrap_or_default()
        }
        _ => String::new(),
    }
}
