//! The texts that are judged: what people and tools say in a request, what a model says in an
//! answer. Instructions (system, developer) are the operator's and not judged; images, audio
//! and files are not either.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use tb_api::json::{Document, Kind, Value};
use tb_api::sse::{SseEvent, SseParser};
use tb_core::Surface;

use crate::stages::compose::Body;

/// A text that cannot be read, such as a list of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

/// Members whose strings are no words of anybody: names of kinds, ids, signatures, settings.
const WORDLESS: [&str; 42] = [
    "annotations",
    "b64_json",
    "background",
    "cache_control",
    "call_id",
    "detail",
    "encrypted_content",
    "file_id",
    "filename",
    "fingerprint",
    "finish_reason",
    "format",
    "id",
    "item_id",
    "language",
    "logprobs",
    "media_type",
    "mime_type",
    "model",
    "name",
    "native_finish_reason",
    "obfuscation",
    "object",
    "output_format",
    "partial_image_b64",
    "phase",
    "provider",
    "quality",
    "role",
    "service_tier",
    "signature",
    "size",
    "status",
    "stop_reason",
    "stop_sequence",
    "system_fingerprint",
    "task",
    "tool_call_id",
    "tool_use_id",
    "type",
    "usage",
    "words",
];

/// Members that may hold an attachment in the form of a string.
const ATTACHED: [&str; 8] =
    ["audio", "data", "file", "file_data", "image", "image_url", "result", "url"];

/// Members with objects of a tool's or a template's own shape: every string in them is a word.
const FREE: [&str; 3] = ["arguments", "input", "variables"];

/// A string of base64 in one of [`ATTACHED`] is an attachment from this length on.
const MIN_ATTACHMENT_BYTES: usize = 1_024;

/// Members that say which of several texts a piece of a stream belongs to.
const INDICES: [&str; 4] = ["index", "output_index", "content_index", "summary_index"];

/// Whether texts of this route are judged. Who asks for a judgement is not judged for what it
/// is about.
pub(super) fn is_judged(surface: Surface) -> bool {
    !matches!(surface, Surface::Moderations | Surface::Models)
}

/// The texts of a request in its order, a message or item each.
pub(super) fn of_request(surface: Surface, body: &Body) -> Result<Vec<String>, Unreadable> {
    let document = match body {
        Body::Empty => return Ok(Vec::new()),
        Body::Form(form, _) => {
            return Ok(form.text("prompt").map(str::to_owned).into_iter().collect());
        }
        Body::Json(document) => document,
    };
    let mut texts = Vec::new();
    for key in roots(surface) {
        let Some(value) = document.get(key) else { continue };
        match value.kind {
            Kind::Array => {
                for element in value.elements() {
                    if is_token(&element) {
                        return Err(Unreadable);
                    }
                    add_turn(&element, &mut texts);
                }
            }
            _ => add_turn(&value, &mut texts),
        }
    }
    Ok(texts)
}

/// The members of a request that hold what people and tools say.
const fn roots(surface: Surface) -> &'static [&'static str] {
    match surface {
        Surface::ChatCompletions | Surface::Messages | Surface::CountTokens => {
            &["prompt", "messages"]
        }
        Surface::Responses => &["prompt", "input"],
        Surface::Completions => &["prompt", "suffix"],
        Surface::Embeddings | Surface::AudioSpeech => &["input"],
        Surface::ImagesGenerations
        | Surface::ImagesEdits
        | Surface::ImagesVariations
        | Surface::AudioTranscriptions
        | Surface::AudioTranslations => &["prompt"],
        Surface::Moderations
        | Surface::Models
        | Surface::ResponsesGet
        | Surface::ResponsesDelete
        | Surface::ResponsesCancel => &[],
    }
}

/// A token, or a list of them: nobody reads them without the model's table.
fn is_token(value: &Value<'_>) -> bool {
    value.kind == Kind::Number || value.elements().next().is_some_and(|first| is_token(&first))
}

fn add_turn(turn: &Value<'_>, texts: &mut Vec<String>) {
    let role = turn.get("role").and_then(|role| role.as_str());
    if matches!(role.as_deref(), Some("system" | "developer")) {
        return;
    }
    let mut whole = String::new();
    let mut visit = |_: &str, text: Cow<'_, str>| join(&mut whole, &text);
    Walk { visit: &mut visit, is_free: false }.value(turn, &mut String::new(), "");
    push(whole, texts);
}

