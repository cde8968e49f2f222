//! Chat messages to Messages turns: system text goes to the top, turns of one role are merged,
//! tool results come first in the user turn that follows their calls.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::EncodeError;
use crate::pivot::{arguments_object, data_uri, invalid, list_at, text_at};

/// The conversation in Anthropic's shape.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Text blocks for the top-level `system`.
    pub(super) system: Vec<Value>,
    /// Elements of `messages`, roles alternating.
    pub(super) messages: Vec<Value>,
}

/// Translates `messages` of a chat request.
///
/// # Errors
/// A role, part or tool call that Anthropic has no place for.
pub(super) fn turns(messages: &[Value]) -> Result<Turns, EncodeError> {
    let mut builder = Builder::default();
    for (position, message) in messages.iter().enumerate() {
        builder.add(message, &format!("messages[{position}]"))?;
    }
    builder.finish()
}

#[derive(Debug, Default)]
struct Builder {
    system: Vec<Value>,
    turns: Vec<(&'static str, Vec<Value>)>,
    ids: ToolIds,
}

impl Builder {
    fn add(&mut self, message: &Value, at: &str) -> Result<(), EncodeError> {
        let content = message.get("content").unwrap_or(&Value::Null);
        match text_at(message, "role") {
            Some("system" | "developer") => self.system.extend(blocks(content, at)?),
            Some("user") => {
                let blocks = blocks(content, at)?;
                self.push("user", blocks);
            }
            Some("assistant") => {
                let blocks = self.assistant(message, content, at)?;
                self.push("assistant", blocks);
            }
            Some("tool") => {
                let result = self.tool_result(message, content, at)?;
                self.push("user", vec![result]);
            }
            _ => {
                let roles = "system, developer, user, assistant or tool";
                return Err(invalid(format!("{at}.role"), format!("the role must be {roles}")));
            }
        }
        Ok(())
    }

    fn push(&mut self, role: &'static str, blocks: Vec<Value>) {
        match self.turns.last_mut() {
            _ if blocks.is_empty() => {}
            Some((last, turn)) if *last == role => turn.extend(blocks),
            _ => self.turns.push((role, blocks)),
        }
    }

    fn assistant(
        &mut self,
        message: &Value,
        content: &Value,
        at: &str,
    ) -> Result<Vec<Value>, EncodeError> {
        let mut out = thinking(message);
        out.extend(blocks(content, at)?);
        for (position, call) in list_at(message, "tool_calls").iter().enumerate() {
            let at = format!("{at}.tool_calls[{position}]");
            let function = call.get("function").unwrap_or(&Value::Null);
            let name = text_at(function, "name")
                .ok_or_else(|| invalid(format!("{at}.function.name"), "a name is needed"))?;
            let input = arguments_object(text_at(function, "arguments").unwrap_or_default())
                .ok_or_else(|| {
                    invalid(format!("{at}.function.arguments"), "arguments must be a JSON object")
                })?;
            let id = self.ids.declare(text_at(call, "id").unwrap_or("call"));
            out.push(json!({"type": "tool_use", "id": id, "name": name, "input": input}));
        }
        Ok(out)
    }

    fn tool_result(
        &self,
        message: &Value,
        content: &Value,
        at: &str,
    ) -> Result<Value, EncodeError> {
        let id = text_at(message, "tool_call_id")
            .ok_or_else(|| invalid(format!("{at}.tool_call_id"), "the id of the call is needed"))?;
        let mut result = json!({"type": "tool_result", "tool_use_id": self.ids.refer(id)});
        let blocks = blocks(content, at)?;
        if let (false, Some(object)) = (blocks.is_empty(), result.as_object_mut()) {
            object.insert("content".to_owned(), Value::Array(blocks));
        }
        Ok(result)
    }

    fn finish(self) -> Result<Turns, EncodeError> {
        if self.turns.is_empty() {
            return Err(invalid("messages", "at least one message of a user is needed"));
        }
        let messages = self.turns.into_iter().map(|(role, mut blocks)| {
            // Stable: results keep their order, and so does the rest behind them.
            blocks.sort_by_key(|block| text_at(block, "type") != Some("tool_result"));
            json!({"role": role, "content": blocks})
        });
        Ok(Turns { system: self.system, messages: messages.collect() })
    }
}

/// Thinking blocks that an earlier answer carried in `reasoning_details`. Only signed ones are
/// returned: the provider refuses the others.
fn thinking(message: &Value) -> Vec<Value> {
    let details = list_at(message, "reasoning_details").iter();
    details
        .filter_map(|detail| match text_at(detail, "type")? {
            "thinking" => Some(json!({
                "type": "thinking",
                "thinking": text_at(detail, "thinking").unwrap_or_default(),
                "signature": text_at(detail, "signature")?,
            })),
            "redacted_thinking" => {
                Some(json!({"type": "redacted_thinking", "data": text_at(detail, "data")?}))
            }
            _ => None,
        })
        .collect()
}

/// The content of a message as blocks; empty text is left out, Anthropic refuses it.
fn blocks(content: &Value, at: &str) -> Result<Vec<Value>, EncodeError> {
    match content {
        Value::Null => Ok(Vec::new()),
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        Value::String(text) => Ok(vec![json!({"type": "text", "text": text})]),
        Value::Array(parts) => {
            let parts = parts.iter().enumerate();
            let blocks = parts.map(|(n, part)| block(part, &format!("{at}.content[{n}]")));
            blocks.filter_map(Result::transpose).collect()
        }
        _ => Err(invalid(format!("{at}.content"), "content must be a text or a list of parts")),
    }
}

fn block(part: &Value, at: &str) -> Result<Option<Value>, EncodeError> {
    let mut block = match text_at(part, "type") {
        Some("text") => match text_at(part, "text") {
            None | Some("") => return Ok(None),
            Some(text) => json!({"type": "text", "text": text}),
        },
        Some("refusal") => match text_at(part, "refusal") {
            None | Some("") => return Ok(None),
            Some(text) => json!({"type": "text", "text": text}),
        },
        Some("image_url") => image(part, at)?,
        Some("file") => document(part, at)?,
        _ => {
            let message = "this provider takes parts of type text, image_url and file";
            return Err(invalid(format!("{at}.type"), message));
        }
    };
    if let (Some(mark), Some(object)) = (part.get("cache_control"), block.as_object_mut()) {
        object.insert("cache_control".to_owned(), mark.clone());
    }
    Ok(Some(block))
}

fn image(part: &Value, at: &str) -> Result<Value, EncodeError> {
    let url = part.get("image_url").and_then(|image| image.as_str().or(text_at(image, "url")));
    let at = || format!("{at}.image_url.url");
    let url = url.ok_or_else(|| invalid(at(), "an image needs a URL"))?;
    if let Some((media_type, data)) = data_uri(url) {
        let source = json!({"type": "base64", "media_type": media_type, "data": data});
        return Ok(json!({"type": "image", "source": source}));
    }
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(json!({"type": "image", "source": {"type": "url", "url": url}}));
    }
    Err(invalid(at(), "an image is an http(s) URL or a base64 data URI"))
}

