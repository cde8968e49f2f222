//! Variables into messages.

use minijinja::{ErrorKind, Value as Cell};
use serde_json::{Map, Value};

use super::content::{PromptRole, sha256_hex};
use super::specials::{self, CLOSE, OPEN};
use super::template::{Template, told};

/// The most bytes of one variable.
const MAX_VALUE_BYTES: usize = 1024 * 1024;
/// The most bytes of one rendered message.
const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// Digits of the hash that stands around text that is not trusted.
const FENCE_DIGITS: usize = 16;

/// Why variables do not fit. Nothing in it is a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ValueFault {
    /// The variable at fault, where it is one: a name that the prompt declares, or one that the
    /// caller sent.
    pub variable: Option<String>,
    /// What is wrong with it.
    pub message: String,
}

impl ValueFault {
    /// A fault of one variable.
    #[must_use]
    pub fn of(variable: &str, message: String) -> Self {
        Self { variable: Some(variable.to_owned()), message }
    }

    /// A fault of all of them together.
    #[must_use]
    pub fn whole(message: String) -> Self {
        Self { variable: None, message }
    }
}

/// What a template is filled with.
pub struct Filling<'a> {
    /// The variables.
    pub values: Map<String, Value>,
    /// Takes out of a text what must not be in it: called with each text of a variable.
    pub clean: &'a mut dyn FnMut(&str) -> Result<String, String>,
    /// Estimates tokens from bytes.
    pub tokens: &'a dyn Fn(u64) -> u64,
}

impl std::fmt::Debug for Filling<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filling").field("values", &self.values.len()).finish_non_exhaustive()
    }
}

/// A message ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct RenderedMessage {
    /// Who speaks.
    pub role: PromptRole,
    /// What is said.
    pub content: String,
}

/// Shows the size only: it holds text of a request.
impl std::fmt::Debug for RenderedMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RenderedMessage")
            .field("role", &self.role)
            .field("bytes", &self.content.len())
            .finish()
    }
}

impl Template {
    /// Checks variables and renders the messages. Values are cleaned, held against the schema and
    /// written into the content of messages: none becomes a role, a template or a special of a
    /// chat template. Messages that come to nothing but blanks are left out.
    ///
    /// # Errors
    /// When a variable is unknown, missing, too long or of the wrong kind, or the template cannot
    /// be rendered with these values.
    pub fn fill(&self, filling: Filling<'_>) -> Result<Vec<RenderedMessage>, ValueFault> {
        let Filling { values, clean, tokens } = filling;
        let mut cleaned = Map::new();
        for (name, value) in values {
            if !self.schema.takes(&name) {
                let message = "this prompt has no such variable".to_owned();
                return Err(ValueFault::of(&name, message));
            }
            let value = if self.is_text(&name) { plain_text(&name, value)? } else { value };
            if size(&value) > MAX_VALUE_BYTES {
                let message = format!("`{name}` is larger than {MAX_VALUE_BYTES} bytes");
                return Err(ValueFault::of(&name, message));
            }
            let value = cleaned_value(value, clean)
                .map_err(|message| ValueFault::of(&name, format!("`{name}`: {message}")))?;
            cleaned.insert(name, value);
        }
        let values = self.schema.completed(cleaned);
        self.schema.check(&values, tokens)?;
        self.render(&values)
    }

    fn is_text(&self, name: &str) -> bool {
        self.schema.field(name).is_some_and(|field| field.is_text)
    }

    fn render(&self, values: &Map<String, Value>) -> Result<Vec<RenderedMessage>, ValueFault> {
        let context = Cell::from_pairs(
            values.iter().map(|(name, value)| (name.as_str(), self.cell(name, value))),
        );
        let mut messages = Vec::with_capacity(self.messages.len());
        for (role, name) in &self.messages {
            let template = self.environment.get_template(name);
            let rendered = template.and_then(|template| template.render(context.clone()));
            let marked = rendered.map_err(|fault| self.unrendered(&fault, values))?;
            if marked.len() > MAX_MESSAGE_BYTES {
                let message = format!("a message would be larger than {MAX_MESSAGE_BYTES} bytes");
                return Err(ValueFault::whole(message));
            }
            let content = specials::harmless(&marked);
            if !content.trim().is_empty() {
                messages.push(RenderedMessage { role: *role, content });
            }
        }
        if messages.is_empty() {
            let message = "with these variables the prompt has no message".to_owned();
            return Err(ValueFault::whole(message));
        }
        Ok(messages)
    }

    fn cell(&self, name: &str, value: &Value) -> Cell {
        let is_untrusted = self.schema.field(name).is_some_and(|field| field.is_untrusted);
        match value {
            Value::String(text) if is_untrusted => Cell::from(fenced(text)),
            other => cell(other),
        }
    }

    /// A value that is not there is mostly an optional variable that the template needs after all.
    fn unrendered(&self, fault: &minijinja::Error, values: &Map<String, Value>) -> ValueFault {
        let mut absent = self.schema.names().filter(|name| !values.contains_key(*name));
        match (fault.kind(), absent.next()) {
            (ErrorKind::UndefinedError, Some(name)) => {
                ValueFault::of(name, format!("`{name}` is missing, and the template needs it"))
            }
            _ => ValueFault::whole(format!(
                "the template cannot be rendered with these variables: {}",
                told(fault)
            )),
        }
    }
}

/// A value as templates have it. Requests are not nested deeper than
/// `tb_api::json::MAX_DEPTH`.
fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::from(()),
        Value::Bool(flag) => Cell::from(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Cell::from(whole),
            (None, Some(whole)) => Cell::from(whole),
            (None, None) => Cell::from(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Cell::from(text.as_str()),
        Value::Array(items) => items.iter().map(cell).collect(),
        Value::Object(members) => {
            Cell::from_pairs(members.iter().map(|(name, value)| (name.as_str(), cell(value))))
        }
    }
}

/// A text in the form that stored prompts have for it as well: `{"type": "input_text", "text": …}`.
fn plain_text(name: &str, value: Value) -> Result<Value, ValueFault> {
    let Value::Object(mut parts) = value else { return Ok(value) };
    match parts.get("type").and_then(Value::as_str) {
        Some("input_text") => parts.remove("text").ok_or_else(|| {
            ValueFault::of(name, format!("`{name}` is an `input_text` without `text`"))
        }),
        Some(kind @ ("input_image" | "input_file")) => {
            let message = format!("`{name}` is an `{kind}`; only texts can be variables here");
            Err(ValueFault::of(name, message))
        }
        _ => Ok(Value::Object(parts)),
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| name.len() + size(value)).sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

/// The value with every text in it cleaned, names of members included. Requests are not nested
/// deeper than `tb_api::json::MAX_DEPTH`.
fn cleaned_value(
    value: Value,
    clean: &mut dyn FnMut(&str) -> Result<String, String>,
) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(clean(&text)?.replace([OPEN, CLOSE], "")),
        Value::Array(items) => {
            let items = items.into_iter().map(|item| cleaned_value(item, clean));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let members = members
                .into_iter()
                .map(|(name, value)| Ok((clean(&name)?, cleaned_value(value, clean)?)));
            Value::Object(members.collect::<Result<_, String>>()?)
        }
        other => other,
    })
}

/// Text that is not trusted, between two lines that it cannot hold itself: they carry its own
/// hash, and are the same each time, so that prompt caches and the response cache work.
fn fenced(text: &str) -> String {
    let hash = sha256_hex(text.as_bytes());
    let tag = hash.get(..FENCE_DIGITS).unwrap_or(&hash);
    format!("<<untrusted {tag}\n{text}\nuntrusted {tag}>>")
}
