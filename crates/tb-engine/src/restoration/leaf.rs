//! Single strings of an answer: which are looked at, which are JSON documents themselves.

use tb_api::json::Step;
use tb_core::Surface;

use super::AnswerBlocked;
use super::rules::{Duty, Rules, Writing};
use super::window::looked_at;

/// Members that hold words of the protocol, identifiers or attachments: nothing that a model
/// writes is looked for there.
pub(super) const STRUCTURAL: [&str; 31] = [
    "audio",
    "b64_json",
    "call_id",
    "container_id",
    "created_at",
    "data",
    "delta_type",
    "encrypted_content",
    "file_id",
    "finish_reason",
    "format",
    "id",
    "item_id",
    "model",
    "obfuscation",
    "object",
    "partial_image_b64",
    "previous_response_id",
    "prompt_cache_key",
    "provider",
    "response_id",
    "role",
    "safety_identifier",
    "service_tier",
    "signature",
    "status",
    "stop_reason",
    "system_fingerprint",
    "tool_call_id",
    "tool_use_id",
    "type",
];

/// Members of a response that repeat the request.
const ECHOES: [&str; 8] = [
    "conversation",
    "instructions",
    "metadata",
    "prompt",
    "reasoning",
    "tool_choice",
    "tools",
    "user",
];

/// The last key of a path; elements of a list have the key of the list.
pub(super) fn key_of<'p>(path: &'p [Step<'_>]) -> &'p str {
    path.iter()
        .rev()
        .find_map(|step| match step {
            Step::Key(key) => Some(key.as_ref()),
            Step::Index(_) => None,
        })
        .unwrap_or_default()
}

/// Whether the step is this key.
fn is_key(step: Option<&Step<'_>>, key: &str) -> bool {
    matches!(step, Some(Step::Key(found)) if found == key)
}

/// What is known of a string, or of a number, by its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p> {
    /// How it is written.
    pub(super) writing: Writing,
    /// What a model wrote may stand there.
    pub(super) is_written: bool,
    /// In an object whose members the model chose: the key, which says what the value is.
    pub(super) named: Option<&'p str>,
}

impl<'p> Place<'p> {
    /// The place at this path; `part` is the type of the object that the string is a member of.
    pub(super) fn of(surface: Surface, path: &'p [Step<'_>], part: &str, wants_json: bool) -> Self {
        let named = is_free(surface, path).then(|| key_of(path));
        Self {
            writing: writing_of(path, part, wants_json),
            is_written: named.is_some() || is_written_by_model(surface, path),
            named,
        }
    }
}

/// Whether it lies in the arguments of a tool, where these are an object and no text.
fn is_free(surface: Surface, path: &[Step<'_>]) -> bool {
    let before = path.len().saturating_sub(1);
    surface == Surface::Messages && path.iter().take(before).any(|step| is_key(Some(step), "input"))
}

/// Whether what a model wrote may stand there. A response repeats what was sent.
fn is_written_by_model(surface: Surface, path: &[Step<'_>]) -> bool {
    if STRUCTURAL.contains(&key_of(path)) {
        return false;
    }
    match surface {
        Surface::Responses | Surface::ResponsesGet | Surface::ResponsesCancel => {
            let is_inside = is_key(path.first(), "response");
            !is_echo(path.get(usize::from(is_inside)..).unwrap_or_default())
        }
        Surface::Embeddings | Surface::Models | Surface::ResponsesDelete => false,
        _ => true,
    }
}

/// Whether a member of a response repeats what was asked.
fn is_echo(path: &[Step<'_>]) -> bool {
    match path {
        // The form of the text that is asked for; in an event it is the text itself.
        [Step::Key(key), _, ..] if key == "text" => true,
        [Step::Key(key), ..] => ECHOES.contains(&key.as_ref()),
        _ => false,
    }
}

fn writing_of(path: &[Step<'_>], part: &str, wants_json: bool) -> Writing {
    let is_json = match key_of(path) {
        "arguments" | "partial_json" => true,
        "content" | "text" | "output_text" => {
            let is_thought = part.starts_with("reasoning") || part.starts_with("summary");
            wants_json && !is_thought && !path.iter().any(|step| is_key(Some(step), "summary"))
        }
        _ => false,
    };
    if is_json { Writing::Json } else { Writing::Text }
}

/// A whole string, looked at where a model may have written it, and restored; nothing where it
/// stays as it is.
pub(super) fn treated(
    text: &str,
    place: Place<'_>,
    rules: &mut Rules,
) -> Result<Option<String>, AnswerBlocked> {
    if rules.duty() == Duty::Off || !place.is_written {
        let restored = rules.restore(text, place.writing);
        return Ok((restored != text).then(|| restored.into_owned()));
    }
    let clean = looked_at(text, place, rules)?;
    let restored = rules.restore(&clean, place.writing);
    Ok((restored != text).then(|| restored.into_owned()))
}
