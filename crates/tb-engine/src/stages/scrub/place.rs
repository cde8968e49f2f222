//! What a text is for, told by the way to it: the API's own text, a word or id of the API, or
//! something of the caller's whose key says what it is.

use tb_api::json::Step;
use tb_guard::Action;

/// What the members of an object are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ground {
    /// The API gave them their names.
    Api,
    /// A JSON Schema.
    Schema,
    /// The caller did.
    Free,
}

/// What a text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'p> {
    /// Text of the API.
    Text,
    /// A setting of the API: no prose.
    Setting,
    /// A word or an id that others refer to: it may be destroyed, but not become something else.
    Exact,
    /// The same for names of functions and of properties, and for what only the provider reads:
    /// what could come back stays.
    Name,
    /// Who is behind the request: the same from request to request.
    Who,
    /// The value of a key of the caller's.
    Keyed(&'p str),
    /// The name of the model.
    Model,
}

/// What is done where a placeholder would stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hiding {
    /// It stands there.
    Placeholder,
    /// The tenant's hash does.
    Hash,
    /// Nothing is hidden, and that is reported.
    Nothing,
}

impl Hiding {
    /// What is really done where the rules ask for `action`.
    pub(super) const fn action(self, action: Action) -> Action {
        match (self, action) {
            (Self::Hash, Action::Tokenize) => Action::Hash,
            (Self::Nothing, Action::Tokenize) => Action::Report,
            _ => action,
        }
    }
}

impl<'p> Place<'p> {
    /// What is done in such a place.
    pub(super) const fn hiding(self) -> Hiding {
        match self {
            Self::Text | Self::Setting | Self::Keyed(_) => Hiding::Placeholder,
            Self::Exact | Self::Who | Self::Model => Hiding::Hash,
            Self::Name => Hiding::Nothing,
        }
    }

    /// The place at the end of a path that begins on `ground`.
    pub(super) fn of(path: &'p [Step<'_>], ground: Ground) -> Self {
        let mut ground = ground;
        let mut last: Option<(usize, &str)> = None;
        for (depth, step) in path.iter().enumerate() {
            if let Step::Key(key) = step {
                if let Some((depth, outer)) = last {
                    ground = below(outer, depth, ground);
                }
                last = Some((depth, key.as_ref()));
            }
        }
        let Some((depth, key)) = last else { return Place::Text };
        match ground {
            Ground::Api if key == "model" && depth == 0 => Place::Model,
            Ground::Api if is_of_who(key) && depth == 0 => Place::Who,
            Ground::Api => match meaning(key) {
                Meaning::Text => Place::Text,
                Meaning::Setting => Place::Setting,
                Meaning::Exact if is_kept(path, key) => Place::Name,
                Meaning::Exact => Place::Exact,
                Meaning::Schema | Meaning::Free => Place::Keyed(key),
            },
            Ground::Schema if is_of_schema(key) => Place::Name,
            Ground::Free if is_user_id(path) => Place::Who,
            Ground::Schema | Ground::Free if is_prose(key) => Place::Text,
            Ground::Schema | Ground::Free => Place::Keyed(key),
        }
    }

    /// The place of a field of a form.
    pub(super) fn of_field(name: &'p str) -> Self {
        let name = name.strip_suffix("[]").unwrap_or(name);
        match meaning(name) {
            _ if name == "model" => Place::Model,
            _ if is_of_who(name) => Place::Who,
            Meaning::Text => Place::Text,
            Meaning::Setting => Place::Setting,
            Meaning::Exact => Place::Exact,
            Meaning::Schema | Meaning::Free => Place::Keyed(name),
        }
    }
}

