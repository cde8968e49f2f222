//! What a version consists of, and its hash.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::Timestamp;

/// Who speaks a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptRole {
    /// The operator of the application.
    System,
    /// The same, in the words of newer models.
    Developer,
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl PromptRole {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::System, Self::Developer, Self::User, Self::Assistant];

    /// The word for it, here and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Developer => "developer",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }

    /// Whether it gives orders to the model.
    #[must_use]
    pub const fn commands(self) -> bool {
        matches!(self, Self::System | Self::Developer)
    }
}

/// One message before rendering.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageSource {
    /// Who speaks.
    pub role: PromptRole,
    /// The template.
    pub source: String,
}

/// Everything that decides what is sent, and what people should know of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PromptContent {
    /// For people; no part of the hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Other ids under which it is asked for; no part of the hash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The model of requests that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// JSON Schema of the variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variables: Option<Value>,
    /// Request parameters, as chat completions call them.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
    /// `response_format` of chat completions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_format: Option<Value>,
    /// The messages, in order.
    pub messages: Vec<MessageSource>,
    /// The texts of the partials that the messages include, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub partials: BTreeMap<String, String>,
}

impl PromptContent {
    /// SHA-256 of the canonical form, in hex: messages, schema, model, parameters, and the hashes
    /// of the partials.
    #[must_use]
    pub fn hash(&self) -> String {
        let partials: BTreeMap<&str, String> = self
            .partials
            .iter()
            .map(|(name, text)| (name.as_str(), sha256_hex(text.as_bytes())))
            .collect();
        let whole = json!({
            "v": 1,
            "messages": self.messages,
            "model": self.model,
            "parameters": self.parameters,
            "partials": partials,
            "response_format": self.response_format,
            "variables": self.variables,
        });
        let mut canonical = String::new();
        write_canonical(&whole, &mut canonical);
        sha256_hex(canonical.as_bytes())
    }
}

/// A version: a content with its number. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptRecord {
    /// The name of the prompt.
    pub name: String,
    /// Its number among the versions of this name, from 1.
    pub number: u32,
    /// [`PromptContent::hash`]
    pub hash: String,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// What it consists of.
    pub content: PromptContent,
}

/// The hash of bytes in lower-case hex.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in digest(&SHA256, bytes).as_ref() {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// JSON with the members of objects in the order of their names, whatever order they were written
/// in.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (place, (name, value)) in sorted.into_iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                tb_api::json::write_string(name, out);
                out.push(':');
                write_canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        Value::String(text) => tb_api::json::write_string(text, out),
        // Writing to a String cannot fail.
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> PromptContent {
        PromptContent {
            model: Some("support".to_owned()),
            variables: serde_json::from_str(r#"{"type":"object","properties":{}}"#).ok(),
            messages: vec![MessageSource { role: PromptRole::User, source: "hello".to_owned() }],
            ..PromptContent::default()
        }
    }

    #[test]
    fn the_order_of_members_and_the_words_for_people_do_not_change_the_hash() {
        let first = content();
        let mut other = content();
        other.variables = serde_json::from_str(r#"{"properties":{},"type":"object"}"#).ok();
        other.description = Some("says hello".to_owned());
        other.aliases = vec!["pmpt_1".to_owned()];
        assert_eq!(first.hash(), other.hash());
        assert_eq!(first.hash().len(), 64);
    }

    #[test]
    fn everything_that_is_sent_changes_the_hash() {
        let changes: [fn(&mut PromptContent); 6] = [
            |c| c.model = Some("other".to_owned()),
            |c| c.variables = None,
            |c| drop(c.parameters.insert("temperature".to_owned(), 0.into())),
            |c| c.response_format = Some(json!({"type": "json_object"})),
            |c| c.messages[0].role = PromptRole::System,
            |c| drop(c.partials.insert("tone".to_owned(), "kind".to_owned())),
        ];
        for change in changes {
            let mut other = content();
            change(&mut other);
            assert_ne!(content().hash(), other.hash());
        }
    }
}
