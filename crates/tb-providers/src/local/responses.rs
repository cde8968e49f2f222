//! A response object as the events of its stream.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tb_api::sse::SseEvent;

use super::pieces;
use crate::pivot::{list_at, text_at};

/// The events; `None` for a response that has not ended or whose output is no list.
pub(super) fn events(mut response: Value) -> Option<Vec<SseEvent>> {
    let last = match text_at(&response, "status") {
        Some("completed") | None => "response.completed",
        Some("incomplete") => "response.incomplete",
        Some("failed") => "response.failed",
        Some(_) => return None,
    };
    let output = response.get("output").and_then(Value::as_array)?.clone();
    // The beginning is told with the response as it was then.
    let mut begun = response.clone();
    let members = begun.as_object_mut()?;
    members.insert("status".to_owned(), json!("in_progress"));
    members.insert("output".to_owned(), json!([]));
    for unknown in ["usage", "error", "incomplete_details", "completed_at"] {
        if let Some(value) = members.get_mut(unknown) {
            *value = Value::Null;
        }
    }
    let mut events = Events::default();
    events.push("response.created", json!({"response": begun}));
    events.push("response.in_progress", json!({"response": begun}));
    for (position, item) in output.iter().enumerate() {
        events.item(position, item);
    }
    events.push(last, json!({"response": response.take()}));
    Some(events.list)
}

/// The events so far; each has its number.
#[derive(Default)]
struct Events {
    list: Vec<SseEvent>,
}

/// Which part of the output an event is about.
#[derive(Clone, Copy)]
struct Place<'a> {
    item_id: &'a str,
    output_index: usize,
    content_index: Option<usize>,
}

impl Events {
    fn push(&mut self, kind: &'static str, fields: Value) {
        let mut members = Map::new();
        members.insert("type".to_owned(), json!(kind));
        members.insert("sequence_number".to_owned(), json!(self.list.len()));
        if let Value::Object(mut fields) = fields {
            members.append(&mut fields);
        }
        self.list.push(SseEvent::named(kind, Bytes::from(Value::Object(members).to_string())));
    }

    fn push_at(&mut self, kind: &'static str, place: Place<'_>, field: (&str, Value)) {
        let mut fields = json!({"item_id": place.item_id, "output_index": place.output_index});
        if let Some(members) = fields.as_object_mut() {
            if let Some(index) = place.content_index {
                members.insert("content_index".to_owned(), json!(index));
            }
            members.insert(field.0.to_owned(), field.1);
            if kind.starts_with("response.output_text.") && field.0 != "annotation" {
                members.insert("logprobs".to_owned(), json!([]));
            }
        }
        self.push(kind, fields);
    }

    fn item(&mut self, output_index: usize, item: &Value) {
        let item_id = text_at(item, "id").unwrap_or_default();
        let place = Place { item_id, output_index, content_index: None };
        let kind = text_at(item, "type").unwrap_or_default();
        let added = json!({"output_index": output_index, "item": begun(kind, item)});
        self.push("response.output_item.added", added);
        match kind {
            "message" => {
                for (index, part) in list_at(item, "content").iter().enumerate() {
                    self.part(Place { content_index: Some(index), ..place }, part);
                }
            }
            "function_call" => {
                let arguments = text_at(item, "arguments").unwrap_or_default();
                for piece in pieces(arguments) {
                    let delta = ("delta", json!(piece));
                    self.push_at("response.function_call_arguments.delta", place, delta);
                }
                let done = ("arguments", json!(arguments));
                self.push_at("response.function_call_arguments.done", place, done);
            }
            "custom_tool_call" => {
                let input = text_at(item, "input").unwrap_or_default();
                for piece in pieces(input) {
                    let delta = ("delta", json!(piece));
                    self.push_at("response.custom_tool_call_input.delta", place, delta);
                }
                let done = ("input", json!(input));
                self.push_at("response.custom_tool_call_input.done", place, done);
            }
            _ => {}
        }
        let done = json!({"output_index": output_index, "item": item});
        self.push("response.output_item.done", done);
    }

    fn part(&mut self, place: Place<'_>, part: &Value) {
        let (name, delta, done) = match text_at(part, "type") {
            Some("output_text") => {
                ("text", "response.output_text.delta", "response.output_text.done")
            }
            Some("refusal") => ("refusal", "response.refusal.delta", "response.refusal.done"),
            _ => {
                self.push_at("response.content_part.added", place, ("part", part.clone()));
                self.push_at("response.content_part.done", place, ("part", part.clone()));
                return;
            }
        };
        let mut empty = part.clone();
        if let Some(members) = empty.as_object_mut() {
            members.insert(name.to_owned(), json!(""));
            for list in ["annotations", "logprobs"] {
                if let Some(Value::Array(list)) = members.get_mut(list) {
                    list.clear();
                }
            }
        }
        self.push_at("response.content_part.added", place, ("part", empty));
        let text = text_at(part, name).unwrap_or_default();
        for piece in pieces(text) {
            self.push_at(delta, place, ("delta", json!(piece)));
        }
        for annotation in list_at(part, "annotations") {
            let kind = "response.output_text.annotation.added";
            self.push_at(kind, place, ("annotation", annotation.clone()));
        }
        self.push_at(done, place, (name, json!(text)));
        self.push_at("response.content_part.done", place, ("part", part.clone()));
    }
}

/// An item before its output; kinds whose output does not stream are whole from the start.
fn begun(kind: &str, item: &Value) -> Value {
    let streamed = match kind {
        "message" => ("content", json!([])),
        "function_call" => ("arguments", json!("")),
        "custom_tool_call" => ("input", json!("")),
        _ => return item.clone(),
    };
    let mut begun = item.clone();
    if let Some(members) = begun.as_object_mut() {
        members.insert(streamed.0.to_owned(), streamed.1);
        if let Some(status) = members.get_mut("status") {
            *status = json!("in_progress");
        }
    }
    begun
}
