//! What a request asks, read from the public shapes: what it needs of a model, its last user
//! message, the form of answer that it wants.

mod turns;

use memchr::memmem;
use tb_api::json::{Document, Kind, Value};
use tb_core::Surface;

use crate::stages::compose::Body;

/// What a request needs of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Needs {
    /// Function calling.
    pub(crate) tools: bool,
    /// Answers that follow a JSON Schema.
    pub(crate) json_schema: bool,
    /// Images in the input.
    pub(crate) vision: bool,
}

/// The form of answer asked for.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) enum Form {
    /// Any text.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that follows this schema (a JSON text).
    JsonSchema(String),
}

/// The last turn of the conversation.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct LastTurn {
    /// The text of the last message when it is the user's; `None` on routes without messages.
    pub(crate) user_text: Option<String>,
    /// The last message gives a tool's result, or the request demands a tool call.
    pub(crate) is_tool_turn: bool,
    /// The form of answer asked for.
    pub(crate) form: Form,
}

/// Leaves out the schema: it is text of a request.
impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text => "Text",
            Self::JsonObject => "JsonObject",
            Self::JsonSchema(_) => "JsonSchema",
        })
    }
}

/// Shows the size of the text only: a request's text must not reach logs.
impl std::fmt::Debug for LastTurn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LastTurn")
            .field("user_text_bytes", &self.user_text.as_ref().map(String::len))
            .field("is_tool_turn", &self.is_tool_turn)
            .field("form", &self.form)
            .finish()
    }
}

/// What the request needs of a model.
pub(crate) fn needs(surface: Surface, body: &Body) -> Needs {
    let Some((document, turns)) = conversation(surface, body) else {
        return Needs::default();
    };
    let given = |key| document.get(key).is_some_and(|list| list.elements().next().is_some());
    Needs {
        tools: given("tools") || given("functions"),
        json_schema: format(surface, document).is_some_and(|format| has_type(&format, SCHEMA)),
        vision: turns.is_some_and(|turns| image_parts(&turns).next().is_some()),
    }
}

/// How many images the conversation holds.
pub(crate) fn images(surface: Surface, body: &Body) -> u64 {
    let turns = conversation(surface, body).and_then(|(_, turns)| turns);
    turns.map_or(0, |turns| image_parts(&turns).count() as u64)
}

/// Whether the answer is to be JSON.
pub(crate) fn wants_json(surface: Surface, body: &Body) -> bool {
    let Some((document, _)) = conversation(surface, body) else { return false };
    let format = format(surface, document);
    format.is_some_and(|format| has_type(&format, "json_object") || has_type(&format, SCHEMA))
}

/// What ties requests of one conversation to one target: `prompt_cache_key` of the body.
pub(crate) fn session(surface: Surface, body: &Body) -> Option<String> {
    let (document, _) = conversation(surface, body)?;
    let key = document.get("prompt_cache_key")?.as_str()?;
    (!key.is_empty()).then(|| key.into_owned())
}

/// The last turn of the conversation.
pub(crate) fn last_turn(surface: Surface, body: &Body) -> LastTurn {
    let Some((document, turns)) = conversation(surface, body) else {
        return LastTurn::default();
    };
    let takes_string = matches!(surface, Surface::Responses | Surface::Completions);
    let last = match turns {
        Some(turns) if takes_string && turns.kind == Kind::String => {
            turns::Last { user_text: turns.as_str().map(Into::into), is_tool_result: false }
        }
        Some(turns) => turns::last(&turns),
        None => turns::Last::default(),
    };
    LastTurn {
        user_text: last.user_text,
        is_tool_turn: last.is_tool_result || demands_tool(document),
        form: form(surface, document),
    }
}

const SCHEMA: &str = "json_schema";

/// The body of a route with messages, and what holds them.
fn conversation(surface: Surface, body: &Body) -> Option<(&Document, Option<Value<'_>>)> {
    let Body::Json(document) = body else { return None };
    let key = match surface {
        Surface::ChatCompletions | Surface::Messages => "messages",
        Surface::Responses => "input",
        Surface::Completions => "prompt",
        _ => return None,
    };
    Some((document, document.get(key)))
}

/// The object that says which form the answer must have.
fn format(surface: Surface, document: &Document) -> Option<Value<'_>> {
    match surface {
        Surface::ChatCompletions => document.get("response_format"),
        Surface::Responses => document.get("text")?.get("format"),
        Surface::Messages => {
            let config = document.get("output_config").and_then(|config| config.get("format"));
            config.or_else(|| document.get("output_format"))
        }
        _ => None,
    }
}

fn form(surface: Surface, document: &Document) -> Form {
    let Some(format) = format(surface, document) else { return Form::Text };
    if has_type(&format, "json_object") {
        return Form::JsonObject;
    }
    if !has_type(&format, SCHEMA) {
        return Form::Text;
    }
    let nested = format.get(SCHEMA).and_then(|outer| outer.get("schema"));
    let schema = nested.or_else(|| format.get("schema"));
    match schema.and_then(|schema| String::from_utf8(schema.raw.to_vec()).ok()) {
        Some(text) => Form::JsonSchema(text),
        None => Form::JsonObject,
    }
}

/// Whether the model may not answer without calling a tool.
fn demands_tool(document: &Document) -> bool {
    let choice = document.get("tool_choice").or_else(|| document.get("function_call"));
    choice.is_some_and(|choice| match choice.kind {
        Kind::String => choice.as_str().is_some_and(|word| word == "required" || word == "any"),
        Kind::Object if has_type(&choice, "auto") || has_type(&choice, "none") => false,
        Kind::Object if has_type(&choice, "allowed_tools") => {
            let allowed = choice.get("allowed_tools").unwrap_or(choice);
            allowed.get("mode").and_then(|mode| mode.as_str()).is_some_and(|mode| mode != "auto")
        }
        Kind::Object => true,
        Kind::Array | Kind::Number | Kind::Bool | Kind::Null => false,
    })
}

fn has_type(value: &Value<'_>, wanted: &str) -> bool {
    value.get("type").and_then(|kind| kind.as_str()).is_some_and(|kind| kind == wanted)
}

/// The images of a conversation: parts of messages, and of tools' results in them. Most
/// conversations do not even hold the word.
fn image_parts<'a>(turns: &Value<'a>) -> impl Iterator<Item = Value<'a>> + use<'a> {
    let holds_word = memmem::find(turns.raw, b"image").is_some();
    let turns = holds_word.then_some(*turns).into_iter().flat_map(|turns| turns.elements());
    let parts = turns.flat_map(|turn| turns::parts(&turn));
    parts.flat_map(|part| turns::parts(&part).chain([part])).filter(is_image)
}

fn is_image(part: &Value<'_>) -> bool {
    let kind = part.get("type").and_then(|kind| kind.as_str());
    matches!(kind.as_deref(), Some("image_url" | "input_image" | "image" | "computer_screenshot"))
}

#[cfg(test)]
mod tests;
