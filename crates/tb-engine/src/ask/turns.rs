//! The last turn of a list of messages or items.

use std::borrow::Cow;

use tb_api::json::{Kind, Value};

/// What the last message is.
#[derive(Default)]
pub(super) struct Last {
    /// Its text, when it is the user's.
    pub(super) user_text: Option<String>,
    /// It gives a tool's result.
    pub(super) is_tool_result: bool,
}

/// Who speaks in a message or item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaker {
    User,
    /// The model: words, calls, reasoning.
    Model,
    Tool,
    /// Instructions, which are no turn wherever they stand.
    Nobody,
}

/// The last of `turns` that is a turn.
pub(super) fn last(turns: &Value<'_>) -> Last {
    // One step over all of them: the text only knows the way forward.
    let last = turns.elements().filter(|turn| speaker(turn) != Speaker::Nobody).last();
    let Some(turn) = last else { return Last::default() };
    match speaker(&turn) {
        Speaker::Tool => Last { user_text: None, is_tool_result: true },
        Speaker::User if parts(&turn).any(|part| type_of(&part).as_deref() == Some(RESULT)) => {
            Last { user_text: None, is_tool_result: true }
        }
        Speaker::User => Last { user_text: Some(text(&turn)), is_tool_result: false },
        Speaker::Model | Speaker::Nobody => Last::default(),
    }
}

/// A block of Anthropic's shape; a user's message carries it.
const RESULT: &str = "tool_result";

fn speaker(turn: &Value<'_>) -> Speaker {
    if turn.kind == Kind::String {
        // A list of prompts: none of them is a message.
        return Speaker::Nobody;
    }
    let role = turn.get("role").and_then(|role| role.as_str());
    match role.as_deref() {
        Some("user") => Speaker::User,
        Some("tool" | "function") => Speaker::Tool,
        Some("system" | "developer") => Speaker::Nobody,
        Some(_) => Speaker::Model,
        None => match type_of(turn) {
            // What the client gives back to the model after it called something.
            Some(kind) if kind.ends_with("_output") || kind == "mcp_approval_response" => {
                Speaker::Tool
            }
            Some(_) => Speaker::Model,
            None => Speaker::Nobody,
        },
    }
}

fn type_of<'a>(value: &Value<'a>) -> Option<Cow<'a, str>> {
    value.get("type")?.as_str()
}

/// The parts of a message, item or tool's result; none when its content is a string.
pub(super) fn parts<'a>(turn: &Value<'a>) -> impl Iterator<Item = Value<'a>> + use<'a> {
    let content = turn.get("content").or_else(|| turn.get("output"));
    // The output of a computer is one part.
    let single = content.filter(|content| content.kind == Kind::Object);
    content.into_iter().flat_map(|content| content.elements()).chain(single)
}

/// The text parts of a message, a line each.
fn text(turn: &Value<'_>) -> String {
    let content = turn.get("content");
    if let Some(text) = content.and_then(|content| content.as_str()) {
        return text.into_owned();
    }
    let mut whole = String::new();
    let is_text =
        |part: &Value<'_>| matches!(type_of(part).as_deref(), Some("text" | "input_text"));
    for part in parts(turn).filter(is_text) {
        let Some(text) = part.get("text").and_then(|text| text.as_str()) else { continue };
        if !whole.is_empty() {
            whole.push('\n');
        }
        whole.push_str(&text);
    }
    whole
}