fn join(whole: &mut String, text: &str) {
    if !whole.is_empty() {
        whole.push('\n');
    }
    whole.push_str(text);
}

fn push(text: String, texts: &mut Vec<String>) {
    if !text.trim().is_empty() {
        texts.push(text);
    }
}

/// The texts of a whole answer.
pub(super) fn of_answer(surface: Surface, body: &Bytes) -> Result<Vec<String>, Unreadable> {
    if matches!(surface, Surface::Embeddings | Surface::CountTokens | Surface::ResponsesDelete) {
        return Ok(Vec::new());
    }
    let document = Document::parse(body.clone()).map_err(|_| Unreadable)?;
    if matches!(surface, Surface::AudioTranscriptions | Surface::AudioTranslations)
        && let Some(text) = document.get("text").and_then(|text| text.as_str())
    {
        // Its segments and words say the same again.
        let mut texts = Vec::new();
        push(text.into_owned(), &mut texts);
        return Ok(texts);
    }
    let mut pieces = Pieces::default();
    pieces.add_document(&document);
    Ok(pieces.into_texts())
}

/// The texts of an answer whose bytes are server-sent events.
pub(super) fn of_event_bytes(body: &Bytes) -> Result<Vec<String>, Unreadable> {
    let mut parser = SseParser::new(body.len().saturating_add(1));
    let mut events = Vec::new();
    parser.push(body, &mut events).map_err(|_| Unreadable)?;
    parser.finish(&mut events).map_err(|_| Unreadable)?;
    Ok(of_events(&events))
}

/// The texts of a stream, its pieces put together by choice and field. What the last events
/// repeat is judged once.
pub(super) fn of_events(events: &[SseEvent]) -> Vec<String> {
    let mut pieces = Pieces::default();
    for event in events {
        if event.data.as_ref() == b"[DONE]" {
            continue;
        }
        match Document::parse(event.data.clone()) {
            Ok(document) => pieces.add_document(&document),
            // No event of a known shape is like this; its text is judged as it is.
            Err(_) => pieces.add("", &String::from_utf8_lossy(&event.data)),
        }
    }
    pieces.into_texts()
}

/// Texts under way, by where their pieces come from.
#[derive(Default)]
struct Pieces {
    places: HashMap<String, usize>,
    texts: Vec<String>,
}

impl Pieces {
    fn add(&mut self, place: &str, piece: &str) {
        if let Some(text) = self.places.get(place).and_then(|number| self.texts.get_mut(*number)) {
            text.push_str(piece);
            return;
        }
        self.places.insert(place.to_owned(), self.texts.len());
        self.texts.push(piece.to_owned());
    }

    fn add_document(&mut self, document: &Document) {
        let whole = Value { raw: document.bytes().trim_ascii(), start: 0, kind: Kind::Object };
        let kind = document.get("type").and_then(|kind| kind.as_str());
        let mut path = kind.map(Cow::into_owned).unwrap_or_default();
        let mut visit = |place: &str, text: Cow<'_, str>| self.add(place, &text);
        let mut walk = Walk { visit: &mut visit, is_free: false };
        // A response repeats the request's instructions, tools and more.
        let holder = document.get("response").unwrap_or(whole);
        if is_response(&holder) {
            if let Some(output) = holder.get("output") {
                walk.value(&output, &mut path, "output");
            }
            return;
        }
        walk.value(&whole, &mut path, "");
    }

    fn into_texts(self) -> Vec<String> {
        let mut known = HashSet::new();
        let mut texts = Vec::new();
        for text in self.texts {
            if known.insert(text.clone()) {
                push(text, &mut texts);
            }
        }
        texts
    }
}

fn is_response(value: &Value<'_>) -> bool {
    value.get("object").and_then(|object| object.as_str()).as_deref() == Some("response")
}

/// Goes through a value and shows the strings that are somebody's words, each with its place.
struct Walk<'v> {
    visit: &'v mut dyn FnMut(&str, Cow<'_, str>),
    /// Inside of a member of [`FREE`].
    is_free: bool,
}

