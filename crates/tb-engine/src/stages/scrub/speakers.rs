//! Who wrote a text: the caller's own instructions are trusted, what users, tools and documents
//! say is not.

use memchr::memmem;
use tb_api::json::{Document, Kind, Step, Value};
use tb_core::Surface;

/// Of each message or item, whether it comes from outside.
#[derive(Debug, Default)]
pub(super) struct Speakers(Vec<bool>);

/// The member with the conversation.
pub(super) const fn turns_key(surface: Surface) -> Option<&'static str> {
    match surface {
        Surface::ChatCompletions | Surface::Messages | Surface::CountTokens => Some("messages"),
        Surface::Responses => Some("input"),
        Surface::Completions => Some("prompt"),
        _ => None,
    }
}

impl Speakers {
    pub(super) fn of(surface: Surface, document: &Document) -> Self {
        let turns = turns_key(surface).and_then(|key| document.get(key));
        let turns = turns.filter(|turns| turns.kind == Kind::Array);
        Self(
            turns
                .map(|turns| turns.elements().map(|turn| is_outside(&turn)).collect())
                .unwrap_or_default(),
        )
    }

    /// Whether the text at the end of this path, from the root of the request, comes from
    /// outside.
    pub(super) fn is_outside(&self, path: &[Step<'_>]) -> bool {
        match path {
            [Step::Key(key), Step::Index(index), ..] if key == "messages" || key == "input" => {
                self.0.get(*index).copied().unwrap_or(false)
            }
            // Texts without roles, and variables of a stored prompt.
            [Step::Key(key), ..] => key == "input" || key == "prompt",
            _ => false,
        }
    }
}

fn is_outside(turn: &Value<'_>) -> bool {
    if turn.kind == Kind::String {
        return true;
    }
    match turn.get("role").and_then(|role| role.as_str()) {
        Some(role) => !matches!(role.as_ref(), "system" | "developer" | "assistant"),
        // Of items without a role those of the model are its own words; results come from tools.
        None => memmem::find(turn.raw, b"_output").is_some(),
    }
}
