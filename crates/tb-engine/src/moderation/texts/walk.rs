//! The strings of a JSON value that are somebody's words.

use std::borrow::Cow;

use tb_api::json::{Kind, Value};

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

/// Goes through a value and shows the strings that are somebody's words, each with its place.
pub(super) struct Walk<'v> {
    pub(super) visit: &'v mut dyn FnMut(&str, Cow<'_, str>),
    /// Inside of a member of [`FREE`].
    pub(super) is_free: bool,
}

impl Walk<'_> {
    /// `key` is the member that holds the value. Documents are at most
    /// [`tb_api::json::MAX_DEPTH`] deep, so is this.
    pub(super) fn value(&mut self, value: &Value<'_>, path: &mut String, key: &str) {
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