impl Walk<'_> {
    /// `key` is the member that holds the value. Documents are at most
    /// [`tb_api::json::MAX_DEPTH`] deep, so is this.
    fn value(&mut self, value: &Value<'_>, path: &mut String, key: &str) {
        match value.kind {
            Kind::String => {
                if let Some(text) = value.as_str()
                    && !(ATTACHED.contains(&key) && is_attachment(&text))
                {
                    (self.visit)(path, text);
                }
            }
            Kind::Object => self.object(value, path),
            Kind::Array => {
                for (position, element) in value.elements().enumerate() {
                    let length = path.len();
                    if element.get("index").is_none() {
                        path.push_str(&format!("/{position}"));
                    }
                    self.value(&element, path, key);
                    path.truncate(length);
                }
            }
            Kind::Number | Kind::Bool | Kind::Null => {}
        }
    }

    fn object(&mut self, object: &Value<'_>, path: &mut String) {
        let length = path.len();
        for index in INDICES {
            if let Some(number) = object.get(index).and_then(|number| number.as_u64()) {
                path.push_str(&format!("#{number}"));
            }
        }
        for (key, member) in object.members() {
            if !self.is_free && WORDLESS.contains(&key.as_ref()) {
                continue;
            }
            let (length, was_free) = (path.len(), self.is_free);
            self.is_free |= FREE.contains(&key.as_ref());
            path.push('/');
            path.push_str(&key);
            self.value(&member, path, &key);
            path.truncate(length);
            self.is_free = was_free;
        }
        path.truncate(length);
    }
}

