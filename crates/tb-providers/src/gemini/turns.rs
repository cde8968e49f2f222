//! Chat messages as Gemini's `systemInstruction` and `contents`.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::EncodeError;
use crate::pivot::{Object, arguments_object, data_uri, invalid, list_at, text_at};

/// What Google documents for function calls in a history whose signatures are not known, for
/// example because another provider's model made them. Models since 3.0 refuse a call without.
const UNKNOWN_SIGNATURE: &str = "skip_thought_signature_validator";

/// The conversation in Gemini's shape.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Parts of `systemInstruction`.
    pub(super) system: Vec<Value>,
    /// Elements of `contents`, roles alternating.
    pub(super) contents: Vec<Value>,
}

/// Translates `messages`; `signed` when the model wants a signature on function calls.
///
/// # Errors
/// A role, part or tool call that Gemini has no place for.
pub(super) fn turns(messages: &[Value], signed: bool) -> Result<Turns, EncodeError> {
    let mut builder = Builder { signed, ..Builder::default() };
    for (position, message) in messages.iter().enumerate() {
        builder.add(message, &format!("messages[{position}]"))?;
    }
    if builder.turns.is_empty() {
        return Err(invalid("messages", "at least one message of a user is needed"));
    }
    let contents = builder.turns.into_iter();
    let contents = contents.map(|(role, parts)| json!({"role": role, "parts": parts})).collect();
    Ok(Turns { system: builder.system, contents })
}

#[derive(Debug, Default)]
struct Builder {
    signed: bool,
    system: Vec<Value>,
    turns: Vec<(&'static str, Vec<Value>)>,
    /// The function that each call id of the history meant; results must name it.
    names: HashMap<String, String>,
}

impl Builder {
    fn add(&mut self, message: &Value, at: &str) -> Result<(), EncodeError> {
        let content = message.get("content").unwrap_or(&Value::Null);
        match text_at(message, "role") {
            Some("system" | "developer") => self.system.extend(parts(content, at)?),
            Some("user") => {
                let parts = parts(content, at)?;
                self.push("user", parts);
            }
            Some("assistant") => {
                let parts = self.model(message, content, at)?;
                self.push("model", parts);
            }
            Some("tool") => {
                let result = self.result(message, content, at)?;
                self.push("user", vec![result]);
            }
            _ => {
                let roles = "system, developer, user, assistant or tool";
                return Err(invalid(format!("{at}.role"), format!("the role must be {roles}")));
            }
        }
        Ok(())
    }

    fn push(&mut self, role: &'static str, parts: Vec<Value>) {
        match self.turns.last_mut() {
            _ if parts.is_empty() => {}
            Some((last, turn)) if *last == role => turn.extend(parts),
            _ => self.turns.push((role, parts)),
        }
    }

    fn model(
        &mut self,
        message: &Value,
        content: &Value,
        at: &str,
    ) -> Result<Vec<Value>, EncodeError> {
        let mut out = parts(content, at)?;
        if let (Some(mark), Some(Value::Object(last))) = (signature(message), out.last_mut()) {
            last.insert("thoughtSignature".to_owned(), json!(mark));
        }
        for (position, call) in list_at(message, "tool_calls").iter().enumerate() {
            let at = format!("{at}.tool_calls[{position}].function");
            let function = call.get("function").unwrap_or(&Value::Null);
            let name = text_at(function, "name")
                .ok_or_else(|| invalid(format!("{at}.name"), "a name is needed"))?;
            let args = arguments_object(text_at(function, "arguments").unwrap_or_default());
            let args = args.ok_or_else(|| {
                invalid(format!("{at}.arguments"), "arguments must be a JSON object")
            })?;
            let id = text_at(call, "id").unwrap_or_default();
            self.names.insert(id.to_owned(), name.to_owned());
            let mut part = Object::new();
            part.insert("functionCall".to_owned(), json!({"name": name, "args": args}));
            // Of parallel calls only the first one carries a signature.
            let known =
                signature(call).or((self.signed && position == 0).then_some(UNKNOWN_SIGNATURE));
            if let Some(mark) = known {
                part.insert("thoughtSignature".to_owned(), json!(mark));
            }
            out.push(Value::Object(part));
        }
        Ok(out)
    }

