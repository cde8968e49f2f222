//! Content blocks of the Messages API as parts of a chat message.

use serde_json::{Value, json};

use crate::EncodeError;
use crate::pivot::{invalid, list_at, text_at};

/// The content of a message as blocks: a plain text is one text block.
pub(super) fn blocks(content: &Value, at: &str) -> Result<Vec<Value>, EncodeError> {
    match content {
        Value::Null => Ok(Vec::new()),
        Value::String(text) => Ok(vec![json!({"type": "text", "text": text})]),
        Value::Array(blocks) => Ok(blocks.clone()),
        _ => Err(invalid(at, "content must be a text or a list of blocks")),
    }
}

/// The texts of blocks, one paragraph each; blocks of other kinds are left out.
pub(super) fn joined_text(blocks: &[Value]) -> String {
    let texts = blocks.iter().filter(|block| text_at(block, "type") == Some("text"));
    texts.filter_map(|block| text_at(block, "text")).collect::<Vec<_>>().join("\n\n")
}

/// Parts as the content of a chat message: one text alone is a plain string, which every
/// vendor understands.
pub(super) fn content(mut parts: Vec<Value>) -> Value {
    if let [only] = parts.as_mut_slice()
        && let Some(Value::String(text)) = only.get_mut("text")
    {
        return Value::String(std::mem::take(text));
    }
    Value::Array(parts)
}

/// A block of a user turn as a chat part.
///
/// # Errors
/// A kind of block that chat has no part for.
pub(super) fn part(block: &Value, at: &str) -> Result<Value, EncodeError> {
    let source = block.get("source").unwrap_or(&Value::Null);
    match text_at(block, "type") {
        Some("text") => {
            let text = text_at(block, "text");
            let text = text.ok_or_else(|| invalid(format!("{at}.text"), "a text is needed"))?;
            Ok(json!({"type": "text", "text": text}))
        }
        Some("image") => image(source, at),
        Some("document") => document(block, source, at),
        Some("search_result") => {
            let text = joined_text(list_at(block, "content"));
            let title = text_at(block, "title").unwrap_or_default();
            Ok(json!({"type": "text", "text": format!("{title}\n\n{text}")}))
        }
        _ => {
            let message = "this provider takes blocks of type text, image, document, \
                           search_result, tool_use and tool_result";
            Err(invalid(format!("{at}.type"), message))
        }
    }
}

fn image(source: &Value, at: &str) -> Result<Value, EncodeError> {
    let url = match (text_at(source, "type"), text_at(source, "data")) {
        (Some("base64"), Some(data)) => {
            let media_type = text_at(source, "media_type").unwrap_or("image/png");
            Some(format!("data:{media_type};base64,{data}"))
        }
        (Some("url"), _) => text_at(source, "url").map(str::to_owned),
        _ => None,
    };
    let url = url
        .ok_or_else(|| invalid(format!("{at}.source"), "an image has a base64 source or a URL"))?;
    Ok(json!({"type": "image_url", "image_url": {"url": url}}))
}

fn document(block: &Value, source: &Value, at: &str) -> Result<Value, EncodeError> {
    let title = text_at(block, "title");
    match (text_at(source, "type"), text_at(source, "data")) {
        (Some("base64"), Some(data)) => {
            let media_type = text_at(source, "media_type").unwrap_or("application/pdf");
            let file = json!({
                "filename": title.unwrap_or("document.pdf"),
                "file_data": format!("data:{media_type};base64,{data}"),
            });
            Ok(json!({"type": "file", "file": file}))
        }
        (Some("text"), Some(text)) => {
            let text = title.map_or_else(|| text.to_owned(), |title| format!("{title}\n\n{text}"));
            Ok(json!({"type": "text", "text": text}))
        }
        (Some("content"), _) => {
            let inner = blocks(source.get("content").unwrap_or(&Value::Null), at)?;
            Ok(json!({"type": "text", "text": joined_text(&inner)}))
        }
        _ => Err(invalid(format!("{at}.source"), "a document has a base64 or text source")),
    }
}