fn is_attachment(text: &str) -> bool {
    let is_base64 =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_');
    ["data:", "http://", "https://"].iter().any(|scheme| text.starts_with(scheme))
        || (text.len() >= MIN_ATTACHMENT_BYTES && text.bytes().all(is_base64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(surface: Surface, body: &serde_json::Value) -> Result<Vec<String>, Unreadable> {
        let document = Document::parse(body.to_string().into()).unwrap();
        of_request(surface, &Body::Json(document))
    }

    fn answer(body: &serde_json::Value) -> Vec<String> {
        of_answer(Surface::ChatCompletions, &body.to_string().into()).unwrap()
    }

    fn stream(events: &[serde_json::Value]) -> Vec<String> {
        let event = |data: &serde_json::Value| SseEvent::data(data.to_string().into());
        let mut events: Vec<SseEvent> = events.iter().map(event).collect();
        events.push(SseEvent::data(Bytes::from_static(b"[DONE]")));
        of_events(&events)
    }

    #[test]
    fn people_and_tools_are_heard_instructions_are_not() {
        let body = json!({"model": "m", "tools": [{"description": "no"}], "messages": [
            {"role": "system", "content": "be kind"},
            {"role": "user", "name": "x", "content": [{"type": "text", "text": "one"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "text", "text": "two"}]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"q\":1}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "result"},
            {"role": "developer", "content": "hidden"}, {"role": "user", "content": " "}]});
        let texts = request(Surface::ChatCompletions, &body).unwrap();
        assert_eq!(texts, ["one\ntwo", "{\"q\":1}", "result"]);
    }

    #[test]
    fn each_route_has_its_own_texts() {
        let of = |surface, body: serde_json::Value| request(surface, &body).unwrap();
        assert_eq!(of(Surface::Responses, json!({"input": "hi", "instructions": "no"})), ["hi"]);
        let items = json!({"input": [{"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "a"}]},
            {"type": "function_call_output", "call_id": "c", "output": "b"}],
            "prompt": {"id": "p", "variables": {"city": "Rome"}}});
        assert_eq!(of(Surface::Responses, items), ["Rome", "a", "b"]);
        assert_eq!(of(Surface::Completions, json!({"prompt": ["a", "b"]})), ["a", "b"]);
        assert_eq!(of(Surface::Embeddings, json!({"input": "e"})), ["e"]);
        assert_eq!(of(Surface::ImagesGenerations, json!({"prompt": "p"})), ["p"]);
        assert_eq!(of(Surface::AudioSpeech, json!({"input": "s", "voice": "v"})), ["s"]);
        let blocks = json!({"system": "no", "messages": [{"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "r"}]}]}]});
        assert_eq!(of(Surface::Messages, blocks), ["r"]);
        assert_eq!(of(Surface::Moderations, json!({"input": "x"})), [""; 0]);
    }

    #[test]
    fn tokens_cannot_be_read() {
        for input in [json!([1, 2]), json!([[1, 2], [3]]), json!(["a", [1]])] {
            let read = request(Surface::Embeddings, &json!({"input": input}));
            assert_eq!(read, Err(Unreadable));
        }
    }

    #[test]
    fn a_short_attachment_is_a_text_and_so_is_a_long_one_elsewhere() {
        let long = "A".repeat(1_024);
        let body = json!({"messages": [{"role": "user", "content": [
            {"type": "x", "data": "kill"}, {"type": "x", "data": long}, {"type": "text", "text": long}]}]});
        assert_eq!(request(Surface::ChatCompletions, &body).unwrap(), [format!("kill\n{long}")]);
    }

    #[test]
    fn all_words_of_an_answer_are_found() {
        let chat = json!({"id": "i", "object": "chat.completion", "model": "m", "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant",
                "content": "a", "reasoning_content": "b", "refusal": null}},
            {"index": 1, "message": {"content": "a", "tool_calls": [
                {"function": {"name": "f", "arguments": "{}"}}]}}]});
        assert_eq!(answer(&chat), ["a", "b", "{}"]);
        let response = json!({"object": "response", "id": "r", "instructions": "no", "output": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}]},
            {"type": "message", "content": [{"type": "output_text", "text": "t"}]}]});
        assert_eq!(answer(&response), ["s", "t"]);
        let message = json!({"type": "message", "role": "assistant", "content": [
            {"type": "thinking", "thinking": "h", "signature": "no"},
            {"type": "text", "text": "t"}, {"type": "tool_use", "name": "f", "input": {"name": "v"}}]});
        assert_eq!(answer(&message), ["h", "t", "v"]);
        let nonsense = Bytes::from_static(b"nonsense");
        assert_eq!(of_answer(Surface::Messages, &nonsense), Err(Unreadable));
    }

    #[test]
    fn what_is_no_text_of_anybody_is_left_out() {
        let vectors = json!({"object": "list", "data": [{"embedding": "AAAA"}]}).to_string();
        assert_eq!(of_answer(Surface::Embeddings, &vectors.into()), Ok(Vec::new()));
        let image = json!({"created": 1, "size": "1x1", "data": [
            {"url": "https://example.com/a.png", "revised_prompt": "a cat"}]});
        assert_eq!(answer(&image), ["a cat"]);
        let spoken = json!({"text": "one two", "segments": [{"text": "one"}, {"text": "two"}]});
        let texts = of_answer(Surface::AudioTranscriptions, &spoken.to_string().into());
        assert_eq!(texts, Ok(vec!["one two".to_owned()]));
    }

    #[test]
    fn pieces_of_choices_are_put_together() {
        let chunk = |choices: serde_json::Value| json!({"object": "x", "choices": choices});
        let delta = |index: u64, text: &str| json!({"index": index, "delta": {"content": text}});
        let texts = stream(&[
            chunk(json!([delta(0, "ki"), delta(1, "a")])),
            chunk(json!([delta(1, "b")])),
            chunk(json!([delta(0, "ll")])),
        ]);
        assert_eq!(texts, ["kill", "ab"]);
    }

    #[test]
    fn what_a_stream_repeats_is_judged_once() {
        let part = |kind: &str, member: &str, text: &str| json!({"type": kind, "item_id": "i", "output_index": 0, "content_index": 0, member: text});
        let item = json!({"type": "message", "content": [{"type": "output_text", "text": "kill"}]});
        let texts = stream(&[
            json!({"type": "response.created", "response":
                {"object": "response", "instructions": "no", "output": []}}),
            part("response.output_text.delta", "delta", "ki"),
            part("response.output_text.delta", "delta", "ll"),
            part("response.output_text.done", "text", "kill"),
            json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
            json!({"type": "response.completed", "response":
                {"object": "response", "output": [item]}}),
        ]);
        assert_eq!(texts, ["kill"]);
        let delta = |text: &str| {
            json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "text_delta", "text": text}})
        };
        assert_eq!(stream(&[delta("ki"), delta("ll")]), ["kill"]);
    }
}