    fn result(&self, message: &Value, content: &Value, at: &str) -> Result<Value, EncodeError> {
        let id = text_at(message, "tool_call_id").unwrap_or_default();
        let name = self.names.get(id).ok_or_else(|| {
            invalid(format!("{at}.tool_call_id"), "no tool call before this message has this id")
        })?;
        let texts = parts(content, at)?;
        let text = texts.iter().filter_map(|part| text_at(part, "text")).collect::<String>();
        let response = match serde_json::from_str(&text) {
            Ok(object @ Value::Object(_)) => object,
            _ => json!({"result": text}),
        };
        Ok(json!({"functionResponse": {"name": name, "response": response}}))
    }
}

/// The thought signature that an earlier answer carried on a message or tool call.
fn signature(holder: &Value) -> Option<&str> {
    text_at(holder.get("extra_content")?.get("google")?, "thought_signature")
}

fn parts(content: &Value, at: &str) -> Result<Vec<Value>, EncodeError> {
    match content {
        Value::Null => Ok(Vec::new()),
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        Value::String(text) => Ok(vec![json!({"text": text})]),
        Value::Array(parts) => {
            let parts = parts.iter().enumerate();
            parts.map(|(n, item)| part(item, &format!("{at}.content[{n}]"))).collect()
        }
        _ => Err(invalid(format!("{at}.content"), "content must be a text or a list of parts")),
    }
}

fn part(part: &Value, at: &str) -> Result<Value, EncodeError> {
    match text_at(part, "type") {
        Some("text") => Ok(json!({"text": text_at(part, "text").unwrap_or_default()})),
        Some("refusal") => Ok(json!({"text": text_at(part, "refusal").unwrap_or_default()})),
        Some("image_url") => {
            let image = part.get("image_url").unwrap_or(&Value::Null);
            let url = image.as_str().or(text_at(image, "url")).unwrap_or_default();
            media(url, &format!("{at}.image_url.url"))
        }
        Some("file") => {
            let file = part.get("file").unwrap_or(&Value::Null);
            let url = text_at(file, "file_data").unwrap_or_default();
            media(url, &format!("{at}.file.file_data"))
        }
        Some("input_audio") => {
            let audio = part.get("input_audio").unwrap_or(&Value::Null);
            let kind = format!("audio/{}", text_at(audio, "format").unwrap_or("wav"));
            let data = text_at(audio, "data").unwrap_or_default();
            Ok(json!({"inlineData": {"mimeType": kind, "data": data}}))
        }
        _ => {
            let message = "this provider takes parts of type text, image_url, file and input_audio";
            Err(invalid(format!("{at}.type"), message))
        }
    }
}

fn media(url: &str, at: &str) -> Result<Value, EncodeError> {
    if let Some((kind, data)) = data_uri(url) {
        return Ok(json!({"inlineData": {"mimeType": kind, "data": data}}));
    }
    if !["https://", "http://", "gs://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(invalid(at, "media is an http(s) or gs URL or a base64 data URI"));
    }
    let mut file = json!({"fileUri": url});
    if let (Some(kind), Some(object)) = (kind_of(url), file.as_object_mut()) {
        object.insert("mimeType".to_owned(), json!(kind));
    }
    Ok(json!({"fileData": file}))
}

/// The media type that the end of a URL's path tells.
fn kind_of(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next()?;
    let (_, extension) = path.rsplit_once('.')?;
    match extension.to_ascii_lowercase().as_str() {
        "png" => Some("image/png"),
        "jpg" | "jpeg" => Some("image/jpeg"),
        "webp" => Some("image/webp"),
        "gif" => Some("image/gif"),
        "heic" => Some("image/heic"),
        "pdf" => Some("application/pdf"),
        "mp4" => Some("video/mp4"),
        "mp3" => Some("audio/mp3"),
        "wav" => Some("audio/wav"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_from_elsewhere_gets_the_documented_signature_where_one_is_needed() {
        let call = |id: &str| json!({"id": id, "function": {"name": "f", "arguments": "{}"}});
        let messages = [json!({"role": "assistant", "tool_calls": [call("a"), call("b")]})];
        let plain = turns(&messages, false).expect("turns");
        assert!(!plain.contents[0].to_string().contains("thoughtSignature"));
        let signed = turns(&messages, true).expect("turns").contents[0].to_string();
        assert_eq!(signed.matches(UNKNOWN_SIGNATURE).count(), 1);
    }

    #[test]
    fn a_result_without_its_call_is_refused() {
        let messages = [json!({"role": "tool", "tool_call_id": "x", "content": "1"})];
        let error = turns(&messages, false).expect_err("no call");
        assert!(
            matches!(error, EncodeError::Invalid { param, .. } if param == "messages[0].tool_call_id")
        );
    }

    #[test]
    fn tells_the_media_type_by_the_path_only() {
        assert_eq!(kind_of("https://e.com/a.PNG?x=b.pdf"), Some("image/png"));
        assert_eq!(kind_of("https://e.com/watch?v=1"), None);
    }
}