/// Whether the key at the end of this path is a word of the API, or one like it.
pub(super) fn is_known_key(path: &[Step<'_>], ground: Ground) -> bool {
    const OPEN: [&str; 6] =
        ["metadata", "arguments", "parameters", "input_schema", "schema", "variables"];
    match Place::of(path, ground) {
        Place::Model | Place::Exact | Place::Name | Place::Who | Place::Setting | Place::Text => {
            true
        }
        Place::Keyed(key) => OPEN.contains(&key),
    }
}

/// What lies below a key.
fn below(key: &str, depth: usize, ground: Ground) -> Ground {
    match ground {
        Ground::Free | Ground::Schema => ground,
        // Of a tool's call, while that of the whole request is messages and parts.
        Ground::Api if depth > 0 && matches!(key, "input" | "arguments") => Ground::Free,
        Ground::Api => match meaning(key) {
            Meaning::Text | Meaning::Setting | Meaning::Exact => Ground::Api,
            Meaning::Schema => Ground::Schema,
            Meaning::Free => Ground::Free,
        },
    }
}

enum Meaning {
    Text,
    Exact,
    Setting,
    Schema,
    Free,
}

/// What the API means by a key, whose value may be a text or hold some.
fn meaning(key: &str) -> Meaning {
    match key {
        "parameters" | "schema" | "input_schema" => Meaning::Schema,
        _ if is_of_text(key) => Meaning::Text,
        _ if is_of_settings(key) => Meaning::Setting,
        _ if is_of_names(key) => Meaning::Exact,
        _ => Meaning::Free,
    }
}

/// Keys of the API that hold text, or something with text in it.
#[rustfmt::skip]
fn is_of_text(key: &str) -> bool {
    matches!(
        key,
        "allowed_tools" | "annotations" | "arguments" | "audio" | "cache_control" | "citations"
        | "code" | "content" | "context" | "context_management" | "custom" | "data"
        | "definition" | "delta" | "description" | "file" | "file_data" | "file_url"
        | "filename" | "function" | "function_call" | "functions" | "grammar" | "image"
        | "image_url" | "input" | "input_audio" | "instructions" | "json_schema" | "logit_bias"
        | "mask" | "messages" | "output" | "output_config" | "outputs" | "prediction"
        | "prompt" | "prompt_cache_key" | "queries" | "query" | "reasoning"
        | "reasoning_content" | "refusal" | "response_format" | "results" | "safety_identifier"
        | "source" | "stop" | "stop_sequences" | "stream_options" | "suffix" | "summary"
        | "system" | "text" | "thinking" | "title" | "tool_calls" | "tool_choice" | "tools"
        | "url" | "user"
    )
}

/// Keys of the API that hold a setting: a number or one of a few words.
#[rustfmt::skip]
fn is_of_settings(key: &str) -> bool {
    matches!(
        key,
        "allowed_callers" | "background" | "best_of" | "budget_tokens" | "chunking_strategy"
        | "dimensions" | "disable_parallel_tool_use" | "echo" | "effort" | "encoding_format"
        | "environment" | "finish_reason" | "frequency_penalty" | "include"
        | "include_obfuscation" | "include_usage" | "index" | "input_fidelity" | "language"
        | "logprobs" | "max_completion_tokens" | "max_output_tokens" | "max_tokens"
        | "max_tool_calls" | "modalities" | "mode" | "moderation" | "n" | "output_compression"
        | "output_format" | "parallel_tool_calls" | "partial_images" | "phase"
        | "presence_penalty" | "prompt_cache_retention" | "quality" | "ranker"
        | "reasoning_effort" | "search_context_size" | "seed" | "service_tier" | "size"
        | "speed" | "stop_reason" | "store" | "stream" | "stream_format" | "strict" | "style"
        | "syntax" | "temperature" | "timestamp_granularities" | "top_k" | "top_logprobs"
        | "top_p" | "truncation" | "ttl" | "verbosity" | "version" | "voice"
        | "web_search_options"
    )
}

/// Keys of the API that hold the id, name or type of something.
#[rustfmt::skip]
fn is_of_names(key: &str) -> bool {
    matches!(
        key,
        "call_id" | "connector_id" | "container" | "container_id" | "detail"
        | "encrypted_content" | "file_id" | "format" | "id" | "item_id" | "media_type"
        | "model" | "name" | "object" | "previous_response_id" | "response_id" | "role"
        | "server_label" | "signature" | "status" | "tool_call_id" | "tool_use_id" | "type"
    )
}

/// Members of a request that say who is behind it.
fn is_of_who(key: &str) -> bool {
    matches!(key, "user" | "safety_identifier" | "prompt_cache_key")
}

/// The only member of `metadata` that has a meaning of its own.
fn is_user_id(path: &[Step<'_>]) -> bool {
    matches!(path, [Step::Key(outer), Step::Key(key)] if outer == "metadata" && key == "user_id")
}

/// Of the ids, names and types those that say nothing once they are changed: names of functions,
/// of files' schemas and the like, while the names of messages say who speaks.
fn is_kept(path: &[Step<'_>], key: &str) -> bool {
    match key {
        "name" => !matches!(path, [Step::Key(turns), Step::Index(_), _] if turns == "messages"),
        _ => matches!(key, "signature" | "encrypted_content"),
    }
}

/// The keywords of a schema whose values name types and properties.
fn is_of_schema(key: &str) -> bool {
    matches!(key, "type" | "format" | "required" | "$ref" | "$schema" | "$id" | "pattern")
}

/// Keys of the caller's that say no more than that a text follows.
fn is_prose(key: &str) -> bool {
    matches!(
        key,
        "content"
            | "text"
            | "input"
            | "prompt"
            | "instructions"
            | "arguments"
            | "output"
            | "description"
            | "query"
            | "message"
            | "body"
            | "title"
            | "comment"
            | "summary"
    )
}

/// Words of the API that stand in such places again and again: they are no text of anybody.
pub(super) fn is_word_of_api(text: &str) -> bool {
    matches!(
        text,
        "user"
            | "assistant"
            | "system"
            | "developer"
            | "tool"
            | "function"
            | "message"
            | "text"
            | "input_text"
            | "output_text"
            | "image_url"
            | "input_image"
            | "input_audio"
            | "input_file"
            | "image"
            | "file"
            | "document"
            | "tool_use"
            | "tool_result"
            | "function_call"
            | "function_call_output"
            | "thinking"
            | "reasoning"
            | "object"
            | "string"
            | "number"
            | "integer"
            | "boolean"
            | "array"
            | "null"
            | "json_object"
            | "json_schema"
            | "auto"
            | "none"
            | "required"
            | "any"
            | "float"
            | "base64"
            | "low"
            | "medium"
            | "high"
            | "ephemeral"
            | "completed"
    )
}

/// The way to a leaf as it is told to callers: `messages[0].content`. Keys of the caller's may be
/// text, so only those of the API are told.
pub(super) fn shown(path: &[Step<'_>], ground: Ground) -> String {
    let mut out = String::new();
    for (length, step) in path.iter().enumerate() {
        match step {
            Step::Index(index) => {
                // Writing to a String cannot fail.
                let _ = std::fmt::Write::write_fmt(&mut out, format_args!("[{index}]"));
            }
            Step::Key(key) => {
                let way = path.get(..=length).unwrap_or_default();
                if !out.is_empty() {
                    out.push('.');
                }
                let is_known =
                    ground == Ground::Api && !matches!(Place::of(way, ground), Place::Keyed(_));
                out.push_str(if is_known { key } else { "*" });
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn path(text: &str) -> Vec<Step<'_>> {
        let step = |part: &str| part.parse().map(Step::Index).ok();
        text.split('.').map(|part| step(part).unwrap_or(Step::Key(Cow::Borrowed(part)))).collect()
    }

    #[test]
    fn tells_text_from_words_and_from_values_of_the_callers() {
        for (way, expected) in [
            ("model", Place::Model),
            ("messages.0.content", Place::Text),
            ("messages.0.content.1.text", Place::Text),
            ("messages.0.role", Place::Exact),
            ("reasoning.effort", Place::Setting),
            ("messages.0.tool_calls.0.function.arguments", Place::Text),
            ("messages.0.tool_calls.0.function.name", Place::Name),
            ("messages.0.name", Place::Exact),
            ("messages.0.tool_call_id", Place::Exact),
            ("user", Place::Who),
            ("metadata.user_id", Place::Who),
            ("x.metadata.user_id", Place::Keyed("user_id")),
            ("messages.0.content.0.input.name", Place::Keyed("name")),
            ("messages.0.content.0.input.list.0.type", Place::Keyed("type")),
            ("input.0.content", Place::Text),
            ("input.0.name", Place::Name),
            ("metadata.password", Place::Keyed("password")),
            ("metadata.model", Place::Keyed("model")),
            ("tools.0.function.parameters.properties.ssn.description", Place::Text),
            ("tools.0.function.parameters.properties.ssn.type", Place::Name),
            ("tools.0.function.parameters.properties.ssn.default", Place::Keyed("default")),
            ("prompt.variables.name", Place::Keyed("name")),
            ("unknown", Place::Keyed("unknown")),
            ("unknown.name", Place::Keyed("name")),
            ("stop.0", Place::Text),
        ] {
            assert_eq!(Place::of(&path(way), Ground::Api), expected, "{way}");
        }
        assert_eq!(Place::of(&path("0.name"), Ground::Free), Place::Keyed("name"));
        assert_eq!(Place::of(&path("0.text"), Ground::Free), Place::Text);
    }

    #[test]
    fn paths_that_are_told_hold_no_key_of_the_callers() {
        let shown = |way| shown(&path(way), Ground::Api);
        assert_eq!(shown("messages.0.content.1.text"), "messages[0].content[1].text");
        assert_eq!(shown("metadata.jo@example"), "*.*");
    }
}