fn document(part: &Value, at: &str) -> Result<Value, EncodeError> {
    let file = part.get("file").unwrap_or(&Value::Null);
    let data = text_at(file, "file_data").and_then(data_uri);
    let at = format!("{at}.file.file_data");
    let source = match data {
        Some((media_type @ "application/pdf", data)) => {
            json!({"type": "base64", "media_type": media_type, "data": data})
        }
        Some((kind, data)) if kind.starts_with("text/") => {
            let text = STANDARD.decode(data).ok().and_then(|text| String::from_utf8(text).ok());
            let text = text.ok_or_else(|| invalid(at.as_str(), "the file is not UTF-8 text"))?;
            json!({"type": "text", "media_type": "text/plain", "data": text})
        }
        _ => {
            let message = "a file is a base64 data URI of application/pdf or text/plain";
            return Err(invalid(at, message));
        }
    };
    let mut document = json!({"type": "document", "source": source});
    if let (Some(name), Some(object)) = (text_at(file, "filename"), document.as_object_mut()) {
        object.insert("title".to_owned(), json!(name));
    }
    Ok(document)
}

/// Ids of tool calls as Anthropic accepts them: `[a-zA-Z0-9_-]+`, each used once in a request.
/// Other providers repeat ids over turns, so a result refers to the latest call of its id.
#[derive(Debug, Default)]
struct ToolIds {
    current: HashMap<String, String>,
    taken: HashSet<String>,
    repeats: HashMap<String, u64>,
}

impl ToolIds {
    fn declare(&mut self, raw: &str) -> String {
        let clean = sanitised(raw);
        let mut id = clean.clone();
        while !self.taken.insert(id.clone()) {
            let repeats = self.repeats.entry(clean.clone()).or_insert(1);
            *repeats = repeats.saturating_add(1);
            id = format!("{clean}_{repeats}");
        }
        self.current.insert(raw.to_owned(), id.clone());
        id
    }

    fn refer(&self, raw: &str) -> String {
        self.current.get(raw).cloned().unwrap_or_else(|| sanitised(raw))
    }
}

fn sanitised(raw: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    if raw.is_empty() { "call".to_owned() } else { raw.chars().map(keep).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_first_in_the_turn_after_their_calls() {
        let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": ""}});
        let turns = turns(&[
            json!({"role": "user", "content": "go"}),
            json!({"role": "assistant", "content": null, "tool_calls": [call("a.1"), call("a:1")]}),
            json!({"role": "user", "content": "hurry"}),
            json!({"role": "tool", "tool_call_id": "a:1", "content": "two"}),
            json!({"role": "tool", "tool_call_id": "a.1", "content": ""}),
        ])
        .expect("turns");
        assert_eq!(
            turns.messages[1..],
            [
                json!({"role": "assistant", "content": [
                    {"type": "tool_use", "id": "a_1", "name": "f", "input": {}},
                    {"type": "tool_use", "id": "a_1_2", "name": "f", "input": {}},
                ]}),
                json!({"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "a_1_2",
                     "content": [{"type": "text", "text": "two"}]},
                    {"type": "tool_result", "tool_use_id": "a_1"},
                    {"type": "text", "text": "hurry"},
                ]}),
            ]
        );
    }

    #[test]
    fn an_id_repeated_in_a_later_turn_means_the_later_call() {
        let mut ids = ToolIds::default();
        assert_eq!(ids.declare("call_0"), "call_0");
        assert_eq!(ids.declare("call_0"), "call_0_2");
        assert_eq!(ids.refer("call_0"), "call_0_2");
        assert_eq!(ids.refer("späte"), "sp_te");
    }

    #[test]
    fn unsigned_thinking_is_not_sent_back() {
        let message = json!({"reasoning_details": [
            {"type": "thinking", "thinking": "hm"},
            {"type": "redacted_thinking", "data": "x"},
        ]});
        assert_eq!(thinking(&message), [json!({"type": "redacted_thinking", "data": "x"})]);
    }

    #[test]
    fn names_the_part_that_it_cannot_express() {
        let message = json!({"role": "user", "content": [{"type": "input_audio"}]});
        let error = turns(&[message]).expect_err("audio");
        assert!(
            matches!(error, EncodeError::Invalid { param, .. } if param == "messages[0].content[0].type")
        );
    }
}
